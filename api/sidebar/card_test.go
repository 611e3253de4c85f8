package sidebar

import (
	"context"
	"errors"
	"testing"

	"zhiyin/api/problem"
	"zhiyin/service/staff"
)

func TestChoose(t *testing.T) {
	nothing := func(*Handlers, context.Context, *subject) (string, error) { return "", nil }
	all := []section{part("who", "customer.read", "", nothing), part("money", "account.write", "", nothing), part("notes", "customer.read", "", nothing)}
	sales, admin := &staff.Viewer{Roles: []string{staff.RoleSales}}, &staff.Viewer{Roles: []string{staff.RoleAdmin}}
	for _, tt := range []struct {
		v     *staff.Viewer
		names []string
		want  string
	}{
		{sales, nil, "who notes "}, {admin, nil, "who money notes "}, {sales, []string{"notes"}, "notes "}, {sales, []string{"money"}, ""}, {&staff.Viewer{}, nil, ""},
	} {
		got, err := choose(all, tt.v, tt.names)
		names := ""
		for _, s := range got {
			names += s.name + " "
		}
		if err != nil || names != tt.want {
			t.Errorf("%v, %v: got %q and %v, want %q", tt.v.Roles, tt.names, names, err, tt.want)
		}
	}
	if _, err := choose(all, admin, []string{"who", "none"}); !errors.Is(err, problem.ErrInvalid) {
		t.Errorf("a name that is none: %v", err)
	}
	seen := map[string]bool{}
	for _, s := range sections {
		if seen[s.name] || s.name == "" || s.permission == "" || s.doc == "" {
			t.Errorf("section %q: needs a name of its own, a permission and a sentence", s.name)
		}
		seen[s.name] = true
	}
}
