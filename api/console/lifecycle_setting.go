package console

import (
	"context"
	"fmt"

	"zhiyin/service/lifecycle"
)

// LifecycleRule says who fits a stage: those whom any of its sets takes; without sets, everybody.
type LifecycleRule struct {
	Any []LifecycleSet `json:"any" maxItems:"6" nullable:"false"`
}

// LifecycleSet takes those of whom all its conditions hold.
type LifecycleSet struct {
	All []LifecycleCondition `json:"all" maxItems:"8" minItems:"1" nullable:"false"`
}

// LifecycleCondition compares a measure with a number.
type LifecycleCondition struct {
	Measure string   `json:"measure" maxLength:"32"`
	Op      string   `json:"op" enum:">=,<="`
	Value   int64    `json:"value" minimum:"0" maximum:"1000000000000"`
	Days    int      `json:"days,omitempty" minimum:"0" maximum:"3650" doc:"of the last so many days, for measures that take it; 0: of all"`
	Kinds   []string `json:"kinds,omitempty" maxItems:"20" doc:"of events, for measures that take them"`
}

// LifecycleStage is one stage. The order of stages decides: who fits several is in the first.
type LifecycleStage struct {
	Name     string         `json:"name" maxLength:"32" doc:"a-z, 0-9 and _; stored with customers, so renaming makes another stage"`
	Title    string         `json:"title" maxLength:"64"`
	Phase    string         `json:"phase" enum:"explore,forming,stable,none" doc:"phase of the relationship: 考察期, 形成期, 稳定期"`
	Enter    LifecycleRule  `json:"enter" doc:"of the last stage it has no sets: it takes everybody"`
	Stay     *LifecycleRule `json:"stay,omitempty" doc:"the rule for those who are in it; absent: as enter"`
	HoldDays int            `json:"hold_days" minimum:"0" maximum:"90" doc:"how long one stays at least, unless an earlier stage fits"`
	Lapse    bool           `json:"lapse" doc:"a stage of leaving: who buys again afterwards has come back"`
	Playbook string         `json:"playbook,omitempty" maxLength:"2000" doc:"what staff are advised to do"`
}

// LifecycleRFM says where the boundaries of the scores come from.
type LifecycleRFM struct {
	Mode       string   `json:"mode" enum:"quintile,threshold"`
	WindowDays int      `json:"window_days" minimum:"0" maximum:"3650" doc:"orders and amounts of the last so many days; 0: all"`
	Recency    [4]int64 `json:"recency" doc:"days since the last order, ascending: up to the first is a 5"`
	Frequency  [4]int64 `json:"frequency" doc:"orders, ascending: up to the first is a 1"`
	Monetary   [4]int64 `json:"monetary" doc:"fen, likewise"`
}

// LifecycleValuePart is the weight of one part of the value.
type LifecycleValuePart struct {
	Name   string   `json:"name" maxLength:"32" doc:"spend, orders, referrals, reviews, participation, relation"`
	Weight int64    `json:"weight" minimum:"0" maximum:"1000"`
	Full   int64    `json:"full" minimum:"1" maximum:"1000000000000" doc:"how much of it earns all its points"`
	Days   int      `json:"days" minimum:"0" maximum:"3650"`
	Kinds  []string `json:"kinds,omitempty" maxItems:"20" doc:"of events, for the parts that count them"`
}

// LifecycleValue says how the value of a customer is put together.
type LifecycleValue struct {
	Parts       []LifecycleValuePart `json:"parts" maxItems:"6" nullable:"false"`
	KeyAt       int64                `json:"key_at" minimum:"1" maximum:"1000" doc:"from this score on a customer is a key one"`
	PotentialAt int64                `json:"potential_at" minimum:"1" maximum:"1000" doc:"others have potential when what is not purchases brings as much"`
}

// LifecycleRiskFactor is the most points that a sign of risk can bring.
type LifecycleRiskFactor struct {
	Name   string `json:"name" maxLength:"32" doc:"churn, overdue, refunds, left, silent"`
	Points int64  `json:"points" minimum:"0" maximum:"100"`
}

// LifecycleRisk says how risk is rated.
type LifecycleRisk struct {
	Factors  []LifecycleRiskFactor `json:"factors" maxItems:"5" nullable:"false"`
	HighAt   int64                 `json:"high_at" minimum:"1" maximum:"100"`
	MediumAt int64                 `json:"medium_at" minimum:"1" maximum:"100"`
}

// LifecycleSetting is all that operators decide about the lifecycle.
type LifecycleSetting struct {
	Revision int64            `json:"revision" minimum:"0" doc:"as it was read; a setting that was changed meanwhile is not overwritten"`
	Stages   []LifecycleStage `json:"stages" minItems:"2" maxItems:"20" nullable:"false"`
	RFM      LifecycleRFM     `json:"rfm"`
	Value    LifecycleValue   `json:"value"`
	Risk     LifecycleRisk    `json:"risk"`
}

// phases: an absent phase has a name outside.
const noPhase = "none"

func outerPhase(p string) string {
	if p == "" {
		return noPhase
	}
	return p
}

func lifecycleRule(r lifecycle.Rule) LifecycleRule {
	out := LifecycleRule{Any: []LifecycleSet{}}
	for _, s := range r.Any {
		set := LifecycleSet{All: []LifecycleCondition{}}
		for _, c := range s.All {
			set.All = append(set.All, LifecycleCondition(c))
		}
		out.Any = append(out.Any, set)
	}
	return out
}

func (r LifecycleRule) inner() lifecycle.Rule {
	var out lifecycle.Rule
	for _, s := range r.Any {
		var set lifecycle.Set
		for _, c := range s.All {
			set.All = append(set.All, lifecycle.Condition(c))
		}
		out.Any = append(out.Any, set)
	}
	return out
}

func lifecycleStage(s lifecycle.Stage) LifecycleStage {
	out := LifecycleStage{s.Name, s.Title, outerPhase(s.Phase), lifecycleRule(s.Enter), nil, s.HoldDays, s.Lapse, s.Playbook}
	if s.Stay != nil {
		stay := lifecycleRule(*s.Stay)
		out.Stay = &stay
	}
	return out
}

func (s LifecycleStage) inner() lifecycle.Stage {
	out := lifecycle.Stage{Name: s.Name, Title: s.Title, Enter: s.Enter.inner(), HoldDays: s.HoldDays, Lapse: s.Lapse, Playbook: s.Playbook}
	if s.Phase != noPhase {
		out.Phase = s.Phase
	}
	if s.Stay != nil {
		stay := s.Stay.inner()
		out.Stay = &stay
	}
	return out
}

func lifecycleSetting(s *lifecycle.Setting) LifecycleSetting {
	out := LifecycleSetting{
		Revision: s.Revision, Stages: []LifecycleStage{}, RFM: LifecycleRFM(s.RFM),
		Value: LifecycleValue{[]LifecycleValuePart{}, s.Value.KeyAt, s.Value.PotentialAt},
		Risk:  LifecycleRisk{[]LifecycleRiskFactor{}, s.Risk.HighAt, s.Risk.MediumAt},
	}
	for _, st := range s.Stages {
		out.Stages = append(out.Stages, lifecycleStage(st))
	}
	for _, p := range s.Value.Parts {
		out.Value.Parts = append(out.Value.Parts, LifecycleValuePart(p))
	}
	for _, f := range s.Risk.Factors {
		out.Risk.Factors = append(out.Risk.Factors, LifecycleRiskFactor(f))
	}
	return out
}

func (s LifecycleSetting) inner() lifecycle.Setting {
	out := lifecycle.Setting{Revision: s.Revision}
	for _, st := range s.Stages {
		out.Stages = append(out.Stages, st.inner())
	}
	out.RFM = lifecycle.RFMSetting(s.RFM)
	out.Value.KeyAt, out.Value.PotentialAt = s.Value.KeyAt, s.Value.PotentialAt
	for _, p := range s.Value.Parts {
		out.Value.Parts = append(out.Value.Parts, lifecycle.ValuePart(p))
	}
	out.Risk.HighAt, out.Risk.MediumAt = s.Risk.HighAt, s.Risk.MediumAt
	for _, f := range s.Risk.Factors {
		out.Risk.Factors = append(out.Risk.Factors, lifecycle.RiskFactor(f))
	}
	return out
}

// LifecycleMeasure is one of what rules may ask about.
type LifecycleMeasure struct {
	Name  string `json:"name"`
	Zh    string `json:"zh"`
	En    string `json:"en"`
	Unit  string `json:"unit" doc:"days, times, fen, percent, basis_points, points"`
	Days  bool   `json:"days" doc:"takes days"`
	Kinds bool   `json:"kinds" doc:"takes kinds of events"`
}

// LifecycleSettingReply is the setting with what rules may ask about.
type LifecycleSettingReply struct {
	LifecycleSetting
	Measures []LifecycleMeasure `json:"measures" nullable:"false"`
}

// GetLifecycleSetting gives stages and scores as they are made now.
func (h *Handlers) GetLifecycleSetting(ctx context.Context, _ *struct{}) (*One[LifecycleSettingReply], error) {
	s, err := h.Lifecycle.Setting(ctx)
	if err != nil {
		return nil, err
	}
	out := LifecycleSettingReply{lifecycleSetting(s), []LifecycleMeasure{}}
	for _, m := range lifecycle.Measures() {
		out.Measures = append(out.Measures, LifecycleMeasure(m))
	}
	return one(out), nil
}

// LifecycleSettingInput is a setting to be saved or tried.
type LifecycleSettingInput struct{ Body LifecycleSetting }

// SaveLifecycleSetting replaces the setting; customers follow with the next computation.
func (h *Handlers) SaveLifecycleSetting(ctx context.Context, in *LifecycleSettingInput) (*One[LifecycleSetting], error) {
	s, err := h.Lifecycle.Save(ctx, in.Body.inner())
	if err != nil {
		return nil, err
	}
	return one(lifecycleSetting(s)), nil
}

// LifecycleMove is how many went, or would go, from one stage to another.
type LifecycleMove struct {
	Day       string `json:"day,omitempty" doc:"2006-01-02; absent in a preview"`
	From      string `json:"from" doc:"empty: placed for the first time"`
	To        string `json:"to"`
	Customers int64  `json:"customers"`
}

func lifecycleMove(f lifecycle.Flow) LifecycleMove {
	out := LifecycleMove{From: f.From, To: f.To, Customers: f.Customers}
	if f.Day != 0 {
		out.Day = dashed(f.Day)
	}
	return out
}

func dashed(yyyymmdd int) string {
	return fmt.Sprintf("%04d-%02d-%02d", yyyymmdd/10_000, yyyymmdd/100%100, yyyymmdd%100)
}

// LifecyclePreview is what a setting would change.
type LifecyclePreview struct {
	Customers int64            `json:"customers" doc:"of all"`
	Looked    int64            `json:"looked" doc:"at so many of them; when it is fewer, counts are of this sample"`
	Before    map[string]int64 `json:"before" doc:"customers by stage"`
	After     map[string]int64 `json:"after"`
	Moves     []LifecycleMove  `json:"moves" nullable:"false" doc:"those who stay are among them"`
}

// PreviewLifecycleSetting tries a setting without changing anything.
func (h *Handlers) PreviewLifecycleSetting(ctx context.Context, in *LifecycleSettingInput) (*One[LifecyclePreview], error) {
	p, err := h.Lifecycle.Preview(ctx, in.Body.inner())
	if err != nil {
		return nil, err
	}
	out := LifecyclePreview{p.Customers, p.Looked, p.Before, p.After, []LifecycleMove{}}
	for _, m := range p.Moves {
		out.Moves = append(out.Moves, lifecycleMove(m))
	}
	return one(out), nil
}
