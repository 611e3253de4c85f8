package console

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/loyalty"
)

// PointsAccount is what a customer has in the club.
type PointsAccount struct {
	Balance   int64      `json:"balance" doc:"below zero: more was taken back than there was"`
	Frozen    int64      `json:"frozen" doc:"earned by orders whose refund is being decided"`
	Earned    int64      `json:"earned" doc:"in all, less what was taken back"`
	Soon      int64      `json:"soon" doc:"expires within 30 days"`
	SoonAt    *time.Time `json:"soon_at,omitempty"`
	Level     int        `json:"level" doc:"tier; 0: none"`
	Tier      string     `json:"tier,omitempty" doc:"what it is called"`
	ValueFen  int64      `json:"value_fen" doc:"what counts for the tier"`
	Since     *time.Time `json:"since,omitempty"`
	KeepUntil *time.Time `json:"keep_until,omitempty"`
	Next      string     `json:"next_tier,omitempty" doc:"the tier above"`
	Missing   int64      `json:"missing_fen,omitempty" doc:"to the tier above"`
}

// GetPointsAccount gives what a customer has in the club.
func (h *Handlers) GetPointsAccount(ctx context.Context, in *IDPath) (*One[PointsAccount], error) {
	id, err := h.IDs.Row(model.KindCustomer, in.ID)
	if err != nil {
		return nil, err
	}
	a, err := h.Loyalty.Account(ctx, ViewerOf(ctx), id)
	if err != nil {
		return nil, err
	}
	out := PointsAccount{
		Balance: a.Balance, Frozen: a.Frozen, Earned: a.Earned, Soon: a.Soon, SoonAt: a.SoonAt, Level: a.Tier.Level, Tier: a.TierName,
		ValueFen: int64(a.Tier.ValueFen), KeepUntil: a.Tier.KeepUntil, Missing: int64(a.Missing),
	}
	if a.Next != nil {
		out.Next = a.Next.Name
	}
	if a.Tier.Level > 0 {
		out.Since = &a.Tier.Since
	}
	return one(out), nil
}

// PointsEntry is a move of points from one book to another.
type PointsEntry struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind" doc:"earn, spend, return, expire, freeze, thaw, take_back, restore, adjust"`
	From      string    `json:"from" doc:"available and frozen are the customer's; issued, spent, expired, adjusted the house's"`
	To        string    `json:"to"`
	Points    int64     `json:"points"`
	OriginID  string    `json:"origin_id,omitempty" doc:"the entry that this one undoes or follows"`
	RuleID    string    `json:"rule_id,omitempty"`
	Source    string    `json:"source"`
	StaffID   string    `json:"staff_id,omitempty"`
	Reason    string    `json:"reason"`
	CreatedAt time.Time `json:"created_at"`
}

func (h *Handlers) pointsEntry(e *model.PointsEntry) PointsEntry {
	return PointsEntry{
		h.IDs.Of(model.KindPointsEntry, e.ID), e.Kind, e.FromBook, e.ToBook, e.Points, h.IDs.Of(model.KindPointsEntry, e.OriginID),
		h.IDs.Of(model.KindPointsRule, e.RuleID), e.Source, h.IDs.Of(model.KindStaff, e.StaffID), e.Reason, e.CreatedAt,
	}
}

// ListPointsInput asks for a page of a customer's entries.
type ListPointsInput struct {
	IDPath
	PageQuery
}

// ListPointsEntries lists a customer's entries, the newest first.
func (h *Handlers) ListPointsEntries(ctx context.Context, in *ListPointsInput) (*Page[PointsEntry], error) {
	r := h.reader()
	id, before := r.row(model.KindCustomer, in.ID), r.after(listPointsEntry, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Loyalty.Entries(ctx, ViewerOf(ctx), id, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []PointsEntry
	for i := range rows {
		items = append(items, h.pointsEntry(&rows[i]))
	}
	return newPage(h, listPointsEntry, items, lastOf(rows, in.Limit, func(e model.PointsEntry) int64 { return e.ID }))
}

// CorrectPointsInput adds or takes points by hand.
type CorrectPointsInput struct {
	IDPath
	Body struct {
		Points    int64  `json:"points" minimum:"-100000000" maximum:"100000000" doc:"below zero: they are taken"`
		Reason    string `json:"reason" minLength:"1" maxLength:"128" doc:"the customer reads it"`
		ValidDays int    `json:"valid_days,omitempty" minimum:"0" maximum:"3650" doc:"0: never expire"`
		RequestID string `json:"request_id" minLength:"8" maxLength:"48" doc:"repeat it and nothing changes"`
	}
}

// CorrectPoints adds or takes points by hand, with a reason.
func (h *Handlers) CorrectPoints(ctx context.Context, in *CorrectPointsInput) (*One[PointsEntry], error) {
	id, err := h.IDs.Row(model.KindCustomer, in.ID)
	if err != nil {
		return nil, err
	}
	e, err := h.Loyalty.Correct(ctx, ViewerOf(ctx), loyalty.Correction{
		CustomerID: id, Points: in.Body.Points, RequestID: in.Body.RequestID, Reason: in.Body.Reason, ValidDays: in.Body.ValidDays,
	})
	if err != nil {
		return nil, err
	}
	return one(h.pointsEntry(e)), nil
}

// PointsRule says for what events customers earn points.
type PointsRule struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	PointsRuleBody
	UpdatedAt time.Time `json:"updated_at"`
}

// PointsRuleBody is what a rule says.
type PointsRuleBody struct {
	Name      string        `json:"name" minLength:"1" maxLength:"64"`
	EventKind string        `json:"event_kind" minLength:"1" maxLength:"64"`
	Where     []PointsMatch `json:"where,omitempty" maxItems:"10" doc:"all must hold"`
	Points    int64         `json:"points,omitempty" minimum:"0" doc:"for each event"`
	PerFen    int64         `json:"per_fen,omitempty" minimum:"0" doc:"or one point for so many fen paid"`
	PerDay    int64         `json:"per_day,omitempty" minimum:"0" doc:"at most, of one customer; 0: no bound"`
	PerMonth  int64         `json:"per_month,omitempty" minimum:"0"`
	InAll     int64         `json:"in_all,omitempty" minimum:"0"`
	ValidDays int           `json:"valid_days,omitempty" minimum:"0" maximum:"3650" doc:"until they expire; 0: never"`
	Tiered    bool          `json:"tiered,omitempty" doc:"the customer's tier multiplies it"`
	Enabled   bool          `json:"enabled,omitempty"`
	From      *time.Time    `json:"from,omitempty"`
	Until     *time.Time    `json:"until,omitempty"`
}

// PointsMatch narrows events by what they say.
type PointsMatch struct {
	Property string `json:"property" minLength:"1" maxLength:"64" doc:"of the kind; or source: from where the event came (open, miniapp…)"`
	Op       string `json:"op" enum:"is,is_not,contains,at_least,at_most"`
	Value    string `json:"value" minLength:"1" maxLength:"64"`
}

func (h *Handlers) pointsRule(r *loyalty.Rule) PointsRule {
	var where []PointsMatch
	for _, m := range r.Where {
		where = append(where, PointsMatch(m))
	}
	return PointsRule{h.IDs.Of(model.KindPointsRule, r.ID), r.Version, PointsRuleBody{
		r.Name, r.EventKind, where, r.Points, r.PerFen, r.PerDay, r.PerMonth, r.InAll, r.ValidDays, r.Tiered, r.Enabled, r.From, r.Until,
	}, r.UpdatedAt}
}

// ListPointsRules lists all rules.
func (h *Handlers) ListPointsRules(ctx context.Context, _ *struct{}) (*Page[PointsRule], error) {
	rows, err := h.Loyalty.Rules(ctx)
	if err != nil {
		return nil, err
	}
	var items []PointsRule
	for i := range rows {
		items = append(items, h.pointsRule(&rows[i]))
	}
	return whole(items), nil
}

// CreatePointsRuleInput is a new rule.
type CreatePointsRuleInput struct{ Body PointsRuleBody }

// CreatePointsRule makes a rule.
func (h *Handlers) CreatePointsRule(ctx context.Context, in *CreatePointsRuleInput) (*One[PointsRule], error) {
	return h.savePointsRule(ctx, 0, 0, &in.Body)
}

// UpdatePointsRuleInput replaces what a rule says.
type UpdatePointsRuleInput struct {
	IDPath
	Body struct {
		Version int64          `json:"version" minimum:"1"`
		Rule    PointsRuleBody `json:"rule"`
	}
}

// UpdatePointsRule replaces what a rule says. What was earned by it stays.
func (h *Handlers) UpdatePointsRule(ctx context.Context, in *UpdatePointsRuleInput) (*One[PointsRule], error) {
	id, err := h.IDs.Row(model.KindPointsRule, in.ID)
	if err != nil {
		return nil, err
	}
	return h.savePointsRule(ctx, id, in.Body.Version, &in.Body.Rule)
}

func (h *Handlers) savePointsRule(ctx context.Context, id, version int64, b *PointsRuleBody) (*One[PointsRule], error) {
	r := h.reader()
	r.moments(given(map[string]*time.Time{"from": b.From, "until": b.Until}))
	if r.err != nil {
		return nil, r.err
	}
	var where []event.Match
	for _, m := range b.Where {
		where = append(where, event.Match(m))
	}
	row, err := h.Loyalty.SaveRule(ctx, ViewerOf(ctx).StaffID, id, version, loyalty.RuleInput{
		Name: b.Name, EventKind: b.EventKind, Where: where, Points: b.Points, PerFen: b.PerFen, PerDay: b.PerDay, PerMonth: b.PerMonth, InAll: b.InAll,
		ValidDays: b.ValidDays, Tiered: b.Tiered, Enabled: b.Enabled, From: b.From, Until: b.Until,
	})
	if err != nil {
		return nil, err
	}
	return one(h.pointsRule(row)), nil
}

// ClubTier is a tier of the club.
type ClubTier struct {
	Name         string   `json:"name" minLength:"1" maxLength:"32"`
	ThresholdFen int64    `json:"threshold_fen" minimum:"0" doc:"paid within the window, less refunds"`
	MultiplierBP int      `json:"multiplier_bp" minimum:"10000" maximum:"100000" doc:"of points by rules that say so; 10000 is once"`
	Benefits     []string `json:"benefits,omitempty" maxItems:"20" nullable:"false"`
}

// ClubSetting is what the club goes by.
type ClubSetting struct {
	Version          int64      `json:"version" minimum:"0" doc:"of the setting that was read"`
	CheckIn          []int64    `json:"check_in" maxItems:"31" nullable:"false" doc:"points of the first day in a row, the second…; after the last it begins anew"`
	CheckInValidDays int        `json:"check_in_valid_days" minimum:"0" maximum:"3650"`
	TierWindowDays   int        `json:"tier_window_days" minimum:"1" maximum:"3650"`
	TierKeepDays     int        `json:"tier_keep_days" minimum:"1" maximum:"3650"`
	TierGraceDays    int        `json:"tier_grace_days" minimum:"0" maximum:"365"`
	HundredFen       int64      `json:"hundred_points_fen,omitempty" minimum:"0" maximum:"1000000" doc:"what a hundred points are worth, in fen, for reports; 0: nobody has said"`
	Tiers            []ClubTier `json:"tiers" maxItems:"20" nullable:"false" doc:"from the lowest; thresholds rise"`
}

// GetClubSetting gives what the club goes by.
func (h *Handlers) GetClubSetting(ctx context.Context, _ *struct{}) (*One[ClubSetting], error) {
	set, err := h.Loyalty.Setting(ctx)
	if err != nil {
		return nil, err
	}
	all, err := h.Loyalty.Tiers(ctx)
	if err != nil {
		return nil, err
	}
	out := ClubSetting{set.Version, set.CheckIn, set.CheckInValidDays, set.TierWindowDays, set.TierKeepDays, set.TierGraceDays, set.HundredFen, []ClubTier{}}
	for _, t := range all {
		benefits := []string{}
		_ = json.Unmarshal([]byte(t.Benefits), &benefits) // written by us
		out.Tiers = append(out.Tiers, ClubTier{t.Name, int64(t.ThresholdFen), t.MultiplierBP, benefits})
	}
	return one(out), nil
}

// SaveClubSettingInput replaces what the club goes by.
type SaveClubSettingInput struct{ Body ClubSetting }

// SaveClubSetting replaces what the club goes by.
func (h *Handlers) SaveClubSetting(ctx context.Context, in *SaveClubSettingInput) (*None, error) {
	b := in.Body
	var all []loyalty.TierInput
	for _, t := range b.Tiers {
		all = append(all, loyalty.TierInput{Name: t.Name, ThresholdFen: model.Fen(t.ThresholdFen), MultiplierBP: t.MultiplierBP, Benefits: t.Benefits})
	}
	return &None{}, h.Loyalty.SaveClub(ctx, ViewerOf(ctx).StaffID, b.Version, loyalty.Setting{
		CheckIn: b.CheckIn, CheckInValidDays: b.CheckInValidDays, TierWindowDays: b.TierWindowDays, TierKeepDays: b.TierKeepDays, TierGraceDays: b.TierGraceDays,
		HundredFen: b.HundredFen,
	}, all)
}

// PointsBooks is what all books hold.
type PointsBooks struct {
	Books    map[string]int64 `json:"books" doc:"together they are zero"`
	Accounts int64            `json:"accounts"`
	Wrong    []string         `json:"wrong" nullable:"false" doc:"customers whose account does not say what their entries say; at most 100"`
}

// ReconcilePoints holds every account against its entries.
func (h *Handlers) ReconcilePoints(ctx context.Context, _ *struct{}) (*One[PointsBooks], error) {
	b, err := h.Loyalty.Reconcile(ctx)
	if err != nil {
		return nil, err
	}
	return one(PointsBooks{b.Books, b.Accounts, h.publicIDs(model.KindCustomer, b.Wrong)}), nil
}
