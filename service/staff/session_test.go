package staff

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/wecom"
)

func (h house) alive(t *testing.T, token string) bool {
	t.Helper()
	_, err := h.Authenticate(t.Context(), token)
	if err != nil && !errors.Is(err, ErrSessionEnded) {
		t.Fatal(err)
	}
	return err == nil
}

func TestSessionsEndWhenIdle(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	token, _ := h.signIn(t, "boss")
	h.clock.Advance(2*time.Hour - time.Millisecond)
	if !h.alive(t, token) {
		t.Fatal("ended just before the idle timeout")
	}
	h.clock.Advance(2*time.Hour - time.Millisecond)
	if !h.alive(t, token) {
		t.Fatal("use did not count")
	}
	h.clock.Advance(2 * time.Hour)
	if h.alive(t, token) {
		t.Error("alive at the idle timeout")
	}
}

func TestSessionsEndAbsolutely(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	token, v := h.signIn(t, "boss")
	for h.clock.Now().Before(v.ExpiresAt.Add(-time.Hour)) {
		h.clock.Advance(time.Hour)
		if !h.alive(t, token) {
			t.Fatalf("ended at %v already", h.clock.Now())
		}
	}
	h.clock.Advance(time.Hour)
	if h.alive(t, token) {
		t.Error("alive at the absolute timeout")
	}
}

func TestUseIsWrittenAtMostOnceAMinute(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	token, _ := h.signIn(t, "boss")
	all, writes := statements(t, h.db)
	for _, step := range []struct {
		wait   time.Duration
		writes int64
	}{{0, 0}, {59 * time.Second, 0}, {time.Second, 1}, {30 * time.Second, 0}, {30 * time.Second, 1}} {
		h.clock.Advance(step.wait)
		all.Store(0)
		writes.Store(0)
		if !h.alive(t, token) {
			t.Fatal("ended")
		}
		if writes.Load() != step.writes || all.Load() > 1+step.writes {
			t.Errorf("after %v more: %d statements, %d of them writing, want %d writing", step.wait, all.Load(), writes.Load(), step.writes)
		}
	}
}

func TestManyRequestsTouchASessionOnce(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	token, _ := h.signIn(t, "boss")
	h.clock.Advance(time.Hour)
	var touched atomic.Int64
	count := func(tx *gorm.DB) { touched.Add(tx.RowsAffected) }
	if err := h.db.Callback().Update().After("gorm:update").Register("touched", count); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := h.Authenticate(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var s model.Session
	if err := h.db.Take(&s).Error; err != nil || !s.SeenAt.Equal(noon.Add(time.Hour)) {
		t.Errorf("seen at %v (%v)", s.SeenAt, err)
	}
	if n := touched.Load(); n != 1 {
		t.Errorf("written %d times", n)
	}
}

func TestForgedTokens(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	token, _ := h.signIn(t, "boss")
	for _, forged := range []string{"", token[1:], token + "A", token[:42] + "!", "' OR '1'='1"} {
		if h.alive(t, forged) {
			t.Errorf("%q is let in", forged)
		}
	}
}

func TestS46_SessionsAreListedAndRevoked(t *testing.T) {
	h := newHouse(t)
	boss, other := h.user(t, "boss", RoleAdmin), h.user(t, "other", RoleSales)
	first, _ := h.signIn(t, "boss")
	h.clock.Advance(time.Minute)
	second, v := h.signIn(t, "boss")
	foreign, f := h.signIn(t, "other")
	list, err := h.Sessions(t.Context(), boss.ID)
	if err != nil || len(list) != 2 || list[0].ID != v.SessionID {
		t.Fatalf("got %v and %v", list, err)
	}
	wantErr(t, h.Revoke(t.Context(), boss.ID, f.SessionID), ErrSessionNotFound)
	if err := h.Revoke(t.Context(), boss.ID, list[1].ID); err != nil {
		t.Fatal(err)
	}
	wantErr(t, h.Revoke(t.Context(), boss.ID, list[1].ID), ErrSessionNotFound)
	if h.alive(t, first) || !h.alive(t, second) || !h.alive(t, foreign) {
		t.Error("the wrong session ended")
	}
	for range 2 {
		if err := h.SignOut(t.Context(), second); err != nil {
			t.Fatal(err)
		}
	}
	if h.alive(t, second) {
		t.Error("alive after signing out")
	}
	if err := h.RevokeAll(t.Context(), other.ID); err != nil || h.alive(t, foreign) {
		t.Errorf("alive after all were revoked, or %v", err)
	}
	if list, err := h.Sessions(t.Context(), boss.ID); err != nil || len(list) != 0 {
		t.Errorf("listed at the end: %v and %v", list, err)
	}
}

func TestV12_SessionsEndOnBothReplicas(t *testing.T) {
	sync := func(complete bool, list ...wecom.StaffMember) func(house, *testing.T, int64) {
		return func(h house, t *testing.T, _ int64) { h.members(t, complete, list...) }
	}
	disabled, left := wang(), wang()
	disabled.Status, left.Status = 2, 5
	tests := []struct {
		name  string
		do    func(h house, t *testing.T, id int64)
		again bool // signing in anew works
	}{
		{"new password", func(h house, t *testing.T, id int64) {
			if err := h.SetPassword(t.Context(), id, goodPassword); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"new login", func(h house, t *testing.T, id int64) {
			if err := h.SetLogin(t.Context(), id, "wang", goodPassword); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"other roles", func(h house, t *testing.T, id int64) {
			if err := h.SetRoles(t.Context(), id, []string{RoleAuditor}); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"disable", func(h house, t *testing.T, id int64) {
			if err := h.Disable(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"S38 the platform's delete_user", func(h house, t *testing.T, _ int64) {
			inTx(t, h.db, func(tx *gorm.DB) error { return h.LeftTx(tx, 1, "Wang") })
		}, false},
		{"disabled at the platform", sync(false, disabled), false},
		{"left at the platform", sync(false, left), false},
		{"missing in a complete list", sync(true, li()), false},
		{"a rename is no reason", sync(false, wecom.StaffMember{UserID: "wang", Name: "王武"}), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := replicas(t)
			a.members(t, true, li(), wang())
			id := a.member(t, "wang").ID
			if err := a.SetLogin(t.Context(), id, "wang", goodPassword); err != nil {
				t.Fatal(err)
			}
			if err := a.SetRoles(t.Context(), id, []string{RoleSales}); err != nil {
				t.Fatal(err)
			}
			onA, _ := a.signIn(t, "wang")
			onB, _ := b.signIn(t, "wang")
			tt.do(a, t, id)
			stays := tt.name == "a rename is no reason"
			for _, h := range []house{a, b} {
				if h.alive(t, onA) != stays || h.alive(t, onB) != stays {
					t.Errorf("sessions stay: want %v", stays)
				}
			}
			err := b.try("wang", goodPassword, there)
			if tt.again != (err == nil) || err != nil && !errors.Is(err, ErrWrongLogin) {
				t.Errorf("signing in anew: %v", err)
			}
		})
	}
}

func TestAccessGivenBackDoesNotReviveSessions(t *testing.T) {
	disabled := wang()
	disabled.Status = 2
	tests := map[string]struct{ take, give func(h house, id int64) }{
		"disabled here": {
			func(h house, id int64) { _ = h.Disable(t.Context(), id) },
			func(h house, id int64) { _ = h.Enable(t.Context(), id) },
		},
		"disabled at the platform": {
			func(h house, _ int64) { h.members(t, false, disabled) },
			func(h house, _ int64) { h.members(t, false, wang()) },
		},
		"gone": {
			func(h house, _ int64) { h.members(t, true, li()) },
			func(h house, _ int64) { h.members(t, true, li(), wang()) },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.members(t, true, li(), wang())
			id := h.member(t, "wang").ID
			if err := h.SetLogin(t.Context(), id, "wang", goodPassword); err != nil {
				t.Fatal(err)
			}
			token, _ := h.signIn(t, "wang")
			tt.take(h, id)
			tt.give(h, id)
			if h.alive(t, token) {
				t.Error("the session is alive again")
			}
			h.signIn(t, "wang")
		})
	}
}

func TestS39_RightsAreReadOnEveryRequest(t *testing.T) {
	a, b := replicas(t)
	row := a.user(t, "boss", RoleAdmin)
	token, _ := a.signIn(t, "boss")
	// Straight in the table, so that no session is ended on the way.
	if err := a.db.Model(&model.StaffRole{}).Where("staff_id = ?", row.ID).Update("role", RoleAuditor).Error; err != nil {
		t.Fatal(err)
	}
	v, err := b.Authenticate(t.Context(), token)
	if err != nil || !slices.Equal(v.Roles, []string{RoleAuditor}) || v.May("staff.write") {
		t.Errorf("got %+v and %v", v, err)
	}
	if err := a.db.Model(&model.Staff{}).Where("id = ?", row.ID).Update("disabled", true).Error; err != nil {
		t.Fatal(err)
	}
	_, err = b.Authenticate(t.Context(), token)
	wantErr(t, err, ErrSessionEnded)
}

func TestSomebodyWithoutRolesSignsInAndMayNothing(t *testing.T) {
	h := newHouse(t)
	h.user(t, "nobody")
	token, _ := h.signIn(t, "nobody")
	v, err := h.Authenticate(t.Context(), token)
	if err != nil || len(v.Roles) != 0 || v.May("task.read") {
		t.Errorf("got %+v and %v", v, err)
	}
}

func TestPruneSessions(t *testing.T) {
	h := newHouse(t)
	row := h.user(t, "boss", RoleAdmin)
	var old []model.Session
	for i := range batch + 20 {
		hash := tokenHash(string(rune('a' + i)))
		old = append(old, model.Session{StaffID: row.ID, TokenHash: hash, Face: FaceConsole, SeenAt: noon, ExpiresAt: noon.Add(time.Minute), CreatedAt: noon})
	}
	modeltest.Create(t, h.db, &old)
	h.clock.Advance(time.Minute)
	token, _ := h.signIn(t, "boss")
	for range 2 {
		if err := h.PruneSessions(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := modeltest.Count[model.Session](t, h.db); n != 1 || !h.alive(t, token) {
		t.Errorf("%d sessions are left", n)
	}
}
