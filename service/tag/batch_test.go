package tag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/customer"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// members are segments in memory.
type members map[int64][]int64

func (m members) Members(_ context.Context, id, after int64, limit int) (out []int64, err error) {
	for _, c := range m[id] {
		if c > after && len(out) < limit {
			out = append(out, c)
		}
	}
	return out, nil
}

func (m members) Size(_ context.Context, id int64) (int64, error) {
	if m[id] == nil {
		return 0, ErrNoSegment
	}
	return int64(len(m[id])), nil
}

// many is a house with n customers more, from 1000, and an operator who sees all.
func many(t *testing.T, n int) (h *house, ids []int64, tag int64) {
	h = newHouse(t)
	var rows []*model.Customer
	for i := range n {
		rows = append(rows, &model.Customer{ID: int64(1000 + i), Name: fmt.Sprintf("客户%04d", i), FirstSeenAt: noon})
		ids = append(ids, int64(1000+i))
	}
	if _, err := model.InsertNew(h.db, rows); err != nil {
		t.Fatal(err)
	}
	modeltest.Create(t, h.db, &model.StaffRole{StaffID: h.lisi, Role: staff.RoleOperator})
	return h, ids, h.local("兴趣", "露营")["露营"]
}

func (h *house) batch(in NewBatch) *model.TagBatch {
	h.t.Helper()
	b, err := h.StartBatch(h.t.Context(), &staff.Viewer{StaffID: h.lisi, Roles: []string{staff.RoleOperator}}, in)
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (h *house) progress(b *model.TagBatch) *model.TagBatch {
	h.t.Helper()
	got, err := batchByID(h.db, b.ID, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	return got
}

func wantCounts(t *testing.T, b *model.TagBatch, state string, done, changed, unchanged, refused int64) {
	t.Helper()
	got := fmt.Sprint(b.State, " ", b.Done, b.Changed, b.Unchanged, b.Refused)
	if want := fmt.Sprint(state, " ", done, changed, unchanged, refused); got != want {
		t.Errorf("got %s, want %s (%s)", got, want, b.Error)
	}
}

func TestBatchCountsEverybodyOnce(t *testing.T) {
	h, ids, tag := many(t, 450)
	h.give(Giving{CustomerIDs: ids[:7], Add: []int64{tag}, Origin: Origin{SourceConsole, 1}})
	modeltest.Create(t, h.db, &model.Customer{ID: 5000, MergedInto: 1000, FirstSeenAt: noon})
	b := h.batch(NewBatch{Action: ActionAdd, TagIDs: []int64{tag}, CustomerIDs: append(slices.Clone(ids), 5000, 9999, ids[0])})
	h.quiet()
	wantCounts(t, h.progress(b), BatchDone, 452, 443, 7, 2)
	if n := modeltest.Count[model.TagBatchPart](t, h.db); n != 0 {
		t.Errorf("%d parts of its list are left", n)
	}
	h.UseSegments(members{3: ids[100:]})
	b = h.batch(NewBatch{Action: ActionRemove, TagIDs: []int64{tag}, SegmentID: 3})
	if b.Total != 350 {
		t.Errorf("a total of %d", b.Total)
	}
	h.quiet()
	wantCounts(t, h.progress(b), BatchDone, 350, 350, 0, 0)
	if n := modeltest.Count[model.CustomerTag](t, h.db); n != 100 {
		t.Errorf("%d bear it, want 100", n)
	}
	b = h.batch(NewBatch{Action: ActionAdd, TagIDs: []int64{tag}, Filter: &customer.Filter{NamePrefix: "客户000"}})
	h.quiet()
	wantCounts(t, h.progress(b), BatchDone, 10, 0, 10, 0) // they bear it already
	h.sound()
}

// TestBatchIsFinishedByAnother: a process that dies between, or in the middle of, pages loses and doubles nothing.
func TestBatchIsFinishedByAnother(t *testing.T) {
	h, ids, tag := many(t, 500)
	b := h.batch(NewBatch{Action: ActionAdd, TagIDs: []int64{tag}, CustomerIDs: ids})
	if more, err := h.batchPage(t.Context(), b.ID); !more || err != nil {
		t.Fatalf("the first page: %v, %v", more, err)
	}
	wantCounts(t, h.progress(b), BatchRunning, 200, 200, 0, 0)
	// The second page is written and not committed.
	died := errors.New("died")
	err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
		was := h.progressIn(tx, b)
		page, next, err := listPage(tx, was)
		if err != nil {
			return err
		}
		if _, err := h.writePage(tx, was, page, page, next); err != nil {
			return err
		}
		return died
	})
	if err != died {
		t.Fatal(err)
	}
	// Two go on at once, one of them with what it read before.
	was := h.progress(b)
	page, next, err := listPage(h.db, was)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.batchPage(t.Context(), b.ID); err != nil {
		t.Fatal(err)
	}
	err = model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
		_, err := h.writePage(tx, was, page, page, next)
		return err
	})
	if !errors.Is(err, errMoved) {
		t.Errorf("the page was done twice: %v", err)
	}
	h.quiet()
	wantCounts(t, h.progress(b), BatchDone, 500, 500, 0, 0)
	if err := h.runBatch(t.Context(), &work.Lease{}, batchRef{b.ID}); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, h.progress(b), BatchDone, 500, 500, 0, 0)
	h.sound()
}

func (h *house) progressIn(tx *gorm.DB, b *model.TagBatch) *model.TagBatch {
	h.t.Helper()
	got, err := batchByID(tx, b.ID, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	return got
}

func TestBatchIsCancelledBeforeItsNextPage(t *testing.T) {
	h, ids, tag := many(t, 300)
	v := &staff.Viewer{StaffID: h.lisi, Roles: []string{staff.RoleOperator}}
	b := h.batch(NewBatch{Action: ActionAdd, TagIDs: []int64{tag}, CustomerIDs: ids})
	if _, err := h.batchPage(t.Context(), b.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.CancelBatch(t.Context(), v, b.ID); err != nil {
			t.Fatal(err)
		}
	}
	h.quiet()
	wantCounts(t, h.progress(b), BatchCancelled, 200, 200, 0, 0)
	if err := h.CancelBatch(t.Context(), v, b.ID); !errors.Is(err, ErrBatchEnded) {
		t.Errorf("cancelled after its end: %v", err)
	}
}

func TestBatchEndsWithItsReason(t *testing.T) {
	h, ids, tag := many(t, 3)
	deleted := h.batch(NewBatch{Action: ActionAdd, TagIDs: []int64{tag}, CustomerIDs: ids})
	if err := h.Delete(t.Context(), TagRef(tag)); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wantCounts(t, h.progress(deleted), BatchFailed, 0, 0, 0, 0)
	tag = h.local("别的", "甲")["甲"]
	demoted := h.batch(NewBatch{Action: ActionAdd, TagIDs: []int64{tag}, CustomerIDs: ids})
	if err := h.db.Model(&model.StaffRole{}).Where("staff_id = ?", h.lisi).Update("role", staff.RoleSales).Error; err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wantCounts(t, h.progress(demoted), BatchFailed, 0, 0, 0, 0)
	if h.progress(demoted).Error == "" {
		t.Error("no reason is given")
	}
}

func TestBatchesAreChecked(t *testing.T) {
	h, ids, tag := many(t, 3)
	v := &staff.Viewer{StaffID: h.lisi, Roles: []string{staff.RoleManager}}
	past := noon
	tests := []struct {
		name string
		in   NewBatch
		want error
	}{
		{"nobody", NewBatch{Action: ActionAdd, TagIDs: []int64{tag}}, ErrBatch},
		{"two targets", NewBatch{Action: ActionAdd, TagIDs: []int64{tag}, CustomerIDs: ids, SegmentID: 3}, ErrBatch},
		{"no tags", NewBatch{Action: ActionAdd, CustomerIDs: ids}, ErrBatch},
		{"another action", NewBatch{Action: "burn", TagIDs: []int64{tag}, CustomerIDs: ids}, ErrBatch},
		{"too long a list", NewBatch{Action: ActionAdd, TagIDs: []int64{tag}, CustomerIDs: make([]int64, MaxBatchList+1)}, ErrBatch},
		{"ends at once", NewBatch{Action: ActionAdd, TagIDs: []int64{tag}, CustomerIDs: ids, ExpiresAt: &past}, ErrEnded},
		{"no such tag", NewBatch{Action: ActionAdd, TagIDs: []int64{tag, 9999}, CustomerIDs: ids}, ErrNotFound},
		{"no segments here", NewBatch{Action: ActionAdd, TagIDs: []int64{tag}, SegmentID: 3}, ErrNoSegment},
	}
	for _, tt := range tests {
		if _, err := h.StartBatch(t.Context(), v, tt.in); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	b := h.batch(NewBatch{Action: ActionAdd, TagIDs: []int64{tag}, CustomerIDs: ids})
	other := &staff.Viewer{StaffID: h.lisi + 1, Roles: []string{staff.RoleManager}}
	if _, err := h.Batch(t.Context(), other, b.ID); !errors.Is(err, ErrNoBatch) {
		t.Errorf("somebody else's batch: %v", err)
	}
	if err := h.CancelBatch(t.Context(), other, b.ID); !errors.Is(err, ErrNoBatch) {
		t.Errorf("somebody else's batch cancelled: %v", err)
	}
	if list, err := h.Batches(t.Context(), v, 0, 10); err != nil || len(list) != 1 {
		t.Errorf("one's own: %v, %v", list, err)
	}
}
