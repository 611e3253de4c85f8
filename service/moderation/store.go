package moderation

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// checksOf gives a customer's checks by field.
func checksOf(tx *gorm.DB, customerID int64) (map[string]*model.ContentCheck, error) {
	var rows []*model.ContentCheck
	if err := tx.Where("customer_id = ?", customerID).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find checks of a customer: %w", err)
	}
	out := make(map[string]*model.ContentCheck, len(rows))
	for _, r := range rows {
		out[r.Field] = r
	}
	return out, nil
}

// checksOfField gives the checks of one field by customer.
func checksOfField(tx *gorm.DB, field string, customers []int64) (map[int64]*model.ContentCheck, error) {
	var rows []*model.ContentCheck
	if err := tx.Where("customer_id IN ? AND field = ?", customers, field).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find checks of a field: %w", err)
	}
	out := make(map[int64]*model.ContentCheck, len(rows))
	for _, r := range rows {
		out[r.CustomerID] = r
	}
	return out, nil
}

// writtenByThemselves tells which contents of a field customers wrote in a mini-program; what those wrote who turned out to be
// them counts too.
func writtenByThemselves(tx *gorm.DB, field string, customers []int64) (map[Saying]bool, error) {
	var rows []struct {
		CustomerID int64
		NewValue   string
	}
	err := tx.Raw(`SELECT customer_id, new_value FROM customer_change WHERE customer_id IN @ids AND field = @field AND source = @source
		UNION ALL
		SELECT m.customer_id, c.new_value FROM customer_merge m JOIN customer_change c ON c.customer_id = m.other_id
		WHERE m.customer_id IN @ids AND c.field = @field AND c.source = @source`,
		map[string]any{"ids": customers, "field": field, "source": FromCustomers}).Scan(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find what customers wrote: %w", err)
	}
	out := make(map[Saying]bool, len(rows))
	for _, r := range rows {
		out[Saying{r.CustomerID, r.NewValue}] = true
	}
	return out, nil
}

// checkByID gives a check, nil when there is none.
func checkByID(tx *gorm.DB, id int64) (*model.ContentCheck, error) {
	return one(tx.Where("id = ?", id))
}

// checkByTrace gives the check that waits for a verdict under a trace, nil when there is none.
func checkByTrace(tx *gorm.DB, trace string) (*model.ContentCheck, error) {
	if trace == "" {
		return nil, nil
	}
	return one(tx.Where("trace_id = ?", trace))
}

func one(q *gorm.DB) (*model.ContentCheck, error) {
	var row model.ContentCheck
	err := q.Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find a check: %w", err)
	}
	return &row, nil
}

// checksBefore gives a page of checks.
func checksBefore(tx *gorm.DB, f Filter) (rows []*model.ContentCheck, err error) {
	states := []string{f.State}
	if f.State == "" {
		states = []string{Waiting, Review}
	}
	q := tx.Where("state IN ?", states)
	if f.CustomerID != 0 {
		q = q.Where("customer_id = ?", f.CustomerID)
	}
	if f.Before != 0 {
		q = q.Where("id < ?", f.Before)
	}
	if err := q.Order("id DESC").Limit(f.Limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list checks: %w", err)
	}
	return rows, nil
}

// dueChecks gives checks that are to be looked at again.
func dueChecks(tx *gorm.DB, now time.Time, limit int) (rows []*model.ContentCheck, err error) {
	if err := tx.Where("due_at <= ?", now).Order("due_at, id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find checks that are due: %w", err)
	}
	return rows, nil
}

// waitingForVisit gives the checks that wait for a customer to come back.
func waitingForVisit(tx *gorm.DB, customerID int64) (ids []int64, err error) {
	err = tx.Model(&model.ContentCheck{}).Where("customer_id = ? AND state = ? AND due_at IS NULL", customerID, Waiting).Pluck("id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find checks that wait for a visit: %w", err)
	}
	return ids, nil
}

// postpone takes a check that is due, or that waits for a visit (due is nil), and tells whether it did: somebody else may have.
func postpone(tx *gorm.DB, id, accountID int64, due *time.Time, until time.Time) (bool, error) {
	q := tx.Model(&model.ContentCheck{}).Where("id = ?", id)
	set := map[string]any{"due_at": until}
	if due == nil {
		q = q.Where("due_at IS NULL AND state = ?", Waiting)
		set["account_id"] = accountID
	} else {
		q = q.Where("due_at = ?", due)
	}
	res := q.UpdateColumns(set)
	if res.Error != nil {
		return false, fmt.Errorf("postpone a check: %w", res.Error)
	}
	return res.RowsAffected == 1, nil
}

// giveUp leaves a picture to people for which no verdict came.
func giveUp(tx *gorm.DB, row *model.ContentCheck, now time.Time) error {
	err := tx.Model(&model.ContentCheck{}).Where("id = ? AND state = ? AND trace_id = ?", row.ID, Waiting, row.TraceID).
		UpdateColumns(map[string]any{"state": Review, "reason": ReasonNoVerdict, "updated_at": now}).Error
	if err != nil {
		return fmt.Errorf("leave a picture to people: %w", err)
	}
	return nil
}

// save stores a check that is new or locked by the caller.
func save(tx *gorm.DB, row *model.ContentCheck) error {
	var err error
	if row.ID == 0 {
		err = tx.Create(row).Error
	} else {
		err = tx.Select("*").UpdateColumns(row).Error
	}
	if err != nil {
		return fmt.Errorf("save a check: %w", err)
	}
	return nil
}

// drop deletes a check, if there is one.
func drop(tx *gorm.DB, row *model.ContentCheck) error {
	if row == nil {
		return nil
	}
	if err := tx.Delete(&model.ContentCheck{}, row.ID).Error; err != nil {
		return fmt.Errorf("delete a check: %w", err)
	}
	return nil
}

func dropOf(tx *gorm.DB, customerID int64, fields []string) error {
	if len(fields) == 0 {
		return nil
	}
	if err := tx.Where("customer_id = ? AND field IN ?", customerID, fields).Delete(&model.ContentCheck{}).Error; err != nil {
		return fmt.Errorf("delete checks of a customer: %w", err)
	}
	return nil
}

// user is somebody as the platform knows them.
type user struct{ Account, OpenID string }

// userOf finds who an author is in their mini-program, or in the one that they visited last when it is not known; nil: nobody.
func userOf(tx *gorm.DB, a Author) (*user, error) {
	q := tx.Table("identity").Select("account.name AS account, identity.value AS open_id").
		Joins("JOIN account ON account.platform_id = identity.scope AND account.enabled = ?", true).
		Where("identity.customer_id = ? AND identity.kind = 'openid'", a.CustomerID)
	if a.AccountID != 0 {
		q = q.Where("account.id = ?", a.AccountID)
	}
	var found []user
	if err := q.Order("COALESCE(identity.seen_at, identity.created_at) DESC").Limit(1).Scan(&found).Error; err != nil {
		return nil, fmt.Errorf("find a customer's openid: %w", err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return &found[0], nil
}
