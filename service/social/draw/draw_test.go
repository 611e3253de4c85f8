package draw

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/loyalty"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
)

// noon is 12:00 in Shanghai.
var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

type house struct {
	*Service
	t       testing.TB
	clock   *clock.Fake
	points  *loyalty.Service
	members map[int64]bool // of segment 5
	grants  int
}

// GrantTx implements loyalty.Coupons.
func (h *house) GrantTx(*gorm.DB, loyalty.Grant) (int64, error) {
	h.grants++
	return int64(h.grants), nil
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

var errNoSegment = errors.New("no such segment")

// Size implements Segments: there is 5.
func (h *house) Size(_ context.Context, id int64) (int64, error) {
	if id != 5 {
		return 0, errNoSegment
	}
	return int64(len(h.members)), nil
}

func newHouse(t testing.TB) *house {
	h := &house{t: t, clock: clock.NewFake(noon), members: map[int64]bool{1: true}}
	db := modeltest.DB(t)
	queue := work.New(db, h.clock.Now)
	log := slog.New(slog.DiscardHandler)
	h.points = loyalty.New(loyalty.Deps{
		DB: db, Events: event.New(queue, h.clock.Now, event.Options{DB: db, Zone: shanghai, Logger: log}), Now: h.clock.Now, Zone: shanghai, Logger: log,
	})
	h.Service = New(Deps{DB: db, Now: h.clock.Now, Zone: shanghai, Vault: vaulttest.New(t), Segments: h, Purse: h.points, Coupons: h, Logger: log})
	return h
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func definition() Definition {
	return Definition{
		Name: "双十一大转盘", Style: "wheel", From: noon.Add(-time.Hour), Until: noon.Add(48 * time.Hour),
		Prizes: []PrizeInput{{Name: "手机", Kind: Gift, Odds: 100_000, Stock: 2}, {Name: "10 积分", Kind: Points, Points: 10, Odds: 300_000}, {Name: "券", Kind: Coupon, BatchID: 7, Odds: 200_000}},
	}
}

func (h *house) active(d Definition) *Draw {
	h.t.Helper()
	row, err := h.Save(h.t.Context(), 1, 0, 0, d)
	h.must(err)
	h.must(h.SetState(h.t.Context(), 1, row.ID, StateActive))
	row, err = h.Get(h.t.Context(), row.ID)
	h.must(err)
	return row
}

func TestSave(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct {
		name   string
		change func(d *Definition)
	}{
		{"no name", func(d *Definition) { d.Name = "" }},
		{"no such style", func(d *Definition) { d.Style = "dice" }},
		{"over before it begins", func(d *Definition) { d.Until = d.From }},
		{"no prize", func(d *Definition) { d.Prizes = nil }},
		{"more than all", func(d *Definition) { d.Prizes[0].Odds = 600_000 }},
		{"a coupon of no batch", func(d *Definition) { d.Prizes[2].BatchID = 8 }},
		{"points of nothing", func(d *Definition) { d.Prizes[1].Points = 0 }},
	} {
		d := definition()
		tt.change(&d)
		if _, err := h.Save(t.Context(), 1, 0, 0, d); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	d := definition()
	d.SegmentID = 6
	if _, err := h.Save(t.Context(), 1, 0, 0, d); !errors.Is(err, errNoSegment) {
		t.Errorf("a segment that is none: %v", err)
	}
	row, err := h.Save(t.Context(), 1, 0, 0, definition())
	h.must(err)
	if _, err := h.Save(t.Context(), 1, row.ID, row.Version-1, definition()); !errors.Is(err, ErrChanged) {
		t.Errorf("an older version: %v", err)
	}
	if _, err := h.Try(t.Context(), 1, row.ID, "request-1"); !errors.Is(err, ErrClosed) {
		t.Errorf("a draft: %v", err)
	}
	h.must(h.SetState(t.Context(), 1, row.ID, StateActive))
	if _, err := h.Save(t.Context(), 1, row.ID, row.Version, definition()); !errors.Is(err, ErrState) {
		t.Errorf("changed while it runs: %v", err)
	}
	if err := h.SetState(t.Context(), 1, row.ID, StateDraft); !errors.Is(err, ErrState) {
		t.Errorf("a draft again: %v", err)
	}
}

// TestFairDraw: the commitment is there from the start and the seed is not; after the end everything follows from it, and
// whatever was changed is found.
func TestFairDraw(t *testing.T) {
	h := newHouse(t)
	row := h.active(definition())
	if len(row.Commitment) != 32 || len(row.Seed) != 0 {
		t.Fatalf("commitment %x, seed %x", row.Commitment, row.Seed)
	}
	if _, _, err := h.Check(t.Context(), row.ID); !errors.Is(err, ErrState) {
		t.Errorf("checked before its end: %v", err)
	}
	for i := range int64(60) {
		_, err := h.Try(t.Context(), 1+i%7, row.ID, fmt.Sprint("request-", i))
		h.must(err)
	}
	h.must(h.SetState(t.Context(), 1, row.ID, StateEnded))
	d, tries, err := h.Proof(t.Context(), row.ID, 0, 200)
	h.must(err)
	if sum := sha256.Sum256(d.Seed); string(sum[:]) != string(row.Commitment) {
		t.Error("the seed is not what was promised")
	}
	if n, wrong, err := h.Check(t.Context(), row.ID); err != nil || n != 60 || wrong != 0 {
		t.Fatalf("%d tries, wrong %d, %v", n, wrong, err)
	}
	gifts := 0
	for _, x := range tries {
		if x.Won && x.Place == 0 {
			gifts++
		}
	}
	if gifts > 2 {
		t.Errorf("%d of 2 phones", gifts)
	}
	for name, change := range map[string]func(tries []model.DrawTry){
		"another roll":  func(all []model.DrawTry) { all[10].Roll = (all[10].Roll + 1) % million },
		"another prize": func(all []model.DrawTry) { all[20].Place = -2 },
		"a win more":    func(all []model.DrawTry) { all[30].Won = !all[30].Won },
		"one left out":  func(all []model.DrawTry) { copy(all[40:], all[41:]) },
	} {
		all := append([]model.DrawTry{}, tries...)
		change(all)
		if Fair(d, all) == 0 {
			t.Errorf("%s was not found", name)
		}
	}
	if _, err := h.Try(t.Context(), 1, row.ID, "request-late"); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestRollIsUnbiased: rolls are spread evenly (chi-square over 100 parts), whatever customers bring.
func TestRollIsUnbiased(t *testing.T) {
	seed, commitment := []byte("0123456789abcdef0123456789abcdef"), make([]byte, 32)
	const n, parts = 200_000, 100
	counts := make([]float64, parts)
	for i := range int64(n) {
		counts[roll(seed, commitment, i, "always the same")*parts/million]++
	}
	sum := 0.0
	for _, c := range counts {
		sum += (c - n/parts) * (c - n/parts) / (n / parts)
	}
	// 99 degrees of freedom: mean 99, standard deviation √198; the seed is fixed, so this does not change from run to run.
	if math.Abs(sum-99) > 4*math.Sqrt(198) {
		t.Errorf("chi-square %.1f", sum)
	}
	prizes := []model.DrawPrize{{Odds: 10}, {Odds: 20}}
	for r, want := range map[int]int{0: 0, 9: 0, 10: 1, 29: 1, 30: -1, 999_999: -1} {
		if got := placeOf(prizes, r); got != want {
			t.Errorf("roll %d is place %d, want %d", r, got, want)
		}
	}
}

func TestConditions(t *testing.T) {
	h := newHouse(t)
	d := definition()
	d.SegmentID, d.NeedCheckIn, d.PaidDays, d.Price, d.PerDay, d.PerCustomer = 5, true, 30, 40, 2, 3
	d.Prizes = d.Prizes[:1]
	d.Prizes[0].Odds = 1
	row := h.active(d)
	try := func(customer int64, request string, want error) {
		t.Helper()
		if _, err := h.Try(t.Context(), customer, row.ID, request); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", request, err, want)
		}
	}
	try(2, "not-in-the-segment", ErrAudience)
	try(1, "not-checked-in", ErrCheckIn)
	modeltest.Create(t, h.DB, &model.CheckIn{CustomerID: 1, Day: 20261122, Streak: 1, CreatedAt: noon})
	modeltest.Create(t, h.DB, &model.CheckIn{CustomerID: 1, Day: 20261123, Streak: 2, CreatedAt: noon})
	try(1, "without-an-order", ErrOrder)
	at := noon.AddDate(0, 0, -29)
	modeltest.Create(t, h.DB, &model.CustomerOrder{Number: "n", CustomerID: 1, Status: "paid", PaidFen: 1, PlacedAt: at, PaidAt: &at, CreatedAt: noon, UpdatedAt: noon})
	try(1, "without-points", loyalty.ErrTooFew)
	h.must(model.InTx(t.Context(), h.DB, func(tx *gorm.DB) error {
		_, err := h.points.EarnTx(tx, loyalty.Earning{CustomerID: 1, Points: 200, Detail: loyalty.Detail{Key: "a"}})
		return err
	}))
	try(1, "request-1", nil)
	try(1, "request-1", nil) // again
	try(1, "request-2", nil)
	try(1, "request-3", ErrDayLimit)
	h.clock.Advance(24 * time.Hour)
	if left, err := h.Left(t.Context(), 1, row); err != nil || left != 1 {
		t.Errorf("%d left, %v", left, err)
	}
	try(1, "request-4", nil)
	try(1, "request-5", ErrLimit)
	a, err := h.points.Account(t.Context(), nil, 1)
	if err != nil || a.Balance != 200-3*40 {
		t.Errorf("%d points are left, %v", a.Balance, err)
	}
	other := h.active(definition())
	if _, err := h.Try(t.Context(), 1, other.ID, "request-4"); !errors.Is(err, ErrOtherBody) {
		t.Errorf("the request of another draw: %v", err)
	}
	h.must(h.SetState(t.Context(), 1, other.ID, StatePaused))
	if _, err := h.Try(t.Context(), 1, other.ID, "request-6"); !errors.Is(err, ErrClosed) {
		t.Errorf("paused: %v", err)
	}
	if n, err := h.List(t.Context(), true, 0, 10); err != nil || len(n) != 1 {
		t.Errorf("open: %v, %v", n, err)
	}
}

// TestStockInARush: many at once, from two replicas: never more than there is, numbers without gaps, and all of it fair.
func TestStockInARush(t *testing.T) {
	h := newHouse(t)
	d := definition()
	d.Prizes = []PrizeInput{{Name: "手机", Kind: Gift, Odds: 500_000, Stock: 5}, {Name: "积分", Kind: Points, Points: 1, Odds: 500_000}}
	row := h.active(d)
	other := New(h.Deps)
	var wg sync.WaitGroup
	for i := range int64(40) {
		s := h.Service
		if i%2 == 1 {
			s = other
		}
		wg.Go(func() {
			for { // a deadlock that was retried too often is the client's to repeat, under the same request id
				_, err := s.Try(context.Background(), 1+i, row.ID, fmt.Sprint("request-", i))
				if err == nil || !model.IsTransient(err) {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	wg.Wait()
	phones := modeltest.Count[model.DrawTry](t, h.DB, "won = ? AND place = 0", true)
	if phones != 5 {
		t.Errorf("%d of 5 phones are won by 40 with even odds", phones)
	}
	h.must(h.SetState(t.Context(), 1, row.ID, StateEnded))
	if n, wrong, err := h.Check(t.Context(), row.ID); err != nil || n != 40 || wrong != 0 {
		t.Errorf("%d tries, wrong %d, %v", n, wrong, err)
	}
	won, err := h.Tries(t.Context(), TryFilter{DrawID: row.ID, State: ToHandOver, Limit: 10})
	if err != nil || len(won) != 5 {
		t.Fatalf("%d wait for their phone, %v", len(won), err)
	}
	for range 2 {
		h.must(h.HandOver(t.Context(), 9, won[0].ID, "门店"))
	}
	if err := h.HandOver(t.Context(), 9, 404, ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such try: %v", err)
	}
}

// TestSeedIsRevealedAfterTheEnd: when the time of a draw is over, its seed is published, whether or not somebody ends it; until
// then nothing of it is told, and one that never ran stays a draft.
func TestSeedIsRevealedAfterTheEnd(t *testing.T) {
	h := newHouse(t)
	running, paused := h.active(definition()), h.active(definition())
	h.must(h.SetState(t.Context(), 1, paused.ID, StatePaused))
	draft, err := h.Save(t.Context(), 1, 0, 0, definition())
	h.must(err)
	_, err = h.Try(t.Context(), 1, running.ID, "request-1")
	h.must(err)
	h.clock.Advance(48*time.Hour - time.Millisecond)
	h.must(h.EndDue(t.Context()))
	if d, _, err := h.Proof(t.Context(), running.ID, 0, 10); err != nil || d.State != StateActive || len(d.Seed) != 0 {
		t.Errorf("a moment before its end: %s, seed %x, %v", d.State, d.Seed, err)
	}
	h.clock.Advance(time.Millisecond)
	for range 2 {
		h.must(h.EndDue(t.Context()))
	}
	for _, id := range []int64{running.ID, paused.ID} {
		d, err := h.Get(t.Context(), id)
		if sum := sha256.Sum256(d.Seed); err != nil || d.State != StateEnded || string(sum[:]) != string(d.Commitment) {
			t.Errorf("draw %d is %s, seed %x, %v", id, d.State, d.Seed, err)
		}
	}
	if n, wrong, err := h.Check(t.Context(), running.ID); err != nil || n != 1 || wrong != 0 {
		t.Errorf("%d tries, wrong %d, %v", n, wrong, err)
	}
	if d, err := h.Get(t.Context(), draft.ID); err != nil || d.State != StateDraft || len(d.Seed) != 0 {
		t.Errorf("the draft is %s, %v", d.State, err)
	}
}
