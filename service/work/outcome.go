package work

import (
	"errors"
	"time"
)

// A handler ends a work with nil (done), an error (try again later, dead after the last attempt),
// or one of these outcomes.

type snooze struct{ d time.Duration }

func (s snooze) Error() string { return "snoozed for " + s.d.String() }

// Snooze puts the work off without counting an attempt: "not now" is no failure.
func Snooze(d time.Duration) error { return snooze{d} }

type cancelled struct{ reason string }

func (c cancelled) Error() string { return "cancelled: " + c.reason }

// Cancel ends the work for good, with a reason that operators see: "never" is no failure to retry.
func Cancel(reason string) error { return cancelled{reason} }

func isSnooze(err error) (time.Duration, bool) {
	var s snooze
	return s.d, errors.As(err, &s)
}

func isCancel(err error) (string, bool) {
	var c cancelled
	return c.reason, errors.As(err, &c)
}
