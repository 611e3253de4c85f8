package tag

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// followed are the states of a relation in which its tags are its customer's: a staff member whom the
// customer left still has the tags at the platform, and winning back asks for them; one who
// removed the customer has not.
var followed = []string{"active", "half", "left"}

// borne are the states in which an assignment says that a relation bears the tag.
var borne = []string{Adding, Synced}

// lockPresent locks customers, in one order, and gives those that stand for themselves.
func lockPresent(tx *gorm.DB, ids []int64) (present map[int64]bool, err error) {
	present = make(map[int64]bool, len(ids))
	if len(ids) == 0 {
		return present, nil
	}
	var got []int64
	err = model.ForUpdate(model.ByIndex(tx, "customer", model.PrimaryKey)).Where("id IN ? AND merged_into = 0", ids).Order("id").Pluck("id", &got).Error
	if err != nil {
		return nil, fmt.Errorf("lock customers: %w", err)
	}
	for _, id := range got {
		present[id] = true
	}
	return present, nil
}

// giversOf gives all from whom the customers have tags: their grants, and their relations' assignments
// as grants. Assignments that follow from grants are no givers.
func giversOf(tx *gorm.DB, customerIDs []int64) ([]model.TagGrant, error) {
	grants, err := grantsOf(tx, customerIDs, nil)
	if err != nil {
		return nil, err
	}
	var assigned []model.TagGrant
	err = tx.Table("relation").
		Select("relation.customer_id, CASE WHEN tag.mirror_of = 0 THEN tag.id ELSE tag.mirror_of END AS tag_id, "+
			"tag_assignment.source, tag_assignment.source_id, tag_assignment.created_at").
		Joins("JOIN tag_assignment ON tag_assignment.relation_id = relation.id").Joins("JOIN tag ON tag.id = tag_assignment.tag_id").
		Where("relation.customer_id IN ? AND relation.status IN ?", customerIDs, followed).
		Where("tag_assignment.sync_state IN ? AND tag_assignment.source <> ?", borne, sourceMirror).Find(&assigned).Error
	if err != nil {
		return nil, fmt.Errorf("find assignments of customers: %w", err)
	}
	return append(grants, assigned...), nil
}

// grantsOf gives the grants of customers; of all tags when none are named.
func grantsOf(tx *gorm.DB, customerIDs, tagIDs []int64) ([]model.TagGrant, error) {
	q := tx.Where("customer_id IN ?", customerIDs)
	if len(tagIDs) > 0 {
		q = q.Where("tag_id IN ?", tagIDs)
	}
	var rows []model.TagGrant
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find grants: %w", err)
	}
	return rows, nil
}

func insertGrants(tx *gorm.DB, rows []*model.TagGrant) error {
	if _, err := model.InsertNew(tx, rows); err != nil {
		return fmt.Errorf("create grants: %w", err)
	}
	return nil
}

func renewGrants(tx *gorm.DB, ids []int64, expiresAt *time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	if err := tx.Model(&model.TagGrant{}).Where("id IN ?", ids).Update("expires_at", expiresAt).Error; err != nil {
		return fmt.Errorf("renew grants: %w", err)
	}
	return nil
}

// deleteGrants deletes the grants of customers and tags; of one origin, or of all when it is nil.
func deleteGrants(tx *gorm.DB, customerIDs, tagIDs []int64, origin *Origin) error {
	if len(customerIDs) == 0 || len(tagIDs) == 0 {
		return nil
	}
	q := tx.Where("customer_id IN ? AND tag_id IN ?", customerIDs, tagIDs)
	if origin != nil {
		q = q.Where("source = ? AND source_id = ?", origin.Source, origin.ID)
	}
	if err := q.Delete(&model.TagGrant{}).Error; err != nil {
		return fmt.Errorf("delete grants: %w", err)
	}
	return nil
}

// expiredGrants gives grants that have ended, the longest ago first.
func expiredGrants(tx *gorm.DB, now time.Time, limit int) ([]model.TagGrant, error) {
	var rows []model.TagGrant
	if err := tx.Where("expires_at <= ?", now).Order("expires_at").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find expired grants: %w", err)
	}
	return rows, nil
}

// deleteExpired deletes grants that are still as they were found: one that was renewed stays.
func deleteExpired(tx *gorm.DB, ids []int64, now time.Time) error {
	if err := tx.Where("id IN ? AND expires_at <= ?", ids, now).Delete(&model.TagGrant{}).Error; err != nil {
		return fmt.Errorf("delete expired grants: %w", err)
	}
	return nil
}

// grantsOfTag gives a batch of the grants of one tag.
func grantsOfTag(tx *gorm.DB, tagID int64, limit int) ([]model.TagGrant, error) {
	var rows []model.TagGrant
	if err := tx.Where("tag_id = ?", tagID).Order("tag_id, customer_id").Limit(limit).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find grants of tag %d: %w", tagID, err)
	}
	return rows, nil
}

func customerTags(tx *gorm.DB, customerIDs []int64) ([]model.CustomerTag, error) {
	var rows []model.CustomerTag
	if err := tx.Where("customer_id IN ?", customerIDs).Order("customer_id, tag_id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find customer tags: %w", err)
	}
	return rows, nil
}

func updateCustomerTag(tx *gorm.DB, row *model.CustomerTag) error {
	if err := tx.Model(row).Select("source", "source_id", "expires_at", "created_at").Updates(row).Error; err != nil {
		return fmt.Errorf("update customer tag %d: %w", row.ID, err)
	}
	return nil
}

func deleteCustomerTags(tx *gorm.DB, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := tx.Where("id IN ?", ids).Delete(&model.CustomerTag{}).Error; err != nil {
		return fmt.Errorf("delete customer tags: %w", err)
	}
	return nil
}

// customersFrom gives the next customers by row id.
func customersFrom(tx *gorm.DB, after int64, limit int) ([]int64, error) {
	var ids []int64
	if err := tx.Model(&model.Customer{}).Where("id > ?", after).Order("id").Limit(limit).Pluck("id", &ids).Error; err != nil {
		return nil, fmt.Errorf("list customers: %w", err)
	}
	return ids, nil
}

// relationsOfCustomers gives the relations of customers whose tags are theirs.
func relationsOfCustomers(tx *gorm.DB, customerIDs []int64) ([]*model.Relation, error) {
	var rows []*model.Relation
	if err := tx.Where("customer_id IN ? AND status IN ?", customerIDs, followed).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find relations of customers: %w", err)
	}
	return rows, nil
}

// shownAs gives the live tags of the platform that show these tags: themselves, or their mirrors.
func shownAs(tx *gorm.DB, tagIDs []int64) ([]*item, error) {
	if len(tagIDs) == 0 {
		return nil, nil
	}
	var rows []*item
	err := tx.Table("tag").Where("(id IN ? OR mirror_of IN ?) AND account_id <> 0 AND gone_at IS NULL AND sync_state <> ?", tagIDs, tagIDs, Deleting).
		Where("platform_id IS NOT NULL OR sync_state <> ?", Failed).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find tags at the platform: %w", err)
	}
	return rows, nil
}

func relationOf(tx *gorm.DB, id int64) (*model.Relation, error) {
	var rows []*model.Relation
	if err := tx.Where("id = ?", id).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find relation %d: %w", id, err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return rows[0], nil
}

func endGrants(tx *gorm.DB, customerIDs []int64, origin Origin) error {
	err := tx.Where("source = ? AND source_id = ? AND customer_id IN ?", origin.Source, origin.ID, customerIDs).Delete(&model.TagGrant{}).Error
	if err != nil {
		return fmt.Errorf("end grants of %s %d: %w", origin.Source, origin.ID, err)
	}
	return nil
}

func grantedBy(tx *gorm.DB, origin Origin, after int64, limit int) (ids []int64, err error) {
	err = tx.Model(&model.TagGrant{}).Distinct("customer_id").Where("source = ? AND source_id = ? AND customer_id > ?", origin.Source, origin.ID, after).
		Order("customer_id").Limit(limit).Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find whom %s %d gave tags: %w", origin.Source, origin.ID, err)
	}
	return ids, nil
}
