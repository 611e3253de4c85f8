package acquisition

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/fault"
)

func TestCodeIsReadAsItWasWritten(t *testing.T) {
	h := newHouse(t, "anna", "bob")
	tag := &model.Tag{AccountID: h.account.ID, Name: "门店"}
	modeltest.Create(t, h.db, tag)
	in := CodeInput{
		Name: " 门店海报 ", SourceName: "线下", RemarkPattern: "{{客户昵称}}-{{渠道}}", SkipVerify: true, TagIDs: []int64{tag.ID, tag.ID},
		Staff: []CodeStaff{
			{StaffID: h.staff["anna"].ID, DailyLimit: 3, Shifts: []Shift{{monday | sunday, 540, 1080}, {saturday, 1320, 60}}},
			{StaffID: h.staff["bob"].ID, Spare: true},
		},
		Welcome: &WelcomeContent{Text: "你好{{客户昵称}}"},
	}
	made, err := h.CreateCode(t.Context(), h.account.ID, 9, in)
	if err != nil {
		t.Fatal(err)
	}
	check := func(c *Code) {
		t.Helper()
		if c.Name != "门店海报" || c.SourceName != "线下" || c.RemarkPattern != in.RemarkPattern || !c.SkipVerify || !c.Enabled || c.CreatedBy != 9 || !isState(c.State) {
			t.Errorf("row: %+v", c.ChannelCode)
		}
		if fmt.Sprint(c.Staff) != fmt.Sprint(in.Staff) || !slices.Equal(c.TagIDs, []int64{tag.ID}) || c.Welcome == nil || c.Welcome.Text != in.Welcome.Text {
			t.Errorf("parts: %+v %v %+v", c.Staff, c.TagIDs, c.Welcome)
		}
	}
	check(made)
	again, err := h.UpdateCode(t.Context(), made.ID, in)
	if err != nil {
		t.Fatal(err)
	}
	check(again)
	in.Welcome, in.TagIDs, in.Staff = nil, nil, in.Staff[1:]
	less, err := h.UpdateCode(t.Context(), made.ID, in)
	if err != nil {
		t.Fatal(err)
	}
	if less.Welcome != nil || len(less.TagIDs) != 0 || len(less.Staff) != 1 {
		t.Errorf("parts taken away: %+v", less)
	}
	if n := modeltest.Count[model.ChannelCodeShift](t, h.db); n != 0 {
		t.Errorf("%d shifts are left behind", n)
	}
}

func TestCodeInputIsChecked(t *testing.T) {
	h := newHouse(t, "anna")
	foreign := &model.Staff{AccountID: h.account.ID + 1, UserID: "eve"}
	foreignTag := &model.Tag{AccountID: h.account.ID + 1}
	modeltest.Create(t, h.db, foreign, foreignTag)
	good := func() CodeInput { return CodeInput{Name: "n", Staff: []CodeStaff{h.member("anna")}} }
	shift := func(s Shift) func(*CodeInput) { return func(in *CodeInput) { in.Staff[0].Shifts = []Shift{s} } }
	tests := []struct {
		name   string
		change func(*CodeInput)
		want   error
		field  string
	}{
		{"good", func(*CodeInput) {}, nil, ""},
		{"no name", func(in *CodeInput) { in.Name = " " }, ErrInvalidCode, "name"},
		{"name too long", func(in *CodeInput) { in.Name = strings.Repeat("名", 65) }, ErrInvalidCode, "name"},
		{"longest name", func(in *CodeInput) { in.Name = strings.Repeat("名", 64) }, nil, ""},
		{"two lines", func(in *CodeInput) { in.Name = "a\nb" }, ErrInvalidCode, "name"},
		{"no staff", func(in *CodeInput) { in.Staff = nil }, ErrInvalidCode, "staff"},
		{"staff of another account", func(in *CodeInput) { in.Staff = append(in.Staff, CodeStaff{StaffID: foreign.ID}) }, ErrInvalidCode, "staff"},
		{"staff named twice", func(in *CodeInput) { in.Staff = append(in.Staff, in.Staff[0]) }, ErrInvalidCode, "staff[1]"},
		{"more staff than the platform takes", func(in *CodeInput) { in.Staff = make([]CodeStaff, 101) }, ErrInvalidCode, "staff"},
		{"negative limit", func(in *CodeInput) { in.Staff[0].DailyLimit = -1 }, ErrInvalidCode, "staff[0].daily_limit"},
		{"tag of another account", func(in *CodeInput) { in.TagIDs = []int64{foreignTag.ID} }, ErrInvalidCode, "tags"},
		{"shift on no day", shift(Shift{0, 0, 60}), ErrInvalidCode, "staff[0].shifts[0]"},
		{"shift on an eighth day", shift(Shift{1 << 7, 0, 60}), ErrInvalidCode, "staff[0].shifts[0]"},
		{"shift begins at midnight's end", shift(Shift{monday, 1440, 60}), ErrInvalidCode, "staff[0].shifts[0]"},
		{"shift ends at midnight", shift(Shift{monday, 0, 1440}), nil, ""},
		{"unknown variable in the remark", func(in *CodeInput) { in.RemarkPattern = "{{phone}}" }, ErrUnknownVariable, "text"},
		{"remark too long", func(in *CodeInput) { in.RemarkPattern = strings.Repeat("x", 21) }, ErrInvalidCode, "remark_pattern"},
		{"longest remark", func(in *CodeInput) { in.RemarkPattern = strings.Repeat("x", 20) + "{{客户昵称}}" }, nil, ""},
		{"empty welcome", func(in *CodeInput) { in.Welcome = &WelcomeContent{} }, ErrInvalidWelcome, "text"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := good()
			tt.change(&in)
			_, err := h.CreateCode(t.Context(), h.account.ID, 0, in)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if tt.field != "" && !slices.ContainsFunc(fault.Of(err).Fields, func(f fault.Field) bool { return f.Name == tt.field }) {
				t.Errorf("got fields %v, want %s", fault.Of(err).Fields, tt.field)
			}
		})
	}
	if _, err := h.CreateCode(t.Context(), h.account.ID+7, 0, good()); !errors.Is(err, ErrInvalidCode) {
		t.Errorf("unknown account: got %v", err)
	}
}

func TestListCodes(t *testing.T) {
	h := newHouse(t, "anna")
	var ids []int64
	for _, name := range []string{"海报", "100%", "传单"} {
		code, err := h.CreateCode(t.Context(), h.account.ID, 0, CodeInput{Name: name, Staff: []CodeStaff{h.member("anna")}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, code.ID)
	}
	if err := h.SetCodeEnabled(t.Context(), ids[0], false); err != nil {
		t.Fatal(err)
	}
	off := false
	tests := []struct {
		name string
		f    CodeFilter
		want []int64
	}{
		{"newest first", CodeFilter{}, []int64{ids[2], ids[1], ids[0]}},
		{"page of two", CodeFilter{Limit: 2}, []int64{ids[2], ids[1]}},
		{"next page", CodeFilter{Limit: 2, After: ids[1]}, []int64{ids[0]}},
		{"signs are taken literally", CodeFilter{Search: "%"}, []int64{ids[1]}},
		{"part of a name", CodeFilter{Search: "报"}, []int64{ids[0]}},
		{"switched off", CodeFilter{Enabled: &off}, []int64{ids[0]}},
		{"another account", CodeFilter{AccountID: 99}, nil},
	}
	for _, tt := range tests {
		list, err := h.Codes(t.Context(), tt.f)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, c := range list {
			got = append(got, c.ID)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// arrive lets a customer come through a code to a staff member.
func (h *house) arrive(code *Code, userID, customer string) *model.Relation {
	h.t.Helper()
	rel := &model.Relation{
		AccountID: h.account.ID, StaffID: h.staff[userID].ID, CustomerID: 1, ExternalUserID: newState(), Status: "active",
		ChannelCodeID: code.ID, AddedAt: h.clock.Now(), Fingerprint: []byte{},
	}
	modeltest.Create(h.t, h.db, rel)
	h.inTx(func(tx *gorm.DB) error { return h.ArrivedTx(tx, h.account, rel, customer) })
	return rel
}

func TestArrivalGivesTagsAndRemark(t *testing.T) {
	h := newHouse(t, "anna")
	live, gone := &model.Tag{AccountID: h.account.ID, Name: "a"}, &model.Tag{AccountID: h.account.ID, Name: "b"}
	modeltest.Create(t, h.db, live, gone)
	code, err := h.CreateCode(t.Context(), h.account.ID, 0, CodeInput{
		Name: "海报", RemarkPattern: "{{客户昵称}}-{{渠道}}", TagIDs: []int64{live.ID, gone.ID}, Staff: []CodeStaff{h.member("anna")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.db.Model(gone).UpdateColumn("gone_at", noon).Error; err != nil {
		t.Fatal(err)
	}
	rel := h.arrive(code, "anna", "小明")
	if want := []string{fmt.Sprintf("%d:%d", rel.ID, live.ID)}; !slices.Equal(h.tagged, want) {
		t.Errorf("tagged %v, want %v", h.tagged, want)
	}
	if h.remarks[rel.ID] != "小明-海报" {
		t.Errorf("remark %q", h.remarks[rel.ID])
	}

	// What a person wrote stays.
	own := &model.Relation{AccountID: h.account.ID, StaffID: h.staff["anna"].ID, ExternalUserID: "wm2", ChannelCodeID: code.ID, Remark: "王总", AddedAt: noon, Fingerprint: []byte{}}
	modeltest.Create(t, h.db, own)
	h.inTx(func(tx *gorm.DB) error { return h.ArrivedTx(tx, h.account, own, "小王") })
	if r, set := h.remarks[own.ID]; set {
		t.Errorf("a remark that a person wrote became %q", r)
	}

	// Switched off, a code counts and gives nothing.
	if err := h.SetCodeEnabled(t.Context(), code.ID, false); err != nil {
		t.Fatal(err)
	}
	before := len(h.tagged)
	off := h.arrive(code, "anna", "小红")
	if len(h.tagged) != before || h.remarks[off.ID] != "" {
		t.Error("a code that is switched off gave something")
	}
	if got := h.read(code.ID); got.Added != 3 || got.Today != 3 {
		t.Errorf("counted %d, today %d, want 3", got.Added, got.Today)
	}

	// Nobody's code, nothing to do.
	h.inTx(func(tx *gorm.DB) error { return h.ArrivedTx(tx, h.account, &model.Relation{}, "x") })
}

func TestReachingTheLimitTellsThePlatform(t *testing.T) {
	h := newHouse(t, "anna", "bob")
	limited := h.member("anna")
	limited.DailyLimit = 2
	code := h.code(limited, CodeStaff{StaffID: h.staff["bob"].ID, Spare: true})
	h.mustWork()
	h.arrive(code, "anna", "a")
	if n := h.works(workPush); n != 0 {
		t.Errorf("one below the limit: %d pushes are queued", n)
	}
	h.arrive(code, "anna", "b")
	if n := h.works(workPush); n != 1 {
		t.Errorf("at the limit: %d pushes are queued, want 1", n)
	}
	h.arrive(code, "anna", "c") // the platform has not been told yet
	if n := h.works(workPush); n != 1 {
		t.Errorf("past the limit: %d pushes are queued, want 1", n)
	}
	h.mustWork()
	h.wantTold(code, "bob")

	h.clock.Advance(12 * time.Hour) // a new business day begins exactly now
	if err := h.PushDueCodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.mustWork()
	h.wantTold(code, "anna")
}

func TestRolledBackArrivalIsNotCounted(t *testing.T) {
	h := newHouse(t, "anna")
	limited := h.member("anna")
	limited.DailyLimit = 1
	code := h.code(limited)
	h.mustWork()
	broken := errors.New("broken")
	err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
		rel := &model.Relation{StaffID: h.staff["anna"].ID, ChannelCodeID: code.ID, AddedAt: noon}
		if err := h.ArrivedTx(tx, h.account, rel, ""); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) || h.works(workPush) != 0 || h.read(code.ID).Added != 0 {
		t.Errorf("got %v, %d pushes, %d counted", err, h.works(workPush), h.read(code.ID).Added)
	}
}

func TestCountersAreExactUnderConcurrency(t *testing.T) {
	h := newHouse(t, "anna")
	limited := h.member("anna")
	limited.DailyLimit = 37
	code := h.code(limited)
	h.mustWork()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			rel := &model.Relation{ID: int64(i + 1), StaffID: h.staff["anna"].ID, ChannelCodeID: code.ID, AddedAt: noon}
			if err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error { return h.ArrivedTx(tx, h.account, rel, "") }); err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				if err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error { return h.LostTx(tx, rel) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := h.read(code.ID); got.Added != 50 || got.Lost != 25 || got.Today != 50 {
		t.Errorf("got %d added, %d lost, want 50 and 25", got.Added, got.Lost)
	}
	if n := h.works(workPush); n != 1 {
		t.Errorf("the limit was reached once, %d pushes are queued", n)
	}
}

func TestStatistics(t *testing.T) {
	h := newHouse(t, "anna", "bob")
	code := h.code(h.member("anna"), h.member("bob"))
	first := h.arrive(code, "anna", "a")
	h.arrive(code, "bob", "b")
	h.clock.Advance(11*time.Hour + 59*time.Minute) // 23:59 of the business day
	h.arrive(code, "anna", "c")
	h.clock.Advance(time.Minute)
	h.arrive(code, "anna", "d")
	first.LostAt = ptr(h.clock.Now())
	h.inTx(func(tx *gorm.DB) error { return h.LostTx(tx, first) })
	for i, w := range []struct {
		outcome string
		ms      int64
		at      time.Time
	}{
		{OutcomeSent, 100, noon}, {OutcomeSent, 300, noon}, {OutcomeSent, 9000, noon.Add(11 * time.Hour)}, {OutcomeMissed, 0, noon},
		{OutcomeTaken, 0, noon.Add(12 * time.Hour)}, {OutcomeNone, 0, noon.Add(12 * time.Hour)},
	} {
		modeltest.Create(t, h.db, &model.WelcomeSend{
			AccountID: h.account.ID, ChannelCodeID: code.ID, CodeHash: []byte{byte(i)}, Outcome: w.outcome, LatencyMS: w.ms, ReceivedAt: w.at,
		})
	}
	days, staff, err := h.CodeStatistics(t.Context(), code.ID, "2026-11-21", "2026-11-23")
	if err != nil {
		t.Fatal(err)
	}
	want := []CodeDay{
		{Day: "2026-11-21"},
		{Day: "2026-11-22", Added: 3, Welcomes: WelcomeDay{Sent: 3, Missed: 1, P50: 300 * time.Millisecond, P99: 9 * time.Second}},
		{Day: "2026-11-23", Added: 1, Lost: 1, Welcomes: WelcomeDay{Taken: 1, None: 1}},
	}
	if !slices.Equal(days, want) {
		t.Errorf("days: got %+v, want %+v", days, want)
	}
	if want := []StaffCount{{h.staff["anna"].ID, 3, 1}, {h.staff["bob"].ID, 1, 0}}; !slices.Equal(staff, want) {
		t.Errorf("staff: got %+v, want %+v", staff, want)
	}
	for _, bad := range [][2]string{{"2026-11-23", "2026-11-22"}, {"", ""}, {"2026-01-01", "2026-11-22"}, {"2026-13-01", "2026-13-02"}} {
		if _, _, err := h.CodeStatistics(t.Context(), code.ID, bad[0], bad[1]); !errors.Is(err, ErrPeriod) {
			t.Errorf("period %v: got %v", bad, err)
		}
	}
	if _, _, err := h.CodeStatistics(t.Context(), 999, "2026-11-22", "2026-11-22"); !errors.Is(err, ErrCodeNotFound) {
		t.Errorf("unknown code: got %v", err)
	}
	all, err := h.WelcomeStatistics(t.Context(), h.account.ID, "2026-11-22", "2026-11-23")
	if err != nil || all["2026-11-22"] != want[1].Welcomes {
		t.Errorf("of the account: %+v, %v", all, err)
	}
}

func TestPercentile(t *testing.T) {
	list := make([]int64, 100)
	for i := range list {
		list[i] = int64(i + 1)
	}
	if p := percentile(list, 50); p != 50*time.Millisecond {
		t.Errorf("p50 of 1…100: %v", p)
	}
	if p := percentile(list, 99); p != 99*time.Millisecond {
		t.Errorf("p99 of 1…100: %v", p)
	}
	if p := percentile(list[:1], 50); p != time.Millisecond {
		t.Errorf("p50 of one: %v", p)
	}
}

func TestOriginsOfStates(t *testing.T) {
	h := newHouse(t, "anna")
	named := h.code(h.member("anna"))
	origins, err := h.CodesByState(h.db, h.account.ID, []string{named.State, newState(), "", "spring' OR 1=1"})
	if err != nil || len(origins) != 1 || origins[named.State].ChannelCodeID != named.ID || origins[named.State].SourceName != "门店海报" {
		t.Errorf("got %+v, %v", origins, err)
	}
	if origins, err := h.CodesByState(h.db, h.account.ID+1, []string{named.State}); err != nil || len(origins) != 0 {
		t.Errorf("another account's key: got %+v, %v", origins, err)
	}
}

func ptr[T any](v T) *T { return &v }
