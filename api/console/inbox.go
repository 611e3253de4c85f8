package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/intake"
)

// InboxMessage is one callback as it was kept.
type InboxMessage struct {
	ID         string     `json:"id"`
	AccountID  string     `json:"account_id"`
	Kind       string     `json:"kind"`
	Stale      bool       `json:"stale" doc:"came too late for anything that happens only once"`
	State      string     `json:"state" doc:"new, routed, done, unknown, failed"`
	Error      string     `json:"error,omitempty"`
	ReceivedAt time.Time  `json:"received_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

func (h *Handlers) inboxMessage(m *model.Inbox) InboxMessage {
	return InboxMessage{
		h.IDs.Of(model.KindInbox, m.ID), h.IDs.Of(model.KindAccount, m.AccountID), m.Kind, m.Stale, m.State, m.Error, m.ReceivedAt, m.FinishedAt,
	}
}

// InboxQuery selects messages.
type InboxQuery struct {
	AccountID string `query:"account_id" maxLength:"26"`
	State     string `query:"state" enum:"new,routed,done,unknown,failed"`
	Kind      string `query:"kind" maxLength:"96"`
}

// ListInboxInput asks for a page of messages.
type ListInboxInput struct {
	PageQuery
	InboxQuery
}

// ListInbox lists callbacks, newest first, without their content.
func (h *Handlers) ListInbox(ctx context.Context, in *ListInboxInput) (*Page[InboxMessage], error) {
	r := h.reader()
	f := intake.InboxFilter{
		AccountID: r.optional(model.KindAccount, in.AccountID), State: in.State, Kind: in.Kind, Before: r.after(listInbox, in.Cursor), Limit: in.Limit,
	}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Intake.Inbox(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []InboxMessage
	for i := range rows {
		items = append(items, h.inboxMessage(&rows[i]))
	}
	return newPage(h, listInbox, items, lastOf(rows, in.Limit, func(m model.Inbox) int64 { return m.ID }))
}

// InboxContent is a callback with what it said.
type InboxContent struct {
	InboxMessage
	Body string `json:"body" doc:"as it was decrypted: XML or JSON"`
}

// GetInboxMessage gives one callback with its content.
func (h *Handlers) GetInboxMessage(ctx context.Context, in *IDPath) (*One[InboxContent], error) {
	id, err := h.IDs.Row(model.KindInbox, in.ID)
	if err != nil {
		return nil, err
	}
	row, err := h.Intake.InboxRow(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(InboxContent{h.inboxMessage(row), string(row.Body)}), nil
}

// ReplayInboxMessage has one failed or unknown callback acted upon again.
func (h *Handlers) ReplayInboxMessage(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindInbox, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Intake.Replay(ctx, id)
}

// ReplayInboxInput selects the callbacks to act upon again.
type ReplayInboxInput struct {
	Body struct {
		AccountID string `json:"account_id,omitempty" maxLength:"26"`
		State     string `json:"state" enum:"unknown,failed"`
		Kind      string `json:"kind,omitempty" maxLength:"96"`
	}
}

// Replayed tells how many were taken up again.
type Replayed struct {
	Count int64 `json:"count" doc:"at most 1,000 a call"`
}

// ReplayInbox has the newest failed or unknown callbacks of a filter acted upon again.
func (h *Handlers) ReplayInbox(ctx context.Context, in *ReplayInboxInput) (*One[Replayed], error) {
	r := h.reader()
	account := r.optional(model.KindAccount, in.Body.AccountID)
	if r.err != nil {
		return nil, r.err
	}
	n, err := h.Intake.ReplayAll(ctx, intake.InboxFilter{AccountID: account, State: in.Body.State, Kind: in.Body.Kind})
	if err != nil {
		return nil, err
	}
	return one(Replayed{n}), nil
}
