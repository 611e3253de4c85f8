package apikey

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// rate counts the requests of each key per minute: in Redis for all replicas together, and while Redis
// can't be asked in each replica for itself.
type rate struct {
	redis  redis.UniversalClient
	prefix string

	mu     sync.Mutex
	minute int64
	counts map[int64]int64
	// away is when Redis did not answer; it is not asked again for a moment, so that requests don't wait for it.
	away time.Time
}

// How long Redis may take, and how long it is left alone when it did not answer.
const (
	redisPatience = 200 * time.Millisecond
	redisRest     = 2 * time.Second
)

// take counts a request and says how long the key has to wait when there were too many; zero admits it.
func (r *rate) take(ctx context.Context, key int64, perMinute int, now time.Time) time.Duration {
	minute := now.Unix() / 60
	n, ok := r.shared(ctx, key, minute, now)
	if !ok {
		n = r.own(key, minute)
	}
	if n <= int64(perMinute) {
		return 0
	}
	return time.Unix((minute+1)*60, 0).Sub(now)
}

func (r *rate) shared(ctx context.Context, key, minute int64, now time.Time) (n int64, ok bool) {
	r.mu.Lock()
	resting := now.Sub(r.away) < redisRest
	r.mu.Unlock()
	if r.redis == nil || resting {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	name := r.prefix + strconv.FormatInt(key, 10) + ":" + strconv.FormatInt(minute, 10)
	var count *redis.IntCmd
	_, err := r.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		count = p.Incr(ctx, name)
		p.Expire(ctx, name, 2*time.Minute)
		return nil
	})
	if err != nil {
		r.mu.Lock()
		r.away = now
		r.mu.Unlock()
		return 0, false
	}
	return count.Val(), true
}

func (r *rate) own(key, minute int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.minute != minute {
		r.minute, r.counts = minute, map[int64]int64{}
	}
	r.counts[key]++
	return r.counts[key]
}
