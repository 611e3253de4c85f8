package work

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"zhiyin/model"
)

// A handler ends a work with nil (done), an error (try again later, dead after the last attempt),
// or one of these outcomes.

type snooze struct{ d time.Duration }

func (s snooze) Error() string { return "snoozed for " + s.d.String() }

// Snooze puts the work off without counting an attempt: "not now" is no failure.
func Snooze(d time.Duration) error { return snooze{d} }

type cancellation struct{ reason string }

func (c cancellation) Error() string { return "cancelled: " + c.reason }

// Cancel ends the work for good, with a reason that operators see: "never" is no failure to retry.
func Cancel(reason string) error { return cancellation{reason} }

// hopeless ends the work as dead at once: another attempt could not go better.
type hopeless struct{ reason string }

func (h hopeless) Error() string { return h.reason }

// Reasons that are stored.
const (
	reasonDeadline = "deadline"
	reasonOperator = "cancelled by an operator"
)

// verdict is what becomes of a work after an attempt, as it is written.
type verdict struct {
	state     string
	outcome   string // for the metrics: done, failed, snoozed, released, dead, cancelled
	runAt     time.Time
	lastError string
	free      bool // the attempt does not count
}

// released puts a work back as if it had not been claimed.
func released(now time.Time) verdict {
	return verdict{state: ready, outcome: "released", runAt: now, free: true}
}

// decide turns what an attempt returned into what is written. why is the cause with which the
// handler's context ended, nil if it did not.
func decide(w *model.Work, p Policy, expired bool, err, why error, now time.Time) verdict {
	var s snooze
	var c cancellation
	var h hopeless
	switch {
	case err == nil && expired:
		return verdict{state: dead, outcome: dead, lastError: reasonDeadline}
	case err == nil:
		return verdict{state: done, outcome: done}
	case errors.As(err, &c):
		return verdict{state: cancelled, outcome: cancelled, lastError: c.reason}
	case errors.As(err, &h):
		return verdict{state: dead, outcome: dead, lastError: h.reason}
	case errors.As(err, &s):
		return verdict{state: ready, outcome: "snoozed", runAt: notAfterDeadline(w, now, s.d), free: true}
	case errors.Is(why, ErrCancelAsked):
		return verdict{state: cancelled, outcome: cancelled, lastError: reasonOperator}
	case errors.Is(why, ErrStopping), errors.Is(why, ErrLeaseLost):
		return released(now)
	}
	if errors.Is(why, context.DeadlineExceeded) {
		err = fmt.Errorf("took longer than %s: %w", p.timeout(), err)
	}
	if w.Attempts >= limit(p, expired) {
		return verdict{state: dead, outcome: dead, lastError: lastAttempt(expired, err)}
	}
	return verdict{state: ready, outcome: "failed", runAt: notAfterDeadline(w, now, p.wait(w.Attempts)), lastError: err.Error()}
}

// limit grants what follows a missed deadline as many attempts as the work itself may have used up.
func limit(p Policy, expired bool) int {
	if expired {
		return 2 * p.maxAttempts()
	}
	return p.maxAttempts()
}

func lastAttempt(expired bool, err error) string {
	if expired {
		return reasonDeadline + ", and what follows it failed: " + err.Error()
	}
	return "failed at the last attempt: " + err.Error()
}

// notAfterDeadline brings a work back at its deadline at the latest, so that missing it is seen then.
func notAfterDeadline(w *model.Work, now time.Time, wait time.Duration) time.Time {
	at := now.Add(wait)
	if w.Deadline != nil && w.Deadline.After(now) && at.After(*w.Deadline) {
		return *w.Deadline
	}
	return at
}

// cut shortens what is stored as the last error to 1000 characters, all of them valid.
func cut(s string) string {
	const most = 1000
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most])
}
