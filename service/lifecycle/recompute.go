package lifecycle

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// What made a computation.
const (
	causeNight  = "night"
	causeEvent  = "event"
	causePerson = "person"
)

// Recompute computes where these customers stand, from the rows of this moment. Those who stand for another one, minors
// and those who don't exist stand nowhere afterwards. It bears repeating, at any time and side by side with itself.
func (s *Service) Recompute(ctx context.Context, customerIDs ...int64) error {
	for part := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(customerIDs))), s.chunk) {
		if err := model.InTx(ctx, s.db, func(tx *gorm.DB) error { return s.recomputeTx(tx, part, causePerson) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) recomputeTx(tx *gorm.DB, ids []int64, cause string) error {
	profiles, err := profilesOf(tx, ids)
	if err != nil {
		return err
	}
	f, err := s.frame(tx)
	if err != nil {
		return err
	}
	_, err = s.applyTx(tx, f, ids, profiles, cause)
	return err
}

// applyTx computes and writes where customers stand. ids are whom it was asked for, profiles those of them who exist.
//
// Their rows are locked before anything else is read of them: who gets the lock later has seen at least as much, so the
// last one to write is never the one who knew less.
func (s *Service) applyTx(tx *gorm.DB, f *frame, ids []int64, profiles []profile, cause string) (changed int, err error) {
	kept, err := s.dropTx(tx, ids, profiles)
	if err != nil || len(kept) == 0 {
		return 0, err
	}
	before, err := s.lockTx(tx, f, kept)
	if err != nil {
		return 0, err
	}
	// Who was merged or found to be a minor just now has been told of by then, or will be behind this lock.
	if profiles, err = profilesOf(tx, idsOf(kept)); err != nil {
		return 0, err
	}
	if kept, err = s.dropTx(tx, idsOf(kept), profiles); err != nil {
		return 0, err
	}
	people, err := f.load(tx, kept, before)
	if err != nil {
		return 0, err
	}
	var rows []*model.CustomerLifecycle
	var changes []*model.StageChange
	var facts []event.Fact
	for _, p := range people {
		st := f.assess(p)
		if st.row == *p.before { // most customers, most nights
			continue
		}
		from := p.before.Stage
		st.row.ComputedAt = f.now
		rows = append(rows, &st.row)
		if !st.changed {
			continue
		}
		changes = append(changes, &model.StageChange{
			CustomerID: p.id, Number: st.row.StageChanges, FromStage: from, ToStage: st.row.Stage, Day: calendar(f.today), Cause: cause, ChangedAt: st.row.StageSince,
		})
		if from != "" { // who is placed for the first time has not changed
			facts = append(facts, event.StageChanged{
				CustomerID: p.id, Number: st.row.StageChanges, From: from, To: st.row.Stage, Cause: cause, At: st.row.StageSince,
			})
		}
	}
	if err := writeStandings(tx, rows); err != nil {
		return 0, err
	}
	if err := insertChanges(tx, changes); err != nil {
		return 0, err
	}
	_, err = s.events.Record(tx, facts...)
	return len(changes), err
}

// dropTx takes away the standing of those who must have none, and gives the others. Of a minor the history goes too; of
// one who stands for another it stays, for the day on which that is undone.
func (s *Service) dropTx(tx *gorm.DB, ids []int64, profiles []profile) (kept []profile, err error) {
	there := map[int64]bool{}
	var gone, forgotten []int64
	for _, c := range profiles {
		there[c.ID] = true
		switch {
		case c.Minor:
			forgotten = append(forgotten, c.ID)
			fallthrough
		case c.leftOut():
			gone = append(gone, c.ID)
		default:
			kept = append(kept, c)
		}
	}
	for _, id := range ids {
		if !there[id] {
			gone, forgotten = append(gone, id), append(forgotten, id)
		}
	}
	if err := deleteStandings(tx, gone); err != nil {
		return nil, err
	}
	return kept, deleteChanges(tx, forgotten)
}

// lockTx locks the rows of customers, and makes those that are missing. Who had a standing once goes on from there.
func (s *Service) lockTx(tx *gorm.DB, f *frame, kept []profile) (map[int64]*model.CustomerLifecycle, error) {
	ids := idsOf(kept)
	rows, err := standingsOf(model.ForUpdate(tx), ids)
	if err != nil {
		return nil, err
	}
	if len(rows) < len(ids) {
		if err := s.plantTx(tx, f, ids, rows); err != nil {
			return nil, err
		}
		if rows, err = standingsOf(model.ForUpdate(tx), ids); err != nil {
			return nil, err
		}
	}
	out := make(map[int64]*model.CustomerLifecycle, len(rows))
	for _, r := range rows {
		out[r.CustomerID] = r
	}
	return out, nil
}

func (s *Service) plantTx(tx *gorm.DB, f *frame, ids []int64, rows []*model.CustomerLifecycle) error {
	there := make(map[int64]bool, len(rows))
	for _, r := range rows {
		there[r.CustomerID] = true
	}
	var missing []int64
	for _, id := range ids {
		if !there[id] {
			missing = append(missing, id)
		}
	}
	last, err := lastChanges(tx, missing)
	if err != nil {
		return err
	}
	planted := make([]*model.CustomerLifecycle, len(missing))
	for i, id := range missing {
		row := &model.CustomerLifecycle{CustomerID: id, StageSince: f.now, ComputedAt: f.now, AliveBP: -1, ExpectedFen: -1}
		if c, ok := last[id]; ok {
			row.Stage, row.StageSince, row.StageChanges = c.ToStage, c.ChangedAt, c.Number
		}
		planted[i] = row
	}
	return plantStandings(tx, planted)
}

func idsOf(profiles []profile) []int64 {
	ids := make([]int64, len(profiles))
	for i, c := range profiles {
		ids[i] = c.ID
	}
	return ids
}
