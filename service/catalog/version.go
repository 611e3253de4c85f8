package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// MaxBatch is the most entries of one call.
const MaxBatch = 100

// What became of an entry.
const (
	Created   = "created"
	Updated   = "updated"
	Unchanged = "unchanged" // this version was told before, just so
	Stale     = "stale"     // a newer version is known; nothing was changed
	Refused   = "refused"   // see Fault
)

// Outcome says what became of one entry of a batch.
type Outcome struct {
	Number string
	Result string
	Fault  *fault.Fault // why it was refused
	// Warning comes with an entry that was taken all the same.
	Warning *fault.Fault
}

// entry is one thing that was told, as far as versions care.
type entry struct {
	number      string
	version     int64
	fingerprint []byte
	phones      []string     // of a buyer known by a phone number: the forms of it, which the fingerprint leaves out
	older       [][]byte     // fingerprints from when it did not
	wrong       *fault.Fault // it can't be taken, whatever the version
}

// standing is what is stored of a thing. Version 0: nobody has described it yet.
type standing struct {
	version     int64
	fingerprint []byte
	buyer       string // as stored
}

// judge decides what becomes of an entry.
func (now standing) judge(e entry) (result string, wrong *fault.Fault) {
	switch {
	case e.wrong != nil:
		return Refused, e.wrong
	case e.version < now.version:
		return Stale, nil
	case e.version == now.version && e.is(now):
		return Unchanged, nil
	case e.version == now.version:
		return Refused, ErrVersionReused
	case now.version == 0:
		return Created, nil
	}
	return Updated, nil
}

func (e entry) is(now standing) bool {
	if slices.ContainsFunc(e.older, func(o []byte) bool { return bytes.Equal(o, now.fingerprint) }) {
		return true
	}
	return bytes.Equal(e.fingerprint, now.fingerprint) && (len(e.phones) == 0 || slices.Contains(e.phones, now.buyer))
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// judgeAll judges entries one after another, as if each had come in a call of its own, and gives for
// each number the entry that prevails over what is stored.
func judgeAll(entries []entry, stored map[string]standing) (outcomes []Outcome, prevails map[string]int) {
	outcomes, prevails = make([]Outcome, len(entries)), map[string]int{}
	now := map[string]standing{}
	for number, s := range stored {
		now[number] = s
	}
	for i, e := range entries {
		result, wrong := now[e.number].judge(e)
		outcomes[i] = Outcome{Number: e.number, Result: result, Fault: wrong}
		if result == Created || result == Updated {
			now[e.number], prevails[e.number] = standing{version: e.version, fingerprint: e.fingerprint, buyer: first(e.phones)}, i
		}
	}
	return outcomes, prevails
}

// newest gives for each number the entry that would prevail if nothing were stored.
func newest(entries []entry) map[string]int {
	_, prevails := judgeAll(entries, nil)
	return prevails
}

// fingerprintOf is the hash of a content in its one JSON form. It must hold nothing that could be guessed from it.
func fingerprintOf(content any) []byte {
	b, err := json.Marshal(content)
	if err != nil {
		panic(err) // inputs are plain structs
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

// numbersOf lists the numbers of the entries that can be taken, each once, in the order in which rows are locked.
func numbersOf(entries []entry) []string {
	var list []string
	for _, e := range entries {
		if e.wrong == nil {
			list = append(list, e.number)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// claim makes sure that there is a row for each number and holds them all until the transaction ends.
// Those that it had to make, by fresh, are new.
func claim[Row any](tx *gorm.DB, numbers []string, numberOf func(*Row) string, fresh func(number string) *Row) (held map[string]*Row, isNew map[string]bool, err error) {
	held, isNew = map[string]*Row{}, map[string]bool{}
	if err := hold(tx, numbers, numberOf, held); err != nil {
		return nil, nil, err
	}
	var rows []*Row
	for _, n := range numbers {
		if held[n] == nil {
			rows = append(rows, fresh(n))
		}
	}
	inserted, err := model.InsertNew(tx, rows)
	if err != nil {
		return nil, nil, err
	}
	var others []string // have made theirs meanwhile
	for i, r := range rows {
		if n := numberOf(r); inserted[i] {
			held[n], isNew[n] = r, true
		} else {
			others = append(others, n)
		}
	}
	return held, isNew, hold(tx, others, numberOf, held)
}
