package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/privacy"
)

// Cap bounds how many messages one customer gets within a window.
type Cap struct {
	Channel string `json:"channel,omitempty" maxLength:"31" doc:"absent: all that are not silent"`
	Topic   string `json:"topic,omitempty" maxLength:"31" doc:"absent: all"`
	Window  string `json:"window" enum:"day,week,month,rolling" doc:"the calendar's where the customer lives, weeks from Monday; or the last so many hours"`
	Hours   int    `json:"hours,omitempty" minimum:"0" maximum:"2208" doc:"of a rolling window"`
	Most    int    `json:"most" minimum:"1" maximum:"1000" doc:"halved for customers who want fewer messages; of one, one in twice the time"`
}

// QuietHours is a time of the day at which nobody is disturbed.
type QuietHours struct {
	Channel string `json:"channel,omitempty" maxLength:"31" doc:"absent: all that have none of their own"`
	From    int    `json:"from" minimum:"0" maximum:"1439" doc:"minute of the day where the customer lives"`
	To      int    `json:"to" minimum:"0" maximum:"1439" doc:"exclusive; before from: on the next day"`
	Drop    bool   `json:"drop" doc:"what comes then is dropped instead of put off"`
}

// MessageTopic is what customers may want more or less of.
type MessageTopic struct {
	Name  string `json:"name" maxLength:"31"`
	Title string `json:"title" maxLength:"64"`
}

// Holdout is the lasting group of customers who hear nothing.
type Holdout struct {
	Share  int      `json:"share" minimum:"0" maximum:"5000" doc:"basis points; a larger share keeps everybody who was in"`
	Draw   int      `json:"draw" minimum:"0" maximum:"1000000" doc:"another number draws another group"`
	Exempt []string `json:"exempt" maxItems:"30" nullable:"false" doc:"sources that write to them all the same"`
}

// GovernorSetting is all that operators decide about contacts.
type GovernorSetting struct {
	Revision   int64          `json:"revision" minimum:"0" doc:"as it was read; a setting that was changed meanwhile is not overwritten"`
	Caps       []Cap          `json:"caps" maxItems:"50" nullable:"false"`
	Quiet      []QuietHours   `json:"quiet" maxItems:"50" nullable:"false"`
	Silent     []string       `json:"silent" maxItems:"30" nullable:"false" doc:"channels that disturb nobody: neither caps nor quiet hours are for them"`
	Topics     []MessageTopic `json:"topics" maxItems:"30" nullable:"false"`
	RepeatDays int            `json:"repeat_days" minimum:"0" maximum:"90" doc:"for so many days the same content is not said to the same customer again; 0: no matter"`
	Holdout    Holdout        `json:"holdout"`
	AheadHours int            `json:"ahead_hours" minimum:"0" maximum:"168" doc:"how far ahead what is planned with a higher priority keeps its slot"`
	ZoneField  string         `json:"zone_field" maxLength:"40" doc:"custom field that says in which time zone a customer lives, such as Asia/Urumqi; empty: in that of the business"`
}

func governorSetting(s *governor.Setting) GovernorSetting {
	out := GovernorSetting{
		Revision: s.Revision, Caps: []Cap{}, Quiet: []QuietHours{}, Silent: texts(s.Silent), Topics: []MessageTopic{}, RepeatDays: s.RepeatDays,
		Holdout: Holdout{s.Holdout.Share, s.Holdout.Draw, texts(s.Holdout.Exempt)}, AheadHours: s.AheadHours, ZoneField: s.ZoneField,
	}
	for _, c := range s.Caps {
		out.Caps = append(out.Caps, Cap(c))
	}
	for _, q := range s.Quiet {
		out.Quiet = append(out.Quiet, QuietHours(q))
	}
	for _, t := range s.Topics {
		out.Topics = append(out.Topics, MessageTopic(t))
	}
	return out
}

func (s GovernorSetting) inner() governor.Setting {
	out := governor.Setting{
		Revision: s.Revision, Silent: s.Silent, RepeatDays: s.RepeatDays, Holdout: governor.Holdout(s.Holdout), AheadHours: s.AheadHours, ZoneField: s.ZoneField,
	}
	for _, c := range s.Caps {
		out.Caps = append(out.Caps, governor.Cap(c))
	}
	for _, q := range s.Quiet {
		out.Quiet = append(out.Quiet, governor.Quiet(q))
	}
	for _, t := range s.Topics {
		out.Topics = append(out.Topics, governor.Topic(t))
	}
	return out
}

// GetGovernor gives the settings in force.
func (h *Handlers) GetGovernor(ctx context.Context, _ *struct{}) (*One[GovernorSetting], error) {
	s, err := h.Governor.Setting(ctx)
	if err != nil {
		return nil, err
	}
	return one(governorSetting(s)), nil
}

// SaveGovernorInput is a setting to be saved.
type SaveGovernorInput struct{ Body GovernorSetting }

// SaveGovernor replaces the settings; they hold with the next batch of messages.
func (h *Handlers) SaveGovernor(ctx context.Context, in *SaveGovernorInput) (*One[GovernorSetting], error) {
	s, err := h.Governor.Save(ctx, in.Body.inner(), ViewerOf(ctx).StaffID)
	if err != nil {
		return nil, err
	}
	return one(governorSetting(s)), nil
}

// GovernorRevision is one of the settings that were in force.
type GovernorRevision struct {
	GovernorSetting
	StaffID string    `json:"staff_id,omitempty" doc:"who saved it"`
	At      time.Time `json:"at"`
}

// GovernorRevisions are the settings that were in force.
type GovernorRevisions struct {
	Revisions []GovernorRevision `json:"revisions" nullable:"false" doc:"newest first, at most 100"`
}

// ListGovernorRevisions lists the settings that were in force.
func (h *Handlers) ListGovernorRevisions(ctx context.Context, _ *struct{}) (*One[GovernorRevisions], error) {
	list, err := h.Governor.Revisions(ctx)
	out := GovernorRevisions{[]GovernorRevision{}}
	for i := range list {
		out.Revisions = append(out.Revisions, GovernorRevision{governorSetting(&list[i].Setting), h.IDs.Of(model.KindStaff, list[i].StaffID), list[i].At})
	}
	return one(out), err
}

// CountRefusalsInput asks what was held back of late.
type CountRefusalsInput struct {
	Hours int `query:"hours" minimum:"1" maximum:"720" default:"24" doc:"of the last so many hours"`
}

// RefusalCount is how often messages were held back for a reason.
type RefusalCount struct {
	Channel string `json:"channel"`
	Source  string `json:"source"`
	Reason  string `json:"reason"`
	Final   bool   `json:"final" doc:"false: put off to a later slot; such a message may be counted again"`
	Times   int64  `json:"times"`
}

// RefusalCounts is what was held back.
type RefusalCounts struct {
	Counts []RefusalCount `json:"counts" nullable:"false" doc:"the most frequent first"`
}

// CountRefusals counts what was held back of late, by reason.
func (h *Handlers) CountRefusals(ctx context.Context, in *CountRefusalsInput) (*One[RefusalCounts], error) {
	list, err := h.Governor.Refusals(ctx, time.Duration(in.Hours)*time.Hour)
	out := RefusalCounts{[]RefusalCount{}}
	for _, c := range list {
		out.Counts = append(out.Counts, RefusalCount(c))
	}
	return one(out), err
}

// ExplainReachInput asks whether a customer may be reached now.
type ExplainReachInput struct {
	IDPath
	Channel       string `query:"channel" required:"true" maxLength:"31"`
	Topic         string `query:"topic" maxLength:"31"`
	Source        string `query:"source" enum:"campaign,journey,task,sidebar,console" default:"campaign"`
	Targeted      bool   `query:"targeted" doc:"chosen by behaviour"`
	Transactional bool   `query:"transactional"`
	Priority      int    `query:"priority" minimum:"0" maximum:"100"`
}

// Reach says why a customer may be reached now, or not.
type Reach struct {
	Verdict    string     `json:"verdict" enum:"allow,later,refuse"`
	Reason     string     `json:"reason,omitempty"`
	At         *time.Time `json:"at,omitempty" doc:"the next slot"`
	Zone       string     `json:"zone" doc:"where the customer lives"`
	Choice     string     `json:"choice" enum:"all,fewer,none" doc:"how much they want to hear by this channel about this topic"`
	Unwanted   string     `json:"unwanted,omitempty" doc:"why they are not to get it whatever the hour"`
	HeldOut    bool       `json:"held_out"`
	QuietUntil *time.Time `json:"quiet_until,omitempty"`
	Caps       []CapUse   `json:"caps" nullable:"false"`
	Quota      *QuotaUse  `json:"quota,omitempty"`
	Sent       []Contact  `json:"sent" nullable:"false" doc:"the last messages that count, newest first"`
}

// CapUse is how far a cap is used up.
type CapUse struct {
	Cap
	ForThem int        `json:"for_them" doc:"how many this customer may get"`
	Used    int        `json:"used"`
	FreeAt  *time.Time `json:"free_at,omitempty" doc:"absent: now"`
}

// QuotaUse is how far the platform's quota is used up.
type QuotaUse struct {
	Limit int       `json:"limit"`
	Used  int       `json:"used"`
	Until time.Time `json:"until"`
}

// Contact is a message that was let out.
type Contact struct {
	Channel string    `json:"channel"`
	Topic   string    `json:"topic,omitempty"`
	At      time.Time `json:"at"`
}

var verdicts = map[governor.Verdict]string{governor.Allow: "allow", governor.Later: "later", governor.Refuse: "refuse"}

// ExplainReach tells whether a customer may be reached now by a channel, and why not.
func (h *Handlers) ExplainReach(ctx context.Context, in *ExplainReachInput) (*One[Reach], error) {
	id, err := h.seen(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	x, err := h.Governor.Explain(ctx, governor.Ask{
		CustomerID: id, Channel: in.Channel, Topic: in.Topic, Source: in.Source, Purpose: privacy.Marketing, Targeted: in.Targeted,
		Transactional: in.Transactional, Priority: in.Priority,
	})
	if err != nil {
		return nil, err
	}
	out := Reach{
		Verdict: verdicts[x.Verdict], Reason: x.Reason, At: moment(x.At), Zone: x.Zone.String(), Choice: x.Choice, Unwanted: x.Unwanted, HeldOut: x.HeldOut,
		QuietUntil: moment(x.QuietUntil), Caps: []CapUse{}, Sent: []Contact{},
	}
	for _, c := range x.Caps {
		out.Caps = append(out.Caps, CapUse{Cap(c.Cap), c.Most, c.Used, moment(c.FreeAt)})
	}
	if x.Quota != nil {
		out.Quota = &QuotaUse{x.Quota.Limit, x.QuotaUsed, x.Quota.Until}
	}
	for _, c := range x.Sent {
		out.Sent = append(out.Sent, Contact(c))
	}
	return one(out), nil
}

// moment is absent when it is zero.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
