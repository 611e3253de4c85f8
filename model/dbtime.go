package model

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// DatabaseTime asks the database what time it is: UTC, to the millisecond. All replicas of one
// database get the same answer, whatever their own clocks say. See clock.Anchored.
func DatabaseTime(ctx context.Context, db *gorm.DB) (time.Time, error) {
	query := "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"
	if IsSQLite(db) {
		query = "SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER)"
	}
	var ms int64
	if err := db.WithContext(ctx).Raw(query).Scan(&ms).Error; err != nil {
		return time.Time{}, fmt.Errorf("ask the database for the time: %w", err)
	}
	return time.UnixMilli(ms).UTC(), nil
}
