package event

import (
	"context"
	"database/sql"
	"iter"
	"math/bits"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// inserts are prepared multi-row INSERTs by how many rows they take: the database reads such a statement once,
// and values travel as they are. nil: every statement is read anew.
type inserts struct {
	mu     sync.Mutex
	byRows map[int]*sql.Stmt // nil while it is being prepared
}

// leastPrepared is from how many rows on preparing pays.
const leastPrepared = 16

// exec runs a statement of so many rows in tx. It is prepared on a connection of its own and beside the caller, whose
// transaction must not wait for one; until then, and where that does not pay, its text is sent.
func (p *inserts) exec(tx *gorm.DB, rows int, text func() string, args []any) (result, error) {
	within, ok := tx.Statement.ConnPool.(*sql.Tx)
	if p == nil || !ok || rows < leastPrepared || model.IsSQLite(tx) {
		return exec(tx, text(), args)
	}
	p.mu.Lock()
	s, known := p.byRows[rows]
	if !known {
		if p.byRows == nil {
			p.byRows = map[int]*sql.Stmt{}
		}
		p.byRows[rows] = nil
	}
	p.mu.Unlock()
	if !known {
		if pool, err := tx.DB(); err == nil {
			go p.prepare(pool, rows, text())
		}
	}
	if s == nil {
		return exec(tx, text(), args)
	}
	return within.StmtContext(tx.Statement.Context, s).ExecContext(tx.Statement.Context, args...)
}

func (p *inserts) prepare(pool *sql.DB, rows int, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := pool.PrepareContext(ctx, text)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil { // the next one tries again
		delete(p.byRows, rows)
		return
	}
	p.byRows[rows] = s
}

// portions are rows in parts of which there are few sizes, so that few statements serve all: powers of two, and the
// rest that is too few to be prepared.
func portions[Row any](rows []Row) iter.Seq[[]Row] {
	return func(yield func([]Row) bool) {
		for len(rows) > 0 {
			n := len(rows)
			if n >= leastPrepared {
				n = min(1<<(bits.Len(uint(n))-1), mostPrepared)
			}
			if !yield(rows[:n:n]) {
				return
			}
			rows = rows[n:]
		}
	}
}

// mostPrepared rows are in one statement.
const mostPrepared = 512
