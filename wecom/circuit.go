package wecom

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	circuitRead = 200 * time.Millisecond // how old another replica's word may be
	rateFirst   = time.Minute            // 45009: the minute's limit first, then doubling …
	rateLast    = time.Hour              // … to the hour's
	rateMemory  = time.Hour              // how long a past block still counts for the doubling
	refusalRest = 5 * time.Minute        // wrong credentials or rights: at most 3 calls in 10 minutes
	failFirst   = 10 * time.Second       // a token fetch that failed, doubling …
	failLast    = time.Minute            // … to this
)

// circuitState says that something is closed, until when and why. Step counts the blocks in a row.
type circuitState struct {
	Until time.Time `json:"until"`
	Code  int       `json:"code"`
	Class Class     `json:"class"`
	Step  int       `json:"step"`

	read time.Time
}

// circuits hold what the platform has closed to us: calls inside fail at once, so that the platform
// sees none of them. Replicas tell each other through Redis.
type circuits struct {
	g      *Gateway
	mu     sync.Mutex
	states map[string]*circuitState
}

// subjects are what can be closed for a call: the API for the corp (rate), the API for this app
// (rights), and everything for this app (credentials, address).
func subjects(a *app, api *endpoint) []string {
	return []string{a.owner + ":" + api.API, a.key + ":" + api.API, a.key + ":*"}
}

// blocked returns the error of a call that may not be made now, or nil.
func (c *circuits) blocked(ctx context.Context, at *attempt) *Error {
	for _, s := range c.look(ctx, subjects(at.app, at.api)) {
		if wait := s.Until.Sub(c.g.now()); wait > 0 {
			return at.fail(s.Class, "closed by an earlier answer of the platform", withCode(s.Code), withRetry(wait))
		}
	}
	return nil
}

// look returns what is known of the subjects, asking Redis when the knowledge is old.
func (c *circuits) look(ctx context.Context, subjects []string) []circuitState {
	now := c.g.now()
	var list []circuitState
	var old []string
	c.mu.Lock()
	for _, subject := range subjects {
		s := c.states[subject]
		if s == nil {
			s = &circuitState{}
			c.states[subject] = s
		}
		if age := now.Sub(s.read); (age < 0 || age > circuitRead) && !s.Until.After(now) {
			old = append(old, subject)
		}
		list = append(list, *s)
	}
	c.mu.Unlock()
	if len(old) == 0 || !c.g.shared.usable() {
		return list
	}
	return append(list, c.refresh(ctx, old)...)
}

func (c *circuits) refresh(ctx context.Context, subjects []string) []circuitState {
	cmds := make([]*redis.StringCmd, len(subjects))
	ok := c.g.shared.try(ctx, func(ctx context.Context, rdb redis.UniversalClient) error {
		_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, subject := range subjects {
				cmds[i] = p.Get(ctx, c.g.shared.key(subject, "circuit"))
			}
			return nil
		})
		return err
	})
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []circuitState
	for i, subject := range subjects {
		s := c.states[subject]
		s.read = c.g.now()
		var told circuitState
		if text, err := cmds[i].Bytes(); err == nil && json.Unmarshal(text, &told) == nil && told.Until.After(s.Until) {
			told.read = s.read
			*s = told
			list = append(list, told)
		}
	}
	return list
}

// block shuts the subject. Answers to calls that were already under way when it was shut say
// nothing new and don't lengthen the block.
func (c *circuits) block(ctx context.Context, subject string, code int, class Class, first, last time.Duration) time.Duration {
	now := c.g.now()
	c.mu.Lock()
	s := c.states[subject]
	if s == nil {
		s = &circuitState{}
		c.states[subject] = s
	}
	if wait := s.Until.Sub(now); wait > 0 {
		c.mu.Unlock()
		return wait
	}
	if now.Sub(s.Until) > rateMemory {
		s.Step = 0
	}
	length := min(first<<min(s.Step, 10), last)
	*s = circuitState{Until: now.Add(length), Code: code, Class: class, Step: s.Step + 1, read: now}
	text, _ := json.Marshal(s)
	c.mu.Unlock()

	c.g.shared.try(ctx, func(ctx context.Context, rdb redis.UniversalClient) error {
		return rdb.Set(ctx, c.g.shared.key(subject, "circuit"), text, length+rateMemory).Err()
	})
	return length
}

// clear forgets past blocks of the subject after a success.
func (c *circuits) clear(ctx context.Context, subject string) {
	c.mu.Lock()
	s := c.states[subject]
	past := s != nil && s.Step > 0 && !s.Until.After(c.g.now())
	if past {
		*s = circuitState{read: s.read}
	}
	c.mu.Unlock()
	if past {
		c.g.shared.try(ctx, func(ctx context.Context, rdb redis.UniversalClient) error {
			return rdb.Del(ctx, c.g.shared.key(subject, "circuit")).Err()
		})
	}
}
