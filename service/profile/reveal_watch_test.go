package profile

import (
	"errors"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/staff"
)

func TestP15_WhatIsUnusual(t *testing.T) {
	for _, tt := range []struct{ reveals, days, want int }{
		{0, 0, 11}, {3, 3, 11}, {30, 10, 11}, {40, 10, 13}, {100, 10, 31}, {500, 10, 40}, {7, 2, 11},
	} {
		if got := unusualFrom(tt.reveals, tt.days); got != tt.want {
			t.Errorf("%d on %d days: unusual from %d, want %d", tt.reveals, tt.days, got, tt.want)
		}
	}
}

// TestP15_MuchMoreThanUsualIsToldOnce: who may look into it and act is told, others are not.
func TestP15_MuchMoreThanUsualIsToldOnce(t *testing.T) {
	h := withSecrets(t)
	modeltest.Create(t, h.db, &model.Staff{ID: seller.StaffID, Name: seller.Name})
	for id, role := range map[int64]string{80: staff.RoleAdmin, 81: staff.RoleAuditor, 82: staff.RoleOperator, 83: staff.RoleAdmin} {
		modeltest.Create(t, h.db, &model.Staff{ID: id, Name: role, UserID: role + string(rune(id)), Disabled: id == 83}, &model.StaffRole{StaffID: id, Role: role})
	}
	kept := func(day, n int) {
		for i := range n {
			modeltest.Create(t, h.db, &model.Reveal{CustomerID: 2, StaffID: seller.StaffID, What: RevealPhone, Purpose: "预约回访", Day: day, Ordinal: i + 1, RevealedAt: noon.AddDate(0, 0, -3)})
		}
	}
	kept(20261119, 4)
	kept(20261120, 6)
	kept(20261001, 50) // too long ago to matter
	for i := range 18 {
		if _, err := h.Reveal(t.Context(), seller, RevealInput{1, RevealPhone, "预约回访"}); err != nil {
			t.Fatal(err)
		}
		want := int64(0)
		if i >= 15 { // 5 a day are usual
			want = 1
		}
		if n := modeltest.Count[model.Task](t, h.db, "kind = ?", TaskUnusualReveals); n != want {
			t.Fatalf("after %d: %d tasks, want %d", i+1, n, want)
		}
	}
	if n := modeltest.Count[model.Task](t, h.db, "kind = ? AND staff_id = 80 AND status = 'open'", TaskUnusualReveals); n != 1 {
		t.Errorf("the administrator has %d tasks", n)
	}
	days, err := h.RevealDays(t.Context(), time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	want := []RevealDay{{seller.StaffID, seller.Name, 20261122, 18, 5, true}, {seller.StaffID, seller.Name, 20261120, 6, 4, false}}
	if err != nil || len(days) != 2 || days[0] != want[0] || days[1] != want[1] {
		t.Errorf("got %+v, %v", days, err)
	}
	if _, err := h.RevealDays(t.Context(), noon, noon.AddDate(0, 0, 92)); !errors.Is(err, ErrInvalid) {
		t.Errorf("more than a season: %v", err)
	}
	list, err := h.Reveals(t.Context(), RevealFilter{StaffID: seller.StaffID, CustomerID: 1, From: noon.AddDate(0, 0, -1), Limit: 5})
	if err != nil || len(list) != 5 || list[0].StaffName != seller.Name || list[0].What != RevealPhone || list[0].Purpose != "预约回访" || list[0].Ordinal != 18 {
		t.Errorf("got %+v, %v", list, err)
	}
	if next, err := h.Reveals(t.Context(), RevealFilter{CustomerID: 1, Before: list[4].ID, To: noon.AddDate(0, 0, 1), Limit: 50}); err != nil || len(next) != 13 {
		t.Errorf("the next page has %d, %v", len(next), err)
	}
}
