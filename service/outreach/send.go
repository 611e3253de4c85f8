package outreach

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// How calls are made.
const (
	leaseTime    = 30 * time.Second
	callTimeout  = 10 * time.Second
	atOnce       = 64   // calls under way per account and process
	bundleMost   = 1000 // calls for one delivery each that share a row
	bundleUnsure = 20   // the same where what is under way at a crash stays in doubt for an operator
	mostAttempts = 6
)

// run sends a chunk. stop ends between calls; calls themselves run under base. It fails with errLost when the claim was taken over.
func (d *dispatcher) run(stop, base context.Context, ch Channel, c *chunk) error {
	if len(c.rows) == 0 {
		return nil
	}
	desc := ch.Describe()
	b := &batch{d: d, s: d.s, ch: ch, desc: desc, chunk: c, left: make(map[int64]*model.Delivery, len(c.rows))}
	for i := range c.rows {
		b.left[c.rows[i].ID] = &c.rows[i]
	}
	bundles, err := b.prepare(base)
	if err != nil {
		d.s.Logger.ErrorContext(base, "outreach: a channel can't prepare deliveries; they are tried again", "channel", desc.Name, "lane", c.lane.ID, "error", err)
		d.rests.fail(c.lane, d.s.now())
	}
	for _, bundle := range bundles {
		if stop.Err() != nil || d.gates.closed(c.lane, d.s.now()) {
			break
		}
		if err := b.send(stop, base, bundle); err != nil {
			return err
		}
	}
	return b.giveBack(base, err)
}

// batch is a chunk on its way through a channel.
type batch struct {
	d    *dispatcher
	s    *Service
	ch   Channel
	desc Description
	*chunk
	left map[int64]*model.Delivery // neither refused nor in a call yet
}

// bundle is one call, or calls for one delivery each, that share a row.
type bundle struct {
	row   model.DeliveryCall
	calls []Call
}

// prepare has the channel split the chunk and writes what it refuses.
func (b *batch) prepare(ctx context.Context) ([]*bundle, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseTime)
	defer cancel()
	list := make([]Delivery, len(b.rows))
	for i := range b.rows {
		list[i] = delivered(&b.rows[i], b.lane)
	}
	calls, refused, err := b.ch.Prepare(ctx, list)
	if err != nil {
		return nil, err
	}
	if err := b.refuse(ctx, refused); err != nil {
		return nil, err
	}
	return b.bundles(calls)
}

func (b *batch) bundles(calls []Call) (all []*bundle, err error) {
	seen := make(map[int64]bool, len(b.rows))
	single := b.desc.Batch <= 1
	most := bundleMost
	if b.desc.Doubt == DoubtOperator {
		most = bundleUnsure
	}
	for _, c := range calls {
		if len(c.Deliveries) == 0 || len(c.Deliveries) > max(1, b.desc.Batch) {
			return nil, fmt.Errorf("a call of %d deliveries", len(c.Deliveries))
		}
		for _, dv := range c.Deliveries {
			if _, ours := b.left[dv.ID]; !ours || seen[dv.ID] {
				return nil, fmt.Errorf("delivery %d is in two calls, refused, or not claimed", dv.ID)
			}
			seen[dv.ID] = true
		}
		c.Channel, c.AccountID = b.lane.Channel, b.lane.AccountID
		if c.StaffID == 0 {
			c.StaffID = b.lane.StaffID
		}
		if c.MessageID == 0 {
			c.MessageID = c.Deliveries[0].MessageID
		}
		if single && len(all) > 0 && len(all[len(all)-1].calls) < most {
			last := all[len(all)-1]
			last.calls = append(last.calls, c)
			continue
		}
		all = append(all, &bundle{calls: []Call{c}})
	}
	return all, nil
}

// delivered is a row as channels see it.
func delivered(r *model.Delivery, lane *model.DeliveryLane) Delivery {
	d := Delivery{
		ID: r.ID, Source: r.Source, SourceID: r.SourceID, Step: r.Step, CustomerID: r.CustomerID, Occurrence: r.Occurrence,
		Channel: lane.Channel, AccountID: lane.AccountID, StaffID: lane.StaffID, GroupID: r.GroupID, MessageID: r.MessageID,
		Values: unpackValues(r.Vars), Topic: lane.Topic, Attempts: r.Attempts, PlatformID: r.PlatformID, DueAt: r.DueAt,
	}
	if r.ExpiresAt != nil {
		d.ExpiresAt = *r.ExpiresAt
	}
	return d
}

// refuse writes what the channel does not take.
func (b *batch) refuse(ctx context.Context, refused []Refusal) error {
	if len(refused) == 0 {
		return nil
	}
	var out changes
	for _, r := range refused {
		row, ours := b.left[r.ID]
		if !ours {
			return fmt.Errorf("delivery %d is refused twice, or not claimed", r.ID)
		}
		delete(b.left, r.ID)
		switch {
		case !r.Until.IsZero():
			out.add(change{to: Planned, reason: r.Reason, due: r.Until.UTC(), free: true}, row)
		case r.Class != "":
			out.add(change{to: Failed, class: r.Class, reason: r.Reason}, row)
		default:
			out.add(change{to: Suppressed, reason: r.Reason}, row)
		}
	}
	return b.write(ctx, &out, nil)
}

// write writes what became of deliveries in hand, under the claim.
func (b *batch) write(ctx context.Context, out *changes, also func(tx *gorm.DB) error) error {
	now := b.s.now()
	return model.InTx(ctx, b.s.DB, func(tx *gorm.DB) error {
		if err := holdTx(tx, b.grip); err != nil {
			return err
		}
		var t tally
		if err := out.writeTx(tx, &t, b.id, Claimed, now); err != nil {
			return err
		}
		if err := b.s.overTx(tx, out, b.lane, b.rows, now); err != nil {
			return err
		}
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		return t.writeTx(tx)
	})
}

// begin writes a bundle's row: from its commit on the calls may happen.
func (b *batch) begin(ctx context.Context, bu *bundle) error {
	var ids []int64
	for _, c := range bu.calls {
		for _, dv := range c.Deliveries {
			ids = append(ids, dv.ID)
		}
	}
	first := bu.calls[0]
	bu.row = model.DeliveryCall{
		ClaimID: b.id, LaneID: b.lane.ID, Channel: first.Channel, AccountID: first.AccountID, StaffID: first.StaffID, MessageID: first.MessageID,
		Single: b.desc.Batch <= 1, State: callOpen, Deliveries: packIDs(ids), Marker: first.Marker, BeganAt: b.s.now(),
	}
	err := model.InTx(ctx, b.s.DB, func(tx *gorm.DB) error {
		bu.row.ID = 0
		if err := holdTx(tx, b.grip); err != nil {
			return err
		}
		return tx.Create(&bu.row).Error
	})
	if err != nil {
		return fmt.Errorf("write down a platform call: %w", err)
	}
	for _, id := range ids {
		delete(b.left, id)
	}
	for i := range bu.calls {
		bu.calls[i].ID, bu.calls[i].BeganAt = bu.row.ID, bu.row.BeganAt
	}
	return nil
}

// send writes a bundle down, makes its calls, and settles what they came to.
func (b *batch) send(stop, base context.Context, bu *bundle) error {
	if err := b.begin(base, bu); err != nil {
		return err
	}
	outcomes := make([]Outcome, len(bu.calls))
	width := b.desc.Concurrency
	if width == 0 {
		width = atOnce
	}
	width = b.d.gates.width(b.lane, width)
	var wg sync.WaitGroup
	var next sync.Mutex
	at := 0
	take := func() int {
		next.Lock()
		defer next.Unlock()
		at++
		return at - 1
	}
	for range min(width, len(bu.calls)) {
		wg.Go(func() {
			for i := take(); i < len(bu.calls); i = take() {
				outcomes[i] = b.call(stop, base, bu.calls[i])
			}
		})
	}
	wg.Wait()
	return b.settle(base, bu, outcomes)
}

// call makes one platform call when its turn has come.
func (b *batch) call(stop, base context.Context, c Call) Outcome {
	later := Outcome{Result: Result{Fate: FateLater}, Throttled: true}
	if until := b.d.gates.until(b.lane); until.After(b.s.now()) {
		later.At = until
		return later
	}
	if !b.d.rates.wait(stop, b.lane, b.desc) {
		later.At = b.s.now()
		return later
	}
	timeout := b.desc.Timeout
	if timeout == 0 {
		timeout = callTimeout
	}
	ctx, cancel := context.WithTimeout(base, timeout)
	defer cancel()
	began := time.Now()
	out, err := guarded(func() (Outcome, error) { return b.ch.Send(ctx, c) })
	b.s.metrics.called(b.lane.Channel, time.Since(began), err)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			b.s.Logger.WarnContext(base, "outreach: the outcome of a platform call is unknown", "channel", b.lane.Channel, "call", c.ID, "error", err)
		}
		return Outcome{Result: Result{Fate: FateUnknown, Reason: reasonNoAnswer}}
	}
	b.d.note(b.lane, &out)
	return out
}

// giveBack returns what was claimed and is in no call to the planned ones, and gives up the claim.
func (b *batch) giveBack(ctx context.Context, cause error) error {
	var out changes
	due := b.s.now()
	reason, free := "", true
	if cause != nil {
		reason, free = reasonPrepare, false
	}
	for _, r := range b.left {
		switch {
		case !free && exhausted(r.Attempts):
			out.add(change{to: Failed, class: ClassOther, reason: reason}, r)
		case !free:
			out.add(change{to: Planned, reason: reason, due: due.Add(pauseAfter(r.Attempts))}, r)
		default:
			out.add(change{to: Planned, due: r.DueAt, free: true}, r)
		}
	}
	return b.write(ctx, &out, func(tx *gorm.DB) error { return dropClaim(tx, b.id) })
}

// exhausted tells whether it is enough for now: after an operator's retry there are as many attempts again.
func exhausted(attempts int) bool { return attempts%mostAttempts == 0 }

// pauseAfter is how long to wait after the nth attempt.
func pauseAfter(attempts int) time.Duration {
	return min(10*time.Second<<max(0, min((attempts-1)%mostAttempts, 10)), time.Hour)
}

// guarded turns a channel's panic into an error: the outcome is then unknown.
func guarded[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a channel panicked: %T", p)
		}
	}()
	return f()
}
