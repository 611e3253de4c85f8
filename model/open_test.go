package model_test

import (
	"testing"

	"zhiyin/model"
)

// TestSQLiteWaitsForTheDisk holds that what was committed survives a loss of power, unless a test gives that up.
func TestSQLiteWaitsForTheDisk(t *testing.T) {
	for volatile, want := range map[bool]string{false: "wal 2", true: "wal 0"} {
		db, err := model.Open(t.Context(), model.Options{DSN: "sqlite:" + t.TempDir() + "/x.db", Volatile: volatile})
		if err != nil {
			t.Fatal(err)
		}
		defer model.Close(db)
		var journal, synchronous string
		if err := db.Raw("PRAGMA journal_mode").Scan(&journal).Error; err != nil {
			t.Fatal(err)
		}
		if err := db.Raw("PRAGMA synchronous").Scan(&synchronous).Error; err != nil {
			t.Fatal(err)
		}
		if got := journal + " " + synchronous; got != want {
			t.Errorf("volatile %v: got %s, want %s (2 is FULL)", volatile, got, want)
		}
	}
}
