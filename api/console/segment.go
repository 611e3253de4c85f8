package console

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zhiyin/model"
	"zhiyin/service/segment"
)

// Segment is a saved rule over customers, or a list of them.
type Segment struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Note      string          `json:"note"`
	Kind      string          `json:"kind" doc:"dynamic, frozen, list"`
	Rule      json.RawMessage `json:"rule,omitempty" doc:"absent of a list, and when it names what is gone; see docs/segments.md"`
	Minors    bool            `json:"minors" doc:"customers under 14 are not left out"`
	Version   int64           `json:"version" doc:"of the definition; to be given back when it is changed"`
	SourceID  string          `json:"source_id,omitempty" doc:"of a frozen one: the segment that it is a copy of"`
	Members   int64           `json:"members"`
	Built     bool            `json:"built" doc:"membership follows this version of the definition"`
	BuiltAt   *time.Time      `json:"built_at,omitempty"`
	Warning   string          `json:"warning,omitempty" doc:"that the rule is slow"`
	Error     string          `json:"error,omitempty" doc:"why the last build failed"`
	Building  *SegmentBuild   `json:"building,omitempty" doc:"the build that waits or runs"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
}

// SegmentBuild is one full evaluation of a segment.
type SegmentBuild struct {
	Version    int64      `json:"version"`
	Status     string     `json:"status" doc:"running, done, cancelled, failed"`
	Progress   int        `json:"progress" doc:"per cent of the customers looked at"`
	Entered    int64      `json:"entered"`
	Left       int64      `json:"left"`
	ReadMs     int64      `json:"read_ms" doc:"how long the rule took"`
	Error      string     `json:"error,omitempty"`
	StartedAt  time.Time  `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

// SegmentMember is a customer in a segment.
type SegmentMember struct {
	CustomerID string     `json:"customer_id"`
	Name       string     `json:"name"`
	Avatar     string     `json:"avatar"`
	EnteredAt  *time.Time `json:"entered_at,omitempty"`
}

func (h *Handlers) segment(s *model.Segment, r *segment.Rule) Segment {
	out := Segment{
		ID: h.IDs.Of(model.KindSegment, s.ID), Name: s.Name, Note: s.Note, Kind: s.Kind, Minors: s.Minors, Version: s.Version,
		SourceID: h.IDs.Of(model.KindSegment, s.SourceID), Members: s.Members, Built: s.BuiltVersion == s.Version, BuiltAt: s.BuiltAt,
		Warning: s.Warning, Error: s.Error, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
	if r != nil {
		out.Rule = r.Encode(h.IDs)
	}
	return out
}

func segmentBuild(b *model.SegmentBuild) SegmentBuild {
	out := SegmentBuild{b.Version, b.Status, 100, b.Entered, b.Departed, b.ReadMs, b.Error, b.StartedAt, b.FinishedAt}
	if b.AfterID < b.LastID {
		out.Progress = int(100 * float64(b.AfterID) / float64(b.LastID))
	}
	return out
}

// SegmentBody is what people say a segment is.
type SegmentBody struct {
	Name   string          `json:"name" minLength:"1" maxLength:"64"`
	Note   string          `json:"note,omitempty" maxLength:"255"`
	Rule   json.RawMessage `json:"rule,omitempty" doc:"absent: a list; see docs/segments.md"`
	Minors bool            `json:"minors,omitempty" doc:"don't leave out customers under 14"`
}

func (h *Handlers) definition(ctx context.Context, b *SegmentBody) (d segment.Definition, err error) {
	d = segment.Definition{Name: b.Name, Note: b.Note, Minors: b.Minors, By: ViewerOf(ctx).StaffID}
	if len(b.Rule) > 0 {
		d.Rule, err = h.Segments.Decode(ctx, b.Rule, h.IDs)
	}
	return d, err
}

// ListSegmentsInput selects segments.
type ListSegmentsInput struct {
	PageQuery
	Name string `query:"name" maxLength:"64" doc:"a part of the name"`
	Kind string `query:"kind" enum:"dynamic,frozen,list"`
}

// ListSegments lists segments without their rules, the newest first.
func (h *Handlers) ListSegments(ctx context.Context, in *ListSegmentsInput) (*Page[Segment], error) {
	r := h.reader()
	f := segment.ListFilter{Name: in.Name, Kind: in.Kind, After: r.after(listSegment, in.Cursor), Limit: in.Limit}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Segments.List(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []Segment
	for i := range rows {
		items = append(items, h.segment(&rows[i], nil))
	}
	return newPage(h, listSegment, items, lastOf(rows, in.Limit, func(s model.Segment) int64 { return s.ID }))
}

// CreateSegmentInput is a new segment.
type CreateSegmentInput struct{ Body SegmentBody }

// CreateSegment makes a segment; who is in it is worked out in the background.
func (h *Handlers) CreateSegment(ctx context.Context, in *CreateSegmentInput) (*One[Segment], error) {
	d, err := h.definition(ctx, &in.Body)
	if err != nil {
		return nil, err
	}
	s, err := h.Segments.Create(ctx, d)
	if err != nil {
		return nil, err
	}
	return one(h.segment(s, d.Rule)), nil
}

// GetSegment shows a segment with its rule and the build that runs.
func (h *Handlers) GetSegment(ctx context.Context, in *IDPath) (*One[Segment], error) {
	id, err := h.IDs.Row(model.KindSegment, in.ID)
	if err != nil {
		return nil, err
	}
	s, r, err := h.Segments.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	out := h.segment(s, r)
	b, err := h.Segments.Building(ctx, id)
	if b != nil {
		shown := segmentBuild(b)
		out.Building = &shown
	}
	return one(out), err
}

// UpdateSegmentInput is a segment as it shall be.
type UpdateSegmentInput struct {
	IDPath
	Body struct {
		SegmentBody
		Version int64 `json:"version" minimum:"1" doc:"that was seen; another one meanwhile is a conflict"`
	}
}

// UpdateSegment replaces a segment's definition. A new rule ends the build that runs and begins another.
func (h *Handlers) UpdateSegment(ctx context.Context, in *UpdateSegmentInput) (*One[Segment], error) {
	id, err := h.IDs.Row(model.KindSegment, in.ID)
	if err != nil {
		return nil, err
	}
	d, err := h.definition(ctx, &in.Body.SegmentBody)
	if err != nil {
		return nil, err
	}
	s, err := h.Segments.Update(ctx, id, in.Body.Version, d)
	if err != nil {
		return nil, err
	}
	return one(h.segment(s, d.Rule)), nil
}

// DeleteSegment ends a segment.
func (h *Handlers) DeleteSegment(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindSegment, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Segments.Delete(ctx, id)
}

// FreezeSegmentInput names the copy.
type FreezeSegmentInput struct {
	IDPath
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"64"`
		Note string `json:"note,omitempty" maxLength:"255"`
	}
}

// FreezeSegment makes a segment of those who are in another one now; nobody enters or leaves it later.
func (h *Handlers) FreezeSegment(ctx context.Context, in *FreezeSegmentInput) (*One[Segment], error) {
	id, err := h.IDs.Row(model.KindSegment, in.ID)
	if err != nil {
		return nil, err
	}
	s, err := h.Segments.Freeze(ctx, id, segment.Definition{Name: in.Body.Name, Note: in.Body.Note, By: ViewerOf(ctx).StaffID})
	if err != nil {
		return nil, err
	}
	return one(h.segment(s, nil)), nil
}

// NameSegmentListInput names the customers of a list.
type NameSegmentListInput struct {
	IDPath
	Body struct {
		CustomerIDs []string `json:"customer_ids" maxItems:"10000" nullable:"false" doc:"for more of them import a file of the kind lists"`
		Keep        bool     `json:"keep,omitempty" doc:"who is in it already stays; absent: the list becomes what is named here"`
	}
}

// Listed tells what became of those who were named.
type Listed struct {
	Named   int64 `json:"named" doc:"customers, each once"`
	Unknown int64 `json:"unknown" doc:"not there, or out of sight"`
	Entered int64 `json:"entered"`
	Left    int64 `json:"left"`
}

// NameSegmentList says who is in a list. When it is broken off some have entered and nobody has left; repeating it is safe.
func (h *Handlers) NameSegmentList(ctx context.Context, in *NameSegmentListInput) (*One[Listed], error) {
	r := h.reader()
	id, customers := r.row(model.KindSegment, in.ID), r.all(model.KindCustomer, in.Body.CustomerIDs)
	if r.err != nil {
		return nil, r.err
	}
	l, err := h.Segments.NameList(ctx, ViewerOf(ctx), id, in.Body.Keep, customers)
	if err != nil {
		return nil, err
	}
	return one(Listed(*l)), nil
}

// SegmentMembersInput asks for a page of members.
type SegmentMembersInput struct {
	IDPath
	PageQuery
}

// ListSegmentMembers lists those in a segment whom the viewer may see.
func (h *Handlers) ListSegmentMembers(ctx context.Context, in *SegmentMembersInput) (*Page[SegmentMember], error) {
	r := h.reader()
	id, after := r.row(model.KindSegment, in.ID), r.after(listSegmentMember, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Segments.Members(ctx, ViewerOf(ctx), id, after, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []SegmentMember
	for _, m := range rows {
		items = append(items, SegmentMember{h.IDs.Of(model.KindCustomer, m.CustomerID), m.Name, m.Avatar, &m.EnteredAt})
	}
	return newPage(h, listSegmentMember, items, lastOf(rows, in.Limit, func(m segment.Member) int64 { return m.CustomerID }))
}

// RebuildSegment plans a full build; the one that waits or runs already if there is one.
func (h *Handlers) RebuildSegment(ctx context.Context, in *IDPath) (*One[SegmentBuild], error) {
	id, err := h.IDs.Row(model.KindSegment, in.ID)
	if err != nil {
		return nil, err
	}
	b, err := h.Segments.Rebuild(ctx, id, ViewerOf(ctx).StaffID)
	if err != nil {
		return nil, err
	}
	return one(segmentBuild(b)), nil
}

// CancelSegmentBuild stops the build that waits or runs; who is in the segment stays as far as it came.
func (h *Handlers) CancelSegmentBuild(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindSegment, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Segments.CancelBuild(ctx, id)
}

// ListSegmentBuilds lists a segment's builds, the newest first.
func (h *Handlers) ListSegmentBuilds(ctx context.Context, in *SegmentMembersInput) (*Page[SegmentBuild], error) {
	r := h.reader()
	id, before := r.row(model.KindSegment, in.ID), r.after(listSegmentBuild, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Segments.Builds(ctx, id, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []SegmentBuild
	for i := range rows {
		items = append(items, segmentBuild(&rows[i]))
	}
	return newPage(h, listSegmentBuild, items, lastOf(rows, in.Limit, func(b model.SegmentBuild) int64 { return b.ID }))
}

// SegmentSize is how large a segment was at the end of a day.
type SegmentSize struct {
	Day     string `json:"day"`
	Members int64  `json:"members"`
	Entered int64  `json:"entered"`
	Left    int64  `json:"left"`
}

// SegmentSizes gives the days on which somebody came or went.
func (h *Handlers) SegmentSizes(ctx context.Context, in *PeriodInput) (*Page[SegmentSize], error) {
	id, err := h.IDs.Row(model.KindSegment, in.ID)
	if err != nil {
		return nil, err
	}
	rows, err := h.Segments.Sizes(ctx, id, in.From, in.To)
	if err != nil {
		return nil, err
	}
	var items []SegmentSize
	for _, s := range rows {
		items = append(items, SegmentSize{fmt.Sprintf("%04d-%02d-%02d", s.Day/10000, s.Day/100%100, s.Day%100), s.Members, s.Entered, s.Departed})
	}
	return whole(items), nil
}

// SegmentVersion is a definition that a segment has or had.
type SegmentVersion struct {
	Version   int64           `json:"version"`
	Rule      json.RawMessage `json:"rule,omitempty" doc:"absent when it names what is gone"`
	Minors    bool            `json:"minors"`
	ChangedBy string          `json:"changed_by,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
}

// SegmentVersions lists a segment's definitions, the newest first.
func (h *Handlers) SegmentVersions(ctx context.Context, in *IDPath) (*Page[SegmentVersion], error) {
	id, err := h.IDs.Row(model.KindSegment, in.ID)
	if err != nil {
		return nil, err
	}
	versions, err := h.Segments.Versions(ctx, id)
	if err != nil {
		return nil, err
	}
	var items []SegmentVersion
	for _, v := range versions {
		shown := SegmentVersion{Version: v.Version, Minors: v.Minors, ChangedBy: h.IDs.Of(model.KindStaff, v.ChangedBy), CreatedAt: v.CreatedAt}
		if v.Read != nil {
			shown.Rule = v.Read.Encode(h.IDs)
		}
		items = append(items, shown)
	}
	return whole(items), nil
}
