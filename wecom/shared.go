package wecom

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	redisPatience = 200 * time.Millisecond // how long a call waits for Redis
	redisRest     = 2 * time.Second        // how long Redis is left alone after it failed
)

// shared is what replicas know together. It may be lost or unreachable at any time: whoever asks
// has an answer of his own for that case.
type shared struct {
	rdb    redis.UniversalClient
	prefix string
	resume atomic.Int64 // wall clock in ns before which Redis is left alone
}

func newShared(rdb redis.UniversalClient, prefix string) *shared {
	// Without this a hanging server would hold a call for the client's own three seconds.
	if c, ok := rdb.(*redis.Client); ok && c != nil {
		rdb = c.WithTimeout(redisPatience)
	}
	return &shared{rdb: rdb, prefix: prefix}
}

// usable tells whether Redis is there and has not failed just now.
func (s *shared) usable() bool {
	return s.rdb != nil && time.Now().UnixNano() >= s.resume.Load()
}

// try runs f against Redis and reports whether it can be relied on. A caller who goes away does
// not count as a failure of Redis, so his context only lends its values.
func (s *shared) try(ctx context.Context, f func(ctx context.Context, rdb redis.UniversalClient) error) bool {
	if !s.usable() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), redisPatience)
	defer cancel()
	if err := f(ctx, s.rdb); err != nil && !errors.Is(err, redis.Nil) {
		s.resume.Store(time.Now().Add(redisRest).UnixNano())
		return false
	}
	return true
}

// key makes a Redis key; the braces keep all keys of one subject in one slot of a cluster.
func (s *shared) key(subject, rest string) string { return s.prefix + "{" + subject + "}:" + rest }
