package job

import (
	"errors"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// The states of a tick and what set it off. Names are data.
const (
	plantedTick = "planted"
	runningTick = "running"
	doneTick    = "done"
	failedTick  = "failed"
	missedTick  = "missed"

	byClock   = "clock"
	byCatchUp = "catch_up"
	byPerson  = "person"
)

// lockJob locks the row that says how far a job is planted. A job that is new has nothing due yet.
func lockJob(tx *gorm.DB, job string, now time.Time) (*model.CronJob, error) {
	var row model.CronJob
	err := model.ForUpdate(tx).Where("job = ?", job).Take(&row).Error
	if !errors.Is(err, gorm.ErrRecordNotFound) {
		return &row, err
	}
	if err := model.InsertIgnore(tx).Create(&model.CronJob{Job: job, PlantedUntil: now, CreatedAt: now}).Error; err != nil {
		return nil, err
	}
	row = model.CronJob{}
	return &row, model.ForUpdate(tx).Where("job = ?", job).Take(&row).Error
}

func setPlanted(tx *gorm.DB, job string, until time.Time) error {
	return tx.Model(&model.CronJob{}).Where("job = ?", job).Update("planted_until", until).Error
}

// pauseOf tells who paused a job; nil: nobody has.
func pauseOf(tx *gorm.DB, job string) (*model.CronPause, error) {
	var row model.CronPause
	err := tx.Where("job = ?", job).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	return &row, err
}

func deletePause(tx *gorm.DB, job string) error {
	return tx.Where("job = ?", job).Delete(&model.CronPause{}).Error
}

// insertTick makes a tick's row, or takes over one that was only marked as missed; isNew is false when
// the tick was planted before.
func insertTick(tx *gorm.DB, t tick, trigger string, by int64, now time.Time) (isNew bool, err error) {
	res := model.InsertIgnore(tx).Create(&model.CronTick{
		Job: t.Job, FireTime: t.FireTime, Status: plantedTick, Trigger: trigger, AskedBy: by, CreatedAt: now,
	})
	if res.Error != nil || res.RowsAffected > 0 {
		return res.RowsAffected > 0, res.Error
	}
	res = tx.Exec("UPDATE cron_tick SET status = 'planted', trigger_kind = ?, error = '', finished_at = NULL WHERE job = ? AND fire_time = ? AND status = 'missed' AND started_at IS NULL",
		trigger, t.Job, t.FireTime)
	return res.RowsAffected > 0, res.Error
}

// insertMissed records ticks that nobody planted in time and tells how many had no row yet.
func insertMissed(tx *gorm.DB, job string, ticks []time.Time, now time.Time) (int64, error) {
	if len(ticks) == 0 {
		return 0, nil
	}
	rows := make([]model.CronTick, len(ticks))
	for i, at := range ticks {
		rows[i] = model.CronTick{
			Job: job, FireTime: at, Status: missedTick, Trigger: byClock, FinishedAt: &now,
			Error: "nobody was there to plant it", CreatedAt: now,
		}
	}
	res := model.InsertIgnore(tx).Create(&rows)
	return res.RowsAffected, res.Error
}

// countUnlisted adds to the oldest listed tick how many before it were missed and have no row.
func countUnlisted(tx *gorm.DB, job string, from, oldest time.Time, before int64) (int64, error) {
	var have int64
	err := tx.Model(&model.CronTick{}).
		Where("job = ? AND fire_time > ? AND fire_time < ? AND trigger_kind <> 'person'", job, from, oldest).Count(&have).Error
	if err != nil || have >= before {
		return 0, err
	}
	return before - have, tx.Exec("UPDATE cron_tick SET missed_before = missed_before + ? WHERE job = ? AND fire_time = ?",
		before-have, job, oldest).Error
}

func findTick(tx *gorm.DB, job string, at time.Time) (*model.CronTick, error) {
	var row model.CronTick
	return &row, tx.Where("job = ? AND fire_time = ?", job, at).Take(&row).Error
}

// setRunning marks a tick as running, unless it has been done: then only the end of its work was lost.
func setRunning(tx *gorm.DB, t tick, now time.Time) (doneBefore bool, err error) {
	row, err := findTick(tx, t.Job, t.FireTime)
	if err != nil || row.Status == doneTick {
		return row.Status == doneTick, err
	}
	return false, tx.Exec("UPDATE cron_tick SET status = 'running', started_at = ?, finished_at = NULL, error = '' WHERE id = ?", now, row.ID).Error
}

func setEnded(tx *gorm.DB, t tick, status, text string, now time.Time) error {
	return tx.Exec("UPDATE cron_tick SET status = ?, finished_at = ?, error = ? WHERE job = ? AND fire_time = ?",
		status, now, text, t.Job, t.FireTime).Error
}

// setOvertaken marks a tick as missed if it never began, and as failed if it did not come to an end; one
// that has an end keeps it.
func setOvertaken(tx *gorm.DB, t tick, now time.Time) (status string, err error) {
	row, err := findTick(tx, t.Job, t.FireTime)
	if err != nil {
		return "", err
	}
	switch row.Status {
	case plantedTick:
		// With a start it differs from a tick that nobody planted, which may still be planted.
		if err := tx.Model(row).Update("started_at", now).Error; err != nil {
			return "", err
		}
		return missedTick, setEnded(tx, t, missedTick, "the next tick came first", now)
	case runningTick:
		return failedTick, setEnded(tx, t, failedTick, "did not end before the next tick", now)
	}
	return "", nil
}

// openTicks lists ticks that were planted a while ago and have not ended.
func openTicks(db *gorm.DB, createdBefore time.Time, afterID int64) (rows []model.CronTick, err error) {
	return rows, db.Where("status IN ('planted', 'running') AND created_at < ? AND id > ?", createdBefore, afterID).
		Order("id").Limit(500).Find(&rows).Error
}

// settle writes what the queue knows of a tick, unless it has come to an end meanwhile.
func settle(tx *gorm.DB, id int64, status, text string, now time.Time) (int64, error) {
	res := tx.Exec("UPDATE cron_tick SET status = ?, error = ?, finished_at = ? WHERE id = ? AND status IN ('planted', 'running')",
		status, text, now, id)
	return res.RowsAffected, res.Error
}

func deleteTicks(tx *gorm.DB, before time.Time, limit int) (int64, error) {
	var ids []int64
	err := tx.Model(&model.CronTick{}).Where("fire_time < ?", before).Limit(limit).Pluck("id", &ids).Error
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	res := tx.Where("id IN ?", ids).Delete(&model.CronTick{})
	return res.RowsAffected, res.Error
}

// listTicks reads one row more than the limit, which tells whether there is a next page.
func listTicks(db *gorm.DB, f Filter) (rows []model.CronTick, err error) {
	query := db.Order("id DESC").Limit(f.Limit + 1)
	if f.Job != "" {
		query = query.Where("job = ?", f.Job)
	}
	if f.Status != "" {
		query = query.Where("status = ?", f.Status)
	}
	if f.Before > 0 {
		query = query.Where("id < ?", f.Before)
	}
	return rows, query.Find(&rows).Error
}

// lastTick is a job's newest tick; nil when it has none.
func lastTick(db *gorm.DB, job string) (*model.CronTick, error) {
	var row model.CronTick
	err := db.Where("job = ?", job).Order("fire_time DESC").Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil
	}
	return &row, err
}
