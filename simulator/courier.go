package simulator

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// handling is what may go wrong with a delivery on its way.
type handling struct {
	Duplicate int  `json:"duplicate,omitempty"` // deliver so many times more, sealed anew
	DelayMS   int  `json:"delay_ms,omitempty"`
	Drop      bool `json:"drop,omitempty"`    // never sent, only logged
	Reorder   bool `json:"reorder,omitempty"` // sent after the next one (at most 2 s later)
}

// rule applies a handling to the events it matches.
type rule struct {
	ID     int64  `json:"id"`
	Event  string `json:"event"`       // pattern
	Change string `json:"change_type"` // pattern
	Times  int    `json:"times"`       // 0 = until cleared
	Used   int    `json:"used"`
	handling
}

// courier posts callbacks: first tries in order of arrival, a bounded number at once,
// retries after their delay. It has a lock of its own and never calls back into the world.
type courier struct {
	log    *slog.Logger
	now    func() time.Time // virtual; takes the simulator's lock, so never called under mu
	client *http.Client
	ctx    context.Context
	stop   context.CancelFunc
	tasks  sync.WaitGroup

	mu     sync.Mutex
	cond   *sync.Cond
	conf   callbackConfig
	queue  []*delivery
	held   *delivery
	active int
	open   int // deliveries neither delivered, failed nor dropped
	logs   []*delivery
	rules  []*rule
	counts map[string]int
	serial int64 // last delivery id
}

func newCourier(now func() time.Time, log *slog.Logger) *courier {
	k := &courier{log: log, now: now, counts: map[string]int{}}
	k.ctx, k.stop = context.WithCancel(context.Background())
	k.cond = sync.NewCond(&k.mu)
	k.client = &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	k.tasks.Go(k.dispatch)
	return k
}

func (k *courier) configure(conf callbackConfig) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conf = conf
	k.cond.Broadcast()
}

func (k *courier) close() {
	k.stop()
	k.mu.Lock()
	k.cond.Broadcast()
	k.mu.Unlock()
	k.tasks.Wait()
	k.client.CloseIdleConnections()
}

// deliver takes a delivery in; it never blocks.
func (k *courier) deliver(d *delivery, how handling) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ctx.Err() != nil {
		return
	}
	how = k.apply(d, how)
	k.record(d)
	if how.Drop {
		k.finish(d, "dropped")
		return
	}
	k.schedule(d, how)
	for range how.Duplicate {
		again := *d
		again.Tries = nil
		k.record(&again)
		k.schedule(&again, handling{DelayMS: how.DelayMS})
	}
}

// apply merges the first matching rule into how.
func (k *courier) apply(d *delivery, how handling) handling {
	for _, r := range k.rules {
		if !match(cmp.Or(r.Event, "*"), d.Event) || !match(cmp.Or(r.Change, "*"), d.Change) || (r.Times > 0 && r.Used >= r.Times) {
			continue
		}
		r.Used++
		how.Duplicate += r.Duplicate
		how.DelayMS += r.DelayMS
		how.Drop = how.Drop || r.Drop
		how.Reorder = how.Reorder || r.Reorder
		break
	}
	return how
}

func (k *courier) record(d *delivery) {
	k.serial++
	d.ID, d.Status = k.serial, "queued"
	k.open++
	k.counts["total"]++
	k.logs = append(k.logs, d)
	if n := k.conf.LogMax; n > 0 && len(k.logs) > n+n/8+64 {
		k.logs = append([]*delivery(nil), k.logs[len(k.logs)-n:]...)
	}
}

func (k *courier) schedule(d *delivery, how handling) {
	switch {
	case how.DelayMS > 0:
		k.later(time.Duration(how.DelayMS)*time.Millisecond, func() { k.enqueue(d) })
	case how.Reorder && k.held == nil:
		k.held = d
		k.later(2*time.Second, func() { k.release(d) })
	default:
		k.enqueue(d)
	}
}

// enqueue appends, followed by the delivery that was held back for it. mu is held.
func (k *courier) enqueue(d *delivery) {
	k.queue = append(k.queue, d)
	if k.held != nil && k.held != d {
		k.queue = append(k.queue, k.held)
		k.held = nil
	}
	k.cond.Broadcast()
}

func (k *courier) release(d *delivery) {
	if k.held == d {
		k.held = nil
		k.enqueue(d)
	}
}

// later runs f with mu held after the delay, unless the courier closes first.
func (k *courier) later(delay time.Duration, f func()) {
	k.tasks.Go(func() {
		t := time.NewTimer(delay)
		defer t.Stop()
		select {
		case <-k.ctx.Done():
		case <-t.C:
			k.mu.Lock()
			defer k.mu.Unlock()
			f()
		}
	})
}

// dispatch starts first and later tries in the order of the queue.
func (k *courier) dispatch() {
	for {
		k.mu.Lock()
		for k.ctx.Err() == nil && (len(k.queue) == 0 || k.active >= k.conf.Concurrency) {
			k.cond.Wait()
		}
		if k.ctx.Err() != nil {
			k.mu.Unlock()
			return
		}
		d := k.queue[0]
		k.queue[0] = nil
		k.queue = k.queue[1:]
		k.active++
		if d.first.IsZero() {
			d.first = time.Now()
		}
		conf := k.conf
		k.mu.Unlock()
		k.tasks.Go(func() { k.attempt(d, conf) })
	}
}

// attempt makes one try and decides what follows.
func (k *courier) attempt(d *delivery, conf callbackConfig) {
	at := d.envelope.at
	if conf.FreshTimestamp {
		at = k.now()
	}
	t := k.post(d, at, time.Duration(conf.TimeoutMS)*time.Millisecond)
	done := k.now().UTC()

	k.mu.Lock()
	defer k.mu.Unlock()
	k.active--
	k.cond.Broadcast()
	d.Tries = append(d.Tries, t)
	d.made++
	switch {
	case t.Status == http.StatusOK:
		d.Done = done
		k.finish(d, "delivered")
	case d.made >= len(conf.TriesMS):
		d.Done = done
		k.finish(d, "failed")
		k.log.Warn("simulator: callback given up", slog.Int64("delivery", d.ID), slog.String("event", d.Event), slog.Int("status", t.Status))
	default:
		due := d.first.Add(time.Duration(conf.TriesMS[d.made]) * time.Millisecond)
		k.later(time.Until(due), func() { k.enqueue(d) })
	}
}

func (k *courier) finish(d *delivery, status string) {
	d.Status = status
	k.open--
	k.counts[status]++
}

func (k *courier) post(d *delivery, at time.Time, timeout time.Duration) (t try) {
	started := time.Now()
	t.At = started.UTC()
	defer func() { t.MS = float64(time.Since(started).Microseconds()) / 1000 }()
	s, err := d.envelope.seal(d.Plain, at, tampering{})
	if err != nil {
		t.Error = err.Error()
		return t
	}
	t.Timestamp, t.Nonce = s.Timestamp, s.Nonce
	t.Status, _, err = k.send(http.MethodPost, s.URL, s.Body, timeout)
	if err != nil {
		t.Error = withoutURL(err)
	}
	return t
}

// send makes one request and reads at most 64 KB of the answer.
func (k *courier) send(method, address, body string, timeout time.Duration) (int, string, error) {
	ctx, cancel := context.WithTimeout(k.ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/xml; charset=utf-8")
		if strings.HasPrefix(body, "{") {
			req.Header.Set("Content-Type", "application/json; charset=utf-8")
		}
	}
	res, err := k.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return 0, "", err // a status without its body in time is no answer
	}
	return res.StatusCode, string(b), nil
}

// idle reports whether nothing is queued, held or on its way.
func (k *courier) idle() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.open == 0
}

func (k *courier) deliveries(status, event string, after int64, limit int) []delivery {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []delivery
	for _, d := range slices.Backward(k.logs) {
		if (status == "" || d.Status == status) && (event == "" || match(event, d.label())) && d.ID > after && len(out) < limit {
			c := *d
			c.Tries = slices.Clone(d.Tries)
			out = append(out, c)
		}
	}
	slices.Reverse(out)
	return out
}

func (k *courier) clear() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := len(k.logs)
	k.logs = slices.DeleteFunc(k.logs, func(d *delivery) bool { return d.Status != "queued" })
	k.counts = map[string]int{}
	return n - len(k.logs)
}

// stats counts deliveries by outcome and says how long the answers took, in milliseconds.
func (k *courier) stats() reply {
	k.mu.Lock()
	defer k.mu.Unlock()
	var ms []float64
	for _, d := range k.logs {
		for _, t := range d.Tries {
			if t.Status == http.StatusOK {
				ms = append(ms, t.MS)
			}
		}
	}
	out := percentiles(ms)
	out["open"], out["active"] = k.open, k.active
	for name, n := range k.counts {
		out[name] = n
	}
	return out
}

func percentiles(ms []float64) reply {
	slices.Sort(ms)
	at := func(p float64) float64 {
		if len(ms) == 0 {
			return 0
		}
		return ms[int(p*float64(len(ms)-1))]
	}
	return reply{"count": len(ms), "p50_ms": at(.5), "p99_ms": at(.99), "max_ms": at(1)}
}
