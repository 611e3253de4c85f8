package sidebar

import (
	"context"
	"time"

	"zhiyin/api/console"
	"zhiyin/model"
)

// sections are what a card consists of, in the order in which they are read. A capability adds its own by
// a line.
var sections = []section{
	part("who", "customer.read", "客户是谁 · who this is", (*Handlers).who),
	part("tags", "customer.read", "客户身上的标签 · tags they bear", (*Handlers).tags),
	part("profile", "customer.read", "固定与自定义字段 · fixed and custom fields", (*Handlers).profile),
	part("standing", "customer.read", "阶段与价值；未计算时为空 · stage and value; null when nothing is computed", (*Handlers).standing),
	part("trade", "order.read", "消费汇总与最近订单 · what they bought, and the last orders", (*Handlers).trade),
	part("club", "customer.read", "积分、等级与可用券 · points, tier, and coupons that may be used", (*Handlers).club),
	part("events", "customer.read", "最近动态 · what happened last", (*Handlers).lastEvents),
	part("tasks", "task.read", "未完成的待办 · open tasks about them", (*Handlers).openTasks),
	part("notes", "customer.read", "最近备注 · the last notes", (*Handlers).lastNotes),
}

// How many entries of a list a card shows; the lists themselves have all.
const (
	cardEvents = 10
	cardTasks  = 10
	cardNotes  = 5
)

// Who is who a customer is.
type Who struct {
	console.Customer
	Identities []console.Identity `json:"identities" nullable:"false"`
	MyRelation string             `json:"my_relation_id,omitempty" doc:"one's own relation, whose remark one may change; absent: one does not follow them"`
}

func (h *Handlers) who(_ context.Context, s *subject) (Who, error) {
	var out Who
	out.Customer, out.Identities = h.Shown(s.Detail)
	for _, r := range s.Relations {
		if r.StaffID == s.viewer.StaffID {
			out.MyRelation = h.IDs.Of(model.KindRelation, r.ID)
			break // the newest comes first
		}
	}
	return out, nil
}

// CardTag is a tag that a customer bears.
type CardTag struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Group     string     `json:"group"`
	Source    string     `json:"source" doc:"who lets it be borne longest: wecom, channel_code, console, batch, rule, import, open"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

func (h *Handlers) tags(ctx context.Context, s *subject) ([]CardTag, error) {
	labels, err := h.Tags.Labels(ctx)
	out := []CardTag{}
	for _, t := range s.Tags {
		if l, shown := labels[t.TagID]; shown {
			out = append(out, CardTag{h.IDs.Of(model.KindTag, t.TagID), l.Name, l.Group, t.Source, t.ExpiresAt})
		}
	}
	return out, err
}

func (h *Handlers) profile(ctx context.Context, s *subject) (console.Profile, error) {
	in := h.path(s)
	p, err := h.GetProfile(ctx, &in)
	if err != nil {
		return console.Profile{}, err
	}
	return p.Body, nil
}

// CardStanding is where a customer stands.
type CardStanding struct {
	console.CustomerLifecycle
	Title string `json:"title" doc:"of the stage"`
}

func (h *Handlers) standing(ctx context.Context, s *subject) (*CardStanding, error) {
	at, err := h.Lifecycle.Standing(ctx, s.ID)
	if err != nil || at == nil {
		return nil, err
	}
	return &CardStanding{console.ShownStanding(&at.CustomerLifecycle), at.Title}, nil
}

// CardTrade is what a customer bought.
type CardTrade struct {
	console.Trade
	Orders []console.Order `json:"last_orders" nullable:"false" doc:"placed last"`
}

func (h *Handlers) trade(ctx context.Context, s *subject) (out CardTrade, err error) {
	out.Trade, out.Orders, err = h.TradeOf(ctx, s.ID)
	return out, err
}

func (h *Handlers) lastEvents(ctx context.Context, s *subject) ([]console.Event, error) {
	return items(h.CustomerTimeline(ctx, &console.TimelineInput{IDPath: h.path(s), PageQuery: console.PageQuery{Limit: cardEvents}}))
}

func (h *Handlers) openTasks(ctx context.Context, s *subject) ([]console.Task, error) {
	return items(h.Handlers.ListTasks(ctx, &console.ListTasksInput{CustomerID: h.path(s).ID, PageQuery: console.PageQuery{Limit: cardTasks}}))
}

func (h *Handlers) lastNotes(ctx context.Context, s *subject) ([]console.Note, error) {
	return items(h.ListNotes(ctx, &console.ListNotesInput{IDPath: h.path(s), PageQuery: console.PageQuery{Limit: cardNotes}}))
}

// items are those of a page.
func items[T any](p *console.Page[T], err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	return p.Body.Items, nil
}
