package campaign

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// noon is 12:00 in Shanghai, a Sunday.
var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

var (
	author   = &staff.Viewer{StaffID: 1}
	reviewer = &staff.Viewer{StaffID: 2}
)

// ledger is the real rows with hands of its own: what the sender would do, the test says.
type ledger struct {
	db          *gorm.DB
	now         clock.Clock
	fail        error
	paused      bool
	cancelled   int
	staffColumn string // of the set that was planned last
	channels    map[string]outreach.Description
	budget      func(outreach.BudgetAsk) outreach.Budget // of mass messages; nil: none
}

func (l *ledger) PlanTx(tx *gorm.DB, in []outreach.Intent) (int, error) {
	planned := 0
	for i := range in {
		res := model.InsertIgnore(tx).Create(&model.Delivery{
			Source: in[i].Source, SourceID: in[i].SourceID, Step: in[i].Step, CustomerID: in[i].CustomerID, GroupID: in[i].GroupID,
			Occurrence: in[i].Occurrence, State: int8(outreach.Planned), MessageID: in[i].MessageID, DueAt: in[i].DueAt, ExpiresAt: &in[i].ExpiresAt,
			CreatedAt: l.now(), UpdatedAt: l.now(),
		})
		if res.Error != nil {
			return 0, res.Error
		}
		planned += int(res.RowsAffected)
	}
	return planned, l.fail
}

func (l *ledger) PauseTx(*gorm.DB, string, int64, string, int64, *time.Time) error {
	l.paused = true
	return nil
}

func (l *ledger) ResumeTx(*gorm.DB, string, int64) error {
	l.paused = false
	return nil
}

func (l *ledger) Cancel(context.Context, string, int64) (int64, error) {
	l.cancelled++
	return 0, nil
}

// PlanSet implements Ledger with the real statement's meaning: whoever the audience names gets one, once.
func (l *ledger) PlanSet(ctx context.Context, set outreach.Set, _ func(int64)) (n int64, err error) {
	a := set.Audience
	l.staffColumn = a.StaffColumn
	var ids []int64
	err = l.db.WithContext(ctx).Table(a.Table).Where(a.KeyColumn+" = ?", a.Key).Where(a.Only).Order("customer_id").Pluck("customer_id", &ids).Error
	if err != nil {
		return 0, err
	}
	for part := range slices.Chunk(ids, 500) {
		if l.fail != nil && len(ids) > 500 && n > 0 {
			return n, l.fail
		}
		rows := make([]*model.Delivery, len(part))
		for i, id := range part {
			rows[i] = &model.Delivery{
				Source: set.Source, SourceID: set.SourceID, Step: set.Step, CustomerID: id, Occurrence: set.Occurrence, State: int8(outreach.Planned),
				MessageID: set.MessageID, DueAt: set.DueAt, ExpiresAt: &set.ExpiresAt, CreatedAt: l.now(), UpdatedAt: l.now(),
			}
		}
		if _, err := model.InsertNew(l.db.WithContext(ctx), rows); err != nil {
			return n, err
		}
		n += int64(len(part))
	}
	return n, nil
}

// Convert implements Ledger with the real one.
func (l *ledger) Convert(ctx context.Context, g outreach.Goal) (int, error) {
	return outreach.New(outreach.Deps{DB: l.db, Now: l.now}).Convert(ctx, g)
}

func (l *ledger) Totals(ctx context.Context, source string, sourceID int64) (out []outreach.Total, err error) {
	var rows []model.Delivery
	if err := l.db.WithContext(ctx).Where("source = ? AND source_id = ?", source, sourceID).Find(&rows).Error; err != nil {
		return nil, err
	}
	for _, r := range rows {
		out = append(out, outreach.Total{Step: r.Step, State: outreach.State(r.State), N: 1})
	}
	return out, nil
}

func (l *ledger) Waiting(context.Context, string, int64) (int64, error) { return 11, nil }

func (l *ledger) Channel(name string) (outreach.Channel, bool) {
	if name == "mass" && l.budget != nil {
		return budgeted{silent{l.channels[name]}, l.budget}, true
	}
	d, ok := l.channels[name]
	return silent{d}, ok
}

// silent is a channel of which only the description counts.
type silent struct{ d outreach.Description }

func (s silent) Describe() outreach.Description { return s.d }
func (silent) Prepare(context.Context, []outreach.Delivery) ([]outreach.Call, []outreach.Refusal, error) {
	return nil, nil, errors.ErrUnsupported
}
func (silent) Send(context.Context, outreach.Call) (outreach.Outcome, error) {
	return outreach.Outcome{}, errors.ErrUnsupported
}
func (silent) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, errors.ErrUnsupported
}

// budgeted is a silent channel of which not everything gets through.
type budgeted struct {
	silent
	budget func(outreach.BudgetAsk) outreach.Budget
}

func (b budgeted) Budgets(_ context.Context, ask outreach.BudgetAsk) ([]outreach.Budget, error) {
	return []outreach.Budget{b.budget(ask)}, nil
}

// house is a service with its database, one account and a segment.
type house struct {
	*Service
	t       testing.TB
	db      *gorm.DB
	clock   *clock.Fake
	ledger  *ledger
	account int64
	segment int64
	// takenBack counts what the channels were asked.
	takenBack int
}

func (h *house) takeBack(context.Context, string, int64) error {
	h.takenBack++
	return nil
}

var errUnfit = ErrInvalid.With("variants", "unfit")

// Usable implements Messages: 13 is unfit.
func (h *house) Usable(_ context.Context, id int64, _ string, _ []message.Kind) error {
	if id == 13 {
		return errUnfit
	}
	return nil
}

// Personal implements Messages: 14 is.
func (h *house) Personal(_ context.Context, id int64) (bool, error) { return id == 14, nil }

func newHouse(t testing.TB) *house { return openHouse(t, modeltest.DB(t)) }

func openHouse(t testing.TB, db *gorm.DB) *house {
	h := &house{t: t, db: db, clock: clock.NewFake(noon)}
	h.ledger = &ledger{db: h.db, now: h.clock.Now, channels: map[string]outreach.Description{
		"sms": {Name: "sms", Batch: 1, Limits: []outreach.Limit{{Calls: 10, Per: time.Second}}}, "mass": {Name: "mass", Batch: 100, Senders: true},
		"group_mass": {Name: "group_mass", To: outreach.ToGroups}, "moment": {Name: "moment", To: outreach.ToStaff},
	}}
	h.Service = New(Deps{
		DB: h.db, Queue: work.New(h.db, h.clock.Now), Now: h.clock.Now, Zone: shanghai, Ledger: h.ledger, Messages: h, TakeBack: h.takeBack,
		Kinds: func(context.Context) ([]event.Kind, error) { return event.BuiltIn(), nil }, ApprovalAbove: 1000, Logger: slog.New(slog.DiscardHandler),
	})
	modeltest.Create(t, h.db, &[]model.Staff{{ID: 1, UserID: "one"}, {ID: 2, UserID: "two"}})
	acct := &model.Account{Kind: "wecom", Name: "main", PlatformID: "wwCORP", Enabled: true}
	modeltest.Create(t, h.db, acct)
	h.account, h.segment = acct.ID, h.newSegment("所有客户")
	return h
}

func (h *house) newSegment(name string, members ...int64) int64 {
	h.t.Helper()
	seg := &model.Segment{Name: name, Kind: "list", Version: 1, BuiltVersion: 1, CreatedAt: noon, UpdatedAt: noon}
	modeltest.Create(h.t, h.db, seg)
	h.enter(seg.ID, members...)
	return seg.ID
}

func (h *house) enter(segment int64, members ...int64) {
	h.t.Helper()
	for part := range slices.Chunk(members, 500) {
		var people []model.Customer
		var rows []model.SegmentMember
		for _, id := range part {
			people = append(people, model.Customer{ID: id, Name: fmt.Sprint("客户", id), FirstSeenAt: noon})
			rows = append(rows, model.SegmentMember{SegmentID: segment, CustomerID: id, Stay: 1, EnteredAt: noon})
		}
		if err := model.InsertIgnore(h.db).Create(&people).Error; err != nil {
			h.t.Fatal(err)
		}
		modeltest.Create(h.t, h.db, &rows)
	}
}

// upTo lists the numbers from 1.
func upTo(n int) []int64 {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(i + 1)
	}
	return ids
}

func (h *house) definition() Definition {
	return Definition{
		Name: "双十一预热", Channel: "sms", AccountID: h.account, Audience: Audience{Segments: []int64{h.segment}},
		Variants: []Variant{{Name: "A", ShareBP: 10000, MessageID: 7}},
	}
}

func (h *house) create(d Definition) *Campaign {
	h.t.Helper()
	c, err := h.Create(h.t.Context(), author, d)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// launched makes a campaign and has its first run begin now.
func (h *house) launched(d Definition) (*Campaign, *model.CampaignRun) {
	h.t.Helper()
	c := h.create(d)
	h.must(h.Launch(h.t.Context(), author, c.ID))
	h.must(h.Tick(h.t.Context()))
	return h.now(c.ID), h.run(c.ID)
}

func (h *house) now(id int64) *Campaign {
	h.t.Helper()
	c, err := h.Get(h.t.Context(), id)
	h.must(err)
	return c
}

// run is the newest run of a campaign.
func (h *house) run(id int64) *model.CampaignRun {
	h.t.Helper()
	runs, err := h.Runs(h.t.Context(), id, 0, 1)
	h.must(err)
	if len(runs) == 0 {
		h.t.Fatal("no run has begun")
	}
	return &runs[0]
}

// work goes on with a run until it waits or is over, and gives how long it waits.
func (h *house) work(run *model.CampaignRun) time.Duration {
	h.t.Helper()
	for range 10_000 {
		wait, err := h.step(h.t.Context(), run.ID)
		h.must(err)
		if wait != 0 {
			return wait
		}
	}
	h.t.Fatal("the run does not come to an end")
	return 0
}

func (h *house) set(state outreach.State, cond string, args ...any) int64 {
	h.t.Helper()
	res := h.db.Model(&model.Delivery{}).Where(cond, args...).Update("state", int8(state))
	h.must(res.Error)
	return res.RowsAffected
}

func (h *house) deliveries(cond ...any) int64 {
	return modeltest.Count[model.Delivery](h.t, h.db, cond...)
}

// at moves the clock to a moment.
func (h *house) at(t time.Time) { h.clock.Advance(t.Sub(h.clock.Now())) }
