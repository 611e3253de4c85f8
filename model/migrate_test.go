package model_test

import (
	"context"
	"sync"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func TestMigrateTwiceAndAtOnce(t *testing.T) {
	dsn := modeltest.DSN(t)
	var wg sync.WaitGroup
	for range 4 {
		db := modeltest.Open(t, dsn)
		wg.Go(func() {
			if steps, err := model.Migrate(context.Background(), db); err != nil || steps != 0 {
				t.Errorf("migrating a current schema: %d steps, %v", steps, err)
			}
		})
	}
	wg.Wait()
	if n, err := model.Pending(t.Context(), modeltest.Open(t, dsn)); n != 0 || err != nil {
		t.Errorf("pending %d, %v", n, err)
	}
}

// TestF05_KilledDuringMigration forgets each step in turn, as a crash between a statement and its
// record would, and runs them again: the schema ends the same.
func TestF05_KilledDuringMigration(t *testing.T) {
	db := modeltest.DB(t)
	want := indexesOf(t, db)
	var versions []int
	if err := db.Raw("SELECT version_id FROM schema_version WHERE version_id > 0 ORDER BY version_id DESC").Scan(&versions).Error; err != nil {
		t.Fatal(err)
	}
	for i, version := range versions {
		if err := db.Exec("DELETE FROM schema_version WHERE version_id >= ?", version).Error; err != nil {
			t.Fatal(err)
		}
		if n, err := model.Pending(t.Context(), db); err != nil || n != i+1 {
			t.Fatalf("pending %d, %v", n, err)
		}
		if steps, err := model.Migrate(t.Context(), db); err != nil || steps != i+1 {
			t.Fatalf("from version %d: %d steps, %v", version, steps, err)
		}
		got := indexesOf(t, db)
		if len(got) != len(want) {
			t.Errorf("from version %d: %d indexes, want %d", version, len(got), len(want))
		}
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	db := modeltest.DB(t)
	if err := db.Exec("INSERT INTO schema_version (version_id, is_applied) VALUES (9999, ?)", true).Error; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Exec("DELETE FROM schema_version WHERE version_id = 9999") })
	if _, err := model.Pending(t.Context(), db); err == nil {
		t.Error("a schema from the future was accepted")
	}
}
