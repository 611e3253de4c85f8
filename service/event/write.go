package event

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// keySize is the length of a dedupe key: of a hash, so that the index stays small.
const keySize = 16

// factKey is the dedupe key of a fact.
func factKey(key string) []byte {
	sum := sha256.Sum256([]byte("fact\x00" + key))
	return sum[:keySize]
}

// trackedKey is the dedupe key of what a client named id. Customers can't take each other's.
func trackedKey(customerID int64, id string) []byte {
	b := make([]byte, 0, 16+len(id))
	b = append(b, "client\x00"...)
	b = binary.BigEndian.AppendUint64(b, uint64(customerID))
	sum := sha256.Sum256(append(b, id...))
	return sum[:keySize]
}

// maxItem is the length of an item in characters.
const maxItem = 64

// itemOf is the item that a property's JSON says, cut to what a row holds. Spaces at the end go: MySQL
// takes two keys that differ in nothing else for one.
func itemOf(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	text := string(raw)
	if raw[0] == '"' {
		if json.Unmarshal(raw, &text) != nil {
			return ""
		}
	}
	if utf8.RuneCountInString(text) > maxItem {
		text = string([]rune(text)[:maxItem])
	}
	return strings.TrimSpace(text)
}

// valueOf is the whole number that a property's JSON says; 0 when it says none.
func valueOf(raw json.RawMessage) (n int64) {
	if len(raw) == 0 || json.Unmarshal(raw, &n) != nil {
		return 0
	}
	return n
}

// write is the one way into the log: it adds the rows whose keys are free, counts them, leaves them for
// the feeds and tells subscribers, all in tx. It says of each row whether it was new; those have
// their ID set. Of the rows that suspect says may be repeats it asks first.
func (l *Log) write(tx *gorm.DB, rows []*model.Event, suspect func(*model.Event) bool) (isNew []bool, err error) {
	added, err := insertNew(tx, &l.events, rows, suspect)
	if err != nil || len(added) == 0 {
		return make([]bool, len(rows)), err
	}
	if err := l.count(tx, added); err != nil {
		return nil, err
	}
	if err := l.feed(tx, added); err != nil {
		return nil, err
	}
	var told []work.Item
	for _, row := range added {
		told = append(told, l.tell(row)...)
	}
	if err := l.queue.Enqueue(tx, told...); err != nil {
		return nil, err
	}
	model.AfterCommit(tx, func() { l.recent.add(added) })
	isNew = make([]bool, len(rows))
	for i, row := range rows {
		isNew[i] = row.ID != 0
	}
	return isNew, nil
}

// anyMayRepeat is for facts: the platform tells most things twice. Of one alone the insert itself tells; and moves of
// coupons are told with the ledger's entry, of which there is one.
func anyMayRepeat(rows []*model.Event) func(*model.Event) bool {
	return func(e *model.Event) bool { return len(rows) > 1 && e.Source != SourceCoupon }
}

// insertTries bounds how often others may be quicker with some of the keys.
const insertTries = 5

// insertNew inserts the rows whose keys are free and gives those, in the order of their ids.
func insertNew(tx *gorm.DB, by *inserts, rows []*model.Event, suspect func(*model.Event) bool) (added []*model.Event, err error) {
	for chunk := range portions(distinct(rows)) {
		fresh, err := insertChunk(tx, by, chunk, suspect)
		if err != nil {
			return nil, err
		}
		added = append(added, fresh...)
	}
	return added, nil
}

// insertChunk inserts by one statement. When a key is taken after all, the database undoes that statement
// and nothing but it; then all keys are asked for, and the rest is tried again.
func insertChunk(tx *gorm.DB, by *inserts, rows []*model.Event, suspect func(*model.Event) bool) (fresh []*model.Event, err error) {
	fresh = rows
	for range insertTries {
		if fresh, err = unknown(tx, fresh, suspect); err != nil || len(fresh) == 0 {
			return nil, err
		}
		if err = insertEvents(tx, by, fresh); err == nil || !model.IsDuplicate(err) {
			return fresh, err
		}
		suspect = func(*model.Event) bool { return true }
	}
	return nil, err
}

// distinct leaves out repeats.
func distinct(rows []*model.Event) []*model.Event {
	out := make([]*model.Event, 0, len(rows))
	seen := make(map[[keySize]byte]bool, len(rows))
	for _, r := range rows {
		r.ID = 0 // a transaction that is run again begins anew
		if k := [keySize]byte(r.DedupeKey); !seen[k] {
			seen[k] = true
			out = append(out, r)
		}
	}
	return out
}

// unknown leaves out the suspected rows whose keys are taken.
func unknown(tx *gorm.DB, rows []*model.Event, suspect func(*model.Event) bool) ([]*model.Event, error) {
	var keys [][]byte
	for _, r := range rows {
		if suspect(r) {
			keys = append(keys, r.DedupeKey)
		}
	}
	if len(keys) == 0 {
		return rows, nil
	}
	found, err := keysIn(tx, "event", keys)
	if err != nil || len(found) == 0 {
		return rows, err
	}
	taken := make(map[[keySize]byte]bool, len(found))
	for _, k := range found {
		taken[[keySize]byte(k)] = true
	}
	return slices.DeleteFunc(rows, func(r *model.Event) bool { return taken[[keySize]byte(r.DedupeKey)] }), nil
}
