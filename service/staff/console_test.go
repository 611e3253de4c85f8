package staff

import (
	"strings"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/fault"
)

func TestCreateAdmin(t *testing.T) {
	h := newHouse(t)
	row, err := h.CreateAdmin(t.Context(), "Boss", " 老板 ", goodPassword)
	if err != nil || row.AccountID != 0 || row.UserID != "boss" || row.Name != "老板" {
		t.Fatalf("got %+v and %v", row, err)
	}
	if _, v := h.signIn(t, "boss"); !v.May("staff.write") {
		t.Errorf("the administrator is %+v", v)
	}
	_, err = h.CreateAdmin(t.Context(), "BOSS", "again", goodPassword)
	wantErr(t, err, ErrLoginTaken)
	if n := modeltest.Count[model.Staff](t, h.db); n != 1 {
		t.Errorf("%d staff: a refused creation left something behind", n)
	}
	var l model.StaffLogin
	if err := h.db.Take(&l).Error; err != nil || strings.Contains(l.PasswordHash, goodPassword) || !strings.HasPrefix(l.PasswordHash, "$argon2id$") {
		t.Errorf("stored as %q (%v)", l.PasswordHash, err)
	}
}

func TestCreateChecksItsInput(t *testing.T) {
	h := newHouse(t)
	tests := []struct {
		name string
		in   CreateInput
		want error
	}{
		{"login too short", CreateInput{Login: "ab", Name: "n", Password: goodPassword}, ErrInvalid},
		{"login with a space", CreateInput{Login: "a b c", Name: "n", Password: goodPassword}, ErrInvalid},
		{"login too long", CreateInput{Login: strings.Repeat("a", 65), Name: "n", Password: goodPassword}, ErrInvalid},
		{"no name", CreateInput{Login: "boss", Name: " ", Password: goodPassword}, ErrInvalid},
		{"weak password", CreateInput{Login: "boss", Name: "n", Password: "password1234"}, ErrWeakPassword},
		{"unknown role", CreateInput{Login: "boss", Name: "n", Password: goodPassword, Roles: []string{"emperor"}}, ErrUnknownRole},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := h.Create(t.Context(), tt.in)
			wantErr(t, err, tt.want)
			if f := fault.Of(err); f == nil || f.Kind != fault.Invalid || len(f.Fields) != 1 {
				t.Errorf("got fault %+v", f)
			}
		})
	}
	if n := modeltest.Count[model.Staff](t, h.db); n != 0 {
		t.Errorf("%d staff", n)
	}
}

func TestSetLogin(t *testing.T) {
	h := newHouse(t)
	boss := h.user(t, "boss", RoleAdmin)
	h.members(t, false, wang())
	id := h.member(t, "wang").ID
	wantErr(t, h.SetPassword(t.Context(), id, goodPassword), ErrNoLogin)
	wantErr(t, h.SetLogin(t.Context(), id, "boss", goodPassword), ErrLoginTaken)
	if err := h.SetLogin(t.Context(), id, "wang", goodPassword); err != nil {
		t.Fatal(err)
	}
	if err := h.SetLogin(t.Context(), id, "wang.wu", goodPassword); err != nil {
		t.Fatal(err)
	}
	wantErr(t, h.try("wang", goodPassword, here), ErrWrongLogin)
	if _, v := h.signIn(t, "wang.wu"); v.StaffID != id || v.AccountID != 1 || v.UserID != "wang" {
		t.Errorf("got %+v", v)
	}
	wantErr(t, h.SetLogin(t.Context(), id+boss.ID+100, "ghost", goodPassword), ErrNotFound)
	wantErr(t, h.SetPassword(t.Context(), id, "wang.wu"), ErrWeakPassword)
}

func TestSetRoles(t *testing.T) {
	h := newHouse(t)
	row := h.user(t, "boss", RoleAdmin)
	token, _ := h.signIn(t, "boss")
	if err := h.SetRoles(t.Context(), row.ID, []string{RoleAdmin, RoleAdmin}); err != nil {
		t.Fatal(err)
	}
	if !h.alive(t, token) {
		t.Error("the same roles again ended the session")
	}
	wantErr(t, h.SetRoles(t.Context(), row.ID, []string{"emperor"}), ErrUnknownRole)
	wantErr(t, h.SetRoles(t.Context(), row.ID+1, nil), ErrNotFound)
	if err := h.SetRoles(t.Context(), row.ID, nil); err != nil {
		t.Fatal(err)
	}
	if _, v := h.signIn(t, "boss"); len(v.Roles) != 0 {
		t.Errorf("got %+v", v)
	}
}

func TestDisableAndEnable(t *testing.T) {
	h := newHouse(t)
	row := h.user(t, "boss", RoleAdmin)
	for range 2 {
		if err := h.Disable(t.Context(), row.ID); err != nil {
			t.Fatal(err)
		}
	}
	wantErr(t, h.try("boss", goodPassword, here), ErrWrongLogin)
	if err := h.Enable(t.Context(), row.ID); err != nil {
		t.Fatal(err)
	}
	h.signIn(t, "boss")
	wantErr(t, h.Disable(t.Context(), row.ID+1), ErrNotFound)
}
