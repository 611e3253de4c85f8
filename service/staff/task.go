package staff

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// The states of a task.
const (
	TaskOpen    = "open"
	TaskDone    = "done"
	TaskDropped = "dropped"
)

// TaskInput asks a staff member for something.
type TaskInput struct {
	StaffID    int64
	CustomerID int64  // 0: about nobody
	Kind       string // a stable name of the reason
	DedupeKey  string // the same key asks only once, whatever became of it
	Title      string // Chinese; cut to 255 characters
	Note       string
	DueAt      time.Time // zero: now
}

var errTaskKey = errors.New("a task needs a staff member, a kind and a dedupe key")

// AddTaskTx adds a task in the caller's transaction; one with a DedupeKey that was used before
// changes nothing.
func (s *Service) AddTaskTx(tx *gorm.DB, in TaskInput) error {
	if in.StaffID == 0 || in.Kind == "" || in.DedupeKey == "" {
		return errTaskKey
	}
	now := s.now()
	if in.DueAt.IsZero() {
		in.DueAt = now
	}
	return insertTask(tx, &model.Task{
		StaffID: in.StaffID, CustomerID: in.CustomerID, Kind: in.Kind, DedupeKey: in.DedupeKey,
		Title: cut(in.Title, 255), Note: in.Note, Status: TaskOpen, DueAt: in.DueAt.UTC(), CreatedAt: now, UpdatedAt: now,
	})
}

// DropTaskTx ends a task that has lost its sense, in the caller's transaction, and tells whether it was open.
func (s *Service) DropTaskTx(tx *gorm.DB, id int64) (dropped bool, err error) {
	return closeTask(tx, nil, id, TaskDropped, s.now())
}

// TaskFilter selects tasks for a list.
type TaskFilter struct {
	StaffID    int64       // 0: everybody in the viewer's scope
	CustomerID int64       // 0: about anybody
	Status     string      // empty: TaskOpen
	Today      bool        // only what is due before the business day ends, overdue included
	After      *TaskCursor // nil: the first page
	Limit      int         // 0: 50; at most 200
}

// TaskCursor is the place in a list behind which the next page begins.
type TaskCursor struct {
	DueAt time.Time
	ID    int64
}

// Tasks lists tasks of the staff that the viewer's scope holds, what is due first coming first, and
// says where the next page begins; nil after the last.
func (s *Service) Tasks(ctx context.Context, v *Viewer, f TaskFilter) ([]model.Task, *TaskCursor, error) {
	staffIDs, err := s.taskScope(ctx, v, f.StaffID)
	if err != nil {
		return nil, nil, err
	}
	if f.Status == "" {
		f.Status = TaskOpen
	}
	var dueBefore time.Time
	if f.Today {
		dueBefore = s.dayEnd()
	}
	limit := pageSize(f.Limit)
	f.Limit = limit + 1 // one more tells whether there is a next page
	rows, err := listTasks(s.db.WithContext(ctx), staffIDs, f, dueBefore)
	if err != nil || len(rows) <= limit {
		return rows, nil, err
	}
	last := rows[limit-1]
	return rows[:limit], &TaskCursor{last.DueAt, last.ID}, nil
}

// taskScope gives whose tasks are meant; nil means everybody's.
func (s *Service) taskScope(ctx context.Context, v *Viewer, staffID int64) ([]int64, error) {
	all, ids, err := s.VisibleStaff(ctx, v)
	switch {
	case err != nil:
		return nil, err
	case staffID != 0 && (all || slices.Contains(ids, staffID)):
		return []int64{staffID}, nil
	case staffID != 0:
		return nil, ErrNotFound
	case all:
		return nil, nil
	}
	return ids, nil
}

// dayEnd is when the business day ends.
func (s *Service) dayEnd() time.Time {
	y, m, d := s.now().In(s.options.Zone).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, s.options.Zone).UTC()
}

// CloseTask ends a task as TaskDone or TaskDropped; repeating it is fine. It fails with
// ErrTaskNotFound, also outside the viewer's scope, with ErrTaskClosed when it ended the other way,
// and with ErrInvalid.
func (s *Service) CloseTask(ctx context.Context, v *Viewer, id int64, status string) error {
	if status != TaskDone && status != TaskDropped {
		return ErrInvalid.With("status", "done 或 dropped / done or dropped")
	}
	staffIDs, err := s.taskScope(ctx, v, 0)
	if err != nil {
		return err
	}
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		closed, err := closeTask(tx, staffIDs, id, status, s.now())
		if err != nil || closed {
			return err
		}
		row, err := findTask(tx, staffIDs, id)
		if err != nil {
			return err
		}
		if row.Status != status {
			return ErrTaskClosed
		}
		return nil
	})
}
