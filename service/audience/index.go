// Package audience answers the rules of segments from memory: bitmaps say who has which tag, staff member, stage;
// columns and rows hold numbers, times, orders and daily counts.
//
// SQL is the meaning: the index says what the statement of service/segment would say of the same rows, or nothing at all. Every
// replica has an index of its own, built in the background at start and kept up to date by the event log: whoever
// an event is about is read again from the tables, so it converges whatever order events come in.
package audience

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"zhiyin/service/clock"
)

// Deps is what an index needs.
type Deps struct {
	DB     *gorm.DB
	Now    clock.Clock
	Logger *slog.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
}

// Index is the audience index of one replica. Safe for concurrent use.
type Index struct {
	db      *gorm.DB
	now     clock.Clock
	log     *slog.Logger
	metrics *metrics

	mu   sync.RWMutex // guards what held points to
	held *held

	built atomic.Bool
	// current is the time, in ns since 1970, as of which the index has followed the log.
	current atomic.Int64
}

// New makes an index that answers nothing until [Index.Run] has built it.
func New(d Deps) *Index {
	x := &Index{db: d.DB, now: d.Now, log: d.Logger, held: newHeld(0)}
	x.metrics = newMetrics(d.Metrics, x)
	return x
}

// maxStale is how far behind the log an index may be and still answer.
const maxStale = 10 * time.Second

// Fresh tells whether the index is built and follows the log closely.
func (x *Index) Fresh() bool { return x.built.Load() && x.Staleness() <= maxStale }

// Staleness says how long ago the index was level with the event log; before it ever was, longer than any limit.
func (x *Index) Staleness() time.Duration {
	at := x.current.Load()
	if at == 0 {
		return 1<<63 - 1
	}
	return max(0, x.now().Sub(time.Unix(0, at)))
}

// Size says how many customers the index holds and how much memory that takes.
func (x *Index) Size() (customers int, bytes int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return int(x.held.all.GetCardinality()), x.held.bytes()
}

// Run builds the index and keeps it up to date until ctx ends. When the database can't be read it tries again.
func (x *Index) Run(ctx context.Context) {
	var f follower
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, time.Minute) {
		err := x.build(ctx, &f)
		if err == nil {
			break
		}
		x.log.WarnContext(ctx, "audience index not built; trying again", "error", err)
		pause(ctx, wait)
	}
	x.follow(ctx, &f)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
