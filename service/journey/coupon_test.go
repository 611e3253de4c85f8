package journey

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/coupon"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	words "zhiyin/service/outreach/message"
	"zhiyin/service/segment"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
)

// wallet is a house with coupons, whose sweeper runs on two replicas.
type wallet struct {
	*house
	coupons *coupon.Service
	other   *coupon.Service
	keys    int
}

func newWallet(t *testing.T, customers int) *wallet {
	h := newHouse(t, customers)
	w := &wallet{house: h, coupons: couponsOf(h, h.Queue), other: couponsOf(h, work.New(h.db, h.clock.Now))}
	h.Coupons = w.coupons
	return w
}

func couponsOf(h *house, queue *work.Queue) *coupon.Service {
	return coupon.New(coupon.Deps{
		DB: h.db, Events: h.Events, Queue: queue, Now: h.clock.Now, Zone: shanghai, Persons: h.Customers.(*customer.Service), Segments: segment.Membership{DB: h.db},
		Vault: vaulttest.New(h.t), Key: []byte("0123456789abcdef0123456789abcdef"),
	})
}

func (w *wallet) key() coupon.Key {
	w.keys++
	return coupon.Key{Whose: "test", Name: fmt.Sprint("wallet:", w.keys)}
}

func (w *wallet) batch(name string, until time.Time, remind int) *model.CouponBatch {
	w.t.Helper()
	b, err := w.coupons.CreateBatch(w.t.Context(), 1, coupon.BatchInput{
		Name: name, Kind: "amount_off", Terms: json.RawMessage(`{"off_fen":1000}`), Stock: 100, PerCustomer: 5, ValidUntil: &until, RemindDays: remind, Claimable: true,
		Transferable: true,
	})
	if err == nil {
		b, err = w.coupons.Submit(w.t.Context(), 1, b.ID)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *wallet) has(b *model.CouponBatch, customer int64) int64 {
	w.t.Helper()
	c, err := w.coupons.Issue(w.t.Context(), coupon.IssueInput{BatchID: b.ID, CustomerID: customer, Source: coupon.SourceClaim, Key: w.key()})
	if err != nil {
		w.t.Fatal(err)
	}
	return c.ID
}

func (w *wallet) use(customer, id int64) coupon.UseInput {
	return coupon.UseInput{Key: w.key(), CustomerID: customer, Coupons: []int64{id}, Bill: coupon.Bill{Order: fmt.Sprint("A", id), Lines: []coupon.Line{{Line: 1, Quantity: 1, PriceFen: 5000}}}}
}

// done gives what was done to coupons, and ends the test when it wasn't.
func done[T any](what T, err error) T {
	if err != nil {
		panic(err)
	}
	return what
}

// live lets time go by: coupons are swept on two replicas, over and again, and journeys go on.
func (w *wallet) live(d time.Duration) {
	w.t.Helper()
	for step := 6 * time.Hour; d > 0; d -= step {
		w.clock.Advance(min(d, step))
		for _, s := range []*coupon.Service{w.coupons, w.other, w.coupons} {
			if err := s.Tick(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
		}
		w.tick()
	}
}

// wantReminders holds what a customer was sent: step, coupon and date.
func (w *wallet) wantReminders(what string, customer int64, want ...string) {
	w.t.Helper()
	var rows []model.Delivery
	if err := w.db.Where("customer_id = ?", customer).Order("id").Find(&rows).Error; err != nil {
		w.t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		said := map[string]string{}
		if err := json.Unmarshal([]byte(r.Vars), &said); err != nil {
			w.t.Fatalf("%q: %v", r.Vars, err)
		}
		got = append(got, r.Step+" "+said[words.VarCoupon]+" "+said[words.VarExpiry])
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("%s: customer %d was sent %q, want %q", what, customer, got, want)
	}
}

// template opens a journey that comes with the product, its messages filled in.
func (w *wallet) template(name string) int64 {
	w.t.Helper()
	all, err := w.Templates(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	d := all[slices.IndexFunc(all, func(t Template) bool { return t.Name == name })].Plan
	for _, n := range d.Nodes {
		if n.Step == "message" {
			n.With["message"] = int64(1)
		}
	}
	return w.open(string(d.Encode(segment.RowIDs)))
}

// TestCouponsAreRemindedOf goes the whole way: a batch says how many days before its end, the sweeper tells of each coupon, the
// ready journey takes it up, and what is sent says which coupon ends when.
func TestCouponsAreRemindedOf(t *testing.T) {
	w := newWallet(t, 12)
	w.template("coupon_expiry")
	midnight := noon.Add(12 * time.Hour) // in the zone of the business, as the Sunday ends
	ten, five := w.batch("十元券", midnight.Add(5*day), 3), w.batch("五元券", noon.Add(7*day+6*time.Hour), 3)
	ctx := t.Context()

	w.has(ten, 1)
	w.has(five, 1)
	done(w.coupons.Redeem(ctx, w.use(2, w.has(ten, 2))))
	done(w.coupons.Void(ctx, coupon.Act{Key: w.key(), CouponID: w.has(ten, 3)}))
	done(w.coupons.Extend(ctx, coupon.Act{Key: w.key(), CouponID: w.has(ten, 4)}, midnight.Add(9*day)))
	done(w.coupons.Transfer(ctx, coupon.Act{Key: w.key(), CouponID: w.has(ten, 5)}, 6))
	late, between, longer, away := w.has(ten, 7), w.has(ten, 8), w.has(ten, 9), w.has(ten, 10)
	back := w.has(ten, 11)
	use := done(w.coupons.Redeem(ctx, w.use(11, back)))
	w.live(2*day + 6*time.Hour) // Tuesday evening

	hold := w.use(7, late)
	hold.TTL = 6*time.Hour + 30*time.Minute
	done(w.coupons.Reserve(ctx, hold))
	w.live(6 * time.Hour)
	if n := modeltest.Count[model.Event](t, w.db, "kind = ?", event.KindCouponExpiring); n != 5 { // of 1, 6, 8, 9 and 10
		t.Errorf("%d were said to expire, want 5", n)
	}
	done(w.coupons.RollBack(ctx, coupon.RollBackInput{Key: w.key(), UseID: use.ID}))
	// Between the moment and the message in the morning.
	done(w.coupons.Redeem(ctx, w.use(8, between)))
	done(w.coupons.Extend(ctx, coupon.Act{Key: w.key(), CouponID: longer}, midnight.Add(10*day)))
	done(w.coupons.Transfer(ctx, coupon.Act{Key: w.key(), CouponID: away}, 12))
	w.live(12 * day)

	w.wantReminders("two coupons", 1, "first 十元券 2026-11-27", "last 十元券 2026-11-27", "first 五元券 2026-11-29 18:00", "last 五元券 2026-11-29 18:00")
	w.wantReminders("used before", 2)
	w.wantReminders("voided before", 3)
	w.wantReminders("extended before", 4, "first 十元券 2026-12-01", "last 十元券 2026-12-01")
	w.wantReminders("given away before", 5)
	w.wantReminders("received before", 6, "first 十元券 2026-11-27", "last 十元券 2026-11-27")
	w.wantReminders("in an order at the moment, which was given up", 7, "first 十元券 2026-11-27", "last 十元券 2026-11-27")
	w.wantReminders("used before the message", 8)
	w.wantReminders("extended before the message", 9, "first 十元券 2026-12-02", "last 十元券 2026-12-02")
	w.wantReminders("given away before the message", 10)
	w.wantReminders("used at the moment, and back from the order", 11, "first 十元券 2026-11-27", "last 十元券 2026-11-27")
}

// TestRemindedAtTheVeryMillisecond: not before it, then once, and not of a coupon that ends in the same.
func TestRemindedAtTheVeryMillisecond(t *testing.T) {
	w := newWallet(t, 2)
	b := w.batch("十元券", noon.Add(2*day+1234*time.Millisecond), 1)
	w.has(b, 1)
	end := w.has(b, 2)
	w.in(func(tx *gorm.DB) error {
		return tx.Exec("UPDATE coupon SET remind_at = valid_until WHERE id = ?", end).Error
	})
	said := func(want int64) {
		t.Helper()
		if err := w.coupons.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := modeltest.Count[model.Event](t, w.db, "kind = ?", event.KindCouponExpiring); n != want {
			t.Errorf("at %s: %d were said to expire, want %d", w.clock.Now(), n, want)
		}
	}
	w.clock.Advance(day + 1233*time.Millisecond)
	said(0)
	w.clock.Advance(time.Millisecond)
	said(1)
	said(1)
	w.clock.Advance(day)
	said(1)
}

// TestJourneysOfOneBatch: what expires starts the journeys that ask for its batch alone.
func TestJourneysOfOneBatch(t *testing.T) {
	w := newWallet(t, 1)
	ten, five := w.batch("十元券", noon.Add(5*day), 3), w.batch("五元券", noon.Add(5*day), 3)
	w.open(journey(fmt.Sprintf(`{"kind":"event","with":{"event":{"kind":"coupon.expiring","where":[{"property":"batch_id","op":"is","value":"%d"}]}}}`, five.ID),
		`,"entry":{"again":"once","key":"coupon_id"}`, message("tell", "end"), theEnd))
	w.has(ten, 1)
	w.has(five, 1)
	w.has(five, 1)
	w.live(3 * day)
	w.wantReminders("two of the batch", 1, "tell 五元券 2026-11-27 12:00", "tell 五元券 2026-11-27 12:00")
}

// TestDatesOfCoupons: by the date, coupons that end on the same day are one reminder, and those of two days are two.
func TestDatesOfCoupons(t *testing.T) {
	w := newWallet(t, 3)
	w.open(journey(`{"kind":"date","with":{"of":"coupon_expiry","before":1,"at":"10:00"}}`, `,"entry":{"again":"after_days","days":7}`, message("tell", "end"), theEnd))
	w.open(journey(`{"kind":"date","with":{"of":"coupon_expiry","at":"13:00"}}`, `,"entry":{"again":"once"}`, message("today", "end"), theEnd))
	midnight := noon.Add(12 * time.Hour)
	ten, five, one := w.batch("十元券", midnight.Add(3*day), 0), w.batch("五元券", midnight.Add(3*day), 0), w.batch("一元券", noon.Add(5*day), 0)
	w.has(ten, 1)
	w.has(five, 1)
	w.has(one, 1)
	w.has(ten, 2)
	w.has(ten, 2)
	w.pass(7 * day) // without the sweeper
	w.wantReminders("three coupons, two days", 1, "tell 十元券 等 2 张 2026-11-25", "today 十元券 等 2 张 2026-11-25", "tell 一元券 2026-11-27 12:00")
	w.wantReminders("two alike", 2, "tell 十元券 等 2 张 2026-11-25", "today 十元券 等 2 张 2026-11-25")
	w.wantReminders("none", 3)
}

// TestKeysOfEvents: what concerns the run of a key alone needs runs that have one.
func TestKeysOfEvents(t *testing.T) {
	h := newHouse(t, 0)
	const redeemed = `{"event":{"kind":"coupon.redeemed","key":"coupon_id"}}`
	waits := fmt.Sprintf(`{"id":"see","step":"wait_for","with":{"when":%s,"timeout":"1d"},"next":{"happened":"end","timeout":"end"}}`, redeemed)
	more := `,"exits":[` + redeemed + `],"goal":{"when":` + redeemed + `,"within":"1d"},"entry":{"again":"once"`
	places := func(text string) (out []string) {
		t.Helper()
		problems, err := h.Check(t.Context(), h.read(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			out = append(out, p.Place)
		}
		return out
	}
	const issued = `{"kind":"event","with":{"event":{"kind":"coupon.issued"}}}`
	if got := places(journey(issued, more+`,"key":"coupon_id"}`, waits, theEnd)); len(got) != 0 {
		t.Errorf("with a key: %q", got)
	}
	if got := places(journey(byAPI, more+`}`, waits, theEnd)); len(got) != 0 {
		t.Errorf("other systems give keys: %q", got)
	}
	if got, want := places(journey(issued, more+`}`, waits, theEnd)), []string{"exits[0].event.key", "goal.when.event.key", "nodes[0].with.when.event.key"}; !slices.Equal(got, want) {
		t.Errorf("without a key: %q, want %q", got, want)
	}
	if got := places(journey(`{"kind":"event","with":{"event":{"kind":"coupon.issued","key":"coupon_id"}}}`, ``, theEnd)); !slices.Equal(got, []string{"trigger.with.event.key"}) {
		t.Errorf("a key of the event that starts it: %q", got)
	}
	if got := places(journey(issued, `,"exits":[{"event":{"kind":"coupon.redeemed","key":"colour"}}],"entry":{"again":"once","key":"coupon_id"}`, theEnd)); !slices.Equal(got, []string{"exits[0].event.key"}) {
		t.Errorf("a property that there is not: %q", got)
	}
	d := h.read(journey(issued, more+`,"key":"coupon_id"}`, waits, theEnd))
	if again := h.read(string(d.Encode(segment.RowIDs))); again.Goal.Event.Key != "coupon_id" || again.Exits[0].Event.Key != "coupon_id" {
		t.Errorf("read again: %+v", again)
	}
}
