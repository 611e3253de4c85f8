package coupon

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

// chaosFor is how long TestF3_G4_Chaos goes on. For the long run:
//
//	go test ./service/coupon -run Chaos -v -timeout 30m -coupon.chaos 10m
var chaosFor = flag.Duration("coupon.chaos", time.Second, "how long the chaos of coupons goes on")

// TestF3_G4_Chaos: clients claim, use, reserve, settle, refund and void at once through replicas in processes of their own, which are
// killed again and again; coupons expire and reservations run out meanwhile. Clients repeat what they got no answer to. Then the whole
// history is checked.
func TestF3_G4_Chaos(t *testing.T) {
	replicas, clients := 3, 24
	if !modeltest.OnMySQL() {
		replicas, clients = 2, 6 // one writer at a time, whoever asks
	}
	dsn := modeltest.DSN(t)
	w := &chaos{house: openBy(t, modeltest.Open(t, dsn), clock.System), ends: time.Now().Add(*chaosFor), replicas: make([]*replica, replicas)}
	w.era(min(*chaosFor/2, 6*time.Second))
	for i := range w.replicas {
		w.replicas[i] = startReplica(t, dsn)
	}
	var background, all sync.WaitGroup
	background.Go(func() {
		for time.Now().Before(w.ends) {
			time.Sleep(min(*chaosFor/5, time.Second))
			w.killOne(t, dsn)
		}
	})
	background.Go(func() {
		for length := min(*chaosFor/2, 6*time.Second); time.Now().Before(w.ends); {
			time.Sleep(length)
			w.era(length)
		}
	})
	for n := range clients {
		all.Go(func() { (&chaosClient{chaos: w, r: rand.New(rand.NewPCG(uint64(n), 1)), name: n}).run() })
	}
	all.Wait()
	background.Wait()
	for _, r := range w.replicas {
		r.kill()
	}
	t.Logf("%d orders answered, %d of them granted, %d repeated, %d kills", w.answered.Load(), len(w.acks), w.repeated.Load(), w.kills.Load())
	w.reconciles()
	checkHistory(t, w.house)
	for _, wrong := range (&checker{house: w.house, acks: w.acks}).check() {
		t.Error(wrong)
	}
}

// chaos is what the clients know together.
type chaos struct {
	*house
	ends     time.Time
	numbers  atomic.Int64
	kills    atomic.Int64
	answered atomic.Int64
	repeated atomic.Int64

	mu       sync.Mutex
	replicas []*replica
	batches  []int64 // of this era
	coupons  []holding
	using    []usage
	acks     []ack
}

// holding is a coupon that a client was told of, usage a use.
type (
	holding struct{ id, customer int64 }
	usage   struct {
		id       int64
		reserved bool
	}
)

// ack is an order with what was answered, and when it was asked and answered first.
type ack struct {
	order
	reply       reply
	asked, told time.Time
}

// era begins new batches, which are good for an era and a half.
func (w *chaos) era(length time.Duration) {
	until := clock.System().Add(length * 3 / 2)
	b := []int64{
		w.batch(func(in *BatchInput) {
			in.Stock, in.PerCustomer, in.PerDay, in.ValidUntil, in.BudgetCount = 400, 6, 5, &until, 150
		}).ID,
		w.batch(func(in *BatchInput) {
			in.Kind, in.Terms, in.Stock, in.PerCustomer, in.BudgetFen, in.ValidUntil = "stored_value", json.RawMessage(`{"face_fen":3000}`), 300, 8, 400_000, &until
			in.Rules.Category, in.Rules.With, in.Rules.PerOrder = "card", []string{"card", "off"}, 2
		}).ID,
		w.batch(func(in *BatchInput) {
			in.Kind, in.Terms, in.Stock, in.PerCustomer, in.BudgetDayFen, in.ValidUntil = "percent_off", json.RawMessage(`{"off_bp":1234}`), 400, 9, 60_000, &until
			in.Rules.Category, in.Rules.With = "off", []string{"card"}
		}).ID,
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.batches = b
}

// killOne kills a replica and starts another in its place.
func (w *chaos) killOne(t *testing.T, dsn string) {
	i := rand.IntN(len(w.replicas))
	w.mu.Lock()
	old := w.replicas[i]
	w.mu.Unlock()
	old.kill()
	w.kills.Add(1)
	fresh := startReplica(t, dsn)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.replicas[i] = fresh
}

// recent is one of a list, more often than not one of the last.
func recent[T any](r *rand.Rand, list []T) (one T, ok bool) {
	n := len(list)
	if n == 0 {
		return one, false
	}
	return list[n-1-r.IntN(min(n, []int{20, 500}[r.IntN(2)]))], true
}

type chaosClient struct {
	*chaos
	r    *rand.Rand
	name int
	n    int
}

func (c *chaosClient) run() {
	for time.Now().Before(c.ends) {
		if o, ok := c.next(); ok {
			c.ask(o)
		}
	}
}

// next thinks of something to ask for.
func (c *chaosClient) next() (order, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	o := order{Key: fmt.Sprintf("client-%d-%d", c.name, c.n)}
	ok := true
	var u usage
	switch p := c.r.IntN(100); {
	case p < 30:
		o.Verb, o.Batch, o.Customer = actIssue, c.batches[c.r.IntN(len(c.batches))], int64(1+c.r.IntN(150))
	case p < 65:
		if o.Verb = actRedeem; p < 47 {
			o.Verb = actReserve
		}
		ok = c.stack(&o)
	case p < 78:
		if o.Verb = verbSettle; p < 71 {
			o.Verb = actRelease
		}
		u, ok = recent(c.r, c.using)
		o.Use, ok = u.id, ok && u.reserved
	case p < 95:
		o.Verb = actRollBack
		u, ok = recent(c.r, c.using)
		if o.Use = u.id; p < 90 {
			o.Lines = []ReturnedLine{{1 + c.r.IntN(2), 1}}
		}
	default:
		var h holding
		h, ok = recent(c.r, c.coupons)
		o.Verb, o.Coupons = actVoid, []int64{h.id}
	}
	return o, ok
}

// stack chooses coupons for an order.
func (c *chaosClient) stack(o *order) bool {
	h, ok := recent(c.r, c.coupons)
	if !ok {
		return false
	}
	o.Customer, o.Coupons = h.customer, []int64{h.id}
	for i := len(c.coupons) - 1; i >= max(0, len(c.coupons)-100) && c.r.IntN(3) > 0; i-- {
		if other := c.coupons[i]; other.customer == h.customer && other.id != h.id {
			o.Coupons = append(o.Coupons, other.id)
			break
		}
	}
	o.Bill = Bill{Order: o.Key, Lines: []Line{
		{Line: 1, Quantity: int64(1 + c.r.IntN(4)), PriceFen: model.Fen(1 + c.r.IntN(3000))}, {Line: 2, Quantity: int64(1 + c.r.IntN(3)), PriceFen: model.Fen(c.r.IntN(999))},
	}}
	return true
}

// ask asks until there is an answer, now and then once more after it, and remembers what it was.
func (c *chaosClient) ask(o order) {
	began := time.Now()
	r := c.insist(o)
	told := time.Now()
	c.answered.Add(1)
	if r.Fault != "" {
		return
	}
	if c.r.IntN(20) == 0 {
		again := c.insist(o)
		if again.N = r.N; again != r {
			c.t.Errorf("%s under key %s was answered %+v, and again %+v", o.Verb, o.Key, r, again)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acks = append(c.acks, ack{o, r, began, told})
	switch o.Verb {
	case actIssue:
		c.coupons = append(c.coupons, holding{r.ID, o.Customer})
	case actRedeem, actReserve:
		c.using = append(c.using, usage{r.ID, o.Verb == actReserve})
	case verbSettle:
		c.using = append(c.using, usage{r.ID, false})
	}
}

func (c *chaosClient) insist(o order) reply {
	for try := 0; ; try++ {
		if try > 0 {
			c.repeated.Add(1)
			time.Sleep(time.Duration(1+c.r.IntN(10)) * time.Millisecond)
		}
		o.N = int(c.numbers.Add(1))
		c.mu.Lock()
		to := c.replicas[c.r.IntN(len(c.replicas))]
		c.mu.Unlock()
		if r, ok := to.do(o); ok && r.Unsure == "" {
			return r
		}
	}
}
