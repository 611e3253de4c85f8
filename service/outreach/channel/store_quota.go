package channel

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
	"zhiyin/service/account"
)

// recipient is who a delivery is for.
type recipient struct {
	ID         int64
	CustomerID int64
	GroupID    int64
}

func recipientsOf(tx *gorm.DB, ids []int64) (map[int64]recipient, error) {
	out := make(map[int64]recipient, len(ids))
	for part := range slices.Chunk(ids, statementPart) {
		var rows []recipient
		if err := tx.Model(&model.Delivery{}).Select("id, customer_id, group_id").Where("id IN ?", part).Scan(&rows).Error; err != nil {
			return nil, fmt.Errorf("find recipients: %w", err)
		}
		for _, r := range rows {
			out[r.ID] = r
		}
	}
	return out, nil
}

func compareQuota(a, b *model.MassQuota) int {
	return cmp.Or(cmp.Compare(a.CustomerID, b.CustomerID), cmp.Compare(a.GroupID, b.GroupID), cmp.Compare(a.Period, b.Period))
}

// addQuota adds what rows say to what is there.
func addQuota(tx *gorm.DB, rows []*model.MassQuota) error {
	for part := range slices.Chunk(rows, statementPart) {
		values := "VALUES(%s)"
		if model.IsSQLite(tx) {
			values = "excluded.%s"
		}
		set := clause.Assignments(map[string]any{
			"used":       gorm.Expr("mass_quota.used + " + fmt.Sprintf(values, "used")),
			"spent":      gorm.Expr("CASE WHEN " + fmt.Sprintf(values, "spent") + " THEN " + fmt.Sprintf(values, "spent") + " ELSE mass_quota.spent END"),
			"updated_at": gorm.Expr(fmt.Sprintf(values, "updated_at")),
		})
		onConflict := clause.OnConflict{
			Columns: []clause.Column{{Name: "account_id"}, {Name: "period"}, {Name: "customer_id"}, {Name: "group_id"}}, DoUpdates: set,
		}
		if err := tx.Clauses(onConflict).Create(part).Error; err != nil {
			return fmt.Errorf("count mass messages: %w", err)
		}
	}
	return nil
}

func quotasOf(tx *gorm.DB, customerIDs []int64, periods []string) ([]model.MassQuota, error) {
	var all []model.MassQuota
	for part := range slices.Chunk(customerIDs, statementPart) {
		var rows []model.MassQuota
		if err := tx.Where("customer_id IN ? AND group_id = 0 AND period IN ?", part, periods).Find(&rows).Error; err != nil {
			return nil, fmt.Errorf("read quotas: %w", err)
		}
		all = append(all, rows...)
	}
	return all, nil
}

func sumQuota(tx *gorm.DB, accountID int64, p period, f *Forecast) error {
	err := tx.Model(&model.MassQuota{}).
		Select("COALESCE(SUM(used), 0) AS used, COUNT(*) AS customers, COALESCE(SUM(CASE WHEN spent OR used >= ? THEN 1 ELSE 0 END), 0) AS spent", p.limit).
		Where("account_id = ? AND period = ? AND group_id = 0", accountID, p.name).
		Row().Scan(&f.Used, &f.Customers, &f.Spent)
	if err != nil {
		return fmt.Errorf("sum up quotas: %w", err)
	}
	return nil
}

func pruneQuota(tx *gorm.DB, before time.Time) error {
	if err := tx.Where("updated_at < ?", before).Delete(&model.MassQuota{}).Error; err != nil {
		return fmt.Errorf("forget old quotas: %w", err)
	}
	return nil
}

// corpAccounts lists the corps that are in use.
func corpAccounts(tx *gorm.DB) (ids []int64, err error) {
	if err := tx.Model(&model.Account{}).Where("kind = ? AND enabled = ?", account.KindWeCom, true).Order("id").Pluck("id", &ids).Error; err != nil {
		return nil, fmt.Errorf("list corps: %w", err)
	}
	return ids, nil
}
