package work

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

// stallingPool is a pool of which a BEGIN or a COMMIT hangs when told to, heeding no context, as a driver
// does whose network has gone silent.
type stallingPool struct {
	*sql.DB
	lose    atomic.Int64 // commits that go through although they report an error
	mu      sync.Mutex
	next    string // the call that hangs: begin or commit
	skip    int    // such calls that go through before
	hangs   chan struct{}
	release chan struct{}
}

func (p *stallingPool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

func (p *stallingPool) BeginTx(ctx context.Context, o *sql.TxOptions) (gorm.ConnPool, error) {
	p.reach("begin")
	tx, err := p.DB.BeginTx(ctx, o)
	return &stallingTx{tx, p}, err
}

type stallingTx struct {
	*sql.Tx
	pool *stallingPool
}

func (t *stallingTx) Commit() error {
	t.pool.reach("commit")
	err := t.Tx.Commit()
	if err == nil && t.pool.lose.Add(-1) >= 0 {
		return driver.ErrBadConn
	}
	return err
}

// stall makes the next such call but skip hang until released; hangs is closed when it does.
func (p *stallingPool) stall(call string, skip int) (hangs chan struct{}, release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next, p.skip, p.hangs, p.release = call, skip, make(chan struct{}), make(chan struct{})
	return p.hangs, sync.OnceFunc(func() { close(p.release) })
}

func (p *stallingPool) reach(call string) {
	p.mu.Lock()
	if p.next == call {
		p.skip--
	}
	if p.next != call || p.skip >= 0 {
		p.mu.Unlock()
		return
	}
	p.next = ""
	release := p.release
	close(p.hangs)
	p.mu.Unlock()
	<-release
}

func (r *rig) stallingQueue() (*Queue, *stallingPool) {
	db := modeltest.Open(r.t, r.dsn)
	pool, err := db.DB()
	if err != nil {
		r.t.Fatal(err)
	}
	p := &stallingPool{DB: pool}
	db = db.Session(&gorm.Session{NewDB: true})
	db.Config.ConnPool, db.Statement.ConnPool = p, p
	return New(db, r.now), p
}

// TestStalledTransaction: while a BEGIN or a COMMIT hangs, be it a claim's or that of a work's end, nothing
// else does: on MySQL, where one transaction does not lock out all others, new works go on being
// done. When it is over every work is done, once.
func TestStalledTransaction(t *testing.T) {
	for _, stalled := range []string{"begin", "commit"} {
		for skip := range 4 { // claims and ends take turns, roughly
			t.Run(fmt.Sprintf("%s after %d", stalled, skip), func(t *testing.T) {
				r := newRig(t, clock.System)
				q, pool := r.stallingQueue()
				var calls atomic.Int64
				Handle(q, "a", Policy{}, func(context.Context, *Lease, note) error { calls.Add(1); return nil })
				outside := r.queue() // enqueues and looks without the stall
				enqueueFew(t, outside, 40)
				hangs, release := pool.stall(stalled, skip)
				defer release()
				o := quick()
				o.Batch = 8 // so that it takes several claims
				w := NewWorker(q, o)
				w.callLimit = 500 * time.Millisecond // what is only slow must not be taken for what hangs
				r.runWorker(w)
				<-hangs
				if modeltest.OnMySQL() {
					before := inState(t, outside, done)
					enqueueFew(t, outside, 10)
					eventually(t, "others are done meanwhile", func() bool { return inState(t, outside, done) >= before+10 })
				} else {
					time.Sleep(2 * w.callLimit)
				}
				release()
				eventually(t, "all are done", func() bool {
					return inState(t, outside, done) == modeltest.Count[model.Work](t, outside.db)
				})
				if all := modeltest.Count[model.Work](t, outside.db); calls.Load() != all {
					t.Errorf("%d works ran %d times", all, calls.Load())
				}
			})
		}
	}
}

func enqueueFew(t *testing.T, q *Queue, n int) {
	t.Helper()
	for i := range n {
		enqueue(t, q, Item{Kind: "a", Payload: note{i}})
	}
}

// TestLockedTable: while the whole table is locked from outside, no loop of the worker hangs: a lease that
// can't be prolonged is given up in time. When the lock is gone work goes on.
func TestLockedTable(t *testing.T) {
	r := newRig(t, clock.System)
	q := r.queue()
	started, cause := make(chan struct{}, 2), make(chan error, 2)
	Handle(q, "long", Policy{}, func(ctx context.Context, l *Lease, _ note) error {
		if l.Fence > 1 {
			return nil
		}
		started <- struct{}{}
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return ctx.Err()
	})
	Handle(q, "a", Policy{}, func(context.Context, *Lease, note) error { return nil })
	long := enqueueOne(t, q, Item{Kind: "long", Payload: note{}})
	o := quick()
	o.Lease = 400 * time.Millisecond
	w := NewWorker(q, o)
	w.callLimit = 150 * time.Millisecond
	r.runWorker(w)
	<-started
	unlock := lockTable(t, r)
	select {
	case err := <-cause:
		if !errors.Is(err, ErrLeaseLost) {
			t.Errorf("the context ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the handler never heard of its lost lease")
	}
	unlock()
	after := enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	waitState(t, q, after, done)
	waitState(t, q, long, done)
}

// lockTable keeps everybody else from writing works, as another process could.
func lockTable(t *testing.T, r *rig) (unlock func()) {
	t.Helper()
	pool, err := modeltest.Open(t, r.dsn).DB()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "BEGIN IMMEDIATE", "ROLLBACK"
	if modeltest.OnMySQL() {
		begin, end = "LOCK TABLES work WRITE", "UNLOCK TABLES"
	}
	if _, err := conn.ExecContext(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if _, err := conn.ExecContext(context.Background(), end); err != nil {
			t.Error(err)
		}
		conn.Close()
	})
}

// TestHungTransactionHidesNothing: rows that another client's open transaction holds locked keep no other
// work from being claimed, prolonged or rescued.
func TestHungTransactionHidesNothing(t *testing.T) {
	if !modeltest.OnMySQL() {
		return // SQLite locks the whole database: see TestLockedTable
	}
	r := newRig(t, clock.System)
	q := r.queue()
	Handle(q, "a", Policy{}, func(context.Context, *Lease, note) error { return nil })
	past := time.Now().UTC().Add(-time.Minute)
	var locked []int64
	for i := range 60 { // more than the first look sees
		locked = append(locked, enqueueOne(t, q, Item{Kind: "a", Payload: note{i}, RunAt: past}))
	}
	expired := enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	lockedExpired := enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	for _, id := range []int64{expired, lockedExpired} {
		if err := q.db.Model(&model.Work{}).Where("id = ?", id).Updates(map[string]any{"state": leased, "lease_until": past}).Error; err != nil {
			t.Fatal(err)
		}
	}
	hung := modeltest.Open(t, r.dsn).Begin(&sql.TxOptions{Isolation: sql.LevelReadCommitted})
	defer hung.Rollback()
	if err := hung.Exec("UPDATE work SET last_error = 'locked' WHERE id IN ?", append(locked, lockedExpired)).Error; err != nil {
		t.Fatal(err)
	}
	fresh := enqueueOne(t, q, Item{Kind: "a", Payload: note{}})
	w := NewWorker(q, quick())
	w.callLimit = 500 * time.Millisecond
	r.runWorker(w)
	began := time.Now()
	waitState(t, q, fresh, done)
	waitState(t, q, expired, done)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	hung.Rollback()
	eventually(t, "the locked ones follow", func() bool { return inState(t, q, done) == int64(len(locked)+3) })
}

// TestBounded: a call that heeds nothing is not waited for.
func TestBounded(t *testing.T) {
	var pending sync.WaitGroup
	release := make(chan struct{})
	began := time.Now()
	_, err := Bounded(&pending, 20*time.Millisecond, func(context.Context) (int, error) { <-release; return 1, nil })
	if !errors.Is(err, ErrStalled) || time.Since(began) > 5*time.Second {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
	close(release)
	pending.Wait()
	if v, err := Bounded(&pending, time.Minute, func(context.Context) (int, error) { return 1, nil }); v != 1 || err != nil {
		t.Errorf("got %d, %v", v, err)
	}
}

// TestLostAnswer: a COMMIT that went through but whose answer was lost leaves no work waiting for a lease to
// run out, and none is run twice because its end is written twice.
func TestLostAnswer(t *testing.T) {
	r := newRig(t, clock.System)
	q, pool := r.stallingQueue()
	var calls atomic.Int64
	Handle(q, "a", Policy{}, func(context.Context, *Lease, note) error { calls.Add(1); return nil })
	outside := r.queue()
	o := quick()
	o.Lease, o.Batch, o.Metrics = time.Hour, 4, metrics(t)
	pool.lose.Store(5)
	enqueueFew(t, outside, 40)
	r.run(q, o)
	eventually(t, "all are done", func() bool { return inState(t, outside, done) == 40 })
	if left := pool.lose.Load(); left > 0 {
		t.Fatalf("%d answers were not lost", left)
	}
	if calls.Load() != 40 || countAttempts(t, outside) != 40 {
		t.Errorf("%d calls and %d attempts for 40 works", calls.Load(), countAttempts(t, outside))
	}
	if n := value(t, o.Metrics.refused.WithLabelValues("a")); n != 0 {
		t.Errorf("%v ends were taken for stale", n)
	}
}
