package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Task is something that a staff member is asked to do.
type Task struct {
	ID         string     `json:"id"`
	StaffID    string     `json:"staff_id"`
	CustomerID string     `json:"customer_id,omitempty"`
	Kind       string     `json:"kind" doc:"a stable name of the reason"`
	Title      string     `json:"title"`
	Note       string     `json:"note,omitempty"`
	Status     string     `json:"status" enum:"open,done,dropped"`
	DueAt      time.Time  `json:"due_at"`
	ClosedAt   *time.Time `json:"closed_at,omitempty"`
}

// ListTasksInput selects tasks.
type ListTasksInput struct {
	PageQuery
	StaffID    string `query:"staff_id" maxLength:"26"`
	CustomerID string `query:"customer_id" maxLength:"26"`
	Status     string `query:"status" enum:"open,done,dropped" default:"open"`
	Today      bool   `query:"today" doc:"only what is due before the business day ends"`
}

// ListTasks lists tasks of the staff in the viewer's scope, what is due first coming first.
func (h *Handlers) ListTasks(ctx context.Context, in *ListTasksInput) (*Page[Task], error) {
	r := h.reader()
	f := staff.TaskFilter{
		StaffID: r.optional(model.KindStaff, in.StaffID), CustomerID: r.optional(model.KindCustomer, in.CustomerID),
		Status: in.Status, Today: in.Today, Limit: in.Limit,
	}
	place, err := unseal[staff.TaskCursor](r.cursors, listTask, in.Cursor)
	r.fail(err)
	if r.err != nil {
		return nil, r.err
	}
	if in.Cursor != "" {
		f.After = &place
	}
	rows, end, err := h.Staff.Tasks(ctx, ViewerOf(ctx), f)
	if err != nil {
		return nil, err
	}
	var items []Task
	for _, t := range rows {
		items = append(items, h.ShownTask(&t))
	}
	if end == nil {
		return whole(items), nil
	}
	return newPage(h, listTask, items, *end)
}

// ShownTask is a task as staff see it.
func (h *Handlers) ShownTask(t *model.Task) Task {
	return Task{
		h.IDs.Of(model.KindTask, t.ID), h.IDs.Of(model.KindStaff, t.StaffID), h.IDs.Of(model.KindCustomer, t.CustomerID),
		t.Kind, t.Title, t.Note, t.Status, t.DueAt, t.ClosedAt,
	}
}

// CloseTaskInput says how a task ended.
type CloseTaskInput struct {
	IDPath
	Body struct {
		Status string `json:"status" enum:"done,dropped"`
	}
}

// CloseTask ends a task.
func (h *Handlers) CloseTask(ctx context.Context, in *CloseTaskInput) (*None, error) {
	id, err := h.IDs.Row(model.KindTask, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Staff.CloseTask(ctx, ViewerOf(ctx), id, in.Body.Status)
}
