package channel

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
)

// quotaOfSet sums what a set has had in a period, and counts who can't get more.
func quotaOfSet(db *gorm.DB, ask outreach.BudgetAsk, p period, groups bool) (used, spent int64, err error) {
	whom := "group_id = 0 AND customer_id IN (?)"
	if groups {
		whom = "customer_id = 0 AND group_id IN (?)"
	}
	err = db.Model(&model.MassQuota{}).
		Select("COALESCE(SUM(CASE WHEN spent OR used >= ? THEN ? ELSE used END), 0), COALESCE(SUM(CASE WHEN spent OR used >= ? THEN 1 ELSE 0 END), 0)", p.limit, p.limit, p.limit).
		Where("account_id = ? AND period = ?", ask.AccountID, p.name).Where(whom, ask.Recipients).
		Row().Scan(&used, &spent)
	if err != nil {
		return 0, 0, fmt.Errorf("sum up the quotas of an audience: %w", err)
	}
	return used, spent, nil
}

// windowsOfSet counts whose latest window is open and not used up.
func windowsOfSet(db *gorm.DB, ask outreach.BudgetAsk, b *outreach.Budget) error {
	err := db.Raw("SELECT COUNT(*), COALESCE(SUM(? - sent), 0) FROM ("+
		"SELECT sent, last_at, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY last_at DESC, id DESC) AS nth FROM kf_window"+
		" WHERE account_id = ? AND customer_id IN (?)) latest WHERE nth = 1 AND sent < ? AND last_at > ?",
		kfMost, ask.AccountID, ask.Recipients, kfMost, ask.At.Add(-kfWindow)).Row().Scan(&b.Reachable, &b.Left)
	if err != nil {
		return fmt.Errorf("count the open windows of an audience: %w", err)
	}
	return nil
}

// grantsOfSet counts who has consents left to a template: of several openids of one person the one with most.
func grantsOfSet(db *gorm.DB, ask outreach.BudgetAsk, b *outreach.Budget) error {
	err := db.Raw("SELECT COUNT(*), COALESCE(SUM(rest), 0) FROM (SELECT MAX("+granted+" - used) AS rest FROM subscribe_grant"+
		" WHERE account_id = ? AND template_id = ? AND customer_id IN (?) GROUP BY customer_id) each_one WHERE rest > 0",
		ask.AccountID, b.Template, ask.Recipients).Row().Scan(&b.Reachable, &b.Left)
	if err != nil {
		return fmt.Errorf("count the consents of an audience: %w", err)
	}
	return nil
}

// templatesNamed says which template each version of a message fills.
func templatesNamed(db *gorm.DB, versions []int64) (map[int64]string, error) {
	var rows []model.MessageVersion
	if err := db.Select("id, body").Where("id IN ?", versions).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find the templates of messages: %w", err)
	}
	out := make(map[int64]string, len(rows))
	for _, r := range rows {
		c, err := message.Decode(r.Body)
		if err != nil {
			return nil, fmt.Errorf("read message version %d: %w", r.ID, err)
		}
		if c.Subscribe != nil {
			out[r.ID] = c.Subscribe.TemplateID
		}
	}
	return out, nil
}
