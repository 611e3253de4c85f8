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

func transferable(in *BatchInput) { in.Transferable = true }

// people are customers by their row ids.
func (h *house) people(ids ...int64) {
	for _, id := range ids {
		modeltest.Create(h.t, h.db, &model.Customer{ID: id, FirstSeenAt: noon})
	}
}

func (h *house) give(customer, couponID int64) (*Gift, error) {
	return h.Give(h.t.Context(), GiftInput{Key: h.key(fmt.Sprint("customer:", customer)), CustomerID: customer, CouponID: couponID})
}

func (h *house) takeGift(customer int64, code string) (*model.Coupon, error) {
	return h.Take(h.t.Context(), TakeGift{Key: h.key(fmt.Sprint("customer:", customer)), CustomerID: customer, Code: code})
}

// TestGift: a coupon that is given away waits for whoever has the code, and is theirs once they take it.
func TestGift(t *testing.T) {
	h := newHouse(t)
	h.people(7, 8, 9)
	c := h.has(h.batch(transferable).ID, 7)
	if _, err := h.give(8, c.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	in := GiftInput{Key: Key{"customer:7", "the-same-gift"}, CustomerID: 7, CouponID: c.ID}
	g := must(h.Give(t.Context(), in))
	if again := must(h.Give(t.Context(), in)); again.ID != g.ID || again.Code != g.Code || len(normalCode(g.Code)) != codeLength || g.State != GiftOpen || !g.ExpiresAt.Equal(noon.Add(DefaultGift)) {
		t.Errorf("gift %+v, and again %+v", g, again)
	}
	// While it waits it is good for nothing.
	if _, err := h.redeem(7, bill("o1", 5000), c.ID); !errors.Is(err, ErrRefused) {
		t.Errorf("used while it waits: %v", err)
	}
	if _, err := h.Pass(t.Context(), 7, c.ID); !errors.Is(err, ErrMove) {
		t.Errorf("shown while it waits: %v", err)
	}
	if _, err := h.give(7, c.ID); !errors.Is(err, ErrMove) {
		t.Errorf("given twice: %v", err)
	}
	h.reconciles()
	if _, err := h.takeGift(7, g.Code); !errors.Is(err, ErrOwnGift) {
		t.Errorf("taken by the giver: %v", err)
	}
	ask := TakeGift{Key: Key{"customer:8", "the-same-take"}, CustomerID: 8, Code: strings.ToLower(g.Code)}
	if look := must(h.LookAtGift(t.Context(), ask)); look.Item.Batch.Name != "十元券" {
		t.Errorf("looked at %+v", look)
	}
	for range 2 {
		got := must(h.Take(t.Context(), ask))
		if got.ID != c.ID || got.CustomerID != 8 || got.State != Usable || got.ClaimerID != 7 {
			t.Errorf("taken %+v", got)
		}
	}
	if _, err := h.takeGift(9, g.Code); !errors.Is(err, ErrGiftTaken) {
		t.Errorf("taken by a second: %v", err)
	}
	if _, err := h.Withdraw(t.Context(), h.key("customer:7"), 7, g.ID); !errors.Is(err, ErrGiftTaken) {
		t.Errorf("withdrawn after it was taken: %v", err)
	}
	if list := must(h.Gifts(t.Context(), GiftFilter{CustomerID: 7}, 0, 10)); len(list) != 1 || list[0].TakerID != 8 || list[0].Code != "" {
		t.Errorf("gifts %+v", list)
	}
	must(h.redeem(8, bill("o1", 5000), c.ID))
	h.wantFacts("coupon.issued", event.KindGiftOpened, event.KindCouponGiven, event.KindCouponReceived, "coupon.redeemed")
	h.reconciles()
}

// TestGiftsThatMayNotBe: what keeps a coupon from being given, and somebody from taking it.
func TestGiftsThatMayNotBe(t *testing.T) {
	for _, tt := range []struct {
		name   string
		batch  func(in *BatchInput)
		before func(h *house, b *model.CouponBatch) // between giving and taking
		give   error
		take   error
	}{
		{"not of this batch", func(in *BatchInput) { in.Transferable = false }, nil, ErrFixedTo, nil},
		{"any number of hops", nil, nil, nil, nil},
		{"the audience", func(in *BatchInput) { in.SegmentID = 3 }, nil, nil, ErrAudience},
		{"the limit for one customer", nil, func(h *house, b *model.CouponBatch) { h.has(b.ID, 8) }, nil, ErrLimit},
		{"the limit for one day", func(in *BatchInput) { in.PerCustomer, in.PerDay = 5, 1 }, func(h *house, b *model.CouponBatch) { h.has(b.ID, 8) }, nil, ErrDayLimit},
		{"a higher limit", func(in *BatchInput) { in.PerCustomer = 2 }, func(h *house, b *model.CouponBatch) { h.has(b.ID, 8) }, nil, nil},
		{"paused meanwhile", nil, func(h *house, b *model.CouponBatch) { must(h.SetState(h.t.Context(), b.ID, BatchPaused)) }, nil, ErrClosed},
		{"ended meanwhile", nil, func(h *house, b *model.CouponBatch) { must(h.SetState(h.t.Context(), b.ID, BatchEnded)) }, nil, nil},
		{"its time is over", nil, func(h *house, _ *model.CouponBatch) { h.clock.Advance(DefaultGift) }, nil, ErrGiftOver},
		{"a moment before", nil, func(h *house, _ *model.CouponBatch) { h.clock.Advance(DefaultGift - time.Millisecond) }, nil, nil},
		{"somebody else stands for the taker", nil, func(h *house, _ *model.CouponBatch) {
			must(0, h.db.Model(&model.Customer{}).Where("id = 8").UpdateColumn("merged_into", 9).Error)
		}, nil, ErrNoCustomer},
		{"voided meanwhile", nil, func(h *house, b *model.CouponBatch) {
			must(h.Void(h.t.Context(), Act{Key: h.key("staff"), CouponID: must(h.List(h.t.Context(), Filter{CustomerID: 7}, 0, 1))[0].ID}))
		}, nil, ErrGiftOver},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.people(7, 8)
			modeltest.Create(t, h.db, &model.Segment{ID: 3, Name: "VIP"}, &model.SegmentMember{SegmentID: 3, CustomerID: 7, Stay: 1, EnteredAt: noon})
			b := h.batch(transferable, func(in *BatchInput) {
				if tt.batch != nil {
					tt.batch(in)
				}
			})
			c := h.has(b.ID, 7)
			g, err := h.give(7, c.ID)
			if !errors.Is(err, tt.give) {
				t.Fatalf("given: %v, want %v", err, tt.give)
			}
			if err != nil {
				return
			}
			if tt.before != nil {
				tt.before(h, b)
			}
			_, err = h.takeGift(8, g.Code)
			if !errors.Is(err, tt.take) {
				t.Errorf("taken: %v, want %v", err, tt.take)
			}
			if got := h.coupon(c.ID); err != nil && got.CustomerID != 7 || err == nil && got.CustomerID != 8 {
				t.Errorf("after %v it is %d's", err, got.CustomerID)
			}
			h.reconciles()
			h.clock.Advance(DefaultGift)
			for range 2 {
				must(0, h.Tick(t.Context()))
			}
			if n := modeltest.Count[model.CouponGift](t, h.db, "state = 'open'"); n != 0 {
				t.Errorf("%d gifts wait for ever", n)
			}
			h.reconciles()
		})
	}
}

// TestGiftComesBack: by the giver, or because nobody took it in time; at the latest when the coupon's own time is over.
func TestGiftComesBack(t *testing.T) {
	h := newHouse(t)
	h.people(7, 8)
	end := noon.Add(2 * time.Hour)
	b := h.batch(transferable, func(in *BatchInput) { in.ValidUntil = &end })
	c := h.has(b.ID, 7)
	g := must(h.give(7, c.ID))
	if !g.ExpiresAt.Equal(end) {
		t.Errorf("it waits until %v, and is good until %v", g.ExpiresAt, end)
	}
	if _, err := h.Withdraw(t.Context(), h.key("customer:8"), 8, g.ID); !errors.Is(err, ErrNoGift) {
		t.Errorf("withdrawn by somebody else: %v", err)
	}
	key := h.key("customer:7")
	for range 2 {
		if back := must(h.Withdraw(t.Context(), key, 7, g.ID)); back.State != GiftWithdrawn || back.Code != "" {
			t.Errorf("withdrawn %+v", back)
		}
	}
	if _, err := h.takeGift(8, g.Code); !errors.Is(err, ErrGiftOver) {
		t.Errorf("taken after it was withdrawn: %v", err)
	}
	second := must(h.Give(t.Context(), GiftInput{Key: h.key("customer:7"), CustomerID: 7, CouponID: c.ID, For: time.Hour}))
	if second.Code == g.Code {
		t.Error("the same code for another gift")
	}
	h.clock.Advance(time.Hour - time.Millisecond)
	must(0, h.Tick(t.Context()))
	if got := h.coupon(c.ID); got.State != Gifted {
		t.Errorf("a moment before its end it is %s", got.State)
	}
	h.clock.Advance(time.Millisecond)
	for range 2 {
		must(0, h.Tick(t.Context()))
	}
	if got := h.coupon(c.ID); got.State != Usable || got.CustomerID != 7 {
		t.Errorf("lapsed, it is %+v", got)
	}
	must(h.give(7, c.ID))
	h.clock.Advance(time.Hour)
	must(0, h.Tick(t.Context()))
	if got := h.coupon(c.ID); got.State != Expired || got.CustomerID != 7 {
		t.Errorf("over as a whole, it is %+v", got)
	}
	h.wantFacts("coupon.issued", event.KindGiftOpened, event.KindGiftReturned, event.KindGiftOpened, event.KindGiftReturned, event.KindGiftOpened, event.KindGiftReturned, "coupon.expired")
	for _, d := range []time.Duration{MinGift - time.Millisecond, MaxGift + time.Millisecond} {
		if _, err := h.Give(t.Context(), GiftInput{Key: h.key("customer:7"), CustomerID: 7, CouponID: c.ID, For: d}); !errors.Is(err, ErrGift) {
			t.Errorf("for %v: %v", d, err)
		}
	}
	h.reconciles()
}

// TestHops: a coupon changes hands as often as its batch says, and no limit keeps it from coming back to who had it first.
func TestHops(t *testing.T) {
	h := newHouse(t)
	h.people(7, 8, 9)
	b := h.batch(transferable, func(in *BatchInput) { in.Rules.Hops = 2 })
	c := h.has(b.ID, 7)
	must(h.takeGift(8, must(h.give(7, c.ID)).Code))
	if _, err := h.claim(b.ID, 8); !errors.Is(err, ErrLimit) {
		t.Errorf("who was given one claims another: %v", err)
	}
	if list := must(h.Offers(t.Context(), 8)); len(list) != 1 || !list[0].Limit || list[0].Had != 1 {
		t.Errorf("the coupon centre says %+v", list)
	}
	must(h.takeGift(7, must(h.give(8, c.ID)).Code))
	if _, err := h.give(7, c.ID); !errors.Is(err, ErrHops) {
		t.Errorf("a third time: %v", err)
	}
	// It has gone, and still counts.
	other := h.has(b.ID, 9)
	if _, err := h.takeGift(8, must(h.give(9, other.ID)).Code); !errors.Is(err, ErrLimit) {
		t.Errorf("a second one within a limit of one: %v", err)
	}
	h.reconciles()
}

// TestGiftRaced: of all who take one gift at once, through two replicas, one has it; and nobody gets around the limit of
// their own by claiming and taking at once.
func TestGiftRaced(t *testing.T) {
	h := newHouse(t)
	replicas := []*house{h, open(t, h.db, h.clock)}
	b := h.batch(transferable, func(in *BatchInput) { in.Stock = 1000 })
	h.people(1)
	g := must(h.give(1, h.has(b.ID, 1).ID))
	const takers = 24
	for id := int64(2); id < 2+takers; id++ {
		h.people(id)
	}
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range int64(takers) {
		wg.Go(func() {
			_, err := replicas[i%2].takeGift(2+i, g.Code)
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, ErrGiftTaken) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won", won.Load())
	}
	// Each of some claims one and takes one of another's at once; they may have one.
	givers, codes := []int64{}, map[int64]string{}
	for id := int64(100); id < 108; id++ {
		h.people(id, id+100)
		givers = append(givers, id)
		codes[id] = must(h.give(id, h.has(b.ID, id).ID)).Code
	}
	for i, id := range givers {
		wg.Go(func() { _, _ = replicas[i%2].claim(b.ID, id+100) })
		wg.Go(func() { _, _ = replicas[(i+1)%2].takeGift(id+100, codes[id]) })
	}
	wg.Wait()
	for _, id := range givers {
		if n := modeltest.Count[model.Coupon](t, h.db, "customer_id = ?", id+100); n != 1 {
			t.Errorf("customer %d has %d", id+100, n)
		}
	}
	h.reconciles()
}

// TestS24_CodesOfGiftsCannotBeGuessed: wrong ones are laid to who tries them, as with codes that make coupons.
func TestS24_CodesOfGiftsCannotBeGuessed(t *testing.T) {
	h := newHouse(t)
	h.people(7, 8)
	b := h.batch(transferable)
	g := must(h.give(7, h.has(b.ID, 7).ID))
	if _, err := h.take(8, g.Code); !errors.Is(err, ErrCode) {
		t.Errorf("the code of a gift makes a coupon: %v", err)
	}
	for i := range maxGuesses {
		in := TakeGift{Key: h.key("customer:8"), CustomerID: 8, Code: fmt.Sprintf("222222-222222-%06d", i), Address: "10.9.9.9"}
		var err error
		if i%2 == 0 {
			_, err = h.Take(t.Context(), in)
		} else {
			_, err = h.LookAtGift(t.Context(), in)
		}
		if want := ErrCode; i < maxGuesses-1 && !errors.Is(err, want) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if _, err := h.takeGift(8, g.Code); !errors.Is(err, ErrGuesses) {
		t.Errorf("a right one after too many wrong ones: %v", err)
	}
	var kept model.CouponGift
	if err := h.db.Take(&kept).Error; err != nil || len(kept.CodeHash) != hashSize {
		t.Errorf("kept %+v, %v", kept, err)
	}
}

// TestGiftsFollowMerges: what somebody took counts to the limits of who stands for them, until the merge is undone.
func TestGiftsFollowMerges(t *testing.T) {
	h := newHouse(t)
	h.people(7, 8, 9, 10)
	b := h.batch(transferable)
	must(h.takeGift(8, must(h.give(7, h.has(b.ID, 7).ID)).Code))
	journal, err := GiftMover{}.Move(h.db, 8, 9)
	if err != nil || len(journal) != 1 {
		t.Fatal(journal, err)
	}
	if _, err := h.claim(b.ID, 9); !errors.Is(err, ErrLimit) {
		t.Errorf("who stands for the taker claims another: %v", err)
	}
	if err := (GiftMover{}).Undo(h.db, 8, 9, journal[0]); err != nil {
		t.Fatal(err)
	}
	h.has(b.ID, 9)
	if nothing, err := (GiftMover{}).Move(h.db, 10, 9); err != nil || nothing != nil {
		t.Errorf("of who took none: %v, %v", nothing, err)
	}
}

// TestGiftsCountToTheDevice: whoever takes gifts on one device, under whatever names, has no more of them than its limit, and
// what was had as a gift counts when coupons are claimed. One coupon that goes to and fro is one.
func TestGiftsCountToTheDevice(t *testing.T) {
	h := newHouse(t)
	h.people(1, 2, 3, 7, 8, 9)
	b := h.batch(transferable, func(in *BatchInput) { in.PerDevice, in.PerCustomer = 2, 0 })
	take := func(customer int64, device, code string) error {
		_, err := h.Take(t.Context(), TakeGift{Key: h.key(fmt.Sprint("customer:", customer)), CustomerID: customer, Code: code, Device: device})
		return err
	}
	claim := func(customer int64, device string) (*model.Coupon, error) {
		return h.Issue(t.Context(), IssueInput{BatchID: b.ID, CustomerID: customer, Source: SourceClaim, Device: device, Key: h.key("customer")})
	}
	first := must(claim(7, "phone"))
	must(0, take(8, "phone", must(h.give(7, first.ID)).Code)) // it has been there before
	must(0, take(9, "phone", must(h.give(8, first.ID)).Code))
	must(0, take(8, "phone", must(h.give(1, h.has(b.ID, 1).ID)).Code))
	third := must(h.give(2, h.has(b.ID, 2).ID))
	if err := take(9, "phone", third.Code); !errors.Is(err, ErrDevice) {
		t.Errorf("a third on the device: %v", err)
	}
	if got := h.coupon(third.CouponID); got.State != Gifted || got.CustomerID != 2 {
		t.Errorf("refused, it is %+v", got)
	}
	if _, err := claim(3, "phone"); !errors.Is(err, ErrDevice) {
		t.Errorf("claimed on the device of two gifts: %v", err)
	}
	must(0, take(9, "tablet", third.Code))
	must(0, take(7, "phone", must(h.give(9, first.ID)).Code))             // one of the two that the device may have comes back
	must(0, take(8, "", must(h.give(3, must(claim(3, "desk")).ID)).Code)) // nobody knows where
	h.reconciles()
}
