package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/lifecycle"
	"zhiyin/service/lifecycle/clv"
)

// CustomerLifecycle is where a customer stands.
type CustomerLifecycle struct {
	Stage       string     `json:"stage"`
	StageSince  time.Time  `json:"stage_since"`
	LapsedAt    *time.Time `json:"lapsed_at,omitempty" doc:"when they last began to leave"`
	Recency     int        `json:"recency" doc:"1 to 5, 5 the best; 0: never bought"`
	Frequency   int        `json:"frequency"`
	Monetary    int        `json:"monetary"`
	ValueScore  int64      `json:"value_score" doc:"0 to 1000"`
	ValueGrade  string     `json:"value_grade" doc:"key 重点, potential 潜力, ordinary 普通"`
	RiskScore   int        `json:"risk_score" doc:"0 to 100"`
	RiskGrade   string     `json:"risk_grade" doc:"high, medium, low"`
	ChurnBP     *int64     `json:"churn_bp,omitempty" doc:"chance of being gone, in basis points; absent: not known, as of who bought less than twice"`
	ExpectedFen *int64     `json:"expected_fen,omitempty" doc:"expected in the next 90 days; absent: not known"`
	ComputedAt  time.Time  `json:"computed_at" doc:"when it last turned out different"`
}

// ShownStanding is where a customer stands, as staff see it.
func ShownStanding(r *model.CustomerLifecycle) CustomerLifecycle {
	out := CustomerLifecycle{
		Stage: r.Stage, StageSince: r.StageSince, LapsedAt: r.LapsedAt, Recency: r.Recency, Frequency: r.Frequency, Monetary: r.Monetary,
		ValueScore: r.ValueScore, ValueGrade: r.ValueGrade, RiskScore: r.RiskScore, RiskGrade: r.RiskGrade, ComputedAt: r.ComputedAt,
	}
	if r.AliveBP >= 0 {
		churn := 10_000 - r.AliveBP
		out.ChurnBP = &churn
	}
	if r.ExpectedFen >= 0 {
		fen := int64(r.ExpectedFen)
		out.ExpectedFen = &fen
	}
	return out
}

// LifecycleOutcome is a condition and what was found.
type LifecycleOutcome struct {
	LifecycleCondition
	Found *int64 `json:"found,omitempty" doc:"absent: there is no such number, and no condition about it holds"`
	Holds bool   `json:"holds"`
}

// LifecycleTrial is a stage and what was found about its rule.
type LifecycleTrial struct {
	Stage   string               `json:"stage"`
	Title   string               `json:"title"`
	Staying bool                 `json:"staying" doc:"the rule to stay was tried"`
	Fits    bool                 `json:"fits"`
	Sets    [][]LifecycleOutcome `json:"sets" nullable:"false" doc:"one whose conditions all hold is enough"`
}

// LifecyclePoints says what one part brought.
type LifecyclePoints struct {
	Name   string `json:"name"`
	Zh     string `json:"zh"`
	En     string `json:"en"`
	Unit   string `json:"unit"`
	Found  int64  `json:"found"`
	Full   int64  `json:"full,omitempty" doc:"how much earns all points"`
	Points int64  `json:"points"`
	Most   int64  `json:"most"`
}

func lifecyclePoints(parts []lifecycle.PartPoints) []LifecyclePoints {
	out := []LifecyclePoints{}
	for _, p := range parts {
		out = append(out, LifecyclePoints(p))
	}
	return out
}

// LifecycleChange is one change of a customer's stage.
type LifecycleChange struct {
	From  string    `json:"from" doc:"empty: placed for the first time"`
	To    string    `json:"to"`
	Cause string    `json:"cause" doc:"night, event, person"`
	At    time.Time `json:"at"`
}

// CustomerLifecycleReply is where a customer stands, and why.
type CustomerLifecycleReply struct {
	Stored   *CustomerLifecycle  `json:"stored,omitempty" doc:"absent: not computed yet"`
	Now      CustomerLifecycle   `json:"now" doc:"as it would be computed at this moment; all that follows explains this"`
	Title    string              `json:"title" doc:"of the stage"`
	Phase    string              `json:"phase" doc:"explore 考察期, forming 形成期, stable 稳定期, none"`
	Playbook string              `json:"playbook,omitempty" doc:"what staff are advised to do"`
	Why      []LifecycleTrial    `json:"why" nullable:"false" doc:"stages in their order, up to the first that fits"`
	Value    []LifecyclePoints   `json:"value" nullable:"false"`
	Risk     []LifecyclePoints   `json:"risk" nullable:"false"`
	Days     int64               `json:"days_since_order"`
	Orders   int64               `json:"orders" doc:"within the window of the scores"`
	Fen      int64               `json:"amount_fen"`
	Scores   LifecycleBoundaries `json:"boundaries" doc:"of the scores"`
	Repeats  int                 `json:"repeats" doc:"days of purchase after the first, which the prediction goes by"`
	History  []LifecycleChange   `json:"history" nullable:"false" doc:"newest first, at most 200"`
}

// GetCustomerLifecycle tells where a customer stands, and why.
func (h *Handlers) GetCustomerLifecycle(ctx context.Context, in *IDPath) (*One[CustomerLifecycleReply], error) {
	id, err := h.IDs.Row(model.KindCustomer, in.ID)
	if err != nil {
		return nil, err
	}
	x, err := h.Lifecycle.Explain(ctx, ViewerOf(ctx), id)
	if err != nil {
		return nil, err
	}
	out := CustomerLifecycleReply{
		Now: ShownStanding(&x.Now), Title: x.Stage.Title, Phase: outerPhase(x.Stage.Phase), Playbook: x.Stage.Playbook, Why: lifecycleTrials(x.Why),
		Value: lifecyclePoints(x.Value), Risk: lifecyclePoints(x.Risk), Days: x.RFM.Days, Orders: x.RFM.Orders, Fen: x.RFM.Fen,
		Scores: lifecycleBoundaries(x.RFM.Boundaries), Repeats: x.Repeats, History: []LifecycleChange{},
	}
	if x.Row != nil {
		stored := ShownStanding(x.Row)
		out.Stored = &stored
	}
	for _, c := range x.History {
		out.History = append(out.History, LifecycleChange{c.FromStage, c.ToStage, c.Cause, c.ChangedAt})
	}
	return one(out), nil
}

func lifecycleTrials(trials []lifecycle.StageTrial) []LifecycleTrial {
	out := []LifecycleTrial{}
	for _, t := range trials {
		trial := LifecycleTrial{t.Name, t.Title, t.Staying, t.Fits, [][]LifecycleOutcome{}}
		for _, s := range t.Sets {
			set := []LifecycleOutcome{}
			for _, o := range s {
				outcome := LifecycleOutcome{LifecycleCondition: LifecycleCondition(o.Condition), Holds: o.Holds}
				if o.Known {
					found := o.Found
					outcome.Found = &found
				}
				set = append(set, outcome)
			}
			trial.Sets = append(trial.Sets, set)
		}
		out = append(out, trial)
	}
	return out
}

// ModelLack says why a model could not be fitted.
type ModelLack struct {
	Reason string  `json:"reason" doc:"few_buyers, few_repeats, short_history, flat_maximum, no_convergence"`
	Have   float64 `json:"have"`
	Need   float64 `json:"need"`
}

// ModelParameter is one parameter of a model, and how sure it is.
type ModelParameter struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Error float64 `json:"error" doc:"standard error of its logarithm: about the share by which it may be off"`
}

// FittedModel is a model with its parameters, or the reason why there is none.
type FittedModel struct {
	Parameters    []ModelParameter `json:"parameters" nullable:"false"`
	LogLikelihood float64          `json:"log_likelihood,omitempty"`
	Condition     float64          `json:"condition,omitempty" doc:"of the curvature at the maximum: large means that the data say little of something"`
	Lack          *ModelLack       `json:"lack,omitempty"`
}

// ModelCheck compares what models of 90 days ago foretold with what came.
type ModelCheck struct {
	Days               int               `json:"days"`
	Buyers             int               `json:"buyers"`
	PredictedPurchases float64           `json:"predicted_purchases"`
	ActualPurchases    float64           `json:"actual_purchases"`
	PredictedFen       float64           `json:"predicted_fen" doc:"0 without a model of amounts"`
	ActualFen          float64           `json:"actual_fen"`
	MeanError          float64           `json:"mean_error" doc:"by how many purchases a prediction was off, on average"`
	NaiveError         float64           `json:"naive_error" doc:"the same for the guess that everybody goes on as before"`
	Groups             []ModelCheckGroup `json:"groups" nullable:"false"`
}

// ModelCheckGroup is the part of a check about those who had bought again so many times.
type ModelCheckGroup struct {
	Repeats   int     `json:"repeats" doc:"7 stands for 7 and more"`
	Buyers    int     `json:"buyers"`
	Predicted float64 `json:"predicted" doc:"purchases of one of them"`
	Actual    float64 `json:"actual"`
}

// ModelCard is what is known of the models behind churn risk and expected value.
type ModelCard struct {
	FittedAt    *time.Time  `json:"fitted_at,omitempty" doc:"absent: nothing was computed yet"`
	Day         string      `json:"day,omitempty" doc:"nothing later is known to the models"`
	Buyers      int64       `json:"buyers"`
	Sampled     int         `json:"sampled" doc:"of them, to whom the models were fitted"`
	Purchases   FittedModel `json:"purchases" doc:"BG/NBD, times in weeks"`
	Spend       FittedModel `json:"spend" doc:"Gamma-Gamma, amounts in fen"`
	Correlation float64     `json:"correlation" doc:"of how often and for how much people buy"`
	Independent bool        `json:"independent" doc:"whether that is weak enough for what the model of amounts takes for granted"`
	Check       *ModelCheck `json:"check,omitempty"`
	CheckLack   *ModelLack  `json:"check_lack,omitempty"`
}

// GetLifecycleModel gives the model card.
func (h *Handlers) GetLifecycleModel(ctx context.Context, _ *struct{}) (*One[ModelCard], error) {
	c, err := h.Lifecycle.Card(ctx)
	if err != nil {
		return nil, err
	}
	out := ModelCard{Purchases: FittedModel{Parameters: []ModelParameter{}}, Spend: FittedModel{Parameters: []ModelParameter{}}}
	if c == nil {
		return one(out), nil
	}
	out.FittedAt, out.Day, out.Buyers, out.Sampled = &c.FittedAt, dashed(c.Day), c.Buyers, c.Sampled
	out.Purchases.Lack, out.Spend.Lack, out.CheckLack = modelLack(c.PurchasesLack), modelLack(c.SpendLack), modelLack(c.CheckLack)
	if m := c.Purchases; m != nil {
		out.Purchases = fittedModel(m.Fit, []string{"r", "alpha", "a", "b"}, m.R, m.Alpha, m.A, m.B)
	}
	if m := c.Spend; m != nil {
		out.Spend = fittedModel(m.Fit, []string{"p", "q", "gamma"}, m.P, m.Q, m.Gamma)
		out.Correlation, out.Independent = m.Correlation, m.Independent()
	}
	out.Check = modelCheck(c.Check)
	return one(out), nil
}

func modelLack(l *lifecycle.Lack) *ModelLack {
	if l == nil {
		return nil
	}
	return &ModelLack{l.Reason, l.Have, l.Need}
}

func fittedModel(f clv.Fit, names []string, values ...float64) FittedModel {
	out := FittedModel{Parameters: []ModelParameter{}, LogLikelihood: f.LogLikelihood, Condition: f.Condition}
	for i, name := range names {
		out.Parameters = append(out.Parameters, ModelParameter{name, values[i], f.Errors[i]})
	}
	return out
}

func modelCheck(c *clv.Check) *ModelCheck {
	if c == nil {
		return nil
	}
	out := &ModelCheck{c.Days, c.Buyers, c.Predicted, c.Actual, c.PredictedAmount, c.ActualAmount, c.MeanError, c.NaiveError, []ModelCheckGroup{}}
	for _, g := range c.Groups {
		out.Groups = append(out.Groups, ModelCheckGroup(g))
	}
	return out
}
