package autotag

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/segment"
)

// ruleByID finds a rule that is not gone.
func ruleByID(tx *gorm.DB, id int64) (*model.TagRule, error) {
	var row model.TagRule
	err := tx.Where("id = ? AND gone_at IS NULL", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find automatic rule %d: %w", id, err)
	}
	return &row, nil
}

func lockRule(tx *gorm.DB, id int64) (*model.TagRule, error) {
	return ruleByID(model.ForUpdate(tx), id)
}

func enabledRules(tx *gorm.DB) (rows []model.TagRule, err error) {
	if err = tx.Where("enabled = ? AND gone_at IS NULL", true).Order("id").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list automatic rules that are on: %w", err)
	}
	return rows, nil
}

func rulesBefore(tx *gorm.DB, before int64, limit int) (rows []model.TagRule, err error) {
	q := tx.Where("gone_at IS NULL").Order("id DESC").Limit(limit)
	if before != 0 {
		q = q.Where("id < ?", before)
	}
	if err = q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list automatic rules: %w", err)
	}
	return rows, nil
}

func saveRule(tx *gorm.DB, row *model.TagRule, columns ...string) error {
	if err := tx.Model(row).Select(columns).Updates(row).Error; err != nil {
		return fmt.Errorf("save automatic rule %d: %w", row.ID, err)
	}
	return nil
}

func countGiven(tx *gorm.DB, id int64, n int) error {
	err := tx.Model(&model.TagRule{}).Where("id = ?", id).UpdateColumn("given", gorm.Expr("given + ?", n)).Error
	if err != nil {
		return fmt.Errorf("count what rule %d gave: %w", id, err)
	}
	return nil
}

func setTimedUntil(tx *gorm.DB, id int64, at time.Time) error {
	if err := tx.Model(&model.TagRule{}).Where("id = ?", id).UpdateColumn("timed_until", at).Error; err != nil {
		return fmt.Errorf("note the time of rule %d: %w", id, err)
	}
	return nil
}

// timedUntil notes up to when time was looked at, unless somebody else has.
func timedUntil(tx *gorm.DB, id int64, from, to time.Time) error {
	err := tx.Model(&model.TagRule{}).Where("id = ? AND timed_until = ?", id, from).UpdateColumn("timed_until", to).Error
	if err != nil {
		return fmt.Errorf("note the time of rule %d: %w", id, err)
	}
	return nil
}

// endScan notes that all customers were looked at.
func endScan(tx *gorm.DB, p scanRef) error {
	err := tx.Model(&model.TagRule{}).Where("id = ? AND version = ?", p.RuleID, p.Version).
		UpdateColumns(map[string]any{"scan_version": p.Version, "scan_reset": false, "fitting": p.Fitting}).Error
	if err != nil {
		return fmt.Errorf("end the scan of rule %d: %w", p.RuleID, err)
	}
	return nil
}

func customersAfter(tx *gorm.DB, after int64, limit int) (ids []int64, err error) {
	if err = tx.Model(&model.Customer{}).Where("id > ?", after).Order("id").Limit(limit).Pluck("id", &ids).Error; err != nil {
		return nil, fmt.Errorf("list customers: %w", err)
	}
	return ids, nil
}

func selectIDs(tx *gorm.DB, q segment.Query) (ids []int64, err error) {
	if err = tx.Raw(q.SQL, q.Args...).Scan(&ids).Error; err != nil {
		return nil, fmt.Errorf("ask a condition: %w", err)
	}
	return ids, nil
}

// membersAmong tells who of some customers fitted when last asked.
func membersAmong(tx *gorm.DB, ruleID int64, customers []int64) (map[int64]bool, error) {
	var ids []int64
	err := tx.Model(&model.TagRuleMember{}).Where("rule_id = ? AND customer_id IN ?", ruleID, customers).Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find members of rule %d: %w", ruleID, err)
	}
	out := make(map[int64]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, nil
}

func insertMembers(tx *gorm.DB, ruleID int64, customers []int64, now time.Time) error {
	rows := make([]*model.TagRuleMember, len(customers))
	for i, id := range customers {
		rows[i] = &model.TagRuleMember{RuleID: ruleID, CustomerID: id, Since: now}
	}
	if _, err := model.InsertNew(tx, rows); err != nil {
		return fmt.Errorf("create members of rule %d: %w", ruleID, err)
	}
	return nil
}

func deleteMembers(tx *gorm.DB, ruleID int64, customers []int64) error {
	if len(customers) == 0 {
		return nil
	}
	if err := tx.Where("rule_id = ? AND customer_id IN ?", ruleID, customers).Delete(&model.TagRuleMember{}).Error; err != nil {
		return fmt.Errorf("delete members of rule %d: %w", ruleID, err)
	}
	return nil
}

func insertActs(tx *gorm.DB, rows []*model.TagRuleAct) error {
	if len(rows) == 0 {
		return nil
	}
	for _, r := range rows {
		if text := []rune(r.Why); len(text) > 255 {
			r.Why = string(text[:255])
		}
	}
	if err := tx.CreateInBatches(rows, 500).Error; err != nil {
		return fmt.Errorf("note what rules did: %w", err)
	}
	return nil
}

// actsSince counts what a rule did with customers, by customer and act.
func actsSince(tx *gorm.DB, ruleID int64, customers []int64, since time.Time) (map[int64]map[string]int, error) {
	var rows []struct {
		CustomerID int64
		Act        string
		N          int
	}
	err := tx.Model(&model.TagRuleAct{}).Select("customer_id, act, COUNT(*) AS n").
		Where("rule_id = ? AND customer_id IN ? AND at > ?", ruleID, customers, since).Group("customer_id, act").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count acts of rule %d: %w", ruleID, err)
	}
	out := map[int64]map[string]int{}
	for _, r := range rows {
		if out[r.CustomerID] == nil {
			out[r.CustomerID] = map[string]int{}
		}
		out[r.CustomerID][r.Act] = r.N
	}
	return out, nil
}

func actsBefore(tx *gorm.DB, ruleID, customerID, before int64, limit int) (rows []model.TagRuleAct, err error) {
	q := tx.Where("rule_id = ?", ruleID).Order("id DESC").Limit(limit)
	if customerID != 0 {
		q = q.Where("customer_id = ?", customerID)
	}
	if before != 0 {
		q = q.Where("id < ?", before)
	}
	if err = q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list acts of rule %d: %w", ruleID, err)
	}
	return rows, nil
}

// pruneActs deletes a batch of old history and tells how much there was.
func pruneActs(tx *gorm.DB, before time.Time, limit int) (int64, error) {
	var ids []int64
	if err := tx.Model(&model.TagRuleAct{}).Where("at < ?", before).Order("at").Limit(limit).Pluck("id", &ids).Error; err != nil {
		return 0, fmt.Errorf("find old acts: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	res := tx.Where("id IN ?", ids).Delete(&model.TagRuleAct{})
	return res.RowsAffected, res.Error
}

// liveTags tells which of the tags are there, as customers bear them: a mirror is the tag that it mirrors.
func liveTags(tx *gorm.DB, ids []int64) (map[int64]int64, error) {
	var rows []model.Tag
	if err := tx.Where("id IN ? AND gone_at IS NULL AND sync_state <> 'deleting'", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find tags: %w", err)
	}
	out := map[int64]int64{}
	for _, t := range rows {
		out[t.ID] = t.ID
		if t.MirrorOf != 0 {
			out[t.ID] = t.MirrorOf
		}
	}
	return out, nil
}

// segmentRules gives the rules of segments that have one.
func segmentRules(tx *gorm.DB, ids []int64) (rules []string, err error) {
	err = tx.Model(&model.Segment{}).Where("id IN ? AND gone_at IS NULL AND rule <> ''", ids).Order("id").Pluck("rule", &rules).Error
	if err != nil {
		return nil, fmt.Errorf("find segments: %w", err)
	}
	return rules, nil
}
