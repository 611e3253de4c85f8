package staff

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func (h house) addTask(t *testing.T, in TaskInput) {
	t.Helper()
	inTx(t, h.db, func(tx *gorm.DB) error { return h.AddTaskTx(tx, in) })
}

func admin() *Viewer { return &Viewer{StaffID: 1, Roles: []string{RoleAdmin}} }

func titles(rows []model.Task) string {
	var list []string
	for _, r := range rows {
		list = append(list, r.Title)
	}
	return strings.Join(list, " ")
}

func TestATaskIsAskedOnce(t *testing.T) {
	h := newHouse(t)
	in := TaskInput{StaffID: 7, CustomerID: 3, Kind: "welcome.missed", DedupeKey: "welcome:1", Title: strings.Repeat("长", 300), Note: "请补发"}
	h.addTask(t, in)
	rows, _, err := h.Tasks(t.Context(), admin(), TaskFilter{})
	if err != nil || len(rows) != 1 || !rows[0].DueAt.Equal(noon) || rows[0].Status != TaskOpen || rows[0].Note != "请补发" {
		t.Fatalf("got %+v and %v", rows, err)
	}
	if err := h.CloseTask(t.Context(), admin(), rows[0].ID, TaskDone); err != nil {
		t.Fatal(err)
	}
	h.addTask(t, in)
	if n := modeltest.Count[model.Task](t, h.db); n != 1 {
		t.Errorf("%d tasks", n)
	}
	for _, bad := range []TaskInput{{Kind: "k", DedupeKey: "d"}, {StaffID: 1, DedupeKey: "d"}, {StaffID: 1, Kind: "k"}} {
		if err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error { return h.AddTaskTx(tx, bad) }); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func TestTasksPageWithoutGapsOrRepeats(t *testing.T) {
	h := newHouse(t)
	var want []string
	for i := range 11 {
		title := fmt.Sprintf("t%02d", i)
		want = append(want, title)
		// Several are due at one moment.
		h.addTask(t, TaskInput{StaffID: 7, Kind: "k", DedupeKey: title, Title: title, DueAt: noon.Add(time.Duration(i/4) * time.Hour)})
	}
	var got []string
	f := TaskFilter{Limit: 3}
	for pages := 0; ; pages++ {
		rows, next, err := h.Tasks(t.Context(), admin(), f)
		if err != nil || pages > 4 {
			t.Fatalf("page %d: %v", pages, err)
		}
		got = append(got, strings.Fields(titles(rows))...)
		if f.After = next; next == nil {
			break
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTasksFilter(t *testing.T) {
	h := newHouse(t)
	midnight := time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC) // in Shanghai
	h.addTask(t, TaskInput{StaffID: 7, Kind: "k", DedupeKey: "1", Title: "overdue", DueAt: noon.Add(-48 * time.Hour)})
	h.addTask(t, TaskInput{StaffID: 7, CustomerID: 3, Kind: "k", DedupeKey: "2", Title: "tonight", DueAt: midnight.Add(-time.Millisecond)})
	h.addTask(t, TaskInput{StaffID: 8, Kind: "k", DedupeKey: "3", Title: "tomorrow", DueAt: midnight})
	tests := []struct {
		name   string
		filter TaskFilter
		want   string
	}{
		{"open", TaskFilter{}, "overdue tonight tomorrow"},
		{"due today", TaskFilter{Today: true}, "overdue tonight"},
		{"of one", TaskFilter{StaffID: 8}, "tomorrow"},
		{"about a customer", TaskFilter{CustomerID: 3}, "tonight"},
		{"done", TaskFilter{Status: TaskDone}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, next, err := h.Tasks(t.Context(), admin(), tt.filter)
			if got := titles(rows); err != nil || got != tt.want || next != nil {
				t.Errorf("got %q, next %v and %v, want %q", got, next, err, tt.want)
			}
		})
	}
}

func TestTasksOutsideTheScopeAreAbsent(t *testing.T) {
	h := newHouse(t)
	h.addTask(t, TaskInput{StaffID: 7, Kind: "k", DedupeKey: "mine", Title: "mine"})
	h.addTask(t, TaskInput{StaffID: 8, Kind: "k", DedupeKey: "other", Title: "other"})
	v := &Viewer{StaffID: 7, AccountID: 1, Roles: []string{RoleSales}}
	rows, _, err := h.Tasks(t.Context(), v, TaskFilter{})
	if got := titles(rows); err != nil || got != "mine" {
		t.Errorf("got %q and %v", got, err)
	}
	_, _, err = h.Tasks(t.Context(), v, TaskFilter{StaffID: 8})
	wantErr(t, err, ErrNotFound)
	var other model.Task
	if err := h.db.Where("staff_id = 8").Take(&other).Error; err != nil {
		t.Fatal(err)
	}
	wantErr(t, h.CloseTask(t.Context(), v, other.ID, TaskDone), ErrTaskNotFound)
	if n := modeltest.Count[model.Task](t, h.db, "status = ?", TaskOpen); n != 2 {
		t.Errorf("%d tasks are open", n)
	}
}

func TestCloseTask(t *testing.T) {
	h := newHouse(t)
	h.addTask(t, TaskInput{StaffID: 7, Kind: "k", DedupeKey: "1", Title: "t"})
	var row model.Task
	if err := h.db.Take(&row).Error; err != nil {
		t.Fatal(err)
	}
	wantErr(t, h.CloseTask(t.Context(), admin(), row.ID, TaskOpen), ErrInvalid)
	wantErr(t, h.CloseTask(t.Context(), admin(), row.ID+1, TaskDone), ErrTaskNotFound)
	var done, dropped atomic.Int64
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			status, n := TaskDone, &done
			if i%2 == 0 {
				status, n = TaskDropped, &dropped
			}
			switch err := h.CloseTask(context.Background(), admin(), row.ID, status); {
			case err == nil:
				n.Add(1)
			case !errors.Is(err, ErrTaskClosed):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if done.Load()+dropped.Load() != 8 || done.Load()*dropped.Load() != 0 {
		t.Errorf("%d closed it as done and %d as dropped", done.Load(), dropped.Load())
	}
	if err := h.db.Take(&row).Error; err != nil || row.ClosedAt == nil || !row.ClosedAt.Equal(noon) {
		t.Errorf("got %+v and %v", row, err)
	}
}
