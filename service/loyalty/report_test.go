package loyalty

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

// TestReport: what became of points by day and by rule, and what is outstanding in points and in fen, agrees with what was done
// and with the books.
func TestReport(t *testing.T) {
	h := newHouse(t)
	r, err := h.SaveRule(t.Context(), 1, 0, 0, RuleInput{Name: "消费", EventKind: event.KindOrderPaid, PerFen: 100, Enabled: true})
	h.must(err)
	set := defaults
	set.HundredFen = 95
	h.must(h.SaveClub(t.Context(), 1, 0, set, nil))
	at := noon
	o := &model.CustomerOrder{ID: 1, Number: "n1", CustomerID: 1, Status: "paid", PaidFen: 10_000, PlacedAt: noon, PaidAt: &at}
	modeltest.Create(t, h.DB, o)
	h.tell(event.KindOrderPaid, o, 10_000) // 100 by the rule
	h.earn(2, 40, 1, "journey")
	spent, err := h.spend(1, 90, "s1")
	h.must(err)
	h.clock.Advance(12*time.Hour - time.Millisecond) // the last moment of the business day
	h.giveBack(spent)
	h.clock.Advance(time.Millisecond)
	_, err = h.spend(1, 80, "s2")
	h.must(err)
	o.RefundedFen = 5_000
	h.must(h.DB.Model(o).Update("refunded_fen", 5_000).Error)
	modeltest.Create(t, h.DB, &model.Refund{Number: "r1", OrderID: 1, OrderNumber: "n1", Status: "refunded", AmountFen: 5_000})
	h.tell(event.KindOrderRefunded, o, 5_000) // 50 taken back, of which there are 20
	_, err = h.Correct(t.Context(), boss, Correction{CustomerID: 3, Points: 33, RequestID: "request-1", Reason: "补偿"})
	h.must(err)
	_, err = h.Correct(t.Context(), boss, Correction{CustomerID: 3, Points: -3, RequestID: "request-2", Reason: "更正"})
	h.must(err)
	h.clock.Advance(24 * time.Hour)
	h.must(h.ExpireDue(t.Context())) // the 40 of customer 2
	h.clock.Advance(24 * time.Hour)
	h.earn(4, 7, 0, "later than the report")
	got, err := h.Report(t.Context(), "2026-11-22", "2026-11-24")
	h.must(err)
	days := []DayMoved{
		{"2026-11-22", Moved{Earned: 140, Spent: 90, Returned: 90}}, {"2026-11-23", Moved{Spent: 80, TakenBack: 50, Added: 33, Removed: 3}}, {"2026-11-24", Moved{Expired: 40}},
	}
	if !reflect.DeepEqual(got.Days, days) {
		t.Errorf("days %+v", got.Days)
	}
	if want := (Moved{Earned: 140, Spent: 170, Returned: 90, Expired: 40, TakenBack: 50, Added: 33, Removed: 3}); got.Sum != want {
		t.Errorf("sum %+v", got.Sum)
	}
	if want := []RuleMoved{{RuleID: r.ID, Earned: 100, TakenBack: 50}, {Earned: 40}}; !reflect.DeepEqual(got.Rules, want) {
		t.Errorf("rules %+v", got.Rules)
	}
	if got.Outstanding != 37 || got.Frozen != 0 || got.Owed != 30 || got.OutstandingFen != 37*95/100 {
		t.Errorf("outstanding %d, frozen %d, owed %d, %d fen", got.Outstanding, got.Frozen, got.Owed, got.OutstandingFen)
	}
	books, err := h.Reconcile(t.Context())
	h.must(err)
	if sum := books.Books[Available] + books.Books[Frozen]; sum != got.Outstanding-got.Owed {
		t.Errorf("the books say %d", sum)
	}
	for _, span := range [][2]string{{"2026-11-24", "2026-11-22"}, {"2026-01-01", "2026-04-03"}, {"x", "2026-11-22"}} {
		if _, err := h.Report(t.Context(), span[0], span[1]); !errors.Is(err, ErrInvalid) {
			t.Errorf("from %s to %s: %v", span[0], span[1], err)
		}
	}
	for _, tt := range []struct{ points, hundred, want int64 }{{0, 100, 0}, {199, 100, 199}, {199, 50, 99}, {-5, 100, 0}, {5, 0, 0}, {90_000_000_000, 1_000_000, 900_000_000_000_000}} {
		if got := worth(tt.points, tt.hundred); got != tt.want {
			t.Errorf("%s are worth %d", fmt.Sprint(tt), got)
		}
	}
}

// TestOldestExpireFirst: spending takes what expires first, whenever it was earned, and what never expires last.
func TestOldestExpireFirst(t *testing.T) {
	h := newHouse(t)
	h.earn(1, 10, 0, "never")
	h.earn(1, 10, 30, "late")
	h.earn(1, 10, 5, "soon")
	h.earn(1, 10, 10, "then")
	_, err := h.spend(1, 25, "s1")
	h.must(err)
	left := func(key string) (n int64) {
		h.must(h.DB.Raw("SELECT l.remaining FROM points_lot l JOIN points_entry e ON e.id = l.entry_id WHERE e.entry_key = ?", key).Scan(&n).Error)
		return n
	}
	for key, want := range map[string]int64{"soon": 0, "then": 0, "late": 5, "never": 10} {
		if got := left(key); got != want {
			t.Errorf("%d are left of %s, want %d", got, key, want)
		}
	}
	h.clock.Advance(31 * 24 * time.Hour)
	h.must(h.ExpireDue(t.Context()))
	h.has(1, 10, 0)
}
