package acquisition

import (
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
)

// scopeExists tells whether a welcome message can be for this row.
func scopeExists(tx *gorm.DB, accountID int64, scope string, id int64) (bool, error) {
	var row any
	switch scope {
	case ScopeChannelCode:
		row = &model.ChannelCode{}
	case ScopeStaff:
		row = &model.Staff{}
	case ScopeDepartment:
		row = &model.Department{}
	case ScopeDefault:
		row = &model.Account{}
		if id != 0 {
			return false, nil
		}
	default:
		return false, nil
	}
	q := tx.Model(row).Where("id = ? AND account_id = ? AND gone_at IS NULL", id, accountID)
	if scope == ScopeDefault {
		q = tx.Model(row).Where("id = ? AND kind = 'wecom'", accountID)
	}
	var n int64
	err := q.Count(&n).Error
	return n == 1, err
}

func upsertWelcome(tx *gorm.DB, row *model.Welcome) error {
	return tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "account_id"}, {Name: "scope"}, {Name: "scope_id"}},
		DoUpdates: clause.AssignmentColumns([]string{"text", "attachments", "enabled", "updated_at"}),
	}).Create(row).Error
}

// welcomeOf reads the welcome message of a scope; nil when there is none.
func welcomeOf(tx *gorm.DB, accountID int64, scope string, scopeID int64) (*model.Welcome, error) {
	return take[model.Welcome](tx.Where("account_id = ? AND scope = ? AND scope_id = ?", accountID, scope, scopeID))
}

func welcomeByID(tx *gorm.DB, id int64) (*model.Welcome, error) {
	row, err := take[model.Welcome](tx.Where("id = ?", id))
	if row == nil && err == nil {
		err = ErrWelcomeNotFound
	}
	return row, err
}

func listWelcomes(tx *gorm.DB, accountID int64) (list []model.Welcome, err error) {
	err = tx.Where("account_id = ? AND scope <> ?", accountID, ScopeChannelCode).Order("scope, scope_id").Find(&list).Error
	return list, err
}

func deleteWelcome(tx *gorm.DB, id int64) error {
	return tx.Where("id = ?", id).Delete(&model.Welcome{}).Error
}

func deleteWelcomeOf(tx *gorm.DB, accountID int64, scope string, scopeID int64) error {
	return tx.Where("account_id = ? AND scope = ? AND scope_id = ?", accountID, scope, scopeID).Delete(&model.Welcome{}).Error
}

// welcomesFor reads those that may apply to a customer.
func welcomesFor(tx *gorm.DB, accountID, codeID, staffID int64) (list []model.Welcome, err error) {
	err = tx.Where("account_id = ? AND enabled = ?", accountID, true).
		Where("scope IN ? OR (scope = ? AND scope_id = ?) OR (scope = ? AND scope_id = ?)",
			[]string{ScopeDepartment, ScopeDefault}, ScopeChannelCode, codeID, ScopeStaff, staffID).
		Find(&list).Error
	return list, err
}

// Welcomes that are due.

// dueWelcome is one welcome to be sent, with what it takes to write it.
type dueWelcome struct {
	model.WelcomeSend `gorm:"embedded"`
	AccountName       string
	AccountTitle      string
	StaffName         string
	StaffAlias        string
	MainDepartment    int64
	CodeName          string
	SourceName        string
	CodeEnabled       bool // and not deleted
	CustomerID        int64
	CustomerName      string
}

func dueWelcomes(tx *gorm.DB) *gorm.DB {
	return tx.Table("welcome_send AS w").
		Select(`w.*, a.name AS account_name, a.title AS account_title, s.name AS staff_name, s.alias AS staff_alias, s.main_department,
			COALESCE(c.name, '') AS code_name, COALESCE(c.source_name, '') AS source_name, (c.id IS NOT NULL AND c.enabled AND c.gone_at IS NULL) AS code_enabled,
			COALESCE(p.id, 0) AS customer_id, COALESCE(p.name, '') AS customer_name`).
		Joins("JOIN account a ON a.id = w.account_id").
		Joins("JOIN staff s ON s.id = w.staff_id").
		Joins("LEFT JOIN channel_code c ON c.id = w.channel_code_id").
		Joins("LEFT JOIN identity i ON i.kind = 'external_userid' AND i.scope = a.platform_id AND i.value = w.external_userid").
		Joins("LEFT JOIN customer p ON p.id = i.customer_id")
}

// welcomeToSend reads one; nil when it is not there.
func welcomeToSend(tx *gorm.DB, id int64) (*dueWelcome, error) {
	return take[dueWelcome](dueWelcomes(tx).Where("w.id = ?", id))
}

func overdueWelcomes(tx *gorm.DB, before time.Time, limit int) (list []dueWelcome, err error) {
	err = dueWelcomes(tx).Where("w.outcome = ? AND w.received_at < ?", OutcomePending, before).
		Order("w.received_at").Limit(limit).Scan(&list).Error
	return list, err
}

func insertWelcomeSends(tx *gorm.DB, rows []*model.WelcomeSend) (isNew []bool, err error) {
	return model.InsertNew(tx, rows)
}

func noteAttempt(tx *gorm.DB, id int64, set map[string]any) error {
	return tx.Model(&model.WelcomeSend{}).Where("id = ? AND outcome = ?", id, OutcomePending).UpdateColumns(set).Error
}

func setWelcomeOutcome(tx *gorm.DB, id int64, from []string, set map[string]any) (changed bool, err error) {
	res := tx.Model(&model.WelcomeSend{}).Where("id = ? AND outcome IN ?", id, from).UpdateColumns(set)
	return res.RowsAffected == 1, res.Error
}

func eachWelcome(tx *gorm.DB, cond string, id int64, begin, end time.Time, do func(at time.Time, outcome string, ms int64)) error {
	rows, err := tx.Model(&model.WelcomeSend{}).Select("received_at, outcome, latency_ms").
		Where(cond, id).Where("received_at >= ? AND received_at < ?", begin, end).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at time.Time
		var outcome string
		var ms int64
		if err := rows.Scan(&at, &outcome, &ms); err != nil {
			return err
		}
		do(at, outcome, ms)
	}
	return rows.Err()
}

// Media.

// insertMedia keeps a file, or finds the row that has the same content.
func insertMedia(tx *gorm.DB, row *model.Media, content []byte) (*model.Media, error) {
	res := model.InsertIgnore(tx).Create(row)
	if res.Error != nil {
		return nil, res.Error
	}
	if res.RowsAffected == 0 {
		return take[model.Media](tx.Where("account_id = ? AND kind = ? AND sha256 = ?", row.AccountID, row.Kind, row.SHA256))
	}
	for part := 0; len(content) > 0; part++ {
		n := min(len(content), mediaPart)
		if err := tx.Create(&model.MediaContent{MediaID: row.ID, Part: part, Content: content[:n]}).Error; err != nil {
			return nil, fmt.Errorf("keep content of media %d: %w", row.ID, err)
		}
		content = content[n:]
	}
	return row, nil
}

func mediaByIDs(tx *gorm.DB, ids []int64) (map[int64]model.Media, error) {
	byID := map[int64]model.Media{}
	if len(ids) == 0 {
		return byID, nil
	}
	var list []model.Media
	err := tx.Where("id IN ?", ids).Find(&list).Error
	for _, m := range list {
		byID[m.ID] = m
	}
	return byID, err
}

func mediaContent(tx *gorm.DB, id int64) ([]byte, error) {
	var parts []model.MediaContent
	if err := tx.Where("media_row_id = ?", id).Order("part").Find(&parts).Error; err != nil {
		return nil, err
	}
	var content []byte
	for _, p := range parts {
		content = append(content, p.Content...)
	}
	return content, nil
}

// mediaInUse lists the media that enabled or disabled welcome messages carry.
func mediaInUse(tx *gorm.DB) (ids []int64, err error) {
	var list []model.Welcome
	if err := tx.Select("id", "attachments").Where("attachments LIKE ?", `%"media_id"%`).Find(&list).Error; err != nil {
		return nil, err
	}
	var all []Attachment
	for i := range list {
		c, err := ContentOf(&list[i])
		if err != nil {
			return nil, err
		}
		all = append(all, c.Attachments...)
	}
	return mediaIn(all), nil
}

func recordUpload(tx *gorm.DB, id int64, mediaID string, at, expires time.Time) error {
	return tx.Model(&model.Media{}).Where("id = ?", id).UpdateColumns(map[string]any{
		"media_id": mediaID, "uploaded_at": at, "expires_at": expires, "upload_error": "", "updated_at": at,
	}).Error
}

func noteUpload(tx *gorm.DB, id int64, note string) error {
	return tx.Model(&model.Media{}).Where("id = ?", id).UpdateColumns(map[string]any{"upload_error": note}).Error
}

func expireMedia(tx *gorm.DB, ids []int64, now time.Time) error {
	return tx.Model(&model.Media{}).Where("id IN ?", ids).UpdateColumns(map[string]any{"expires_at": now, "updated_at": now}).Error
}

func listMedia(tx *gorm.DB, accountID int64, kind string, after int64, limit int) (list []model.Media, err error) {
	q := tx.Where("account_id = ?", accountID)
	if kind != "" {
		q = q.Where("kind = ?", kind)
	}
	if after != 0 {
		q = q.Where("id < ?", after)
	}
	err = q.Order("id DESC").Limit(pageLimit(limit)).Find(&list).Error
	return list, err
}

func deleteMedia(tx *gorm.DB, id int64) error {
	if err := tx.Where("media_row_id = ?", id).Delete(&model.MediaContent{}).Error; err != nil {
		return err
	}
	res := tx.Where("id = ?", id).Delete(&model.Media{})
	if res.Error == nil && res.RowsAffected == 0 {
		return ErrMediaNotFound
	}
	return res.Error
}
