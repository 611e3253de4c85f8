package customer

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func customerByIdentity(tx *gorm.DB, kind, scope, value string) (*model.Customer, error) {
	var c model.Customer
	err := tx.Joins("JOIN identity ON identity.customer_id = customer.id").
		Where("identity.kind = ? AND identity.scope = ? AND identity.value = ?", kind, scope, value).Take(&c).Error
	return found(&c, err, "find customer by identity")
}

func relationOf(tx *gorm.DB, accountID, staffID int64, externalUserID string) (*model.Relation, error) {
	var r model.Relation
	err := tx.Where("staff_id = ? AND external_userid = ? AND account_id = ?", staffID, externalUserID, accountID).Take(&r).Error
	return found(&r, err, "find relation")
}

// found turns an absent row into ErrNotFound.
func found[Row any](row *Row, err error, what string) (*Row, error) {
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return nil, ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return row, nil
}

// identities maps values to customers.
func identities(tx *gorm.DB, kind, scope string, values []string) (map[string]int64, error) {
	out := make(map[string]int64, len(values))
	if len(values) == 0 {
		return out, nil
	}
	var rows []model.Identity
	err := tx.Select("value", "customer_id").Where("kind = ? AND scope = ? AND value IN ?", kind, scope, values).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find identities: %w", err)
	}
	for _, r := range rows {
		out[r.Value] = r.CustomerID
	}
	return out, nil
}

func staffIDs(tx *gorm.DB, accountID int64, userIDs []string) (map[string]int64, error) {
	var rows []model.Staff
	err := tx.Select("id", "userid").Where("account_id = ? AND userid IN ?", accountID, userIDs).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find staff: %w", err)
	}
	out := make(map[string]int64, len(rows))
	for _, r := range rows {
		out[r.UserID] = r.ID
	}
	return out, nil
}

// lockRelations reads and locks all relations of these customers, so that of two who apply the same
// at once the second sees what the first did.
func lockRelations(tx *gorm.DB, accountID int64, externalUserIDs []string) ([]*model.Relation, error) {
	var rows []*model.Relation
	err := model.ForUpdate(model.ByIndex(tx, "relation", "ix_relation_account_id_external_userid")).Where("account_id = ? AND external_userid IN ?", accountID, externalUserIDs).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("lock relations: %w", err)
	}
	return rows, nil
}

func lockRelation(tx *gorm.DB, staffID int64, externalUserID string) (*model.Relation, error) {
	var r model.Relation
	err := model.ForUpdate(tx).Where("staff_id = ? AND external_userid = ?", staffID, externalUserID).Take(&r).Error
	return found(&r, err, "lock relation")
}

func updateRelation(tx *gorm.DB, r *model.Relation) error {
	err := tx.Model(r).Select("remark", "description", "remark_corp_name", "add_way", "state", "oper_userid", "channel_code_id",
		"status", "added_at", "lost_at", "fingerprint", "read_at", "seen_run_id").Updates(r).Error
	if err != nil {
		return fmt.Errorf("update relation %d: %w", r.ID, err)
	}
	return nil
}

// touchRelations notes that a reading taken at readAt said nothing new; runID 0 is no full run.
func touchRelations(tx *gorm.DB, ids []int64, readAt time.Time, runID int64) error {
	if len(ids) == 0 {
		return nil
	}
	set := map[string]any{"read_at": readAt}
	if runID != 0 {
		set["seen_run_id"] = runID
	}
	if err := tx.Model(&model.Relation{}).Where("id IN ?", ids).UpdateColumns(set).Error; err != nil {
		return fmt.Errorf("note relations as seen: %w", err)
	}
	return nil
}

func endRelations(tx *gorm.DB, ids []int64, status string, lostAt, readAt time.Time) error {
	err := tx.Model(&model.Relation{}).Where("id IN ?", ids).
		Updates(map[string]any{"status": status, "lost_at": lostAt, "read_at": readAt}).Error
	if err != nil {
		return fmt.Errorf("end relations: %w", err)
	}
	return nil
}

// lockVanished reads and locks the active relations of a staff member that a run has not seen although
// they were there before it began.
func lockVanished(tx *gorm.DB, accountID, staffID, runID int64, before time.Time) ([]*model.Relation, error) {
	var rows []*model.Relation
	err := model.ForUpdate(tx).Where("staff_id = ? AND status = ? AND added_at < ? AND account_id = ?", staffID, StatusActive, before, accountID).
		Where("seen_run_id <> ? AND (read_at IS NULL OR read_at < ?)", runID, before).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find vanished relations: %w", err)
	}
	return rows, nil
}

func customersByID(tx *gorm.DB, ids []int64) ([]*model.Customer, error) {
	var rows []*model.Customer
	if len(ids) == 0 {
		return nil, nil
	}
	if err := tx.Where("id IN ?", ids).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find customers: %w", err)
	}
	return rows, nil
}

func deleteCustomers(tx *gorm.DB, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := tx.Where("id IN ?", ids).Delete(&model.Customer{}).Error; err != nil {
		return fmt.Errorf("delete customers that nobody knows: %w", err)
	}
	return nil
}

// pushTarget is what a call about a relation needs.
type pushTarget struct {
	model.Relation
	UserID  string `gorm:"column:target_userid"`
	Account string
}

func target(tx *gorm.DB, relationID int64) (*pushTarget, error) {
	var t pushTarget
	err := tx.Table("relation").Select("relation.*", "staff.userid AS target_userid", "account.name AS account").
		Joins("JOIN staff ON staff.id = relation.staff_id").Joins("JOIN account ON account.id = relation.account_id").
		Where("relation.id = ?", relationID).Take(&t).Error
	return found(&t, err, "find relation to push")
}

func updateNote(tx *gorm.DB, relationID int64, set map[string]any) error {
	if err := tx.Model(&model.Relation{}).Where("id = ?", relationID).Updates(set).Error; err != nil {
		return fmt.Errorf("set a relation's note: %w", err)
	}
	return nil
}

// settleNote ends the wish that was pushed; one that came in the meantime goes on waiting.
func settleNote(tx *gorm.DB, pushed *pushTarget, n note, set map[string]any) error {
	var now model.Relation
	if err := model.ForUpdate(tx).Where("id = ?", pushed.ID).Take(&now).Error; err != nil {
		return fmt.Errorf("settle a relation's note: %w", err)
	}
	text, state := n.of(&now)
	if was, _ := n.of(&pushed.Relation); state != RemarkPending || text != was {
		return nil
	}
	return updateNote(tx, pushed.ID, set)
}
