package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func runByID(tx *gorm.DB, id int64) (*model.LifecycleRun, error) {
	var run model.LifecycleRun
	err := tx.Where("id = ?", id).Take(&run).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrRunNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find computation %d: %w", id, err)
	}
	return &run, nil
}

func runningRun(tx *gorm.DB) (*model.LifecycleRun, error) {
	var rows []model.LifecycleRun
	if err := tx.Where("running_slot = 1").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find the running computation: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	return &rows[0], nil
}

func runsBefore(tx *gorm.DB, before int64, limit int) ([]model.LifecycleRun, error) {
	var rows []model.LifecycleRun
	q := tx.Order("id DESC").Limit(limit)
	if before > 0 {
		q = q.Where("id < ?", before)
	}
	if err := q.Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list computations: %w", err)
	}
	return rows, nil
}

// moveRun goes from one state of a run to the next, if it is still in the first: nobody ended it, and no other worker has
// gone on with it.
func moveRun(tx *gorm.DB, from, to *model.LifecycleRun) error {
	res := tx.Model(&model.LifecycleRun{}).
		Where("id = ? AND status = ? AND phase = ? AND done_id = ?", from.ID, RunRunning, from.Phase, from.DoneID).
		Select("running_slot", "status", "phase", "done_id", "total", "finished", "changed", "basis_id", "updated_at", "finished_at").Updates(to)
	if res.Error != nil {
		return fmt.Errorf("move computation %d: %w", from.ID, res.Error)
	}
	if res.RowsAffected == 0 {
		return whyNotMoved(tx, from)
	}
	return nil
}

func whyNotMoved(tx *gorm.DB, from *model.LifecycleRun) error {
	run, err := runByID(tx, from.ID)
	if err != nil {
		return err
	}
	if run.Status != RunRunning {
		return ErrRunOver
	}
	return errOvertaken
}

// noteRun shows how far a phase is that has nothing to move.
func noteRun(tx *gorm.DB, run *model.LifecycleRun, finished int64, now time.Time) error {
	res := tx.Model(&model.LifecycleRun{}).Where("id = ? AND status = ? AND phase = ?", run.ID, RunRunning, run.Phase).
		Updates(map[string]any{"finished": finished, "updated_at": now})
	if res.Error != nil {
		return fmt.Errorf("note computation %d: %w", run.ID, res.Error)
	}
	if res.RowsAffected > 0 {
		return nil
	}
	// MySQL counts rows that changed; one that says so already is no other's.
	there, err := runByID(tx, run.ID)
	if err == nil && there.Status == RunRunning && there.Phase == run.Phase {
		return nil
	}
	return whyNotMoved(tx, run)
}

// endRun fails with ErrRunOver when it has ended already.
func endRun(tx *gorm.DB, id int64, status, reason string, now time.Time) error {
	if r := []rune(reason); len(r) > 255 {
		reason = string(r[:255])
	}
	res := tx.Model(&model.LifecycleRun{}).Where("id = ? AND status = ?", id, RunRunning).
		Updates(map[string]any{"running_slot": nil, "status": status, "error": reason, "updated_at": now, "finished_at": now})
	if res.Error != nil {
		return fmt.Errorf("end computation %d: %w", id, res.Error)
	}
	if res.RowsAffected == 0 {
		return ErrRunOver
	}
	return nil
}

// standingAfter gives the id of the customer so many standings after an id, or 0 when there are fewer.
func standingAfter(tx *gorm.DB, id int64, n int) (int64, error) {
	var ids []int64
	err := tx.Model(&model.CustomerLifecycle{}).Where("customer_id > ?", id).Order("customer_id").Offset(n-1).Limit(1).Pluck("customer_id", &ids).Error
	if err != nil {
		return 0, fmt.Errorf("page through standings: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	return ids[0], nil
}

// dropOrphans takes away the standings of customers who don't exist any more, after one id, up to another.
func dropOrphans(tx *gorm.DB, from, to int64) error {
	var ids []int64
	err := tx.Table("customer_lifecycle AS l").Joins("LEFT JOIN customer AS c ON c.id = l.customer_id").
		Where("l.customer_id > ? AND l.customer_id <= ? AND c.id IS NULL", from, to).Pluck("l.customer_id", &ids).Error
	if err != nil {
		return fmt.Errorf("find standings of nobody: %w", err)
	}
	for part := range slices.Chunk(ids, 500) {
		if err := deleteStandings(tx, part); err != nil {
			return err
		}
		if err := deleteChanges(tx, part); err != nil {
			return err
		}
	}
	return nil
}

func stageSums(tx *gorm.DB, from, to int64) ([]model.StageDay, error) {
	var rows []model.StageDay
	err := tx.Model(&model.CustomerLifecycle{}).
		Select("stage, COUNT(*) AS customers, SUM(value_score) AS value_score, SUM(CASE WHEN expected_fen > 0 THEN expected_fen ELSE 0 END) AS expected_fen").
		Where("customer_id > ? AND customer_id <= ?", from, to).Group("stage").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count stages: %w", err)
	}
	return rows, nil
}

func replaceStageDay(tx *gorm.DB, day int, sums map[string]*model.StageDay) error {
	if err := tx.Where("day = ?", day).Delete(&model.StageDay{}).Error; err != nil {
		return fmt.Errorf("delete the counts of a day: %w", err)
	}
	var rows []*model.StageDay
	for _, r := range sums {
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return nil
	}
	if err := tx.Create(rows).Error; err != nil {
		return fmt.Errorf("create the counts of a day: %w", err)
	}
	return nil
}

// pruneBases keeps the newest bases up to one.
func pruneBases(tx *gorm.DB, upTo int64, keep int) error {
	var old []int64
	if err := tx.Model(&model.LifecycleBasis{}).Where("id <= ?", upTo).Order("id DESC").Offset(keep).Limit(500).Pluck("id", &old).Error; err != nil {
		return fmt.Errorf("find old bases: %w", err)
	}
	if len(old) == 0 {
		return nil
	}
	if err := tx.Where("id IN ?", old).Delete(&model.LifecycleBasis{}).Error; err != nil {
		return fmt.Errorf("delete old bases: %w", err)
	}
	return nil
}
