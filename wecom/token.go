package wecom

import (
	"context"
	"crypto/rand"
	"encoding/json"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	lockLife      = 15 * time.Second // longer than a fetch may take
	renewAt       = 0.8              // of a value's life
	fetchesShared = 4                // per minute, on the platform's refusals, while replicas can coordinate
	fetchesAlone  = 1                // the same without Redis
)

// lender is a platform API that lends us a value for a while: an access token or a JS ticket.
type lender struct {
	app   *app
	name  string // of what is lent, as part of keys and metrics
	fetch func(context.Context) (value string, life time.Duration, err error)
}

func (l lender) key() string { return l.app.key + ":" + l.name }

// loan is a lent value as replicas share it. A higher generation was fetched later.
type loan struct {
	Value      string    `json:"token"`
	ExpiresAt  time.Time `json:"expires_at"`
	RenewAt    time.Time `json:"renew_at"`
	Generation int64     `json:"generation"`
}

func (l loan) usable(now time.Time) bool { return l.Value != "" && now.Before(l.ExpiresAt) }

// keeper keeps what is lent. One goroutine per process and, through a Redis lock, one replica
// fetches; all others wait for its result. A fetch goes on when the call that began it gives up.
type keeper struct {
	g     *Gateway
	mu    sync.Mutex
	items map[string]*item
}

type item struct {
	mu      sync.Mutex
	now     loan
	refused string // a value that the platform has refused since
	fetched []time.Time
	flight  *flight
	restTo  time.Time // no early renewal before, after one failed
}

type flight struct {
	done  chan struct{}
	value string
	err   error
}

// get returns a value that is valid by the clock.
func (k *keeper) get(ctx context.Context, l lender) (string, error) {
	it := k.item(l.key())
	it.mu.Lock()
	now := k.g.now()
	if it.now.usable(now) {
		value := it.now.Value
		if !now.Before(it.now.RenewAt) && it.flight == nil && !now.Before(it.restTo) {
			k.start(it, l)
		}
		it.mu.Unlock()
		return value, nil
	}
	f := it.flight
	if f == nil {
		f = k.start(it, l)
	}
	it.mu.Unlock()
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return "", &Error{API: l.name, Account: l.app.account, Class: ClassBusy, repeatable: true,
			Message: "given up while waiting for a token", cause: ctx.Err()}
	}
}

// reject reports that the platform refused the value, and returns whether trying once more makes
// sense. It is a no-op when the value has been replaced already. When the platform refuses one
// fresh value after the other it does not fetch again before a minute has passed.
func (k *keeper) reject(l lender, value string) bool {
	it := k.item(l.key())
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.now.Value != value {
		return true
	}
	most := fetchesAlone
	if k.g.shared.usable() {
		most = fetchesShared
	}
	now, recent := k.g.now(), it.fetched[:0]
	for _, t := range it.fetched {
		if age := now.Sub(t); age >= 0 && age < time.Minute {
			recent = append(recent, t)
		}
	}
	it.fetched = recent
	if len(recent) >= most {
		return false
	}
	it.refused, it.now.ExpiresAt = value, time.Time{}
	return true
}

func (k *keeper) item(key string) *item {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.items[key] == nil {
		k.items[key] = &item{}
	}
	return k.items[key]
}

// start begins a renewal; the caller holds the item's lock.
func (k *keeper) start(it *item, l lender) *flight {
	f := &flight{done: make(chan struct{})}
	known, refused := it.now, it.refused
	begun := k.g.spawn(func() {
		got, fresh, err := k.renew(l, known, refused)
		it.mu.Lock()
		defer it.mu.Unlock()
		if err != nil {
			it.restTo = k.g.now().Add(failFirst)
		} else {
			it.now = got
		}
		if fresh {
			it.fetched = append(it.fetched, k.g.now())
		}
		f.value, f.err, it.flight = got.Value, err, nil
		close(f.done)
	})
	if !begun {
		f.err = &Error{API: l.name, Account: l.app.account, Class: ClassBusy, Message: "the gateway is closed", cause: context.Canceled}
		close(f.done)
		return f
	}
	it.flight = f
	return f
}

// renew takes over what another replica has fetched, or fetches. fresh says that it fetched.
func (k *keeper) renew(l lender, known loan, refused string) (got loan, fresh bool, err error) {
	ctx, cancel := context.WithTimeout(k.g.ctx, k.g.timeouts.Call+lockLife)
	defer cancel()
	takeOver := func(told loan) bool {
		now := k.g.now()
		return told.usable(now) && told.Value != refused &&
			(told.Generation > known.Generation || known.Value != refused && !known.usable(now))
	}
	for {
		if told := k.told(ctx, l); takeOver(told) {
			return told, false, nil
		}
		if e := k.resting(ctx, l); e != nil {
			return loan{}, false, e
		}
		if owner, locked := k.lock(ctx, l); locked {
			defer k.unlock(l, owner)
			break
		}
		if !sleep(ctx, 30*time.Millisecond+mathrand.N(40*time.Millisecond)) {
			return loan{}, false, &Error{API: l.name, Account: l.app.account, Class: ClassBusy, repeatable: true,
				Message: "another replica did not finish fetching a token", cause: ctx.Err()}
		}
	}
	// Whoever held the lock until now may have fetched, or failed.
	told := k.told(ctx, l)
	if takeOver(told) {
		return told, false, nil
	}
	if e := k.resting(ctx, l); e != nil {
		return loan{}, false, e
	}
	known.Generation = max(known.Generation, told.Generation)
	got, err = k.fetch(ctx, l, known)
	return got, true, err
}

// fetch asks the platform once and shares the result. After a failure nobody asks for a while: the
// platform freezes an app that keeps asking with a wrong secret.
func (k *keeper) fetch(ctx context.Context, l lender, known loan) (loan, error) {
	value, life, err := l.fetch(ctx)
	k.g.metrics.fetched(l.app.account, l.name, err)
	if err != nil {
		k.rest(ctx, l, err)
		return loan{}, err
	}
	now := k.g.now()
	got := loan{Value: value, ExpiresAt: now.Add(life), Generation: known.Generation + 1}
	got.RenewAt = now.Add(time.Duration(float64(life) * renewAt))
	if value == known.Value {
		// The platform repeats a token as long as it lives; asking more and more often near its
		// end would bring nothing. A mini-program's successor exists five minutes before.
		got.RenewAt = got.ExpiresAt
		if life > 5*time.Minute {
			got.RenewAt = got.ExpiresAt.Add(-4 * time.Minute)
		}
	}
	text, _ := json.Marshal(got)
	k.g.shared.try(ctx, func(ctx context.Context, rdb redis.UniversalClient) error {
		return rdb.Set(ctx, k.g.shared.key(l.key(), "loan"), text, life).Err()
	})
	k.g.circuits.clear(ctx, l.key())
	return got, nil
}

// rest keeps everybody from fetching for a while after a failure.
func (k *keeper) rest(ctx context.Context, l lender, err error) {
	e, _ := err.(*Error)
	if e == nil || k.g.ctx.Err() != nil {
		return
	}
	first, last := failFirst, failLast
	switch e.Class {
	case ClassCredential, ClassPermission, ClassBadInput, ClassNotFound:
		first, last = refusalRest, refusalRest
	case ClassBusy:
		// Nothing reached the platform, or it said itself that it is only busy.
		first = time.Second
	}
	e.RetryAfter = max(e.RetryAfter, k.g.circuits.block(ctx, l.key(), e.Code, e.Class, first, last))
}

func (k *keeper) resting(ctx context.Context, l lender) *Error {
	for _, s := range k.g.circuits.look(ctx, []string{l.key()}) {
		if wait := s.Until.Sub(k.g.now()); wait > 0 {
			return &Error{API: l.name, Account: l.app.account, Code: s.Code, Class: s.Class, RetryAfter: wait,
				Message: "fetching failed a moment ago", repeatable: true}
		}
	}
	return nil
}

// told is what replicas share, or the zero loan.
func (k *keeper) told(ctx context.Context, l lender) loan {
	var text []byte
	k.g.shared.try(ctx, func(ctx context.Context, rdb redis.UniversalClient) (err error) {
		text, err = rdb.Get(ctx, k.g.shared.key(l.key(), "loan")).Bytes()
		return err
	})
	var told loan
	if json.Unmarshal(text, &told) != nil {
		return loan{}
	}
	return told
}

// lock makes this replica the one that fetches. It only saves calls: when Redis is away everybody
// holds it, and a holder that is slow loses it.
func (k *keeper) lock(ctx context.Context, l lender) (owner string, locked bool) {
	owner, locked = rand.Text(), true
	k.g.shared.try(ctx, func(ctx context.Context, rdb redis.UniversalClient) error {
		err := rdb.SetArgs(ctx, k.g.shared.key(l.key(), "lock"), owner, redis.SetArgs{Mode: "NX", TTL: lockLife}).Err()
		locked = err != redis.Nil
		return err
	})
	return owner, locked
}

func (k *keeper) unlock(l lender, owner string) {
	key := k.g.shared.key(l.key(), "lock")
	k.g.shared.try(context.Background(), func(ctx context.Context, rdb redis.UniversalClient) error {
		if held, err := rdb.Get(ctx, key).Result(); err != nil || held != owner {
			return err
		}
		return rdb.Del(ctx, key).Err()
	})
}
