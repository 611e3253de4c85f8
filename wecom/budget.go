package wecom

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// window is one rate: at most limit calls in parts × part, wherever that stretch of time begins. It
// is kept as counts per part, so that a call is forgotten soon after the window has passed it.
type window struct {
	name  string
	part  time.Duration
	parts int64
	limit int64
}

func windowsOf(l Limit) []window {
	all := []window{
		{"s", 200 * time.Millisecond, 5, int64(l.PerSecond)},
		{"m", 6 * time.Second, 10, int64(l.PerMinute)},
		{"h", 5 * time.Minute, 12, int64(l.PerHour)},
		{"d", time.Hour, 24, int64(l.PerDay)},
		{"M", 24 * time.Hour, 30, int64(l.PerMonth)},
	}
	var used []window
	for _, w := range all {
		if w.limit > 0 {
			used = append(used, w)
		}
	}
	return used
}

func (w window) index(now time.Time) int64 { return now.UnixMilli() / w.part.Milliseconds() }

// wait says when enough of the counted calls, oldest first, are out of the window for one more.
// counts end with the current part and don't include the call that asks.
func (w window) wait(counts []int64, now time.Time) time.Duration {
	var sum int64
	for _, n := range counts {
		sum += n
	}
	first := w.index(now) - w.parts
	for i, n := range counts {
		if sum -= n; sum < w.limit {
			leaves := time.UnixMilli((first + int64(i) + w.parts + 1) * w.part.Milliseconds())
			return leaves.Sub(now)
		}
	}
	return w.part
}

// budgets ration calls per corp and API. Counts live in Redis, so that all replicas draw on one
// budget; without Redis each replica rations itself. A replica leases several calls at a time, the
// more the faster it uses them up, so that a busy API costs one round trip for many calls.
type budgets struct {
	g      *Gateway
	mu     sync.Mutex
	purses map[string]*purse
}

// take waits until the call is within its budget. It fails with ErrRateLimited, at once, when the
// wait would outlast the caller's deadline or the gateway's own patience.
func (b *budgets) take(ctx context.Context, at *attempt) *Error {
	p := b.purse(at.app.owner, at.api.API)
	patience := b.g.timeouts.Wait
	for {
		wait := p.take(ctx, b.g.shared, b.g.now())
		if wait == 0 {
			return nil
		}
		deadline, has := ctx.Deadline()
		if wait > patience || has && time.Until(deadline) < wait {
			return at.fail(ClassRate, "our own rate budget is used up", withRetry(wait))
		}
		// Not all waiting calls at the same instant.
		if !sleep(ctx, wait+rand.N(50*time.Millisecond)) {
			return at.fail(ClassRate, "given up while waiting for the rate budget", withCause(ctx.Err()))
		}
		patience -= wait
	}
}

func (b *budgets) purse(owner, api string) *purse {
	subject := owner + ":" + api
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.purses[subject]
	if p == nil {
		p = newPurse(subject, windowsOf(b.g.limits[api]))
		b.purses[subject] = p
	}
	return p
}

const (
	leaseMost = 64          // calls
	leaseLife = time.Second // an unused rest of a lease is lost
)

// purse is one budget as this replica sees it.
type purse struct {
	subject string
	windows []window
	most    int64
	life    time.Duration

	mu    sync.Mutex
	left  int64
	until time.Time
	size  int64             // of the last lease
	own   []map[int64]int64 // by window and part: what this replica has leased
}

func newPurse(subject string, windows []window) *purse {
	p := &purse{subject: subject, windows: windows, most: leaseMost, life: leaseLife}
	for _, w := range windows {
		p.own = append(p.own, map[int64]int64{})
		p.most = max(1, min(p.most, w.limit/50))
		p.life = min(p.life, w.part)
	}
	return p
}

// take uses up one call and returns 0, or returns how long to wait before asking again.
func (p *purse) take(ctx context.Context, s *shared, now time.Time) time.Duration {
	if len(p.windows) == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	current := now.Before(p.until) && p.until.Sub(now) <= p.life
	if p.left > 0 && current {
		p.left--
		return 0
	}
	if p.left == 0 && current {
		p.size = min(p.size*2, p.most)
	} else {
		p.size = 1
	}
	granted, wait := p.lease(ctx, s, now, p.size)
	if granted == 0 {
		return max(wait, time.Millisecond)
	}
	p.left, p.until = granted-1, now.Add(p.life)
	return 0
}

// lease counts n calls in every window and gives back what is over the limit of any.
func (p *purse) lease(ctx context.Context, s *shared, now time.Time, n int64) (int64, time.Duration) {
	p.note(now, n)
	counts, ok := p.sharedCounts(ctx, s, now, n)
	if !ok {
		counts = p.ownCounts(now)
	}
	granted, wait := n, time.Duration(0)
	for i, w := range p.windows {
		var sum int64
		for _, c := range counts[i] {
			sum += c
		}
		granted = min(granted, max(0, n-max(0, sum-w.limit)))
		if sum-n >= w.limit {
			counts[i][w.parts] -= n
			wait = max(wait, w.wait(counts[i], now))
		}
	}
	if back := n - granted; back > 0 {
		p.note(now, -back)
		if ok {
			p.giveBack(ctx, s, now, back)
		}
	}
	return granted, wait
}

// note keeps this replica's own counts, which decide while Redis is away.
func (p *purse) note(now time.Time, n int64) {
	for i, w := range p.windows {
		index := w.index(now)
		p.own[i][index] += n
		for part := range p.own[i] {
			if part < index-w.parts {
				delete(p.own[i], part)
			}
		}
	}
}

func (p *purse) ownCounts(now time.Time) [][]int64 {
	counts := make([][]int64, len(p.windows))
	for i, w := range p.windows {
		for part := w.index(now) - w.parts; part <= w.index(now); part++ {
			counts[i] = append(counts[i], p.own[i][part])
		}
	}
	return counts
}

func (p *purse) key(s *shared, w window, part int64) string {
	return s.key(p.subject, "rate:"+w.name+strconv.FormatInt(part, 10))
}

// sharedCounts adds n and reads all counts in one round trip.
func (p *purse) sharedCounts(ctx context.Context, s *shared, now time.Time, n int64) ([][]int64, bool) {
	added := make([]*redis.IntCmd, len(p.windows))
	earlier := make([]*redis.SliceCmd, len(p.windows))
	ok := s.try(ctx, func(ctx context.Context, rdb redis.UniversalClient) error {
		_, err := rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, w := range p.windows {
				current := p.key(s, w, w.index(now))
				added[i] = pipe.IncrBy(ctx, current, n)
				pipe.PExpire(ctx, current, time.Duration(w.parts+2)*w.part)
				keys := make([]string, 0, w.parts)
				for part := w.index(now) - w.parts; part < w.index(now); part++ {
					keys = append(keys, p.key(s, w, part))
				}
				earlier[i] = pipe.MGet(ctx, keys...)
			}
			return nil
		})
		return err
	})
	if !ok {
		return nil, false
	}
	counts := make([][]int64, len(p.windows))
	for i := range p.windows {
		for _, v := range earlier[i].Val() {
			text, _ := v.(string)
			c, _ := strconv.ParseInt(text, 10, 64)
			counts[i] = append(counts[i], c)
		}
		counts[i] = append(counts[i], added[i].Val())
	}
	return counts, true
}

func (p *purse) giveBack(ctx context.Context, s *shared, now time.Time, n int64) {
	s.try(ctx, func(ctx context.Context, rdb redis.UniversalClient) error {
		_, err := rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for _, w := range p.windows {
				pipe.DecrBy(ctx, p.key(s, w, w.index(now)), n)
			}
			return nil
		})
		return err
	})
}

// sleep waits for d and reports whether the context let it.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
