package outreach

import (
	"sync"
	"time"

	"zhiyin/model"
)

// gateKey is what a platform knows us by.
type gateKey struct {
	channel string
	account int64
}

func keyOf(l *model.DeliveryLane) gateKey { return gateKey{l.Channel, l.AccountID} }

// gates holds back calls of accounts of which the platform wants fewer.
type gates struct {
	mu sync.Mutex
	of map[gateKey]*gate
}

type gate struct {
	until   time.Time
	pause   time.Duration // of the last throttling that named no end
	share   int           // of the width, in 64ths: halved by every throttling, grown by success
	lowered time.Time
}

const (
	gateFirst = time.Second
	gateMost  = time.Minute
	fullShare = 64
)

func newGates() *gates { return &gates{of: map[gateKey]*gate{}} }

func (g *gates) until(l *model.DeliveryLane) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gt := g.of[keyOf(l)]; gt != nil {
		return gt.until
	}
	return time.Time{}
}

func (g *gates) closed(l *model.DeliveryLane, now time.Time) bool { return now.Before(g.until(l)) }

// throttle closes the gate, until the platform's own time where it named one.
func (g *gates) throttle(l *model.DeliveryLane, now, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gt := g.of[keyOf(l)]
	if gt == nil {
		gt = &gate{share: fullShare}
		g.of[keyOf(l)] = gt
	}
	if now.Before(gt.until) && !until.After(gt.until) {
		return // calls that were under way say the same again
	}
	if until.IsZero() {
		gt.pause = min(max(gateFirst, 2*gt.pause), gateMost)
		until = now.Add(gt.pause)
	}
	gt.until, gt.lowered = until, now
	gt.share = max(1, gt.share/2)
}

// pass notes that the platform takes calls.
func (g *gates) pass(l *model.DeliveryLane, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gt := g.of[keyOf(l)]
	if gt == nil || now.Sub(gt.lowered) < time.Second {
		return
	}
	gt.pause, gt.lowered = gt.pause/2, now
	if gt.share = min(fullShare, gt.share*2); gt.share == fullShare {
		delete(g.of, keyOf(l))
	}
}

// width is how many calls may be under way, of so many.
func (g *gates) width(l *model.DeliveryLane, most int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if gt := g.of[keyOf(l)]; gt != nil {
		return max(1, most*gt.share/fullShare)
	}
	return most
}

// rests lets lanes rest that fail again and again, so that they hold back nobody else's.
type rests struct {
	mu sync.Mutex
	of map[int64]*rest
}

type rest struct {
	failed int // calls in a row
	until  time.Time
}

const (
	restAfter = 5 // failed calls in a row
	restFirst = 500 * time.Millisecond
	breakAt   = 20 // failed calls in a row, of failures that only somebody can mend
)

func newRests() *rests { return &rests{of: map[int64]*rest{}} }

func (r *rests) resting(lane int64, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	rs := r.of[lane]
	return rs != nil && now.Before(rs.until)
}

// fail notes a failed call and tells how many there were in a row.
func (r *rests) fail(l *model.DeliveryLane, now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	rs := r.of[l.ID]
	if rs == nil {
		rs = &rest{}
		r.of[l.ID] = rs
	}
	rs.failed++
	if over := rs.failed - restAfter; over >= 0 && !now.Before(rs.until) {
		rs.until = now.Add(min(restFirst<<min(over/restAfter, 10), restMost))
	}
	return rs.failed
}

func (r *rests) succeed(l *model.DeliveryLane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.of, l.ID)
}
