package referral

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"zhiyin/model"
	"zhiyin/service/moderation"
)

func programmeRow(tx *gorm.DB, id int64) (row model.ReferralProgramme, err error) {
	err = tx.Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return row, ErrNotFound
	}
	if err != nil {
		return row, fmt.Errorf("find programme %d: %w", id, err)
	}
	return row, nil
}

func programme(tx *gorm.DB, id int64) (*Programme, error) {
	row, err := programmeRow(tx, id)
	if err != nil {
		return nil, err
	}
	list, err := withParts(tx, []model.ReferralProgramme{row})
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// lockProgramme is programme, for who changes it.
func lockProgramme(tx *gorm.DB, id int64) (*Programme, error) {
	if _, err := programmeRow(model.ForUpdate(tx), id); err != nil {
		return nil, err
	}
	return programme(tx, id)
}

// withParts reads the ladders and budgets of programmes.
func withParts(tx *gorm.DB, rows []model.ReferralProgramme) ([]Programme, error) {
	list, ids, at := make([]Programme, len(rows)), make([]int64, len(rows)), map[int64]int{}
	for i, r := range rows {
		list[i].ReferralProgramme, ids[i], at[r.ID] = r, r.ID, i
	}
	var steps []model.ReferralStep
	var budgets []model.ReferralBudget
	adding, err := addingOf(tx, ids)
	if err != nil {
		return nil, err
	}
	if err := tx.Where("programme_id IN ?", ids).Order("programme_id, place").Find(&steps).Error; err != nil {
		return nil, fmt.Errorf("read ladders: %w", err)
	}
	if err := tx.Where("programme_id IN ?", ids).Find(&budgets).Error; err != nil {
		return nil, fmt.Errorf("read budgets: %w", err)
	}
	for _, st := range steps {
		p := &list[at[st.ProgrammeID]]
		p.Steps = append(p.Steps, st)
	}
	for i := range adding {
		list[at[adding[i].ProgrammeID]].Adding = &adding[i]
	}
	for _, b := range budgets {
		list[at[b.ProgrammeID]].Budget = b
	}
	return list, nil
}

func programmesBefore(tx *gorm.DB, open bool, now time.Time, before int64, limit int) ([]Programme, error) {
	q := tx.Order("id DESC").Limit(limit)
	if open {
		q = q.Where("state = ? AND valid_from <= ? AND valid_until > ?", StateActive, now, now)
	}
	if before != 0 {
		q = q.Where("id < ?", before)
	}
	var rows []model.ReferralProgramme
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list programmes: %w", err)
	}
	return withParts(tx, rows)
}

// writeProgramme stores a programme, which is new or locked by the caller.
func writeProgramme(tx *gorm.DB, row *model.ReferralProgramme) error {
	var err error
	if row.ID == 0 {
		err = tx.Create(row).Error
	} else {
		err = tx.Select("*").UpdateColumns(row).Error
	}
	if err != nil {
		return fmt.Errorf("save programme %d: %w", row.ID, err)
	}
	return nil
}

func replaceSteps(tx *gorm.DB, id int64, steps []Step) error {
	if err := tx.Where("programme_id = ?", id).Delete(&model.ReferralStep{}).Error; err != nil {
		return fmt.Errorf("replace the ladder of programme %d: %w", id, err)
	}
	rows := make([]model.ReferralStep, len(steps))
	for i, st := range steps {
		rows[i] = model.ReferralStep{
			ProgrammeID: id, Place: i, Friends: st.Friends, Kind: st.Kind, Name: st.Name, Points: st.Points, BatchID: st.BatchID, CostFen: st.CostFen,
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := tx.Create(&rows).Error; err != nil {
		return fmt.Errorf("replace the ladder of programme %d: %w", id, err)
	}
	return nil
}

// writeLimits sets what a programme may give; what it has given stays.
func writeLimits(tx *gorm.DB, id int64, b Budget) error {
	err := tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "programme_id"}},
		DoUpdates: clause.Assignments(map[string]any{"limit_rewards": b.Rewards, "limit_points": b.Points, "limit_coupons": b.Coupons, "limit_fen": b.Fen}),
	}).Create(&model.ReferralBudget{ProgrammeID: id, LimitRewards: b.Rewards, LimitPoints: b.Points, LimitCoupons: b.Coupons, LimitFen: b.Fen}).Error
	if err != nil {
		return fmt.Errorf("set the budget of programme %d: %w", id, err)
	}
	return nil
}

// standing gives who stands for a customer.
func standing(tx *gorm.DB, id int64) (int64, error) {
	for range 100 {
		var c model.Customer
		if err := tx.Select("id", "merged_into").Where("id = ?", id).Take(&c).Error; err != nil {
			return 0, fmt.Errorf("find who stands for customer %d: %w", id, err)
		}
		if c.MergedInto == 0 {
			return id, nil
		}
		id = c.MergedInto
	}
	return 0, fmt.Errorf("customer %d is merged in a circle", id)
}

// avatarOf is where the platform keeps a customer's avatar; empty when others must not see it.
func avatarOf(tx *gorm.DB, customerID int64) (string, error) {
	var c model.Customer
	if err := tx.Select("id", "avatar").Where("id = ?", customerID).Take(&c).Error; err != nil {
		return "", fmt.Errorf("find customer %d: %w", customerID, err)
	}
	shown, err := moderation.Shown(tx, "avatar", moderation.Saying{CustomerID: customerID, Content: c.Avatar})
	if err != nil {
		return "", err
	}
	return shown[0], nil
}

// codeOf gives the first of a customer's codes of a programme; nil: they have none.
func codeOf(tx *gorm.DB, programmeID, customerID int64) (*model.ReferralCode, error) {
	var rows []model.ReferralCode
	if err := tx.Where("customer_id = ? AND programme_id = ?", customerID, programmeID).Order("id").Limit(1).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find a code: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &rows[0], nil
}

func insertCode(tx *gorm.DB, row *model.ReferralCode) error {
	if err := model.InsertIgnore(tx).Create(row).Error; err != nil {
		return fmt.Errorf("insert a code: %w", err)
	}
	return nil
}

func codeByText(tx *gorm.DB, text string) (*model.ReferralCode, error) {
	var row model.ReferralCode
	err := tx.Where("code = ?", text).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrCode
	}
	if err != nil {
		return nil, fmt.Errorf("find a code by its text: %w", err)
	}
	return &row, nil
}

// lockInviter takes an inviter's turn in a programme: their codes. Everything that changes whom they have invited, or what they
// are owed for it, takes it first.
func lockInviter(tx *gorm.DB, programmeID, customerID int64) error {
	var ids []int64
	err := model.ForUpdate(tx).Model(&model.ReferralCode{}).Where("customer_id = ? AND programme_id = ?", customerID, programmeID).Order("id").Pluck("id", &ids).Error
	if err != nil {
		return fmt.Errorf("lock inviter %d: %w", customerID, err)
	}
	return nil
}

// programmesOfInviter lists where a customer has codes.
func programmesOfInviter(tx *gorm.DB, customerID int64) (ids []int64, err error) {
	err = tx.Model(&model.ReferralCode{}).Where("customer_id = ?", customerID).Distinct().Order("programme_id").Pluck("programme_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("list the programmes of inviter %d: %w", customerID, err)
	}
	return ids, nil
}
