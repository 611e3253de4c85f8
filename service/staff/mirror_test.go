package staff

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/wecom"
)

func (h house) departments(t *testing.T, complete bool, list ...wecom.Department) (n Counts) {
	t.Helper()
	inTx(t, h.db, func(tx *gorm.DB) (err error) {
		n, err = h.ApplyDepartmentsTx(tx, 1, list, complete)
		return err
	})
	return n
}

func (h house) members(t *testing.T, complete bool, list ...wecom.StaffMember) (n Counts) {
	t.Helper()
	inTx(t, h.db, func(tx *gorm.DB) (err error) {
		n, err = h.ApplyStaffTx(tx, 1, list, complete)
		return err
	})
	return n
}

func (h house) member(t *testing.T, userid string) *model.Staff {
	t.Helper()
	found, err := h.ByUserIDs(t.Context(), 1, []string{userid})
	if err != nil || found[userid] == nil {
		t.Fatalf("find %s: %v", userid, err)
	}
	return found[userid]
}

// in describes the departments of a member: "1 3*", the star where they lead.
func (h house) in(t *testing.T, userid string) string {
	t.Helper()
	var rows []struct {
		PlatformID int64
		IsLeader   bool
	}
	err := h.db.Raw(`SELECT d.platform_id, b.is_leader FROM staff_department b JOIN department d ON d.id = b.department_id
		WHERE b.staff_id = ? ORDER BY d.platform_id`, h.member(t, userid).ID).Scan(&rows).Error
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, r := range rows {
		text := fmt.Sprint(r.PlatformID)
		if r.IsLeader {
			text += "*"
		}
		list = append(list, text)
	}
	return strings.Join(list, " ")
}

func wantCounts(t *testing.T, what string, got, want Counts) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

var (
	root  = wecom.Department{ID: 1, Name: "知音茶饮", Order: 100}
	sales = wecom.Department{ID: 2, Name: "销售部", ParentID: 1, Order: 90}
	east  = wecom.Department{ID: 3, Name: "华东", ParentID: 2, Order: 80}
)

func TestApplyDepartments(t *testing.T) {
	h := newHouse(t)
	modeltest.Create(t, h.db, &model.Department{AccountID: 2, PlatformID: 1, Name: "另一企业"})
	wantCounts(t, "first", h.departments(t, true, root, sales, east, sales), Counts{Read: 3, Created: 3})
	wantCounts(t, "again", h.departments(t, true, root, sales, east), Counts{Read: 3, Unchanged: 3})
	renamed := sales
	renamed.Name = "大客户部"
	wantCounts(t, "renamed", h.departments(t, true, root, renamed, east), Counts{Read: 3, Updated: 1, Unchanged: 2})
	wantCounts(t, "part of the list", h.departments(t, false, root), Counts{Read: 1, Unchanged: 1})
	wantCounts(t, "gone", h.departments(t, true, root, renamed), Counts{Read: 2, Unchanged: 2, Vanished: 1})
	wantCounts(t, "still gone", h.departments(t, true, root, renamed), Counts{Read: 2, Unchanged: 2})
	list, err := h.Departments(t.Context(), 1)
	if err != nil || len(list) != 2 || list[0].Name != "知音茶饮" || list[1].Name != "大客户部" {
		t.Errorf("got %v and %v", list, err)
	}
	wantCounts(t, "back", h.departments(t, true, root, renamed, east), Counts{Read: 3, Updated: 1, Unchanged: 2})
	if n := modeltest.Count[model.Department](t, h.db, "gone_at IS NULL"); n != 4 {
		t.Errorf("%d departments present, want 3 and the other account's one", n)
	}
}

func TestDepartmentNameBeyondItsColumn(t *testing.T) {
	h := newHouse(t)
	long := root
	long.Name = strings.Repeat("长", 200)
	wantCounts(t, "first", h.departments(t, true, long), Counts{Read: 1, Created: 1})
	wantCounts(t, "again", h.departments(t, true, long), Counts{Read: 1, Unchanged: 1})
}

func li() wecom.StaffMember {
	return wecom.StaffMember{
		UserID: "LiSi", Name: "李四", Alias: "Li", Position: "店长", Avatar: "https://example.com/a.png",
		Departments: []int64{1, 3}, LeaderIn: []int{0, 1}, MainDepartment: 3, Status: 1,
	}
}

func wang() wecom.StaffMember {
	return wecom.StaffMember{UserID: "wang", Name: "王五", Departments: []int64{2}, LeaderIn: []int{0}, MainDepartment: 2, Status: 1}
}

func TestApplyStaff(t *testing.T) {
	h := newHouse(t)
	h.departments(t, true, root, sales, east)
	wantCounts(t, "first", h.members(t, true, li(), wang(), li()), Counts{Read: 2, Created: 2})
	wantCounts(t, "again", h.members(t, true, li(), wang()), Counts{Read: 2, Unchanged: 2})
	got := h.member(t, "lisi")
	if got.Name != "李四" || got.Alias != "Li" || got.Position != "店长" || got.MainDepartment != 3 || got.PlatformStatus != 1 || got.GoneAt != nil {
		t.Errorf("got %+v", got)
	}
	if in := h.in(t, "lisi"); in != "1 3*" {
		t.Errorf("lisi is in %q", in)
	}
	moved := li()
	moved.Departments, moved.LeaderIn = []int64{1, 2}, []int{1, 0}
	wantCounts(t, "moved", h.members(t, false, moved), Counts{Read: 1, Updated: 1})
	if in := h.in(t, "lisi"); in != "1* 2" {
		t.Errorf("after the move lisi is in %q", in)
	}
	renamed := moved
	renamed.Name = "李思"
	wantCounts(t, "renamed", h.members(t, false, renamed, wang()), Counts{Read: 2, Updated: 1, Unchanged: 1})
	if again := h.member(t, "lisi"); again.ID != got.ID || again.Name != "李思" || !again.CreatedAt.Equal(got.CreatedAt) {
		t.Errorf("after the new name: %+v", again)
	}
}

func TestWhatThePlatformDoesNotTellStays(t *testing.T) {
	h := newHouse(t)
	h.departments(t, true, root, sales, east)
	h.members(t, true, li())
	wantCounts(t, "told nothing", h.members(t, false, wecom.StaffMember{UserID: "lisi"}), Counts{Read: 1, Unchanged: 1})
	if got := h.member(t, "lisi"); got.Name != "李四" || got.PlatformStatus != 1 || h.in(t, "lisi") != "1 3*" {
		t.Errorf("got %+v in %q", got, h.in(t, "lisi"))
	}
}

func TestStaffWhoVanishAndComeBack(t *testing.T) {
	h := newHouse(t)
	h.departments(t, true, root, sales, east)
	h.members(t, true, li(), wang())
	wantCounts(t, "wang missing", h.members(t, true, li()), Counts{Read: 1, Unchanged: 1, Vanished: 1})
	if got := h.member(t, "wang"); got.GoneAt == nil || got.ServesCustomers {
		t.Errorf("got %+v", got)
	}
	wantCounts(t, "still missing", h.members(t, true, li()), Counts{Read: 1, Unchanged: 1})
	wantCounts(t, "back", h.members(t, true, li(), wang()), Counts{Read: 2, Updated: 1, Unchanged: 1})
	if got := h.member(t, "wang"); got.GoneAt != nil {
		t.Errorf("got %+v", got)
	}
}

func TestACompleteListOfNobodyIsRefused(t *testing.T) {
	h := newHouse(t)
	h.members(t, false, wang())
	err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
		_, err := h.ApplyStaffTx(tx, 1, nil, true)
		return err
	})
	if err == nil || h.member(t, "wang").GoneAt != nil {
		t.Errorf("error %v, and wang is gone at %v", err, h.member(t, "wang").GoneAt)
	}
}

func TestAMemberOfAnUnknownDepartment(t *testing.T) {
	h := newHouse(t)
	h.members(t, true, wang())
	if in := h.in(t, "wang"); in != "2" {
		t.Errorf("wang is in %q", in)
	}
	wantCounts(t, "departments", h.departments(t, true, root, sales), Counts{Read: 2, Created: 1, Updated: 1})
}

func TestTextBeyondItsColumn(t *testing.T) {
	h := newHouse(t)
	m := wang()
	m.Name, m.Avatar = strings.Repeat("长", 300), strings.Repeat("x", 2000)
	wantCounts(t, "first", h.members(t, true, m), Counts{Read: 1, Created: 1})
	wantCounts(t, "again", h.members(t, true, m), Counts{Read: 1, Unchanged: 1})
	if got := h.member(t, "wang"); len([]rune(got.Name)) != 128 || got.Avatar != "" {
		t.Errorf("got a name of %d characters and avatar %q", len([]rune(got.Name)), got.Avatar)
	}
}

func TestSyncLeavesWhatIsOurs(t *testing.T) {
	h := newHouse(t)
	h.members(t, true, wang())
	id := h.member(t, "wang").ID
	if err := h.Disable(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	inTx(t, h.db, func(tx *gorm.DB) error { return h.SetServingTx(tx, 1, []string{"wang"}) })
	renamed := wang()
	renamed.Name = "王武"
	h.members(t, true, renamed)
	if got := h.member(t, "wang"); !got.Disabled || !got.ServesCustomers || got.Name != "王武" {
		t.Errorf("got %+v", got)
	}
	modeltest.Create(t, h.db, &model.Staff{AccountID: 2, UserID: "other"})
	h.user(t, "console", RoleAdmin)
	h.members(t, true, renamed)
	if n := modeltest.Count[model.Staff](t, h.db, "gone_at IS NOT NULL"); n != 0 {
		t.Errorf("%d people of other accounts are gone", n)
	}
}

func TestAPageTakesFewStatements(t *testing.T) {
	h := newHouse(t)
	h.departments(t, true, root, sales, east)
	var list []wecom.StaffMember
	for i := range 1000 {
		m := wang()
		m.UserID = fmt.Sprintf("user%04d", i)
		list = append(list, m)
	}
	all, writes := statements(t, h.db)
	wantCounts(t, "first", h.members(t, true, list...), Counts{Read: 1000, Created: 1000})
	if n := all.Load(); n > 20 {
		t.Errorf("%d statements for 1,000 new members", n)
	}
	all.Store(0)
	writes.Store(0)
	wantCounts(t, "again", h.members(t, true, list...), Counts{Read: 1000, Unchanged: 1000})
	if n, w := all.Load(), writes.Load(); n > 12 || w != 0 {
		t.Errorf("%d statements, %d of them writing, for 1,000 unchanged members", n, w)
	}
}

func TestEnsureMakesABareRowOnce(t *testing.T) {
	h := newHouse(t)
	var all sync.WaitGroup
	ids := make([]int64, 16)
	for i := range ids {
		all.Go(func() {
			err := model.InTx(context.Background(), h.db, func(tx *gorm.DB) error {
				row, err := h.EnsureTx(tx, 1, []string{"ZhaoLiu", "zhaoliu"}[i%2])
				if err == nil {
					ids[i] = row.ID
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if id == 0 || id != ids[0] {
			t.Fatalf("got rows %v", ids)
		}
	}
	z := wang()
	z.UserID = "zhaoliu"
	wantCounts(t, "then synchronised", h.members(t, true, z), Counts{Read: 1, Updated: 1})
	err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
		_, err := h.EnsureTx(tx, 1, " ")
		return err
	})
	if err == nil {
		t.Error("an empty user id is accepted")
	}
}

func TestSetServing(t *testing.T) {
	h := newHouse(t)
	h.members(t, true, li(), wang())
	serving := func() string {
		var rows []model.Staff
		if err := h.db.Where("serves_customers = ?", true).Order("userid").Find(&rows).Error; err != nil {
			t.Fatal(err)
		}
		return userids(rows)
	}
	for _, step := range []struct{ list, want string }{
		{"LiSi newcomer", "lisi newcomer"}, {"LiSi newcomer", "lisi newcomer"}, {"wang lisi", "lisi wang"}, {"", ""},
	} {
		inTx(t, h.db, func(tx *gorm.DB) error { return h.SetServingTx(tx, 1, strings.Fields(step.list)) })
		if got := serving(); got != step.want {
			t.Errorf("after %q: got %q, want %q", step.list, got, step.want)
		}
	}
}

func TestLeft(t *testing.T) {
	h := newHouse(t)
	h.members(t, true, li(), wang())
	for range 2 {
		inTx(t, h.db, func(tx *gorm.DB) error { return h.LeftTx(tx, 1, "LISI") })
	}
	if h.member(t, "lisi").GoneAt == nil || h.member(t, "wang").GoneAt != nil {
		t.Error("the wrong one left")
	}
	inTx(t, h.db, func(tx *gorm.DB) error { return h.LeftTx(tx, 1, "nobody") })
	if n := modeltest.Count[model.Staff](t, h.db); n != 2 {
		t.Errorf("%d staff", n)
	}
}

func TestVisibleStaff(t *testing.T) {
	h := newHouse(t)
	north := wecom.Department{ID: 4, Name: "华北", ParentID: 1}
	h.departments(t, true, root, sales, east, north)
	in := func(userid string, leads int, departments ...int64) wecom.StaffMember {
		m := wecom.StaffMember{UserID: userid, Name: userid, Departments: departments, LeaderIn: make([]int, len(departments)), Status: 1}
		if leads >= 0 {
			m.LeaderIn[leads] = 1
		}
		return m
	}
	h.members(t, true, in("boss", 0, 1), in("lead", 0, 2, 4), in("seller", -1, 2), in("east", -1, 3), in("north", -1, 4), in("left", -1, 3))
	inTx(t, h.db, func(tx *gorm.DB) error { return h.LeftTx(tx, 1, "left") })
	tests := []struct{ who, roles, want string }{
		{"seller", "sales", "seller"},
		{"lead", "sales", "lead"}, // leading without the role
		{"lead", "manager", "east lead left seller"},
		{"lead", "sales manager", "east lead left seller"},
		{"boss", "manager", "boss east lead left north seller"},
		{"seller", "manager", "seller"}, // the role without leading
		{"seller", "", "seller"},
		{"seller", "operator", "all"},
		{"seller", "sales auditor", "all"},
		{"seller", "admin", "all"},
	}
	for _, tt := range tests {
		t.Run(tt.who+" as "+tt.roles, func(t *testing.T) {
			v := &Viewer{StaffID: h.member(t, tt.who).ID, AccountID: 1, Roles: strings.Fields(tt.roles)}
			all, ids, err := h.VisibleStaff(t.Context(), v)
			if err != nil {
				t.Fatal(err)
			}
			got := "all"
			if !all {
				var rows []model.Staff
				if err := h.db.Where("id IN ?", ids).Order("userid").Find(&rows).Error; err != nil {
					t.Fatal(err)
				}
				got = userids(rows)
			}
			if got != tt.want || all && ids != nil {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBelowEndsInACircle(t *testing.T) {
	tree := []model.Department{
		{ID: 10, PlatformID: 1, ParentPlatformID: 3}, {ID: 20, PlatformID: 2, ParentPlatformID: 1},
		{ID: 30, PlatformID: 3, ParentPlatformID: 2}, {ID: 40, PlatformID: 4, ParentPlatformID: 4},
	}
	if got := below(tree, []int64{10}); len(got) != 3 {
		t.Errorf("got %v", got)
	}
	if got := below(tree, []int64{99}); len(got) != 0 {
		t.Errorf("a department that is gone leads to %v", got)
	}
}
