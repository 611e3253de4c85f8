package sidebar

import (
	"context"
	"time"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/service/staff"
)

// ListTasksInput selects tasks of one's own.
type ListTasksInput struct {
	console.PageQuery
	CustomerID string `query:"customer_id" maxLength:"26"`
	Status     string `query:"status" enum:"open,done,dropped" default:"open"`
	Today      bool   `query:"today" doc:"only what is due before the business day ends, overdue included"`
}

// ListTasks lists the viewer's own tasks, reminders among them, what is due first coming first.
func (h *Handlers) ListTasks(ctx context.Context, in *ListTasksInput) (*console.Page[console.Task], error) {
	return h.Handlers.ListTasks(ctx, &console.ListTasksInput{
		PageQuery: in.PageQuery, StaffID: h.IDs.Of(model.KindStaff, console.ViewerOf(ctx).StaffID), CustomerID: in.CustomerID, Status: in.Status, Today: in.Today,
	})
}

// RemindInput is something that a member wants to be reminded of.
type RemindInput struct {
	Body struct {
		CustomerID string    `json:"customer_id,omitempty" maxLength:"26" doc:"absent: about nobody"`
		Title      string    `json:"title" minLength:"1" maxLength:"100"`
		Note       string    `json:"note,omitempty" maxLength:"1000"`
		DueAt      time.Time `json:"due_at" doc:"in the future, within two years"`
		RequestID  string    `json:"request_id" minLength:"8" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"repeat it and the first reminder is answered"`
	}
}

// Remind gives the viewer a task for themselves.
func (h *Handlers) Remind(ctx context.Context, in *RemindInput) (*One[console.Task], error) {
	viewer, b := console.ViewerOf(ctx), in.Body
	r := staff.ReminderInput{RequestID: b.RequestID, Title: b.Title, Note: b.Note, DueAt: b.DueAt}
	if b.CustomerID != "" {
		id, err := h.IDs.Row(model.KindCustomer, b.CustomerID)
		if err != nil {
			return nil, err
		}
		if err := h.Customers.Sees(ctx, viewer, id); err != nil {
			return nil, err
		}
		r.CustomerID = id
	}
	t, err := h.Staff.Remind(ctx, viewer, r)
	if err != nil {
		return nil, err
	}
	return one(h.ShownTask(t)), nil
}

// PostponeInput says when a task is due instead.
type PostponeInput struct {
	console.IDPath
	Body struct {
		DueAt time.Time `json:"due_at" doc:"in the future, within two years"`
	}
}

// Postpone moves when an open task is due.
func (h *Handlers) Postpone(ctx context.Context, in *PostponeInput) (*None, error) {
	id, err := h.IDs.Row(model.KindTask, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Staff.Postpone(ctx, console.ViewerOf(ctx), id, in.Body.DueAt)
}
