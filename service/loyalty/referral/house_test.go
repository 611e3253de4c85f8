package referral

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/account"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/loyalty"
	"zhiyin/service/work"
)

// noon is 12:00 in Shanghai.
var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

const day = 24 * time.Hour

// house is invitations with the real event log and the real books of points.
type house struct {
	*Service
	t       testing.TB
	clock   *clock.Fake
	points  *loyalty.Service
	members map[int64]bool // of segment 5
	soldOut bool
	picture []byte // of media 3
	last    atomic.Int64
}

func (h *house) next() int64 { return h.last.Add(1) }

var errSoldOut = fault.New(fault.Conflict, "coupon.sold_out", "优惠券已领完", "all coupons are gone")

// GrantTx implements loyalty.Coupons: what is granted is a row of coupon.
func (h *house) GrantTx(tx *gorm.DB, g loyalty.Grant) (int64, error) {
	if h.soldOut {
		return 0, errSoldOut
	}
	now := h.clock.Now()
	c := &model.Coupon{BatchID: g.BatchID, CustomerID: g.CustomerID, ClaimerID: g.CustomerID, Number: int(h.next()), State: "usable", Source: g.Source, SourceID: g.SourceID, ValidFrom: now, ValidUntil: now.Add(day), CreatedAt: now, MovedAt: now}
	err := tx.Create(c).Error
	return c.ID, err
}

// HasBatch implements loyalty.Coupons: there is 7.
func (h *house) HasBatch(_ *gorm.DB, id int64) (bool, error) { return id == 7, nil }

// Contains implements Segments.
func (h *house) Contains(_ context.Context, _ int64, customers ...int64) (in []int64, err error) {
	for _, id := range customers {
		if h.members[id] {
			in = append(in, id)
		}
	}
	return in, nil
}

var errAbsent = errors.New("there is none")

// Size implements Segments: there is 5.
func (h *house) Size(_ context.Context, id int64) (int64, error) {
	if id != 5 {
		return 0, errAbsent
	}
	return int64(len(h.members)), nil
}

// MediaFile implements Media: there is 3.
func (h *house) MediaFile(_ context.Context, id int64) (*model.Media, []byte, error) {
	if id != 3 {
		return nil, nil, errAbsent
	}
	return &model.Media{ID: 3}, h.picture, nil
}

// ByID implements Accounts: 2 is a mini-program, 1 a corp.
func (h *house) ByID(_ context.Context, id int64) (*model.Account, error) {
	switch id {
	case 1:
		return &model.Account{ID: 1, Name: "acme", Kind: account.KindWeCom}, nil
	case 2:
		return &model.Account{ID: 2, Name: "shop", Kind: account.KindMiniApp}, nil
	}
	return nil, errAbsent
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, clock: clock.NewFake(noon), members: map[int64]bool{}}
	db := modeltest.DB(t)
	queue := work.New(db, h.clock.Now)
	log := slog.New(slog.DiscardHandler)
	events := event.New(queue, h.clock.Now, event.Options{DB: db, Zone: shanghai, Logger: log})
	h.points = loyalty.New(loyalty.Deps{DB: db, Events: events, Now: h.clock.Now, Zone: shanghai, Logger: log})
	h.Service = New(Deps{
		DB: db, Events: events, Now: h.clock.Now, Segments: h, Purse: h.points, Coupons: h, Media: h, Accounts: h, Key: []byte("k"), Logger: log,
	})
	events.Feed("referral", h.OnEvents, Kinds...)
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// definition: 10 points for two friends, a gift for three; a newcomer who adds a staff member gets 5.
func definition() Definition {
	return Definition{
		Name: "老带新", From: noon.Add(-day), Until: noon.Add(30 * day), Ask: AskRelation, CoolOffDays: 7, SubtractLeavers: true, Link: "https://shop.example.com/i/{code}",
		Steps: []Step{
			{2, Prize{Kind: Points, Name: "10 积分", Points: 10, CostFen: 100}},
			{3, Prize{Kind: Gift, Name: "水杯", CostFen: 1500}},
		},
		Invitee: &Prize{Kind: Points, Name: "5 积分", Points: 5, CostFen: 50},
	}
}

// with changes a definition.
func with(change func(d *Definition)) Definition {
	d := definition()
	change(&d)
	return d
}

// published makes a programme that is out.
func (h *house) published(d Definition) *Programme {
	h.t.Helper()
	p := must(h.Save(h.t.Context(), 1, 0, 0, d))(h.t)
	h.must(h.SetState(h.t.Context(), 1, p.ID, StateActive, true))
	return must(h.Get(h.t.Context(), p.ID))(h.t)
}

// customer makes somebody whom nobody knew until now.
func (h *house) customer() int64 {
	h.t.Helper()
	return h.known(0)
}

// known makes somebody who has been known for a time.
func (h *house) known(ago time.Duration) int64 {
	h.t.Helper()
	at := h.clock.Now().Add(-ago)
	c := &model.Customer{Name: "王小明", FirstSeenAt: at, CreatedAt: at, UpdatedAt: at}
	modeltest.Create(h.t, h.DB, c)
	modeltest.Create(h.t, h.DB, &model.Identity{CustomerID: c.ID, Kind: "openid", Scope: "wx", Value: fmt.Sprint("o", c.ID), CreatedAt: at})
	return c.ID
}

// code is an inviter's.
func (h *house) code(p *Programme, inviter int64) string {
	h.t.Helper()
	return must(h.Code(h.t.Context(), inviter, p.ID, Origin{}))(h.t).Code
}

// invited is a newcomer who came by an inviter's code.
func (h *house) invited(p *Programme, inviter int64) *model.ReferralEdge {
	h.t.Helper()
	return must(h.Touch(h.t.Context(), Touch{CustomerID: h.customer(), Code: h.code(p, inviter)}))(h.t)
}

// adds has a customer add a staff member.
func (h *house) adds(customerID int64) *model.Relation {
	h.t.Helper()
	at := h.clock.Now().Truncate(time.Second)
	r := &model.Relation{
		AccountID: 1, StaffID: 70, CustomerID: customerID, ExternalUserID: fmt.Sprint("wm", h.next()), Status: "active", RemarkState: "synced", DescriptionState: "synced",
		AddedAt: at, CreatedAt: at, UpdatedAt: at,
	}
	modeltest.Create(h.t, h.DB, r)
	h.told(event.CustomerAdded{RelationFact: event.RelationFact{AccountID: 1, CustomerID: customerID, StaffID: 70, RelationID: r.ID, Source: "callback", At: at}})
	return r
}

// leaves has a relation end.
func (h *house) leaves(r *model.Relation) {
	h.t.Helper()
	at := h.clock.Now().Truncate(time.Second)
	h.must(h.DB.Model(&model.Relation{}).Where("id = ?", r.ID).UpdateColumns(map[string]any{"status": "left", "lost_at": at}).Error)
	h.told(event.CustomerLeft{RelationFact: event.RelationFact{AccountID: 1, CustomerID: r.CustomerID, StaffID: 70, RelationID: r.ID, Source: "callback", At: at, Since: r.AddedAt}})
}

// told records facts and has everybody hear of them.
func (h *house) told(facts ...event.Fact) {
	h.t.Helper()
	h.must(model.InTx(h.t.Context(), h.DB, func(tx *gorm.DB) error { _, err := h.Events.Record(tx, facts...); return err }))
	h.must(h.Events.DrainFeeds(h.t.Context()))
}

// pays has a customer pay an order.
func (h *house) pays(customerID int64) *model.CustomerOrder {
	h.t.Helper()
	at := h.clock.Now()
	o := &model.CustomerOrder{
		Number: fmt.Sprint("n", customerID, at.UnixMilli()), Shop: "s", CustomerID: customerID, Status: "paid", TotalFen: 100, PaidFen: 100, PlacedAt: at, PaidAt: &at, CreatedAt: at, UpdatedAt: at,
	}
	modeltest.Create(h.t, h.DB, o)
	h.told(event.OrderPaid{OrderFact: event.OrderFact{OrderID: o.ID, CustomerID: customerID, AmountFen: 100, At: at}})
	return o
}

// friend is a newcomer who came by an inviter and did what is asked.
func (h *house) friend(p *Programme, inviter int64) (*model.ReferralEdge, *model.Relation) {
	h.t.Helper()
	e := h.invited(p, inviter)
	r := h.adds(e.InviteeID)
	return h.edge(e.ID), r
}

func (h *house) edge(id int64) *model.ReferralEdge {
	h.t.Helper()
	return must(edgeByID(h.DB.WithContext(h.t.Context()), id))(h.t)
}

// later lets time pass, and the job run.
func (h *house) later(d time.Duration) {
	h.t.Helper()
	h.clock.Advance(d)
	h.must(h.Tick(h.t.Context()))
}

func (h *house) balance(customerID int64) int64 {
	h.t.Helper()
	return must(h.points.Account(h.t.Context(), nil, customerID))(h.t).Balance
}

// rewards tells what a customer has earned, as kind:state.
func (h *house) rewards(p *Programme, customerID int64) string {
	h.t.Helper()
	out := ""
	for _, r := range must(rewardsOf(h.DB.WithContext(h.t.Context()), p.ID, customerID))(h.t) {
		out += r.Kind + ":" + r.State + " "
	}
	return out
}

// is fails unless an edge is in a state, for a reason.
func (h *house) is(id int64, state, reason string) {
	h.t.Helper()
	if e := h.edge(id); e.State != state || e.Reason != reason {
		h.t.Errorf("edge is %s (%s), want %s (%s)", e.State, e.Reason, state, reason)
	}
}
