package coupon

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
)

var (
	shanghai = time.FixedZone("Asia/Shanghai", 8*3600)
	noon     = time.Date(2026, 11, 25, 4, 0, 0, 0, time.UTC) // noon in Shanghai, a Wednesday
)

// house is a service over a database of its own.
type house struct {
	*Service
	t     testing.TB
	db    *gorm.DB
	clock *clock.Fake
	queue *work.Queue
	keys  atomic.Int64
}

func newHouse(t testing.TB) *house { return open(t, modeltest.DB(t), clock.NewFake(noon)) }

// open is one replica over a database, with a clock that tests set.
func open(t testing.TB, db *gorm.DB, c *clock.Fake) *house {
	h := openBy(t, db, c.Now)
	h.clock = c
	return h
}

// openBy is one replica over a database that goes by a clock.
func openBy(t testing.TB, db *gorm.DB, now clock.Clock) *house {
	queue := work.New(db, now)
	events := event.New(queue, now, event.Options{DB: db, Zone: shanghai})
	s := New(Deps{
		DB: db, Events: events, Queue: queue, Now: now, Zone: shanghai, Persons: everybody{}, Segments: members{db}, Vault: vaulttest.New(t),
		IDs: must(model.NewPublicIDs([]byte("0123456789abcdef0123456789abcdef"))), Key: []byte("0123456789abcdef0123456789abcdef"), Logger: slog.New(slog.DiscardHandler),
	})
	return &house{Service: s, t: t, db: db, queue: queue}
}

// everybody may be seen by everybody.
type everybody struct{}

func (everybody) Visible(_ context.Context, _ *staff.Viewer, ids []int64) ([]int64, error) {
	return ids, nil
}

// members are those of the table.
type members struct{ db *gorm.DB }

func (m members) Members(ctx context.Context, id, after int64, limit int) (ids []int64, err error) {
	err = m.db.WithContext(ctx).Model(&model.SegmentMember{}).Where("segment_id = ? AND customer_id > ? AND left_at IS NULL", id, after).
		Order("customer_id").Limit(limit).Pluck("customer_id", &ids).Error
	return ids, err
}

func (m members) Size(ctx context.Context, id int64) (n int64, err error) {
	err = m.db.WithContext(ctx).Model(&model.SegmentMember{}).Where("segment_id = ? AND left_at IS NULL", id).Count(&n).Error
	return n, err
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// key is a key that nobody had yet.
func (h *house) key(whose string) Key { return Key{whose, fmt.Sprintf("test-key-%d", h.keys.Add(1))} }

// tenOff is a batch of coupons of ten yuan off, good for a month.
func tenOff() BatchInput {
	until := noon.AddDate(0, 1, 0)
	return BatchInput{
		Name: "十元券", Kind: "amount_off", Terms: json.RawMessage(`{"off_fen":1000}`), Stock: 100, PerCustomer: 1, ValidUntil: &until, Claimable: true,
	}
}

// batch makes an active one.
func (h *house) batch(change ...func(*BatchInput)) *model.CouponBatch {
	h.t.Helper()
	in := tenOff()
	for _, c := range change {
		c(&in)
	}
	b, err := h.CreateBatch(h.t.Context(), 1, in)
	if err != nil {
		h.t.Fatal(err)
	}
	if b, err = h.Submit(h.t.Context(), 1, b.ID); err != nil {
		h.t.Fatal(err)
	}
	if b.State == BatchSubmitted {
		if b, err = h.Approve(h.t.Context(), 2, b.ID, b.Version, true); err != nil {
			h.t.Fatal(err)
		}
	}
	return b
}

// claim asks for a coupon as a customer does.
func (h *house) claim(batch, customer int64) (*model.Coupon, error) {
	return h.Issue(context.Background(), IssueInput{BatchID: batch, CustomerID: customer, Source: SourceClaim, Key: h.key(fmt.Sprint("customer:", customer))})
}

// has is a customer with a coupon of a batch.
func (h *house) has(batch, customer int64) *model.Coupon {
	h.t.Helper()
	c, err := h.claim(batch, customer)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// bill is one line of so much.
func bill(order string, fen model.Fen) Bill {
	return Bill{Order: order, Lines: []Line{{Line: 1, Quantity: 1, PriceFen: fen}}}
}

// redeem uses coupons of a customer.
func (h *house) redeem(customer int64, b Bill, coupons ...int64) (*Use, error) {
	return h.Redeem(context.Background(), UseInput{Key: h.key("key:1"), CustomerID: customer, Coupons: coupons, Bill: b})
}

func (h *house) coupon(id int64) *model.Coupon {
	h.t.Helper()
	c, err := couponByID(h.db, id)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) count(batch int64) *model.CouponCount {
	h.t.Helper()
	m, err := countsOf(h.db, []int64{batch})
	if err != nil {
		h.t.Fatal(err)
	}
	return m[batch]
}

// facts are the kinds of what was recorded, in order.
func (h *house) facts() []string {
	h.t.Helper()
	var kinds []string
	if err := h.db.Model(&model.Event{}).Where("kind LIKE 'coupon.%'").Order("id").Pluck("kind", &kinds).Error; err != nil {
		h.t.Fatal(err)
	}
	return kinds
}

func (h *house) wantFacts(want ...string) {
	h.t.Helper()
	if got := h.facts(); !slices.Equal(got, want) {
		h.t.Errorf("facts %v, want %v", got, want)
	}
}

// reconciles fails the test when anything does not come to zero.
func (h *house) reconciles() {
	h.t.Helper()
	b, err := h.ReconcileNow(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	if b.Wrong != 0 {
		h.t.Errorf("%d findings: %s", b.Wrong, b.Findings)
	}
}

// work does the queued works of this package until none is left.
func (h *house) work() {
	h.t.Helper()
	for {
		var rows []model.Work
		if err := h.db.Where("kind = ? AND state = 'ready'", workRun).Find(&rows).Error; err != nil {
			h.t.Fatal(err)
		}
		if len(rows) == 0 {
			return
		}
		for _, w := range rows {
			var p runRef
			if err := json.Unmarshal([]byte(w.Payload), &p); err != nil {
				h.t.Fatal(err)
			}
			if err := h.goOn(context.Background(), nil, p); err != nil {
				h.t.Fatal(err)
			}
			if err := h.db.Model(&w).Update("state", "done").Error; err != nil {
				h.t.Fatal(err)
			}
		}
	}
}
