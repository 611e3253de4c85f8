package event

import (
	"cmp"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

const (
	commitRequests = 40  // in one transaction, of up to 100 events each
	commitsAtOnce  = 2   // so that one is prepared while the disk is busy with the other
	maxAside       = 500 // events of one customer that wait for the registry
)

// commit writes what concurrent calls bring, in one transaction, and gives each its outcomes. It may
// be run again, alone or with other calls.
func (l *Log) commit(tx *gorm.DB, calls []*request) ([][]Outcome, error) {
	if err := l.standIns(tx, calls); err != nil {
		return nil, err
	}
	var rows []*model.Event
	var aside []*model.EventAside
	for _, r := range calls {
		rows, aside = append(rows, r.rows...), append(aside, r.aside...)
	}
	// In one order everywhere, so that two replicas with the same events don't lock each other, and
	// indexes are met in their order. Events of one customer keep theirs.
	slices.SortStableFunc(rows, func(a, b *model.Event) int { return cmp.Compare(a.CustomerID, b.CustomerID) })
	if len(rows) > 0 {
		if _, err := l.write(tx, rows, l.recent.mayHold); err != nil {
			return nil, err
		}
	}
	kept, err := keepAside(tx, aside)
	if err != nil {
		return nil, err
	}
	out := make([][]Outcome, len(calls))
	for i, r := range calls {
		out[i] = r.answer(kept)
	}
	return out, nil
}

// answer is what a call is told.
func (r *request) answer(kept map[*model.EventAside]Outcome) []Outcome {
	out := slices.Clone(r.outcomes)
	for i, row := range r.rows {
		if row.ID == 0 {
			out[r.rowAt[i]].Result, out[r.rowAt[i]].Ignored = Duplicate, nil
		}
	}
	for i, a := range r.aside {
		if k, found := kept[a]; found {
			out[r.asideAt[i]].Result, out[r.asideAt[i]].Reason = k.Result, k.Reason
		}
	}
	return out
}

// standIns has what a merged customer did belong to the one who remains. Their keys stay those of
// the customer whom the client knows, so that a repeat is known after a merge too.
func (l *Log) standIns(tx *gorm.DB, calls []*request) error {
	ids := make([]int64, len(calls))
	for i, r := range calls {
		ids[i] = r.customerID
	}
	merged, err := mergedInto(tx, ids)
	if err != nil {
		return err
	}
	for _, r := range calls {
		id := cmp.Or(merged[r.customerID], r.customerID)
		for _, row := range r.rows {
			row.CustomerID = id
		}
		for _, a := range r.aside {
			a.CustomerID = id
		}
	}
	return nil
}

// keepAside keeps what the registry does not understand, and tells of those that are not kept why.
func keepAside(tx *gorm.DB, aside []*model.EventAside) (map[*model.EventAside]Outcome, error) {
	if len(aside) == 0 {
		return nil, nil
	}
	told := map[*model.EventAside]Outcome{}
	taken, err := takenAside(tx, aside)
	if err != nil {
		return nil, err
	}
	waiting, err := countAside(tx, aside)
	if err != nil {
		return nil, err
	}
	var fresh []*model.EventAside
	for _, a := range aside {
		a.ID = 0
		switch {
		case taken[[keySize]byte(a.DedupeKey)]:
			told[a] = Outcome{Result: Duplicate}
		case waiting[a.CustomerID] >= maxAside:
			told[a] = Outcome{Result: Rejected, Reason: ReasonAsideFull}
		default:
			taken[[keySize]byte(a.DedupeKey)] = true
			waiting[a.CustomerID]++
			fresh = append(fresh, a)
		}
	}
	isNew, err := model.InsertNew(tx, fresh)
	if err != nil {
		return nil, err
	}
	for i, a := range fresh {
		if !isNew[i] {
			told[a] = Outcome{Result: Duplicate}
		}
	}
	return told, nil
}
