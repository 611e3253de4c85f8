package miniapp

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"zhiyin/service/clock"
	"zhiyin/service/fault"
	"zhiyin/service/visit"
)

// ErrTooMany is answered to those who ask too often.
var ErrTooMany = fault.New(fault.TooMany, "visit.too_often", "操作太频繁，请稍后再试", "too many requests; try again in a moment")

// Rate is how often a route may be called in a minute: by one visitor, and from one address, behind
// which there may be a whole shop or a mobile network. The zero rate is no limit of its own.
type Rate struct{ Visitor, Address int }

// Rates says how often. A route that is not here has the rate of the empty name; every call counts
// towards that one too.
var Rates = map[string]Rate{
	"":                                     {Visitor: 240, Address: 3000},
	"POST /api/miniapp/sign-in":            {Address: 300},
	"POST /api/miniapp/wecom/sign-in":      {Address: 120},
	"POST /api/miniapp/events":             {Visitor: 60, Address: 3000},
	"POST /api/miniapp/me/phone":           {Visitor: 6, Address: 120},
	"PUT /api/miniapp/me/profile":          {Visitor: 20, Address: 600},
	"PUT /api/miniapp/consents/{purpose}":  {Visitor: 30, Address: 600},
	"POST /api/miniapp/me/requests":        {Visitor: 6, Address: 120},
	"DELETE /api/miniapp/me/requests/{id}": {Visitor: 12, Address: 240},
}

// window is the time in which calls are counted.
const window = time.Minute

// Limits counts calls, in Redis for all replicas together, and by itself while Redis is away: then each
// replica lets everybody have the whole rate.
type Limits struct {
	Redis     redis.UniversalClient // nil: count here alone
	KeyPrefix string
	Now       clock.Clock

	mu    sync.Mutex
	since int64 // the window that here counts
	here  map[string]int
}

// patience is how long a count may take before this replica counts by itself.
const patience = 200 * time.Millisecond

func (l *Limits) perAddress(ctx context.Context, route, ip string) error {
	return l.count(ctx, route, "ip:"+ip, func(r Rate) int { return r.Address })
}

func (l *Limits) perVisitor(ctx context.Context, route string, v *visit.Visitor) error {
	who := fmt.Sprintf("c:%d", v.CustomerID)
	if v.CustomerID == 0 {
		who = fmt.Sprintf("s:%d", v.StaffID)
	}
	return l.count(ctx, route, who, func(r Rate) int { return r.Visitor })
}

// count adds a call of the route to what somebody has done in this minute, and to all their calls.
func (l *Limits) count(ctx context.Context, route, who string, most func(Rate) int) error {
	if l == nil {
		return nil
	}
	now := l.Now()
	minute := now.Unix() / int64(window/time.Second)
	for _, name := range []string{"", route} {
		allowed := most(Rates[name])
		if allowed == 0 {
			continue
		}
		// Ids and addresses in keys are gone with the minute.
		key := fmt.Sprintf("%d:%s:%s", minute, who, strings.ReplaceAll(name, " ", ""))
		if l.add(ctx, minute, key) > allowed {
			return ErrTooMany.After(time.Unix((minute+1)*int64(window/time.Second), 0).Sub(now))
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
