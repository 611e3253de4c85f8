package message

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func insertMessage(tx *gorm.DB, row *model.Message) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert message: %w", err)
	}
	return nil
}

func updateMessage(tx *gorm.DB, row *model.Message) error {
	err := tx.Model(&model.Message{}).Where("id = ?", row.ID).
		Updates(map[string]any{"name": row.Name, "topic": row.Topic, "version": row.Version, "gone_at": row.GoneAt, "updated_at": row.UpdatedAt}).Error
	if err != nil {
		return fmt.Errorf("update message: %w", err)
	}
	return nil
}

func messageByID(tx *gorm.DB, id int64) (*model.Message, error) {
	var row model.Message
	return taken(&row, tx.Where("id = ? AND gone_at IS NULL", id).Take(&row).Error)
}

func lockMessage(tx *gorm.DB, id int64) (*model.Message, error) {
	return messageByID(model.ForUpdate(tx), id)
}

func taken[Row any](row *Row, err error) (*Row, error) {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find message: %w", err)
	}
	return row, nil
}

func listMessages(tx *gorm.DB, f Filter) (rows []model.Message, err error) {
	q := tx.Where("gone_at IS NULL").Order("id DESC").Limit(f.Limit)
	if f.After != 0 {
		q = q.Where("id < ?", f.After)
	}
	if f.Name != "" {
		q = q.Where("name LIKE ? ESCAPE '!'", holding(f.Name))
	}
	if f.Channel != "" {
		q = q.Where("EXISTS (SELECT 1 FROM message_version v WHERE v.message_id = message.id AND v.version = message.version AND v.channels LIKE ? ESCAPE '!')", holding(`"`+f.Channel+`"`))
	}
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list messages: %w", err)
	}
	return rows, nil
}

// holding is the pattern of what holds a text, with ! as the escape.
func holding(text string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text) + "%"
}

func insertVersion(tx *gorm.DB, row *model.MessageVersion) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert message version: %w", err)
	}
	return nil
}

func versionByID(tx *gorm.DB, id int64) (*model.MessageVersion, error) {
	var row model.MessageVersion
	return taken(&row, tx.Where("id = ?", id).Take(&row).Error)
}

func versionOf(tx *gorm.DB, messageID int64, version int) (*model.MessageVersion, error) {
	var row model.MessageVersion
	return taken(&row, tx.Where("message_id = ? AND version = ?", messageID, version).Take(&row).Error)
}

func versionsOf(tx *gorm.DB, messageID int64) (rows []model.MessageVersion, err error) {
	if err := tx.Where("message_id = ?", messageID).Order("version DESC").Limit(200).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list message versions: %w", err)
	}
	return rows, nil
}

// newestVersions gives the newest version of each message.
func newestVersions(tx *gorm.DB, messages []model.Message) (map[int64]*model.MessageVersion, error) {
	ids := make([]int64, len(messages))
	for i := range messages {
		ids[i] = messages[i].ID
	}
	var rows []model.MessageVersion
	err := tx.Joins("JOIN message ON message.id = message_version.message_id AND message.version = message_version.version").
		Where("message_version.message_id IN ?", ids).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find newest versions: %w", err)
	}
	out := make(map[int64]*model.MessageVersion, len(rows))
	for i := range rows {
		out[rows[i].MessageID] = &rows[i]
	}
	return out, nil
}

func acceptVersion(tx *gorm.DB, id int64, findings string, staffID int64, at time.Time) error {
	err := tx.Model(&model.MessageVersion{}).Where("id = ?", id).
		Updates(map[string]any{"findings": findings, "accepted_by": staffID, "accepted_at": at}).Error
	if err != nil {
		return fmt.Errorf("accept message version: %w", err)
	}
	return nil
}

func hashesOf(tx *gorm.DB, ids []int64) (map[int64][32]byte, error) {
	var rows []model.MessageVersion
	if err := tx.Select("id", "hash").Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find hashes of messages: %w", err)
	}
	out := make(map[int64][32]byte, len(rows))
	for _, r := range rows {
		out[r.ID] = [32]byte(r.Hash)
	}
	return out, nil
}

// newestPolicy is nil while nobody has saved any.
func newestPolicy(tx *gorm.DB) (*model.MessagePolicy, error) {
	var rows []model.MessagePolicy
	if err := tx.Order("revision DESC").Limit(1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find the rules for contents: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &rows[0], nil
}

func insertPolicy(tx *gorm.DB, row *model.MessagePolicy) error {
	if err := tx.Create(row).Error; err != nil {
		return fmt.Errorf("insert the rules for contents: %w", err)
	}
	return nil
}
