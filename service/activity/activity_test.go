package activity

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/staff"
	"zhiyin/wecom"
)

// noon is 12:00 in Shanghai, a Sunday.
var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// house is a service with one account and a platform that says what the test says.
type house struct {
	*Service
	t     *testing.T
	db    *gorm.DB
	clock *clock.Fake
	chats map[string]int64 // by member and day
	fail  map[string]error // by member
	only  []int64          // whom a viewer sees; nil: everybody
	asked int
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, db: modeltest.DB(t), clock: clock.NewFake(noon), chats: map[string]int64{}, fail: map[string]error{}}
	h.Service = New(Deps{DB: h.db, Now: h.clock.Now, Accounts: h, Scope: h, Corp: func(string) Platform { return h }, Logger: slog.New(slog.DiscardHandler)})
	gone := noon
	modeltest.Create(t, h.db, &[]model.Staff{
		{ID: 1, AccountID: 7, UserID: "one", ServesCustomers: true}, {ID: 2, AccountID: 7, UserID: "two", ServesCustomers: true},
		{ID: 3, AccountID: 7, UserID: "three"}, {ID: 4, AccountID: 7, UserID: "four", ServesCustomers: true, GoneAt: &gone},
	})
	return h
}

func (h *house) List(context.Context) ([]model.Account, error) {
	return []model.Account{{ID: 7, Name: "main", Kind: "wecom", Enabled: true}, {ID: 8, Name: "off", Kind: "wecom"}, {ID: 9, Name: "mini", Kind: "miniapp", Enabled: true}}, nil
}

func (h *house) VisibleStaff(context.Context, *staff.Viewer) (bool, []int64, error) {
	return h.only == nil, h.only, nil
}

func (h *house) Behaviours(_ context.Context, userID string, from, until time.Time) (list []wecom.Behaviour, err error) {
	h.asked++
	if err := h.fail[userID]; err != nil {
		return nil, err
	}
	for d := from; !d.After(until); d = d.AddDate(0, 0, 1) {
		b := wecom.Behaviour{Day: wecom.Time{Time: d.UTC()}, Chats: wecom.Number(h.chats[userID+d.Format(" 2006-01-02")])}
		if b.Chats > 0 {
			percent, minutes := 87.46, wecom.Number(3)
			b.ReplyPercent, b.ReplyMinutes = &percent, &minutes
		}
		list = append(list, b)
	}
	return list, nil
}

func (h *house) GroupDay(_ context.Context, owners []string, day time.Time) (list []wecom.OwnedGroups, err error) {
	o := wecom.OwnedGroups{OwnerID: "two"}
	o.Data.Groups, o.Data.Messages = 5, wecom.Number(day.Day())
	return []wecom.OwnedGroups{o, {OwnerID: "a stranger"}}, nil
}

func (h *house) list(f Filter) []model.StaffActivity {
	h.t.Helper()
	if f.From == "" {
		f.From, f.To = "2026-11-01", "2026-11-30"
	}
	f.Limit = 100
	rows, err := h.Service.List(h.t.Context(), &staff.Viewer{}, f)
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

func (h *house) day(staffID int64, day string) model.StaffActivity {
	h.t.Helper()
	rows := h.list(Filter{StaffID: staffID, From: day, To: day})
	if len(rows) != 1 {
		h.t.Fatalf("%d rows of %s", len(rows), day)
	}
	return rows[0]
}

func (h *house) read() {
	h.t.Helper()
	if err := h.Read(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// TestReadAgain: every night the last three days that are over are read again, and what the platform has corrected is corrected here.
func TestReadAgain(t *testing.T) {
	h := newHouse(t)
	h.chats["one 2026-11-19"], h.chats["one 2026-11-21"] = 4, 7
	h.read()
	if rows := h.list(Filter{}); len(rows) != 6 || h.asked != 2 {
		t.Fatalf("%d rows of %d members, want three days of two", len(rows), h.asked)
	}
	d := h.day(1, "2026-11-21")
	if d.Chats != 7 || d.ReplyBP == nil || *d.ReplyBP != 8746 || *d.ReplyMin != 3 || h.day(1, "2026-11-20").ReplyBP != nil {
		t.Errorf("got %+v", d)
	}
	if d := h.day(2, "2026-11-20"); d.GroupsOwned != 5 || d.GroupMessages != 20 || d.Chats != 0 {
		t.Errorf("the groups of two: %+v", d)
	}

	h.chats["one 2026-11-19"], h.chats["one 2026-11-21"] = 400, 9
	h.clock.Advance(24 * time.Hour)
	h.read()
	h.read() // twice is as once
	if rows := h.list(Filter{}); len(rows) != 8 {
		t.Errorf("%d rows, want four days of two", len(rows))
	}
	if a, b := h.day(1, "2026-11-19").Chats, h.day(1, "2026-11-21").Chats; a != 4 || b != 9 {
		t.Errorf("the day that is past stays (%d), one of the last three is corrected (%d)", a, b)
	}
	if d := h.day(1, "2026-11-21"); !d.UpdatedAt.Equal(h.clock.Now()) || !d.CreatedAt.Equal(noon) {
		t.Errorf("read at %v, first at %v", d.UpdatedAt, d.CreatedAt)
	}
}

// TestDaysAreThePlatforms: just after midnight in China yesterday is over, whatever UTC says.
func TestDaysAreThePlatforms(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct {
		now  time.Time
		last string
	}{
		{time.Date(2026, 11, 22, 15, 59, 59, 0, time.UTC), "2026-11-21"},
		{time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC), "2026-11-22"},
		{time.Date(2028, 2, 29, 16, 0, 0, 0, time.UTC), "2028-02-29"},
	} {
		h.clock.Advance(tt.now.Sub(h.clock.Now()))
		h.read()
		rows := h.list(Filter{StaffID: 1, From: tt.last[:8] + "01", To: tt.last[:8] + "29"})
		last := ""
		for _, r := range rows {
			last = max(last, r.Day)
		}
		if last != tt.last {
			t.Errorf("at %v the last day is %s, want %s", tt.now, last, tt.last)
		}
	}
}

// TestOneWhoFails: a member of whom the platform will not tell holds up nobody; a platform that is away fails the job, which is run again.
func TestOneWhoFails(t *testing.T) {
	h := newHouse(t)
	h.fail["one"], h.chats["two 2026-11-21"] = wecom.ErrNotFound, 3
	h.read()
	if d := h.day(2, "2026-11-21"); d.Chats != 3 {
		t.Errorf("got %+v", d)
	}
	h.fail["one"] = wecom.ErrBusy
	if err := h.Read(t.Context()); !errors.Is(err, wecom.ErrBusy) {
		t.Errorf("got %v", err)
	}
	h.fail["one"] = wecom.ErrNoPermission // nothing that trying again would help
	h.read()
}

func TestList(t *testing.T) {
	h := newHouse(t)
	h.read()
	h.only = []int64{2}
	if rows := h.list(Filter{}); len(rows) != 3 || rows[0].StaffID != 2 {
		t.Errorf("a viewer sees %+v", rows)
	}
	if rows := h.list(Filter{StaffID: 1}); len(rows) != 0 {
		t.Errorf("and of another %+v", rows)
	}
	h.only = []int64{}
	if rows := h.list(Filter{}); len(rows) != 0 {
		t.Errorf("one who sees nobody sees %+v", rows)
	}
	for _, bad := range [][2]string{{"", "2026-11-02"}, {"2026-11-02", "2026-11-01"}, {"2026-08-01", "2026-11-01"}, {"2026-02-30", "2026-03-01"}} {
		if _, err := h.Service.List(t.Context(), &staff.Viewer{}, Filter{From: bad[0], To: bad[1]}); !errors.Is(err, ErrPeriod) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}
