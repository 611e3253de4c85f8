package event

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"zhiyin/model"
)

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
