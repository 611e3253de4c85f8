package customer

import (
	"cmp"
	"fmt"
	"time"

	"zhiyin/model"
	"zhiyin/service/event"
)

// newcomer is a person nobody knew, under all names by which this input knows them.
type newcomer struct {
	row   *model.Customer
	names []string // external user ids
}

// people finds the customer of each new relation, makes those whom nobody knew, and brings what is
// known of the persons up to date. A person is recognised by the external user id, else by the
// unionid, under which another account may know the same person. When both are known and belong to
// different customers only the finding is recorded here; whoever hears of it merges them or asks people.
func (a *application) people(pairs []*pair) error {
	var changed []*pair
	for _, p := range pairs {
		if p.row == nil || !p.verdict.stale && !p.verdict.same {
			changed = append(changed, p)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	byName, byUnion, err := a.recognise(changed)
	if err != nil {
		return err
	}
	fresh, err := a.welcome(changed, byName, byUnion)
	if err != nil {
		return err
	}
	for _, p := range changed {
		p.follow.CustomerID = byName[p.follow.ExternalUserID]
	}
	if err := a.rememberUnions(changed, byUnion); err != nil {
		return err
	}
	return a.refresh(changed, fresh)
}

// recognise looks up who is known, by external user id and by unionid.
func (a *application) recognise(changed []*pair) (byName, byUnion map[string]int64, err error) {
	byName = map[string]int64{}
	names, unions := map[string]bool{}, map[string]bool{}
	for _, p := range changed {
		if p.row != nil {
			byName[p.follow.ExternalUserID] = p.row.CustomerID
		}
		if p.unionID != "" {
			unions[p.unionID] = true
		}
	}
	for _, p := range changed {
		if byName[p.follow.ExternalUserID] == 0 {
			names[p.follow.ExternalUserID] = true
		}
	}
	known, err := identities(a.tx, KindExternalUserID, a.in.Account.PlatformID, sortedKeys(names))
	if err != nil {
		return nil, nil, err
	}
	for name, id := range known {
		byName[name] = id
	}
	byUnion, err = identities(a.tx, KindUnionID, "", sortedKeys(unions))
	return byName, byUnion, err
}

// welcome makes a customer of everybody whom nobody knew, and adds to byName whom each external user
// id means. It returns the customers it made.
func (a *application) welcome(changed []*pair, byName, byUnion map[string]int64) (map[int64]bool, error) {
	newcomers, attached := a.newcomers(changed, byName, byUnion)
	fresh := map[int64]bool{}
	rows := make([]*model.Customer, len(newcomers))
	for i, n := range newcomers {
		rows[i] = n.row
	}
	if len(rows) > 0 {
		if err := a.tx.Create(rows).Error; err != nil {
			return nil, fmt.Errorf("create customers: %w", err)
		}
	}
	var names []*model.Identity
	for _, n := range newcomers {
		fresh[n.row.ID] = true
		for _, name := range n.names {
			names = append(names, a.identity(KindExternalUserID, a.in.Account.PlatformID, name, n.row.ID))
		}
	}
	for name, id := range attached {
		names = append(names, a.identity(KindExternalUserID, a.in.Account.PlatformID, name, id))
	}
	if err := a.claim(names, byName); err != nil {
		return nil, err
	}
	return fresh, a.dismiss(fresh, byName)
}

// newcomers groups those whom nobody knows into persons; attached are external user ids of persons
// whom another account knows.
func (a *application) newcomers(changed []*pair, byName, byUnion map[string]int64) (list []*newcomer, attached map[string]int64) {
	attached = map[string]int64{}
	met := map[string]*newcomer{} // by external user id, and by unionid behind a "u:"
	for _, p := range changed {
		name := p.follow.ExternalUserID
		if byName[name] != 0 || attached[name] != 0 {
			continue
		}
		if id := byUnion[p.unionID]; id != 0 {
			attached[name] = id
			continue
		}
		n := met[name]
		if n == nil && p.unionID != "" {
			n = met["u:"+p.unionID]
		}
		if n == nil {
			n = &newcomer{row: a.person(p)}
			list = append(list, n)
		}
		if met[name] == nil {
			n.names = append(n.names, name)
		}
		met[name] = n
		if p.unionID != "" {
			met["u:"+p.unionID] = n
		}
	}
	return list, attached
}

func (a *application) person(p *pair) *model.Customer {
	row := p.person
	row.FirstSource, row.FirstSeenAt = p.cameFrom(), p.began(a.in.ReadAt)
	return &row
}

// cameFrom is where a person met by this reading came from.
func (r reading) cameFrom() string {
	return cut(cmp.Or(r.origin.SourceName, AddWayName(r.follow.AddWay)), 128)
}

// began is when the relation began, or failing that when it was read.
func (r reading) began(readAt time.Time) time.Time {
	if r.follow.AddedAt.IsZero() {
		return second(readAt)
	}
	return r.follow.AddedAt
}

func (a *application) identity(kind, scope, value string, customerID int64) *model.Identity {
	return &model.Identity{
		CustomerID: customerID, Kind: kind, Scope: scope, Value: value, Source: a.in.Source, Confidence: 10_000, CreatedAt: a.s.now(),
	}
}

// claim writes external user ids. One that somebody else wrote since we looked stays theirs; byName
// then holds their customer.
func (a *application) claim(names []*model.Identity, byName map[string]int64) error {
	isNew, err := model.InsertNew(a.tx, names)
	if err != nil {
		return fmt.Errorf("create identities: %w", err)
	}
	var taken []string
	for i, n := range names {
		byName[n.Value] = n.CustomerID
		if !isNew[i] {
			taken = append(taken, n.Value)
		}
	}
	theirs, err := identities(a.tx, KindExternalUserID, a.in.Account.PlatformID, taken)
	for name, id := range theirs {
		byName[name] = id
	}
	return err
}

// dismiss deletes customers made here of whom every name turned out to be somebody else's.
func (a *application) dismiss(fresh map[int64]bool, byName map[string]int64) error {
	named := map[int64]bool{}
	for _, id := range byName {
		named[id] = true
	}
	var nobody []int64
	for id := range fresh {
		if !named[id] {
			nobody = append(nobody, id)
			delete(fresh, id)
		}
	}
	return deleteCustomers(a.tx, nobody)
}

// rememberUnions writes the unionids that were not known, and notes where one leads to another
// customer than the external user id does.
func (a *application) rememberUnions(changed []*pair, byUnion map[string]int64) error {
	var rows []*model.Identity
	for _, p := range changed {
		if p.unionID == "" {
			continue
		}
		if id := byUnion[p.unionID]; id == 0 {
			rows = append(rows, a.identity(KindUnionID, "", p.unionID, p.follow.CustomerID))
			byUnion[p.unionID] = p.follow.CustomerID
		} else if id != p.follow.CustomerID {
			a.twins(p.follow.CustomerID, id)
		}
	}
	isNew, err := model.InsertNew(a.tx, rows)
	if err != nil {
		return fmt.Errorf("create identities: %w", err)
	}
	for i, r := range rows {
		if isNew[i] {
			continue
		}
		theirs, err := identities(a.tx, KindUnionID, "", []string{r.Value})
		if err != nil {
			return err
		}
		if id := theirs[r.Value]; id != r.CustomerID {
			a.twins(r.CustomerID, id)
		}
	}
	return nil
}

func (a *application) twins(one, other int64) {
	a.notices = append(a.notices, event.SamePersonFound{
		AccountID: a.in.Account.ID, CustomerID: one, OtherID: other, Source: a.in.Source, At: a.in.ReadAt,
	})
}

// refresh brings the persons known before up to date.
func (a *application) refresh(changed []*pair, fresh map[int64]bool) error {
	latest := map[int64]*pair{}
	var ids []int64
	for _, p := range changed {
		id := p.follow.CustomerID
		if fresh[id] {
			continue
		}
		if latest[id] == nil {
			ids = append(ids, id)
		}
		if l := latest[id]; l == nil || p.began(a.in.ReadAt).Before(l.began(a.in.ReadAt)) {
			latest[id] = p // all say the same of the person; the earliest says where they came from
		}
	}
	rows, err := customersByID(a.tx, ids)
	if err != nil {
		return err
	}
	before := make([]*model.Customer, len(rows))
	for i, row := range rows {
		was := *row
		before[i] = &was
		latest[row.ID].describe(row, a.in.ReadAt)
	}
	if err := keepWhatPeopleSaid(a.tx, before, rows); err != nil {
		return err
	}
	for i, row := range rows {
		if err := a.s.alter(a.tx, before[i], row, a.in.Source, 0); err != nil {
			return err
		}
	}
	return nil
}

// describe takes over what the reading says of the person; what it leaves out others may have told.
func (r reading) describe(row *model.Customer, readAt time.Time) {
	row.Name = cmp.Or(r.person.Name, row.Name)
	row.Avatar, row.Gender = cmp.Or(r.person.Avatar, row.Avatar), cmp.Or(r.person.Gender, row.Gender)
	row.Type, row.CorpName = cmp.Or(r.person.Type, row.Type), cmp.Or(r.person.CorpName, row.CorpName)
	if began := r.began(readAt); row.FirstSource == "" || began.Before(row.FirstSeenAt) {
		row.FirstSeenAt, row.FirstSource = began, r.cameFrom()
	}
}
