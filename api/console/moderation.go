package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/moderation"
)

// ContentCheck is what is known of something that a customer wrote, or of the picture that they chose.
type ContentCheck struct {
	ID           string     `json:"id"`
	CustomerID   string     `json:"customer_id"`
	CustomerName string     `json:"customer_name"`
	Field        string     `json:"field" doc:"name, avatar, city, fields.…"`
	Content      string     `json:"content" doc:"文字，或图片地址；客户已改掉时为空 · the text, or the address of a picture; empty: the customer has changed it since"`
	Picture      bool       `json:"picture"`
	Version      string     `json:"version" doc:"决定时带上，以免放行后来的内容 · tell it with a decision, so that none releases what was written since"`
	State        string     `json:"state" enum:"waiting,review,passed,refused"`
	Reason       string     `json:"reason,omitempty" doc:"unsure, picture, unreachable, visit, earlier, no_verdict, unasked"`
	Label        int        `json:"label,omitempty" doc:"微信的分类，100 为正常 · what the platform found, 100: nothing"`
	DecidedBy    string     `json:"decided_by,omitempty"`
	DecidedAt    *time.Time `json:"decided_at,omitempty"`
	Note         string     `json:"note,omitempty"`
	WrittenAt    time.Time  `json:"written_at"`
}

// ListContentChecksInput selects checks.
type ListContentChecksInput struct {
	PageQuery
	State      string `query:"state" enum:"waiting,review,passed,refused" doc:"默认为未决定的 · absent: what is not decided"`
	CustomerID string `query:"customer_id" maxLength:"26"`
}

// ListContentChecks lists what customers wrote and other customers don't see, newest first.
func (h *Handlers) ListContentChecks(ctx context.Context, in *ListContentChecksInput) (*Page[ContentCheck], error) {
	r := h.reader()
	f := moderation.Filter{State: in.State, CustomerID: r.optional(model.KindCustomer, in.CustomerID), Before: r.after(listContentCheck, in.Cursor), Limit: in.Limit}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Moderation.List(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []ContentCheck
	for _, c := range rows {
		items = append(items, ContentCheck{
			h.IDs.Of(model.KindContentCheck, c.ID), h.IDs.Of(model.KindCustomer, c.CustomerID), c.CustomerName, c.Field, c.Content, c.Picture, c.Version,
			c.State, c.Reason, c.Label, h.IDs.Of(model.KindStaff, c.StaffID), c.DecidedAt, c.Note, c.CreatedAt,
		})
	}
	return newPage(h, listContentCheck, items, lastOf(rows, in.Limit, func(c moderation.Item) int64 { return c.ID }))
}

// DecideContentInput is what a person says of a content.
type DecideContentInput struct {
	IDPath
	Body struct {
		Version string `json:"version" maxLength:"64" doc:"看到的那一版 · of what was looked at"`
		Pass    bool   `json:"pass" doc:"true：其他客户可见；false：不可见 · whether other customers may see it"`
		Note    string `json:"note,omitempty" maxLength:"255"`
	}
}

// DecideContent passes a content, or refuses it; what had passed can be refused later.
func (h *Handlers) DecideContent(ctx context.Context, in *DecideContentInput) (*None, error) {
	id, err := h.IDs.Row(model.KindContentCheck, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Moderation.Decide(ctx, moderation.Decision{ID: id, Version: in.Body.Version, Pass: in.Body.Pass, Note: in.Body.Note, StaffID: ViewerOf(ctx).StaffID})
}
