package journey

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/outreach"
	"zhiyin/service/profile"
	"zhiyin/service/segment"
	"zhiyin/service/staff"
	"zhiyin/service/tag"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
)

var (
	noon     = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC) // 12:00 in the zone of the business, a Sunday
	boss     = &staff.Viewer{StaffID: 70, Roles: []string{staff.RoleAdmin}}
	shanghai = time.FixedZone("UTC+8", 8*3600)
)

const (
	day  = 24 * time.Hour
	lure = "" // matches any reason
)

// house is the capability with the real event log, segments, tags, profiles, tasks and ledger, and customers 1 … n.
type house struct {
	*Service
	t        testing.TB
	clock    *clock.Fake
	db       *gorm.DB
	segments *segment.Service
	seq      int
	untold   []event.Fact
	tags     map[string]int64
}

type consented struct{}

func (consented) Given(context.Context, int64, string) (bool, error) { return true, nil }

// everybody lets anybody see all.
type everybody struct{}

func (everybody) VisibleStaff(context.Context, *staff.Viewer) (bool, []int64, error) {
	return true, nil, nil
}

func newHouse(t testing.TB, customers int) *house {
	return openHouse(t, modeltest.DB(t), customers)
}

func openHouse(t testing.TB, db *gorm.DB, customers int) *house {
	t.Helper()
	h := &house{t: t, clock: clock.NewFake(noon), db: db, tags: map[string]int64{}}
	h.Service, h.segments = replica(t, db, h.clock.Now)
	rows := make([]*model.Customer, customers)
	for i := range rows {
		rows[i] = &model.Customer{ID: int64(i + 1), Name: fmt.Sprint("客户", i+1), FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon}
	}
	modeltest.Create(t, db, &model.MessageVersion{ID: 1, MessageID: 1, Version: 1, Channels: "[]", Body: "{}", Hash: make([]byte, 32), Findings: "[]", CreatedAt: noon})
	if customers > 0 {
		if err := db.CreateInBatches(rows, 500).Error; err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// replica is a process on a database.
func replica(t testing.TB, db *gorm.DB, now clock.Clock) (*Service, *segment.Service) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	queue := work.New(db, now)
	log := event.New(queue, now, event.Options{DB: db, Zone: shanghai, Logger: quiet})
	people := staff.New(db, now, staff.Options{Zone: shanghai})
	box := vaulttest.New(t)
	persons := customer.New(db, log, queue, now, people, box, nil)
	segments := segment.New(segment.Deps{DB: db, Events: log, Queue: queue, Now: now, Zone: shanghai, Staff: everybody{}, Logger: quiet})
	log.Feed("segment", segments.OnEvents)
	s := New(Deps{
		DB: db, Events: log, Queue: queue, Now: now, Zone: shanghai, Customers: persons, Messages: outreach.New(outreach.Deps{DB: db, Now: now, Logger: quiet}),
		Tags: tag.New(db, log, queue, now, persons, nil), Tasks: people, Logger: quiet,
		Profiles: profile.New(profile.Deps{DB: db, Events: log, Vault: box, Now: now, Zone: shanghai, Persons: persons, Consents: consented{}}),
	})
	log.Feed("journey", s.OnEvents)
	return s, segments
}

// read reads a definition; ids in it are row ids.
func (h *house) read(text string) *Definition {
	h.t.Helper()
	d, err := h.Read(h.t.Context(), []byte(text), segment.RowIDs)
	if err != nil {
		h.t.Fatal(err)
	}
	return d
}

// open creates and activates a journey.
func (h *house) open(text string) int64 {
	h.t.Helper()
	row, err := h.Create(h.t.Context(), Input{Name: "旅程", Definition: h.read(text)})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.Activate(h.t.Context(), row.ID, 1, 70); err != nil {
		h.t.Fatal(err)
	}
	h.settle()
	return row.ID
}

type fact struct {
	about event.About
	said  json.RawMessage
}

func (f fact) About() event.About           { return f.about }
func (f fact) MarshalJSON() ([]byte, error) { return f.said, nil }

// happen records an event of a customer, now, and lets everybody react.
func (h *house) happen(customer int64, kind string, said map[string]any) {
	h.t.Helper()
	h.record(customer, kind, said)
	h.settle()
}

func (h *house) record(customer int64, kind string, said map[string]any) {
	h.t.Helper()
	h.seq++
	payload, _ := json.Marshal(said)
	f := fact{event.About{Kind: kind, CustomerID: customer, Source: "test", At: h.clock.Now(), Key: fmt.Sprint("test:", h.seq)}, payload}
	h.untold = append(h.untold, f)
}

// tell records what has happened since the last time.
func (h *house) tell() {
	h.t.Helper()
	if len(h.untold) == 0 {
		return
	}
	h.in(func(tx *gorm.DB) error {
		_, err := h.Events.Record(tx, h.untold...)
		return err
	})
	h.untold = nil
}

func (h *house) in(do func(tx *gorm.DB) error) {
	h.t.Helper()
	if err := model.InTx(h.t.Context(), h.db, do); err != nil {
		h.t.Fatal(err)
	}
}

// settle hands on events, does the works and moves enrolments until there is nothing to do.
func (h *house) settle() {
	h.t.Helper()
	h.tell()
	for range 1000 { // pages of works for the largest of journeys come one after the other
		if err := h.Events.DrainFeeds(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		if _, err := h.Advance(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		var rows []model.Work
		if err := h.db.Where("state = 'ready' AND (kind LIKE 'journey.%' OR kind LIKE 'segment.%')").Order("id").Find(&rows).Error; err != nil {
			h.t.Fatal(err)
		}
		var piles int64
		if err := h.db.Model(&model.EventFeedBatch{}).Count(&piles).Error; err != nil {
			h.t.Fatal(err)
		}
		if len(rows) == 0 && piles == 0 {
			return
		}
		for _, w := range rows {
			if err := h.do(w); err != nil {
				h.t.Fatal(err)
			}
			if err := h.db.Model(&model.Work{}).Where("id = ?", w.ID).Update("state", "done").Error; err != nil {
				h.t.Fatal(err)
			}
		}
	}
	h.t.Fatal("it does not come to rest")
}

func (h *house) do(w model.Work) error {
	ctx, l := h.t.Context(), &work.Lease{ID: w.ID}
	switch w.Kind {
	case workEnrol:
		return doWork(ctx, l, w, h.enrolPage)
	case workStop:
		return doWork(ctx, l, w, h.stopPage)
	case workMigrate:
		return doWork(ctx, l, w, h.migratePage)
	case workRehearse:
		return doWork(ctx, l, w, h.rehearseWork)
	}
	return nil
}

func doWork[P any](ctx context.Context, l *work.Lease, w model.Work, do func(context.Context, *work.Lease, P) error) error {
	var p P
	if err := json.Unmarshal([]byte(w.Payload), &p); err != nil {
		return err
	}
	return do(ctx, l, p)
}

// pass lets time go by and everybody react, in steps of at most six hours.
func (h *house) pass(d time.Duration) {
	h.t.Helper()
	for d > 0 {
		some := min(d, 6*time.Hour)
		h.clock.Advance(some)
		h.tick()
		d -= some
	}
}

func (h *house) tick() {
	h.t.Helper()
	if err := h.Tick(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.settle()
}

// sent lists the messages planned for a customer, by step, in order.
func (h *house) sent(customer int64) (steps []string) {
	h.t.Helper()
	if err := h.db.Model(&model.Delivery{}).Where("customer_id = ?", customer).Order("id").Pluck("step", &steps).Error; err != nil {
		h.t.Fatal(err)
	}
	return steps
}

func (h *house) wantSent(what string, customer int64, want ...string) {
	h.t.Helper()
	if got := h.sent(customer); !slices.Equal(got, want) && len(got)+len(want) > 0 {
		h.t.Errorf("%s: customer %d was sent %q, want %q", what, customer, got, want)
	}
}

// of gives the only enrolment of a customer in a journey.
func (h *house) of(journey, customer int64) model.Enrolment {
	h.t.Helper()
	var rows []model.Enrolment
	if err := h.db.Where("journey_id = ? AND customer_id = ?", journey, customer).Find(&rows).Error; err != nil || len(rows) != 1 {
		h.t.Fatalf("customer %d has %d enrolments (%v), want one", customer, len(rows), err)
	}
	return rows[0]
}

func (h *house) wantState(what string, journey, customer int64, state, node, reason string) {
	h.t.Helper()
	e := h.of(journey, customer)
	if e.State != state || e.Node != node || reason != lure && e.Reason != reason {
		h.t.Errorf("%s: customer %d is %s at %s (%q), want %s at %s (%q)", what, customer, e.State, e.Node, e.Reason, state, node, reason)
	}
}

// list makes a segment of named customers.
func (h *house) list(customers ...int64) int64 {
	h.t.Helper()
	row, err := h.segments.Create(h.t.Context(), segment.Definition{Name: "名单"})
	if err != nil {
		h.t.Fatal(err)
	}
	h.members(row.ID, customers...)
	return row.ID
}

// members makes customers members of a list, and nobody else.
func (h *house) members(id int64, customers ...int64) {
	h.t.Helper()
	rows := make([]model.SegmentMember, len(customers))
	for i, c := range customers {
		rows[i] = model.SegmentMember{SegmentID: id, CustomerID: c, Stay: 1, EnteredAt: h.clock.Now()}
	}
	err := h.db.Where("segment_id = ?", id).Delete(&model.SegmentMember{}).Error
	if err == nil && len(rows) > 0 {
		err = h.db.CreateInBatches(rows, 500).Error
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// label makes a tag.
func (h *house) label(name string) int64 {
	h.t.Helper()
	g, err := h.Tags.(*tag.Service).CreateGroup(h.t.Context(), tag.NewGroup{Name: "组" + name, Tags: []string{name}})
	if err != nil {
		h.t.Fatal(err)
	}
	return g.Tags[0].ID
}

func (h *house) facts(kind string) int64 {
	h.t.Helper()
	return modeltest.Count[model.Event](h.t, h.db, "kind = ?", kind)
}

// message is a node that sends something and goes on.
func message(id, next string) string {
	return fmt.Sprintf(`{"id":%q,"step":"message","with":{"channel":"inbox","message":"1"},"next":{"next":%q}}`, id, next)
}

func wait(id, span, next string) string {
	return fmt.Sprintf(`{"id":%q,"step":"wait","with":{"for":%q},"next":{"next":%q}}`, id, span, next)
}

const theEnd = `{"id":"end","step":"exit"}`

// journey puts a definition together; more are members besides the nodes, the first node is where it starts.
func journey(trigger, more string, nodes ...string) string {
	var first struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(nodes[0]), &first); err != nil {
		panic(err)
	}
	if !strings.Contains(more, `"entry"`) {
		more += `,"entry":{"again":"once"}`
	}
	return fmt.Sprintf(`{"trigger":%s,"start":%q,"nodes":[%s]%s}`, trigger, first.ID, strings.Join(nodes, ","), more)
}

const (
	onOrder = `{"kind":"event","with":{"event":{"kind":"order.paid"}}}`
	onView  = `{"kind":"event","with":{"event":{"kind":"product.viewed"}}}`
	byAPI   = `{"kind":"api"}`
)
