package journey

import (
	"context"
	"errors"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
)

// lasting tells whether a step will fail for as long as nobody does something about it.
func lasting(err error) bool {
	var at *stepError
	return fault.Of(err) != nil || errors.As(err, &at) && strings.Contains(err.Error(), "can't be done any more")
}

// shown is what people read of a failure: nothing that a database or a platform says of values.
func shown(err error) string {
	var at *stepError
	node := ""
	if errors.As(err, &at) {
		node = at.node + ": "
		err = at.err
	}
	text := "步骤执行失败 / the step fails"
	if f := fault.Of(err); f != nil {
		text = f.Zh + " / " + f.En
	} else if rest, ok := strings.CutPrefix(err.Error(), "can't be done any more: "); ok {
		text = rest
	} else if strings.HasPrefix(err.Error(), "panic: ") {
		text = "步骤执行异常 / the step breaks down"
	}
	out := []rune(node + text)
	return string(out[:min(len(out), 255)])
}

// What is done about an enrolment by hand. Names are data.
const (
	Retry = "retry" // the step is tried again
	Skip  = "skip"  // it goes on without the step: by its only outcome, its time-out, or otherwise
	Leave = "exit"  // it ends
)

// Decide does something about an enrolment of a customer whom the viewer may see: a stuck one is tried again or skips its
// step; any ends. It fails with ErrEnrolment, ErrNotStuck, ErrEnded.
func (s *Service) Decide(ctx context.Context, v *staff.Viewer, id int64, what string) error {
	if _, err := s.visible(ctx, v, id); err != nil {
		return err
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		rows, err := lockEnrolments(tx, []int64{id})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return ErrEnrolment
		}
		r := &run{Enrolment: rows[0], now: s.now()}
		switch {
		case r.State == Ended || r.State == Held:
			return ErrEnded
		case what == Leave:
			r.end(ReasonByHand)
		case r.State != Stuck:
			return ErrNotStuck
		default:
			if err := s.release(tx, r, what); err != nil {
				return err
			}
		}
		model.AfterCommit(tx, s.poke)
		return s.writeTx(tx, []*run{r}, r.now)
	})
}

// release lets a stuck run go on: at its step, or behind it.
func (s *Service) release(tx *gorm.DB, r *run, what string) error {
	d, err := s.plan(tx, r.JourneyID, r.Version)
	if err != nil {
		return err
	}
	r.State, r.Reason, r.DueAt = Running, "", r.now
	if what != Skip {
		return nil
	}
	n := d.node(r.Node)
	if n == nil || len(n.outcomes()) == 0 {
		r.end(ReasonByHand)
		return nil
	}
	outcomes := n.outcomes()
	last := outcomes[len(outcomes)-1] // otherwise, or the time-out
	r.leave(last, n.Next[last])
	return nil
}
