package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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

// validID says whether a client may call an event so.
func validID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' && c != ':' && c != '-' {
			return false
		}
	}
	return id != "" && len(id) <= maxName
}

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

// request is a call on its way to the database.
type request struct {
	customerID int64
	rows       []*model.Event
	rowAt      []int // of each row: its place among the outcomes
	aside      []*model.EventAside
	asideAt    []int
	outcomes   []Outcome // as far as they can be known before the commit
}

// judge sorts a call's events into what can be recorded, what is kept aside and what is refused.
func (l *Log) judge(in TrackInput, known map[string]*Kind) *request {
	now := l.now()
	var offset time.Duration
	if !in.SentAt.IsZero() {
		offset = now.Sub(in.SentAt)
	}
	r := &request{customerID: in.CustomerID, outcomes: make([]Outcome, len(in.Events))}
	for i := range in.Events {
		e := &in.Events[i]
		at := happened(e.At, offset, now)
		v := judge(e, known)
		if v.result == Accepted && now.Sub(at) > Lateness {
			v = verdict{result: Rejected, reason: ReasonTooLate}
		}
		r.outcomes[i] = Outcome{e.ID, v.result, v.reason, v.ignored}
		switch v.result {
		case Accepted:
			r.rows, r.rowAt = append(r.rows, v.row(e, in, at, now)), append(r.rowAt, i)
		case Aside:
			if now.Sub(at) > Lateness {
				r.outcomes[i].Result, r.outcomes[i].Reason = Rejected, ReasonTooLate
				continue
			}
			r.aside, r.asideAt = append(r.aside, &model.EventAside{
				AccountID: in.AccountID, CustomerID: in.CustomerID, Source: in.Source, Name: e.Name, Reason: v.reason, DedupeKey: trackedKey(in.CustomerID, e.ID),
				Properties: string(e.Properties), OccurredAt: at, ReceivedAt: now,
			}), append(r.asideAt, i)
		}
	}
	return r
}

// happened is when something happened by our clock; nothing happens in the future.
func happened(at time.Time, offset time.Duration, now time.Time) time.Time {
	if at.IsZero() {
		return now
	}
	at = at.Add(offset).UTC().Truncate(time.Millisecond)
	if at.After(now) {
		return now
	}
	return at
}

// verdict is what is decided about an event by itself.
type verdict struct {
	result  Result
	reason  string
	ignored []string
	kind    *Kind
	payload string
	item    string
	value   int64
}

func (v *verdict) row(e *Tracked, in TrackInput, at, now time.Time) *model.Event {
	return &model.Event{
		Kind: e.Name, AccountID: in.AccountID, CustomerID: in.CustomerID, Source: in.Source, Item: v.item, Value: v.value,
		DedupeKey: trackedKey(in.CustomerID, e.ID), Payload: v.payload, OccurredAt: at, RecordedAt: now,
	}
}

func rejected(reason string) verdict { return verdict{result: Rejected, reason: reason} }

// judge decides about one event. What no registry will ever understand is refused; what it may
// understand one day is kept aside.
func judge(e *Tracked, known map[string]*Kind) verdict {
	if !validID(e.ID) {
		return rejected(ReasonID)
	}
	kind := known[e.Name]
	if kind == nil && !validKindName(e.Name) {
		return rejected(ReasonName)
	}
	if kind != nil && !kind.Tracked {
		return rejected(ReasonReserved)
	}
	said, reason := members(e.Properties)
	if reason != "" {
		return rejected(reason)
	}
	if kind == nil {
		return verdict{result: Aside, reason: ReasonUnknown}
	}
	return kind.judge(said)
}

// members reads properties within the limits. Sizes are looked at before anything is decoded.
func members(raw json.RawMessage) (said map[string]json.RawMessage, reason string) {
	if len(raw) > MaxProperties {
		return nil, ReasonTooLarge
	}
	if len(raw) == 0 || string(raw) == "null" {
		return nil, ""
	}
	if !utf8.Valid(raw) || json.Unmarshal(raw, &said) != nil {
		return nil, ReasonMalformed
	}
	if len(said) > maxMembers {
		return nil, ReasonTooMany
	}
	for name, value := range said {
		if len(name) > maxName || value[0] == '{' || value[0] == '[' {
			return nil, ReasonMalformed
		}
	}
	return said, ""
}

// judge holds what an event says against the kind's definition, and keeps what is defined.
func (k *Kind) judge(said map[string]json.RawMessage) verdict {
	v := verdict{result: Accepted, kind: k}
	var payload strings.Builder
	kept := 0
	payload.WriteByte('{')
	for _, p := range k.Properties {
		value, found := said[p.Name]
		if found && string(value) == "null" {
			kept++ // known, and not said
			found = false
		} else if found {
			kept++
		}
		if !found {
			if p.Required {
				return verdict{result: Aside, reason: ReasonMissing + p.Name}
			}
			continue
		}
		if !p.Type.holds(value) {
			return verdict{result: Aside, reason: ReasonType + p.Name}
		}
		if payload.Len() > 1 {
			payload.WriteByte(',')
		}
		payload.WriteByte('"')
		payload.WriteString(p.Name)
		payload.WriteString(`":`)
		payload.Write(value)
	}
	payload.WriteByte('}')
	v.payload = payload.String()
	v.item, v.value = itemOf(said[k.Item]), valueOf(said[k.Value])
	if kept < len(said) {
		v.ignored = k.others(said)
	}
	return v
}

// others are the names that the kind does not define.
func (k *Kind) others(said map[string]json.RawMessage) (names []string) {
	for name := range said {
		if _, found := k.Property(name); !found {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
