package staff

import (
	"errors"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func TestRemind(t *testing.T) {
	h := newHouse(t)
	v := &Viewer{StaffID: 7, Roles: []string{RoleSales}}
	in := ReminderInput{CustomerID: 3, RequestID: "request-1", Title: " 回电 ", Note: "报价", DueAt: noon.Add(time.Hour)}
	first, err := h.Remind(t.Context(), v, in)
	if err != nil {
		t.Fatal(err)
	}
	if first.StaffID != 7 || first.CustomerID != 3 || first.Kind != TaskReminder || first.Title != "回电" || first.Status != TaskOpen || !first.DueAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("got %+v", first)
	}
	in.Title = "别的"
	again, err := h.Remind(t.Context(), v, in)
	if err != nil || again.ID != first.ID || again.Title != "回电" {
		t.Errorf("repeated: %+v, %v", again, err)
	}
	other, err := h.Remind(t.Context(), &Viewer{StaffID: 8}, in)
	if err != nil || other.ID == first.ID {
		t.Errorf("the same request of another one: %+v, %v", other, err)
	}
	for name, wrong := range map[string]ReminderInput{
		"no title":    {RequestID: "r", DueAt: noon.Add(1)},
		"long title":  {RequestID: "r", Title: strings.Repeat("长", 101), DueAt: noon.Add(time.Hour)},
		"long note":   {RequestID: "r", Title: "a", Note: strings.Repeat("长", 1001), DueAt: noon.Add(time.Hour)},
		"no request":  {Title: "a", DueAt: noon.Add(time.Hour)},
		"due now":     {RequestID: "r", Title: "a", DueAt: noon},
		"due too far": {RequestID: "r", Title: "a", DueAt: noon.Add(3 * 366 * 24 * time.Hour)},
		"never due":   {RequestID: "r", Title: "a"},
		"no text":     {RequestID: "r", Title: "\xff", DueAt: noon.Add(time.Hour)},
	} {
		if _, err := h.Remind(t.Context(), v, wrong); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := modeltest.Count[model.Task](t, h.db); n != 2 {
		t.Errorf("%d tasks", n)
	}
}

func TestPostpone(t *testing.T) {
	h := newHouse(t)
	v := &Viewer{StaffID: 7, Roles: []string{RoleSales}}
	row, err := h.Remind(t.Context(), v, ReminderInput{RequestID: "request-1", Title: "回电", DueAt: noon.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	later := noon.Add(24 * time.Hour)
	for range 2 { // repeatable
		if err := h.Postpone(t.Context(), v, row.ID, later); err != nil {
			t.Fatal(err)
		}
	}
	wantErr(t, h.Postpone(t.Context(), &Viewer{StaffID: 8, Roles: []string{RoleSales}}, row.ID, noon.Add(time.Hour)), ErrTaskNotFound)
	wantErr(t, h.Postpone(t.Context(), v, row.ID, noon), ErrInvalid)
	wantErr(t, h.Postpone(t.Context(), v, row.ID+1, later), ErrTaskNotFound)
	list, _, err := h.Tasks(t.Context(), v, TaskFilter{})
	if err != nil || len(list) != 1 || !list[0].DueAt.Equal(later) {
		t.Errorf("got %+v, %v", list, err)
	}
	if err := h.CloseTask(t.Context(), v, row.ID, TaskDone); err != nil {
		t.Fatal(err)
	}
	wantErr(t, h.Postpone(t.Context(), v, row.ID, later), ErrTaskClosed)
}
