package coupon

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/fault"
)

// TestHistories does at random, on two replicas at once, all that can be done with coupons, and holds what came of it
// against a model of its own: the ledger read as a history, move by move.
func TestHistories(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { history(t, seed, 60) })
	}
}

func history(t *testing.T, seed uint64, steps int) {
	h := newHouse(t)
	end := noon.Add(3 * time.Hour)
	batches := []int64{
		h.batch(func(in *BatchInput) { in.Stock, in.PerCustomer, in.ValidUntil, in.BudgetDayCount = 60, 8, &end, 25 }).ID,
		h.batch(func(in *BatchInput) {
			in.Kind, in.Terms, in.Stock, in.PerCustomer, in.BudgetFen = "stored_value", []byte(`{"face_fen":3000}`), 50, 6, 60_000
			in.Rules.Category, in.Rules.With = "card", []string{"card", "off"}
			in.Rules.PerOrder = 2
		}).ID,
		h.batch(func(in *BatchInput) {
			in.Kind, in.Terms, in.Stock, in.PerCustomer, in.PerDay = "percent_off", []byte(`{"off_bp":1234}`), 70, 9, 5
			in.Rules.Category, in.Rules.With = "off", []string{"card"}
		}).ID,
	}
	for id := int64(1); id <= 12; id++ {
		modeltest.Create(t, h.db, &model.Customer{ID: id, FirstSeenAt: noon})
	}
	replicas := []*house{h, open(t, h.db, h.clock)}
	var wg sync.WaitGroup
	for worker := range 6 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(worker)))
			p := &player{house: replicas[worker%2], r: r, batches: batches, name: fmt.Sprintf("w%d", worker)}
			for range steps {
				if err := p.step(); err != nil && fault.Of(err) == nil {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
	h.reconciles()
	h.clock.Advance(24 * time.Hour)
	if err := h.Tick(t.Context()); err != nil {
		t.Error(err)
	}
	h.reconciles()
	checkHistory(t, h)
	if modeltest.Count[model.CouponEntry](t, h.db, "act = 'roll_back'") == 0 || modeltest.Count[model.CouponEntry](t, h.db, "act = 'expire'") == 0 {
		t.Error("the history is too dull to prove anything")
	}
}

// player does things at random.
type player struct {
	*house
	r       *rand.Rand
	batches []int64
	name    string
	n       int
}

func (p *player) key() Key {
	p.n++
	if p.n > 3 && p.r.IntN(10) == 0 {
		return Key{p.name, fmt.Sprintf("key-of-%d", p.n-2)} // one that was used before
	}
	return Key{p.name, fmt.Sprintf("key-of-%d", p.n)}
}

func (p *player) step() error {
	ctx, who := context.Background(), int64(1+p.r.IntN(12))
	switch p.r.IntN(12) {
	case 0, 1, 2:
		_, err := p.Issue(ctx, IssueInput{BatchID: p.batches[p.r.IntN(3)], CustomerID: who, Source: SourceClaim, Key: p.key()})
		return err
	case 3, 4, 5, 6:
		return p.use(ctx, who)
	case 7, 8:
		return p.refund(ctx)
	case 9:
		return p.settle(ctx)
	case 10:
		return p.oddity(ctx, who)
	}
	p.clock.Advance(time.Duration(p.r.IntN(120)) * time.Second)
	return p.Tick(ctx)
}

func (p *player) use(ctx context.Context, who int64) error {
	b := Bill{Order: fmt.Sprintf("%s-%d", p.name, p.n), Lines: []Line{
		{Line: 1, Quantity: int64(1 + p.r.IntN(4)), PriceFen: model.Fen(1 + p.r.IntN(3000))}, {Line: 2, Quantity: int64(1 + p.r.IntN(3)), PriceFen: model.Fen(p.r.IntN(999))},
	}}
	q, err := p.Qualify(ctx, who, b)
	if err != nil || len(q.Best) == 0 {
		return err
	}
	in := UseInput{Key: p.key(), CustomerID: who, Coupons: q.Best, Bill: b}
	if p.r.IntN(2) == 0 {
		in.TTL = time.Minute
		_, err = p.Reserve(ctx, in)
		return err
	}
	_, err = p.Redeem(ctx, in)
	return err
}

func (p *player) refund(ctx context.Context) error {
	var uses []model.CouponUse
	if err := p.db.Where("state = ?", UseRedeemed).Find(&uses).Error; err != nil || len(uses) == 0 {
		return err
	}
	in := RollBackInput{Key: p.key(), UseID: uses[p.r.IntN(len(uses))].ID}
	if p.r.IntN(3) > 0 {
		in.Lines = []ReturnedLine{{1 + p.r.IntN(2), 1}}
	}
	_, err := p.RollBack(ctx, in)
	return err
}

func (p *player) settle(ctx context.Context) error {
	var uses []model.CouponUse
	if err := p.db.Where("state = ?", UseReserved).Find(&uses).Error; err != nil || len(uses) == 0 {
		return err
	}
	in := Settle{Key: p.key(), UseID: uses[p.r.IntN(len(uses))].ID}
	if p.r.IntN(2) == 0 {
		_, err := p.Release(ctx, in)
		return err
	}
	_, err := p.RedeemReserved(ctx, in)
	return err
}

func (p *player) oddity(ctx context.Context, who int64) error {
	list, err := p.List(ctx, Filter{CustomerID: who}, 0, 50)
	if err != nil || len(list) == 0 {
		return err
	}
	act := Act{Key: p.key(), CouponID: list[p.r.IntN(len(list))].ID}
	if p.r.IntN(2) == 0 {
		_, err = p.Void(ctx, act)
	} else {
		_, err = p.Extend(ctx, act, p.clock.Now().Add(5*time.Hour))
	}
	return err
}

// follows says from which states an act may come, to which: an independent reading of what coupons can go through.
var follows = map[string][][2]string{
	actIssue:    {{"", Usable}},
	actReserve:  {{Usable, Reserved}},
	actRelease:  {{Reserved, Usable}, {Reserved, Expired}},
	actRedeem:   {{Usable, Used}, {Usable, Usable}, {Reserved, Used}, {Reserved, Usable}},
	actRollBack: {{Used, Usable}, {Used, Used}, {Used, Expired}, {Usable, Usable}, {Reserved, Reserved}, {Expired, Expired}, {Void, Void}},
	actExtend:   {{Usable, Usable}, {Expired, Usable}},
	actVoid:     {{Usable, Void}},
	actExpire:   {{Usable, Expired}},
}

// checkHistory reads the ledger move by move: each follows from the one before, no coupon is charged to two orders at
// once, no limit was passed at any moment, and what customers saved is what budgets were charged.
func checkHistory(t *testing.T, h *house) {
	var entries []model.CouponEntry
	if err := h.db.Order("id").Find(&entries).Error; err != nil {
		t.Fatal(err)
	}
	batches := map[int64]*model.CouponBatch{}
	state, version, open := map[int64]string{}, map[int64]int{}, map[int64]map[int64]int{}
	issued, today := map[string]int64{}, map[string]int64{}
	type left struct {
		count int64
		fen   model.Fen
	}
	spent := map[budgetKey]left{}
	for _, e := range entries {
		b := batches[e.BatchID]
		if b == nil {
			b = must(batchByID(h.db, e.BatchID))
			batches[e.BatchID] = b
		}
		allowed := false
		for _, f := range follows[e.Act] {
			allowed = allowed || f == [2]string{state[e.CouponID], e.State}
		}
		if !allowed || e.Version != version[e.CouponID]+1 {
			t.Errorf("coupon %d: %s took it from %q to %q, version %d after %d", e.CouponID, e.Act, state[e.CouponID], e.State, e.Version, version[e.CouponID])
		}
		state[e.CouponID], version[e.CouponID] = e.State, e.Version
		if e.Act == actIssue {
			day, _ := h.day(e.At)
			of := fmt.Sprintf("%d/%d", e.BatchID, e.CustomerID)
			issued[of]++
			today[of+day]++
			if issued[of] > b.PerCustomer || b.PerDay > 0 && today[of+day] > b.PerDay {
				t.Errorf("customer %d had too many of batch %d", e.CustomerID, e.BatchID)
			}
		}
		if open[e.CouponID] == nil {
			open[e.CouponID] = map[int64]int{}
		}
		if open[e.CouponID][e.UseID] += e.Count; open[e.CouponID][e.UseID] < 0 || open[e.CouponID][e.UseID] > 1 {
			t.Errorf("coupon %d is charged %d times to use %d", e.CouponID, open[e.CouponID][e.UseID], e.UseID)
		}
		for _, k := range keysOf(e.BatchID, e.BudgetDay) {
			s := left{spent[k].count + int64(e.Count), spent[k].fen + e.Fen}
			spent[k] = s
			count, fen := b.BudgetCount, b.BudgetFen
			if k.day != "" {
				count, fen = b.BudgetDayCount, b.BudgetDayFen
			}
			if count > 0 && s.count > count || fen > 0 && s.fen > fen || s.count < 0 || s.fen < 0 {
				t.Errorf("budget %+v stood at %+v", k, s)
			}
		}
	}
	var coupons []model.Coupon
	if err := h.db.Find(&coupons).Error; err != nil || len(coupons) != len(state) {
		t.Fatalf("%d coupons, %d histories, %v", len(coupons), len(state), err)
	}
	for _, got := range coupons {
		if s := state[got.ID]; got.State != s || got.Version != version[got.ID] {
			t.Errorf("coupon %d is %s at %d, its history says %s at %d", got.ID, got.State, got.Version, s, version[got.ID])
		}
	}
}

// TestReconcileFindsWhatIsWrong: a checker that never finds anything proves nothing.
func TestReconcileFindsWhatIsWrong(t *testing.T) {
	for name, spoil := range map[string]string{
		"a counter": "UPDATE coupon_count SET issued = issued + 1", "a budget": "UPDATE coupon_budget SET used_fen = used_fen + 1",
		"a state": "UPDATE coupon SET state = 'usable'", "a version": "UPDATE coupon SET version = version + 1",
		"a saving": "UPDATE coupon_use_part SET off_fen = off_fen + 1", "an entry": "DELETE FROM coupon_entry WHERE act = 'redeem'",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			c := h.has(h.batch().ID, 7)
			must(h.redeem(7, bill("A1", 5000), c.ID))
			h.reconciles()
			if err := h.db.Exec(spoil).Error; err != nil {
				t.Fatal(err)
			}
			if b := must(h.ReconcileNow(t.Context())); b.Wrong == 0 {
				t.Error("nothing was found")
			}
		})
	}
}
