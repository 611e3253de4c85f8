package staff

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
)

// TaskReminder is the kind of a task that somebody gave themselves.
const TaskReminder = "reminder"

// How far ahead one may be reminded, and how much one may write down for it.
const (
	maxAhead         = 2 * 366 * 24 * time.Hour
	maxReminderTitle = 100
	maxReminderNote  = 1000
)

// ReminderInput is something that a staff member wants to be reminded of.
type ReminderInput struct {
	CustomerID int64 // 0: about nobody; whether the viewer may see them is for the caller to ask
	RequestID  string
	Title      string
	Note       string
	DueAt      time.Time
}

// Remind gives the viewer a task for themselves. Repeating a RequestID returns the first one. It fails with
// ErrInvalid.
func (s *Service) Remind(ctx context.Context, v *Viewer, in ReminderInput) (row *model.Task, err error) {
	in.Title, in.Note = strings.TrimSpace(in.Title), strings.TrimSpace(in.Note)
	switch n := utf8.RuneCountInString(in.Title); {
	case n == 0 || n > maxReminderTitle || !utf8.ValidString(in.Title):
		return nil, ErrInvalid.With("title", "1–100 个字符 / 1–100 characters")
	case utf8.RuneCountInString(in.Note) > maxReminderNote || !utf8.ValidString(in.Note):
		return nil, ErrInvalid.With("note", "最多 1000 个字符 / at most 1000 characters")
	case in.RequestID == "" || len(in.RequestID) > 64:
		return nil, ErrInvalid.With("request_id", "1–64 个字节 / 1–64 bytes")
	}
	if err := s.checkDue(in.DueAt); err != nil {
		return nil, err
	}
	key := fmt.Sprintf("%s:%d:%s", TaskReminder, v.StaffID, in.RequestID)
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		err := s.AddTaskTx(tx, TaskInput{
			StaffID: v.StaffID, CustomerID: in.CustomerID, Kind: TaskReminder, DedupeKey: key, Title: in.Title, Note: in.Note, DueAt: in.DueAt,
		})
		if err != nil {
			return err
		}
		row, err = taskByKey(tx, key)
		return err
	})
	return row, err
}

// Postpone moves when an open task is due. Repeatable. It fails with ErrTaskNotFound, also outside the
// viewer's scope, ErrTaskClosed, or ErrInvalid.
func (s *Service) Postpone(ctx context.Context, v *Viewer, id int64, dueAt time.Time) error {
	if err := s.checkDue(dueAt); err != nil {
		return err
	}
	staffIDs, err := s.taskScope(ctx, v, 0)
	if err != nil {
		return err
	}
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		moved, err := postponeTask(tx, staffIDs, id, dueAt.UTC(), s.now())
		if err != nil || moved {
			return err
		}
		row, err := findTask(tx, staffIDs, id)
		if err == nil && row.Status != TaskOpen {
			err = ErrTaskClosed
		}
		return err
	})
}

func (s *Service) checkDue(at time.Time) error {
	now := s.now()
	if !at.After(now) || at.After(now.Add(maxAhead)) {
		return ErrInvalid.With("due_at", "应在将来两年之内 / in the future, within two years")
	}
	return nil
}
