package event

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
)

func insertFeedBatches(tx *gorm.DB, piles []model.EventFeedBatch) error {
	if len(piles) == 0 {
		return nil
	}
	if err := tx.CreateInBatches(piles, statementRows).Error; err != nil {
		return fmt.Errorf("leave events for feeds: %w", err)
	}
	return nil
}

func duePiles(db *gorm.DB, feed string, now time.Time, limit int) (piles []model.EventFeedBatch, err error) {
	err = db.Where("feed = ? AND due_at <= ? AND tries < ?", feed, now, feedTries).Order("first_id").Limit(limit).Find(&piles).Error
	if err != nil {
		return nil, fmt.Errorf("find events for feed %s: %w", feed, err)
	}
	return piles, nil
}

// takePiles removes piles, and tells whether all of them still were there as they were seen. Piles don't
// overlap, so one whose ends are both named is one of these.
func takePiles(tx *gorm.DB, piles []model.EventFeedBatch) (bool, error) {
	first, last := make([]int64, len(piles)), make([]int64, len(piles))
	for i, p := range piles {
		first[i], last[i] = p.FirstID, p.LastID
	}
	res := tx.Exec(model.DeleteByKey(tx, "event_feed_batch")+" WHERE feed = ? AND first_id IN ? AND last_id IN ?", piles[0].Feed, first, last)
	if res.Error != nil {
		return false, fmt.Errorf("take events: %w", res.Error)
	}
	return res.RowsAffected == int64(len(piles)), nil
}

// eventsIn reads the events of piles in the order of their ids.
func eventsIn(tx *gorm.DB, piles []model.EventFeedBatch) (events []model.Event, err error) {
	spans := spansOf(piles)
	q := tx.Where("id BETWEEN ? AND ?", spans[0][0], spans[0][1])
	for _, s := range spans[1:] {
		q = q.Or("id BETWEEN ? AND ?", s[0], s[1])
	}
	if err := q.Order("id").Find(&events).Error; err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return events, nil
}

// spansOf joins piles that lie side by side.
func spansOf(piles []model.EventFeedBatch) (spans [][2]int64) {
	sorted := slices.SortedFunc(slices.Values(piles), func(a, b model.EventFeedBatch) int { return int(a.FirstID - b.FirstID) })
	for _, p := range sorted {
		if n := len(spans); n > 0 && spans[n-1][1]+1 == p.FirstID {
			spans[n-1][1] = p.LastID
		} else {
			spans = append(spans, [2]int64{p.FirstID, p.LastID})
		}
	}
	return spans
}

// splitPile puts two in the place of one, unless somebody has taken it.
func splitPile(ctx context.Context, db *gorm.DB, whole, left, right model.EventFeedBatch) error {
	return model.InTx(ctx, db, func(tx *gorm.DB) error {
		taken, err := takePiles(tx, []model.EventFeedBatch{whole})
		if err != nil || !taken {
			return cmpErr(err, errTaken)
		}
		return insertFeedBatches(tx, []model.EventFeedBatch{left, right})
	})
}

func postponePile(db *gorm.DB, p model.EventFeedBatch, why string) error {
	if why = strings.ToValidUTF8(why, "?"); utf8.RuneCountInString(why) > 255 {
		why = fmt.Sprintf("%.254s…", why)
	}
	return db.Model(&model.EventFeedBatch{}).Where("feed = ? AND first_id = ? AND last_id = ?", p.Feed, p.FirstID, p.LastID).
		Updates(map[string]any{"tries": p.Tries, "due_at": p.DueAt, "error": why}).Error
}

func releasePiles(db *gorm.DB, feed string, now time.Time) (int64, error) {
	res := db.Model(&model.EventFeedBatch{}).Where("feed = ? AND tries > 0", feed).Updates(map[string]any{"tries": 0, "due_at": now})
	return res.RowsAffected, res.Error
}

func feedState(db *gorm.DB, name string) (*FeedState, error) {
	s := &FeedState{Name: name}
	var sums struct {
		Waiting, Kept int64
		First         *int64
	}
	err := db.Model(&model.EventFeedBatch{}).Where("feed = ?", name).
		Select("COALESCE(SUM(CASE WHEN tries < ? THEN last_id - first_id + 1 ELSE 0 END), 0) AS waiting, "+
			"COALESCE(SUM(CASE WHEN tries >= ? THEN 1 ELSE 0 END), 0) AS kept, MIN(first_id) AS first", feedTries, feedTries).Scan(&sums).Error
	if err != nil {
		return nil, fmt.Errorf("read feed %s: %w", name, err)
	}
	s.Waiting, s.Kept = sums.Waiting, sums.Kept
	if sums.First == nil {
		return s, nil
	}
	var events []model.Event
	if err := db.Select("recorded_at").Where("id = ?", *sums.First).Find(&events).Error; err != nil {
		return nil, err
	}
	if len(events) > 0 {
		s.Since = &events[0].RecordedAt
	}
	var failed []model.EventFeedBatch
	err = db.Where("feed = ? AND tries > 0", name).Order("tries DESC, first_id").Limit(1).Find(&failed).Error
	if len(failed) > 0 {
		s.Error = failed[0].Error
	}
	return s, err
}

// leaseFeed makes owner the one who reads a feed until then, unless another one still is.
func leaseFeed(db *gorm.DB, name, owner string, now, until time.Time) (bool, error) {
	take := func() (bool, error) {
		res := db.Model(&model.EventFeed{}).Where("name = ? AND (owner = ? OR leased_until < ?)", name, owner, now).
			Updates(map[string]any{"owner": owner, "leased_until": until})
		return res.RowsAffected > 0, res.Error
	}
	held, err := take()
	if held || err != nil {
		return held, err
	}
	// Perhaps nobody has ever read it.
	res := model.InsertIgnore(db).Create(&model.EventFeed{Name: name, Owner: owner, LeasedUntil: until})
	return res.RowsAffected > 0, res.Error
}

func endFeedLease(db *gorm.DB, name, owner string, now time.Time) error {
	return db.Model(&model.EventFeed{}).Where("name = ? AND owner = ?", name, owner).Update("leased_until", now.Add(-time.Millisecond)).Error
}
