package channel

import (
	"context"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// SetSMS keeps how the SMS gateway of an account (0: of all) is asked. secret nil: the one that is there stays; it is never
// given back. It fails with ErrSettings, which names every wrong field.
func (s *Service) SetSMS(ctx context.Context, accountID, by int64, enabled bool, in SMSSettings, secret *string) error {
	f := ErrSettings
	add := func(bad bool, field, why string) {
		if bad {
			f = f.With(field, why)
		}
	}
	if why := s.Guard.RefuseURL(in.URL); why != "" {
		add(true, "url", why)
	}
	add(!slices.Contains([]string{"application/json", "application/x-www-form-urlencoded"}, in.ContentType), "content_type", "application/json 或 application/x-www-form-urlencoded / one of these")
	add(!strings.Contains(in.Body+in.URL, "{{phone}}") || !strings.Contains(in.Body+in.URL, "{{text}}") || len(in.Body) > 4000, "body", "要有 {{phone}} 和 {{text}}，不超过 4000 字节 / with {{phone}} and {{text}}, at most 4000 bytes")
	add(len(in.Headers) > 10 || slices.ContainsFunc(in.Headers, func(h Header) bool { return !headerName.MatchString(h.Name) || !fitsHeader(h.Value) }), "headers", "最多 10 个，名称为字母、数字和 - / at most 10, names of letters, digits and -")
	add(in.SecretHeader != "" && !headerName.MatchString(in.SecretHeader), "secret_header", "字母、数字和 - / letters, digits and -")
	add(!fitsHeader(in.SecretPrefix) || secret != nil && !fitsHeader(*secret), "secret", "不能含换行，不超过 1000 字节 / no line breaks, at most 1000 bytes")
	add(in.CodePath != "" && len(in.Codes) == 0 || len(in.Codes) > 20, "codes", "写明哪些值表示成功 / say which values mean success")
	add(utf8.RuneCountInString(in.Sign) > 20, "sign", "不超过 20 个字 / at most 20 characters")
	if f != ErrSettings {
		return f
	}
	return s.keepSetting(ctx, NameSMS, accountID, by, enabled, in, secret)
}

func fitsHeader(text string) bool { return len(text) <= 1000 && !strings.ContainsAny(text, "\r\n\x00") }

// SetEmail keeps through which server e-mails of an account (0: of all) leave; otherwise as SetSMS.
func (s *Service) SetEmail(ctx context.Context, accountID, by int64, enabled bool, in EmailSettings, secret *string) error {
	f := ErrSettings
	if why := s.refuseHost(in.Host); why != "" {
		f = f.With("host", why)
	}
	if in.Port < 1 || in.Port > 65535 || !s.Guard.AllowPrivate && !slices.Contains(smtpPorts, uint16(in.Port)) {
		f = f.With("port", "25、465、587 或 2525 / one of these")
	}
	if a, err := mail.ParseAddress(in.From); err != nil || a.Address != in.From {
		f = f.With("from", "不是邮件地址 / not an e-mail address")
	}
	if len(in.Username) > 255 || utf8.RuneCountInString(in.FromName) > 64 || strings.ContainsAny(in.FromName+in.Username, "\r\n") {
		f = f.With("from_name", "不超过 64 个字，不能含换行 / at most 64 characters, no line breaks")
	}
	if f != ErrSettings {
		return f
	}
	return s.keepSetting(ctx, NameEmail, accountID, by, enabled, in, secret)
}

// refuseHost asks the guard about the host as a part of an address.
func (s *Service) refuseHost(host string) string {
	if host == "" || strings.ContainsAny(host, "/@:?#") {
		return "主机名 / a host name"
	}
	return s.Guard.RefuseURL("https://" + host + "/")
}

// SetMassRules keeps how mass messages of an account are followed up. It fails with ErrSettings.
func (s *Service) SetMassRules(ctx context.Context, accountID, by int64, in MassRules) error {
	f := ErrSettings
	if !slices.Contains([]string{RuleMonth, RuleWeek, RuleDay}, in.Rule) {
		f = f.With("rule", "month、week 或 day / one of these")
	}
	if in.ConfirmHours < 1 || in.ConfirmHours > 168 {
		f = f.With("confirm_hours", "1 到 168 / 1 to 168")
	}
	if in.RemindHours < 1 || in.RemindHours > 72 {
		f = f.With("remind_hours", "1 到 72 / 1 to 72")
	}
	if in.Reminders < 0 || in.Reminders > remindMost {
		f = f.With("reminders", "0 到 3 / 0 to 3")
	}
	if !slices.Contains([]string{"", NameInbox, NameSMS, NameEmail, NameTask}, in.Fallback) {
		f = f.With("fallback", "inbox、sms、email、task 或空 / one of these or empty")
	}
	if f != ErrSettings {
		return f
	}
	return s.keepSetting(ctx, NameMass, accountID, by, true, in, nil)
}
