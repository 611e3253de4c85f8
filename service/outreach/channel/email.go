package channel

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
	"zhiyin/service/privacy"
	"zhiyin/service/webhook"
)

// NameEmail is the channel of e-mail. Names are data.
const NameEmail = "email"

// EmailSettings says through which server e-mails leave, and where customers' addresses are found.
type EmailSettings struct {
	Host     string `json:"host"`
	Port     int    `json:"port"` // 465 with TLS from the beginning; 587 or 25 with STARTTLS, which has to be there
	Username string `json:"username,omitempty"`
	From     string `json:"from"`
	FromName string `json:"from_name,omitempty"`
	Field    string `json:"field,omitempty"` // the custom field that holds addresses; empty: email
}

// smtpPorts are those that mail servers take mail at.
var smtpPorts = []uint16{25, 465, 587, 2525}

// email sends e-mail through SMTP. A server that has taken a message delivers it; one whose answer to the message itself is
// lost may have, so nobody sends again.
type email struct{ *Service }

func newEmail(s *Service) *email { return &email{s} }

// Describe implements outreach.Channel.
func (m *email) Describe() outreach.Description {
	return outreach.Description{
		Name: NameEmail, Zh: "邮件", En: "E-mail", Batch: 1, Consent: privacy.Marketing, Contents: []message.Kind{message.KindSubject, message.KindText},
		Doubt: outreach.DoubtOperator, Limits: []outreach.Limit{{Calls: 10, Per: time.Second}}, Concurrency: 4, Timeout: 30 * time.Second,
	}
}

type emailCall struct {
	to      string
	content message.Content
}

// Prepare implements outreach.Channel.
func (m *email) Prepare(ctx context.Context, claimed []outreach.Delivery) (calls []outreach.Call, refused []outreach.Refusal, err error) {
	list, refused, err := m.writeEach(ctx, claimed, nil)
	if err != nil || len(list) == 0 {
		return nil, refused, err
	}
	set, _, err := enabledSettings[EmailSettings](ctx, m.Service, NameEmail, list[0].AccountID)
	if err != nil {
		return nil, nil, err
	}
	var known map[int64]string
	if set != nil {
		known, err = m.Addresses.TextsOf(ctx, cmp.Or(set.Field, "email"), column(claimed, func(d outreach.Delivery) int64 { return d.CustomerID }))
		if err != nil {
			return nil, nil, err
		}
	}
	for _, w := range list {
		address, err := netmail.ParseAddress(known[w.CustomerID])
		switch {
		case set == nil:
			refused = append(refused, never(w.ID, ReasonNotSet))
		case w.content.Text == "":
			refused = append(refused, broken(w.ID, ReasonContent))
		case err != nil:
			refused = append(refused, never(w.ID, ReasonNoAddress))
		default:
			calls = append(calls, outreach.Call{Deliveries: []outreach.Delivery{w.Delivery}, Payload: emailCall{address.Address, w.content}})
		}
	}
	return calls, refused, nil
}

// Send implements outreach.Channel.
func (m *email) Send(ctx context.Context, c outreach.Call) (outreach.Outcome, error) {
	in := c.Payload.(emailCall)
	later := outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater}}
	set, secret, err := enabledSettings[EmailSettings](ctx, m.Service, NameEmail, c.AccountID)
	if err != nil || set == nil {
		return later, nil
	}
	msg, id, err := set.compose(in, c.Deliveries[0].Key(), m.now())
	if err != nil {
		return failed(outreach.ClassInput, ReasonContent), nil
	}
	client, err := m.client(set, secret)
	if err != nil {
		later.Broken, later.Reason = true, "settings"
		return later, nil
	}
	if err := client.DialWithContext(ctx); err != nil {
		later.Reason = "unreachable"
		if errors.Is(err, webhook.ErrBlocked) {
			later.Broken, later.Reason = true, "address_blocked"
		} else if strings.Contains(err.Error(), "535") { // the library has no other sign of a refused sign-in
			later.Broken, later.Reason, later.Class = true, "sign_in", outreach.ClassPermission
		}
		return later, nil // nothing was sent
	}
	defer client.Close()
	if err := client.Send(msg); err != nil {
		return judgeMail(err)
	}
	return accepted(id), nil
}

func (m *email) client(set *EmailSettings, secret string) (*mail.Client, error) {
	dialer := m.Guard.Dialer(smtpPorts...)
	secure := &tls.Config{ServerName: set.Host, MinVersion: tls.VersionTLS12}
	options := []mail.Option{mail.WithPort(set.Port), mail.WithTimeout(10 * time.Second), mail.WithTLSConfig(secure), mail.WithoutNoop()}
	if set.Port == 465 {
		options = append(options, mail.WithSSL(), mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			return (&tls.Dialer{NetDialer: dialer, Config: secure}).DialContext(ctx, network, address)
		}))
	} else {
		policy := mail.TLSMandatory
		if m.Guard.AllowPrivate { // a relay in the same network
			policy = mail.TLSOpportunistic
		}
		options = append(options, mail.WithTLSPolicy(policy), mail.WithDialContextFunc(dialer.DialContext))
	}
	if set.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(set.Username), mail.WithPassword(secret))
	}
	return mail.NewClient(set.Host, options...)
}

// compose writes the e-mail. Its id follows from the delivery, so that a mailbox can tell a repeat.
func (set *EmailSettings) compose(in emailCall, key string, now time.Time) (*mail.Msg, string, error) {
	_, domain, _ := strings.Cut(set.From, "@")
	msg := mail.NewMsg()
	if err := msg.FromFormat(set.FromName, set.From); err != nil {
		return nil, "", err
	}
	if err := msg.To(in.to); err != nil {
		return nil, "", err
	}
	msg.Subject(strings.Join(strings.Fields(subjectOf(&in.content)), " "))
	msg.SetMessageIDWithValue(key + "@" + domain)
	msg.SetDateWithValue(now)
	msg.SetBodyString(mail.TypeTextPlain, in.content.Text)
	return msg, cut(key+"@"+domain, 64), nil
}

// judgeMail decides what a refused e-mail comes to. Where the server has said why, it has not taken it.
func judgeMail(err error) (outreach.Outcome, error) {
	var e *mail.SendError
	if !errors.As(err, &e) {
		return outreach.Outcome{}, errAnswer
	}
	code := e.ErrorCode()
	switch {
	case code >= 500 && e.Reason == mail.ErrSMTPRcptTo:
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateFailed, Class: outreach.ClassRelation, Code: code, Reason: ReasonNoAddress}}, nil
	case code >= 500:
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateFailed, Class: outreach.ClassInput, Code: code}}, nil
	case code >= 400:
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater, Code: code}}, nil
	}
	return outreach.Outcome{}, errAnswer
}

// Reconcile implements outreach.Channel; it is never asked.
func (m *email) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, nil
}
