package group

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func take(q *gorm.DB) (*model.CustomerGroup, error) {
	var g model.CustomerGroup
	err := q.Take(&g).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read customer group: %w", err)
	}
	return &g, nil
}

// lockGroup reads a group and keeps others from changing it or its stays; nil when it is not mirrored.
func lockGroup(tx *gorm.DB, accountID int64, chatID string) (*model.CustomerGroup, error) {
	return take(model.ForUpdate(tx).Where("account_id = ? AND chat_id = ?", accountID, chatID))
}

func insertGroup(tx *gorm.DB, g *model.CustomerGroup) (isNew bool, err error) {
	res := model.InsertIgnore(tx).Create(g)
	return res.RowsAffected == 1, res.Error
}

// revisionOf is 0 for a group that is not mirrored yet.
func revisionOf(tx *gorm.DB, accountID int64, chatID string) (int64, error) {
	g, err := take(tx.Where("account_id = ? AND chat_id = ?", accountID, chatID))
	if g == nil {
		return 0, err
	}
	return g.Revision, nil
}

func hasVersion(tx *gorm.DB, accountID int64, chatID, version string) (bool, error) {
	g, err := take(tx.Where("account_id = ? AND chat_id = ?", accountID, chatID))
	return g != nil && g.DismissedAt == nil && g.MemberVersion == version, err
}

func updateGroup(tx *gorm.DB, id int64, set map[string]any) error {
	return tx.Model(&model.CustomerGroup{}).Where("id = ?", id).UpdateColumns(set).Error
}

// endGroup raises the revision too, so that a reading begun before is not applied afterwards.
func endGroup(tx *gorm.DB, id int64, at, now time.Time) error {
	err := updateGroup(tx, id, map[string]any{
		"dismissed_at": at, "member_count": 0, "customer_count": 0, "member_version": "", "updated_at": now, "revision": gorm.Expr("revision + 1"),
	})
	if err != nil {
		return err
	}
	return tx.Model(&model.GroupMember{}).Where("group_id = ? AND left_at IS NULL", id).
		UpdateColumns(map[string]any{"left_at": at, "quit_scene": quitUnknown, "updated_at": now}).Error
}

func unseenGroups(tx *gorm.DB, accountID, runID int64, began time.Time) (ids []int64, err error) {
	err = model.ForUpdate(tx).Model(&model.CustomerGroup{}).
		Where("account_id = ? AND seen_run_id <> ? AND dismissed_at IS NULL AND created_at < ?", accountID, runID, began).
		Order("id").Pluck("id", &ids).Error
	return ids, err
}

func openStays(tx *gorm.DB, groupID int64) (list []model.GroupMember, err error) {
	err = tx.Where("group_id = ? AND left_at IS NULL", groupID).Order("joined_at, id").Find(&list).Error
	return list, err
}

func endedStays(tx *gorm.DB, groupID, before int64, limit int) (list []model.GroupMember, err error) {
	q := tx.Where("group_id = ? AND left_at IS NOT NULL", groupID)
	if before != 0 {
		q = q.Where("id < ?", before)
	}
	err = q.Order("id DESC").Limit(pageLimit(limit)).Find(&list).Error
	return list, err
}

// insertStays begins stays. One that is there already, because its group was taken for dismissed, goes on. It
// returns the rows with their ids.
func insertStays(tx *gorm.DB, groupID int64, stays []model.GroupMember) ([]model.GroupMember, error) {
	if len(stays) == 0 {
		return nil, nil
	}
	userIDs := make([]string, len(stays))
	for i, m := range stays {
		userIDs[i] = m.UserID
	}
	if err := model.InsertIgnore(tx).CreateInBatches(stays, 200).Error; err != nil {
		return nil, fmt.Errorf("insert group members: %w", err)
	}
	var rows []model.GroupMember
	if err := tx.Where("group_id = ? AND userid IN ?", groupID, userIDs).Find(&rows).Error; err != nil {
		return nil, err
	}
	byKey := make(map[stayKey]model.GroupMember, len(rows))
	for _, r := range rows {
		byKey[keyOf(r)] = r
	}
	out := make([]model.GroupMember, 0, len(stays))
	for _, m := range stays {
		row := byKey[keyOf(m)]
		if row.LeftAt != nil {
			m.ID = row.ID
			if err := reopenStay(tx, m); err != nil {
				return nil, err
			}
			row = m
		}
		out = append(out, row)
	}
	return out, nil
}

type stayKey struct {
	userID string
	joined int64
}

func keyOf(m model.GroupMember) stayKey { return stayKey{m.UserID, m.JoinedAt.Unix()} }

func reopenStay(tx *gorm.DB, m model.GroupMember) error {
	return tx.Model(&model.GroupMember{}).Where("id = ?", m.ID).UpdateColumns(map[string]any{
		"left_at": nil, "quit_scene": 0, "name": m.Name, "nickname": m.Nickname, "staff_id": m.StaffID, "customer_id": m.CustomerID, "updated_at": m.UpdatedAt,
	}).Error
}

func endStay(tx *gorm.DB, m *model.GroupMember, now time.Time) error {
	return tx.Model(&model.GroupMember{}).Where("id = ?", m.ID).
		UpdateColumns(map[string]any{"left_at": *m.LeftAt, "quit_scene": m.QuitScene, "updated_at": now}).Error
}

func alterStay(tx *gorm.DB, m model.GroupMember, now time.Time) error {
	set := map[string]any{"name": m.Name, "nickname": m.Nickname, "kind": m.Kind, "updated_at": now}
	if m.StaffID != 0 {
		set["staff_id"] = m.StaffID
	}
	if m.CustomerID != 0 {
		set["customer_id"] = m.CustomerID
	}
	return tx.Model(&model.GroupMember{}).Where("id = ?", m.ID).UpdateColumns(set).Error
}

// Rows of other capabilities, read only.

func staffByUserIDs(tx *gorm.DB, accountID int64, userIDs []string) (map[string]int64, error) {
	var list []model.Staff
	if err := tx.Select("id", "userid").Where("account_id = ? AND userid IN ?", accountID, userIDs).Find(&list).Error; err != nil {
		return nil, err
	}
	byID := make(map[string]int64, len(list))
	for _, s := range list {
		byID[s.UserID] = s.ID
	}
	return byID, nil
}

func customersByExternal(tx *gorm.DB, corpID string, externalUserIDs []string) (map[string]int64, error) {
	byID := map[string]int64{}
	if len(externalUserIDs) == 0 {
		return byID, nil
	}
	var list []model.Identity
	err := tx.Select("value", "customer_id").Where("kind = 'external_userid' AND scope = ? AND value IN ?", corpID, externalUserIDs).Find(&list).Error
	for _, i := range list {
		byID[i.Value] = i.CustomerID
	}
	return byID, err
}

// Lists.

func listGroups(tx *gorm.DB, f Filter, owners []int64) (list []model.CustomerGroup, err error) {
	q := within(tx, owners)
	if f.AccountID != 0 {
		q = q.Where("account_id = ?", f.AccountID)
	}
	if f.OwnerStaffID != 0 {
		q = q.Where("owner_staff_id = ?", f.OwnerStaffID)
	}
	if f.Search != "" {
		q = q.Where("name LIKE ? ESCAPE '!'", "%"+likeEscape.Replace(f.Search)+"%")
	}
	if f.Dismissed {
		q = q.Where("dismissed_at IS NOT NULL")
	} else {
		q = q.Where("dismissed_at IS NULL")
	}
	if f.After != 0 {
		q = q.Where("id < ?", f.After)
	}
	err = q.Order("id DESC").Limit(pageLimit(f.Limit)).Find(&list).Error
	return list, err
}

var likeEscape = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

func groupByID(tx *gorm.DB, id int64, owners []int64) (*model.CustomerGroup, error) {
	g, err := take(within(tx, owners).Where("id = ?", id))
	if g == nil && err == nil {
		err = ErrNotFound
	}
	return g, err
}

// within keeps to the groups of some owners; nil means everybody's.
func within(tx *gorm.DB, owners []int64) *gorm.DB {
	if owners == nil {
		return tx
	}
	return tx.Where("owner_staff_id IN ?", owners)
}

func pageLimit(n int) int {
	if n <= 0 {
		return 50
	}
	return min(n, 200)
}
