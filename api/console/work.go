package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/work"
)

// Work is one piece of durable work, without its payload, which may hold personal data.
type Work struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind"`
	Lane       int        `json:"lane" doc:"smaller goes first"`
	State      string     `json:"state" doc:"ready, leased, done, dead, cancelled"`
	RunAt      time.Time  `json:"run_at"`
	Deadline   *time.Time `json:"deadline,omitempty"`
	Attempts   int        `json:"attempts"`
	LeaseOwner string     `json:"lease_owner,omitempty"`
	LeaseUntil *time.Time `json:"lease_until,omitempty"`
	LastError  string     `json:"last_error,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
}

// ListWorkInput selects works.
type ListWorkInput struct {
	PageQuery
	State string `query:"state" enum:"ready,leased,done,dead,cancelled" doc:"dead: the dead letters"`
	Kind  string `query:"kind" maxLength:"64"`
}

// ListWork lists works, newest first.
func (h *Handlers) ListWork(ctx context.Context, in *ListWorkInput) (*Page[Work], error) {
	r := h.reader()
	before := r.after(listWork, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, nextID, err := h.Queue.List(ctx, work.Filter{State: in.State, Kind: in.Kind, Before: before, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	var items []Work
	for _, w := range rows {
		items = append(items, Work{
			h.IDs.Of(model.KindWork, w.ID), w.Kind, w.Lane, w.State, w.RunAt, w.Deadline, w.Attempts, w.LeaseOwner, w.LeaseUntil,
			w.LastError, w.FinishedAt, w.CreatedAt,
		})
	}
	return newPage(h, listWork, items, nextID)
}

// WorkCount is how many works of a kind are in a state.
type WorkCount struct {
	Kind           string    `json:"kind"`
	State          string    `json:"state"`
	Count          int64     `json:"count"`
	Oldest         time.Time `json:"oldest" doc:"the earliest due time among them"`
	WaitingSeconds float64   `json:"waiting_seconds"`
	Handled        bool      `json:"handled" doc:"this process knows how to do them"`
}

// WorkStats counts the works that are not done.
func (h *Handlers) WorkStats(ctx context.Context, _ *struct{}) (*Page[WorkCount], error) {
	stats, err := h.Queue.Stats(ctx)
	if err != nil {
		return nil, err
	}
	var items []WorkCount
	for _, s := range stats {
		items = append(items, WorkCount{s.Kind, s.State, s.Count, s.Oldest, s.Waiting.Seconds(), s.Handled})
	}
	return whole(items), nil
}

// ReplayWork makes a dead or cancelled work ready again.
func (h *Handlers) ReplayWork(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindWork, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Queue.Replay(ctx, id)
}

// CancelWork ends a work that waits, or stops one that runs.
func (h *Handlers) CancelWork(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindWork, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Queue.CancelWork(ctx, id)
}
