package channel

import (
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
)

// follower is a member of staff through whom a customer can be reached.
type follower struct {
	CustomerID     int64
	StaffID        int64
	UserID         string `gorm:"column:userid"`
	ExternalUserID string `gorm:"column:external_userid"`
}

const statementPart = 500

// followers lists who follows customers in an account, of each customer the latest first; staffID 0: anybody.
func followers(tx *gorm.DB, accountID, staffID int64, customerIDs []int64) (map[int64][]follower, error) {
	out := make(map[int64][]follower, len(customerIDs))
	for part := range slices.Chunk(customerIDs, statementPart) {
		q := tx.Table("relation AS r").Select("r.customer_id, r.staff_id, s.userid, r.external_userid").
			Joins("JOIN staff AS s ON s.id = r.staff_id").
			Where("r.customer_id IN ? AND r.account_id = ? AND r.status = 'active' AND s.gone_at IS NULL", part, accountID)
		if staffID != 0 {
			q = q.Where("r.staff_id = ?", staffID)
		}
		var rows []follower
		if err := q.Order("r.added_at DESC, r.id DESC").Scan(&rows).Error; err != nil {
			return nil, fmt.Errorf("find who follows customers: %w", err)
		}
		for _, r := range rows {
			out[r.CustomerID] = append(out[r.CustomerID], r)
		}
	}
	return out, nil
}

// ways lists through whom customers can be written to, the one to take first. Whoever is named is the only one; but whom a campaign has
// named it chose by itself, so when they follow a customer no more, another who does takes their place.
func ways(tx *gorm.DB, of outreach.Delivery, customerIDs []int64) (map[int64][]follower, error) {
	if of.Source != outreach.SourceCampaign {
		return followers(tx, of.AccountID, of.StaffID, customerIDs)
	}
	all, err := followers(tx, of.AccountID, 0, customerIDs)
	for _, list := range all {
		if i := slices.IndexFunc(list, func(f follower) bool { return f.StaffID == of.StaffID }); i > 0 {
			list[0], list[i] = list[i], list[0]
		}
	}
	return all, err
}

// staffUserID is a member's id at the platform; empty when there is no such member any more.
func staffUserID(tx *gorm.DB, accountID, staffID int64) (string, error) {
	var rows []model.Staff
	err := tx.Select("id", "userid").Where("id = ? AND account_id = ? AND gone_at IS NULL", staffID, accountID).Limit(1).Find(&rows).Error
	if err != nil {
		return "", fmt.Errorf("find staff %d: %w", staffID, err)
	}
	if len(rows) == 0 {
		return "", nil
	}
	return rows[0].UserID, nil
}

// ownedGroup is a customer group with its owner.
type ownedGroup struct {
	ID      int64
	ChatID  string
	StaffID int64  `gorm:"column:owner_staff_id"`
	UserID  string `gorm:"column:userid"`
}

// ownedGroups finds groups that still are, with owners that still are.
func ownedGroups(tx *gorm.DB, accountID int64, ids []int64) (map[int64]ownedGroup, error) {
	out := make(map[int64]ownedGroup, len(ids))
	for part := range slices.Chunk(ids, statementPart) {
		var rows []ownedGroup
		err := tx.Table("customer_group AS g").Select("g.id, g.chat_id, g.owner_staff_id, s.userid").Joins("JOIN staff AS s ON s.id = g.owner_staff_id").
			Where("g.id IN ? AND g.account_id = ? AND g.dismissed_at IS NULL AND s.gone_at IS NULL", part, accountID).Scan(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("find groups: %w", err)
		}
		for _, r := range rows {
			out[r.ID] = r
		}
	}
	return out, nil
}

// identities lists customers' identities of a kind, the latest first; scope "" means any.
func identities(tx *gorm.DB, kind, scope string, customerIDs []int64) (map[int64][]model.Identity, error) {
	out := make(map[int64][]model.Identity, len(customerIDs))
	for part := range slices.Chunk(customerIDs, statementPart) {
		q := tx.Where("customer_id IN ? AND kind = ?", part, kind)
		if scope != "" {
			q = q.Where("scope = ?", scope)
		}
		var rows []model.Identity
		if err := q.Order("id DESC").Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("find identities: %w", err)
		}
		for _, r := range rows {
			out[r.CustomerID] = append(out[r.CustomerID], r)
		}
	}
	return out, nil
}
