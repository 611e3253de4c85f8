package audience

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/segment"
)

// TestAgreesWithSQL: whatever happens to customers, the index says what the statement says, on random rules.
func TestAgreesWithSQL(t *testing.T) {
	h := newHouse(t, 100)
	x, f := h.index()
	w := wish{h.rnd}
	ways := map[segment.By]int{}
	for round := range 6 {
		for range 60 {
			ways[h.agree(x, h.rule(written(w.rule(round%4))))]++
		}
		for range 15 {
			h.change()
		}
		h.now = h.now.Add(7 * time.Hour)
		h.step(x, f)
	}
	if ways[segment.ByIndex] < 150 || ways[segment.ByBoth] == 0 || ways[segment.BySQL] == 0 {
		t.Errorf("answered %v", ways)
	}
}

// TestEveryField: of each field it holds the index answers each question; what it does not hold it leaves to SQL.
func TestEveryField(t *testing.T) {
	h := newHouse(t, 60)
	x, _ := h.index()
	w := wish{h.rnd}
	not := map[string]bool{"name": true, "corp_name": true, "custom": true, "first_seen_day": true, "order.pieces": true,
		"message.got": true, "message.opened": true, "message.clicked": true, "message.converted": true,
		"coupon.count": true, "coupon.expires": true, "coupon.used": true, "coupon.saved": true, "points.expiring": true}
	for _, field := range segment.Registry() {
		answered := 0
		for range 16 {
			c := w.condition(field)
			if c == nil {
				continue
			}
			if by := h.agree(x, h.rule(written(c))); by == segment.ByIndex {
				answered++
			}
		}
		if (answered > 0) == not[field.Name] {
			t.Errorf("%s: %d answered by the index", field.Name, answered)
		}
	}
}

// TestFresh: what is not built, or has lost touch with the log, does not answer.
func TestFresh(t *testing.T) {
	h := newHouse(t, 10)
	x := New(Deps{DB: h.db, Now: h.clock})
	everybody := h.rule(`{"all":[]}`)
	if _, by, err := x.Count(t.Context(), h.env(), everybody); by != segment.BySQL || err != nil {
		t.Errorf("before it is built: by %s, %v", by, err)
	}
	x, f := h.index()
	if by := h.agree(x, everybody); by != segment.ByIndex {
		t.Errorf("by %s", by)
	}
	h.now = h.now.Add(maxStale + time.Millisecond)
	if x.Staleness() != maxStale+time.Millisecond || h.agree(x, everybody) != segment.BySQL {
		t.Errorf("stale by %s, it answered", x.Staleness())
	}
	h.step(x, f)
	if by := h.agree(x, everybody); by != segment.ByIndex {
		t.Errorf("level again: by %s", by)
	}
}

// TestMergedVanish: who is merged into somebody is in no answer, and comes back when that is undone.
func TestMergedVanish(t *testing.T) {
	h := newHouse(t, 10)
	h.update(7, map[string]any{"merged_into": 0, "minor": false, "city": "上海"})
	x, f := h.index()
	in := h.rule(`{"field":"city","op":"is","values":["上海"]}`)
	has := func(id int64) bool {
		ids, _, err := x.IDs(t.Context(), &segment.Env{Now: h.now, Zone: shanghai, Known: h.env().Known}, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range ids {
			if got == id {
				return true
			}
		}
		return false
	}
	if !has(7) {
		t.Fatal("not there")
	}
	h.update(7, map[string]any{"merged_into": 1})
	h.say(event.KindCustomerMerged, 1, 7)
	h.step(x, f)
	if has(7) {
		t.Error("still there after the merge")
	}
	h.update(7, map[string]any{"merged_into": 0})
	h.say(event.KindCustomerSplit, 1, 7)
	h.step(x, f)
	if !has(7) {
		t.Error("not back after the merge was undone")
	}
}

// TestLateEvents: an event that becomes visible after ones with larger ids is not overlooked.
func TestLateEvents(t *testing.T) {
	h := newHouse(t, 10)
	for range 3 {
		h.say("customer.profile_changed", 1)
	}
	x, f := h.index()
	h.say("customer.profile_changed", 1)
	h.say("customer.profile_changed", 2) // this one's transaction is still under way
	h.say("customer.profile_changed", 3)
	var events []model.Event
	if err := h.db.Order("id").Find(&events).Error; err != nil {
		t.Fatal(err)
	}
	late := events[len(events)-2]
	if err := h.db.Delete(&late).Error; err != nil {
		t.Fatal(err)
	}
	h.step(x, f)
	h.update(2, map[string]any{"city": "迟到", "merged_into": 0, "minor": false})
	in := h.rule(`{"field":"city","op":"is","values":["迟到"]}`)
	h.now = h.now.Add(gapTime / 2)
	h.step(x, f)
	if n, _, _ := x.Count(t.Context(), h.env(), in); n != 0 {
		t.Error("it knows before the event is there")
	}
	h.create(&late)
	h.step(x, f)
	if n, by, _ := x.Count(t.Context(), h.env(), in); n != 1 {
		t.Errorf("got %d by %s, want 1", n, by)
	}
	h.now = h.now.Add(gapTime * 2)
	h.step(x, f)
	if len(f.gaps) != 0 {
		t.Errorf("still looks into %v", f.gaps)
	}
}

// TestSweep: in time even a change that no event tells of is seen.
func TestSweep(t *testing.T) {
	h := newHouse(t, 40)
	x, f := h.index()
	h.update(9, map[string]any{"city": "无声", "merged_into": 0, "minor": false})
	h.db.Delete(&model.Customer{}, 40)
	for range 60 {
		if err := x.sweep(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	if by := h.agree(x, h.rule(`{"field":"city","op":"is","values":["无声"]}`)); by != segment.ByIndex {
		t.Error(by)
	}
	if by := h.agree(x, h.rule(`{"all":[]}`)); by != segment.ByIndex {
		t.Error(by)
	}
}

// TestAnyRelation: whether there is any is told without looking at relations, as long as nothing else is asked of them.
func TestAnyRelation(t *testing.T) {
	h := newHouse(t, 60)
	x, _ := h.index()
	for _, rule := range []string{
		`{"field":"relation.count","op":"at_least","values":[1]}`, `{"not":{"field":"relation.count","op":"at_least","values":[1]}}`,
		`{"field":"relation.count","op":"at_least","values":[2]}`, `{"field":"relation.count","op":"at_least","values":[1],"window":{"last_days":9}}`,
		`{"field":"relation.count","op":"at_least","values":[1],"where":[{"property":"status","op":"is","values":["left"]}]}`,
	} {
		if by := h.agree(x, h.rule(rule)); by != segment.ByIndex {
			t.Errorf("%s: by %s", rule, by)
		}
	}
}

// TestFewByBoth: what the index does not hold is asked of the candidates alone; when these are many, of all.
func TestFewByBoth(t *testing.T) {
	h := newHouse(t, 60)
	x, _ := h.index()
	both := h.rule(`{"all":[{"field":"tag","op":"any","values":["1"]},{"field":"corp_name","op":"empty"}]}`)
	if by := h.agree(x, both); by != segment.ByBoth {
		t.Errorf("by %s", by)
	}
	if by := h.agree(x, h.rule(`{"any":[{"field":"tag","op":"any","values":["1"]},{"field":"corp_name","op":"empty"}]}`)); by != segment.BySQL {
		t.Errorf("an alternative that is not held: by %s", by)
	}
}

// TestRun builds in the background and follows what others write.
func TestRun(t *testing.T) {
	h := newHouse(t, 30)
	x := New(Deps{DB: h.db, Now: func() time.Time { return time.Now().UTC() }, Logger: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { x.Run(ctx) })
	defer running.Wait()
	defer stop()
	in := h.rule(`{"field":"city","op":"is","values":["新来"]}`)
	waitFor(t, func() bool { return x.Fresh() })
	id := h.come()
	h.update(id, map[string]any{"city": "新来", "merged_into": 0, "minor": false})
	h.say("customer.created", id)
	waitFor(t, func() bool {
		n, by, err := x.Count(ctx, h.env(), in)
		return err == nil && by == segment.ByIndex && n == 1
	})
	if customers, bytes := x.Size(); bytes <= 0 || int64(customers) != modeltest.Count[model.Customer](t, h.db, "merged_into = 0") {
		t.Errorf("%d customers in %d bytes", customers, bytes)
	}
}

func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !what(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}
