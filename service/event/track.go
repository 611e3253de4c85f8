package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"zhiyin/model"
)

// The limits of what clients send.
const (
	MaxTracked    = 100                // events in a call
	MaxProperties = 4096               // bytes of an event's properties
	Lateness      = 7 * 24 * time.Hour // how late an event may come

	maxMembers = 50 // of an event's properties, known or not
)

// TrackInput is what one customer did, as a client tells it. Who it was comes from the caller's
// session, never from what the client says.
type TrackInput struct {
	CustomerID int64
	AccountID  int64
	Source     string
	// SentAt is what the client's clock said when it sent this. By how far it is off all its times
	// are put right. Zero: the client's clock is believed.
	SentAt time.Time
	Events []Tracked // at most MaxTracked
}

// Tracked is one thing that a customer did.
type Tracked struct {
	ID         string          // the client's own: the same id of the same customer is recorded once
	Name       string          // of a kind
	At         time.Time       // by the client's clock; zero: when it was sent
	Properties json.RawMessage // an object of plain values; empty: none
}

// Result is what became of an event. Names are data.
type Result string

// The results.
const (
	Accepted  Result = "accepted"
	Duplicate Result = "duplicate" // it was here before; all is well
	Aside     Result = "aside"     // kept until the registry understands it; Reason says why
	Rejected  Result = "rejected"  // it will never be accepted; Reason says why
)

// Outcome is what became of one event.
type Outcome struct {
	ID     string
	Result Result
	Reason string
	// Ignored are properties that the kind does not define: the event was accepted without them.
	Ignored []string
}

// Why an event was not accepted. Names are data.
const (
	ReasonID        = "id"         // no id, or one that is too long or has other characters than letters, digits and -_.:
	ReasonName      = "name"       // cannot be the name of a kind
	ReasonReserved  = "reserved"   // a kind that only the house itself records
	ReasonTooLate   = "too_late"   // more than Lateness ago
	ReasonTooLarge  = "too_large"  // properties of more than MaxProperties bytes
	ReasonTooMany   = "too_many"   // more properties than anybody needs
	ReasonMalformed = "malformed"  // properties that are no JSON object of plain values
	ReasonUnknown   = "unknown"    // aside: no such kind
	ReasonMissing   = "missing "   // aside, with the property's name after it
	ReasonType      = "type "      // aside: a value of another type than the property's, whose name follows
	ReasonAsideFull = "aside_full" // so many of this customer's events are aside that no more are kept
)

// Track records what a customer did and tells of each event what became of it, in their order, once all
// that can be kept is committed. Sending the same events again is safe and records nothing twice.
// It fails with ErrBatch, ErrBusy, ctx's error or the database's; then any of them may have been
// recorded or not, and sending them again settles it.
func (l *Log) Track(ctx context.Context, in TrackInput) ([]Outcome, error) {
	if in.CustomerID == 0 || len(in.Events) > MaxTracked {
		return nil, ErrBatch
	}
	if len(in.Events) == 0 {
		return nil, nil
	}
	known, err := l.kinds(ctx)
	if err != nil {
		return nil, err
	}
	r := l.judge(in, known)
	if len(r.rows) == 0 && len(r.aside) == 0 {
		return r.outcomes, nil
	}
	out, err := l.tracked.Do(ctx, r)
	if errors.Is(err, model.ErrTooManyWaiting) {
		return nil, ErrBusy.After(time.Second)
	}
	if err != nil {
		return nil, fmt.Errorf("track events: %w", err)
	}
	return out, nil
}
