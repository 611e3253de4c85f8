package channel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
	"zhiyin/service/privacy"
	"zhiyin/wecom"
)

// NameSubscribe is the channel of a mini-program's subscribe messages. Names are data.
const NameSubscribe = "subscribe"

// subscribe sends 订阅消息: each uses up one consent of the customer to its template. A consent is taken before the call; where
// the answer is lost it stays taken, and nobody sends again.
type subscribe struct{ *Service }

// Describe implements outreach.Channel. Platform documentation, 小程序 · 发送订阅消息: ten million a day.
func (u *subscribe) Describe() outreach.Description {
	return outreach.Description{
		Name: NameSubscribe, Zh: "小程序订阅消息", En: "Mini-program subscribe message", Batch: 1, Consent: privacy.Marketing,
		Contents: []message.Kind{message.KindSubscribe}, Doubt: outreach.DoubtOperator,
		Reports: []outreach.State{outreach.Delivered, outreach.Failed}, Limits: []outreach.Limit{{Calls: 100, Per: time.Second}},
	}
}

type subscribeCall struct {
	grantID  int64
	longTerm bool
	message  wecom.Subscribed
}

// Prepare implements outreach.Channel.
func (u *subscribe) Prepare(ctx context.Context, claimed []outreach.Delivery) (calls []outreach.Call, refused []outreach.Refusal, err error) {
	list, refused, err := u.write(ctx, claimed, nil)
	if err != nil || len(list) == 0 {
		return nil, refused, err
	}
	db := u.DB.WithContext(ctx)
	account, err := u.Accounts.ByID(ctx, list[0].AccountID)
	if err != nil {
		return nil, nil, err
	}
	templates, err := templatesOf(db, account.ID)
	if err != nil {
		return nil, nil, err
	}
	customers := column(claimed, func(d outreach.Delivery) int64 { return d.CustomerID })
	openids, err := identities(db, "openid", account.PlatformID, customers)
	if err != nil {
		return nil, nil, err
	}
	grants, err := grantsOf(db, account.ID, customers)
	if err != nil {
		return nil, nil, err
	}
	for _, w := range list {
		s := w.content.Subscribe
		if s == nil || s.TemplateID == "" {
			refused = append(refused, broken(w.ID, ReasonContent))
			continue
		}
		t, known := templates[s.TemplateID]
		if !known {
			refused = append(refused, broken(w.ID, ReasonNoTemplate))
			continue
		}
		if len(openids[w.CustomerID]) == 0 {
			refused = append(refused, never(w.ID, ReasonNoOpenID))
			continue
		}
		c := subscribeCall{longTerm: t.Type == longTerm, message: wecom.Subscribed{
			OpenID: openids[w.CustomerID][0].Value, TemplateID: s.TemplateID, Page: strings.TrimPrefix(s.Page, "/"), Data: fields(s.Data),
		}}
		if !c.longTerm {
			g := grants[grantKey{w.CustomerID, s.TemplateID}]
			if g == nil || left(g) <= 0 {
				refused = append(refused, never(w.ID, ReasonNoGrant))
				continue
			}
			c.grantID, c.message.OpenID = g.ID, g.OpenID
		}
		calls = append(calls, outreach.Call{Deliveries: []outreach.Delivery{w.Delivery}, Payload: c})
	}
	return calls, refused, nil
}

const longTerm = 3 // a template's type: no consent for each message

// left is how many messages a customer's consents still let through.
func left(g *model.SubscribeGrant) int64 { return max(g.ByClient, g.ByEvent) - g.Used }

var keywordClass = regexp.MustCompile(`^([a-z_]+)\d+$`)

// most is how many characters a keyword of a class takes; platform documentation, 小程序 · 订阅消息参数值内容限制说明.
var most = map[string]int{"thing": 20, "phrase": 5, "name": 10, "symbol": 5, "letter": 32, "character_string": 32, "car_number": 8, "phone_number": 17}

// fields are a template's values, cut to what their classes take.
func fields(data []message.Field) map[string]string {
	out := make(map[string]string, len(data))
	for _, f := range data {
		v := strings.Join(strings.Fields(f.Value), " ")
		if m := keywordClass.FindStringSubmatch(f.Name); m != nil && most[m[1]] > 0 {
			v = cut(v, most[m[1]])
		}
		out[f.Name] = v
	}
	return out
}

// Send implements outreach.Channel.
func (u *subscribe) Send(ctx context.Context, c outreach.Call) (outreach.Outcome, error) {
	in := c.Payload.(subscribeCall)
	account, err := u.Accounts.ByID(ctx, c.AccountID)
	if err != nil {
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater}}, nil
	}
	db := u.DB.WithContext(ctx)
	if !in.longTerm {
		taken, err := takeGrant(db, in.grantID, u.now())
		if err != nil {
			return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater}}, nil // nothing was sent
		}
		if !taken {
			return failed(outreach.ClassRefused, ReasonNoGrant), nil
		}
	}
	id, err := u.MiniApp(account.Name).SendSubscribed(ctx, in.message)
	if err == nil {
		if id != 0 {
			u.keepReceipt(ctx, NameSubscribe, c.AccountID, strconv.FormatInt(id, 10), c.Deliveries[0].ID)
			return accepted(strconv.FormatInt(id, 10)), nil
		}
		return accepted(""), nil
	}
	if errors.Is(err, wecom.ErrNoConsent) {
		if err := spendGrants(db, in.grantID, u.now()); err != nil {
			u.Logger.WarnContext(ctx, "channel: consents that the platform denies stay counted", "error", err)
		}
		return failed(outreach.ClassRefused, ReasonNoGrant), nil
	}
	o, unknown := u.outcome(err)
	if unknown == nil && !in.longTerm { // surely not sent: the consent is still there
		if err := giveGrant(db, in.grantID, u.now()); err != nil {
			u.Logger.WarnContext(ctx, "channel: a consent that was not used stays taken", "error", err)
		}
	}
	return o, unknown
}

// Reconcile implements outreach.Channel; it is never asked.
func (u *subscribe) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, nil
}

// Answer is a customer's answer to a template.
type Answer struct {
	TemplateID string
	Accepted   bool
}

// ConsentTx counts what a customer answered to a prompt, as the mini-program tells of it. The platform tells of the same
// answers by itself: they are counted apart, and the larger count holds. Unknown templates are passed over.
func (s *Service) ConsentTx(tx *gorm.DB, a *model.Account, customerID int64, openID string, answers []Answer) error {
	return s.consentTx(tx, a, customerID, openID, answers, "by_client")
}

func (s *Service) consentTx(tx *gorm.DB, a *model.Account, customerID int64, openID string, answers []Answer, column string) error {
	known, err := templatesOf(tx, a.ID)
	if err != nil {
		return err
	}
	for _, answer := range answers {
		if _, ok := known[answer.TemplateID]; !ok {
			continue
		}
		row := model.SubscribeGrant{AccountID: a.ID, CustomerID: customerID, OpenID: openID, TemplateID: answer.TemplateID, CreatedAt: s.now(), UpdatedAt: s.now()}
		if err := countConsent(tx, row, answer.Accepted, column); err != nil {
			return err
		}
	}
	return nil
}

// heardTx tells whether consents are heard of for the first time.
func (s *Service) heardTx(tx *gorm.DB, a *model.Account, what string) (bool, error) {
	sum := sha256.Sum256([]byte(what))
	return addReceipt(tx, &model.ChannelReceipt{Channel: "consent", AccountID: a.ID, PlatformID: hex.EncodeToString(sum[:]), CreatedAt: s.now()})
}

// Consent is ConsentTx for a customer by what is known of them; repeating a request's id changes nothing. Who was never in
// the mini-program has no openid, which fails with ErrNoOpenID.
func (s *Service) Consent(ctx context.Context, a *model.Account, customerID int64, requestID string, answers []Answer) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		fresh, err := s.heardTx(tx, a, fmt.Sprint("request ", customerID, " ", requestID))
		if err != nil || !fresh {
			return err
		}
		found, err := identities(tx, "openid", a.PlatformID, []int64{customerID})
		if err != nil {
			return err
		}
		if len(found[customerID]) == 0 {
			return ErrNoOpenID
		}
		return s.ConsentTx(tx, a, customerID, found[customerID][0].Value, answers)
	})
}

// ConsentOf is Consent by the account's row.
func (s *Service) ConsentOf(ctx context.Context, accountID, customerID int64, requestID string, answers []Answer) error {
	a, err := s.Accounts.ByID(ctx, accountID)
	if err != nil {
		return err
	}
	return s.Consent(ctx, a, customerID, requestID, answers)
}

// Prompted is what the platform tells of a customer's answers. setting: they changed the setting itself, where a no takes
// all consents away and a yes gives none. Repeatable for the same moment.
func (s *Service) Prompted(ctx context.Context, a *model.Account, openID string, answers []Answer, setting bool, at time.Time) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		fresh, err := s.heardTx(tx, a, fmt.Sprint("event ", openID, " ", at.Unix(), " ", answers))
		if err != nil || !fresh {
			return err
		}
		customerID, err := customerOfOpenID(tx, a.PlatformID, openID)
		if err != nil {
			return err
		}
		if !setting {
			return s.consentTx(tx, a, customerID, openID, answers, "by_event")
		}
		for _, answer := range answers {
			if !answer.Accepted {
				if err := withdrawConsents(tx, a.ID, openID, answer.TemplateID, s.now()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Subscribed is what the platform tells of a subscribe message that it had taken: code 0 is delivered.
func (s *Service) Subscribed(ctx context.Context, a *model.Account, messageID string, code int) error {
	n := News{State: outreach.Delivered, At: s.now()}
	if code != 0 {
		n = News{State: outreach.Failed, At: s.now(), Class: outreach.ClassRefused, Code: code, Reason: ReasonSubscribeFail}
	}
	return s.received(ctx, NameSubscribe, a.ID, messageID, n)
}

// SyncTemplates mirrors the templates of all mini-programs. A job; may be run at any moment and twice.
func (s *Service) SyncTemplates(ctx context.Context) error {
	accounts, err := s.Accounts.List(ctx)
	if err != nil {
		return err
	}
	var all error
	for i := range accounts {
		if a := &accounts[i]; a.Enabled && a.Kind == account.KindMiniApp {
			all = errors.Join(all, s.SyncTemplatesOf(ctx, a))
		}
	}
	return all
}

// SyncTemplatesOf mirrors the templates of one mini-program.
func (s *Service) SyncTemplatesOf(ctx context.Context, a *model.Account) error {
	list, err := s.MiniApp(a.Name).SubscribeTemplates(ctx)
	if err != nil {
		return fmt.Errorf("read the templates of %s: %w", a.Name, err)
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return mirrorTemplates(tx, a.ID, list, s.now()) })
}

// Templates lists the templates of a mini-program.
func (s *Service) Templates(ctx context.Context, accountID int64) ([]model.SubscribeTemplate, error) {
	return listTemplates(s.DB.WithContext(ctx), accountID)
}
