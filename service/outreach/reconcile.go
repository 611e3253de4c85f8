package outreach

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// mostAsks is how often the platform is asked about a call before an operator has to decide.
const mostAsks = 12

// reconcile asks the platforms about calls whose outcome is unknown.
func (s *Service) reconcile(ctx context.Context) (n int, err error) {
	calls, err := doubtedDue(s.DB.WithContext(ctx), s.now(), 200)
	if err != nil {
		return 0, fmt.Errorf("find calls in doubt: %w", err)
	}
	for i := range calls {
		if ctx.Err() != nil {
			return n, nil
		}
		done, err := s.reconcileOne(ctx, &calls[i])
		if err != nil {
			return n, fmt.Errorf("reconcile call %d: %w", calls[i].ID, err)
		}
		if done {
			n++
		}
	}
	return n, nil
}

func (s *Service) reconcileOne(ctx context.Context, row *model.DeliveryCall) (done bool, err error) {
	ch, known := s.Channel(row.Channel)
	if !known {
		return false, leaveToOperator(s.DB.WithContext(ctx), row.ID)
	}
	desc := ch.Describe()
	next := s.now().Add(max(leaseTime, pauseAfter(row.Tries)))
	if mine, err := putOff(s.DB.WithContext(ctx), row, next); err != nil || !mine {
		return false, err
	}
	row.Tries++
	row.AskAt = &next
	ids, err := unpackIDs(row.Deliveries)
	if err != nil {
		return false, err
	}
	rows, err := deliveriesOf(s.DB.WithContext(ctx), ids)
	if err != nil {
		return false, err
	}
	lane, err := laneOf(s.DB.WithContext(ctx), row.LaneID)
	if err != nil {
		return false, err
	}
	found := s.askPlatform(ctx, ch, desc, row, lane, rows)
	return true, s.applyFound(ctx, row, lane, rows, found)
}

// askPlatform finds out what became of each delivery of a call, as far as the platform can tell.
func (s *Service) askPlatform(ctx context.Context, ch Channel, desc Description, row *model.DeliveryCall, lane *model.DeliveryLane, rows []model.Delivery) map[int64]Result {
	found := map[int64]Result{}
	call := Call{
		ID: row.ID, Channel: row.Channel, AccountID: row.AccountID, StaffID: row.StaffID, MessageID: row.MessageID, Marker: row.Marker, BeganAt: row.BeganAt,
	}
	ask := func(c Call) (Found, bool) {
		timeout := desc.Timeout
		if timeout == 0 {
			timeout = callTimeout
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		f, err := guarded(func() (Found, error) { return ch.Reconcile(ctx, c) })
		if err != nil {
			s.Logger.WarnContext(ctx, "outreach: a call in doubt can't be looked up yet", "channel", row.Channel, "call", row.ID, "error", err)
		}
		return f, err == nil
	}
	if !row.Single {
		for i := range rows {
			call.Deliveries = append(call.Deliveries, delivered(&rows[i], lane))
		}
		if f, ok := ask(call); ok {
			o := Outcome{Result: f.Result, Results: f.Results}
			for _, r := range rows {
				found[r.ID] = o.of(r.ID)
			}
			row.PlatformID = f.PlatformID
		}
		return found
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	turn := make(chan struct{}, 16)
	for i := range rows {
		if State(rows[i].State) != InDoubt {
			continue
		}
		turn <- struct{}{}
		wg.Go(func() {
			defer func() { <-turn }()
			one := call
			one.MessageID, one.Deliveries = rows[i].MessageID, []Delivery{delivered(&rows[i], lane)}
			if f, ok := ask(one); ok {
				o := Outcome{Result: f.Result, Results: f.Results}
				mu.Lock()
				found[rows[i].ID] = o.of(rows[i].ID)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return found
}

// applyFound writes what was found out. What is still unknown is asked again, and at last left to an operator.
func (s *Service) applyFound(ctx context.Context, row *model.DeliveryCall, lane *model.DeliveryLane, rows []model.Delivery, found map[int64]Result) error {
	now := s.now()
	var out changes
	var open []int64
	for i := range rows {
		r := &rows[i]
		if State(r.State) != InDoubt {
			continue // somebody has decided
		}
		switch f := found[r.ID]; f.Fate {
		case FateAccepted:
			out.addWithID(change{to: Accepted}, r.LaneID, r.ID, f.PlatformID)
		case FateFailed:
			out.add(change{to: Failed, class: orOther(f.Class), code: f.Code, reason: f.Reason}, r)
		case FateLater:
			out.add(change{to: Planned, due: now, reason: reasonAbsent}, r)
		default:
			open = append(open, r.ID)
		}
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		var t tally
		claimIDs := map[int64]bool{}
		for _, r := range rows {
			claimIDs[r.ClaimID] = true
		}
		for claimID := range claimIDs { // one in all but rare cases
			if err := out.writeTx(tx, &t, claimID, InDoubt, now); err != nil {
				return err
			}
		}
		if err := s.overTx(tx, &out, lane, rows, now); err != nil {
			return err
		}
		if err := t.writeTx(tx); err != nil {
			return err
		}
		switch {
		case len(open) == 0:
			row.State, row.SettledAt, row.AskAt = callSettled, &now, nil
		case row.Tries >= mostAsks:
			row.AskAt = nil
		}
		if row.Single && len(open) > 0 {
			row.Deliveries = packIDs(open)
		}
		model.AfterCommit(tx, func() { s.metrics.reconciled(row.Channel, len(rows)-len(open), len(open)); poke(s.wake) })
		return keepCall(tx, row)
	})
}

// askSoon is how often to look for calls in doubt.
const askSoon = 2 * time.Second
