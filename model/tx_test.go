package model_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sqldriver "github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func task(key string) *model.Task {
	now := time.Now().UTC()
	return &model.Task{DedupeKey: key, DueAt: now, CreatedAt: now, UpdatedAt: now}
}

func TestInTxCommitsAndRollsBack(t *testing.T) {
	db := modeltest.DB(t)
	boom := errors.New("boom")
	if err := model.InTx(t.Context(), db, func(tx *gorm.DB) error { return tx.Create(task("a")).Error }); err != nil {
		t.Fatal(err)
	}
	err := model.InTx(t.Context(), db, func(tx *gorm.DB) error {
		if err := tx.Create(task("b")).Error; err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) || modeltest.Count[model.Task](t, db) != 1 {
		t.Errorf("got %v and %d rows", err, modeltest.Count[model.Task](t, db))
	}
}

// TestALockWaitIsNotTakenForASlowStatement: whoever waits for a lock longer than a statement may take hears of the lock
// in time, and the transaction is run again until the lock is free.
func TestALockWaitIsNotTakenForASlowStatement(t *testing.T) {
	if !modeltest.OnMySQL() {
		t.Skip("SQLite has one writer at a time")
	}
	dsn := modeltest.DSN(t)
	db := modeltest.Open(t, dsn)
	row := task("held")
	modeltest.Create(t, db, row)
	impatient, err := model.Open(t.Context(), model.Options{DSN: dsn, StatementTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { model.Close(impatient) })

	holder := db.Begin()
	if err := model.ForUpdate(holder).Take(&model.Task{}, row.ID).Error; err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(3*time.Second, func() { holder.Rollback() })
	err = model.InTx(t.Context(), impatient, func(tx *gorm.DB) error {
		return model.ForUpdate(tx).Take(&model.Task{}, row.ID).Error
	})
	if err != nil {
		t.Errorf("the lock was held for 3 s: %v", err)
	}
}

func TestInTxReadsWhatOthersCommittedMeanwhile(t *testing.T) {
	if !modeltest.OnMySQL() {
		t.Skip("SQLite has one writer at a time")
	}
	db := modeltest.DB(t)
	err := model.InTx(t.Context(), db, func(tx *gorm.DB) error {
		if n := modeltest.Count[model.Task](t, tx); n != 0 {
			t.Errorf("got %d rows at the start", n)
		}
		modeltest.Create(t, db, task("other"))
		if n := modeltest.Count[model.Task](t, tx); n != 1 {
			t.Errorf("got %d rows after another commit; isolation is not READ COMMITTED", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestF11_TransientFailuresAreRetried: the whole transaction runs again, from its start.
func TestF11_TransientFailuresAreRetried(t *testing.T) {
	db := modeltest.DB(t)
	for _, number := range []uint16{1213, 1205, 1020} {
		tries := 0
		err := model.InTx(t.Context(), db, func(tx *gorm.DB) error {
			tries++
			if err := tx.Create(task(fmt.Sprint(number))).Error; err != nil {
				return err
			}
			if tries < 3 {
				return fmt.Errorf("save: %w", &sqldriver.MySQLError{Number: number})
			}
			return nil
		})
		if err != nil || tries != 3 {
			t.Errorf("%d: got %v after %d tries", number, err, tries)
		}
	}
	tries := 0
	err := model.InTx(t.Context(), db, func(tx *gorm.DB) error { tries++; return &sqldriver.MySQLError{Number: 1213} })
	if !model.IsTransient(err) || tries < 2 || tries > 10 {
		t.Errorf("got %v after %d tries", err, tries)
	}
}

// TestF11_RealDeadlocks lets transactions take two rows in opposite orders.
func TestF11_RealDeadlocks(t *testing.T) {
	db := modeltest.DB(t)
	a, b := task("a"), task("b")
	modeltest.Create(t, db, a, b)
	var wg sync.WaitGroup
	var failed, runs atomic.Int64
	add := func(tx *gorm.DB, id int64) error {
		return tx.Model(&model.Task{}).Where("id = ?", id).Update("customer_id", gorm.Expr("customer_id + 1")).Error
	}
	const workers, rounds = 4, 20
	for w := range workers {
		wg.Go(func() {
			first, second := a.ID, b.ID
			if w%2 == 1 {
				first, second = second, first
			}
			for range rounds {
				err := model.InTx(context.Background(), db, func(tx *gorm.DB) error {
					runs.Add(1)
					if err := add(tx, first); err != nil {
						return err
					}
					return add(tx, second)
				})
				if err != nil {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	for _, id := range []int64{a.ID, b.ID} {
		var got model.Task
		if err := db.Take(&got, "id = ?", id).Error; err != nil {
			t.Fatal(err)
		}
		if got.CustomerID != workers*rounds-failed.Load() {
			t.Errorf("row %d counts %d; %d transactions failed, %d attempts", id, got.CustomerID, failed.Load(), runs.Load())
		}
	}
	if failed.Load() > workers*rounds/20 {
		t.Errorf("%d of %d transactions failed for good", failed.Load(), workers*rounds)
	}
}

func TestAfterCommit(t *testing.T) {
	db := modeltest.DB(t)
	var order []string
	err := model.InTx(t.Context(), db, func(tx *gorm.DB) error {
		model.AfterCommit(tx, func() { order = append(order, "outer") })
		inner := model.InTx(t.Context(), tx, func(tx *gorm.DB) error {
			model.AfterCommit(tx, func() { order = append(order, "lost") })
			if err := tx.Create(task("x")).Error; err != nil {
				return err
			}
			return errors.New("inner fails")
		})
		if inner == nil {
			t.Error("the inner failure was swallowed")
		}
		if err := model.InTx(t.Context(), tx, func(tx *gorm.DB) error {
			model.AfterCommit(tx, func() { order = append(order, "joined") })
			return tx.Create(task("y")).Error
		}); err != nil {
			return err
		}
		if len(order) != 0 {
			t.Error("a hook ran before the commit")
		}
		return nil
	})
	if err != nil || fmt.Sprint(order) != "[outer joined]" {
		t.Errorf("got %v, %v", order, err)
	}
	if n := modeltest.Count[model.Task](t, db); n != 1 {
		t.Errorf("got %d rows; the savepoint did not hold", n)
	}
}

func TestInTxSurvivesAPanic(t *testing.T) {
	db := modeltest.DB(t)
	func() {
		defer func() { recover() }()
		model.InTx(t.Context(), db, func(tx *gorm.DB) error { panic("boom") })
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := model.InTx(ctx, db, func(tx *gorm.DB) error { return tx.Create(task("a")).Error }); err != nil {
		t.Errorf("after a panic nobody can write: %v", err)
	}
}

func TestTimesComeBackAsTheyWere(t *testing.T) {
	db := modeltest.DB(t)
	at := time.Date(2026, 2, 28, 23, 59, 59, 120_000_000, time.FixedZone("here", 8*3600))
	row := task("a")
	row.DueAt, row.ClosedAt = at, &at
	modeltest.Create(t, db, row)
	var got model.Task
	if err := db.Take(&got, row.ID).Error; err != nil {
		t.Fatal(err)
	}
	if !got.DueAt.Equal(at) || got.DueAt.Location() != time.UTC || !got.ClosedAt.Equal(at) {
		t.Errorf("got %v and %v, want %v", got.DueAt, got.ClosedAt, at)
	}
	var n int64
	db.Model(&model.Task{}).Where("due_at < ?", at.Add(time.Millisecond)).Where("due_at > ?", at.Add(-time.Millisecond)).Count(&n)
	if n != 1 {
		t.Error("times are not compared to the millisecond")
	}
}

func TestStrictSQL(t *testing.T) {
	if !modeltest.OnMySQL() {
		t.Skip("SQLite has no column lengths")
	}
	db := modeltest.DB(t)
	row := task("a")
	row.Kind = string(make([]byte, 100)) // the column takes 64
	if err := db.Create(row).Error; err == nil {
		t.Error("an over-long value was cut silently")
	}
}
