package event

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

const (
	feedEvents   = 1000 // in a batch, about
	feedPiles    = 200  // looked at for a batch
	feedPoll     = 250 * time.Millisecond
	feedLease    = 10 * time.Second
	feedTime     = 30 * time.Second // of one batch
	feedPatience = 3                // tries of a whole batch before its events are told apart
	feedTries    = 12               // of one event, before it is kept
)

// feedRunner reads one feed in one replica.
type feedRunner struct {
	log       *Log
	feed      *feed
	owner     string
	heldUntil time.Time
	failures  int // batches in a row
}

func (r *feedRunner) run(ctx context.Context) {
	poll := time.NewTicker(feedPoll)
	defer poll.Stop()
	defer r.release()
	for {
		more, err := r.step(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !errors.Is(err, errTaken) {
			r.failures++
			r.log.Logger.WarnContext(ctx, "feed can't go on; trying again", "feed", r.feed.name, "failures", r.failures, "error", err)
			if !pause(ctx, feedBackoff(r.failures)) {
				return
			}
			continue
		}
		r.failures = 0
		if more {
			continue
		}
		select {
		case <-r.feed.wake:
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}

// step hands on one batch, if this replica reads the feed now.
func (r *feedRunner) step(ctx context.Context) (more bool, err error) {
	held, err := r.hold(ctx)
	if err != nil || !held {
		return false, err
	}
	if r.failures >= feedPatience {
		return true, r.tellApart(ctx)
	}
	n, err := r.batch(ctx)
	return n > 0, err
}

// hold takes or keeps the lease. It only spares work: two that read at once would be told apart by
// the rows they take.
func (r *feedRunner) hold(ctx context.Context) (bool, error) {
	now := r.log.now()
	if now.Before(r.heldUntil.Add(-feedLease * 2 / 3)) {
		return true, nil
	}
	held, err := leaseFeed(r.log.DB.WithContext(ctx), r.feed.name, r.owner, now, now.Add(feedLease))
	if held {
		r.heldUntil = now.Add(feedLease)
	}
	return held, err
}

func (r *feedRunner) release() {
	if r.heldUntil.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := endFeedLease(r.log.DB.WithContext(ctx), r.feed.name, r.owner, r.log.now()); err != nil {
		r.log.Logger.Warn("feed not given back; another replica takes it when the lease ends", "feed", r.feed.name, "error", err)
	}
}

// errTaken says that another replica has taken some of the events.
var errTaken = errors.New("taken by another")

// batch hands on the next events and tells how many piles they came from.
func (r *feedRunner) batch(ctx context.Context) (int, error) {
	piles, err := duePiles(r.log.DB.WithContext(ctx), r.feed.name, r.log.now(), feedPiles)
	if err != nil {
		return 0, err
	}
	piles = fitting(piles)
	return len(piles), r.handOn(ctx, piles)
}

// fitting keeps the first piles that make a batch.
func fitting(piles []model.EventFeedBatch) []model.EventFeedBatch {
	events := int64(0)
	for i, p := range piles {
		events += p.LastID - p.FirstID + 1
		if events > feedEvents && i > 0 {
			return piles[:i]
		}
	}
	return piles
}

// handOn takes piles and calls the handler, in one transaction. A stopping process finishes it.
func (r *feedRunner) handOn(ctx context.Context, piles []model.EventFeedBatch) error {
	if len(piles) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), feedTime)
	defer cancel()
	return model.InTx(ctx, r.log.DB, func(tx *gorm.DB) error {
		if taken, err := takePiles(tx, piles); err != nil || !taken {
			return cmpErr(err, errTaken)
		}
		events, err := eventsIn(tx, piles)
		if err != nil {
			return err
		}
		events = slices.DeleteFunc(events, func(e model.Event) bool { return !r.feed.wants(e.Kind) })
		if len(events) == 0 {
			return nil
		}
		return r.feed.handle(tx, events)
	})
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// tellApart hands on the next events in ever smaller batches, so that only those wait that the
// handler can't bear.
func (r *feedRunner) tellApart(ctx context.Context) error {
	piles, err := duePiles(r.log.DB.WithContext(ctx), r.feed.name, r.log.now(), feedPiles)
	if err != nil {
		return err
	}
	return r.halve(ctx, fitting(piles))
}

func (r *feedRunner) halve(ctx context.Context, piles []model.EventFeedBatch) error {
	err := r.handOn(ctx, piles)
	if err == nil || len(piles) == 0 {
		return nil
	}
	if errors.Is(err, errTaken) || ctx.Err() != nil || model.IsUnavailable(err) || model.IsTransient(err) {
		return err
	}
	if len(piles) > 1 {
		return cmpErr(r.halve(ctx, piles[:len(piles)/2]), r.halve(ctx, piles[len(piles)/2:]))
	}
	p := piles[0]
	if p.FirstID == p.LastID {
		return r.postpone(ctx, p, err)
	}
	mid := p.FirstID + (p.LastID-p.FirstID)/2
	left, right := p, p
	left.LastID, right.FirstID = mid, mid+1
	if err := splitPile(ctx, r.log.DB, p, left, right); err != nil {
		return err
	}
	return cmpErr(r.halve(ctx, []model.EventFeedBatch{left}), r.halve(ctx, []model.EventFeedBatch{right}))
}

// postpone puts off one event that the handler can't bear.
func (r *feedRunner) postpone(ctx context.Context, p model.EventFeedBatch, why error) error {
	p.Tries++
	p.DueAt = r.log.now().Add(feedBackoff(p.Tries))
	level := r.log.Logger.WarnContext
	if p.Tries >= feedTries {
		level = r.log.Logger.ErrorContext
	}
	level(ctx, "event not handled", "feed", r.feed.name, "event", p.FirstID, "tries", p.Tries, "kept", p.Tries >= feedTries, "error", why)
	return postponePile(r.log.DB.WithContext(ctx), p, why.Error())
}

// feedBackoff is the wait after the nth failure in a row.
func feedBackoff(n int) time.Duration {
	return min(time.Second<<min(n-1, 12), time.Hour)
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
