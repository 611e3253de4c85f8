package journey

import (
	"encoding/json"
	"slices"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/segment"
)

// The bounds of a definition.
const (
	MaxBytes = 128 << 10
	maxNodes = 100
	maxExits = 10
	maxName  = 32 // of a node or a branch
	maxTitle = 64
)

// Definition is what a journey is: a graph of steps, what starts it, and what ends it early.
type Definition struct {
	Trigger Trigger
	Entry   Entry
	// Holdout is which share of those who enter goes through nothing, in basis points.
	Holdout int64
	Goal    *Goal
	Exits   []Sign
	// KeepLost: those who stop being anybody's contact stay in.
	KeepLost bool
	Start    string
	Nodes    []*Node

	problems []Problem
	names    []reference
	byID     map[string]*Node
}

// Trigger is what starts a journey.
type Trigger struct {
	Kind string
	With Params
	of   *trigger
}

// Entry says who may enter how often.
type Entry struct {
	Again string // once, after_exit, after_days
	Days  int64
	// Key names the property of the event that tells runs apart which a customer may make side by side.
	Key      string
	Most     int64 // enrolments in all; 0: no bound
	MostADay int64
}

// The rules of entering again. Names are data.
const (
	Once      = "once"
	AfterExit = "after_exit"
	AfterDays = "after_days"
)

// Goal is what the journey is for.
type Goal struct {
	Sign
	Within Span // of the entry
	Stay   bool // those who reach it go on
}

// Sign is something to look out for: an event, or coming into or out of a segment.
type Sign struct {
	Event   *Happening
	Segment int64
	Left    int64 // a segment to leave
}

// Happening selects events: a kind, and what they must say.
type Happening struct {
	Kind  string
	Where []Match
	// Key names a property: an event concerns the run alone whose Entry.Key it says. Empty: every run.
	Key string
}

// Match narrows events by what they say; all must fit.
type Match = event.Match

// Node is a step in its place.
type Node struct {
	ID    string
	Title string
	Step  string
	With  Params
	Next  map[string]string // the node behind each outcome

	of     *step
	broken string // why it can't be done
}

// Branch is a rule over customers, and the outcome for those who fit.
type Branch struct {
	Name string
	Rule *segment.Rule
}

// Portion is an outcome, and how many basis points of the customers it gets.
type Portion struct {
	Name   string
	Points int64
}

// Problem is something that keeps a definition from being used. Place is where: nodes[3].with.timeout.
type Problem struct{ Place, Zh, En string }

// reference is a row that a definition names.
type reference struct {
	place string
	kind  model.Kind
	id    int64
	node  *Node
}

func (d *Definition) node(id string) *Node { return d.byID[id] }

// asJSON is how a definition is written.
type asJSON struct {
	Trigger  partJSON   `json:"trigger"`
	Entry    entryJSON  `json:"entry"`
	Holdout  int64      `json:"holdout,omitempty"`
	Goal     *goalJSON  `json:"goal,omitempty"`
	Exits    []any      `json:"exits,omitempty"`
	KeepLost bool       `json:"keep_lost,omitempty"`
	Start    string     `json:"start"`
	Nodes    []nodeJSON `json:"nodes"`
}

type partJSON struct {
	Kind string         `json:"kind"`
	With map[string]any `json:"with,omitempty"`
}

type entryJSON struct {
	Again    string `json:"again"`
	Days     int64  `json:"days,omitempty"`
	Key      string `json:"key,omitempty"`
	Most     int64  `json:"most,omitempty"`
	MostADay int64  `json:"most_a_day,omitempty"`
}

type goalJSON struct {
	When   any    `json:"when"`
	Within string `json:"within"`
	Stay   bool   `json:"stay,omitempty"`
}

type nodeJSON struct {
	ID    string            `json:"id"`
	Title string            `json:"title,omitempty"`
	Step  string            `json:"step"`
	With  map[string]any    `json:"with,omitempty"`
	Next  map[string]string `json:"next,omitempty"`
}

// Encode gives the definition as JSON, ids as refs gives them. Read of it is the same definition.
func (d *Definition) Encode(refs segment.Refs) []byte {
	out := asJSON{
		Entry: entryJSON(d.Entry), Holdout: d.Holdout, KeepLost: d.KeepLost, Start: d.Start, Nodes: []nodeJSON{},
	}
	out.Trigger.Kind = d.Trigger.Kind
	if d.Trigger.of != nil {
		out.Trigger.With = encodeParams(d.Trigger.of.Fields, d.Trigger.With, refs)
	}
	if d.Goal != nil {
		out.Goal = &goalJSON{encodeSign(d.Goal.Sign, refs), d.Goal.Within.String(), d.Goal.Stay}
	}
	for _, x := range d.Exits {
		out.Exits = append(out.Exits, encodeSign(x, refs))
	}
	for _, n := range d.Nodes {
		j := nodeJSON{ID: n.ID, Title: n.Title, Step: n.Step, Next: n.Next}
		if n.of != nil {
			j.With = encodeParams(n.of.Fields, n.With, refs)
		}
		out.Nodes = append(out.Nodes, j)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		panic(err) // it holds nothing that JSON can't
	}
	return raw
}

func encodeParams(fields []Field, p Params, refs segment.Refs) map[string]any {
	out := map[string]any{}
	for _, f := range fields {
		if v, set := p[f.Name]; set {
			out[f.Name] = encodeValue(f, v, refs)
		}
	}
	return out
}

func encodeValue(f Field, v any, refs segment.Refs) any {
	switch v := v.(type) {
	case Span:
		return v.String()
	case clockTime:
		return v.String()
	case *Happening:
		return encodeHappening(v, refs)
	case Sign:
		return encodeSign(v, refs)
	case []Branch:
		out := []any{}
		for _, b := range v {
			out = append(out, map[string]any{"name": b.Name, "rule": json.RawMessage(b.Rule.Encode(refs))})
		}
		return out
	case []Portion:
		out := []any{}
		for _, b := range v {
			out = append(out, map[string]any{"name": b.Name, "points": b.Points})
		}
		return out
	case int64:
		if f.Type == Ref {
			return refs.Of(f.Kind, v)
		}
	case []int64:
		if f.Type == Refs {
			out := []string{}
			for _, id := range v {
				out = append(out, refs.Of(f.Kind, id))
			}
			return out
		}
	}
	return v
}

func encodeSign(s Sign, refs segment.Refs) any {
	switch {
	case s.Event != nil:
		return map[string]any{"event": encodeHappening(s.Event, refs)}
	case s.Left != 0:
		return map[string]any{"left": refs.Of(model.KindSegment, s.Left)}
	}
	return map[string]any{"segment": refs.Of(model.KindSegment, s.Segment)}
}

func encodeHappening(h *Happening, refs segment.Refs) any {
	out := map[string]any{"kind": h.Kind}
	if h.Key != "" {
		out["key"] = h.Key
	}
	var where []any
	for _, m := range h.Where {
		value := m.Value
		if kind, isID := idIn(h.Kind, m.Property); isID {
			value = refs.Of(kind, rowOf(m.Value))
		}
		where = append(where, map[string]any{"property": m.Property, "op": m.Op, "value": value})
	}
	if where != nil {
		out["where"] = where
	}
	return out
}

// idProperties are the properties of facts that hold row ids, and of what. (An origin_id is of many things.)
var idProperties = map[string]model.Kind{
	"staff_id": model.KindStaff, "channel_code_id": model.KindChannelCode, "segment_id": model.KindSegment, "group_id": model.KindGroup,
	"import_id": model.KindImport, "journey_id": model.KindJourney, "coupon_id": model.KindCoupon, "batch_id": model.KindCouponBatch,
	"referral_id": model.KindReferral, "inviter_id": model.KindCustomer, "invitee_id": model.KindCustomer,
}

// idIn tells what a property of a kind of event is an id of. The events of operators have none, whatever they call them.
func idIn(kind, property string) (model.Kind, bool) {
	i := slices.IndexFunc(builtIn, func(k event.Kind) bool { return k.Name == kind })
	if i < 0 {
		return 0, false
	}
	p, known := builtIn[i].Property(property)
	of, isID := idProperties[property]
	return of, known && isID && p.Type == event.RowID
}

var builtIn = event.BuiltIn()

// outcomes lists the branches of a node, in order.
func (n *Node) outcomes() []string {
	if n.of == nil {
		return nil
	}
	return n.of.outcomes(n.With)
}

// segments lists the segments whose members a definition asks for.
func (d *Definition) segments() (ids []int64) {
	for _, r := range d.names {
		if r.kind == model.KindSegment {
			ids = append(ids, r.id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
