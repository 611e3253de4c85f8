package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/outreach/channel"
)

// SenderTask is a message at the platform that waits, or waited, for a member of staff to send it.
type SenderTask struct {
	ID         string     `json:"id"`
	Channel    string     `json:"channel" enum:"mass,group_mass,moment"`
	AccountID  string     `json:"account_id"`
	StaffID    string     `json:"staff_id,omitempty" doc:"absent: everybody who may"`
	Source     string     `json:"source"`
	Status     string     `json:"status" enum:"waiting,confirmed,cancelled,given_up,refused"`
	Reason     string     `json:"reason,omitempty"`
	Recipients int64      `json:"recipients"`
	Sent       int64      `json:"sent"`
	NotFriend  int64      `json:"not_friend" doc:"customers who have deleted the sender"`
	OverQuota  int64      `json:"over_quota" doc:"customers who had received all that the platform allows"`
	Senders    int64      `json:"senders" doc:"of moments: members who were asked"`
	Published  int64      `json:"published" doc:"of moments: members who have published"`
	ConfirmBy  time.Time  `json:"confirm_by"`
	SettledAt  *time.Time `json:"settled_at,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
}

// ListSenderTasksInput selects sender tasks.
type ListSenderTasksInput struct {
	PageQuery
	OriginQuery
	AccountID string `query:"account_id" maxLength:"26"`
	StaffID   string `query:"staff_id" maxLength:"26"`
	Status    string `query:"status" enum:"waiting,confirmed,cancelled,given_up,refused"`
}

// ListSenderTasks lists messages that wait for members of staff to confirm them, the newest first.
func (h *Handlers) ListSenderTasks(ctx context.Context, in *ListSenderTasksInput) (*Page[SenderTask], error) {
	r := h.reader()
	f := channel.TaskFilter{
		AccountID: r.optional(model.KindAccount, in.AccountID), StaffID: r.optional(model.KindStaff, in.StaffID), Status: in.Status,
		After: r.after(listSenderTask, in.Cursor), Limit: in.Limit,
	}
	if in.SourceID != "" {
		f.Source, f.SourceID = r.origin(in.OriginQuery)
	}
	if r.err != nil {
		return nil, r.err
	}
	if only, bound := ViewerOf(ctx).Corp(); bound && f.AccountID == 0 {
		f.AccountID = only
	}
	if err := inCorp(ctx, f.AccountID); err != nil && f.AccountID != 0 {
		return nil, err
	}
	rows, err := h.Channels.SenderTasks(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []SenderTask
	for _, t := range rows {
		items = append(items, SenderTask{
			h.IDs.Of(model.KindSenderTask, t.ID), t.Channel, h.IDs.Of(model.KindAccount, t.AccountID), h.IDs.Of(model.KindStaff, t.StaffID), t.Source,
			t.Status, t.Reason, t.Recipients, t.Sent, t.NotFriend, t.OverQuota, t.Senders, t.Published, t.ConfirmBy, t.SettledAt, t.CreatedAt,
		})
	}
	return newPage(h, listSenderTask, items, lastOf(rows, in.Limit, func(t model.SenderTask) int64 { return t.ID }))
}

// RemindSender reminds the sender of a task now.
func (h *Handlers) RemindSender(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindSenderTask, in.ID)
	if err != nil {
		return nil, err
	}
	only, _ := ViewerOf(ctx).Corp()
	return &None{}, h.Channels.RemindTask(ctx, only, id)
}

// CancelSenderTask takes a task back, at the platform too; what was sent stays.
func (h *Handlers) CancelSenderTask(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindSenderTask, in.ID)
	if err != nil {
		return nil, err
	}
	only, _ := ViewerOf(ctx).Corp()
	return &None{}, h.Channels.CancelTask(ctx, only, id)
}

// MassQuota is how much of the present period's mass messages customers have had.
type MassQuota struct {
	Rule      string    `json:"rule" enum:"month,week,day" doc:"as many as the month has days, seven a week, or one a day"`
	Period    string    `json:"period"`
	Limit     int       `json:"limit" doc:"for each customer in the period"`
	EndsAt    time.Time `json:"ends_at"`
	Sent      int64     `json:"sent" doc:"in the period, all customers together"`
	Customers int64     `json:"customers" doc:"who were reached in the period"`
	Spent     int64     `json:"spent" doc:"who can't be reached any more in the period"`
}

// GetMassQuota tells how much of the platform's quota of mass messages is used.
func (h *Handlers) GetMassQuota(ctx context.Context, in *AccountQuery) (*One[MassQuota], error) {
	id, err := h.ownAccount(ctx, in.AccountID)
	if err != nil {
		return nil, err
	}
	f, err := h.Channels.MassForecast(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(MassQuota{f.Rule, f.Period, f.Limit, f.Until, f.Used, f.Customers, f.Spent}), nil
}

// ownAccount reads the id of an account that the viewer may deal with.
func (h *Handlers) ownAccount(ctx context.Context, text string) (int64, error) {
	id, err := h.IDs.Row(model.KindAccount, text)
	if err != nil {
		return 0, err
	}
	if err := inCorp(ctx, id); err != nil {
		return 0, err
	}
	_, err = h.Accounts.ByID(ctx, id)
	return id, err
}

// MassRules is how mass messages of an account are followed up.
type MassRules struct {
	Rule         string `json:"rule" enum:"month,week,day" doc:"what the corp's admin lets customers receive"`
	ConfirmHours int    `json:"confirm_hours" minimum:"1" maximum:"168" doc:"how long senders have to confirm"`
	RemindHours  int    `json:"remind_hours" minimum:"1" maximum:"72" doc:"when they are reminded, and how often again"`
	Reminders    int    `json:"reminders" minimum:"0" maximum:"3" doc:"in 24 hours"`
	Reroute      bool   `json:"reroute" doc:"another follower is asked for what was not confirmed"`
	Fallback     string `json:"fallback" enum:",inbox,sms,email,task" doc:"where there is no other: another channel"`
}

// GetMassRules tells how mass messages of an account are followed up.
func (h *Handlers) GetMassRules(ctx context.Context, in *AccountQuery) (*One[MassRules], error) {
	id, err := h.ownAccount(ctx, in.AccountID)
	if err != nil {
		return nil, err
	}
	r, err := h.Channels.MassRulesOf(ctx, id)
	return one(MassRules(r)), err
}

// SetMassRulesInput is how mass messages of an account are to be followed up.
type SetMassRulesInput struct {
	AccountQuery
	Body MassRules
}

// SetMassRules changes how mass messages of an account are followed up.
func (h *Handlers) SetMassRules(ctx context.Context, in *SetMassRulesInput) (*None, error) {
	id, err := h.ownAccount(ctx, in.AccountID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Channels.SetMassRules(ctx, id, ViewerOf(ctx).StaffID, channel.MassRules(in.Body))
}

// HTTPHeader is a line of a request.
type HTTPHeader struct {
	Name  string `json:"name" maxLength:"64"`
	Value string `json:"value" maxLength:"1000" doc:"nothing secret: it is shown"`
}

// SMSSettings is how the gateway of an SMS provider is asked.
type SMSSettings struct {
	Enabled      bool         `json:"enabled"`
	URL          string       `json:"url" maxLength:"1024" doc:"https, a public host, port 443 or 8443"`
	ContentType  string       `json:"content_type" enum:"application/json,application/x-www-form-urlencoded"`
	Body         string       `json:"body" maxLength:"4000" doc:"with {{phone}}, {{text}} and, if wanted, {{key}}, the same for every attempt"`
	Headers      []HTTPHeader `json:"headers" nullable:"false" maxItems:"10"`
	SecretHeader string       `json:"secret_header" maxLength:"64" doc:"the header that carries the secret"`
	SecretPrefix string       `json:"secret_prefix" maxLength:"64"`
	CodePath     string       `json:"code_path" maxLength:"128" doc:"where the answer says whether the message was taken, such as data.code; empty: by its status"`
	Codes        []string     `json:"codes" nullable:"false" maxItems:"20" doc:"values that mean yes"`
	IDPath       string       `json:"id_path" maxLength:"128" doc:"where the answer names the message"`
	Sign         string       `json:"sign" maxLength:"60" doc:"put before every text"`
}

// SMSSetup is what is set for SMS; the secret is never shown.
type SMSSetup struct {
	SMSSettings
	HasSecret bool `json:"has_secret"`
}

// GetSMS tells how the SMS gateway is asked.
func (h *Handlers) GetSMS(ctx context.Context, _ *struct{}) (*One[SMSSetup], error) {
	s, err := h.Channels.SMS(ctx, 0)
	if err != nil {
		return nil, err
	}
	in := s.Settings
	out := SMSSetup{SMSSettings{
		s.Enabled, in.URL, in.ContentType, in.Body, []HTTPHeader{}, in.SecretHeader, in.SecretPrefix, in.CodePath, append([]string{}, in.Codes...), in.IDPath, in.Sign,
	}, s.HasSecret}
	for _, x := range in.Headers {
		out.Headers = append(out.Headers, HTTPHeader(x))
	}
	return one(out), nil
}

// SetSMSInput is how the SMS gateway is to be asked.
type SetSMSInput struct {
	Body struct {
		SMSSettings
		Secret *string `json:"secret,omitempty" maxLength:"1000" doc:"absent: the one that is there stays"`
	}
}

// SetSMS changes how the SMS gateway is asked.
func (h *Handlers) SetSMS(ctx context.Context, in *SetSMSInput) (*None, error) {
	b := in.Body
	s := channel.SMSSettings{
		URL: b.URL, ContentType: b.ContentType, Body: b.Body, SecretHeader: b.SecretHeader, SecretPrefix: b.SecretPrefix, CodePath: b.CodePath,
		Codes: b.Codes, IDPath: b.IDPath, Sign: b.Sign,
	}
	for _, x := range b.Headers {
		s.Headers = append(s.Headers, channel.Header(x))
	}
	return &None{}, h.Channels.SetSMS(ctx, 0, ViewerOf(ctx).StaffID, b.Enabled, s, b.Secret)
}

// EmailSettings is through which server e-mails leave.
type EmailSettings struct {
	Enabled  bool   `json:"enabled"`
	Host     string `json:"host" maxLength:"253"`
	Port     int    `json:"port" minimum:"1" maximum:"65535" doc:"465 with TLS from the beginning; 587, 25 or 2525 with STARTTLS"`
	Username string `json:"username" maxLength:"255"`
	From     string `json:"from" maxLength:"254" doc:"the sender's address"`
	FromName string `json:"from_name" maxLength:"64"`
	Field    string `json:"field" maxLength:"64" doc:"the custom field that holds customers' addresses; empty: email"`
}

// EmailSetup is what is set for e-mail; the password is never shown.
type EmailSetup struct {
	EmailSettings
	HasPassword bool `json:"has_password"`
}

// GetEmail tells through which server e-mails leave.
func (h *Handlers) GetEmail(ctx context.Context, _ *struct{}) (*One[EmailSetup], error) {
	s, err := h.Channels.Email(ctx, 0)
	if err != nil {
		return nil, err
	}
	in := s.Settings
	return one(EmailSetup{EmailSettings{s.Enabled, in.Host, in.Port, in.Username, in.From, in.FromName, in.Field}, s.HasSecret}), nil
}

// SetEmailInput is through which server e-mails are to leave.
type SetEmailInput struct {
	Body struct {
		EmailSettings
		Password *string `json:"password,omitempty" maxLength:"1000" doc:"absent: the one that is there stays"`
	}
}

// SetEmail changes through which server e-mails leave.
func (h *Handlers) SetEmail(ctx context.Context, in *SetEmailInput) (*None, error) {
	b := in.Body
	s := channel.EmailSettings{Host: b.Host, Port: b.Port, Username: b.Username, From: b.From, FromName: b.FromName, Field: b.Field}
	return &None{}, h.Channels.SetEmail(ctx, 0, ViewerOf(ctx).StaffID, b.Enabled, s, b.Password)
}

// SubscribeTemplate is a mini-program's template of subscribe messages.
type SubscribeTemplate struct {
	TemplateID string `json:"template_id" doc:"the platform's"`
	Title      string `json:"title"`
	Content    string `json:"content" doc:"lines such as 优惠券:{{thing1.DATA}}"`
	Example    string `json:"example"`
	LongTerm   bool   `json:"long_term" doc:"needs no consent for each message"`
}

// ListSubscribeTemplates lists the templates of a mini-program.
func (h *Handlers) ListSubscribeTemplates(ctx context.Context, in *AccountQuery) (*Page[SubscribeTemplate], error) {
	id, err := h.ownAccount(ctx, in.AccountID)
	if err != nil {
		return nil, err
	}
	rows, err := h.Channels.Templates(ctx, id)
	if err != nil {
		return nil, err
	}
	var items []SubscribeTemplate
	for _, t := range rows {
		items = append(items, SubscribeTemplate{t.TemplateID, t.Title, t.Content, t.Example, t.Type == 3})
	}
	return whole(items), nil
}

// SyncSubscribeTemplates reads the templates of a mini-program from the platform now.
func (h *Handlers) SyncSubscribeTemplates(ctx context.Context, in *AccountQuery) (*None, error) {
	id, err := h.ownAccount(ctx, in.AccountID)
	if err != nil {
		return nil, err
	}
	a, err := h.Accounts.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	if a.Kind != account.KindMiniApp {
		return nil, account.ErrNotFound
	}
	return &None{}, h.Channels.SyncTemplatesOf(ctx, a)
}
