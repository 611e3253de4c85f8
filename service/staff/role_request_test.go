package staff

import (
	"slices"
	"sync"
	"testing"

	"zhiyin/model"
)

// TestS52_GreaterRightsNeedASecondPerson: who asks for them, or would have them, can't agree to them; less than the whole house, or less than
// before, takes effect at once.
func TestS52_GreaterRightsNeedASecondPerson(t *testing.T) {
	h := newHouse(t)
	a, friend := h.user(t, "admin.a", RoleAdmin), h.user(t, "friend", RoleSales)
	roles := func(id int64) []string {
		t.Helper()
		m, err := h.RolesOf(t.Context(), []int64{id})
		if err != nil {
			t.Fatal(err)
		}
		return m[id]
	}
	ask := func(by, id int64, names ...string) *model.RoleRequest {
		t.Helper()
		r, err := h.AskRoles(t.Context(), by, id, names)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	// One administrator alone has nobody to ask.
	if r := ask(a.ID, friend.ID, RoleOperator); r != nil || !slices.Equal(roles(friend.ID), []string{RoleOperator}) {
		t.Fatalf("alone: %+v, %v", r, roles(friend.ID))
	}
	if r := ask(a.ID, friend.ID, RoleSales); r != nil {
		t.Errorf("less waits: %+v", r)
	}
	b := h.user(t, "admin.b", RoleAdmin)
	token, _ := h.signIn(t, "friend")
	for _, name := range []string{RoleManager, RoleService} {
		if r := ask(a.ID, friend.ID, name); r != nil || !slices.Equal(roles(friend.ID), []string{name}) {
			t.Errorf("%s waits: %+v", name, r)
		}
	}
	if h.alive(t, token) {
		t.Error("a session outlived a change of roles")
	}
	first := ask(a.ID, friend.ID, RoleAdmin)
	if first == nil || slices.Contains(roles(friend.ID), RoleAdmin) {
		t.Fatalf("given at once: %v", roles(friend.ID))
	}
	if again := ask(a.ID, friend.ID, RoleAdmin); again == nil || again.ID != first.ID {
		t.Errorf("asked twice: %+v", again)
	}
	for who, id := range map[string]int64{"who asked": a.ID, "who would have them": friend.ID} {
		_, err := h.DecideRoles(t.Context(), id, first.ID, true)
		if wantErr(t, err, ErrSecondPerson); slices.Contains(roles(friend.ID), RoleAdmin) {
			t.Fatalf("%s gave them", who)
		}
	}
	second := ask(a.ID, friend.ID, RoleAuditor, RoleSales)
	if _, err := h.DecideRoles(t.Context(), b.ID, first.ID, true); second == nil {
		t.Error("nothing waits")
	} else {
		wantErr(t, err, ErrDecided) // replaced
	}
	// Of two answers at once one counts.
	var wg sync.WaitGroup
	outcomes := make([]error, 2)
	for i := range outcomes {
		wg.Go(func() { _, outcomes[i] = h.DecideRoles(t.Context(), b.ID, second.ID, true) })
	}
	wg.Wait()
	if (outcomes[0] == nil) == (outcomes[1] == nil) {
		t.Errorf("answers: %v", outcomes)
	}
	if got := roles(friend.ID); !slices.Equal(got, []string{RoleAuditor, RoleSales}) {
		t.Errorf("roles: %v", got)
	}
	// An account is made without the roles that wait.
	made, err := h.Create(t.Context(), CreateInput{Login: "made", Name: "made", Password: goodPassword, Roles: []string{RoleAdmin}, By: a.ID})
	if err != nil || len(roles(made.ID)) != 0 {
		t.Fatalf("%v, %v", roles(made.ID), err)
	}
	list, err := h.RoleRequests(t.Context(), RequestWaiting, 0, 10)
	if err != nil || len(list) != 1 || list[0].StaffID != made.ID || list[0].AskedBy != a.ID {
		t.Fatalf("%+v, %v", list, err)
	}
	refused, err := h.DecideRoles(t.Context(), b.ID, list[0].ID, false)
	if err != nil || refused.State != RequestRefused || refused.DecidedBy != b.ID || refused.DecidedAt == nil || len(roles(made.ID)) != 0 {
		t.Errorf("%+v, %v, %v", refused, roles(made.ID), err)
	}
	if all, err := h.RoleRequests(t.Context(), "", list[0].ID, 10); err != nil || len(all) != 2 || all[0].ID != second.ID {
		t.Errorf("%+v, %v", all, err)
	}
	_, err = h.DecideRoles(t.Context(), b.ID, 1<<40, true)
	wantErr(t, err, ErrNoRequest)
}
