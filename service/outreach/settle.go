package outreach

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/outreach/governor"
)

// States of a call's row. Names are data.
const (
	callOpen    = "open"    // it may be under way
	callDoubt   = "doubt"   // what became of it is to be found out
	callSettled = "settled" // known
)

// Reasons that the ledger itself gives. Names are data.
const (
	reasonNoAnswer  = "no_answer"  // the platform's answer was lost
	reasonPrepare   = "prepare"    // the channel could not prepare it
	reasonBusy      = "busy"       // the platform could not take it, again and again
	reasonThrottled = "throttled"  // the platform wants fewer calls
	reasonAbsent    = "absent"     // the platform does not know it
	reasonOperator  = "operator"   // somebody decided so
	reasonSource    = "source_end" // whoever intended it ended
	reasonTwin      = "twin"       // two customers with the same message turned out to be one
)

// settle writes what the calls of a bundle came to. Only now are they known to have happened: a process that dies before leaves them to be
// found out.
func (b *batch) settle(ctx context.Context, bu *bundle, outcomes []Outcome) error {
	now := b.s.now()
	var out changes
	var doubted []int64
	for i := range bu.calls {
		o := &outcomes[i]
		for _, dv := range bu.calls[i].Deliveries {
			r := o.of(dv.ID)
			ch := b.become(r, o.Throttled || o.Broken, dv.Attempts, now)
			if ch.to == InDoubt {
				doubted = append(doubted, dv.ID)
			}
			out.addWithID(ch, b.lane.ID, dv.ID, r.PlatformID)
		}
	}
	row := bu.row
	row.PlatformID, row.State, row.SettledAt, row.AskAt = outcomes[0].PlatformID, callSettled, &now, nil
	if len(doubted) > 0 {
		row.State, row.SettledAt, row.Deliveries = callDoubt, nil, packIDs(doubted)
		if !row.Single {
			row.Deliveries = bu.row.Deliveries
		}
		if b.desc.Doubt == DoubtReconcile {
			at := now.Add(b.desc.SettleTime)
			row.AskAt = &at
		}
	}
	err := patiently(ctx, func() error {
		return b.write(ctx, &out, func(tx *gorm.DB) error { return keepCall(tx, &row) })
	})
	if err != nil {
		return fmt.Errorf("settle a platform call: %w", err)
	}
	for ch, group := range out.of {
		for _, ids := range group.lanes {
			b.s.metrics.settled(b.lane.Channel, ch.to, len(ids))
		}
	}
	return nil
}

// patiently tries to write what must not be forgotten until the database is back: what the platform has answered is known here alone.
func patiently(ctx context.Context, write func() error) (err error) {
	for pause := 50 * time.Millisecond; pause < time.Minute; pause *= 2 {
		if err = write(); err == nil || errors.Is(err, errLost) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
	return err
}

// become decides what becomes of a delivery.
func (b *batch) become(r Result, uncounted bool, attempts int, now time.Time) change {
	switch r.Fate {
	case FateAccepted:
		return change{to: Accepted}
	case FateFailed:
		return change{to: Failed, class: orOther(r.Class), code: r.Code, reason: r.Reason}
	case FateLater:
		at := r.At.UTC()
		switch {
		case uncounted && r.At.IsZero():
			return change{to: Planned, due: now.Add(time.Second), reason: orElse(r.Reason, reasonThrottled), code: r.Code, free: true}
		case uncounted:
			return change{to: Planned, due: at, reason: r.Reason, code: r.Code, free: true}
		case exhausted(attempts):
			return change{to: Failed, class: ClassBusy, code: r.Code, reason: orElse(r.Reason, reasonBusy)}
		case r.At.IsZero():
			at = now.Add(pauseAfter(attempts))
		}
		return change{to: Planned, due: at, reason: r.Reason, code: r.Code}
	}
	if b.desc.Doubt == DoubtRetry && !exhausted(attempts) {
		return change{to: Planned, due: now.Add(pauseAfter(attempts)), reason: reasonNoAnswer}
	}
	return change{to: InDoubt, reason: orElse(r.Reason, reasonNoAnswer), code: r.Code}
}

func orOther(class string) string { return orElse(class, ClassOther) }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// overTx gives the governor back what it reserved for deliveries that will not leave, and records what others wait to hear of them.
func (s *Service) overTx(tx *gorm.DB, out *changes, lane *model.DeliveryLane, rows []model.Delivery, now time.Time) error {
	over := false
	for ch := range out.of {
		over = over || ch.to.Over()
	}
	if !over { // most of the time
		return nil
	}
	byID := make(map[int64]*model.Delivery, len(rows))
	for i := range rows {
		byID[rows[i].ID] = &rows[i]
	}
	var back []governor.Reservation
	var facts []event.Fact
	for ch, group := range out.of {
		if !ch.to.Over() {
			continue
		}
		for _, ids := range group.lanes {
			for _, id := range ids {
				row := byID[id]
				if row == nil || row.CustomerID == 0 {
					continue
				}
				back = append(back, governor.Reservation{Ref: id, CustomerID: row.CustomerID})
				if f := factOf(row, lane, told{change: ch, at: now}); f != nil {
					facts = append(facts, f)
				}
			}
		}
	}
	if len(back) > 0 {
		if err := s.Governor.ReturnTx(tx, back); err != nil {
			return err
		}
	}
	return s.recordTx(tx, facts)
}
