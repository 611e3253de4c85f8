package console

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/model"
	"zhiyin/service/journey"
)

// Journey is an automation: what starts it, its steps, its goal.
type Journey struct {
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Note         string          `json:"note"`
	State        string          `json:"state" doc:"draft, active, paused, draining, stopped"`
	Definition   json.RawMessage `json:"definition,omitempty" doc:"the draft; see docs/journeys.md. Absent in lists"`
	DraftVersion int64           `json:"draft_version" doc:"to be given back when the draft is changed or activated"`
	Version      int             `json:"version" doc:"that customers enter; 0: none yet"`
	Entered      int64           `json:"entered"`
	Error        string          `json:"error,omitempty"`
	CreatedBy    string          `json:"created_by,omitempty"`
	CreatedAt    time.Time       `json:"created_at"`
	UpdatedAt    time.Time       `json:"updated_at"`
}

// JourneyProblem is something that keeps a definition from being used.
type JourneyProblem struct {
	Place string `json:"place" doc:"such as nodes[3].with.timeout"`
	Zh    string `json:"zh"`
	En    string `json:"en"`
}

func (h *Handlers) journey(j *model.Journey, d *journey.Definition) Journey {
	out := Journey{
		ID: h.IDs.Of(model.KindJourney, j.ID), Name: j.Name, Note: j.Note, State: j.State, DraftVersion: j.DraftVersion, Version: j.Version,
		Entered: j.Entered, Error: j.Error, CreatedBy: h.IDs.Of(model.KindStaff, j.CreatedBy), CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt,
	}
	if d != nil {
		out.Definition = d.Encode(h.IDs)
	}
	return out
}

func journeyProblems(list []journey.Problem) []JourneyProblem {
	out := []JourneyProblem{}
	for _, p := range list {
		out = append(out, JourneyProblem(p))
	}
	return out
}

// ListJourneysInput selects journeys.
type ListJourneysInput struct {
	PageQuery
	Name  string `query:"name" maxLength:"64" doc:"a part of the name"`
	State string `query:"state" enum:"draft,active,paused,draining,stopped"`
}

// ListJourneys lists journeys without their definitions, the newest first.
func (h *Handlers) ListJourneys(ctx context.Context, in *ListJourneysInput) (*Page[Journey], error) {
	r := h.reader()
	f := journey.ListFilter{Name: in.Name, State: in.State, After: r.after(listJourney, in.Cursor), Limit: in.Limit}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Journeys.List(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []Journey
	for i := range rows {
		items = append(items, h.journey(&rows[i], nil))
	}
	return newPage(h, listJourney, items, lastOf(rows, in.Limit, func(j model.Journey) int64 { return j.ID }))
}

// JourneyBody is what people say a journey is.
type JourneyBody struct {
	Name       string          `json:"name" minLength:"1" maxLength:"64"`
	Note       string          `json:"note,omitempty" maxLength:"255"`
	Definition json.RawMessage `json:"definition" doc:"see docs/journeys.md"`
}

func (h *Handlers) journeyInput(ctx context.Context, b *JourneyBody) (in journey.Input, err error) {
	in = journey.Input{Name: b.Name, Note: b.Note, By: ViewerOf(ctx).StaffID}
	in.Definition, err = h.Journeys.Read(ctx, b.Definition, h.IDs)
	return in, err
}

// CreateJourneyInput is a new journey.
type CreateJourneyInput struct{ Body JourneyBody }

// CreateJourney makes a draft. It may be incomplete.
func (h *Handlers) CreateJourney(ctx context.Context, in *CreateJourneyInput) (*One[Journey], error) {
	input, err := h.journeyInput(ctx, &in.Body)
	if err != nil {
		return nil, err
	}
	row, err := h.Journeys.Create(ctx, input)
	if err != nil {
		return nil, err
	}
	return one(h.journey(row, input.Definition)), nil
}

// GetJourney shows a journey with its draft.
func (h *Handlers) GetJourney(ctx context.Context, in *IDPath) (*One[Journey], error) {
	id, err := h.IDs.Row(model.KindJourney, in.ID)
	if err != nil {
		return nil, err
	}
	row, d, err := h.Journeys.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.journey(row, d)), nil
}

// UpdateJourneyInput is a journey's draft as it shall be.
type UpdateJourneyInput struct {
	IDPath
	Body struct {
		JourneyBody
		DraftVersion int64 `json:"draft_version" minimum:"1" doc:"that was seen; another one meanwhile is a conflict"`
	}
}

// UpdateJourney replaces the draft. Customers who are in go by the version that they are on.
func (h *Handlers) UpdateJourney(ctx context.Context, in *UpdateJourneyInput) (*One[Journey], error) {
	id, err := h.IDs.Row(model.KindJourney, in.ID)
	if err != nil {
		return nil, err
	}
	input, err := h.journeyInput(ctx, &in.Body.JourneyBody)
	if err != nil {
		return nil, err
	}
	row, err := h.Journeys.Update(ctx, id, in.Body.DraftVersion, input)
	if err != nil {
		return nil, err
	}
	return one(h.journey(row, input.Definition)), nil
}

// DeleteJourney ends a journey that nobody is in.
func (h *Handlers) DeleteJourney(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindJourney, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Journeys.Delete(ctx, id)
}

// ValidateJourneyInput is a definition to be looked at.
type ValidateJourneyInput struct {
	Body struct {
		Definition json.RawMessage `json:"definition"`
	}
}

// JourneyCheck is what is wrong with a definition.
type JourneyCheck struct {
	Problems []JourneyProblem `json:"problems" nullable:"false" doc:"empty: it can be activated"`
}

// ValidateJourney names everything that keeps a definition from being used.
func (h *Handlers) ValidateJourney(ctx context.Context, in *ValidateJourneyInput) (*One[JourneyCheck], error) {
	d, err := h.Journeys.Read(ctx, in.Body.Definition, h.IDs)
	if err != nil {
		return nil, err
	}
	problems, err := h.Journeys.Check(ctx, d)
	if err != nil {
		return nil, err
	}
	return one(JourneyCheck{journeyProblems(problems)}), nil
}

// ActivateJourneyInput names the draft that was seen.
type ActivateJourneyInput struct {
	IDPath
	Body struct {
		DraftVersion int64 `json:"draft_version" minimum:"1"`
	}
}

// ActivateJourney makes the draft the version that customers enter from now on.
func (h *Handlers) ActivateJourney(ctx context.Context, in *ActivateJourneyInput) (*One[Journey], error) {
	id, err := h.IDs.Row(model.KindJourney, in.ID)
	if err != nil {
		return nil, err
	}
	row, err := h.Journeys.Activate(ctx, id, in.Body.DraftVersion, ViewerOf(ctx).StaffID)
	if err != nil {
		return nil, err
	}
	return one(h.journey(row, nil)), nil
}

// TurnJourneyInput is the state that a journey shall be in.
type TurnJourneyInput struct {
	IDPath
	Body struct {
		State string `json:"state" enum:"active,paused,draining,stopped" doc:"draining: nobody enters any more, those who are in go on; stopped: they leave"`
	}
}

// TurnJourney pauses a journey, lets it go on, closes it to newcomers, or stops it.
func (h *Handlers) TurnJourney(ctx context.Context, in *TurnJourneyInput) (*One[Journey], error) {
	id, err := h.IDs.Row(model.KindJourney, in.ID)
	if err != nil {
		return nil, err
	}
	row, err := h.Journeys.Turn(ctx, id, in.Body.State)
	if err != nil {
		return nil, err
	}
	return one(h.journey(row, nil)), nil
}

// JourneyVersion is a definition that customers go by, or went by.
type JourneyVersion struct {
	Number     int             `json:"number"`
	Definition json.RawMessage `json:"definition"`
	Live       bool            `json:"live" doc:"customers may be on it"`
	CreatedBy  string          `json:"created_by,omitempty"`
	CreatedAt  time.Time       `json:"created_at"`
}

// JourneyVersions lists a journey's versions, the newest first.
func (h *Handlers) JourneyVersions(ctx context.Context, in *IDPath) (*Page[JourneyVersion], error) {
	id, err := h.IDs.Row(model.KindJourney, in.ID)
	if err != nil {
		return nil, err
	}
	rows, err := h.Journeys.Versions(ctx, id)
	if err != nil {
		return nil, err
	}
	var items []JourneyVersion
	for _, v := range rows {
		items = append(items, JourneyVersion{v.Number, v.Plan.Encode(h.IDs), v.Live, h.IDs.Of(model.KindStaff, v.CreatedBy), v.CreatedAt})
	}
	return whole(items), nil
}

// DiffJourneyInput names two versions.
type DiffJourneyInput struct {
	IDPath
	From int `query:"from" minimum:"0" doc:"0: the draft"`
	To   int `query:"to" minimum:"0" doc:"0: the draft"`
}

// JourneyDifference is one thing that is another in the later version.
type JourneyDifference struct {
	Place string `json:"place" doc:"trigger, entry, goal, …, or node: and its id"`
	What  string `json:"what" doc:"added, removed, changed"`
	Zh    string `json:"zh"`
	En    string `json:"en"`
}

// DiffJourney tells in words what is another in one version than in an earlier one.
func (h *Handlers) DiffJourney(ctx context.Context, in *DiffJourneyInput) (*Page[JourneyDifference], error) {
	id, err := h.IDs.Row(model.KindJourney, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := h.Journeys.Diff(ctx, id, in.From, in.To, h.IDs)
	if err != nil {
		return nil, err
	}
	var items []JourneyDifference
	for _, d := range list {
		items = append(items, JourneyDifference(d))
	}
	return whole(items), nil
}

// MigrateJourneyInput is a map from the nodes of one version to those of another.
type MigrateJourneyInput struct {
	IDPath
	Body struct {
		From  int               `json:"from" minimum:"1"`
		To    int               `json:"to" minimum:"1"`
		Nodes map[string]string `json:"nodes" doc:"where those go on who are at a node; who is at one that is not named stays on the old version"`
	}
}

// MigrateJourney begins to move those who are on one version to another.
func (h *Handlers) MigrateJourney(ctx context.Context, in *MigrateJourneyInput) (*None, error) {
	id, err := h.IDs.Row(model.KindJourney, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Journeys.Migrate(ctx, id, journey.Migration{From: in.Body.From, To: in.Body.To, Nodes: in.Body.Nodes})
}

// JourneyWord is a trigger or a step, with the form that lets people set it.
type JourneyWord struct {
	Name     string         `json:"name"`
	Zh       string         `json:"zh"`
	En       string         `json:"en"`
	Fields   []JourneyField `json:"fields" nullable:"false"`
	Outcomes []string       `json:"outcomes,omitempty" doc:"of a step; a split has those that people name besides"`
}

// JourneyField is something that people set.
type JourneyField struct {
	Name     string          `json:"name"`
	Zh       string          `json:"zh"`
	En       string          `json:"en"`
	Type     string          `json:"type" doc:"text, number, flag, choice, span, clock, weekdays, date, cron, ref, refs, event, sign, branches, shares, property"`
	Required bool            `json:"required"`
	Kind     string          `json:"kind,omitempty" doc:"of ids: segment, tag, staff, …"`
	Choices  []JourneyChoice `json:"choices,omitempty"`
	Most     int64           `json:"most,omitempty"`
}

// JourneyChoice is a value that may be chosen.
type JourneyChoice struct {
	Name string `json:"name"`
	Zh   string `json:"zh"`
	En   string `json:"en"`
}

// JourneyVocabulary is all that definitions may say.
type JourneyVocabulary struct {
	Triggers []JourneyWord `json:"triggers" nullable:"false"`
	Steps    []JourneyWord `json:"steps" nullable:"false"`
}

// GetJourneyVocabulary gives what can start a journey and what it can do; the console draws its forms from it.
func (h *Handlers) GetJourneyVocabulary(context.Context, *struct{}) (*One[JourneyVocabulary], error) {
	return one(JourneyVocabulary{journeyWords(h.Journeys.Triggers()), journeyWords(h.Journeys.Steps())}), nil
}

func journeyWords(words []journey.Word) []JourneyWord {
	out := []JourneyWord{}
	for _, w := range words {
		word := JourneyWord{Name: w.Name, Zh: w.Zh, En: w.En, Fields: []JourneyField{}, Outcomes: w.Outcomes}
		for _, f := range w.Fields {
			field := JourneyField{Name: f.Name, Zh: f.Zh, En: f.En, Type: string(f.Type), Required: f.Required, Kind: f.KindName(), Most: f.Most}
			for _, c := range f.Choices {
				field.Choices = append(field.Choices, JourneyChoice(c))
			}
			word.Fields = append(word.Fields, field)
		}
		out = append(out, word)
	}
	return out
}

// JourneyTemplate is a journey to begin with.
type JourneyTemplate struct {
	Name       string           `json:"name"`
	Zh         string           `json:"zh"`
	En         string           `json:"en"`
	AboutZh    string           `json:"about_zh"`
	AboutEn    string           `json:"about_en"`
	Definition json.RawMessage  `json:"definition"`
	Open       []JourneyProblem `json:"open" nullable:"false" doc:"what is to be filled in"`
}

// ListJourneyTemplates lists the journeys that come with the product.
func (h *Handlers) ListJourneyTemplates(ctx context.Context, _ *struct{}) (*Page[JourneyTemplate], error) {
	list, err := h.Journeys.Templates(ctx)
	if err != nil {
		return nil, err
	}
	var items []JourneyTemplate
	for _, t := range list {
		items = append(items, JourneyTemplate{t.Name, t.Zh, t.En, t.AboutZh, t.AboutEn, t.Plan.Encode(h.IDs), journeyProblems(t.Open)})
	}
	return whole(items), nil
}
