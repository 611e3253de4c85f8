package tag

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// lockItems reads and locks all groups, or all tags, of an account.
func lockItems(tx *gorm.DB, kind string, accountID int64) ([]*item, error) {
	var rows []*item
	err := model.ForUpdate(tx).Table(Ref{Kind: kind}.table()).Where("account_id = ?", accountID).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("lock %ss: %w", kind, err)
	}
	return rows, nil
}

// lockItem reads and locks one.
func lockItem(tx *gorm.DB, ref Ref) (*item, error) {
	var it item
	err := model.ForUpdate(tx).Table(ref.table()).Where("id = ?", ref.ID).Take(&it).Error
	return found(&it, err)
}

func itemByID(tx *gorm.DB, ref Ref) (*item, error) {
	var it item
	err := tx.Table(ref.table()).Where("id = ?", ref.ID).Take(&it).Error
	return found(&it, err)
}

// found turns an absent row into ErrNotFound.
func found(it *item, err error) (*item, error) {
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return nil, ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("find tag or group: %w", err)
	}
	return it, nil
}

// namesake finds a live group of the account, or tag of the group, by name to the byte.
func namesake(tx *gorm.DB, kind string, accountID, groupID int64, name string) (*item, error) {
	q := tx.Table(Ref{Kind: kind}.table()).Where("account_id = ? AND name = ? AND gone_at IS NULL", accountID, name)
	if kind == kindTag {
		q = q.Where("group_id = ?", groupID)
	}
	var rows []*item
	if err := q.Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find by name: %w", err)
	}
	for _, it := range rows { // the column ignores case
		if it.Name == name {
			return it, nil
		}
	}
	return nil, nil
}

func byPlatformID(tx *gorm.DB, kind string, accountID int64, platformIDs []string) (map[string]*item, error) {
	out := map[string]*item{}
	if len(platformIDs) == 0 {
		return out, nil
	}
	var rows []*item
	err := tx.Table(Ref{Kind: kind}.table()).Where("account_id = ? AND platform_id IN ?", accountID, platformIDs).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find %ss: %w", kind, err)
	}
	for _, it := range rows {
		out[*it.PlatformID] = it
	}
	return out, nil
}

// lockTagsOfGroup reads and locks the live tags of a group.
func lockTagsOfGroup(tx *gorm.DB, groupID int64) ([]*item, error) {
	var rows []*item
	err := model.ForUpdate(tx).Table("tag").Where("group_id = ? AND gone_at IS NULL", groupID).Order("position DESC, id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find tags: %w", err)
	}
	return rows, nil
}

// insertItems sets the ids of those that are new; the platform ids of the others are taken.
func insertItems(tx *gorm.DB, kind string, items []*item) (isNew []bool, err error) {
	if kind == kindGroup {
		return insertRows(tx, items, (*item).group, func(g *model.TagGroup) int64 { return g.ID })
	}
	return insertRows(tx, items, (*item).tag, func(t *model.Tag) int64 { return t.ID })
}

func insertRows[Row any](tx *gorm.DB, items []*item, row func(*item) *Row, id func(*Row) int64) ([]bool, error) {
	rows := make([]*Row, len(items))
	for i, it := range items {
		rows[i] = row(it)
	}
	isNew, err := model.InsertNew(tx, rows)
	if err != nil {
		return nil, fmt.Errorf("create tags or groups: %w", err)
	}
	for i := range items {
		items[i].ID = id(rows[i])
	}
	return isNew, nil
}

var (
	groupColumns = []string{"platform_id", "name", "position", "sync_state", "sync_error", "known_at", "gone_at"}
	tagColumns   = append([]string{"group_id"}, groupColumns...)
)

func updateItem(tx *gorm.DB, ref Ref, it *item) error {
	var err error
	if ref.Kind == kindGroup {
		err = tx.Model(it.group()).Select(groupColumns).Updates(it.group()).Error
	} else {
		err = tx.Model(it.tag()).Select(tagColumns).Updates(it.tag()).Error
	}
	if err != nil {
		return fmt.Errorf("update %s %d: %w", ref.Kind, ref.ID, err)
	}
	return nil
}

func accountByID(tx *gorm.DB, id int64) (*model.Account, error) {
	var a model.Account
	if err := tx.Where("id = ?", id).Take(&a).Error; err != nil {
		return nil, fmt.Errorf("find account %d: %w", id, err)
	}
	return &a, nil
}

// unread tells whether tags were met on customers whose group is not known yet.
func unread(tx *gorm.DB, accountID int64) (bool, error) {
	var ids []int64
	err := tx.Model(&model.Tag{}).Where("account_id = ? AND group_id = 0 AND gone_at IS NULL", accountID).Limit(1).Pluck("id", &ids).Error
	if err != nil {
		return false, fmt.Errorf("find unread tags: %w", err)
	}
	return len(ids) > 0, nil
}

// tagsByID gives the live tags of an account among ids.
func tagsByID(tx *gorm.DB, ids []int64) (map[int64]*item, error) {
	out := map[int64]*item{}
	if len(ids) == 0 {
		return out, nil
	}
	var rows []*item
	if err := tx.Table("tag").Where("id IN ? AND gone_at IS NULL AND sync_state <> ?", ids, Deleting).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find tags: %w", err)
	}
	for _, it := range rows {
		out[it.ID] = it
	}
	return out, nil
}

func lockRelations(tx *gorm.DB, ids []int64) error {
	if model.IsSQLite(tx) { // a transaction holds everything
		return nil
	}
	var got []int64
	if err := model.ForUpdate(model.ByIndex(tx, "relation", model.PrimaryKey)).Where("id IN ?", ids).Order("id").Pluck("id", &got).Error; err != nil {
		return fmt.Errorf("lock relations: %w", err)
	}
	return nil
}

// lockAssignments reads and locks the assignments of relations, by relation and tag.
func lockAssignments(tx *gorm.DB, relationIDs []int64) (map[int64]map[int64]*model.TagAssignment, error) {
	var rows []*model.TagAssignment
	err := model.ForUpdate(model.ByIndex(tx, "tag_assignment", "uq_tag_assignment_relation_id_tag_id")).Where("relation_id IN ?", relationIDs).Order("relation_id, tag_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("lock assignments: %w", err)
	}
	out := make(map[int64]map[int64]*model.TagAssignment, len(relationIDs))
	for _, r := range rows {
		if out[r.RelationID] == nil {
			out[r.RelationID] = map[int64]*model.TagAssignment{}
		}
		out[r.RelationID][r.TagID] = r
	}
	return out, nil
}

// lockAssignmentsOfTag reads and locks a batch of the assignments of one tag.
func lockAssignmentsOfTag(tx *gorm.DB, tagID int64, limit int) ([]*model.TagAssignment, error) {
	var rows []*model.TagAssignment
	err := model.ForUpdate(tx).Where("tag_id = ?", tagID).Order("tag_id, customer_id").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("lock assignments of tag %d: %w", tagID, err)
	}
	return rows, nil
}

func updateAssignments(tx *gorm.DB, ids []int64, set map[string]any) error {
	if len(ids) == 0 {
		return nil
	}
	if err := tx.Model(&model.TagAssignment{}).Where("id IN ?", ids).Updates(set).Error; err != nil {
		return fmt.Errorf("update assignments: %w", err)
	}
	return nil
}

func deleteAssignments(tx *gorm.DB, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	if err := tx.Where("id IN ?", ids).Delete(&model.TagAssignment{}).Error; err != nil {
		return fmt.Errorf("delete assignments: %w", err)
	}
	return nil
}

// settleAssignments ends wishes that are still as they were when they were pushed.
func settleAssignments(tx *gorm.DB, ids []int64, from, to, reason string, knownAt time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	err := tx.Model(&model.TagAssignment{}).Where("id IN ? AND sync_state = ?", ids, from).
		Updates(map[string]any{"sync_state": to, "sync_error": cut(reason, 255), "known_at": knownAt}).Error
	if err != nil {
		return fmt.Errorf("settle assignments: %w", err)
	}
	return nil
}

// relationsByID gives the relations that assignments are about.
func relationsByID(tx *gorm.DB, assignments []*model.TagAssignment) (map[int64]*model.Relation, error) {
	ids := make([]int64, len(assignments))
	for i, a := range assignments {
		ids[i] = a.RelationID
	}
	var rows []*model.Relation
	if err := tx.Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find relations: %w", err)
	}
	out := make(map[int64]*model.Relation, len(rows))
	for _, r := range rows {
		out[r.ID] = r
	}
	return out, nil
}

// mark is an assignment that waits for the platform, with its tag.
type mark struct {
	ID         int64
	TagID      int64
	SyncState  string
	PlatformID *string
	TagState   string
	TagGone    bool
}

func waitingMarks(tx *gorm.DB, relationID int64) ([]mark, error) {
	var rows []mark
	err := tx.Table("tag_assignment").
		Select("tag_assignment.id, tag_assignment.tag_id, tag_assignment.sync_state, tag.platform_id, tag.sync_state AS tag_state, "+
			"CASE WHEN tag.gone_at IS NULL THEN 0 ELSE 1 END AS tag_gone").
		Joins("JOIN tag ON tag.id = tag_assignment.tag_id").
		Where("tag_assignment.relation_id = ? AND tag_assignment.sync_state IN ?", relationID, []string{Adding, Removing}).
		Order("tag_assignment.id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find marks to push: %w", err)
	}
	return rows, nil
}

// marked is the relation that a mark is about, as the platform names it.
type marked struct {
	model.Relation
	UserID  string `gorm:"column:target_userid"`
	Account string
}

func markedRelation(tx *gorm.DB, id int64) (*marked, error) {
	var m marked
	err := tx.Table("relation").Select("relation.*, staff.userid AS target_userid, account.name AS account").
		Joins("JOIN staff ON staff.id = relation.staff_id").Joins("JOIN account ON account.id = relation.account_id").
		Where("relation.id = ?", id).Take(&m).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find relation to mark: %w", err)
	}
	return &m, nil
}

// liveItems gives the live groups, or tags, of an account (0: of all), in the order in which people
// see them.
func liveItems[Row any](tx *gorm.DB, accountID int64) ([]Row, error) {
	var rows []Row
	q := tx.Model(new(Row)).Where("gone_at IS NULL")
	if accountID != 0 {
		q = q.Where("account_id = ?", accountID)
	}
	if err := q.Order("account_id, position DESC, id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	return rows, nil
}
