package model

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"gorm.io/gorm"
)

// GroupCommit commits together what concurrent callers want to write: while one commit is under way the
// next callers gather, and the next commit takes whoever has gathered. There is no timer, so a lone
// caller waits for nothing. In is what a caller brings, Out what it is told after the commit.
//
// write gets a transaction and the gathered items in the order they came, and returns one result
// per item. It must be able to run again, alone or with other items: when a batch fails, each of
// its items is tried in a transaction of its own, so that one bad item fails alone.
type GroupCommit[In, Out any] struct {
	db    *gorm.DB
	in    func(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) error
	max   int
	write func(tx *gorm.DB, items []In) ([]Out, error)

	mu      sync.Mutex
	waiting []*groupItem[In, Out]
	busy    int
	commits int // how many may run side by side
}

type groupItem[In, Out any] struct {
	in   In
	out  Out
	err  error
	done chan struct{}
}

// NewGroupCommit makes one that commits at most max items at a time in at most commits transactions
// side by side.
func NewGroupCommit[In, Out any](db *gorm.DB, max, commits int, write func(tx *gorm.DB, items []In) ([]Out, error)) *GroupCommit[In, Out] {
	return &GroupCommit[In, Out]{db: db, in: InTx, max: max, commits: commits, write: write}
}

// NewGroupStatement is NewGroupCommit for a write that is one statement: the statement is its own
// transaction, which spares the database two round trips and more for each commit.
func NewGroupStatement[In, Out any](db *gorm.DB, max, commits int, write func(db *gorm.DB, items []In) ([]Out, error)) *GroupCommit[In, Out] {
	return &GroupCommit[In, Out]{db: db, in: inStatement, max: max, commits: commits, write: write}
}

// inStatement runs fn, which makes one statement, and runs it again as InTx would.
func inStatement(ctx context.Context, db *gorm.DB, fn func(db *gorm.DB) error) error {
	return repeated(ctx, func() error {
		release, err := oneWriter(ctx, db)
		if err != nil {
			return err
		}
		defer release()
		return fn(db.WithContext(ctx))
	})
}

// ErrTooManyWaiting says that so many callers wait already that this one would wait too long.
var ErrTooManyWaiting = errors.New("too many writes are waiting")

// groupTimeout ends a commit that the database does not answer.
const groupTimeout = 5 * time.Second

// maxWaitingBatches bounds the queue in batches; beyond it callers are turned away at once.
const maxWaitingBatches = 40

// Do writes in with whoever else is writing and returns after the commit. When ctx ends first Do
// returns its error, and whether in was written is not known.
func (g *GroupCommit[In, Out]) Do(ctx context.Context, in In) (Out, error) {
	it := &groupItem[In, Out]{in: in, done: make(chan struct{})}
	g.mu.Lock()
	if len(g.waiting) >= g.max*maxWaitingBatches {
		g.mu.Unlock()
		return it.out, ErrTooManyWaiting
	}
	g.waiting = append(g.waiting, it)
	if g.busy < g.commits {
		g.busy++
		go g.commitAll()
	}
	g.mu.Unlock()
	select {
	case <-it.done:
		return it.out, it.err
	case <-ctx.Done():
		var none Out
		return none, ctx.Err()
	}
}

// commitAll commits until nobody waits. It outlives the caller that started it, so it runs under
// no caller's context; statements are bounded by the database's own limit.
func (g *GroupCommit[In, Out]) commitAll() {
	for {
		g.gather()
		g.mu.Lock()
		n := min(len(g.waiting), g.max)
		if n == 0 {
			g.busy--
			g.mu.Unlock()
			return
		}
		batch := g.waiting[:n:n]
		g.waiting = g.waiting[n:]
		if len(g.waiting) == 0 {
			g.waiting = nil
		}
		g.mu.Unlock()
		g.commit(batch)
		for _, it := range batch {
			close(it.done)
		}
	}
}

// gather lets those come who are ready to: a commit wakes all whom it has written for, and where they come back at once
// the first of them would be committed alone and the others wait for it. It ends when a turn of the others brings nobody
// more, so a lone caller waits for nobody.
func (g *GroupCommit[In, Out]) gather() {
	for before := 0; ; {
		runtime.Gosched()
		g.mu.Lock()
		n := len(g.waiting)
		g.mu.Unlock()
		if n == before || n >= g.max {
			return
		}
		before = n
	}
}

func (g *GroupCommit[In, Out]) commit(batch []*groupItem[In, Out]) {
	err := g.attempt(batch)
	if err == nil {
		return
	}
	// One by one helps against a bad item, not against a database that is away or does not answer.
	if len(batch) == 1 || IsUnavailable(err) || errors.Is(err, context.DeadlineExceeded) {
		for _, it := range batch {
			it.err = err
		}
		return
	}
	for i := range batch {
		g.commit(batch[i : i+1])
	}
}

func (g *GroupCommit[In, Out]) attempt(batch []*groupItem[In, Out]) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	items := make([]In, len(batch))
	for i, it := range batch {
		items[i] = it.in
	}
	var outs []Out
	err = g.in(ctx, g.db, func(tx *gorm.DB) (err error) {
		outs, err = g.write(tx, items)
		return err
	})
	if err != nil {
		return err
	}
	for i, it := range batch {
		it.out = outs[i]
	}
	return nil
}
