// Package fault holds the words for failure: what a caller may act on is a [Fault] with a stable
// code; everything else is an ordinary wrapped error that is logged once at the edge.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of failure it is; a face turns it into its own status.
type Kind int

// The kinds of failure, with the HTTP status that the faces answer.
const (
	Internal        Kind = iota // 500: ours, never shown in detail
	Malformed                   // 400: cannot be read at all
	Unauthenticated             // 401: nobody, or no longer somebody
	Forbidden                   // 403: somebody who may not
	NotFound                    // 404: absent, or outside the caller's scope
	Conflict                    // 409: contradicts the present state
	TooLarge                    // 413
	Invalid                     // 422: readable, but a value is wrong
	TooMany                     // 429: try again after RetryAfter
	Unavailable                 // 503: something we depend on is down
)

// Fault is a failure somebody can act on. Values made by [New] are compared with errors.Is, also
// after [Fault.With] and [Fault.After] have added detail.
type Fault struct {
	Kind Kind
	// Code is what clients compare: "coupon.sold_out". It never changes.
	Code string
	// Zh and En may be shown to people.
	Zh, En string
	// Fields names the inputs that are wrong, each with a reason.
	Fields []Field
	// RetryAfter says when another try makes sense; zero when unknown.
	RetryAfter time.Duration
}

// Field is one wrong input.
type Field struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// New declares a fault. Declare them as package variables of the capability that returns them.
func New(kind Kind, code, zh, en string) *Fault {
	return &Fault{Kind: kind, Code: code, Zh: zh, En: en}
}

// Error names the code and the English sentence; it holds nothing personal.
func (f *Fault) Error() string {
	s := f.Code + ": " + f.En
	for _, field := range f.Fields {
		s += fmt.Sprintf("; %s: %s", field.Name, field.Reason)
	}
	return s
}

// Is makes errors.Is compare codes, so that a fault with added detail equals its declaration.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Code == f.Code
}

// With returns a copy that also names a wrong input.
func (f *Fault) With(name, reason string) *Fault {
	c := *f
	c.Fields = append(append([]Field{}, f.Fields...), Field{name, reason})
	return &c
}

// After returns a copy that says when to try again.
func (f *Fault) After(d time.Duration) *Fault {
	c := *f
	c.RetryAfter = d
	return &c
}

// Of finds the fault in an error's chain; nil when the error is not for the caller.
func Of(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return nil
}
