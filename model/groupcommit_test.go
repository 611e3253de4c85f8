package model_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func taskGroup(db *gorm.DB, batches *atomic.Int64) *model.GroupCommit[string, int64] {
	return model.NewGroupCommit(db, 64, 1, func(tx *gorm.DB, keys []string) ([]int64, error) {
		batches.Add(1)
		rows := make([]*model.Task, len(keys))
		for i, k := range keys {
			if k == "poison" {
				return nil, errors.New("poison")
			}
			rows[i] = task(k)
		}
		if err := tx.Create(rows).Error; err != nil {
			return nil, err
		}
		ids := make([]int64, len(rows))
		for i, r := range rows {
			ids[i] = r.ID
		}
		return ids, nil
	})
}

func TestGroupCommitAnswersEachCallerAfterTheCommit(t *testing.T) {
	db := modeltest.DB(t)
	var batches atomic.Int64
	g := taskGroup(db, &batches)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			key := fmt.Sprintf("k%d", i)
			id, err := g.Do(context.Background(), key)
			if err != nil {
				t.Error(err)
				return
			}
			var row model.Task
			if err := db.Take(&row, "id = ?", id).Error; err != nil || row.DedupeKey != key {
				t.Errorf("caller %s was told row %d, which is %q: %v", key, id, row.DedupeKey, err)
			}
		})
	}
	wg.Wait()
	if n := batches.Load(); n >= 200 {
		t.Errorf("200 callers took %d commits", n)
	}
}

func TestGroupCommitOneBadItemFailsAlone(t *testing.T) {
	db := modeltest.DB(t)
	var batches atomic.Int64
	g := taskGroup(db, &batches)
	var wg sync.WaitGroup
	var bad atomic.Int64
	for i := range 50 {
		wg.Go(func() {
			key := fmt.Sprintf("k%d", i)
			if i%10 == 0 {
				key = "poison"
			}
			if _, err := g.Do(context.Background(), key); (err != nil) != (key == "poison") {
				t.Errorf("%s: got %v", key, err)
			} else if err != nil {
				bad.Add(1)
			}
		})
	}
	wg.Wait()
	if bad.Load() != 5 || modeltest.Count[model.Task](t, db) != 45 {
		t.Errorf("%d failed, %d rows", bad.Load(), modeltest.Count[model.Task](t, db))
	}
}

func TestGroupCommitCallerMayLeave(t *testing.T) {
	db := modeltest.DB(t)
	release := make(chan struct{})
	g := model.NewGroupCommit(db, 8, 1, func(tx *gorm.DB, items []int) ([]int, error) { <-release; return items, nil })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := g.Do(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(release)
	if got, err := g.Do(t.Context(), 2); err != nil || got != 2 {
		t.Errorf("the next caller got %d, %v", got, err)
	}
}

func TestGroupCommitTurnsAwayWhenTooManyWait(t *testing.T) {
	db := modeltest.DB(t)
	release := make(chan struct{})
	g := model.NewGroupCommit(db, 1, 1, func(tx *gorm.DB, items []int) ([]int, error) { <-release; return items, nil })
	var wg sync.WaitGroup
	var refused atomic.Int64
	for i := range 100 {
		wg.Go(func() {
			if _, err := g.Do(context.Background(), i); errors.Is(err, model.ErrTooManyWaiting) {
				refused.Add(1)
			}
		})
	}
	const room = 41 // one that is being written and forty that wait
	for deadline := time.Now().Add(10 * time.Second); refused.Load() < 100-room && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	close(release)
	wg.Wait()
	if n := refused.Load(); n != 100-room && n != 100-room+1 { // all may have come before the first was taken up
		t.Errorf("%d of 100 were turned away, with room for %d", n, room)
	}
}

// A statement is its own transaction: one that fails leaves nothing, and its items are tried alone.
func TestGroupStatementOneBadItemFailsAlone(t *testing.T) {
	dsn := modeltest.DSN(t)
	var groups []*model.GroupCommit[string, struct{}]
	for range 2 { // replicas
		groups = append(groups, model.NewGroupStatement(modeltest.Open(t, dsn), 64, 2, func(db *gorm.DB, keys []string) ([]struct{}, error) {
			rows := make([]*model.Task, len(keys))
			for i, k := range keys {
				rows[i] = task(k)
			}
			return make([]struct{}, len(keys)), db.Create(rows).Error
		}))
	}
	var stored, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			switch _, err := groups[i%2].Do(context.Background(), fmt.Sprintf("k%d", i%150)); {
			case err == nil:
				stored.Add(1)
			case model.IsDuplicate(err):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	rows := modeltest.Count[model.Task](t, modeltest.Open(t, dsn))
	if stored.Load() != 150 || refused.Load() != 50 || rows != 150 {
		t.Errorf("%d stored, %d refused, %d rows", stored.Load(), refused.Load(), rows)
	}
}
