package loyalty

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

func TestRules(t *testing.T) {
	h := newHouse(t)
	ten := RuleInput{Name: "看商品", EventKind: event.KindProductViewed, Points: 10, PerDay: 25, PerMonth: 40, InAll: 55, Enabled: true}
	for _, tt := range []struct {
		name   string
		change func(in *RuleInput)
	}{
		{"no name", func(in *RuleInput) { in.Name = "" }},
		{"what nobody earns by", func(in *RuleInput) { in.EventKind = event.KindOrderRefunded }},
		{"neither fixed nor by money", func(in *RuleInput) { in.Points = 0 }},
		{"both", func(in *RuleInput) { in.PerFen = 100 }},
		{"money of what is no payment", func(in *RuleInput) { in.Points, in.PerFen = 0, 100 }},
		{"no bound on what clients tell", func(in *RuleInput) { in.PerDay, in.PerMonth, in.InAll = 0, 0, 0 }},
		{"no bound on what can be done again and again", func(in *RuleInput) {
			in.EventKind, in.PerDay, in.PerMonth, in.InAll = event.KindProfileChanged, 0, 0, 0
		}},
		{"what such events do not say", func(in *RuleInput) { in.Where = []event.Match{{Property: "stars", Op: "is", Value: "5"}} }},
		{"no such question", func(in *RuleInput) { in.Where = []event.Match{{Property: "product", Op: "like", Value: "5"}} }},
		{"nothing asked", func(in *RuleInput) { in.Where = []event.Match{{Property: "product", Op: "is"}} }},
		{"too many questions", func(in *RuleInput) {
			in.Where = slices.Repeat([]event.Match{{Property: "product", Op: "is", Value: "5"}}, 11)
		}},
		{"a bound below zero", func(in *RuleInput) { in.PerDay = -1 }},
		{"over before it begins", func(in *RuleInput) { at := noon; in.From, in.Until = &at, &at }},
	} {
		in := ten
		tt.change(&in)
		if _, err := h.SaveRule(t.Context(), 1, 0, 0, in); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	once := RuleInput{Name: "完善资料", EventKind: event.KindProfileCompleted, Points: 30} // happens once, so it needs no bound
	_, err := h.SaveRule(t.Context(), 1, 0, 0, once)
	h.must(err)
	r, err := h.SaveRule(t.Context(), 1, 0, 0, ten)
	h.must(err)
	if _, err := h.SaveRule(t.Context(), 1, r.ID, r.Version-1, ten); !errors.Is(err, ErrChanged) {
		t.Errorf("an older version: %v", err)
	}
	view := func(n int) {
		for range n {
			h.tell(event.KindProductViewed, &model.CustomerOrder{CustomerID: 1}, 0)
		}
	}
	view(4)
	h.has(1, 25, 0) // 10, 10, 5, nothing
	h.clock.Advance(24 * time.Hour)
	view(3)
	h.has(1, 40, 0) // the month's
	h.clock.Advance(14 * 24 * time.Hour)
	view(3)
	h.has(1, 55, 0) // all there is
	ten.Enabled = false
	_, err = h.SaveRule(t.Context(), 1, r.ID, r.Version, ten)
	h.must(err)
	h.tell(event.KindProductViewed, &model.CustomerOrder{CustomerID: 2}, 0)
	h.has(2, 0, 0)
}

// TestRefunds: points follow what becomes of an order, whatever hears of it first.
func TestRefunds(t *testing.T) {
	h := newHouse(t)
	_, err := h.SaveRule(t.Context(), 1, 0, 0, RuleInput{Name: "消费", EventKind: event.KindOrderPaid, PerFen: 100, Enabled: true})
	h.must(err)
	at := noon
	o := &model.CustomerOrder{ID: 1, Number: "n1", CustomerID: 1, Status: "paid", PaidFen: 10_050, PlacedAt: noon, PaidAt: &at}
	modeltest.Create(t, h.DB, o)
	refund := func(id int64, status string, fen model.Fen) {
		row := &model.Refund{ID: id, Number: fmt.Sprint("r", id), OrderID: 1, OrderNumber: "n1", Status: status, AmountFen: fen, CreatedAt: noon}
		h.must(h.DB.Save(row).Error)
		if status == "refunded" {
			o.RefundedFen += fen
			h.must(h.DB.Model(o).Update("refunded_fen", o.RefundedFen).Error)
		}
	}
	h.tell(event.KindRefundAsked, o, 0) // of an order that has earned nothing yet
	h.tell(event.KindOrderPaid, o, 10_050)
	h.has(1, 100, 0)
	refund(1, "requested", 5025)
	h.tell(event.KindRefundAsked, o, 5025)
	h.has(1, 50, 50)
	refund(1, "refused", 5025)
	h.tell(event.KindRefundRefused, o, 5025)
	h.has(1, 100, 0)
	_, err = h.spend(1, 80, "s")
	h.must(err)
	refund(2, "requested", 5025)
	h.tell(event.KindRefundAsked, o, 5025)
	h.has(1, 0, 20) // no more than there is
	refund(2, "refunded", 5025)
	h.tell(event.KindOrderRefunded, o, 5025)
	h.has(1, -30, 0) // what was spent of it is owed
	h.earn(1, 40, 0, "later")
	h.has(1, 10, 0)
	refund(3, "refunded", 5025)
	h.tell(event.KindOrderRefunded, o, 5025)
	h.tell(event.KindOrderRefunded, o, 5025)
	h.has(1, -40, 0)
	o2 := &model.CustomerOrder{ID: 2, Number: "n2", CustomerID: 2, Status: "paid", PaidFen: 1000, PlacedAt: noon, PaidAt: &at}
	modeltest.Create(t, h.DB, o2)
	h.tell(event.KindOrderPaid, o2, 1000)
	h.must(h.DB.Model(o2).Update("status", "cancelled").Error)
	h.tell(event.KindOrderCancelled, o2, 1000)
	h.has(2, 0, 0)
}

func TestCheckIn(t *testing.T) {
	h := newHouse(t)
	h.must(h.SaveClub(t.Context(), 1, 0, Setting{CheckIn: []int64{1, 2, 5}, TierWindowDays: 365, TierKeepDays: 365}, nil))
	if err := h.SaveClub(t.Context(), 1, 0, defaults, nil); !errors.Is(err, ErrChanged) {
		t.Errorf("an older version: %v", err)
	}
	want := []CheckedIn{{20261122, 1, 1, 2}, {20261123, 2, 2, 5}, {20261124, 3, 5, 1}, {20261125, 4, 1, 2}}
	sum := int64(0)
	for i, w := range want {
		got, err := h.CheckIn(t.Context(), 1)
		if err != nil || *got != w {
			t.Errorf("day %d: %+v, %v", i, got, err)
		}
		sum += w.Points
		if _, err := h.CheckIn(t.Context(), 1); !errors.Is(err, ErrCheckedIn) {
			t.Errorf("twice on day %d: %v", i, err)
		}
		h.clock.Advance(24 * time.Hour)
	}
	h.has(1, sum, 0)
	h.clock.Advance(24 * time.Hour) // a day left out
	if got, err := h.CheckIn(t.Context(), 1); err != nil || got.Streak != 1 {
		t.Errorf("after a gap: %+v, %v", got, err)
	}
	days, today, err := h.CheckIns(t.Context(), 1, noon)
	if err != nil || !today || len(days) != 5 {
		t.Errorf("the month: %v, %v, %v", days, today, err)
	}
	// A minute before and after midnight in Shanghai are two days in a row.
	h.clock.Advance(11*time.Hour + 59*time.Minute)
	if _, err := h.CheckIn(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(time.Minute)
	if got, err := h.CheckIn(t.Context(), 2); err != nil || got.Streak != 2 {
		t.Errorf("across midnight: %+v, %v", got, err)
	}
}

func TestStanding(t *testing.T) {
	all := []model.Tier{{Level: 1, ThresholdFen: 1000}, {Level: 2, ThresholdFen: 5000}}
	set := &Setting{TierKeepDays: 100, TierGraceDays: 10}
	day := func(n int) time.Time { return noon.AddDate(0, 0, n) }
	until := func(n int) *time.Time { t := day(n); return &t }
	for _, tt := range []struct {
		name  string
		at    int // day
		was   model.CustomerTier
		value model.Fen
		level int
		keep  *time.Time
	}{
		{"nothing", 0, model.CustomerTier{}, 999, 0, nil},
		{"exactly the threshold", 0, model.CustomerTier{}, 1000, 1, until(100)},
		{"two at once", 0, model.CustomerTier{}, 9000, 2, until(100)},
		{"up before its time", 50, model.CustomerTier{Level: 1, KeepUntil: until(60)}, 5000, 2, until(150)},
		{"kept", 50, model.CustomerTier{Level: 2, KeepUntil: until(60)}, 0, 2, until(60)},
		{"in grace", 69, model.CustomerTier{Level: 2, KeepUntil: until(60)}, 1000, 2, until(60)},
		{"falls to what the value says", 70, model.CustomerTier{Level: 2, KeepUntil: until(60)}, 1000, 1, until(170)},
		{"falls to nothing", 70, model.CustomerTier{Level: 2, KeepUntil: until(60)}, 0, 0, nil},
		{"earned anew", 61, model.CustomerTier{Level: 1, KeepUntil: until(60)}, 1000, 1, until(161)},
		{"a tier that is no more", 10, model.CustomerTier{Level: 3, KeepUntil: until(60)}, 1000, 1, until(110)},
	} {
		got := standing(day(tt.at), tt.was, tt.value, all, set)
		if got.Level != tt.level || (got.KeepUntil == nil) != (tt.keep == nil) || tt.keep != nil && !got.KeepUntil.Equal(*tt.keep) {
			t.Errorf("%s: level %d until %v, want %d until %v", tt.name, got.Level, got.KeepUntil, tt.level, tt.keep)
		}
	}
}

func TestTiers(t *testing.T) {
	h := newHouse(t)
	if err := h.SaveClub(t.Context(), 1, 0, defaults, []TierInput{{Name: "银", ThresholdFen: 100, MultiplierBP: once}, {Name: "金", ThresholdFen: 100, MultiplierBP: once}}); !errors.Is(err, ErrInvalid) {
		t.Errorf("thresholds that do not rise: %v", err)
	}
	h.must(h.SaveClub(t.Context(), 1, 0, defaults, []TierInput{{Name: "银", ThresholdFen: 1000, MultiplierBP: once}, {Name: "金", ThresholdFen: 5000, MultiplierBP: 2 * once, Benefits: []string{"包邮"}}}))
	_, err := h.SaveRule(t.Context(), 1, 0, 0, RuleInput{Name: "消费", EventKind: event.KindOrderPaid, PerFen: 100, Tiered: true, Enabled: true})
	h.must(err)
	buy := func(id int64, fen model.Fen) *model.CustomerOrder {
		at := h.clock.Now()
		o := &model.CustomerOrder{ID: id, Number: fmt.Sprint("n", id), CustomerID: 1, Status: "paid", PaidFen: fen, PlacedAt: at, PaidAt: &at}
		modeltest.Create(t, h.DB, o)
		h.tell(event.KindOrderPaid, o, int64(fen))
		return o
	}
	buy(1, 5000)
	h.has(1, 50, 0) // earned before the tier was
	buy(2, 1000)
	h.has(1, 70, 0) // twice 10
	a, err := h.Account(t.Context(), nil, 1)
	if err != nil || a.Tier.Level != 2 || a.Next != nil {
		t.Errorf("got %+v, %v", a, err)
	}
	if n := modeltest.Count[model.Event](t, h.DB, "kind = ?", event.KindTierChanged); n != 1 {
		t.Errorf("%d facts of one change", n)
	}
	h.clock.Advance(365*24*time.Hour + time.Minute)
	h.must(h.LookAtTiers(t.Context()))
	if a, _ = h.Account(t.Context(), nil, 1); a.Tier.Level != 2 {
		t.Errorf("in grace: level %d", a.Tier.Level)
	}
	h.clock.Advance(31 * 24 * time.Hour)
	h.must(h.LookAtTiers(t.Context()))
	h.must(h.LookAtTiers(t.Context()))
	if a, _ = h.Account(t.Context(), nil, 1); a.Tier.Level != 0 || a.Next.Level != 1 || a.Missing != 1000 {
		t.Errorf("after the grace: %+v", a)
	}
	if n := modeltest.Count[model.TierChange](t, h.DB); n != 2 {
		t.Errorf("%d changes", n)
	}
}

func TestRedeem(t *testing.T) {
	h := newHouse(t)
	for _, in := range []RewardInput{
		{Name: "", Kind: Gift, Price: 1}, {Name: "杯子", Kind: Gift}, {Name: "杯子", Kind: Gift, Price: 1, BatchID: 7}, {Name: "券", Kind: Coupon, Price: 1},
		{Name: "券", Kind: Coupon, Price: 1, BatchID: 8},
	} {
		if _, err := h.SaveReward(t.Context(), 1, 0, 0, in); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", in, err)
		}
	}
	cup, err := h.SaveReward(t.Context(), 1, 0, 0, RewardInput{Name: "杯子", Kind: Gift, Price: 30, Stock: 2, PerCustomer: 1, Enabled: true})
	h.must(err)
	voucher, err := h.SaveReward(t.Context(), 1, 0, 0, RewardInput{Name: "5 元券", Kind: Coupon, BatchID: 7, Price: 20, Enabled: true, MinLevel: 1})
	h.must(err)
	h.earn(1, 100, 0, "a")
	first, err := h.Redeem(t.Context(), 1, cup.ID, "request-1")
	if err != nil || first.State != ToHandOver {
		t.Fatalf("got %+v, %v", first, err)
	}
	if again, err := h.Redeem(t.Context(), 1, cup.ID, "request-1"); err != nil || again.ID != first.ID {
		t.Errorf("repeated: %+v, %v", again, err)
	}
	h.has(1, 70, 0)
	for _, tt := range []struct {
		name             string
		customer, reward int64
		request          string
		want             error
	}{
		{"the same request for something else", 1, voucher.ID, "request-1", ErrOtherBody},
		{"more than one may", 1, cup.ID, "request-2", ErrLimit},
		{"the tier", 1, voucher.ID, "request-3", ErrTier},
		{"too few points", 2, cup.ID, "request-4", ErrTooFew},
		{"no such reward", 1, 404, "request-5", ErrNotFound},
	} {
		if _, err := h.Redeem(t.Context(), tt.customer, tt.reward, tt.request); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	modeltest.Create(t, h.DB, &model.CustomerTier{CustomerID: 1, Level: 1, Since: noon, LookedAt: noon})
	h.refuse = errors.New("the batch is sold out")
	if _, err := h.Redeem(t.Context(), 1, voucher.ID, "request-6"); !errors.Is(err, h.refuse) {
		t.Errorf("the coupon is refused: %v", err)
	}
	h.has(1, 70, 0) // nothing was spent
	h.refuse = nil
	got, err := h.Redeem(t.Context(), 1, voucher.ID, "request-6")
	if err != nil || got.State != Done || got.CouponID != 7001 || h.grants["redeem:1:request-6"] != 1 {
		t.Errorf("got %+v, %v, %v", got, err, h.grants)
	}
	h.has(1, 50, 0)
	// Sold out, and put back.
	h.earn(2, 30, 0, "b")
	h.earn(3, 30, 0, "c")
	_, err = h.Redeem(t.Context(), 2, cup.ID, "request-7")
	h.must(err)
	if _, err := h.Redeem(t.Context(), 3, cup.ID, "request-8"); !errors.Is(err, ErrSoldOut) {
		t.Errorf("sold out: %v", err)
	}
	for range 2 {
		h.must(h.CancelRedemption(t.Context(), 9, first.ID, "缺货"))
	}
	h.has(1, 80, 0)
	if err := h.HandOver(t.Context(), 9, first.ID, ""); !errors.Is(err, ErrNotPossible) {
		t.Errorf("handed over after it was cancelled: %v", err)
	}
	third, err := h.Redeem(t.Context(), 3, cup.ID, "request-8")
	h.must(err)
	for range 2 {
		h.must(h.HandOver(t.Context(), 9, third.ID, "顺丰"))
	}
	list, err := h.Redemptions(t.Context(), RedemptionFilter{State: HandedOver, Limit: 10})
	if err != nil || len(list) != 1 || list[0].StaffID != 9 {
		t.Errorf("handed over: %+v, %v", list, err)
	}
}

// TestWhatEarns: what happens once to a customer, or is held by a bound, earns what its rule says, and nothing else does.
func TestWhatEarns(t *testing.T) {
	for _, kind := range []string{
		event.KindOrderPaid, event.KindOrderCompleted, event.KindProfileCompleted, event.KindProfileChanged, event.KindCustomerAdded, event.KindGroupJoined,
		event.KindReferralCounted,
	} {
		t.Run(kind, func(t *testing.T) {
			h := newHouse(t)
			_, err := h.SaveRule(t.Context(), 1, 0, 0, RuleInput{Name: "积分", EventKind: kind, Points: 30, InAll: 50, Enabled: true})
			h.must(err)
			h.tell(event.KindCustomerLeft, &model.CustomerOrder{CustomerID: 1}, 0)
			h.has(1, 0, 0)
			for i, want := range []int64{30, 50, 50} {
				at := noon
				o := &model.CustomerOrder{ID: int64(i + 1), Number: fmt.Sprint("n", i), CustomerID: 1, Status: "completed", PaidFen: 100, PlacedAt: noon, PaidAt: &at}
				modeltest.Create(t, h.DB, o)
				h.tell(kind, o, 100)
				h.has(1, want, 0)
			}
		})
	}
}

// TestReviewsAndSurveysEarn: of what other systems tell, a kind that operators have defined earns points, where the event says
// what the rule asks for and comes from where it has to, within the rule's bounds.
func TestReviewsAndSurveysEarn(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"review_posted", "survey_answered"} {
		_, err := h.Events.Define(t.Context(), event.Kind{
			Name: name, Zh: "评价", En: "Review", Class: event.ClassBehaviour, Properties: []event.Property{
				{Name: "stars", Zh: "星级", En: "Stars", Type: event.Integer}, {Name: "text", Zh: "内容", En: "Text", Type: event.Text},
			},
		})
		h.must(err)
	}
	review := RuleInput{
		Name: "带图评价", EventKind: "review_posted", Points: 20, PerDay: 30, Enabled: true,
		Where: []event.Match{{Property: "stars", Op: "at_least", Value: "4"}, {Property: "source", Op: "is", Value: "open"}},
	}
	r, err := h.SaveRule(t.Context(), 1, 0, 0, review)
	h.must(err)
	_, err = h.SaveRule(t.Context(), 1, 0, 0, RuleInput{Name: "问卷", EventKind: "survey_answered", Points: 50, InAll: 50, Enabled: true})
	h.must(err)
	say := func(customer int64, kind, source, payload string) {
		t.Helper()
		lastEvent++
		e := model.Event{ID: lastEvent, Kind: kind, CustomerID: customer, Source: source, Payload: payload, OccurredAt: h.clock.Now()}
		for range 2 { // at least once
			h.must(h.tx(func(tx *gorm.DB) error { return h.OnEvents(tx, []model.Event{e}) }))
		}
	}
	for _, tt := range []struct {
		name, kind, source, payload string
		sum                         int64
	}{
		{"too few stars", "review_posted", "open", `{"stars":3}`, 0},
		{"no stars at all", "review_posted", "open", `{"text":"5"}`, 0},
		{"told by the client itself", "review_posted", "miniapp", `{"stars":5}`, 0},
		{"as the rule asks", "review_posted", "open", `{"stars":4}`, 20},
		{"up to the day's bound", "review_posted", "open", `{"stars":5}`, 30},
		{"beyond it", "review_posted", "open", `{"stars":5}`, 30},
		{"a survey", "survey_answered", "miniapp", `{}`, 80},
		{"a second survey", "survey_answered", "miniapp", `{}`, 80},
	} {
		say(1, tt.kind, tt.source, tt.payload)
		if a, err := h.Account(t.Context(), nil, 1); err != nil || a.Balance != tt.sum {
			t.Errorf("%s: %d points, want %d, %v", tt.name, a.Balance, tt.sum, err)
		}
	}
	review.Where = review.Where[:1]
	if _, err = h.SaveRule(t.Context(), 1, r.ID, r.Version, review); err != nil {
		t.Fatal(err)
	}
	if list, err := h.Rules(t.Context()); err != nil || len(list) != 2 || len(list[0].Where) != 1 || len(list[1].Where) != 0 {
		t.Errorf("rules %+v, %v", list, err)
	}
	say(2, "review_posted", "miniapp", `{"stars":5}`)
	h.has(2, 20, 0)
}
