package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"zhiyin/model"
	"zhiyin/service/outreach/message"
)

// TaskFilter selects sender tasks.
type TaskFilter struct {
	AccountID int64 // 0: of any account
	Source    string
	SourceID  int64
	StaffID   int64
	Status    string // empty: any
	After     int64  // row of the last one of the page before; 0: the first page
	Limit     int
}

// SenderTasks lists messages that wait, or waited, for members of staff to send them, the newest first, without their
// recipients.
func (s *Service) SenderTasks(ctx context.Context, f TaskFilter) ([]model.SenderTask, error) {
	return listTasks(s.DB.WithContext(ctx), f)
}

// RemindTask reminds the sender of a task now. It fails with ErrTaskNotFound, with ErrTaskOver, and with ErrReminded when
// three reminders have gone out within 24 hours.
func (s *Service) RemindTask(ctx context.Context, accountID, id int64) error {
	t, err := s.waitingTask(ctx, accountID, id)
	if err != nil {
		return err
	}
	if len(remindedSince(t.Reminded, s.now().Add(-remindSpan))) >= remindMost {
		return ErrReminded
	}
	return s.remind(ctx, t, remindMost)
}

// CancelTask takes a task back, at the platform too; what was sent stays. It fails as RemindTask does.
func (s *Service) CancelTask(ctx context.Context, accountID, id int64) error {
	t, err := s.waitingTask(ctx, accountID, id)
	if err != nil {
		return err
	}
	err = s.end(ctx, t, TaskCancelled, "cancelled", false)
	if errors.Is(err, errStale) {
		return ErrTaskOver
	}
	return err
}

// waitingTask finds a task that can still be acted upon; accountID 0: of any account.
func (s *Service) waitingTask(ctx context.Context, accountID, id int64) (*model.SenderTask, error) {
	t, err := findTask(s.DB.WithContext(ctx), accountID, id)
	if err == nil && t.Status != TaskWaiting {
		err = ErrTaskOver
	}
	return t, err
}

// Setup is what is set for a channel; what it is set to is of the channel's own kind.
type Setup[T any] struct {
	Settings  T
	Enabled   bool
	HasSecret bool
}

// SMS is how the SMS gateway is asked, of one account or (0) of all; nothing is set: the zero Setup.
func (s *Service) SMS(ctx context.Context, accountID int64) (Setup[SMSSettings], error) {
	return setupOf[SMSSettings](ctx, s, NameSMS, accountID)
}

// Email is through which server e-mails leave; otherwise as SMS.
func (s *Service) Email(ctx context.Context, accountID int64) (Setup[EmailSettings], error) {
	return setupOf[EmailSettings](ctx, s, NameEmail, accountID)
}

// MassRulesOf is how mass messages of an account are followed up.
func (s *Service) MassRulesOf(ctx context.Context, accountID int64) (MassRules, error) {
	return s.massRules(s.DB.WithContext(ctx), accountID)
}

func setupOf[T any](ctx context.Context, s *Service, channel string, accountID int64) (out Setup[T], err error) {
	rows, err := allSettings(s.DB.WithContext(ctx))
	if err != nil {
		return out, err
	}
	row, ok := rows[settingKey{channel, accountID}]
	if !ok {
		return out, nil
	}
	out.Enabled, out.HasSecret = row.Enabled, row.SealedSecret != nil
	if err := json.Unmarshal([]byte(row.Settings), &out.Settings); err != nil {
		return out, fmt.Errorf("read the settings of %s: %w", channel, err)
	}
	return out, nil
}

// Told is one message to a customer.
type Told struct {
	model.Delivery
	Channel string
	StaffID int64
	Content message.Content `gorm:"-"` // as it reads now; empty when it can't be filled in any more
}

// SentTo lists what a customer has been sent, or is about to be sent, the newest first; after is the row of the last one of
// the page before, 0 at first.
func (s *Service) SentTo(ctx context.Context, customerID, after int64, limit int) ([]Told, error) {
	list, err := toldTo(s.DB.WithContext(ctx), customerID, after, limit)
	if err != nil {
		return nil, err
	}
	byMessage := map[int64][]int{}
	for i := range list {
		byMessage[list[i].MessageID] = append(byMessage[list[i].MessageID], i)
	}
	for id, places := range byMessage {
		to := make([]message.Recipient, len(places))
		for n, i := range places {
			d := &plannedDelivery{Delivery: list[i].Delivery}
			to[n] = message.Recipient{CustomerID: customerID, StaffID: list[i].StaffID, Values: d.values()}
		}
		texts, err := s.Messages.Render(ctx, id, to)
		if errors.Is(err, message.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("render message %d: %w", id, err)
		}
		for n, i := range places {
			list[i].Content = texts[n].Content
		}
	}
	return list, nil
}
