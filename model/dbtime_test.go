package model_test

import (
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestDatabaseTime holds the database's time against this machine's: the tests' database runs here.
func TestDatabaseTime(t *testing.T) {
	db := modeltest.DB(t)
	before := time.Now().UTC().Truncate(time.Millisecond)
	got, err := model.DatabaseTime(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	after := time.Now().UTC()
	if got.Before(before) || got.After(after) {
		t.Errorf("got %s, want between %s and %s", got, before, after)
	}
	if got.Location() != time.UTC || got.Nanosecond()%int(time.Millisecond) != 0 {
		t.Errorf("got %v, want UTC in whole milliseconds", got)
	}
}
