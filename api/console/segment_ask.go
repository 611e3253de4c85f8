package console

import (
	"context"
	"encoding/json"
	"strconv"

	"zhiyin/model"
	"zhiyin/service/segment"
)

// SegmentChoice is a value with its titles.
type SegmentChoice struct {
	Value string `json:"value"`
	Zh    string `json:"zh"`
	En    string `json:"en"`
}

// SegmentOp is a question that can be asked.
type SegmentOp struct {
	Name      string `json:"name"`
	Zh        string `json:"zh"`
	En        string `json:"en"`
	MinValues int    `json:"min_values"`
	MaxValues int    `json:"max_values"`
	Window    string `json:"window" doc:"never, maybe or always"`
}

// SegmentProperty is what a condition's filters may ask.
type SegmentProperty struct {
	Name    string          `json:"name"`
	Open    bool            `json:"open,omitempty" doc:"the name goes on after a point"`
	Zh      string          `json:"zh"`
	En      string          `json:"en"`
	Type    string          `json:"type"`
	Of      string          `json:"of,omitempty" doc:"what the ids name"`
	Choices []SegmentChoice `json:"choices,omitempty"`
	Ops     []SegmentOp     `json:"ops" nullable:"false"`
}

// SegmentField is something that rules can ask about.
type SegmentField struct {
	Name    string            `json:"name"`
	Open    bool              `json:"open,omitempty" doc:"the name goes on after a point: event.<kind>, share.<salt>"`
	Group   string            `json:"group"`
	Zh      string            `json:"zh"`
	En      string            `json:"en"`
	Type    string            `json:"type"`
	Of      string            `json:"of,omitempty" doc:"what the ids name"`
	Choices []SegmentChoice   `json:"choices,omitempty"`
	Ops     []SegmentOp       `json:"ops" nullable:"false"`
	Where   []SegmentProperty `json:"where,omitempty"`
}

// SegmentFields is what the builder of rules is drawn from.
type SegmentFields struct {
	Groups  []SegmentChoice `json:"groups" nullable:"false"`
	Periods []SegmentChoice `json:"periods" nullable:"false" doc:"the windows that have a name"`
	Fields  []SegmentField  `json:"fields" nullable:"false"`
}

// ofKind says what the ids of a reference name.
var ofKind = map[model.Kind]string{
	model.KindTag: "tag", model.KindStaff: "staff", model.KindDepartment: "department", model.KindChannelCode: "channel_code", model.KindGroup: "group",
	model.KindProduct: "product", model.KindProductCategory: "product_category", model.KindSegment: "segment",
	model.KindJourney: "journey", model.KindCampaign: "campaign", model.KindCouponBatch: "coupon_batch",
}

func segmentChoices(list []segment.Choice) []SegmentChoice {
	var out []SegmentChoice
	for _, c := range list {
		out = append(out, SegmentChoice(c))
	}
	return out
}

// segmentOps shows questions; windowed says whether a field takes a window that is not needed.
func segmentOps(list []segment.Op, windowed bool) []SegmentOp {
	out := make([]SegmentOp, len(list))
	for i, o := range list {
		window := "never"
		switch {
		case o.Window == segment.Always:
			window = "always"
		case o.Window == segment.Maybe && windowed:
			window = "maybe"
		}
		out[i] = SegmentOp{o.Name, o.Zh, o.En, o.Min, o.Max, window}
	}
	return out
}

// ListSegmentFields gives the registry of fields, the custom ones among them.
func (h *Handlers) ListSegmentFields(ctx context.Context, _ *struct{}) (*One[SegmentFields], error) {
	fields, err := h.Segments.Fields(ctx)
	if err != nil {
		return nil, err
	}
	out := SegmentFields{Groups: segmentChoices(segment.Groups), Periods: segmentChoices(segment.Periods())}
	for _, f := range fields {
		shown := SegmentField{
			Name: f.Name, Open: f.About, Group: f.Group, Zh: f.Zh, En: f.En, Type: string(f.Type), Of: ofKind[f.Ref],
			Choices: segmentChoices(f.Choices), Ops: segmentOps(f.Type.Ops(), f.Windowed),
		}
		for _, p := range f.Where {
			shown.Where = append(shown.Where, SegmentProperty{
				p.Name, p.Prefix, p.Zh, p.En, string(p.Type), ofKind[p.Ref], segmentChoices(p.Choices), segmentOps(p.Ops(), false),
			})
		}
		out.Fields = append(out.Fields, shown)
	}
	return one(out), nil
}

// EstimateSegmentInput is a rule that somebody is typing.
type EstimateSegmentInput struct {
	Body struct {
		Rule    json.RawMessage `json:"rule"`
		Minors  bool            `json:"minors,omitempty"`
		Session string          `json:"session,omitempty" maxLength:"64" doc:"of the one who types; a newer estimate of the same session ends this one"`
	}
}

// SegmentEstimate is how many customers a rule selects.
type SegmentEstimate struct {
	Count   int64 `json:"count"`
	Total   int64 `json:"total" doc:"customers there are"`
	Exact   bool  `json:"exact" doc:"counted; otherwise projected from a sample"`
	Sampled int64 `json:"sampled,omitempty" doc:"customers in the sample"`
	Within  int64 `json:"within,omitempty" doc:"how far off it is at most in 19 cases of 20"`
}

// EstimateSegment counts those a rule selects, or projects from a sample and says so.
func (h *Handlers) EstimateSegment(ctx context.Context, in *EstimateSegmentInput) (*One[SegmentEstimate], error) {
	r, err := h.Segments.Decode(ctx, in.Body.Rule, h.IDs)
	if err != nil {
		return nil, err
	}
	session := in.Body.Session
	if session != "" { // one's own
		session = strconv.FormatInt(ViewerOf(ctx).StaffID, 10) + ":" + session
	}
	e, err := h.Segments.Estimate(ctx, session, r, in.Body.Minors)
	if err != nil {
		return nil, err
	}
	return one(SegmentEstimate(*e)), nil
}

// DiffSegmentInput is a rule that a segment might get.
type DiffSegmentInput struct {
	IDPath
	Body struct {
		Rule   json.RawMessage `json:"rule"`
		Minors bool            `json:"minors,omitempty"`
	}
}

// SegmentDiff is what saving a rule would change.
type SegmentDiff struct {
	Enter    int64           `json:"enter"`
	Leave    int64           `json:"leave"`
	Stay     int64           `json:"stay"`
	Entering []SegmentMember `json:"entering" nullable:"false" doc:"some of those who would enter"`
	Leaving  []SegmentMember `json:"leaving" nullable:"false" doc:"some of those who would leave"`
}

// DiffSegment says who would enter and leave.
func (h *Handlers) DiffSegment(ctx context.Context, in *DiffSegmentInput) (*One[SegmentDiff], error) {
	id, err := h.IDs.Row(model.KindSegment, in.ID)
	if err != nil {
		return nil, err
	}
	r, err := h.Segments.Decode(ctx, in.Body.Rule, h.IDs)
	if err != nil {
		return nil, err
	}
	d, err := h.Segments.Diff(ctx, id, r, in.Body.Minors)
	if err != nil {
		return nil, err
	}
	out := SegmentDiff{Enter: d.Enter, Leave: d.Leave, Stay: d.Stay}
	if out.Entering, err = h.segmentPeople(ctx, d.Entering); err != nil {
		return nil, err
	}
	out.Leaving, err = h.segmentPeople(ctx, d.Leaving)
	return one(out), err
}

func (h *Handlers) segmentPeople(ctx context.Context, ids []int64) ([]SegmentMember, error) {
	rows, err := h.Segments.People(ctx, ViewerOf(ctx), ids)
	out := make([]SegmentMember, 0, len(rows))
	for _, m := range rows {
		out = append(out, SegmentMember{CustomerID: h.IDs.Of(model.KindCustomer, m.CustomerID), Name: m.Name, Avatar: m.Avatar})
	}
	return out, err
}

// ExplainSegmentInput names a customer.
type ExplainSegmentInput struct {
	IDPath
	CustomerID string `query:"customer_id" required:"true" maxLength:"26"`
}

// SegmentVerdict is a node of the rule with its answer.
type SegmentVerdict struct {
	Path      string           `json:"path"`
	Shape     string           `json:"shape" doc:"all, any, not, condition"`
	Holds     bool             `json:"holds"`
	Condition json.RawMessage  `json:"condition,omitempty"`
	Seen      []any            `json:"seen,omitempty" doc:"what the customer's data says: texts, numbers, times, ids"`
	Parts     []SegmentVerdict `json:"parts,omitempty"`
}

// SegmentExplanation says why a customer is in a segment, or is not.
type SegmentExplanation struct {
	Fits   bool           `json:"fits" doc:"the rule, now"`
	Member bool           `json:"member" doc:"as the segment knows it; another answer than fits while a change is under way"`
	Minor  bool           `json:"minor,omitempty" doc:"left out because known to be under 14"`
	Tree   SegmentVerdict `json:"tree"`
}

// ExplainSegment says why one customer is in a segment, or is not.
func (h *Handlers) ExplainSegment(ctx context.Context, in *ExplainSegmentInput) (*One[SegmentExplanation], error) {
	r := h.reader()
	id, customer := r.row(model.KindSegment, in.ID), r.row(model.KindCustomer, in.CustomerID)
	if r.err != nil {
		return nil, r.err
	}
	x, err := h.Segments.Explain(ctx, ViewerOf(ctx), id, nil, customer)
	if err != nil {
		return nil, err
	}
	return one(SegmentExplanation{x.Fits, x.Member, x.Minor, h.segmentVerdict(&x.Tree)}), nil
}

func (h *Handlers) segmentVerdict(v *segment.Verdict) SegmentVerdict {
	out := SegmentVerdict{Path: v.Path, Shape: v.Shape, Holds: v.Holds}
	if v.Condition != nil {
		out.Condition = (&segment.Rule{Is: v.Condition}).Encode(h.IDs)
	}
	for _, s := range v.Seen {
		if row, ok := s.(int64); ok && v.Ref != 0 {
			s = h.IDs.Of(v.Ref, row)
		}
		out.Seen = append(out.Seen, s)
	}
	for i := range v.Parts {
		out.Parts = append(out.Parts, h.segmentVerdict(&v.Parts[i]))
	}
	return out
}
