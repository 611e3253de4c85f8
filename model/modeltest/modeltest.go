// Package modeltest gives tests a real, migrated database of their own: MySQL when TEST_MYSQL_DSN is
// set, SQLite otherwise. The same tests run on both.
package modeltest

import (
	"context"
	"os"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// DB returns an empty, migrated database that no other test uses, closed at the test's end.
func DB(t testing.TB) *gorm.DB {
	t.Helper()
	return Open(t, DSN(t))
}

// Open opens the database behind a DSN of this package once more, as another replica would.
func Open(t testing.TB, dsn string) *gorm.DB {
	t.Helper()
	// The race detector on a busy machine is slow, so statements may take longer here.
	db, err := model.Open(context.Background(), model.Options{DSN: dsn, StatementTimeout: 30 * time.Second, Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { model.Close(db) })
	return db
}

// Tx returns a transaction of an empty database, rolled back at the test's end. Use it where one
// connection is enough.
func Tx(t testing.TB) *gorm.DB {
	t.Helper()
	tx := DB(t).Begin()
	t.Cleanup(func() { tx.Rollback() })
	return tx
}

// OnMySQL tells whether the tests run on MySQL.
func OnMySQL() bool { return os.Getenv("TEST_MYSQL_DSN") != "" }

// DSN names an empty, migrated database of this test's own, for those who open it themselves,
// perhaps several times as several replicas would.
func DSN(t testing.TB) string {
	t.Helper()
	if OnMySQL() {
		return mysqlDSN(t)
	}
	return sqliteDSN(t)
}

// Count counts rows; cond is a condition of GORM's Where, or nothing.
func Count[Row any](t testing.TB, db *gorm.DB, cond ...any) int64 {
	t.Helper()
	q := db.Model(new(Row))
	if len(cond) > 0 {
		q = q.Where(cond[0], cond[1:]...)
	}
	var n int64
	if err := q.Count(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// Create inserts rows as they are.
func Create(t testing.TB, db *gorm.DB, rows ...any) {
	t.Helper()
	for _, r := range rows {
		if err := db.Create(r).Error; err != nil {
			t.Fatalf("create %T: %v", r, err)
		}
	}
}

func migrated(t testing.TB, dsn string) *gorm.DB {
	t.Helper()
	db, err := model.Open(context.Background(), model.Options{DSN: dsn, StatementTimeout: time.Minute, Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := model.Migrate(context.Background(), db); err != nil {
		t.Fatal(err)
	}
	return db
}
