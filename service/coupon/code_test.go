package coupon

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

// take makes a code into a coupon as a customer does.
func (h *house) take(customer int64, code string) (*model.Coupon, error) {
	return h.TakeCode(h.t.Context(), IssueInput{CustomerID: customer, Code: code, Key: h.key(fmt.Sprint("customer:", customer)), Address: fmt.Sprint("10.0.0.", customer)})
}

// codes makes some.
func (h *house) codes(batch int64, n int64) []string {
	h.t.Helper()
	r, err := h.StartRun(h.t.Context(), 1, NewRun{BatchID: batch, Codes: n, Prefix: "VP"})
	if err != nil {
		h.t.Fatal(err)
	}
	h.work()
	if r, err = h.Run(h.t.Context(), r.ID); err != nil || r.State != RunDone || r.Done != n {
		h.t.Fatalf("run %+v, %v", r, err)
	}
	list, err := h.Codes(h.t.Context(), r.ID, 0, int(n)+1)
	if err != nil || int64(len(list)) != n {
		h.t.Fatalf("%d codes, %v", len(list), err)
	}
	return list
}

// TestS24_CodesCannotBeGuessed: what they are made of, what is kept of them, and what guessing brings.
func TestS24_CodesCannotBeGuessed(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.Claimable = false })
	codes := h.codes(b.ID, 50)
	seen := map[string]bool{}
	for _, c := range codes {
		seen[c] = true
		if strings.ContainsAny(c, "01ILO") || !strings.HasPrefix(c, "VP-") {
			t.Errorf("code %s", c)
		}
	}
	var kept []model.CouponCode
	if err := h.db.Find(&kept).Error; err != nil || len(seen) != 50 || len(kept) != 50 {
		t.Fatal(len(seen), len(kept), err)
	}
	for _, k := range kept {
		if len(k.CodeHash) != hashSize {
			t.Error("something else than a hash is kept")
		}
	}
	ended := h.batch(func(in *BatchInput) { in.Stock = 1; in.Claimable = false })
	two := h.codes(ended.ID, 2)
	must(h.take(3, two[0]))
	for name, code := range map[string]string{"unknown": "VP-222222-222222-222222", "taken": two[0], "sold out": two[1], "nothing": "------"} {
		if _, err := h.take(4, code); !errors.Is(err, ErrCode) || err.Error() != ErrCode.Error() {
			t.Errorf("%s looks different: %v", name, err)
		}
	}
	for i := range maxGuesses - 4 {
		if _, err := h.take(4, fmt.Sprint("VP-333333-44444", i)); !errors.Is(err, ErrCode) {
			t.Fatal(err)
		}
	}
	if _, err := h.take(4, codes[0]); !errors.Is(err, ErrGuesses) {
		t.Errorf("after %d wrong codes a right one: %v", maxGuesses, err)
	}
	h.clock.Advance(guessWindow + time.Millisecond)
	c := must(h.take(4, strings.ToLower(codes[0])))
	if c.Source != SourceCode || c.BatchID != b.ID {
		t.Errorf("coupon %+v", c)
	}
	h.reconciles()
}

// TestOneCodeThousandTries: of all who try one code at once, one gets a coupon.
func TestOneCodeThousandTries(t *testing.T) {
	h := newHouse(t)
	replicas := []*house{h, open(t, h.db, h.clock)}
	code := h.codes(h.batch(func(in *BatchInput) { in.Stock = 5000 }).ID, 1)[0]
	tries := 1000
	if testing.Short() {
		tries = 200
	}
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range tries {
		wg.Go(func() {
			_, err := replicas[i%2].Issue(t.Context(), IssueInput{CustomerID: int64(1 + i), Source: SourceCode, Code: code, Key: h.key("customer")})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, ErrCode) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || modeltest.Count[model.Coupon](t, h.db) != 1 {
		t.Errorf("%d won", won.Load())
	}
	h.reconciles()
}

func TestCheckLetter(t *testing.T) {
	code := codeText([]byte("secret"), 7)
	for i := range len(code) - 1 {
		for _, l := range letters {
			wrong := code[:i] + string(l) + code[i+1:]
			if wrong != code && checkLetter(wrong[:codeRandom]) == wrong[codeRandom] {
				t.Fatalf("%s passes for %s", wrong, code)
			}
		}
	}
}

func TestGenericAndImportedCodes(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.Claimable = false })
	if n := must(h.AddCodes(t.Context(), b.ID, []string{"SPRING2026"}, false)); n != 1 {
		t.Errorf("%d added", n)
	}
	for who := int64(1); who <= 3; who++ {
		must(h.take(who, "spring 2026"))
	}
	if _, err := h.take(1, "SPRING2026"); !errors.Is(err, ErrLimit) {
		t.Errorf("a second time: %v", err)
	}
	own := []string{"ABCD-0001", "ABCD-0002", "ABCD-0001"}
	if n := must(h.AddCodes(t.Context(), b.ID, own, true)); n != 2 {
		t.Errorf("%d of two added", n)
	}
	must(h.take(9, "abcd0001"))
	if _, err := h.take(10, "ABCD-0001"); !errors.Is(err, ErrCode) {
		t.Errorf("a single one twice: %v", err)
	}
}

// TestPassChanges: the code in the shop is good for its half minute, and for the one who shows it.
func TestPassChanges(t *testing.T) {
	h := newHouse(t)
	c := h.has(h.batch(func(in *BatchInput) { in.Transferable = true }).ID, 7)
	if _, err := h.Pass(t.Context(), 8, c.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	p := must(h.Pass(t.Context(), 7, c.ID))
	if got := must(h.CouponOfPass(t.Context(), strings.ToLower(p.Code))); got.ID != c.ID {
		t.Errorf("coupon %d", got.ID)
	}
	flipped := []byte(p.Code)
	if flipped[len(flipped)-1]++; flipped[len(flipped)-1] > 'Z' {
		flipped[len(flipped)-1] = '2'
	}
	if _, err := h.CouponOfPass(t.Context(), string(flipped)); !errors.Is(err, ErrPass) {
		t.Errorf("forged: %v", err)
	}
	h.clock.Advance(p.ChangesAt.Sub(h.clock.Now()) + passGrace - time.Millisecond)
	if _, err := h.CouponOfPass(t.Context(), p.Code); err != nil {
		t.Errorf("on its way to the other screen: %v", err)
	}
	h.clock.Advance(time.Millisecond)
	if _, err := h.CouponOfPass(t.Context(), p.Code); !errors.Is(err, ErrPass) {
		t.Errorf("a screenshot: %v", err)
	}
	modeltest.Create(t, h.db, &model.Customer{ID: 8, FirstSeenAt: noon})
	p = must(h.Pass(t.Context(), 7, c.ID))
	must(h.Transfer(t.Context(), Act{Key: h.key("customer:7"), CouponID: c.ID, OwnerID: 7}, 8))
	if _, err := h.CouponOfPass(t.Context(), p.Code); !errors.Is(err, ErrPass) {
		t.Errorf("after it was given away: %v", err)
	}
	h.wantFacts("coupon.issued", "coupon.given", "coupon.received")
	for kind, whose := range map[string]int64{event.KindCouponGiven: 7, event.KindCouponReceived: 8} {
		if n := modeltest.Count[model.Event](t, h.db, "kind = ? AND customer_id = ?", kind, whose); n != 1 {
			t.Errorf("%d facts %s of customer %d", n, kind, whose)
		}
	}
	h.reconciles()
}

func TestBulkIssue(t *testing.T) {
	h := newHouse(t)
	b := h.batch(func(in *BatchInput) { in.Stock = 10_000 })
	modeltest.Create(t, h.db, &model.Segment{ID: 3, Name: "all"})
	var rows []*model.SegmentMember
	for id := int64(1); id <= 450; id++ {
		rows = append(rows, &model.SegmentMember{SegmentID: 3, CustomerID: id, Stay: 1, EnteredAt: noon})
	}
	modeltest.Create(t, h.db, &rows)
	h.has(b.ID, 7)
	r := must(h.StartRun(t.Context(), 1, NewRun{BatchID: b.ID, SegmentID: 3}))
	h.work()
	if r = must(h.Run(t.Context(), r.ID)); r.State != RunDone || r.Done != 450 || r.Changed != 449 || r.Refused != 1 {
		t.Errorf("run %+v", r)
	}
	named := must(h.StartRun(t.Context(), 1, NewRun{BatchID: b.ID, CustomerIDs: []int64{900, 901, 7}}))
	h.work()
	if named = must(h.Run(t.Context(), named.ID)); named.State != RunDone || named.Changed != 2 {
		t.Errorf("run %+v", named)
	}
	h.reconciles()
}

// TestS52_LargeBatchesNeedASecondPerson: who made or submitted one can't approve it.
func TestS52_LargeBatchesNeedASecondPerson(t *testing.T) {
	h := newHouse(t)
	in := tenOff()
	in.Stock = Large.Coupons + 1
	b := must(h.CreateBatch(t.Context(), 1, in))
	if _, err := h.SetState(t.Context(), b.ID, BatchActive); !errors.Is(err, ErrState) {
		t.Errorf("activated without being submitted: %v", err)
	}
	b = must(h.Submit(t.Context(), 2, b.ID))
	for _, who := range []int64{1, 2} {
		if _, err := h.Approve(t.Context(), who, b.ID, b.Version, true); !errors.Is(err, ErrOwn) {
			t.Errorf("approved by %d: %v", who, err)
		}
	}
	b = must(h.Approve(t.Context(), 3, b.ID, b.Version, true))
	h.has(b.ID, 7)
	in.Stock *= 2
	b = must(h.UpdateBatch(t.Context(), 1, b.ID, b.Version, in))
	if b.State != BatchPaused {
		t.Errorf("enlarged, it is %s", b.State)
	}
	if _, err := h.SetState(t.Context(), b.ID, BatchActive); !errors.Is(err, ErrApproval) {
		t.Errorf("resumed without approval: %v", err)
	}
	in.Terms = []byte(`{"off_fen":2000}`)
	if _, err := h.UpdateBatch(t.Context(), 1, b.ID, b.Version, in); !errors.Is(err, ErrFixed) {
		t.Errorf("worth more while coupons are out: %v", err)
	}
}

func TestReviewVoidExtend(t *testing.T) {
	h := newHouse(t)
	end := noon.Add(time.Hour)
	b := h.batch(func(in *BatchInput) { in.ReviewAt, in.ValidUntil, in.RemindDays, in.PerCustomer = 40, &end, 1, 5 })
	take := func(who int64) *model.Coupon {
		return must(h.Issue(t.Context(), IssueInput{BatchID: b.ID, CustomerID: who, Source: SourceClaim, Device: "one", Key: h.key("customer")}))
	}
	first, held, bad := take(1), take(2), take(3)
	h.wantFacts("coupon.issued")
	must(h.Review(t.Context(), Act{Key: h.key("staff"), CouponID: held.ID}, true))
	must(h.Review(t.Context(), Act{Key: h.key("staff"), CouponID: bad.ID}, false))
	h.wantFacts("coupon.issued", "coupon.issued")
	must(h.Void(t.Context(), Act{Key: h.key("staff"), CouponID: first.ID}))
	if _, err := h.Void(t.Context(), Act{Key: h.key("staff"), CouponID: first.ID}); !errors.Is(err, ErrMove) {
		t.Errorf("void twice: %v", err)
	}
	h.clock.Advance(2 * time.Hour)
	if err := h.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(h.Extend(t.Context(), Act{Key: h.key("staff"), CouponID: held.ID}, h.clock.Now().Add(48*time.Hour)))
	h.clock.Advance(25 * time.Hour)
	for range 2 {
		if err := h.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.wantFacts("coupon.issued", "coupon.issued", "coupon.voided", "coupon.expired", "coupon.extended", "coupon.expiring")
	must(h.redeem(2, bill("A1", 5000), held.ID))
	h.reconciles()
}
