package channel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
	"zhiyin/service/privacy"
	"zhiyin/wecom"
)

// NameKf is the channel of customer-service messages. Names are data.
const NameKf = "kf"

// The window of customer service. Platform documentation, 微信客服 · 发送消息: five messages within 48 hours of the customer's last.
const (
	kfWindow = 48 * time.Hour
	kfMost   = 5
)

// kf sends 微信客服 messages to customers who have written of late.
type kf struct{ *Service }

// Describe implements outreach.Channel. Each message carries an id that follows from its delivery, so that a repeat after a
// lost answer is the same message.
func (k *kf) Describe() outreach.Description {
	return outreach.Description{
		Name: NameKf, Zh: "微信客服消息", En: "WeCom customer-service message", Batch: 1, Consent: privacy.Marketing,
		Contents: []message.Kind{message.KindText, message.KindImage, message.KindMiniApp}, Doubt: outreach.DoubtRetry,
		Reports: []outreach.State{outreach.Failed}, Limits: []outreach.Limit{{Calls: 50, Per: time.Second}},
	}
}

type kfCall struct {
	windowID int64
	message  wecom.KfMessage
}

// Prepare implements outreach.Channel: customers whose window is open and not spent.
func (k *kf) Prepare(ctx context.Context, claimed []outreach.Delivery) (calls []outreach.Call, refused []outreach.Refusal, err error) {
	list, refused, err := k.writeEach(ctx, claimed, nil)
	if err != nil || len(list) == 0 {
		return nil, refused, err
	}
	windows, err := windowsOf(k.DB.WithContext(ctx), list[0].AccountID, column(claimed, func(d outreach.Delivery) int64 { return d.CustomerID }))
	if err != nil {
		return nil, nil, err
	}
	handles, err := k.handles(ctx, list)
	if err != nil {
		return nil, nil, err
	}
	opened := k.now().Add(-kfWindow)
	for _, w := range list {
		win, ok := windows[w.CustomerID]
		msg, reason := kfMessage(&w, handles)
		switch {
		case !ok || !win.LastAt.After(opened):
			refused = append(refused, never(w.ID, ReasonNoWindow))
		case win.Sent >= kfMost:
			refused = append(refused, never(w.ID, ReasonWindowSpent))
		case reason == ReasonUploading:
			refused = append(refused, k.soon(w.ID, reason, 20*time.Second))
		case reason != "":
			refused = append(refused, broken(w.ID, reason))
		default:
			msg.ID, msg.KfID, msg.CustomerID = w.Key(), win.KfID, win.ExternalUserID
			calls = append(calls, outreach.Call{Deliveries: []outreach.Delivery{w.Delivery}, Payload: kfCall{win.ID, msg}})
		}
	}
	return calls, refused, nil
}

// kfMessage is a content as one message: a text, or one picture, or one mini-program card.
func kfMessage(w *written, handles map[int64]string) (m wecom.KfMessage, reason string) {
	c := &w.content
	switch {
	case c.Text != "" && len(c.Attachments) == 0 && len(c.Text) <= 2048:
		m.Text = c.Text
		return m, ""
	case c.Text != "" || len(c.Attachments) != 1:
		return m, ReasonContent
	}
	a := c.Attachments[0]
	handle := handles[a.MediaID]
	switch {
	case a.Kind != message.KindImage && a.Kind != message.KindMiniApp:
		return m, ReasonContent
	case handle == "":
		return m, ReasonUploading
	case a.Kind == message.KindImage:
		m.Image = &wecom.File{MediaID: handle}
	default:
		m.MiniProgram = &wecom.KfMiniProgram{AppID: a.AppID, Title: a.Title, ThumbID: handle, Page: a.Page}
	}
	return m, ""
}

// Send implements outreach.Channel. A place in the window is taken before the call, once for all attempts.
func (k *kf) Send(ctx context.Context, c outreach.Call) (outreach.Outcome, error) {
	in := c.Payload.(kfCall)
	_, corp, err := k.corpOf(ctx, c.AccountID)
	if err != nil {
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater}}, nil
	}
	had, err := k.takePlace(ctx, &c, in)
	if err != nil {
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater}}, nil // nothing was sent
	}
	if !had {
		return failed(outreach.ClassRefused, ReasonWindowSpent), nil
	}
	id, err := corp.SendKf(ctx, in.message)
	switch {
	case err == nil:
		return accepted(id), nil
	case errors.Is(err, wecom.ErrKfLate):
		return failed(outreach.ClassRefused, ReasonNoWindow), nil
	case errors.Is(err, wecom.ErrKfSpent):
		return failed(outreach.ClassRefused, ReasonWindowSpent), nil
	case errors.Is(err, wecom.ErrKfState):
		return failed(outreach.ClassRefused, "with_person"), nil
	case errors.Is(err, wecom.ErrMediaGone):
		return outreach.Outcome{Result: outreach.Result{Fate: outreach.FateLater, Reason: ReasonUploading}}, nil
	}
	return k.outcome(err)
}

func (k *kf) takePlace(ctx context.Context, c *outreach.Call, in kfCall) (had bool, err error) {
	err = model.InTx(ctx, k.DB, func(tx *gorm.DB) error {
		now := k.now()
		fresh, err := addReceipt(tx, &model.ChannelReceipt{Channel: NameKf, AccountID: c.AccountID, PlatformID: in.message.ID, DeliveryID: c.Deliveries[0].ID, CreatedAt: now})
		if err != nil || !fresh { // an earlier attempt has taken it
			had = err == nil
			return err
		}
		had, err = takeWindow(tx, in.windowID, now)
		return err
	})
	return had, err
}

// Reconcile implements outreach.Channel; it is never asked.
func (k *kf) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, nil
}

// KfChanged reads what happened in a customer-service account: who has written opens a window, and what did not arrive is
// told to the ledger. token is the callback's; empty: nobody called, and the platform answers seldom.
func (s *Service) KfChanged(ctx context.Context, a *model.Account, kfID, token string) error {
	db := s.DB.WithContext(ctx)
	acct, err := kfAccountOf(db, a.ID, kfID, s.now())
	if err != nil {
		return err
	}
	corp := s.Corp(a.Name)
	for {
		page, err := corp.KfItems(ctx, kfID, acct.ReadTo, token)
		if errors.Is(err, wecom.ErrKfToken) && token != "" { // the callback is old
			token = ""
			continue
		}
		if err != nil {
			return fmt.Errorf("read customer service: %w", err)
		}
		if err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.kfPageTx(tx, a, acct, page) }); err != nil {
			return err
		}
		if !page.More {
			return nil
		}
	}
}

func (s *Service) kfPageTx(tx *gorm.DB, a *model.Account, acct *model.KfAccount, page *wecom.KfPage) error {
	last := map[string]time.Time{}
	for _, item := range page.Items {
		switch {
		case item.Origin == wecom.KfFromCustomer && item.CustomerID != "":
			if at := item.SentAt.Time; at.After(last[item.CustomerID]) {
				last[item.CustomerID] = at
			}
		case item.Event.Type == "msg_send_fail":
			id, err := deliveryOf(tx, NameKf, a.ID, item.Event.FailedID)
			if err != nil {
				return err
			}
			if id != 0 {
				n := News{ID: id, State: outreach.Failed, At: s.now(), Class: outreach.ClassRefused, Code: int(item.Event.FailType), Reason: ReasonKfFailed}
				if err := s.reportTx(tx, []News{n}); err != nil {
					return err
				}
			}
		}
	}
	if err := openWindows(tx, a, acct.KfID, last, s.now()); err != nil {
		return err
	}
	acct.ReadTo = page.Next
	return readKf(tx, acct.ID, page.Next, s.now())
}

// SyncKf mirrors customer-service accounts, and reads those of which nothing was heard for a while. A job.
func (s *Service) SyncKf(ctx context.Context) error {
	accounts, err := s.Accounts.List(ctx)
	if err != nil {
		return err
	}
	var all error
	for i := range accounts {
		a := &accounts[i]
		if !a.Enabled || a.Kind != account.KindWeCom {
			continue
		}
		list, err := s.Corp(a.Name).KfAccounts(ctx)
		if errors.Is(err, wecom.ErrNoPermission) { // the app is not listed for customer service
			continue
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("read customer-service accounts: %w", err))
			continue
		}
		err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return mirrorKf(tx, a.ID, list, s.now()) })
		for _, k := range list {
			if err == nil && k.Managed {
				err = s.KfChanged(ctx, a, k.ID, "")
			}
		}
		all = errors.Join(all, err)
	}
	return all
}
