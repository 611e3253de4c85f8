package channel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
)

// States of a sender task. Names are data.
const (
	TaskWaiting   = "waiting"
	TaskConfirmed = "confirmed"
	TaskCancelled = "cancelled"
	TaskGivenUp   = "given_up" // not confirmed in time
	TaskRefused   = "refused"  // the platform has refused it after all
)

// firstPoll is how long after its creation a task is looked at: before that the platform is spreading it.
const firstPoll = time.Minute

// keepTask writes down what the platform has made of a call. Repeating it for one call changes nothing.
func (s *Service) keepTask(ctx context.Context, c *outreach.Call, userID, platformID string, targets []target) error {
	now := s.now()
	rules, err := s.massRules(s.DB.WithContext(ctx), c.AccountID)
	if err != nil {
		return err
	}
	first := c.Deliveries[0]
	poll, remind := now.Add(firstPoll), now.Add(rules.RemindAfter())
	row := &model.SenderTask{
		Channel: c.Channel, AccountID: c.AccountID, StaffID: c.StaffID, UserID: userID, CallID: c.ID, PlatformID: platformID,
		Source: first.Source, SourceID: first.SourceID, MessageID: c.MessageID, Status: TaskWaiting, Targets: packTargets(targets), Recipients: int64(len(targets)),
		BeganAt: c.BeganAt, ConfirmBy: now.Add(rules.ConfirmWithin()), RemindAt: &remind, PollAt: &poll, CreatedAt: now, UpdatedAt: now,
	}
	if err := model.InsertIgnore(s.DB.WithContext(ctx)).Create(row).Error; err != nil {
		return fmt.Errorf("keep the task of call %d: %w", c.ID, err)
	}
	return nil
}

// taskOfCall finds what is kept of a call; nil: nothing.
func taskOfCall(tx *gorm.DB, callID int64) (*model.SenderTask, error) {
	var row model.SenderTask
	err := tx.Where("call_id = ?", callID).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the task of call %d: %w", callID, err)
	}
	return &row, nil
}

// knownPlatformIDs tells which of the platform's messages are already somebody's.
func knownPlatformIDs(tx *gorm.DB, accountID int64, ids []string) (map[string]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var known []string
	if err := tx.Model(&model.SenderTask{}).Where("account_id = ? AND platform_id IN ?", accountID, ids).Pluck("platform_id", &known).Error; err != nil {
		return nil, fmt.Errorf("find known messages: %w", err)
	}
	out := make(map[string]bool, len(known))
	for _, id := range known {
		out[id] = true
	}
	return out, nil
}

const lightTask = "id, channel, account_id, staff_id, userid, call_id, platform_id, moment_id, source, source_id, message_id, status, reason, recipients, " +
	"sent, not_friend, over_quota, senders, published, began_at, confirm_by, remind_at, reminded, poll_at, polls, version, settled_at, created_at, updated_at"

// dueTasks lists tasks whose time for something has come, without their recipients.
func dueTasks(tx *gorm.DB, column string, now time.Time, limit int) ([]model.SenderTask, error) {
	var rows []model.SenderTask
	err := tx.Select(lightTask).Where(column+" <= ?", now).Order(column + ", id").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find due tasks: %w", err)
	}
	return rows, nil
}

// overdueTasks lists tasks that were not confirmed in time.
func overdueTasks(tx *gorm.DB, now time.Time, limit int) ([]model.SenderTask, error) {
	var rows []model.SenderTask
	err := tx.Select(lightTask).Where("status = ? AND confirm_by <= ?", TaskWaiting, now).Order("confirm_by, id").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find overdue tasks: %w", err)
	}
	return rows, nil
}

// takeTask moves a task's due time ahead for whoever works at it, and tells whether nobody else has.
func takeTask(tx *gorm.DB, column string, t *model.SenderTask, was *time.Time, until time.Time) (bool, error) {
	res := tx.Model(&model.SenderTask{}).Where("id = ? AND "+column+" = ?", t.ID, *was).Update(column, until)
	if res.Error != nil {
		return false, fmt.Errorf("take task %d: %w", t.ID, res.Error)
	}
	return res.RowsAffected == 1, nil
}

// taskTargets reads a task's recipients and the version of them.
func taskTargets(tx *gorm.DB, id int64) ([]target, int64, error) {
	var row model.SenderTask
	if err := tx.Select("id", "targets", "version").Where("id = ?", id).Take(&row).Error; err != nil {
		return nil, 0, fmt.Errorf("read the recipients of task %d: %w", id, err)
	}
	list, err := unpackTargets(row.Targets)
	return list, row.Version, err
}

var errStale = errors.New("somebody else has worked at the task meanwhile")

// changeTask writes columns of a task whose recipients are as they were read. It fails with errStale.
func changeTask(tx *gorm.DB, id, version int64, columns map[string]any) error {
	columns["version"] = version + 1
	res := tx.Model(&model.SenderTask{}).Where("id = ? AND version = ?", id, version).Updates(columns)
	if res.Error != nil {
		return fmt.Errorf("change task %d: %w", id, res.Error)
	}
	if res.RowsAffected == 0 {
		return errStale
	}
	return nil
}

func updateTask(tx *gorm.DB, id int64, columns map[string]any) error {
	if err := tx.Model(&model.SenderTask{}).Where("id = ?", id).Updates(columns).Error; err != nil {
		return fmt.Errorf("change task %d: %w", id, err)
	}
	return nil
}

// freeMoments tells which posts are nobody's, and whether a job of ours has not told its post yet.
func freeMoments(tx *gorm.DB, accountID int64, ids []string) (free []string, untold bool, err error) {
	if len(ids) == 0 {
		return nil, false, nil
	}
	var known []string
	q := tx.Model(&model.SenderTask{}).Where("account_id = ? AND channel = ?", accountID, NameMoment)
	if err := q.Session(&gorm.Session{}).Where("moment_id IN ?", ids).Pluck("moment_id", &known).Error; err != nil {
		return nil, false, fmt.Errorf("find known moments: %w", err)
	}
	var waiting int64
	if err := q.Session(&gorm.Session{}).Where("moment_id = '' AND status = ?", TaskWaiting).Count(&waiting).Error; err != nil {
		return nil, false, fmt.Errorf("find jobs of moments: %w", err)
	}
	for _, id := range ids {
		if !slices.Contains(known, id) {
			free = append(free, id)
		}
	}
	return free, waiting > 0, nil
}

func setMoment(tx *gorm.DB, callID int64, momentID string) error {
	if err := tx.Model(&model.SenderTask{}).Where("call_id = ?", callID).Update("moment_id", momentID).Error; err != nil {
		return fmt.Errorf("keep the moment of call %d: %w", callID, err)
	}
	return nil
}
