package referral

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// insertReward notes what somebody has earned; who has earned it already keeps what they have.
func insertReward(tx *gorm.DB, r *model.ReferralReward) error {
	return wrap(model.InsertIgnore(tx).Create(r).Error, "note a reward")
}

func rewardByID(tx *gorm.DB, id int64) (*model.ReferralReward, error) {
	var row model.ReferralReward
	err := tx.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find reward %d: %w", id, err)
	}
	return &row, nil
}

// rewardsOfInviter gives what an inviter has earned in a programme, by the place of the step.
func rewardsOfInviter(tx *gorm.DB, programmeID, customerID int64) (map[int][]model.ReferralReward, error) {
	var rows []model.ReferralReward
	err := tx.Where("customer_id = ? AND programme_id = ? AND role = ?", customerID, programmeID, Inviter).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("list the rewards of inviter %d: %w", customerID, err)
	}
	byPlace := map[int][]model.ReferralReward{}
	for _, r := range rows {
		byPlace[r.Place] = append(byPlace[r.Place], r)
	}
	return byPlace, nil
}

// rewardsOfEdge gives what an invitee has earned by an edge: nothing, or one.
func rewardsOfEdge(tx *gorm.DB, edgeID int64) (rows []model.ReferralReward, err error) {
	e, err := edgeByID(tx, edgeID)
	if err != nil {
		return nil, err
	}
	err = tx.Where("reward_key = ?", inviteeKey(e.ProgrammeID, edgeID)).Find(&rows).Error
	return rows, wrap(err, "find the reward of an invitee")
}

// moveReward has a reward go from one state to another, with what else is set, and tells whether it was in the first.
func moveReward(tx *gorm.DB, id int64, from, to string, now time.Time, set map[string]any) (bool, error) {
	columns := map[string]any{"state": to, "updated_at": now}
	for k, v := range set {
		columns[k] = v
	}
	res := tx.Model(&model.ReferralReward{}).Where("id = ? AND state = ?", id, from).UpdateColumns(columns)
	return res.RowsAffected == 1, wrap(res.Error, fmt.Sprintf("move reward %d", id))
}

func setReward(tx *gorm.DB, id int64, set map[string]any) error {
	if len(set) == 0 {
		return nil
	}
	return wrap(tx.Model(&model.ReferralReward{}).Where("id = ?", id).UpdateColumns(set).Error, fmt.Sprintf("set reward %d", id))
}

// oweAgain owes what was taken back and is earned anew.
func oweAgain(tx *gorm.DB, id int64, now time.Time) error {
	_, err := moveReward(tx, id, TakenBack, Owed, now, map[string]any{"turn": gorm.Expr("turn + 1"), "reason": "", "due_at": now, "entry_id": 0, "coupon_id": 0})
	return err
}

func dueRewards(tx *gorm.DB, now time.Time, after place, limit int) (rows []place, err error) {
	q := tx.Model(&model.ReferralReward{}).Select("referral_reward.id, referral_reward.due_at").
		Joins("JOIN referral_programme p ON p.id = referral_reward.programme_id AND p.state <> ?", StatePaused).
		Where("referral_reward.state = ? AND referral_reward.due_at <= ?", Owed, now)
	err = after.after(q, "referral_reward").Order("referral_reward.due_at, referral_reward.id").Limit(limit).Scan(&rows).Error
	return rows, wrap(err, "find rewards that are due")
}

// hurryOwed has everything tried at once that waits.
func hurryOwed(tx *gorm.DB, programmeID int64, now time.Time) error {
	err := tx.Model(&model.ReferralReward{}).Where("programme_id = ? AND state = ? AND due_at > ?", programmeID, Owed, now).UpdateColumn("due_at", now).Error
	return wrap(err, "hurry rewards")
}

// costs is what a reward takes from the budget.
func costs(r *model.ReferralReward) (points, coupons int64) {
	if r.Kind == Coupon {
		coupons = 1
	}
	return r.Points, coupons
}

// takeBudget takes a reward from what a programme may give; false: there is no room for it.
func takeBudget(tx *gorm.DB, r *model.ReferralReward) (bool, error) {
	points, coupons := costs(r)
	res := tx.Model(&model.ReferralBudget{}).Where("programme_id = ?", r.ProgrammeID).
		Where("(limit_rewards = 0 OR used_rewards < limit_rewards) AND (limit_points = 0 OR used_points + ? <= limit_points)", points).
		Where("(limit_coupons = 0 OR used_coupons + ? <= limit_coupons) AND (limit_fen = 0 OR used_fen + ? <= limit_fen)", coupons, r.CostFen).
		UpdateColumns(map[string]any{
			"used_rewards": gorm.Expr("used_rewards + 1"), "used_points": gorm.Expr("used_points + ?", points),
			"used_coupons": gorm.Expr("used_coupons + ?", coupons), "used_fen": gorm.Expr("used_fen + ?", r.CostFen),
		})
	return res.RowsAffected == 1, wrap(res.Error, "take from the budget")
}

func giveBackBudget(tx *gorm.DB, r *model.ReferralReward) error {
	points, coupons := costs(r)
	err := tx.Model(&model.ReferralBudget{}).Where("programme_id = ?", r.ProgrammeID).UpdateColumns(map[string]any{
		"used_rewards": gorm.Expr("used_rewards - 1"), "used_points": gorm.Expr("used_points - ?", points),
		"used_coupons": gorm.Expr("used_coupons - ?", coupons), "used_fen": gorm.Expr("used_fen - ?", r.CostFen),
	}).Error
	return wrap(err, "give back to the budget")
}
