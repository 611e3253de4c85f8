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
// their ID set.
func (l *Log) write(tx *gorm.DB, rows []*model.Event) (isNew []bool, err error) {
	added, err := insertNew(tx, rows)
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
	isNew = make([]bool, len(rows))
	for i, row := range rows {
		isNew[i] = row.ID != 0
	}
	return isNew, nil
}

// insertTries bounds how often others may be quicker with some of the keys.
const insertTries = 5

// insertNew inserts the rows whose keys are free and gives those, in the order of their ids. It leaves
// out what is known to be there before it tries the rest at once: repeats are common, and an id that
// an ignored row takes is lost.
func insertNew(tx *gorm.DB, rows []*model.Event) (added []*model.Event, err error) {
	for chunk := range slices.Chunk(distinct(rows), statementRows) {
		fresh, err := insertChunk(tx, chunk, len(rows) > 1) // of one alone the insert itself tells
		if err != nil {
			return nil, err
		}
		added = append(added, fresh...)
	}
	return added, nil
}

func insertChunk(tx *gorm.DB, rows []*model.Event, look bool) (fresh []*model.Event, err error) {
	fresh = rows
	for range insertTries {
		if look {
			if fresh, err = unknown(tx, fresh); err != nil || len(fresh) == 0 {
				return nil, err
			}
		}
		if err = insertEvents(tx, fresh); err == nil || !model.IsDuplicate(err) {
			return fresh, err
		}
		look = true // somebody was quicker; the database has undone the whole statement, and nothing but it
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

// unknown leaves out the rows whose keys are taken.
func unknown(tx *gorm.DB, rows []*model.Event) ([]*model.Event, error) {
	keys := make([][]byte, len(rows))
	for i, r := range rows {
		keys[i] = r.DedupeKey
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
