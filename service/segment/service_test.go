package segment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// house is a service over a world.
type house struct {
	*Service
	*world
	t     testing.TB
	db    *gorm.DB
	clock *clock.Fake
}

type everybody struct{}

// VisibleStaff implements Staff: staff member 0 sees all, others what they follow.
func (everybody) VisibleStaff(_ context.Context, v *staff.Viewer) (bool, []int64, error) {
	return v.StaffID == 0, []int64{v.StaffID}, nil
}

var boss = &staff.Viewer{}

func newHouse(t testing.TB, seed uint64, customers int) *house {
	db := modeltest.DB(t)
	h := &house{t: t, db: db, clock: clock.NewFake(noon), world: newWorld(t, db, seed, customers, noon)}
	if err := db.Where("segment_id > 0").Delete(&model.SegmentMember{}).Error; err != nil {
		t.Fatal(err)
	}
	h.Service = h.replica(db)
	return h
}

// replica is another process on the same database.
func (h *house) replica(db *gorm.DB) *Service {
	queue := work.New(db, h.clock.Now)
	return New(Deps{DB: db, Events: event.New(queue, h.clock.Now), Queue: queue, Now: h.clock.Now, Zone: shanghai, Staff: everybody{}, Logger: slog.New(slog.DiscardHandler)})
}

func (h *house) rule(raw string) *Rule {
	h.t.Helper()
	r, err := h.Decode(h.t.Context(), []byte(raw), rowIDs{})
	if err != nil {
		h.t.Fatalf("%s: %v", raw, err)
	}
	return r
}

// segment makes a dynamic segment and builds it.
func (h *house) segment(raw string) int64 {
	h.t.Helper()
	row, err := h.Create(h.t.Context(), Definition{Name: "人群", Rule: h.rule(raw), By: 1})
	if err != nil {
		h.t.Fatal(err)
	}
	h.runBuilds()
	return row.ID
}

// runBuilds does all builds that wait.
func (h *house) runBuilds() {
	h.t.Helper()
	var ids []int64
	if err := h.db.Model(&model.SegmentBuild{}).Where("status = ?", buildRunning).Order("id").Pluck("id", &ids).Error; err != nil {
		h.t.Fatal(err)
	}
	for _, id := range ids {
		if err := h.build(h.t.Context(), &work.Lease{Attempt: 1}, buildWork{id}); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *house) members(id int64) []int64 {
	h.t.Helper()
	ids, err := membersIn(h.db, id, Scope{})
	if err != nil {
		h.t.Fatal(err)
	}
	return ids
}

// fitting gives those who fit a segment's rule now, by the statement.
func (h *house) fit(id int64) []int64 {
	h.t.Helper()
	row, r, err := h.Get(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	words, err := LoadVocabulary(h.db)
	if err != nil {
		h.t.Fatal(err)
	}
	q, err := (&Env{Now: h.clock.Now(), Zone: shanghai, Known: words, Minors: row.Minors, SQLite: model.IsSQLite(h.db)}).Select(r, Scope{})
	if err != nil {
		h.t.Fatal(err)
	}
	return ids(h.t, h.db, q)
}

// consistent holds membership, facts, counters and stays of a segment against one another.
func (h *house) consistent(id int64) {
	h.t.Helper()
	var facts []model.Event
	if err := h.db.Where("kind IN ?", []string{event.KindSegmentEntered, event.KindSegmentLeft}).Order("id").Find(&facts).Error; err != nil {
		h.t.Fatal(err)
	}
	in := map[int64]bool{}
	for _, f := range facts {
		var of event.SegmentFact
		decodeJSON(h.t, f.Payload, &of)
		if of.SegmentID != id {
			continue
		}
		if entered := f.Kind == event.KindSegmentEntered; in[f.CustomerID] == entered {
			h.t.Fatalf("segment %d: %s of customer %d twice running", id, f.Kind, f.CustomerID)
		}
		in[f.CustomerID] = !in[f.CustomerID]
	}
	var told []int64
	for c, is := range in {
		if is {
			told = append(told, c)
		}
	}
	slices.Sort(told)
	members := h.members(id)
	if !slices.Equal(told, members) {
		h.t.Fatalf("segment %d: the facts say %v, the rows %v", id, told, members)
	}
	row, _, err := h.Get(h.t.Context(), id)
	if err != nil || row.Members != int64(len(members)) {
		h.t.Fatalf("segment %d counts %d, has %d: %v", id, row.Members, len(members), err)
	}
}

func (h *house) told(kind string) int64 {
	return modeltest.Count[model.Event](h.t, h.db, "kind = ?", kind)
}

func TestABuildTellsEachOnce(t *testing.T) {
	h := newHouse(t, 1, 200)
	h.pace.n = 30
	id := h.segment(`{"any":[{"field":"tag","op":"any","values":["1","2"]},{"field":"order.count","op":"at_least","values":[2]}]}`)
	want := h.fit(id)
	if len(want) < 50 || !slices.Equal(h.members(id), want) {
		t.Fatalf("got %v, want %v", h.members(id), want)
	}
	h.consistent(id)
	if _, err := h.Rebuild(t.Context(), id, 1); err != nil {
		t.Fatal(err)
	}
	h.runBuilds()
	if n := h.told(event.KindSegmentEntered); n != int64(len(want)) || h.told(event.KindSegmentLeft) != 0 {
		t.Errorf("%d facts of entering for %d members", n, len(want))
	}
	row, _, err := h.Get(t.Context(), id)
	if err != nil || row.BuiltVersion != 1 || row.BuiltAt == nil || row.TimedUntil == nil {
		t.Errorf("%+v %v", row, err)
	}
	builds, err := h.Builds(t.Context(), id, 0, 0)
	if err != nil || len(builds) != 2 || builds[1].Entered != int64(len(want)) || builds[0].Entered != 0 || builds[0].Status != buildDone {
		t.Errorf("%+v %v", builds, err)
	}
}

// TestFollowsWhatHappens changes customers at random, tells the facts, lets time go by, and holds every segment to what
// its statement gives then.
func TestFollowsWhatHappens(t *testing.T) {
	h := newHouse(t, 2, 120)
	g := randomRule{Rand: rand.New(rand.NewPCG(8, 9))}
	var segments []int64
	for len(segments) < 12 {
		g.left = 8
		r := decoded(t, g.node(4), vocabularyOf(h.world))
		for slices.ContainsFunc(r.segments(), func(int64) bool { return true }) {
			g.left = 8
			r = decoded(t, g.node(4), vocabularyOf(h.world))
		}
		segments = append(segments, h.segment(string(r.Encode(rowIDs{}))))
	}
	for _, rule := range []string{
		`{"field":"coupon.usable","op":"at_least","values":[2]}`, `{"field":"coupon.expires","op":"in","window":{"next_days":3}}`,
		`{"field":"coupon.used","op":"at_least","values":[1],"window":{"last_days":3}}`, `{"field":"points.expiring","op":"at_least","values":[1],"window":{"next_days":4}}`,
		`{"all":[{"field":"points.balance","op":"at_least","values":[3]},{"field":"tier","op":"at_least","values":[2]}]}`,
	} {
		segments = append(segments, h.segment(rule))
	}
	segments = append(segments, h.segment(fmt.Sprintf(`{"not":{"field":"segment","op":"any","values":["%d"]}}`, segments[0])))
	changed := 0
	for round := range 25 {
		batch := h.happen(10)
		for len(batch) > 0 { // facts about segments are facts as well
			from := lastEvent(t, h.db)
			if err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error { return h.OnEvents(tx, batch) }); err != nil {
				t.Fatal(err)
			}
			batch = nil
			if err := h.db.Where("id > ?", from).Order("id").Find(&batch).Error; err != nil {
				t.Fatal(err)
			}
			changed += len(batch)
		}
		if round%2 == 0 {
			h.clock.Advance(time.Duration(h.rnd.IntN(40)) * time.Hour)
		}
		from := lastEvent(t, h.db)
		if err := h.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		var ticked []model.Event
		if err := h.db.Where("id > ?", from).Order("id").Find(&ticked).Error; err != nil {
			t.Fatal(err)
		}
		if err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error { return h.OnEvents(tx, ticked) }); err != nil {
			t.Fatal(err)
		}
		for _, id := range segments {
			if got, want := h.members(id), h.fit(id); !slices.Equal(got, want) {
				_, r, _ := h.Get(t.Context(), id)
				t.Fatalf("round %d, segment %d %s\ngot  %v\nwant %v", round, id, r.Encode(rowIDs{}), got, want)
			}
		}
	}
	for _, id := range segments {
		h.consistent(id)
	}
	if changed < 50 {
		t.Errorf("only %d changes", changed)
	}
}

func lastEvent(t testing.TB, db *gorm.DB) (id int64) {
	t.Helper()
	if err := db.Model(&model.Event{}).Select("COALESCE(MAX(id), 0)").Scan(&id).Error; err != nil {
		t.Fatal(err)
	}
	return id
}

// happen changes some customers and gives the facts about it.
func (h *house) happen(n int) (batch []model.Event) {
	h.t.Helper()
	now := h.clock.Now()
	do := func(err error) {
		if err != nil {
			h.t.Fatal(err)
		}
	}
	for range n {
		id := int64(1 + h.rnd.IntN(len(h.customers)))
		e := model.Event{CustomerID: id, Payload: "{}", OccurredAt: now, RecordedAt: now}
		switch h.rnd.IntN(8) {
		case 6, 7:
			e.Kind = h.winOrLose(id)
		case 0:
			e.Kind = event.KindTagChanged
			do(model.InsertIgnore(h.db).Create(&model.CustomerTag{CustomerID: id, TagID: int64(1 + h.rnd.IntN(4)), Source: "console"}).Error)
		case 1:
			e.Kind = event.KindTagChanged
			do(h.db.Where("customer_id = ?", id).Delete(&model.CustomerTag{}).Error)
		case 2:
			e.Kind = "customer.profile_changed"
			do(h.db.Model(&model.Customer{}).Where("id = ?", id).Updates(map[string]any{"city": pick(h.rnd, cities), "gender": h.rnd.IntN(3), "minor": h.chance(20)}).Error)
		case 3:
			e.Kind = "order.paid"
			number := fmt.Sprint("n", h.rnd.Int64())
			o := &model.CustomerOrder{Number: number, CustomerID: id, Status: "paid", PaidFen: 300, PlacedAt: now, PaidAt: &now}
			do(h.db.Create(o).Error)
			do(h.db.Create(&model.OrderLine{OrderID: o.ID, Line: 1, CustomerID: id, ProductID: 1, CategoryID: 3, Name: "x", Quantity: 1, PaidFen: 300, PaidAt: &now}).Error)
			var trade model.CustomerTrade
			do(h.db.Where(model.CustomerTrade{CustomerID: id}).FirstOrInit(&trade).Error)
			trade.Orders++
			trade.PaidFen += 300
			trade.LastPaidAt = &now
			if trade.FirstPaidAt == nil {
				trade.FirstPaidAt = &now
			}
			do(h.db.Save(&trade).Error)
		case 4:
			e.Kind = pick(h.rnd, kinds)
			e.Item = "red"
			e.DedupeKey = fmt.Appendf(nil, "%016x", h.rnd.Uint64())
			do(h.db.Create(&e).Error)
			day := model.EventDay{CustomerID: id, Kind: e.Kind, Item: e.Item, Day: dayNumber(now.In(shanghai)), Times: 1, FirstAt: now, LastAt: now}
			if res := h.db.Model(&model.EventDay{}).Where("customer_id = ? AND kind = ? AND item = ? AND day = ?", id, e.Kind, e.Item, day.Day).
				Updates(map[string]any{"times": gorm.Expr("times + 1"), "last_at": now}); res.RowsAffected == 0 {
				do(res.Error)
				do(h.db.Create(&day).Error)
			}
		case 5:
			e.Kind = event.KindCustomerLeft
			do(h.db.Model(&model.Relation{}).Where("customer_id = ?", id).Updates(map[string]any{"status": "left", "lost_at": now}).Error)
		}
		batch = append(batch, e)
	}
	return batch
}

// TestWorkersSideBySide has replicas build the same segment while facts come in and a definition changes: in the end
// the membership is the rule's, and everybody was told of once.
func TestWorkersSideBySide(t *testing.T) {
	h := newHouse(t, 3, 150)
	ctx := context.Background()
	row, err := h.Create(ctx, Definition{Name: "a", Rule: h.rule(`{"field":"tag","op":"any","values":["1"]}`), By: 1})
	if err != nil {
		t.Fatal(err)
	}
	try := func(f func() error) {
		for range 50 {
			if err := f(); !model.IsTransient(err) {
				if err != nil && !errors.Is(err, errBuildOver) {
					t.Error(err)
				}
				return
			}
		}
	}
	var wg sync.WaitGroup
	for range 3 {
		s := h.replica(h.db)
		s.pace.n = 500
		wg.Go(func() {
			for range 8 {
				var ids []int64
				h.db.Model(&model.SegmentBuild{}).Where("status = ?", buildRunning).Pluck("id", &ids)
				for _, id := range ids {
					for range 6 { // a worker that dies after a few chunks: another goes on
						try(func() error { _, err := s.chunk(ctx, id, 7); return err })
					}
				}
			}
		})
	}
	wg.Go(func() {
		r := rand.New(rand.NewPCG(1, 2))
		for range 40 {
			id := int64(1 + r.IntN(150))
			try(func() error {
				return model.InTx(ctx, h.db, func(tx *gorm.DB) error {
					if r.IntN(2) == 0 {
						return model.InsertIgnore(tx).Create(&model.CustomerTag{CustomerID: id, TagID: 1, Source: "x"}).Error
					}
					return tx.Where("customer_id = ? AND tag_id = 1", id).Delete(&model.CustomerTag{}).Error
				})
			})
			try(func() error {
				return model.InTx(ctx, h.db, func(tx *gorm.DB) error {
					return h.OnEvents(tx, []model.Event{{Kind: event.KindTagChanged, CustomerID: id}})
				})
			})
		}
	})
	wg.Go(func() {
		try(func() error {
			_, err := h.Update(ctx, row.ID, 1, Definition{Name: "a", Rule: h.rule(`{"field":"tag","op":"none","values":["1"]}`), By: 1})
			return err
		})
	})
	wg.Wait()
	h.runBuilds()
	if got, want := h.members(row.ID), h.fit(row.ID); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	h.consistent(row.ID)
}

// TestTenPeopleCostTen: what a change costs depends on whom it touches, not on how many there are.
func TestTenPeopleCostTen(t *testing.T) {
	statements := map[int]int{}
	for _, customers := range []int{40, 400} {
		h := newHouse(t, 4, customers)
		for range 3 {
			h.segment(`{"field":"tag","op":"any","values":["1"]}`)
		}
		h.segment(`{"field":"city","op":"is","values":["上海"]}`) // is not asked
		var batch []model.Event
		for id := int64(1); id <= 10; id++ {
			batch = append(batch, model.Event{Kind: event.KindTagChanged, CustomerID: id})
		}
		n := 0
		counted := h.db.Session(&gorm.Session{NewDB: true})
		for _, p := range []interface {
			Register(string, func(*gorm.DB)) error
		}{counted.Callback().Query().Before("*"), counted.Callback().Row().Before("*"), counted.Callback().Raw().Before("*"), counted.Callback().Create().Before("*"), counted.Callback().Update().Before("*")} {
			if err := p.Register("count", func(*gorm.DB) { n++ }); err != nil {
				t.Fatal(err)
			}
		}
		if err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error { return h.OnEvents(tx, batch) }); err != nil {
			t.Fatal(err)
		}
		statements[customers] = n
	}
	if statements[40] != statements[400] || statements[40] > 1+3*3+3 {
		t.Errorf("statements by number of customers: %v", statements)
	}
}
