package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/coupon"
	"zhiyin/service/event"
	"zhiyin/service/outreach"
	"zhiyin/service/segment"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
)

// postman is a channel that looks, whenever it delivers, whether the recipients have the coupons that they are told of.
type postman struct {
	db    *gorm.DB
	batch int           // deliveries a call
	hang  chan struct{} // Prepare waits for its end, and then fails

	mu    sync.Mutex
	told  map[int64]int // messages, by customer
	empty int           // of them, to those without a coupon that is theirs
	hung  int
}

func (p *postman) Describe() outreach.Description {
	return outreach.Description{Name: "post", Batch: p.batch}
}

func (p *postman) Prepare(_ context.Context, claimed []outreach.Delivery) (calls []outreach.Call, _ []outreach.Refusal, _ error) {
	if p.hang != nil { // after the claim and before any message
		p.mu.Lock()
		p.hung++
		p.mu.Unlock()
		<-p.hang
		return nil, nil, errors.New("the process ends")
	}
	for part := range slices.Chunk(claimed, p.batch) {
		calls = append(calls, outreach.Call{Deliveries: part})
	}
	return calls, nil, nil
}

func (p *postman) Send(ctx context.Context, c outreach.Call) (outreach.Outcome, error) {
	var ids []int64
	for _, d := range c.Deliveries {
		ids = append(ids, d.CustomerID)
	}
	var having int64
	err := p.db.WithContext(ctx).Model(&model.Coupon{}).Where("source = 'campaign' AND campaign_id = ? AND customer_id IN ? AND state = 'usable'", c.Deliveries[0].SourceID, ids).
		Distinct("customer_id").Count(&having).Error
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		p.told[id]++
	}
	p.empty += len(ids) - int(having)
	return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateAccepted}}, err
}

func (p *postman) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, errors.ErrUnsupported
}

func (p *postman) messages() map[int64]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.told)
}

// shop is a house whose messages really leave, by any number of replicas, and that has coupons.
type shop struct {
	*house
	dsn    string
	post   *postman
	sender *outreach.Service
}

func newShop(t testing.TB) *shop {
	dsn := modeltest.DSN(t)
	s := &shop{house: openHouse(t, modeltest.Open(t, dsn)), dsn: dsn}
	s.post = &postman{db: s.db, batch: 10, told: map[int64]int{}}
	s.Service = s.replica(s.db)
	s.sender = s.Ledger.(*outreach.Service)
	return s
}

// replica is another process over a database, with all that it has of its own.
func (s *shop) replica(db *gorm.DB) *Service {
	queue := work.New(db, s.clock.Now)
	sender := outreach.New(outreach.Deps{DB: db, Now: s.clock.Now, Logger: s.Logger})
	sender.Register(s.post)
	d := s.Deps
	d.DB, d.Queue, d.Ledger = db, queue, sender
	d.Coupons = coupon.New(coupon.Deps{
		DB: db, Events: event.New(queue, s.clock.Now, event.Options{DB: db, Zone: shanghai}), Queue: queue, Now: s.clock.Now, Zone: shanghai,
		Segments: segment.Membership{DB: db}, Vault: vaulttest.New(s.t), Key: []byte("0123456789abcdef0123456789abcdef"),
	})
	campaigns := New(d)
	sender.Gives(Source, campaigns)
	return campaigns
}

// batch is an active batch of ten yuan off.
func (s *shop) batch(change func(*coupon.BatchInput)) *model.CouponBatch {
	s.t.Helper()
	until := noon.AddDate(0, 1, 0)
	in := coupon.BatchInput{Name: "十元券", Kind: "amount_off", Terms: json.RawMessage(`{"off_fen":1000}`), Stock: 1000, PerCustomer: 1, ValidUntil: &until, Claimable: true}
	change(&in)
	b, err := s.Coupons.CreateBatch(s.t.Context(), 1, in)
	s.must(err)
	b, err = s.Coupons.Submit(s.t.Context(), 1, b.ID)
	s.must(err)
	return b
}

// giving is a campaign that gives a batch's coupons to a segment.
func (s *shop) giving(batch int64, change func(*Definition)) Definition {
	d := s.definition()
	d.Channel, d.Variants[0].BatchID = "post", batch
	change(&d)
	return d
}

// send lets senders work until a condition holds.
func (s *shop) send(what string, done func() bool, senders ...*outreach.Service) {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	var all sync.WaitGroup
	for _, one := range senders {
		all.Go(func() { one.Run(ctx) })
	}
	defer func() { stop(); all.Wait() }()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("still not: %s; %v", what, s.reasons())
		}
	}
}

// settled tells whether nothing waits to be sent.
func (s *shop) settled() bool {
	return s.deliveries("state IN ?", []outreach.State{outreach.Planned, outreach.Claimed, outreach.InDoubt}) == 0
}

// reasons counts deliveries by what became of them.
func (s *shop) reasons() map[string]int64 {
	s.t.Helper()
	var rows []struct {
		State  outreach.State
		Reason string
		N      int64
	}
	s.must(s.db.Model(&model.Delivery{}).Select("state, reason, COUNT(*) AS n").Group("state, reason").Find(&rows).Error)
	out := map[string]int64{}
	for _, r := range rows {
		out[strings.TrimSpace(r.State.String()+" "+r.Reason)] = r.N
	}
	return out
}

func (s *shop) wantReasons(want map[string]int64) {
	s.t.Helper()
	if got := s.reasons(); !maps.Equal(got, want) {
		s.t.Errorf("deliveries %v, want %v", got, want)
	}
}

func (s *shop) issued(cond string, args ...any) int64 {
	return modeltest.Count[model.Coupon](s.t, s.db, append([]any{cond}, args...)...)
}

// checks that everybody who was told of a coupon had it, once, and that the books are right.
func (s *shop) checks() {
	s.t.Helper()
	if s.post.empty > 0 {
		s.t.Errorf("%d were told of coupons that they don't have", s.post.empty)
	}
	for id, n := range s.post.messages() {
		if n != 1 {
			s.t.Errorf("customer %d was written to %d times", id, n)
		}
	}
	b, err := s.Coupons.ReconcileNow(s.t.Context())
	s.must(err)
	if b.Wrong != 0 {
		s.t.Errorf("%d findings: %s", b.Wrong, b.Findings)
	}
}

// TestACampaignGivesCoupons: who gets the message gets a coupon of the variant's batch, once; who can't be given one gets no message, and the
// ledger says why; those held out get nothing. The report tells what came of them.
func TestACampaignGivesCoupons(t *testing.T) {
	s := newShop(t)
	s.enter(s.segment, upTo(60)...)
	chosen := s.newSegment("可领", upTo(58)...)
	few := s.batch(func(in *coupon.BatchInput) { in.Stock, in.SegmentID = 30, chosen })
	for _, id := range []int64{3, 4} { // have had theirs
		_, err := s.Coupons.Issue(t.Context(), coupon.IssueInput{BatchID: few.ID, CustomerID: id, Source: coupon.SourceClaim, Key: coupon.Key{Whose: "test", Name: fmt.Sprint("claimed:", id)}})
		s.must(err)
	}
	c, run := s.launched(s.giving(few.ID, func(d *Definition) { d.HoldoutBP = 2000 }))
	// Who is held out follows from the code: from this one, some of each kind are not.
	s.must(s.db.Model(&model.Campaign{}).Where("id = ?", c.ID).UpdateColumn("code", "ashareofall").Error)
	s.work(run)
	if n := s.issued("source = 'campaign'"); n != 0 {
		t.Fatalf("%d were given before any message left", n)
	}
	s.send("all are settled", s.settled, s.sender)
	s.checks()

	run = s.run(c.ID)
	sends := run.Members - run.HeldOut
	var among []int64
	s.must(s.db.Model(&model.CampaignMember{}).Where("variant_id > 0 AND customer_id IN ?", []int64{3, 4, 59, 60}).Pluck("customer_id", &among).Error)
	if run.HeldOut < 5 || len(among) < 2 || sends < 35 {
		t.Fatalf("nothing is shown by %d members, %d held out, %v", run.Members, run.HeldOut, among)
	}
	limit, others := int64(0), int64(0)
	for _, id := range among {
		if id < 5 {
			limit++
		} else {
			others++
		}
	}
	// Sold out is what is asked first, so those of the audience that is refused may hear it too.
	if s.reasons()["accepted"] != 28 || s.issued("source = 'campaign'") != 28 {
		t.Errorf("deliveries %v; %d given", s.reasons(), s.issued("source = 'campaign'"))
	}
	gone := s.reasons()
	if gone["suppressed coupon:limit"] != limit || gone["suppressed coupon:sold_out"]+gone["suppressed coupon:not_for_you"] != sends-28-limit {
		t.Errorf("deliveries %v; %d had theirs, %d others", gone, limit, others)
	}
	if n := s.issued("source = 'campaign' AND campaign_id = ? AND source_id = ? AND step = 'A'", c.ID, run.ID); n != 28 {
		t.Errorf("%d know their campaign, run and variant", n)
	}
	if n := modeltest.Count[model.Coupon](t, s.db, "source = 'campaign' AND customer_id IN (SELECT customer_id FROM campaign_member WHERE variant_id = 0)"); n != 0 {
		t.Errorf("%d of those held out were given one", n)
	}

	var mine []model.Coupon
	s.must(s.db.Where("source = 'campaign'").Order("id").Limit(2).Find(&mine).Error)
	for i, m := range mine {
		_, err := s.Coupons.Redeem(t.Context(), coupon.UseInput{
			Key: coupon.Key{Whose: "till", Name: fmt.Sprint("redeemed:", i)}, CustomerID: m.CustomerID, Coupons: []int64{m.ID},
			Bill: coupon.Bill{Order: fmt.Sprint("T", i), Lines: []coupon.Line{{Line: 1, Quantity: 1, PriceFen: 5000}}},
		})
		s.must(err)
	}
	rep, err := s.Report(t.Context(), c.ID, run.ID)
	s.must(err)
	want := []coupon.CampaignReport{{BatchID: few.ID, Source: "campaign", Variant: "A", Issued: 28, Used: 2, SavedFen: 2000, PaidFen: 8000, Orders: 2}}
	if !slices.Equal(rep.Coupons, want) {
		t.Errorf("report %+v, want %+v", rep.Coupons, want)
	}
	if rep.Arms[0].Members != 0 && rep.Arms[0].Members != sends {
		t.Errorf("the arm has %d of %d: who was given none stays in it", rep.Arms[0].Members, sends)
	}
}

// TestMessagesWaitForTheirCoupons: while a batch is paused, and while a coupon is looked at because of signs of fraud.
func TestMessagesWaitForTheirCoupons(t *testing.T) {
	s := newShop(t)
	s.enter(s.segment, 1, 2, 3)
	b := s.batch(func(in *coupon.BatchInput) { in.ReviewAt = 50 })
	for i := range 3 { // customer 1 gives back whatever they buy with coupons, and customer 2 does too
		for _, id := range []int64{1, 2} {
			modeltest.Create(t, s.db, &model.CouponUse{CustomerID: id, State: coupon.UseRolledBack, OrderNumber: fmt.Sprint(i), Bill: "{}", CreatedAt: noon, UpdatedAt: noon})
		}
	}
	_, err := s.Coupons.SetState(t.Context(), b.ID, coupon.BatchPaused)
	s.must(err)
	c := s.create(s.giving(b.ID, func(*Definition) {}))
	if err := s.Launch(t.Context(), author, c.ID); !errors.Is(err, ErrInvalid) {
		t.Errorf("launched while its batch is paused: %v", err)
	}
	_, err = s.Coupons.SetState(t.Context(), b.ID, coupon.BatchActive)
	s.must(err)
	s.must(s.Launch(t.Context(), author, c.ID))
	s.must(s.Tick(t.Context()))
	s.work(s.run(c.ID))
	_, err = s.Coupons.SetState(t.Context(), b.ID, coupon.BatchPaused)
	s.must(err)
	s.send("all wait", func() bool { return s.reasons()["planned coupon:paused"] == 3 }, s.sender)
	_, err = s.Coupons.SetState(t.Context(), b.ID, coupon.BatchActive)
	s.must(err)
	s.clock.Advance(pausedWait + time.Second)
	s.send("two wait for a look", func() bool { return s.reasons()["planned coupon:review"] == 2 && s.reasons()["accepted"] == 1 }, s.sender)
	for id, yes := range map[int64]bool{1: true, 2: false} {
		var row model.Coupon
		s.must(s.db.Where("customer_id = ? AND source = 'campaign'", id).Take(&row).Error)
		s.must(s.review(row.ID, yes))
	}
	s.clock.Advance(reviewWait + time.Second)
	s.send("all are settled", s.settled, s.sender)
	s.wantReasons(map[string]int64{"accepted": 2, "suppressed coupon:void": 1})
	s.checks()
}

func (s *shop) review(couponID int64, yes bool) error {
	_, err := s.Coupons.Review(s.t.Context(), coupon.Act{Key: coupon.Key{Whose: "staff:1", Name: fmt.Sprint("review:", couponID)}, CouponID: couponID, StaffID: 1, Reason: "看过"}, yes)
	return err
}

// TestNobodyIsToldOfASpentBudget: a coupon that can't be used is no gift. A campaign of a batch that gives nothing any more doesn't begin.
func TestNobodyIsToldOfASpentBudget(t *testing.T) {
	s := newShop(t)
	s.enter(s.segment, upTo(5)...)
	b := s.batch(func(in *coupon.BatchInput) { in.BudgetFen = 1000 })
	c, run := s.launched(s.giving(b.ID, func(*Definition) {}))
	s.work(run)
	later := s.create(s.giving(b.ID, func(d *Definition) { at := noon.Add(time.Hour); d.Schedule.At = &at }))
	s.must(s.Launch(t.Context(), author, later.ID))
	s.must(s.db.Model(&model.CouponBudget{}).Where("batch_id = ?", b.ID).UpdateColumns(map[string]any{"used_count": 1, "used_fen": 1000}).Error)
	s.send("all are settled", s.settled, s.sender)
	s.wantReasons(map[string]int64{"suppressed coupon:budget": 5})
	s.clock.Advance(time.Hour)
	s.must(s.Tick(t.Context()))
	if c := s.now(later.ID); c.State != StatePaused || c.Runs != 0 || !strings.Contains(c.Reason, "十元券") {
		t.Errorf("%s, %d runs, %s", c.State, c.Runs, c.Reason)
	}
	if err := s.Launch(t.Context(), author, s.create(s.giving(b.ID, func(*Definition) {})).ID); !errors.Is(err, ErrInvalid) {
		t.Errorf("launched with a spent budget: %v", err)
	}
	if n := s.issued("campaign_id = ?", c.ID); n != 0 {
		t.Errorf("%d were given", n)
	}
}

// TestF3_StoppedBetweenCouponAndMessage: the process is gone after the coupons were given and before any message left. Whoever goes on gives
// none a second time.
func TestF3_StoppedBetweenCouponAndMessage(t *testing.T) {
	s := newShop(t)
	s.enter(s.segment, upTo(50)...)
	b := s.batch(func(in *coupon.BatchInput) { in.PerCustomer = 0 })
	c, run := s.launched(s.giving(b.ID, func(*Definition) {}))
	s.work(run)
	s.post.hang = make(chan struct{})
	s.send("it hangs", func() bool {
		s.post.mu.Lock()
		defer s.post.mu.Unlock()
		if s.post.hung > 0 {
			close(s.post.hang)
		}
		return s.post.hung > 0
	}, s.sender)
	if n := s.issued("campaign_id = ?", c.ID); n != 50 || len(s.post.messages()) != 0 {
		t.Fatalf("%d given, %d written to", n, len(s.post.messages()))
	}
	s.post.hang = nil
	s.clock.Advance(time.Minute)
	s.send("all are settled", s.settled, s.replica(modeltest.Open(t, s.dsn)).Ledger.(*outreach.Service))
	if n := s.issued("campaign_id = ?", c.ID); n != 50 || len(s.post.messages()) != 50 {
		t.Errorf("%d given, %d written to", n, len(s.post.messages()))
	}
	s.checks()
}

// TestTwoReplicasGiveFromOneStock: two processes send one campaign, whose stock is smaller than its audience, while customers claim from it.
func TestTwoReplicasGiveFromOneStock(t *testing.T) {
	s := newShop(t)
	s.post.batch = 1
	const people, stock, claims = 1200, 800, 100
	s.enter(s.segment, upTo(people)...)
	b := s.batch(func(in *coupon.BatchInput) { in.Stock = stock })
	s.ApprovalAbove = people + 1
	_, run := s.launched(s.giving(b.ID, func(*Definition) {}))
	s.work(run)
	other := s.replica(modeltest.Open(t, s.dsn))
	var claiming sync.WaitGroup
	for n := range claims {
		claiming.Go(func() {
			id := int64(people + 1 + n)
			_, err := other.Coupons.Issue(t.Context(), coupon.IssueInput{BatchID: b.ID, CustomerID: id, Source: coupon.SourceClaim, Key: coupon.Key{Whose: "test", Name: fmt.Sprint("claimed:", id)}})
			if err != nil && !errors.Is(err, coupon.ErrSoldOut) {
				t.Error(err)
			}
		})
	}
	s.send("all are settled", s.settled, s.sender, other.Ledger.(*outreach.Service))
	claiming.Wait()
	s.checks()
	given, claimed := s.issued("source = 'campaign'"), s.issued("source = 'claim'")
	if given+claimed != stock || int(given) != len(s.post.messages()) {
		t.Errorf("%d given, %d claimed of %d; %d written to", given, claimed, stock, len(s.post.messages()))
	}
	s.wantReasons(map[string]int64{"accepted": given, "suppressed coupon:sold_out": people - given})
}

// TestMuchWorthNeedsASecondPerson: however few people, coupons worth more than one person may give away wait for another; the estimate says
// beforehand what they would take, and whether stock and budget suffice.
func TestMuchWorthNeedsASecondPerson(t *testing.T) {
	s := newShop(t)
	s.enter(s.segment, upTo(50)...)
	s.Coupons.ApproveFrom = coupon.Size{Coupons: 1000, Fen: 39_999}
	b := s.batch(func(in *coupon.BatchInput) { in.Stock, in.Terms = 39, json.RawMessage(`{"off_fen":1000}`) })
	d := s.giving(b.ID, func(d *Definition) { d.HoldoutBP = 2000 })
	want := coupon.Outlook{BatchID: b.ID, Name: "十元券", Coupons: 40, CostFen: 39_000, Stock: 39, BudgetCount: -1, BudgetFen: -1}
	if e, err := s.Estimate(t.Context(), d); err != nil || len(e.Coupons) != 1 || e.Coupons[0] != want {
		t.Errorf("estimate %+v, %v; want %+v", e.Coupons, err, want)
	}
	c := s.create(d)
	s.must(s.Launch(t.Context(), author, c.ID))
	if c = s.now(c.ID); c.State != StateScheduled {
		t.Errorf("39 coupons: %s, %s", c.State, c.Reason)
	}

	in := coupon.BatchInput{Name: b.Name, Kind: b.Kind, Terms: json.RawMessage(b.Terms), Stock: 40, PerCustomer: 1, ValidUntil: b.ValidUntil, Claimable: true}
	_, err := s.Coupons.UpdateBatch(t.Context(), 1, b.ID, b.Version, in)
	s.must(err)
	b, err = s.Coupons.Submit(t.Context(), 1, b.ID)
	s.must(err)
	_, err = s.Coupons.Approve(t.Context(), 2, b.ID, b.Version, true)
	s.must(err)
	want.CostFen, want.Stock, want.Enough = 40_000, 40, true
	if e, err := s.Estimate(t.Context(), d); err != nil || e.Coupons[0] != want {
		t.Errorf("estimate %+v, %v; want %+v", e.Coupons, err, want)
	}
	c = s.create(d)
	s.must(s.Launch(t.Context(), author, c.ID))
	if c = s.now(c.ID); c.State != StateAsked || !strings.Contains(c.Reason, "40 张券、最多 400.00 元") {
		t.Errorf("40 coupons: %s, %s", c.State, c.Reason)
	}
	if err := s.Approve(t.Context(), author, c.ID, c.Version); !errors.Is(err, ErrOwnApproval) {
		t.Errorf("approved by its author: %v", err)
	}
	s.must(s.Approve(t.Context(), reviewer, c.ID, c.Version))
	s.must(s.Tick(t.Context()))
	s.work(s.run(c.ID))
	if n := s.deliveries("source_id = ?", c.ID); n == 0 {
		t.Error("nothing was planned after the approval")
	}
}

// TestVariantsGiveTheirOwn: each variant gives of its own batch, or nothing; a copy gives the same; groups are given nothing.
func TestVariantsGiveTheirOwn(t *testing.T) {
	s := newShop(t)
	s.enter(s.segment, upTo(40)...)
	one, two := s.batch(func(*coupon.BatchInput) {}), s.batch(func(*coupon.BatchInput) {})
	d := s.giving(one.ID, func(d *Definition) {
		d.Variants = []Variant{{Name: "甲", ShareBP: 4000, MessageID: 7, BatchID: one.ID}, {Name: "乙", ShareBP: 3000, MessageID: 8, BatchID: two.ID}, {Name: "丙", ShareBP: 3000, MessageID: 9}}
	})
	first := s.create(d)
	c, err := s.Copy(t.Context(), author, first.ID, "再来一次")
	s.must(err)
	s.must(s.Launch(t.Context(), author, c.ID))
	s.must(s.Tick(t.Context()))
	s.work(s.run(c.ID))
	s.send("all are settled", s.settled, s.sender)
	for i, v := range s.now(c.ID).Definition.Variants {
		given, sent := s.issued("campaign_id = ? AND step = ? AND batch_id = ?", c.ID, v.Name, v.BatchID), s.deliveries("step = ?", Step(1, v.Name))
		if v.BatchID != d.Variants[i].BatchID || sent == 0 || v.BatchID != 0 && given != sent || v.BatchID == 0 && given != 0 {
			t.Errorf("%s gives of %d: %d coupons, %d messages", v.Name, v.BatchID, given, sent)
		}
	}
	s.must(s.Delete(t.Context(), first.ID))
	if n := modeltest.Count[model.CampaignCoupon](t, s.db); n != 2 {
		t.Errorf("%d rows say what variants give, want those of the copy", n)
	}
	d.Audience, d.Channel = Audience{Groups: []int64{1}}, "group_mass"
	if _, err := s.Create(t.Context(), author, d); !errors.Is(err, ErrInvalid) {
		t.Errorf("groups are given coupons: %v", err)
	}
}
