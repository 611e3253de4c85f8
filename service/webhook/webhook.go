// Package webhook tells other systems what happened: facts become signed requests to addresses that
// administrators set, tried again for a day, with a log of every try.
package webhook

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/vault"
	"zhiyin/service/work"
)

// What can go wrong for the caller.
var (
	ErrNotFound   = fault.New(fault.NotFound, "webhook.not_found", "没有这个推送地址或推送记录", "there is no such webhook or delivery")
	ErrInvalid    = fault.New(fault.Invalid, "webhook.invalid", "推送地址的设置有误", "a setting of the webhook is wrong")
	ErrTooMany    = fault.New(fault.Conflict, "webhook.too_many", "最多 50 个推送地址", "there are at most 50 webhooks")
	ErrNotEnabled = fault.New(fault.Conflict, "webhook.not_enabled", "推送地址已停用或因持续失败被暂停，请先启用", "the webhook is off, or suspended for failing; switch it on first")
	ErrUnderWay   = fault.New(fault.Conflict, "webhook.under_way", "这次推送还在进行中", "the delivery is still under way")
)

// The states of a delivery. Names are data.
const (
	StatePending   = "pending"
	StateDelivered = "delivered"
	StateFailed    = "failed" // given up after a day, or the webhook was switched off
	StateHeld      = "held"   // waits until the suspended webhook is switched on again
)

// KindTest is what a test sends, besides the kinds of facts.
const KindTest = "ping"

// Kind is something that a webhook may be told.
type Kind struct{ Name, Zh, En string }

// kinds is the one table of what may be sent.
var kinds = []Kind{
	{event.KindCustomerAdded, "添加客户", "a customer was added"},
	{event.KindCustomerLeft, "客户删除成员", "a customer removed a staff member"},
	{event.KindCustomerDeletedByStaff, "成员删除客户", "a staff member removed a customer"},
	{event.KindTagChanged, "标签变化", "tags changed"},
	{event.KindGroupJoined, "加入客户群", "somebody joined a group"},
	{event.KindGroupLeft, "退出客户群", "somebody left a group"},
	{event.KindOrderPlaced, "下单", "an order was placed"},
	{event.KindOrderPaid, "支付", "an order was paid"},
	{event.KindOrderCompleted, "订单完成", "an order was completed"},
	{event.KindOrderCancelled, "订单取消", "an order was cancelled"},
	{event.KindOrderRefunded, "退款", "money of an order went back"},
	{event.KindCouponIssued, "领券", "a customer got a coupon"},
	{event.KindCouponRedeemed, "用券", "a coupon was used"},
	{event.KindCouponRolledBack, "退券", "a coupon was taken back from an order"},
	{event.KindCouponExpired, "券过期", "a coupon expired"},
	{event.KindReferralJoined, "受邀成功", "somebody who was invited joined"},
	{event.KindReferralCounted, "邀请的好友有效", "a friend whom a customer invited counts"},
	{event.KindReferralLeft, "邀请的好友流失", "a friend whom a customer invited left"},
	{event.KindReferralRewarded, "获得邀请奖励", "a customer got a reward of an invitation"},
	{event.KindCouponVoided, "券作废", "a coupon was voided"},
	{event.KindCouponExtended, "券延期", "a coupon is good for longer"},
	{event.KindCouponGiven, "券转出", "a customer's coupon is another one's now"},
	{event.KindCouponReceived, "券转入", "a customer has somebody else's coupon now"},
	{event.KindGiftReturned, "转赠退回", "a coupon that nobody took is its giver's again"},
	{event.KindPointsChanged, "积分变动", "a customer's points changed"},
	{event.KindTierChanged, "会员等级变化", "a customer's tier changed"},
	{event.KindJourneyCalled, "旅程通知", "a step of a journey tells of a customer"},
	{event.KindJourneyEntered, "进入旅程", "a customer entered a journey"},
	{event.KindJourneyExited, "离开旅程", "a customer left a journey"},
	{event.KindJourneyGoal, "达成旅程目标", "a customer reached a journey's goal"},
}

// Kinds lists what a webhook may be told.
func Kinds() []Kind { return slices.Clone(kinds) }

// Deps is what the capability is put together from.
type Deps struct {
	DB     *gorm.DB
	Events *event.Log
	Queue  *work.Queue
	Now    clock.Clock
	Vault  *vault.Vault
	IDs    model.PublicIDs
	// Public turns the payload of a fact into what may leave the house.
	Public func(payload string) map[string]any
	// AllowPrivate lets webhooks lie in networks that are not public, at any port and without TLS.
	AllowPrivate bool
}

// Service owns webhooks, their deliveries and the log of them. Safe for concurrent use.
type Service struct {
	Deps
	guard  Guard
	client *http.Client
}

// New puts the capability together, registers its work and subscribes to the facts that it sends.
func New(d Deps) *Service {
	s := &Service{Deps: d, guard: Guard{AllowPrivate: d.AllowPrivate}}
	s.client = s.guard.Client()
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name
	}
	d.Events.Subscribe("webhook", s.onFact, names...)
	work.Handle(d.Queue, workDeliver, deliverPolicy, s.deliver)
	work.HandleExpired(d.Queue, workDeliver, s.giveUp)
	work.Handle(d.Queue, workRelease, work.Policy{}, s.release)
	return s
}

// Close gives idle connections back.
func (s *Service) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Input describes a webhook. Nil leaves a value as it is.
type Input struct {
	Name    *string
	URL     *string
	Kinds   []string
	Enabled *bool // true also ends a suspension
}

// Webhook is a webhook as people may see it.
type Webhook struct {
	model.Webhook
	Address string // the URL without its query, which may hold a secret
	Kinds   []string
}

const maxWebhooks = 50

// Create makes a webhook, switched on unless said otherwise, and gives the secret that signs what is
// sent; nobody sees it again. It fails with ErrInvalid or ErrTooMany.
func (s *Service) Create(ctx context.Context, by int64, in Input) (*Webhook, string, error) {
	secret := newSecret()
	now := s.Now()
	row := &model.Webhook{Kinds: "[]", Enabled: true, CreatedBy: by, CreatedAt: now, UpdatedAt: now}
	if in.Name == nil {
		in.Name = new(string)
	}
	if in.URL == nil {
		in.URL = new(string)
	}
	if err := s.apply(in, row); err != nil {
		return nil, "", err
	}
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		rows, err := all(tx)
		if err != nil {
			return err
		}
		if len(rows) >= maxWebhooks {
			return ErrTooMany
		}
		row.ID, row.SealedSecret = 0, []byte{0} // until the row has the id to which the seal is bound
		if err := insert(tx, row); err != nil {
			return err
		}
		row.SealedSecret = s.Vault.Seal(secret, place(secretColumn, row.ID))
		return update(tx, row)
	})
	if err != nil {
		return nil, "", err
	}
	w, err := shown(row)
	return w, secret, err
}

func newSecret() string { return "whs_" + rand.Text() + rand.Text() }

// apply writes what is asked for into a row, or fails with ErrInvalid.
func (s *Service) apply(in Input, row *model.Webhook) error {
	var wrong *fault.Fault
	refuse := func(field, reason string) {
		if wrong == nil {
			wrong = ErrInvalid
		}
		wrong = wrong.With(field, reason)
	}
	if in.Name != nil {
		row.Name = strings.TrimSpace(*in.Name)
		if row.Name == "" || utf8.RuneCountInString(row.Name) > 64 || strings.ContainsFunc(row.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			refuse("name", "1–64 个字符 / 1–64 characters")
		}
	}
	if in.URL != nil {
		if why := s.guard.RefuseURL(*in.URL); why != "" {
			refuse("url", why)
		}
		row.URL = *in.URL
	}
	if in.Kinds != nil {
		for _, name := range in.Kinds {
			if !slices.ContainsFunc(kinds, func(k Kind) bool { return k.Name == name }) {
				refuse("kinds", "没有这种事件 / there is no such kind")
			}
		}
		list := slices.Compact(slices.Sorted(slices.Values(in.Kinds)))
		b, err := json.Marshal(list)
		if err != nil {
			return err
		}
		row.Kinds = string(b)
	}
	if in.Enabled != nil {
		row.Enabled = *in.Enabled
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

func shown(row *model.Webhook) (*Webhook, error) {
	w := &Webhook{Webhook: *row}
	if err := json.Unmarshal([]byte(row.Kinds), &w.Kinds); err != nil {
		return nil, err
	}
	u, err := url.Parse(row.URL)
	if err != nil {
		return nil, err
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	w.Address = u.String()
	return w, nil
}

// List gives all webhooks, the newest first.
func (s *Service) List(ctx context.Context) ([]Webhook, error) {
	rows, err := all(s.DB.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	list := make([]Webhook, len(rows))
	for i := range rows {
		w, err := shown(&rows[i])
		if err != nil {
			return nil, err
		}
		list[i] = *w
	}
	return list, nil
}

// Update changes what is given and may be repeated. Switching on ends a suspension, and what was held
// during it is sent. It fails with ErrNotFound or ErrInvalid.
func (s *Service) Update(ctx context.Context, id int64, in Input) (*Webhook, error) {
	return s.change(ctx, id, func(tx *gorm.DB, row *model.Webhook) error {
		if err := s.apply(in, row); err != nil {
			return err
		}
		if in.Enabled == nil || !*in.Enabled || row.FailingSince == nil && row.SuspendedAt == nil {
			return nil
		}
		row.FailingSince, row.SuspendedAt = nil, nil
		return s.Queue.Enqueue(tx, work.Item{Kind: workRelease, Payload: releasing{id}, Lane: work.LaneBulk})
	})
}

const maxOverlap = 30 * 24 * time.Hour

// Rotate gives a webhook a new secret, which nobody sees again. For oldValidFor, 0 to 30 days, requests
// are signed with the one before as well. It fails with ErrNotFound or ErrInvalid.
func (s *Service) Rotate(ctx context.Context, id int64, oldValidFor time.Duration) (w *Webhook, secret string, err error) {
	if oldValidFor < 0 || oldValidFor > maxOverlap {
		return nil, "", ErrInvalid.With("old_valid_for", "0 到 30 天 / 0 to 30 days")
	}
	secret = newSecret()
	w, err = s.change(ctx, id, func(_ *gorm.DB, row *model.Webhook) error {
		row.SealedOldSecret, row.OldUntil = nil, nil
		if oldValidFor > 0 {
			old, err := s.Vault.Open(row.SealedSecret, place(secretColumn, id))
			if err != nil {
				return err
			}
			until := s.Now().Add(oldValidFor)
			row.SealedOldSecret, row.OldUntil = s.Vault.Seal(old, place(oldSecretColumn, id)), &until
		}
		row.SealedSecret = s.Vault.Seal(secret, place(secretColumn, id))
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return w, secret, nil
}

func (s *Service) change(ctx context.Context, id int64, do func(tx *gorm.DB, row *model.Webhook) error) (w *Webhook, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lock(tx, id)
		if err != nil {
			return err
		}
		if err := do(tx, row); err != nil {
			return err
		}
		row.UpdatedAt = s.Now()
		if err := update(tx, row); err != nil {
			return err
		}
		w, err = shown(row)
		return err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Delete ends a webhook for good; what was not sent yet is not sent. Its log goes with time. It
// fails with ErrNotFound.
func (s *Service) Delete(ctx context.Context, id int64) error {
	return remove(s.DB.WithContext(ctx), id)
}
