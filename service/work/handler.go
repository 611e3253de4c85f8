package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Policy says how a kind of work is retried and how long one attempt may take.
type Policy struct {
	MaxAttempts int           // 0: 20
	Timeout     time.Duration // of one attempt; 0: 1 minute
	// Backoff is the wait after attempt n (from 1), before jitter; nil: 1 s · 2ⁿ⁻¹, at most 1 h.
	Backoff func(attempt int) time.Duration
}

// Lease is a work in the hands of a worker.
type Lease struct {
	ID      int64
	Kind    string
	Attempt int
	// Fence rises with every lease of this work: whoever writes on its behalf can refuse an
	// older number.
	Fence    int64
	Deadline time.Time // zero: none
}

// The causes with which a handler's context ends, besides context.DeadlineExceeded for the timeout
// of the attempt; see context.Cause.
var (
	// ErrLeaseLost: the lease ran out, so another worker may have the work by now.
	ErrLeaseLost = errors.New("work: the lease is lost")
	// ErrCancelAsked: an operator asked to cancel the work.
	ErrCancelAsked = errors.New("work: cancel was asked")
	// ErrStopping: the process stops; the work goes back to the queue and no attempt is counted.
	ErrStopping = errors.New("work: the worker stops")
)

type handler struct {
	policy  Policy
	do      handlerFunc
	expired handlerFunc // nil: nothing follows
}

type handlerFunc func(ctx context.Context, l *Lease, payload []byte) error

// Handle says who does works of a kind. A payload that can't be decoded makes the work dead at
// once. The context ends with the attempt's timeout, the lease, a cancel, or the worker's stop.
// A handler may be run again after it succeeded (the process may die before that is stored), so
// what it does must bear repeating. A kind has one handler; a second one panics.
func Handle[P any](q *Queue, kind string, p Policy, do func(ctx context.Context, l *Lease, payload P) error) {
	h := q.handlers[kind]
	if h.do != nil {
		panic("work: " + kind + " has a handler already")
	}
	h.policy, h.do = p, decoded(do)
	q.handlers[kind] = h
}

// HandleExpired says what follows when a work of a kind was not done before its deadline. It is as
// durable as the work itself: leased, timed, retried and told at least once; the work is dead with
// the reason "deadline" only after it succeeded, or after it failed as often as the policy allows.
// The kind needs a [Handle] too.
func HandleExpired[P any](q *Queue, kind string, do func(ctx context.Context, l *Lease, payload P) error) {
	h := q.handlers[kind]
	if h.expired != nil {
		panic("work: " + kind + " has a handler for the expired already")
	}
	h.expired = decoded(do)
	q.handlers[kind] = h
}

func decoded[P any](do func(ctx context.Context, l *Lease, payload P) error) handlerFunc {
	return func(ctx context.Context, l *Lease, raw []byte) error {
		var payload P
		if err := json.Unmarshal(raw, &payload); err != nil {
			return hopeless{"the payload can't be decoded: " + withoutValues(err)}
		}
		return do(ctx, l, payload)
	}
}

// withoutValues describes a decoding error; the error itself may quote the payload.
func withoutValues(err error) string {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return fmt.Sprintf("%s wants %s", wrongType.Field, wrongType.Type)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	}
	return fmt.Sprintf("%T", err)
}

// knows tells whether this process has a handler for the kind.
func (q *Queue) knows(kind string) bool { return q.handlers[kind].do != nil }

func (p Policy) maxAttempts() int {
	if p.MaxAttempts > 0 {
		return p.MaxAttempts
	}
	return 20
}

func (p Policy) timeout() time.Duration {
	if p.Timeout > 0 {
		return p.Timeout
	}
	return time.Minute
}

// wait is the back-off after attempt n, spread by a fifth to either side so that works that failed
// together don't come back together.
func (p Policy) wait(n int) time.Duration {
	d := min(time.Second<<min(n-1, 12), time.Hour)
	if p.Backoff != nil {
		d = p.Backoff(n)
	}
	if d <= 0 {
		return 0
	}
	return d - d/5 + rand.N(2*d/5+1)
}
