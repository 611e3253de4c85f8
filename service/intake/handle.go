package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zhiyin/model"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// workEvent is the work of one inbox row.
const workEvent = "intake.event"

var eventPolicy = work.Policy{MaxAttempts: 12, Timeout: 2 * time.Minute}

type eventWork struct {
	InboxID int64 `json:"inbox_id"`
}

// Event is a message on its way to whoever acts upon it.
type Event struct {
	*Message
	Account *model.Account
	// Stale: nothing may follow but reading the platform's truth.
	Stale      bool
	ReceivedAt time.Time
}

// when is the time of what happened: the platform's, unless it told none or one to come.
func (e Event) when() time.Time {
	if e.At.IsZero() || e.At.After(e.ReceivedAt.Add(time.Minute)) {
		return e.ReceivedAt
	}
	return e.At
}

// handle acts upon one inbox row.
func (s *Service) handle(ctx context.Context, l *work.Lease, in eventWork) error {
	row, err := inboxRow(s.db.WithContext(ctx), in.InboxID)
	if err != nil {
		return fmt.Errorf("find message %d: %w", in.InboxID, err)
	}
	if row.State != StateRouted {
		return nil // done already, before the queue heard of it
	}
	err = s.act(ctx, row)
	switch {
	case err == nil:
		return s.end(ctx, row, StateDone, "")
	case ctx.Err() != nil:
		return err
	}
	switch hope, wait := judge(err); {
	case hope == later:
		return work.Snooze(wait)
	case hope == never:
		return errors.Join(work.Cancel(err.Error()), s.end(ctx, row, StateFailed, err.Error()))
	case l.Attempt >= eventPolicy.MaxAttempts:
		return errors.Join(err, s.end(ctx, row, StateFailed, err.Error()))
	}
	return err
}

func (s *Service) act(ctx context.Context, row *model.Inbox) error {
	r := routes[row.Kind]
	if r == nil || r.act == nil {
		return errUseless{"nobody acts upon this kind any more"}
	}
	m, err := parse(row.Body)
	if err != nil {
		return errUseless{"the message can't be read"}
	}
	acct, err := s.accounts.ByID(ctx, row.AccountID)
	if err != nil {
		return fmt.Errorf("find account %d: %w", row.AccountID, err)
	}
	return r.act(s, ctx, Event{Message: m, Account: acct, Stale: row.Stale, ReceivedAt: row.ReceivedAt})
}

func (s *Service) end(ctx context.Context, row *model.Inbox, state, reason string) error {
	s.metrics.finished(state)
	return finish(s.db.WithContext(ctx), []int64{row.ID}, StateRouted, state, reason, s.now())
}

// errUseless says that repeating can't help.
type errUseless struct{ reason string }

func (e errUseless) Error() string { return e.reason }

// hope is what another try could bring.
type hope int

const (
	soon  hope = iota // something else, after the queue's usual wait
	later             // nothing before some time has passed; no failure
	never
)

// judge says when to try again. Nothing the platform answers badly is ever a success: what is in
// doubt is asked again.
func judge(err error) (hope, time.Duration) {
	var useless errUseless
	var e *wecom.Error
	switch {
	case errors.As(err, &useless):
		return never, 0
	case !errors.As(err, &e):
		return soon, 0
	}
	switch e.Class {
	case wecom.ClassRate:
		return later, max(e.RetryAfter, 5*time.Second)
	case wecom.ClassCredential: // an operator must act; the work waits for that
		return later, max(e.RetryAfter, 5*time.Minute)
	case wecom.ClassBadInput:
		return never, 0
	}
	return soon, 0
}
