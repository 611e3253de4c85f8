package channel

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
	"zhiyin/service/privacy"
	"zhiyin/service/webhook"
)

// NameSMS is the channel of short messages. Names are data.
const NameSMS = "sms"

// SMSSettings says how the gateway of an SMS provider is asked. In Body and URL, {{phone}}, {{text}} and {{key}} stand for
// the number, the text and a key that is the same for every attempt; nothing is computed.
type SMSSettings struct {
	URL         string   `json:"url"`
	ContentType string   `json:"content_type"` // application/json or application/x-www-form-urlencoded
	Body        string   `json:"body"`
	Headers     []Header `json:"headers,omitempty"`
	// SecretHeader carries the secret, behind SecretPrefix: Authorization and "Bearer ".
	SecretHeader string `json:"secret_header,omitempty"`
	SecretPrefix string `json:"secret_prefix,omitempty"`
	// The answer is JSON. CodePath names the field that says whether the message was taken, such as data.code; it was when
	// the field is one of Codes. Empty: the HTTP status says so.
	CodePath string   `json:"code_path,omitempty"`
	Codes    []string `json:"codes,omitempty"`
	IDPath   string   `json:"id_path,omitempty"` // where the provider's id of the message stands
	Sign     string   `json:"sign,omitempty"`    // 【…】 before every text, as providers want it
}

// Header is a line of a request.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// sms sends texts through an HTTP gateway. Providers don't tell repeats apart in any common way: where an answer is lost
// nobody sends again.
type sms struct {
	*Service
	client *http.Client
}

func newSMS(s *Service) *sms { return &sms{s, s.Guard.Client()} }

// Describe implements outreach.Channel.
func (m *sms) Describe() outreach.Description {
	return outreach.Description{
		Name: NameSMS, Zh: "短信", En: "SMS", Batch: 1, Consent: privacy.Marketing, Contents: []message.Kind{message.KindText},
		Doubt: outreach.DoubtOperator, Limits: []outreach.Limit{{Calls: 50, Per: time.Second}}, Concurrency: 8,
	}
}

type smsCall struct{ phone, text string }

// Prepare implements outreach.Channel.
func (m *sms) Prepare(ctx context.Context, claimed []outreach.Delivery) (calls []outreach.Call, refused []outreach.Refusal, err error) {
	list, refused, err := m.writeEach(ctx, claimed, nil)
	if err != nil || len(list) == 0 {
		return nil, refused, err
	}
	set, _, err := enabledSettings[SMSSettings](ctx, m.Service, NameSMS, list[0].AccountID)
	if err != nil {
		return nil, nil, err
	}
	phones, err := identities(m.DB.WithContext(ctx), "phone", "", column(claimed, func(d outreach.Delivery) int64 { return d.CustomerID }))
	if err != nil {
		return nil, nil, err
	}
	for _, w := range list {
		known := phones[w.CustomerID]
		switch {
		case set == nil:
			refused = append(refused, never(w.ID, ReasonNotSet))
		case w.content.Text == "":
			refused = append(refused, broken(w.ID, ReasonContent))
		case len(known) == 0:
			refused = append(refused, never(w.ID, ReasonNoPhone))
		default:
			number, err := m.Persons.Phone(&known[0])
			if err != nil {
				return nil, nil, fmt.Errorf("open a phone number: %w", err)
			}
			calls = append(calls, outreach.Call{Deliveries: []outreach.Delivery{w.Delivery}, Payload: smsCall{number, set.Sign + w.content.Text}})
		}
	}
	return calls, refused, nil
}

// Send implements outreach.Channel.
func (m *sms) Send(ctx context.Context, c outreach.Call) (outreach.Outcome, error) {
	in := c.Payload.(smsCall)
	set, secret, err := enabledSettings[SMSSettings](ctx, m.Service, NameSMS, c.AccountID)
	if err != nil || set == nil {
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater}}, nil
	}
	req, err := set.request(ctx, in, c.Deliveries[0].Key(), secret)
	if err != nil {
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater, Reason: "settings"}, Broken: true}, nil
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return notConnected(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return outreach.Outcome{}, errAnswer
	}
	return set.judge(resp.StatusCode, body)
}

// errAnswer has nothing of the answer in it: it may hold the number.
var errAnswer = errors.New("the gateway's answer was lost or can't be read")

// notConnected tells a request that never left from one of which nothing is known. The error itself holds the address.
func notConnected(err error) (outreach.Outcome, error) {
	later := outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater, Reason: "unreachable"}}
	var op *net.OpError
	switch {
	case errors.Is(err, webhook.ErrBlocked):
		later.Broken, later.Reason = true, "address_blocked"
		return later, nil
	case errors.As(err, &op) && op.Op == "dial":
		return later, nil
	}
	return outreach.Outcome{}, errAnswer
}

func (set *SMSSettings) request(ctx context.Context, in smsCall, key, secret string) (*http.Request, error) {
	escape := jsonText
	if strings.HasPrefix(set.ContentType, "application/x-www-form-urlencoded") {
		escape = url.QueryEscape
	}
	body := replacer(in, key, escape).Replace(set.Body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, replacer(in, key, url.QueryEscape).Replace(set.URL), strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", cmp.Or(set.ContentType, "application/json"))
	for _, h := range set.Headers {
		req.Header.Set(h.Name, h.Value)
	}
	if set.SecretHeader != "" {
		req.Header.Set(set.SecretHeader, set.SecretPrefix+secret)
	}
	return req, nil
}

func replacer(in smsCall, key string, escape func(string) string) *strings.Replacer {
	return strings.NewReplacer("{{phone}}", escape(in.phone), "{{text}}", escape(in.text), "{{key}}", escape(key))
}

// jsonText is a text as it stands between the quotes of JSON.
func jsonText(text string) string {
	b, _ := json.Marshal(text) // a string
	return string(b[1 : len(b)-1])
}

// judge decides what an answer says.
func (set *SMSSettings) judge(status int, body []byte) (outreach.Outcome, error) {
	switch {
	case status == http.StatusTooManyRequests:
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater, Code: status}, Throttled: true}, nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater, Code: status, Class: outreach.ClassPermission}, Broken: true}, nil
	case status >= 500:
		return outreach.Outcome{}, errAnswer // it may have been taken before something broke
	case status >= 400:
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateFailed, Class: outreach.ClassInput, Code: status}}, nil
	case status >= 300:
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater, Code: status, Reason: "redirect"}, Broken: true}, nil
	}
	var answer any
	if err := json.Unmarshal(body, &answer); err != nil && (set.CodePath != "" || set.IDPath != "") {
		return outreach.Outcome{}, errAnswer
	}
	if set.CodePath != "" {
		code, ok := dig(answer, set.CodePath)
		if !ok {
			return outreach.Outcome{}, errAnswer
		}
		taken := false
		for _, c := range set.Codes {
			taken = taken || c == code
		}
		if !taken {
			return failed(outreach.ClassOther, cut("gateway_"+code, 64)), nil
		}
	}
	id, _ := dig(answer, set.IDPath)
	return accepted(cut(id, 64)), nil
}

// dig follows the names of a path such as data.code into JSON; numbers and booleans come as text.
func dig(v any, path string) (string, bool) {
	if path == "" {
		return "", false
	}
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return "", false
		}
		if v, ok = m[name]; !ok {
			return "", false
		}
	}
	switch v := v.(type) {
	case string:
		return v, true
	case float64, bool:
		return fmt.Sprint(v), true
	}
	return "", false
}

// Reconcile implements outreach.Channel; it is never asked.
func (m *sms) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, nil
}
