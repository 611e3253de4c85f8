// Package rate holds how often somebody may call.
package rate

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"zhiyin/service/clock"
	"zhiyin/service/fault"
)

// Rate is how often a route may be called in a minute: by one caller, and from one address, behind
// which there may be a whole shop or a mobile network. The zero rate is no limit of its own.
type Rate struct{ Caller, Address int }

// window is the time in which calls are counted.
const window = time.Minute

// Limits counts calls, in Redis for all replicas together, and by itself while Redis is away: then each
// replica lets everybody have the whole rate.
type Limits struct {
	Redis     redis.UniversalClient // nil: count here alone
	KeyPrefix string
	Now       clock.Clock
	// Rates says how often, by method and path. A route that is not here has the rate of the empty name;
	// every call counts towards that one too.
	Rates map[string]Rate
	// Refusal is answered to those who ask too often.
	Refusal *fault.Fault

	mu    sync.Mutex
	since int64 // the window that here counts
	here  map[string]int
}

// patience is how long a count may take before this replica counts by itself.
const patience = 200 * time.Millisecond

// Address counts a call from an address.
func (l *Limits) Address(ctx context.Context, route, ip string) error {
	return l.count(ctx, route, "ip:"+ip, func(r Rate) int { return r.Address })
}

// Caller counts a call by somebody, whose name is theirs alone.
func (l *Limits) Caller(ctx context.Context, route, who string) error {
	return l.count(ctx, route, who, func(r Rate) int { return r.Caller })
}

// count adds a call of the route to what somebody has done in this minute, and to all their calls.
func (l *Limits) count(ctx context.Context, route, who string, most func(Rate) int) error {
	if l == nil {
		return nil
	}
	now := l.Now()
	minute := now.Unix() / int64(window/time.Second)
	for _, name := range []string{"", route} {
		allowed := most(l.Rates[name])
		if allowed == 0 {
			continue
		}
		// Ids and addresses in keys are gone with the minute.
		key := fmt.Sprintf("%d:%s:%s", minute, who, strings.ReplaceAll(name, " ", ""))
		if l.add(ctx, minute, key) > allowed {
			return l.Refusal.After(time.Unix((minute+1)*int64(window/time.Second), 0).Sub(now))
		}
	}
	return nil
}

func (l *Limits) add(ctx context.Context, minute int64, key string) int {
	if l.Redis != nil {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		pipe := l.Redis.TxPipeline()
		n := pipe.Incr(ctx, l.KeyPrefix+key)
		pipe.Expire(ctx, l.KeyPrefix+key, 2*window)
		if _, err := pipe.Exec(ctx); err == nil {
			return int(n.Val())
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since != minute || l.here == nil {
		l.since, l.here = minute, map[string]int{}
	}
	l.here[key]++
	return l.here[key]
}
