package console

import (
	"context"

	"zhiyin/model"
	"zhiyin/service/acquisition"
)

// PeriodInput is a span of business days, both included.
type PeriodInput struct {
	IDPath
	From string `query:"from" required:"true" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"first business day, 2006-01-02"`
	To   string `query:"to" required:"true" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"last business day; at most 92 days"`
}

// WelcomeDay is how the welcomes of one business day went.
type WelcomeDay struct {
	Sent    int64 `json:"sent"`
	Missed  int64 `json:"missed"`
	Taken   int64 `json:"taken" doc:"another app or the staff member was first"`
	None    int64 `json:"none" doc:"no welcome was set"`
	Pending int64 `json:"pending"`
	P50     int64 `json:"p50_ms" doc:"from callback to platform, half were quicker"`
	P99     int64 `json:"p99_ms"`
}

func welcomeDay(d acquisition.WelcomeDay) WelcomeDay {
	return WelcomeDay{d.Sent, d.Missed, d.Taken, d.None, d.Pending, d.P50.Milliseconds(), d.P99.Milliseconds()}
}

// ChannelCodeDay is what a channel code brought on one business day.
type ChannelCodeDay struct {
	Day      string     `json:"day"`
	Added    int64      `json:"added"`
	Lost     int64      `json:"lost"`
	Welcomes WelcomeDay `json:"welcomes"`
}

// ChannelCodeStatistics is what a channel code brought.
type ChannelCodeStatistics struct {
	Days  []ChannelCodeDay   `json:"days" nullable:"false"`
	Staff []ChannelCodeCount `json:"staff" nullable:"false"`
}

// ChannelCodeCount is what a channel code brought to one staff member.
type ChannelCodeCount struct {
	StaffID string `json:"staff_id"`
	Added   int64  `json:"added"`
	Lost    int64  `json:"lost"`
}

// ChannelCodeStatistics tells day by day and person by person what a channel code brought.
func (h *Handlers) ChannelCodeStatistics(ctx context.Context, in *PeriodInput) (*One[ChannelCodeStatistics], error) {
	id, err := h.IDs.Row(model.KindChannelCode, in.ID)
	if err != nil {
		return nil, err
	}
	code, err := h.Acquisition.Code(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := inCorp(ctx, code.AccountID); err != nil {
		return nil, err
	}
	days, people, err := h.Acquisition.CodeStatistics(ctx, id, in.From, in.To)
	if err != nil {
		return nil, err
	}
	out := ChannelCodeStatistics{Days: []ChannelCodeDay{}, Staff: []ChannelCodeCount{}}
	for _, d := range days {
		out.Days = append(out.Days, ChannelCodeDay{d.Day, d.Added, d.Lost, welcomeDay(d.Welcomes)})
	}
	for _, p := range people {
		out.Staff = append(out.Staff, ChannelCodeCount{h.IDs.Of(model.KindStaff, p.StaffID), p.Added, p.Lost})
	}
	return one(out), nil
}

// WelcomeStatistics is how an account's welcomes went, by business day.
type WelcomeStatistics struct {
	Days map[string]WelcomeDay `json:"days"`
}

// WelcomeStatistics tells day by day how the welcomes of an account went.
func (h *Handlers) WelcomeStatistics(ctx context.Context, in *PeriodInput) (*One[WelcomeStatistics], error) {
	id, err := h.IDs.Row(model.KindAccount, in.ID)
	if err != nil {
		return nil, err
	}
	if _, err := h.Accounts.ByID(ctx, id); err != nil {
		return nil, err
	}
	if err := inCorp(ctx, id); err != nil {
		return nil, err
	}
	days, err := h.Acquisition.WelcomeStatistics(ctx, id, in.From, in.To)
	if err != nil {
		return nil, err
	}
	out := WelcomeStatistics{map[string]WelcomeDay{}}
	for day, d := range days {
		out.Days[day] = welcomeDay(d)
	}
	return one(out), nil
}
