package customer

import (
	"cmp"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// application is one Input on its way into the rows.
type application struct {
	s  *Service
	tx *gorm.DB
	in Input

	out     *Applied
	same    []int64 // relations about which the reading says nothing new
	began   []begun
	notices []event.Fact // further facts
}

// begun is a relation that may turn out to be new: it is in out.Relations at index.
type begun struct {
	index int
	ended bool // over already: the loss was known before the beginning
	known bool // … and recorded
}

// pair is a reading with the relation it is about; row is nil when nobody knew it.
type pair struct {
	reading
	staffID int64
	row     *model.Relation
	verdict verdict
}

// pairs makes the readings, in one order for everybody, which spares deadlocks.
func (a *application) pairs() ([]*pair, error) {
	byKey := map[relationKey]*pair{}
	for _, c := range a.in.Contacts {
		r, ok := read(c, a.in.Origins)
		if !ok {
			a.out.Failed++
			continue
		}
		byKey[r.key()] = &pair{reading: r}
	}
	a.out.Read = int64(len(a.in.Contacts))
	out := make([]*pair, 0, len(byKey))
	userIDs := map[string]bool{}
	for _, p := range byKey {
		out = append(out, p)
		userIDs[p.userID] = true
	}
	slices.SortFunc(out, func(x, y *pair) int {
		return cmp.Or(cmp.Compare(x.follow.ExternalUserID, y.follow.ExternalUserID), cmp.Compare(x.userID, y.userID))
	})
	ids, err := a.s.staffIDs(a.tx, a.in.Account.ID, userIDs)
	for _, p := range out {
		p.staffID = ids[p.userID]
	}
	return out, err
}

// staffIDs finds staff, or makes bare rows for those who are not synchronised yet.
func (s *Service) staffIDs(tx *gorm.DB, accountID int64, userIDs map[string]bool) (map[string]int64, error) {
	if len(userIDs) == 0 {
		return nil, nil
	}
	ids, err := staffIDs(tx, accountID, sortedKeys(userIDs))
	if err != nil {
		return nil, err
	}
	for _, u := range sortedKeys(userIDs) {
		if ids[u] == 0 {
			row, err := s.staff.EnsureTx(tx, accountID, u)
			if err != nil {
				return nil, err
			}
			ids[u] = row.ID
		}
	}
	return ids, nil
}

// match locks all relations of the customers concerned and gives each pair its own.
func (a *application) match(pairs []*pair) ([]*model.Relation, error) {
	names := map[string]bool{}
	for _, p := range pairs {
		names[p.follow.ExternalUserID] = true
	}
	if a.in.Whole {
		for _, id := range a.in.Customers {
			names[id] = true
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	known, err := lockRelations(a.tx, a.in.Account.ID, sortedKeys(names))
	if err != nil {
		return nil, err
	}
	byKey := map[int64]map[string]*model.Relation{}
	for _, r := range known {
		if byKey[r.StaffID] == nil {
			byKey[r.StaffID] = map[string]*model.Relation{}
		}
		byKey[r.StaffID][r.ExternalUserID] = r
	}
	for _, p := range pairs {
		p.row = byKey[p.staffID][p.follow.ExternalUserID]
	}
	return known, nil
}

// decide lets each reading change the row in memory.
func (a *application) decide(pairs []*pair) error {
	for _, p := range pairs {
		if p.row != nil {
			a.change(p)
		}
	}
	return nil
}

func (a *application) change(p *pair) {
	before := *p.row
	p.verdict = p.onto(p.row, a.in.ReadAt, a.in.Half)
	if p.verdict.stale {
		a.out.Unchanged++
		return
	}
	if a.in.RunID != 0 {
		p.row.SeenRunID = a.in.RunID
	}
	if p.verdict.same {
		a.out.Unchanged++
		a.same = append(a.same, p.row.ID)
	} else {
		a.out.Updated++
	}
	a.show(p)
	if p.verdict.began {
		a.begin(p, begun{ended: p.row.Status != StatusActive, known: before.ReadAt == nil})
	}
}

// show puts the relation among those applied.
func (a *application) show(p *pair) {
	a.out.Relations = append(a.out.Relations, AppliedRelation{
		Relation: p.row, CustomerName: p.person.Name, PlatformTagIDs: p.tagIDs, ReadAt: a.in.ReadAt,
	})
}

func (a *application) begin(p *pair, b begun) {
	b.index = len(a.out.Relations) - 1
	a.began = append(a.began, b)
}

// insert adds the relations that nobody knew. Somebody else may have added one since we looked; what
// that one says is then treated as known.
func (a *application) insert(pairs []*pair) error {
	var fresh []*pair
	var rows []*model.Relation
	for _, p := range pairs {
		if p.row == nil {
			p.row = p.newRelation(a.in.ReadAt)
			p.row.AccountID, p.row.StaffID, p.row.CustomerID, p.row.SeenRunID = a.in.Account.ID, p.staffID, p.follow.CustomerID, a.in.RunID
			fresh, rows = append(fresh, p), append(rows, p.row)
		}
	}
	isNew, err := model.InsertNew(a.tx, rows)
	if err != nil {
		return err
	}
	for i, p := range fresh {
		if isNew[i] {
			a.out.Created++
			p.verdict = verdict{same: true} // nothing more to write
			a.show(p)
			a.begin(p, begun{})
			continue
		}
		if p.row, err = lockRelation(a.tx, p.staffID, p.follow.ExternalUserID); err != nil {
			return err
		}
		a.change(p)
	}
	return nil
}

// update writes the rows that changed, and notes of the others that they were seen.
func (a *application) update(pairs []*pair) error {
	for _, p := range pairs {
		if p.verdict.stale || p.verdict.same {
			continue
		}
		if err := updateRelation(a.tx, p.row); err != nil {
			return err
		}
	}
	return touchRelations(a.tx, a.same, a.in.ReadAt, a.in.RunID)
}

// endMissing ends the relations that a whole reading does not show.
func (a *application) endMissing(pairs []*pair, known []*model.Relation) error {
	if !a.in.Whole {
		return nil
	}
	shown := map[int64]bool{}
	for _, p := range pairs {
		shown[p.row.ID] = true
	}
	var missing []*model.Relation
	for _, r := range known {
		if !shown[r.ID] && r.Status == StatusActive && (r.ReadAt == nil || !r.ReadAt.After(a.in.ReadAt)) {
			missing = append(missing, r)
		}
	}
	facts, err := end(a.tx, missing, a.in.ReadAt, a.in.ReadAt, a.in.Source)
	a.notices = append(a.notices, facts...)
	a.out.Vanished += int64(len(missing))
	a.out.Lost = append(a.out.Lost, missing...)
	return err
}

// record records what began, and learns from it what is new.
func (a *application) record() error {
	facts := make([]event.Fact, 0, len(a.began)+len(a.notices))
	for _, b := range a.began {
		r := a.out.Relations[b.index].Relation
		facts = append(facts, event.CustomerAdded{
			RelationFact: factOf(r, r.AddedAt, a.in.Source), AddWay: r.AddWay, State: r.State, ChannelCodeID: r.ChannelCodeID,
		})
	}
	isNew, err := a.s.events.RecordEach(a.tx, facts...)
	if err != nil {
		return err
	}
	for i, b := range a.began {
		if !isNew[i] {
			continue
		}
		r := &a.out.Relations[b.index]
		r.New = true
		if !b.ended {
			continue
		}
		a.out.Lost = append(a.out.Lost, r.Relation)
		if !b.known {
			a.notices = append(a.notices, event.CustomerLeft{RelationFact: factOf(r.Relation, *r.LostAt, a.in.Source)})
		}
	}
	_, err = a.s.events.Record(a.tx, a.notices...)
	return err
}

// factOf is what all facts about a relation say.
func factOf(r *model.Relation, at time.Time, source string) event.RelationFact {
	return event.RelationFact{
		AccountID: r.AccountID, CustomerID: r.CustomerID, StaffID: r.StaffID, RelationID: r.ID,
		Source: source, At: at, Since: r.AddedAt,
	}
}

func sortedKeys(m map[string]bool) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
