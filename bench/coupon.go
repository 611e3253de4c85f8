package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/coupon"
	"zhiyin/service/event"
	"zhiyin/service/vault"
	"zhiyin/service/work"
)

// CouponOptions says what [Coupon] measures; zero values mean what is said at each.
type CouponOptions struct {
	DSN       string        // of an empty database, which is migrated
	Only      []string      // the parts to measure, by their names; none: all
	Attempts  int           // customers who ask for a coupon of a hot batch: 0: 50,000
	Stock     int           // how many get one: 0: 10,000
	Callers   int           // at once: 0: 64
	Uses      int           // redemptions: 0: 5,000, at most Stock
	Rate      int           // validations a second, and redemptions a second, of the part latency: 0: 150
	Duration  time.Duration // of the part latency: 0: 8 s
	Codes     int           // 0: 1,000,000
	ServerPID int           // of the database server, to count its CPU time too; 0: unknown
}

// couponParts are what can be measured, in their order.
var couponParts = []struct {
	name string
	run  func(*couponBench, context.Context) error
}{
	{"raw", (*couponBench).raw}, {"bare-lock", (*couponBench).bareLock}, {"row-lock", (*couponBench).rowLock}, {"rush", (*couponBench).rush},
	{"refusals", (*couponBench).refusals}, {"validate", (*couponBench).validate}, {"redeem", (*couponBench).redeemHot},
	{"distinct", (*couponBench).redeemDistinct}, {"latency", (*couponBench).latency}, {"codes", (*couponBench).codes}, {"reconcile", (*couponBench).reconcile},
}

// Coupon measures a rush on one batch by the service, beside one row lock per claim, by itself and with all that the same service
// does for a claim, and beside the bare statements that a rush can't do without; then refusals after it is sold out, validations,
// redemptions of distinct coupons against one budget and against many, how long single validations and redemptions
// take that come at their own times, and codes made in bulk. CPU is of this process and the server together.
func Coupon(ctx context.Context, o CouponOptions, out io.Writer) error {
	o.Attempts, o.Stock, o.Callers = cmp.Or(o.Attempts, 50_000), cmp.Or(o.Stock, 10_000), cmp.Or(o.Callers, 64)
	o.Uses, o.Codes = min(cmp.Or(o.Uses, 5_000), o.Stock), cmp.Or(o.Codes, 1_000_000)
	o.Rate, o.Duration = cmp.Or(o.Rate, 150), cmp.Or(o.Duration, 8*time.Second)
	db, err := model.Open(ctx, model.Options{DSN: o.DSN, MaxConns: o.Callers + 4, StatementTimeout: 2 * time.Minute})
	if err != nil {
		return err
	}
	defer model.Close(db)
	if _, err := model.Migrate(ctx, db); err != nil {
		return err
	}
	b := &couponBench{CouponOptions: o, db: db, out: out}
	for _, part := range couponParts {
		if len(o.Only) > 0 && !slices.Contains(o.Only, part.name) {
			continue
		}
		if err := part.run(b, ctx); err != nil {
			return err
		}
	}
	return nil
}

type couponBench struct {
	CouponOptions
	db      *gorm.DB
	out     io.Writer
	service *coupon.Service // of the rush, and of what follows it
	batch   int64
	queue   *work.Queue
}

// open is a fresh service, which remembers nothing, with an active batch.
func (b *couponBench) open(ctx context.Context) (s *coupon.Service, batch int64, err error) {
	b.queue = work.New(b.db, clock.System)
	ids, err := model.NewPublicIDs(make([]byte, 32))
	if err != nil {
		return nil, 0, err
	}
	sealing, err := vault.New(make([]byte, 32))
	if err != nil {
		return nil, 0, err
	}
	log := slog.New(slog.DiscardHandler)
	s = coupon.New(coupon.Deps{
		DB: b.db, Events: event.New(b.queue, clock.System, event.Options{DB: b.db, Zone: time.UTC, Logger: log}), Queue: b.queue, Now: clock.System, Zone: time.UTC,
		Vault: sealing, IDs: ids, Key: make([]byte, 32), Logger: log, ApproveFrom: coupon.Size{Coupons: 1 << 40, Fen: 1 << 50},
	})
	batch, err = b.offer(ctx, s, int64(b.Stock), 1_000_000_000)
	return s, batch, err
}

// offer makes a batch from which customers may take one coupon each.
func (b *couponBench) offer(ctx context.Context, s *coupon.Service, stock int64, budget model.Fen) (int64, error) {
	until := clock.System().AddDate(0, 1, 0)
	row, err := s.CreateBatch(ctx, 1, coupon.BatchInput{
		Name: "bench", Kind: "amount_off", Terms: json.RawMessage(`{"off_fen":1000}`), Stock: stock, PerCustomer: 1, ValidUntil: &until, Claimable: true,
		BudgetFen: budget,
	})
	if err != nil {
		return 0, err
	}
	_, err = s.Submit(ctx, 1, row.ID)
	return row.ID, err
}

// run has callers do n things and prints how fast, at what price, and how long each took.
func (b *couponBench) run(name string, n int, do func(i int) error) error {
	took := make([]time.Duration, n)
	var next atomic.Int64
	var bad failures
	var wg sync.WaitGroup
	cpu, server, began := ownCPU(), processCPU(b.ServerPID), time.Now()
	for range b.Callers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				at := time.Now()
				bad.note(do(i))
				took[i] = time.Since(at)
			}
		})
	}
	wg.Wait()
	all := time.Since(began)
	cpu, server = ownCPU()-cpu, processCPU(b.ServerPID)-server
	slices.Sort(took)
	fmt.Fprintf(b.out, "%-34s %8.0f/s  p50 %9s  p95 %9s  p99 %9s  CPU %6.2f s (here %.2f, server %.2f)\n", name, float64(n)/all.Seconds(),
		ms(took[n/2]), ms(took[n*95/100]), ms(took[n*99/100]), (cpu + server).Seconds(), cpu.Seconds(), server.Seconds())
	return bad.of(name)
}

// arrive has things begin at their own times, so many a second, however long those before them take, and prints how long each took
// from when it was due.
func (b *couponBench) arrive(name string, n int, do func(i int) error) error {
	took := make([]time.Duration, n)
	var bad failures
	var wg sync.WaitGroup
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(b.Rate))
		time.Sleep(time.Until(due))
		wg.Go(func() {
			bad.note(do(i))
			took[i] = time.Since(due)
		})
	}
	wg.Wait()
	slices.Sort(took)
	fmt.Fprintf(b.out, "%-34s %8d/s  p50 %9s  p95 %9s  p99 %9s  as they come\n", name, b.Rate, ms(took[n/2]), ms(took[n*95/100]), ms(took[n*99/100]))
	return bad.of(name)
}

// failures counts what failed and keeps the first.
type failures struct {
	mu    sync.Mutex
	n     int
	first error
}

func (f *failures) note(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	f.first = cmpErr(f.first, err)
}

func (f *failures) of(name string) error {
	if f.n == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d failed, first: %w", name, f.n, f.first)
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func second[T any](_ T, err error) error { return err }

// codes makes codes as the queue does.
func (b *couponBench) codes(ctx context.Context) error {
	began, cpu, server := time.Now(), ownCPU(), processCPU(b.ServerPID)
	run, err := b.service.StartRun(ctx, 1, coupon.NewRun{BatchID: b.batch, Codes: int64(b.Codes)})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	worker := work.NewWorker(b.queue, work.Options{Concurrency: 1, Poll: 20 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()
	for run.EndedAt == nil {
		time.Sleep(20 * time.Millisecond)
		if run, err = b.service.Run(ctx, run.ID); err != nil {
			return err
		}
	}
	took := time.Since(began)
	stop()
	<-ended
	fmt.Fprintf(b.out, "%-34s %8.0f/s  %s for %d  CPU %.2f s\n", "codes made in bulk", float64(run.Done)/took.Seconds(), took.Round(100*time.Millisecond), run.Done,
		(ownCPU() - cpu + processCPU(b.ServerPID) - server).Seconds())
	return nil
}

func (b *couponBench) reconcile(ctx context.Context) error {
	// The raw statements left a counter without coupons.
	if err := b.db.WithContext(ctx).Exec("DELETE FROM coupon_count WHERE batch_id NOT IN (SELECT batch_id FROM coupon)").Error; err != nil {
		return err
	}
	r, err := b.service.ReconcileNow(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "reconciled: %d coupons, %d entries, %d findings\n", r.Coupons, r.Entries, r.Wrong)
	if r.Wrong > 0 {
		return fmt.Errorf("does not reconcile: %s", r.Findings)
	}
	return nil
}
