package customer

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
)

// ErrNotYet: at the time asked about nobody knew the customer.
var ErrNotYet = fault.New(fault.NotFound, "customer.not_yet", "当时还没有这位客户", "Nobody knew the customer at that time")

// Past is a customer as they were known at a time; see docs/identity.md for what it is made from.
type Past struct {
	At time.Time
	model.Customer
	Identities []DetailIdentity
	Relations  []PastRelation // those that the viewer may see, newest first
	TagIDs     []int64
	Orders     []PastOrder // those placed by then, the latest first; at most PastOrders
	Trade      model.CustomerTrade
	Stage      string // empty: not known
}

// PastOrders bounds how many orders a Past shows; its Trade counts all.
const PastOrders = 50

// PastRelation is how a relation stood.
type PastRelation struct {
	ID, AccountID, StaffID int64
	StaffName              string
	Status                 string
	AddWay                 int
	ChannelCodeID          int64
	AddedAt                time.Time
	LostAt                 *time.Time
}

// PastOrder is how an order stood.
type PastOrder struct {
	ID          int64
	Number      string
	Status      string
	PaidFen     model.Fen // 0: not paid yet
	RefundedFen model.Fen
	PlacedAt    time.Time
}

// AsOf gives a customer that the viewer may see as they were known at a time: without what merges since have
// brought, and with what has changed since as it was. A merge that was undone counts as if it had never
// been. It fails with ErrNotFound or ErrNotYet.
func (s *Service) AsOf(ctx context.Context, v *staff.Viewer, id int64, at time.Time) (*Past, error) {
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, err
	}
	db := s.db.WithContext(ctx)
	c, err := visibleCustomer(db, sc, id)
	if err != nil {
		return nil, err
	}
	p := &past{s: s, db: db, sc: sc, at: at.UTC(), out: &Past{At: at.UTC(), Customer: *c}}
	for _, step := range []func() error{p.one, p.fields, p.identities, p.relations, p.tags, p.orders, p.stage} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return p.out, nil
}

// past is a Past on its way.
type past struct {
	s   *Service
	db  *gorm.DB
	sc  scope
	at  time.Time
	out *Past

	ids   []int64                   // whom the customer stood for then
	later []int64                   // merges since
	moved map[string]map[int64]bool // by owner: rows that merges since brought
}

// one finds out who the customer was then, and what came with merges since.
func (p *past) one() error {
	p.moved = map[string]map[int64]bool{}
	p.ids = []int64{p.out.ID}
	last := p.ids
	known := map[int64]bool{p.out.ID: true}
	for len(last) > 0 {
		merges, err := mergesInto(p.db, last)
		if err != nil {
			return err
		}
		last = nil
		for _, m := range merges {
			last = append(last, m.OtherID)
			if m.MergedAt.After(p.at) || !known[m.CustomerID] {
				p.later = append(p.later, m.ID)
				continue
			}
			known[m.OtherID] = true
			p.ids = append(p.ids, m.OtherID)
		}
	}
	moves, err := movesOfAll(p.db, p.later, []string{"identity", "relation", "customer_tag", "customer_order", "refund"})
	for _, m := range moves {
		var part struct {
			IDs []int64 `json:"ids"`
		}
		if err := json.Unmarshal([]byte(m.Journal), &part); err != nil {
			return err
		}
		if p.moved[m.Owner] == nil {
			p.moved[m.Owner] = map[int64]bool{}
		}
		for _, id := range part.IDs {
			p.moved[m.Owner][id] = true
		}
	}
	return err
}

// fields takes back the changes since.
func (p *past) fields() error {
	changes, err := changesSince(p.db, p.out.ID, p.at)
	if err != nil {
		return err
	}
	for i := range changes { // the latest first
		if err := p.s.unchange(&p.out.Customer, &changes[i]); err != nil {
			return err
		}
	}
	if p.out.FirstSeenAt.After(p.at) && p.out.CreatedAt.After(p.at) {
		return ErrNotYet
	}
	return nil
}

func (p *past) identities() error {
	rows, err := identitiesOf(p.db, p.out.ID)
	for _, i := range rows {
		if !i.CreatedAt.After(p.at) && !p.moved["identity"][i.ID] {
			p.out.Identities = append(p.out.Identities, DetailIdentity{i, p.s.Masked(&i)})
		}
	}
	return err
}

// told is what a fact about a customer says that matters here.
type told struct {
	Kind       string    `json:"-"`
	At         time.Time `json:"-"`
	CustomerID int64     `json:"customer_id"`
	RelationID int64     `json:"relation_id"`
	OrderID    int64     `json:"order_id"`
	Added      []int64   `json:"added"`
	Removed    []int64   `json:"removed"`
	From       string    `json:"from"`
	To         string    `json:"to"`
}

// facts reads what was told of the customer, the oldest first: of those whom they stood for then.
func (p *past) facts(kinds ...string) ([]told, error) {
	rows, err := factsOf(p.db, p.out.ID, kinds)
	if err != nil {
		return nil, err
	}
	var out []told
	for _, r := range rows {
		t := told{Kind: r.Kind, At: r.OccurredAt}
		if err := json.Unmarshal([]byte(r.Payload), &t); err != nil {
			return nil, err
		}
		if slices.Contains(p.ids, t.CustomerID) {
			out = append(out, t)
		}
	}
	return out, nil
}

// stints is what relation facts mean.
var stints = map[string]string{
	event.KindCustomerAdded: StatusActive, event.KindCustomerHalfAdded: StatusHalf,
	event.KindCustomerLeft: StatusLeft, event.KindCustomerDeletedByStaff: StatusRemoved,
}

func (p *past) relations() error {
	rows, err := detailRelations(p.db, p.sc, p.out.ID)
	if err != nil {
		return err
	}
	facts, err := p.facts(event.KindCustomerAdded, event.KindCustomerHalfAdded, event.KindCustomerLeft, event.KindCustomerDeletedByStaff)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if p.moved["relation"][r.ID] {
			continue
		}
		stood := PastRelation{
			ID: r.ID, AccountID: r.AccountID, StaffID: r.StaffID, StaffName: r.StaffName, AddWay: r.AddWay, ChannelCodeID: r.ChannelCodeID,
		}
		if p.stand(&stood, r.Relation, facts) {
			p.out.Relations = append(p.out.Relations, stood)
		}
	}
	return nil
}

// stand tells how a relation stood: what was told by then says it, and of a relation older than the facts
// that are kept its row.
func (p *past) stand(stood *PastRelation, row model.Relation, facts []told) (was bool) {
	for _, f := range facts {
		if f.RelationID != row.ID || f.At.After(p.at) {
			continue
		}
		stood.Status = stints[f.Kind]
		if ended := stood.Status == StatusLeft || stood.Status == StatusRemoved; ended {
			stood.LostAt = &f.At
		} else {
			stood.AddedAt, stood.LostAt = f.At, nil
		}
	}
	if stood.Status == "" {
		if row.AddedAt.After(p.at) {
			return false
		}
		stood.Status, stood.AddedAt = StatusActive, row.AddedAt
		if row.LostAt != nil && !row.LostAt.After(p.at) {
			stood.Status, stood.LostAt = row.Status, row.LostAt
		}
	}
	if stood.AddedAt.IsZero() { // its beginning is not kept any more
		stood.AddedAt = row.AddedAt
	}
	return true
}

// tags begins with the tags that are there and takes back what was told since.
func (p *past) tags() error {
	rows, err := tagRowsOf(p.db, p.out.ID)
	if err != nil {
		return err
	}
	facts, err := p.facts(event.KindTagChanged)
	if err != nil {
		return err
	}
	borne := map[int64]bool{}
	for _, r := range rows {
		if !r.CreatedAt.After(p.at) && (r.ExpiresAt == nil || r.ExpiresAt.After(p.at)) && !p.moved["customer_tag"][r.ID] {
			borne[r.TagID] = true
		}
	}
	for _, f := range slices.Backward(facts) {
		if !f.At.After(p.at) {
			break
		}
		for _, id := range f.Added {
			delete(borne, id)
		}
		for _, id := range f.Removed {
			borne[id] = true
		}
	}
	for id := range borne {
		p.out.TagIDs = append(p.out.TagIDs, id)
	}
	slices.Sort(p.out.TagIDs)
	return nil
}

// orderCancelled and stageChanged are the facts of capabilities below this one.
const (
	orderCancelled = "order.cancelled"
	stageChanged   = "customer.stage_changed"
)

func (p *past) orders() error {
	rows, err := ordersBy(p.db, p.out.ID, p.at)
	if err != nil {
		return err
	}
	refunds, err := refundsBy(p.db, p.out.ID, p.at)
	if err != nil {
		return err
	}
	facts, err := p.facts(orderCancelled)
	if err != nil {
		return err
	}
	cancelled := map[int64]bool{}
	for _, f := range facts {
		cancelled[f.OrderID] = cancelled[f.OrderID] || !f.At.After(p.at)
	}
	back := map[int64]model.Fen{}
	for _, r := range refunds {
		if !p.moved["refund"][r.ID] {
			back[r.OrderID] += r.AmountFen
		}
	}
	for _, o := range rows { // the latest first
		if !p.moved["customer_order"][o.ID] {
			p.order(o, cancelled[o.ID], back[o.ID])
		}
	}
	return nil
}

// order adds one order to what was bought by then.
func (p *past) order(o model.CustomerOrder, cancelled bool, back model.Fen) {
	by := func(t *time.Time) bool { return t != nil && !t.After(p.at) }
	stood := PastOrder{ID: o.ID, Number: o.Number, Status: "placed", RefundedFen: back, PlacedAt: o.PlacedAt}
	if by(o.PaidAt) {
		stood.Status, stood.PaidFen = "paid", o.PaidFen
	}
	switch {
	case cancelled:
		stood.Status = "cancelled"
	case by(o.CompletedAt):
		stood.Status = "completed"
	}
	if len(p.out.Orders) < PastOrders {
		p.out.Orders = append(p.out.Orders, stood)
	}
	if cancelled || !by(o.PaidAt) {
		return
	}
	t := &p.out.Trade
	t.Orders++
	t.PaidFen += o.PaidFen
	t.RefundedFen += back
	t.FirstPaidAt, t.LastPaidAt = earlier(t.FirstPaidAt, o.PaidAt), later(t.LastPaidAt, o.PaidAt)
}

// stage is where the last change by then led, or where the first one since began.
func (p *past) stage() error {
	facts, err := p.facts(stageChanged)
	if err != nil {
		return err
	}
	for _, f := range facts {
		if f.At.After(p.at) {
			if p.out.Stage == "" {
				p.out.Stage = f.From
			}
			return nil
		}
		p.out.Stage = f.To
	}
	if p.out.Stage != "" || len(p.later) > 0 {
		return nil
	}
	p.out.Stage, err = stageSince(p.db, p.out.ID, p.at)
	return err
}
