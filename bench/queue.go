// Package bench measures the product beside the raw limits of what it stands on, in the same run.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/work"
)

// QueueOptions says what [Queue] measures; zero values mean what is said at each.
type QueueOptions struct {
	DSN         string // of an empty database, which is migrated and left with the works in it
	Works       int    // 0: 20,000
	Workers     int    // replicas, each with its own queue and pool: 0: 2
	Concurrency int    // works at once per worker: 0: the worker's default
	ServerPID   int    // of the database server, to count its CPU time too; 0: unknown
}

// queueBatch is how many works are enqueued, or raw rows written, at a time.
const queueBatch = 500

// Queue measures how fast no-op works go through the durable queue, and beside it, in the same run, the
// least the same database needs for as many rows: a multi-row INSERT and a range UPDATE per batch.
func Queue(ctx context.Context, o QueueOptions, out io.Writer) error {
	o = o.withDefaults()
	db, err := model.Open(ctx, model.Options{DSN: o.DSN})
	if err != nil {
		return err
	}
	defer model.Close(db)
	if _, err := model.Migrate(ctx, db); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d works, %d workers\n", o.Works, o.Workers)
	fmt.Fprintf(out, "%-34s %10s %12s %12s\n", "", "per second", "CPU s/100k", "server CPU")
	raw, err := o.measure(out, "raw INSERT", o.Works, func() error { return rawInsert(ctx, db, o.Works) })
	if err != nil {
		return err
	}
	rawUpdate, err := o.measure(out, "raw range UPDATE", o.Works, func() error { return rawUpdate(ctx, db, o.Works) })
	if err != nil {
		return err
	}
	if err := dropRaw(ctx, db); err != nil {
		return err
	}
	enqueue, err := o.measure(out, "enqueue", o.Works, func() error { return enqueueAll(ctx, db, o.Works) })
	if err != nil {
		return err
	}
	drain, err := o.measure(out, "claim, run and finish", o.Works, func() error { return drainAll(ctx, o) })
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "enqueue is %.1f × raw INSERT, draining %.1f × raw UPDATE (in time)\n", raw/enqueue, rawUpdate/drain)
	return nil
}

func (o QueueOptions) withDefaults() QueueOptions {
	if o.Works <= 0 {
		o.Works = 20_000
	}
	if o.Workers <= 0 {
		o.Workers = 2
	}
	return o
}

// measure prints one line and returns the rate.
func (o QueueOptions) measure(out io.Writer, what string, n int, f func() error) (perSecond float64, err error) {
	own, server, began := ownCPU(), processCPU(o.ServerPID), time.Now()
	if err := f(); err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	took := time.Since(began)
	perSecond = float64(n) / took.Seconds()
	per100k := func(d time.Duration) string {
		return fmt.Sprintf("%.2f", d.Seconds()*1e5/float64(n))
	}
	serverSays := "unknown"
	if o.ServerPID != 0 {
		serverSays = per100k(processCPU(o.ServerPID) - server)
	}
	fmt.Fprintf(out, "%-34s %10.0f %12s %12s\n", what, perSecond, per100k(ownCPU()-own), serverSays)
	return perSecond, nil
}

func enqueueAll(ctx context.Context, db *gorm.DB, n int) error {
	q := work.New(db, clock.System)
	items := make([]work.Item, queueBatch)
	for i := range items {
		items[i] = work.Item{Kind: "bench.noop", Payload: noop{i}}
	}
	for left := n; left > 0; left -= queueBatch {
		err := model.InTx(ctx, db, func(tx *gorm.DB) error { return q.Enqueue(tx, items[:min(left, queueBatch)]...) })
		if err != nil {
			return err
		}
	}
	return nil
}

type noop struct {
	N int `json:"n"`
}

// drainAll runs the workers until all works are done once.
func drainAll(ctx context.Context, o QueueOptions) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var doneWorks atomic.Int64
	var workers sync.WaitGroup
	errs := make([]error, o.Workers)
	for i := range o.Workers {
		db, err := model.Open(ctx, model.Options{DSN: o.DSN})
		if err != nil {
			return err
		}
		defer model.Close(db)
		q := work.New(db, clock.System)
		work.Handle(q, "bench.noop", work.Policy{}, func(context.Context, *work.Lease, noop) error {
			if doneWorks.Add(1) == int64(o.Works) {
				stop() // the drain writes the last ends, so they are part of the measurement
			}
			return nil
		})
		w := work.NewWorker(q, work.Options{Concurrency: o.Concurrency, Logger: slog.New(slog.DiscardHandler)})
		workers.Go(func() { errs[i] = w.Run(ctx) })
	}
	workers.Wait()
	if got := doneWorks.Load(); got != int64(o.Works) {
		return fmt.Errorf("%d works ran, want %d", got, o.Works)
	}
	return errors.Join(errs...)
}

// The raw rows are as wide as a no-op work and have a primary key only.
func rawInsert(ctx context.Context, db *gorm.DB, n int) error {
	create := "CREATE TABLE bench_raw (id BIGINT NOT NULL PRIMARY KEY, state VARCHAR(16) NOT NULL, payload VARCHAR(255) NOT NULL)"
	if err := db.WithContext(ctx).Exec(create).Error; err != nil {
		return err
	}
	for from := 0; from < n; from += queueBatch {
		rows := min(queueBatch, n-from)
		args := make([]any, 0, 3*rows)
		for i := range rows {
			args = append(args, from+i, "ready", strings.Repeat("x", 100))
		}
		err := model.InTx(ctx, db, func(tx *gorm.DB) error {
			return tx.Exec("INSERT INTO bench_raw VALUES "+strings.TrimSuffix(strings.Repeat("(?,?,?),", rows), ","), args...).Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func rawUpdate(ctx context.Context, db *gorm.DB, n int) error {
	for from := 0; from < n; from += queueBatch {
		err := model.InTx(ctx, db, func(tx *gorm.DB) error {
			return tx.Exec("UPDATE bench_raw SET state = 'done' WHERE id >= ? AND id < ?", from, from+queueBatch).Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func dropRaw(ctx context.Context, db *gorm.DB) error {
	return db.WithContext(ctx).Exec("DROP TABLE bench_raw").Error
}
