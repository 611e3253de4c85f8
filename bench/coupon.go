package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
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
	DSN       string // of an empty database, which is migrated
	Attempts  int    // customers who ask for a coupon of a hot batch: 0: 50,000
	Stock     int    // how many get one: 0: 10,000
	Callers   int    // at once: 0: 64
	Uses      int    // redemptions: 0: 5,000, at most Stock
	Codes     int    // 0: 1,000,000
	ServerPID int    // of the database server, to count its CPU time too; 0: unknown
}

// Coupon measures a rush on one batch by the service, beside one row lock per claim of the same service, and
// the bare statements that a rush can't do without; then refusals after it is sold out, validations, redemptions of
// distinct coupons against one budget, and codes made in bulk. CPU is of this process and the server together.
func Coupon(ctx context.Context, o CouponOptions, out io.Writer) error {
	o.Attempts, o.Stock, o.Callers = cmp.Or(o.Attempts, 50_000), cmp.Or(o.Stock, 10_000), cmp.Or(o.Callers, 64)
	o.Uses, o.Codes = min(cmp.Or(o.Uses, 5_000), o.Stock), cmp.Or(o.Codes, 1_000_000)
	db, err := model.Open(ctx, model.Options{DSN: o.DSN, MaxConns: o.Callers + 4, StatementTimeout: 2 * time.Minute})
	if err != nil {
		return err
	}
	defer model.Close(db)
	if _, err := model.Migrate(ctx, db); err != nil {
		return err
	}
	b := &couponBench{CouponOptions: o, db: db, out: out}
	for _, step := range []func(context.Context) error{b.raw, b.rowLock, b.rush, b.refusals, b.validate, b.redeem, b.codes, b.reconcile} {
		if err := step(ctx); err != nil {
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
	until := clock.System().AddDate(0, 1, 0)
	row, err := s.CreateBatch(ctx, 1, coupon.BatchInput{
		Name: "bench", Kind: "amount_off", Terms: json.RawMessage(`{"off_fen":1000}`), Stock: int64(b.Stock), PerCustomer: 1, ValidUntil: &until, Claimable: true,
		BudgetFen: 1_000_000_000,
	})
	if err != nil {
		return nil, 0, err
	}
	_, err = s.Submit(ctx, 1, row.ID)
	return s, row.ID, err
}

// run has callers do n things and prints how fast, at what price, and how long each took.
func (b *couponBench) run(name string, n int, do func(i int) error) error {
	took := make([]time.Duration, n)
	var next, failed atomic.Int64
	var first atomic.Pointer[error]
	var wg sync.WaitGroup
	cpu, server, began := ownCPU(), processCPU(b.ServerPID), time.Now()
	for range b.Callers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				at := time.Now()
				if err := do(i); err != nil {
					failed.Add(1)
					first.CompareAndSwap(nil, &err)
				}
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
	if p := first.Load(); p != nil {
		return fmt.Errorf("%s: %d failed, first: %w", name, failed.Load(), *p)
	}
	return nil
}

// raw is what no rush can do without: the counter's row locked, coupons inserted, the counter raised; one commit
// for as many as one commit of the service takes.
func (b *couponBench) raw(ctx context.Context) error {
	_, batch, err := b.open(ctx)
	if err != nil {
		return err
	}
	const group = 256
	began, cpu, server := time.Now(), ownCPU(), processCPU(b.ServerPID)
	for from := 0; from < b.Stock; from += group {
		err := model.InTx(ctx, b.db, func(tx *gorm.DB) error {
			var count model.CouponCount
			if err := model.ForUpdate(tx).Where("batch_id = ?", batch).Take(&count).Error; err != nil {
				return err
			}
			now := clock.System()
			rows := make([]*model.Coupon, min(group, b.Stock-from))
			for i := range rows {
				id := int64(from + i + 1)
				rows[i] = &model.Coupon{BatchID: batch, CustomerID: id, ClaimerID: id, Number: 1, State: coupon.Usable, ValidFrom: now, ValidUntil: now, CreatedAt: now, MovedAt: now}
			}
			if err := tx.Create(rows).Error; err != nil {
				return err
			}
			return tx.Model(&count).UpdateColumn("issued", gorm.Expr("issued + ?", len(rows))).Error
		})
		if err != nil {
			return err
		}
	}
	took := time.Since(began)
	fmt.Fprintf(b.out, "%-34s %8.0f/s  CPU %.2f s for %d coupons\n", "raw SQL, coupons alone", float64(b.Stock)/took.Seconds(),
		(ownCPU() - cpu + processCPU(b.ServerPID) - server).Seconds(), b.Stock)
	return b.db.Where("batch_id = ?", batch).Delete(&model.Coupon{}).Error
}

func (b *couponBench) input(batch int64, i int, key string) coupon.IssueInput {
	return coupon.IssueInput{
		BatchID: batch, CustomerID: int64(i + 1), Source: coupon.SourceClaim, Key: coupon.Key{Whose: fmt.Sprint("customer:", i+1), Name: fmt.Sprintf("%s-%d", key, batch)},
	}
}

func soldOutIsFine(err error) error {
	if errors.Is(err, coupon.ErrSoldOut) {
		return nil
	}
	return err
}

func (b *couponBench) rowLock(ctx context.Context) error {
	s, batch, err := b.open(ctx)
	if err != nil {
		return err
	}
	return b.run("one row lock per claim", b.Attempts, func(i int) error {
		return soldOutIsFine(model.InTx(ctx, b.db, func(tx *gorm.DB) error {
			_, err := s.IssueTx(tx, b.input(batch, i, "row-lock"))
			return err
		}))
	})
}

func (b *couponBench) rush(ctx context.Context) (err error) {
	if b.service, b.batch, err = b.open(ctx); err != nil {
		return err
	}
	var won atomic.Int64
	err = b.run("the service", b.Attempts, func(i int) error {
		_, err := b.service.Issue(ctx, b.input(b.batch, i, "the-rush"))
		if err == nil {
			won.Add(1)
		}
		return soldOutIsFine(err)
	})
	if err == nil && won.Load() != int64(b.Stock) {
		err = fmt.Errorf("%d coupons issued of a stock of %d", won.Load(), b.Stock)
	}
	return err
}

func (b *couponBench) refusals(ctx context.Context) error {
	return b.run("refusals after it is sold out", b.Attempts, func(i int) error {
		return soldOutIsFine(second(b.service.Issue(ctx, b.input(b.batch, b.Attempts+i, "too-late"))))
	})
}

func second[T any](_ T, err error) error { return err }

// owned is a coupon of the rush.
func (b *couponBench) owned() (rows []model.Coupon, err error) {
	err = b.db.Select("id", "customer_id").Where("batch_id = ? AND state = ?", b.batch, coupon.Usable).Order("id").Limit(b.Uses).Find(&rows).Error
	return rows, err
}

func billOf(order string) coupon.Bill {
	return coupon.Bill{Order: order, Shop: "hangzhou", Lines: []coupon.Line{{Line: 1, Quantity: 2, PriceFen: 4_990}, {Line: 2, Quantity: 1, PriceFen: 12_000}}}
}

func (b *couponBench) validate(ctx context.Context) error {
	rows, err := b.owned()
	if err != nil {
		return err
	}
	return b.run("validations", len(rows), func(i int) error {
		return second(b.service.Validate(ctx, rows[i].CustomerID, []int64{rows[i].ID}, billOf("")))
	})
}

// redeem uses distinct coupons, all of one batch, so that all are charged to one budget.
func (b *couponBench) redeem(ctx context.Context) error {
	rows, err := b.owned()
	if err != nil {
		return err
	}
	return b.run("redemptions, one hot budget", len(rows), func(i int) error {
		return second(b.service.Redeem(ctx, coupon.UseInput{
			Key: coupon.Key{Whose: "key:1", Name: fmt.Sprintf("redeem-%d", rows[i].ID)}, CustomerID: rows[i].CustomerID, Coupons: []int64{rows[i].ID},
			Bill: billOf(fmt.Sprintf("B%d", rows[i].ID)),
		}))
	})
}

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
