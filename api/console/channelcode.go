package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/acquisition"
)

// ChannelCodeSettings is what an operator sets of a channel code.
type ChannelCodeSettings struct {
	Name          string             `json:"name" minLength:"1" maxLength:"64"`
	SourceName    string             `json:"source_name,omitempty" maxLength:"64" doc:"where customers are said to come from; empty: the name"`
	RemarkPattern string             `json:"remark_pattern,omitempty" maxLength:"64" doc:"how staff see new customers: {{客户昵称}}-{{渠道}}"`
	SkipVerify    bool               `json:"skip_verify,omitempty" doc:"customers need no confirmation by the staff member"`
	Staff         []ChannelCodeStaff `json:"staff" minItems:"1" maxItems:"100" nullable:"false"`
	TagIDs        []string           `json:"tag_ids,omitempty" maxItems:"100" nullable:"false" doc:"tags that everybody who comes gets"`
	Welcome       *WelcomeContent    `json:"welcome,omitempty" doc:"absent: the staff member's, the department's or the default one"`
}

// ChannelCodeStaff is a staff member of a channel code.
type ChannelCodeStaff struct {
	StaffID    string  `json:"staff_id" minLength:"26" maxLength:"26"`
	DailyLimit int     `json:"daily_limit,omitempty" minimum:"0" doc:"customers per business day; 0: no limit"`
	Spare      bool    `json:"spare,omitempty" doc:"serves when nobody else may"`
	Shifts     []Shift `json:"shifts,omitempty" maxItems:"50" nullable:"false" doc:"empty: always on"`
}

// Shift is a time of the week.
type Shift struct {
	Weekdays []int `json:"weekdays" minItems:"1" maxItems:"7" nullable:"false" doc:"1 Monday … 7 Sunday"`
	From     int   `json:"from" minimum:"0" maximum:"1439" doc:"minute of the day, inclusive"`
	To       int   `json:"to" minimum:"0" maximum:"1440" doc:"minute of the day, exclusive; not after from: on the next day"`
}

// ChannelCode is a channel code with its settings and what it brought.
type ChannelCode struct {
	ChannelCodeSettings
	ID        string     `json:"id"`
	AccountID string     `json:"account_id"`
	State     string     `json:"state" doc:"the key that the platform gives back with each customer"`
	QRCode    string     `json:"qr_code,omitempty" doc:"address of the picture; absent until the platform has made it"`
	PushError string     `json:"push_error,omitempty" doc:"what the platform complained about"`
	PushedAt  *time.Time `json:"pushed_at,omitempty"`
	Enabled   bool       `json:"enabled"`
	Serving   []string   `json:"serving" nullable:"false" doc:"user ids of who serves now"`
	ServedBy  string     `json:"served_by" doc:"by which rule: shift, spare, any_spare, anybody, nobody"`
	Added     int64      `json:"added" doc:"customers so far"`
	Lost      int64      `json:"lost" doc:"of those"`
	Today     int64      `json:"today" doc:"customers of this business day"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
}

func (h *Handlers) channelCode(c *acquisition.Code) (ChannelCode, error) {
	out := ChannelCode{
		ChannelCodeSettings: ChannelCodeSettings{
			Name: c.Name, SourceName: c.SourceName, RemarkPattern: c.RemarkPattern, SkipVerify: c.SkipVerify,
			Staff: []ChannelCodeStaff{}, TagIDs: h.publicIDs(model.KindTag, c.TagIDs),
		},
		ID: h.IDs.Of(model.KindChannelCode, c.ID), AccountID: h.IDs.Of(model.KindAccount, c.AccountID), State: c.State, QRCode: c.QRCode,
		PushError: c.PushError, PushedAt: c.PushedAt, Enabled: c.Enabled, Serving: append([]string{}, c.Serving...), ServedBy: c.ServedBy,
		Added: c.Added, Lost: c.Lost, Today: c.Today, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	for _, s := range c.Staff {
		out.Staff = append(out.Staff, ChannelCodeStaff{h.IDs.Of(model.KindStaff, s.StaffID), s.DailyLimit, s.Spare, shifts(s.Shifts)})
	}
	if c.Welcome == nil {
		return out, nil
	}
	w, err := h.welcomeContent(c.Welcome)
	out.Welcome = &w
	return out, err
}

func shifts(list []acquisition.Shift) []Shift {
	out := []Shift{}
	for _, s := range list {
		days := []int{}
		for d := range 7 {
			if s.Weekdays&(1<<d) != 0 {
				days = append(days, d+1)
			}
		}
		out = append(out, Shift{days, s.From, s.To})
	}
	return out
}

func (s ChannelCodeSettings) input(h *Handlers) (acquisition.CodeInput, error) {
	r := h.reader()
	in := acquisition.CodeInput{
		Name: s.Name, SourceName: s.SourceName, RemarkPattern: s.RemarkPattern, SkipVerify: s.SkipVerify, TagIDs: r.all(model.KindTag, s.TagIDs),
	}
	for _, m := range s.Staff {
		one := acquisition.CodeStaff{StaffID: r.row(model.KindStaff, m.StaffID), DailyLimit: m.DailyLimit, Spare: m.Spare}
		for _, sh := range m.Shifts {
			days := 0
			for _, d := range sh.Weekdays {
				if d < 1 || d > 7 {
					return in, acquisition.ErrInvalidCode.With("weekdays", "1 (周一 Monday) … 7 (周日 Sunday)")
				}
				days |= 1 << (d - 1)
			}
			one.Shifts = append(one.Shifts, acquisition.Shift{Weekdays: days, From: sh.From, To: sh.To})
		}
		in.Staff = append(in.Staff, one)
	}
	if s.Welcome != nil {
		w := s.Welcome.input(r)
		in.Welcome = &w
	}
	return in, r.err
}

// ListChannelCodesInput selects channel codes.
type ListChannelCodesInput struct {
	PageQuery
	AccountID string `query:"account_id" maxLength:"26"`
	Search    string `query:"search" maxLength:"64" doc:"in the name or the source name"`
	Enabled   string `query:"enabled" enum:"true,false"`
}

// ListChannelCodes lists channel codes from the newest, without their staff, tags and welcome.
func (h *Handlers) ListChannelCodes(ctx context.Context, in *ListChannelCodesInput) (*Page[ChannelCode], error) {
	r := h.reader()
	f := acquisition.CodeFilter{
		AccountID: r.optional(model.KindAccount, in.AccountID), Search: in.Search, Limit: in.Limit,
		After: r.after(listChannelCode, in.Cursor),
	}
	if in.Enabled != "" {
		enabled := in.Enabled == "true"
		f.Enabled = &enabled
	}
	if r.err != nil {
		return nil, r.err
	}
	var err error
	if f.AccountID, err = ofCorp(ctx, f.AccountID); err != nil {
		return nil, err
	}
	codes, err := h.Acquisition.Codes(ctx, f)
	if err != nil {
		return nil, err
	}
	items := make([]ChannelCode, len(codes))
	for i := range codes {
		if items[i], err = h.channelCode(&codes[i]); err != nil {
			return nil, err
		}
	}
	return newPage(h, listChannelCode, items, lastOf(codes, in.Limit, func(c acquisition.Code) int64 { return c.ID }))
}

// CreateChannelCodeInput is a new channel code.
type CreateChannelCodeInput struct {
	Body struct {
		AccountID string `json:"account_id" minLength:"26" maxLength:"26"`
		ChannelCodeSettings
	}
}

// CreateChannelCode makes a channel code; its picture follows when the platform has made it.
func (h *Handlers) CreateChannelCode(ctx context.Context, in *CreateChannelCodeInput) (*One[ChannelCode], error) {
	account, err := h.IDs.Row(model.KindAccount, in.Body.AccountID)
	if err != nil {
		return nil, err
	}
	settings, err := in.Body.input(h)
	if err != nil {
		return nil, err
	}
	code, err := h.Acquisition.CreateCode(ctx, account, ViewerOf(ctx).StaffID, settings)
	if err != nil {
		return nil, err
	}
	return h.oneCode(code)
}

func (h *Handlers) oneCode(code *acquisition.Code) (*One[ChannelCode], error) {
	out, err := h.channelCode(code)
	if err != nil {
		return nil, err
	}
	return one(out), nil
}

// GetChannelCode gives one channel code with all its settings.
func (h *Handlers) GetChannelCode(ctx context.Context, in *IDPath) (*One[ChannelCode], error) {
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
	return h.oneCode(code)
}

// UpdateChannelCodeInput replaces all settings.
type UpdateChannelCodeInput struct {
	IDPath
	Body ChannelCodeSettings
}

// UpdateChannelCode replaces all settings of a channel code.
func (h *Handlers) UpdateChannelCode(ctx context.Context, in *UpdateChannelCodeInput) (*One[ChannelCode], error) {
	id, err := h.IDs.Row(model.KindChannelCode, in.ID)
	if err != nil {
		return nil, err
	}
	settings, err := in.Body.input(h)
	if err != nil {
		return nil, err
	}
	code, err := h.Acquisition.UpdateCode(ctx, id, settings)
	if err != nil {
		return nil, err
	}
	return h.oneCode(code)
}

// EnableInput switches something on or off.
type EnableInput struct {
	IDPath
	Body struct {
		Enabled bool `json:"enabled"`
	}
}

// EnableChannelCode switches a channel code on or off.
func (h *Handlers) EnableChannelCode(ctx context.Context, in *EnableInput) (*None, error) {
	id, err := h.IDs.Row(model.KindChannelCode, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Acquisition.SetCodeEnabled(ctx, id, in.Body.Enabled)
}

// DeleteChannelCode ends a channel code for good; what it brought stays counted.
func (h *Handlers) DeleteChannelCode(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindChannelCode, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Acquisition.DeleteCode(ctx, id)
}

// PushChannelCode tells the platform of a channel code once more.
func (h *Handlers) PushChannelCode(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindChannelCode, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Acquisition.PushCode(ctx, id)
}
