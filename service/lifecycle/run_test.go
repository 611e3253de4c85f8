package lifecycle

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/work"
)

func TestNight(t *testing.T) {
	h := newHouse(t)
	h.chunk = 4
	for id := range int64(25) {
		h.customer(id+1, 200)
		for n := range id % 6 {
			h.order(id+1, int(n*30+id), 1000*(id+1))
		}
	}
	run := h.night()
	if run.Status != RunDone || run.Phase != phaseFinish || run.Finished != 25 || run.Total != 25 || run.Changed != 25 || run.RunningSlot != nil || run.FinishedAt == nil {
		t.Errorf("%+v", run)
	}
	d, err := h.Distribution(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sum, phases int64
	for _, s := range d.Stages {
		sum += s.Customers
	}
	for _, p := range d.Phases {
		phases += p.Customers
	}
	if d.Total != 25 || sum != 25 || phases != 25 || len(d.Stages) != 7 {
		t.Errorf("%+v", d)
	}
	days, err := h.Curve(t.Context(), h.clock.Now(), h.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	sum = 0
	for _, s := range days {
		sum += s.Customers
	}
	if sum != 25 {
		t.Errorf("the day has %d customers: %+v", sum, days)
	}
	flows, err := h.Flows(t.Context(), h.clock.Now(), h.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	sum = 0
	for _, f := range flows {
		if f.From != "" || f.Day != 20261122 {
			t.Errorf("%+v", f)
		}
		sum += f.Customers
	}
	if sum != 25 {
		t.Errorf("%d were placed", sum)
	}
	checkRFM(t, h)
	again := h.night()
	if again.Changed != 0 || again.BasisID == run.BasisID {
		t.Errorf("a second time the same night: %+v", again)
	}
	if n := modeltest.Count[model.StageDay](t, h.db); n != int64(len(days)) {
		t.Errorf("%d counts of one day", n)
	}
	h.replay()
}

// checkRFM holds the stored scores against quintiles found by walking through all buyers.
func checkRFM(t *testing.T, h *house) {
	t.Helper()
	f, err := h.frame(h.db)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for id := range int64(25) {
		ids = append(ids, id+1)
	}
	people, err := h.look(h.db, f, ids)
	if err != nil {
		t.Fatal(err)
	}
	var rec, freq, mon []int64
	for _, p := range people {
		if n := len(p.orders); n > 0 {
			o, fen := p.bought(365)
			rec, freq, mon = append(rec, int64(p.today-p.orders[n-1].day)), append(freq, o), append(mon, fen)
		}
	}
	want := Boundaries{Quintiles, 365, int64(len(rec)), naive(rec), naive(freq), naive(mon)}
	table, err := h.RFM(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if table.Boundaries != want {
		t.Errorf("boundaries %+v, want %+v", table.Boundaries, want)
	}
	var buyers int64
	for _, c := range table.Cells {
		buyers += c.Customers
	}
	if buyers != want.Buyers || table.Never != 25-buyers {
		t.Errorf("%d buyers and %d others", buyers, table.Never)
	}
	for _, p := range people {
		s, _, _, _ := want.score(p)
		if got := (RFM{p.before.Recency, p.before.Frequency, p.before.Monetary}); got != s {
			t.Errorf("customer %d: %+v, want %+v", p.id, got, s)
		}
	}
}

// TestNightIsBrokenOff ends the worker in the middle, as kill -9 would: what is committed stays, the next goes on there.
func TestNightIsBrokenOff(t *testing.T) {
	h := newHouse(t)
	h.chunk = 3
	for id := range int64(20) {
		h.customer(id+1, 200)
		h.order(id+1, int(id), 5000)
	}
	for _, breakAt := range []int{1, 2, 4, 6, 8} {
		h.clock.Advance(40 * 24 * time.Hour)
		run, err := h.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, kill := context.WithCancel(t.Context())
		chunks := 0
		name := "kill"
		err = h.db.Callback().Update().After("gorm:update").Register(name, func(tx *gorm.DB) {
			if tx.Statement.Table == "lifecycle_run" {
				if chunks++; chunks == breakAt {
					kill() // before the commit of this chunk
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.run(ctx, &work.Lease{Attempt: 1}, runWork{run.ID}); err == nil {
			t.Fatal("the run was not broken off")
		}
		if err := h.db.Callback().Update().Remove(name); err != nil {
			t.Fatal(err)
		}
		half, err := h.Run(t.Context(), run.ID)
		if err != nil || half.Status != RunRunning {
			t.Fatalf("%+v, %v", half, err)
		}
		done := h.finish(run.ID)
		if done.Status != RunDone || done.Finished != 20 {
			t.Errorf("broken off after %d: %+v", breakAt, done)
		}
		h.replay()
	}
}

func TestRunsOneAtATime(t *testing.T) {
	h := newHouse(t)
	h.customer(1, 10)
	run, err := h.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Start(t.Context()); !errors.Is(err, ErrRunning) {
		t.Errorf("a second one: %v", err)
	}
	if err := h.Nightly(t.Context()); err != nil {
		t.Errorf("at night: %v", err)
	}
	if err := h.Cancel(t.Context(), run.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.Cancel(t.Context(), run.ID); !errors.Is(err, ErrRunOver) {
		t.Errorf("ended twice: %v", err)
	}
	if err := h.Cancel(t.Context(), 99); !errors.Is(err, ErrRunNotFound) {
		t.Errorf("an absent one: %v", err)
	}
	if got := h.finish(run.ID); got.Status != RunCancelled || got.Phase != phaseMeasure || h.standing(1) != nil {
		t.Errorf("after it was ended: %+v", got)
	}
	next := h.night()
	if next.Status != RunDone {
		t.Errorf("%+v", next)
	}
	// One whose work is gone makes room.
	dead, err := h.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.db.Where("dedupe_key = ?", runKey(dead.ID)).Delete(&model.Work{}).Error; err != nil {
		t.Fatal(err)
	}
	if next = h.night(); next.Status != RunDone {
		t.Errorf("%+v", next)
	}
	if d, err := h.Run(t.Context(), dead.ID); err != nil || d.Status != RunFailed || d.Error == "" {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestOvertakenRunWritesNothing: a worker that was paused past its lease finds another has gone on.
func TestOvertakenRunWritesNothing(t *testing.T) {
	h := newHouse(t)
	h.chunk = 2
	for id := range int64(6) {
		h.customer(id+1, 10)
	}
	run, err := h.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.measure(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	paused := *run
	if err := h.score(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	before := modeltest.Count[model.StageChange](t, h.db)
	h.order(1, 0, 100)
	if err := h.score(t.Context(), &paused); !errors.Is(err, errOvertaken) {
		t.Errorf("the paused one: %v", err)
	}
	if n := modeltest.Count[model.StageChange](t, h.db); n != before {
		t.Errorf("%d changes, were %d", n, before)
	}
}

func TestOrphansGo(t *testing.T) {
	h := newHouse(t)
	h.customer(1, 10)
	h.customer(1<<50, 10)
	h.night()
	if h.standing(1<<50) == nil {
		t.Fatal("a large id has no standing")
	}
	if err := h.db.Delete(&model.Customer{}, "id = ?", 1).Error; err != nil {
		t.Fatal(err)
	}
	h.night()
	if h.standing(1) != nil || modeltest.Count[model.StageChange](t, h.db) != 1 {
		t.Error("somebody erased has a standing")
	}
}

// TestModelIsFittedOnOwnOrders makes a shop whose buyers live as the models have it, and looks at the card.
func TestModelIsFittedOnOwnOrders(t *testing.T) {
	h := newHouse(t)
	src := rand.NewPCG(2, 9)
	rng := rand.New(src)
	rates, drops := distuv.Gamma{Alpha: 0.8, Beta: 20, Src: src}, distuv.Beta{Alpha: 0.8, Beta: 2.5, Src: src}
	var customers []*model.Customer
	var orders []*model.CustomerOrder
	now := h.clock.Now()
	for id := range int64(1500) {
		met := 100 + rng.IntN(260)
		at := now.AddDate(0, 0, -met)
		customers = append(customers, &model.Customer{ID: id + 1, FirstSeenAt: at, CreatedAt: at, UpdatedAt: at})
		rate, drop, mean := rates.Rand(), drops.Rand(), 2000+rng.ExpFloat64()*5000
		for day := 0.0; day < float64(met); day += rng.ExpFloat64() / rate {
			paid := at.Add(time.Duration(day * 24 * float64(time.Hour)))
			fen := model.Fen(mean * (0.5 + rng.Float64()))
			orders = append(orders, &model.CustomerOrder{
				Number: paid.Format(time.RFC3339Nano) + string(rune('a'+id%26)) + time.Duration(id).String(), CustomerID: id + 1, Status: "completed",
				PaidFen: fen, PlacedAt: paid, PaidAt: &paid, CreatedAt: paid, UpdatedAt: paid,
			})
			if day > 0 && rng.Float64() < drop {
				break
			}
		}
	}
	for _, rows := range []any{customers, orders} {
		if err := h.db.CreateInBatches(rows, 500).Error; err != nil {
			t.Fatal(err)
		}
	}
	h.night()
	card, err := h.Card(t.Context())
	if err != nil || card == nil {
		t.Fatal(card, err)
	}
	if card.Purchases == nil || card.Spend == nil || card.Check == nil || card.Buyers != 1500 || card.Sampled != 1500 {
		t.Fatalf("%+v %+v %+v %+v", card, card.PurchasesLack, card.SpendLack, card.CheckLack)
	}
	t.Logf("%+v\n%+v\n%+v", *card.Purchases, *card.Spend, *card.Check)
	if off := card.Check.Predicted/card.Check.Actual - 1; off > 0.3 || off < -0.3 {
		t.Errorf("foretold %.0f purchases, %.0f came", card.Check.Predicted, card.Check.Actual)
	}
	var rows []model.CustomerLifecycle
	if err := h.db.Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, r := range rows {
		if r.AliveBP >= 0 {
			known++
		}
		if r.AliveBP < -1 || r.AliveBP > 10_000 || r.ExpectedFen < 0 {
			t.Errorf("%+v", r)
		}
	}
	if known < 200 {
		t.Errorf("the chance of %d is known", known)
	}
}

func TestCardSaysThatThereIsTooLittle(t *testing.T) {
	h := newHouse(t)
	if c, err := h.Card(t.Context()); c != nil || err != nil {
		t.Errorf("before the first night: %+v, %v", c, err)
	}
	h.customer(1, 10)
	h.order(1, 5, 100)
	h.night()
	c, err := h.Card(t.Context())
	if err != nil || c.Purchases != nil || c.PurchasesLack == nil || c.PurchasesLack.Reason != "few_buyers" || c.SpendLack == nil || c.CheckLack == nil {
		t.Errorf("%+v, %v", c, err)
	}
	if r := h.standing(1); r.AliveBP != -1 || r.ExpectedFen != -1 {
		t.Errorf("%+v", r)
	}
}

// TestManyNights moves the clock through 400 days over a real database: nights, events between, and a look at the books.
func TestManyNights(t *testing.T) {
	h := open(t, modeltest.DB(t), clock.NewFake(noon))
	rng := rand.New(rand.NewPCG(4, 4))
	const people = 12
	for id := range int64(people) {
		h.customer(id+1, int(id))
	}
	for night := range 40 {
		h.clock.Advance(10 * 24 * time.Hour)
		for range 3 {
			id := 1 + rng.Int64N(people)
			switch rng.IntN(3) {
			case 0:
				h.order(id, rng.IntN(9), 1000+rng.Int64N(9000))
			case 1:
				h.did(id, "page.viewed", rng.IntN(9), 3)
			default:
				h.order(id, 0, 100)
				h.did(id, "page.viewed", 0, 3)
			}
			h.clock.Advance(time.Minute)
			h.recompute(id)
		}
		if run := h.night(); run.Status != RunDone {
			t.Fatalf("night %d: %+v", night, run)
		}
	}
	h.replay()
	if n := modeltest.Count[model.LifecycleBasis](t, h.db); n != keepBases {
		t.Errorf("%d bases are kept", n)
	}
	to := h.clock.Now()
	flows, err := h.Flows(t.Context(), to.AddDate(0, 0, -399), to)
	if err != nil {
		t.Fatal(err)
	}
	// What flowed in and out, day by day, is what is there.
	level := map[string]int64{}
	for _, f := range flows {
		level[f.From] -= f.Customers
		level[f.To] += f.Customers
	}
	d, err := h.Distribution(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range d.Stages {
		if level[s.Stage.Name] != s.Customers {
			t.Errorf("%s: %d flowed there, %d are there", s.Stage.Name, level[s.Stage.Name], s.Customers)
		}
	}
	for _, span := range [][2]time.Time{{to, to.AddDate(0, 0, -1)}, {to.AddDate(0, 0, -400), to}, {{}, to}} {
		if _, err := h.Flows(t.Context(), span[0], span[1]); !errors.Is(err, ErrRange) {
			t.Errorf("%v: %v", span, err)
		}
	}
}
