// Package seed fills a database with a believable company of any size, the same one for the same number.
//
// Nothing is drawn from a common source: what a customer is and did follows from the seed and the customer's number
// alone. So every table can be written by itself, tables side by side, and none has to be kept in memory, while
// sums and counts agree across them.
package seed

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/progress"
)

// Options says how large the company is; zero values mean what is said at each.
type Options struct {
	DSN  string // of a database without customers, which is migrated
	Seed uint64 // 0: 1
	// Until is when the story ends, taken back to the beginning of its day (UTC); zero: today.
	Until     time.Time
	Customers int // 0: 1,000,000; the others follow at 8, 5 and 2 per customer
	Tags      int // tags that customers bear; negative: none
	Events    int // what they did in the mini-program; negative: none
	Orders    int // negative: none
}

func (o Options) withDefaults() Options {
	o.Seed = cmp.Or(o.Seed, 1)
	o.Customers = cmp.Or(o.Customers, 1_000_000)
	o.Tags = max(0, cmp.Or(o.Tags, 8*o.Customers))
	o.Events = max(0, cmp.Or(o.Events, 5*o.Customers))
	o.Orders = max(0, cmp.Or(o.Orders, 2*o.Customers))
	if o.Until.IsZero() {
		o.Until = time.Now()
	}
	o.Until = o.Until.UTC().Truncate(24 * time.Hour)
	return o
}

// Run migrates the database, fills it and reports how long that took. It fails when there are customers already.
func Run(ctx context.Context, o Options, out io.Writer) error {
	o = o.withDefaults()
	db, err := model.Open(ctx, model.Options{DSN: patient(o.DSN), MaxConns: 4, StatementTimeout: 2 * time.Hour})
	if err != nil {
		return err
	}
	defer model.Close(db)
	if _, err := model.Migrate(ctx, db); err != nil {
		return err
	}
	if err := mustBeEmpty(ctx, db); err != nil {
		return err
	}
	w := newWorld(o)
	began := time.Now()
	rows, err := fill(ctx, db, w.tables(), out)
	if err != nil {
		return err
	}
	took := time.Since(began)
	fmt.Fprintf(out, "\n%d rows in %s: %.0f rows/s (customers %d, tags %d, events %d, orders %d, seed %d)\n",
		rows, took.Round(time.Millisecond), float64(rows)/took.Seconds(), o.Customers, o.Tags, o.Events, o.Orders, o.Seed)
	return analyse(ctx, db)
}

// table is one to fill.
type table struct {
	name, columns string
	rows          int // about as many
	write         func(s *sheet, d *dice)
}

// fill writes the tables, two at a time where the database has more than one writer.
func fill(ctx context.Context, db *gorm.DB, tables []table, out io.Writer) (int64, error) {
	var done atomic.Int64
	var total int64
	for _, t := range tables {
		total += int64(t.rows)
	}
	stop := show(out, total, &done)
	defer stop()
	l, err := newLoader(ctx, db, &done)
	if err != nil {
		return 0, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(l.writers())
	for _, t := range tables {
		group.Go(func() error {
			if err := l.load(ctx, t); err != nil {
				return fmt.Errorf("fill %s: %w", t.name, err)
			}
			return nil
		})
	}
	err = group.Wait()
	return done.Load(), err
}

// show keeps a progress bar going until it is told to stop.
func show(out io.Writer, total int64, done *atomic.Int64) (stop func()) {
	bar := progress.New(out, "seed")
	ticker, end, ended := time.NewTicker(500*time.Millisecond), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C:
				_ = bar.Show("rows", done.Load(), total) // a terminal that is gone is no reason to stop
			case <-end:
				_ = bar.Show("rows", done.Load(), done.Load())
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(end)
		<-ended
	}
}
