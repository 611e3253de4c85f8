package profile

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// house is the capability over a database with the customers 1 to 3.
type house struct {
	*Service
	t       *testing.T
	clock   *clock.Fake
	db      *gorm.DB
	consent *consents
}

// consents stands for the privacy capability.
type consents struct{ given bool }

func (c *consents) Given(context.Context, int64, string) (bool, error) { return c.given, nil }

func newHouse(t *testing.T) *house {
	t.Helper()
	db, c := modeltest.DB(t), clock.NewFake(noon)
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	queue := work.New(db, c.Now)
	events := event.New(queue, c.Now)
	people := staff.New(db, c.Now, staff.Options{Zone: zone})
	persons := customer.New(db, events, queue, c.Now, people, vaulttest.New(t), nil)
	for id := int64(1); id <= 3; id++ {
		modeltest.Create(t, db, &model.Customer{ID: id, FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
	}
	h := &house{t: t, clock: c, db: db, consent: &consents{}}
	h.Service = New(Deps{DB: db, Events: events, Vault: vaulttest.New(t), Now: c.Now, Zone: zone, Persons: persons, Consents: h.consent})
	return h
}

var (
	byCustomer = By{Source: "miniapp"}
	boss       = &staff.Viewer{StaffID: 70, Name: "老板", Roles: []string{staff.RoleAdmin}}
	seller     = &staff.Viewer{StaffID: 71, Name: "小李", AccountID: 1, Roles: []string{staff.RoleSales}}
)

func (h *house) field(in FieldInput) *model.CustomField {
	h.t.Helper()
	if in.Title == "" {
		in.Title = in.Name
	}
	return must(h.CreateField(h.t.Context(), in))(h.t)
}

func (h *house) edit(id int64, in Edit) error { return h.Edit(h.t.Context(), id, in, byCustomer) }

func (h *house) of(id int64) *Profile {
	h.t.Helper()
	return must(h.Of(h.t.Context(), id))(h.t)
}

func (p *Profile) answer(name string) string {
	for _, a := range p.Answers {
		if a.Field.Name == name {
			return strings.Join(a.Values, "|")
		}
	}
	return "no field"
}

func (h *house) wantErr(what string, err, want error) {
	h.t.Helper()
	if !errors.Is(err, want) {
		h.t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func (h *house) facts(kind string) int64 {
	return modeltest.Count[model.Event](h.t, h.db, "kind = ?", kind)
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ptr[T any](v T) *T { return &v }

func TestEditAndRead(t *testing.T) {
	h := newHouse(t)
	h.field(FieldInput{Name: "skin", Kind: KindChoice, Choices: []string{"干性", "油性"}, Asked: true, Required: true})
	in := Edit{
		Name: ptr(" 小明 "), Gender: ptr(1), City: ptr("杭州"), Birthday: ptr("1990-02-28"), Avatar: ptr("https://thirdwx.qlogo.cn/a/132"),
		Answers: Answers{"skin": {"油性"}}, Asked: true,
	}
	if err := h.edit(1, in); err != nil {
		t.Fatal(err)
	}
	p := h.of(1)
	if p.Name != "小明" || p.Gender != 1 || p.City != "杭州" || p.Birthday != "1990-02-28" || p.Minor || p.answer("skin") != "油性" || p.Completeness != 6*10_000/7 {
		t.Errorf("got %+v", p)
	}
	var c model.Customer
	if err := h.db.Take(&c, "id = 1").Error; err != nil || c.BirthMD != 228 || strings.Contains(string(c.SealedBirthday), "1990") || len(c.SealedBirthday) == 0 {
		t.Errorf("stored: %+v, %v", c, err)
	}
	changes := modeltest.Count[model.CustomerChange](t, h.db)
	if err := h.edit(1, in); err != nil { // the same again
		t.Fatal(err)
	}
	if h.facts(event.KindProfileChanged) != 1 || modeltest.Count[model.CustomerChange](t, h.db) != changes || changes < 6 {
		t.Errorf("%d facts and %d changes after a repetition, %d before", h.facts(event.KindProfileChanged), modeltest.Count[model.CustomerChange](t, h.db), changes)
	}
	if err := h.edit(1, Edit{City: ptr(""), Birthday: ptr(""), Answers: Answers{"skin": nil}, Asked: true}); err != nil {
		t.Fatal(err)
	}
	if p := h.of(1); p.City != "" || p.Birthday != "" || p.answer("skin") != "" || p.Name != "小明" {
		t.Errorf("after clearing: %+v", p)
	}
	h.wantErr("nobody", h.edit(9, Edit{City: ptr("x")}), ErrNoCustomer)
	_, err := h.Of(t.Context(), 9)
	h.wantErr("nobody", err, ErrNoCustomer)
}

func TestP6_CorrectionsHaveAHistory(t *testing.T) {
	h := newHouse(t)
	h.field(FieldInput{Name: "idcard", Kind: KindText, Sealed: true, Asked: true})
	for _, city := range []string{"杭州", "上海"} {
		if err := h.edit(1, Edit{City: ptr(city), Answers: Answers{"idcard": {"SealedCanary" + city}}, Asked: true}); err != nil {
			t.Fatal(err)
		}
	}
	var rows []model.CustomerChange
	if err := h.db.Order("id").Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	var cities, custom []string
	for _, r := range rows {
		switch r.Field {
		case "city":
			cities = append(cities, r.OldValue+">"+r.NewValue)
		case "custom:idcard":
			custom = append(custom, r.SealRef)
			if strings.Contains(r.OldValue+r.NewValue, "Canary") || r.SealRef == "" {
				t.Error("P-9: history holds a sealed value in clear")
			}
		}
	}
	if strings.Join(cities, " ") != ">杭州 杭州>上海" || len(custom) != 2 {
		t.Errorf("cities %v, custom %v", cities, custom)
	}
}

func TestV9_S29_HostileTextsAreRefused(t *testing.T) {
	h := newHouse(t)
	h.field(FieldInput{Name: "hobby", Kind: KindText, Asked: true})
	for _, text := range []string{"a\u202eb", "a\x00b", "a\u2066b", "a\x1bb", "line\nbreak", "\ufeffa", "a\u2028b", "\xff", "a\u200fb", "\ufffe", strings.Repeat("长", 300)} {
		h.wantErr("name "+text, h.edit(1, Edit{Name: &text}), ErrInvalid)
		h.wantErr("city "+text, h.edit(1, Edit{City: &text}), ErrInvalid)
		h.wantErr("answer "+text, h.edit(1, Edit{Answers: Answers{"hobby": {text}}}), ErrInvalid)
	}
	for _, text := range []string{"<script>alert(1)</script>", "'; DROP TABLE customer --", "{{env \"X\"}}", "=cmd|' /C calc'!A0", "👨‍👩‍👧 小王", "e\u0301"} {
		if err := h.edit(1, Edit{Name: &text, Answers: Answers{"hobby": {text}}}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		want := strings.ReplaceAll(text, "e\u0301", "é")
		if p := h.of(1); p.Name != want || p.answer("hobby") != want {
			t.Errorf("%q became %q and %q", text, p.Name, p.answer("hobby"))
		}
	}
	if n := modeltest.Count[model.Customer](t, h.db); n != 3 {
		t.Errorf("%d customers", n)
	}
}

func TestImpossibleValuesAreRefused(t *testing.T) {
	h := newHouse(t)
	h.consent.given = true
	for field, edits := range map[string][]Edit{
		"birthday": {
			{Birthday: ptr("2025-02-29")}, {Birthday: ptr("1990-13-01")}, {Birthday: ptr("1990-00-10")}, {Birthday: ptr("2026-11-23")},
			{Birthday: ptr("1890-01-01")}, {Birthday: ptr("1990-1-1")}, {Birthday: ptr("yesterday")}, {Birthday: ptr("90-01-01")},
		},
		"gender": {{Gender: ptr(3)}, {Gender: ptr(-1)}},
		"avatar": {
			{Avatar: ptr("http://thirdwx.qlogo.cn/a")}, {Avatar: ptr("https://evil.example/a.png")}, {Avatar: ptr("javascript:alert(1)")},
			{Avatar: ptr("https://qlogo.cn.evil.example/a")}, {Avatar: ptr("https://a@x.qlogo.cn/a")}, {Avatar: ptr("https://x.qlogo.cn:8080/a")}, {Avatar: ptr("//x.qlogo.cn/a")},
		},
	} {
		for i, in := range edits {
			err := h.edit(1, in)
			f := fault.Of(err)
			if f == nil || !slices.ContainsFunc(f.Fields, func(x fault.Field) bool { return x.Name == field }) {
				t.Errorf("%s %d: got %v", field, i, err)
			}
		}
	}
	for _, good := range []string{"2024-02-29", "2026-11-22", "1900-01-01"} {
		if err := h.edit(1, Edit{Birthday: &good}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestAge(t *testing.T) {
	day := func(text string) time.Time { return must(time.Parse(time.DateOnly, text))(t) }
	for _, tt := range []struct {
		born, today string
		age         int
	}{
		{"2012-11-22", "2026-11-21", 13}, {"2012-11-22", "2026-11-22", 14}, {"2012-02-29", "2026-02-28", 13}, {"2012-02-29", "2026-03-01", 14},
		{"2012-02-29", "2028-02-29", 16}, {"2026-11-22", "2026-11-22", 0},
	} {
		b, reason := readBirthday(tt.born, day(tt.today))
		if reason != "" || b.age(day(tt.today)) != tt.age {
			t.Errorf("born %s, on %s: %d (%s), want %d", tt.born, tt.today, b.age(day(tt.today)), reason, tt.age)
		}
	}
}

func TestP14_AChildIsKeptOutUntilAGuardianConsents(t *testing.T) {
	h := newHouse(t)
	child := Edit{Birthday: ptr("2014-05-01"), City: ptr("杭州")}
	h.wantErr("a child alone", h.edit(1, child), ErrGuardian)
	if p := h.of(1); !p.Minor || p.Birthday != "" || p.City != "" {
		t.Errorf("kept of a child: %+v", p)
	}
	h.consent.given = true
	if err := h.edit(1, child); err != nil {
		t.Fatal(err)
	}
	if p := h.of(1); !p.Minor || p.Birthday != "2014-05-01" {
		t.Errorf("with a guardian: %+v", p)
	}
	if err := h.edit(1, Edit{Birthday: ptr("")}); err != nil {
		t.Fatal(err)
	}
	if p := h.of(1); !p.Minor {
		t.Error("a child grows up by clearing the birthday")
	}
	if err := h.edit(1, Edit{Birthday: ptr("1990-05-01")}); err != nil {
		t.Fatal(err)
	}
	if p := h.of(1); p.Minor {
		t.Error("a corrected birthday does not count")
	}
	// Midnight in Shanghai is what counts, not in Greenwich.
	h.clock.Advance(13 * time.Hour) // 2026-11-23 01:00 there
	if err := h.edit(2, Edit{Birthday: ptr("2012-11-23")}); err != nil || h.of(2).Minor {
		t.Errorf("14 today: %v", err)
	}
}

func TestFieldDefinitions(t *testing.T) {
	h := newHouse(t)
	good := FieldInput{Name: "level", Title: "等级", Kind: KindChoice, Choices: []string{"A", "B"}}
	f := h.field(good)
	_, err := h.CreateField(t.Context(), good)
	h.wantErr("the same name", err, ErrNameTaken)
	for name, change := range map[string]func(*FieldInput){
		"a name in capitals":    func(in *FieldInput) { in.Name = "Level" },
		"a name of SQL":         func(in *FieldInput) { in.Name = "a;drop" },
		"no name":               func(in *FieldInput) { in.Name = "" },
		"a long name":           func(in *FieldInput) { in.Name = strings.Repeat("a", 41) },
		"no title":              func(in *FieldInput) { in.Title = " " },
		"an unknown kind":       func(in *FieldInput) { in.Kind = "file" },
		"no choices":            func(in *FieldInput) { in.Choices = nil },
		"the same choice twice": func(in *FieldInput) { in.Choices = []string{"a", "A "} },
		"a hostile choice":      func(in *FieldInput) { in.Choices = []string{"a\u202eb"} },
		"choices of a text":     func(in *FieldInput) { in.Kind = KindText },
	} {
		in := good
		in.Name = "other"
		change(&in)
		_, err := h.CreateField(t.Context(), in)
		h.wantErr(name, err, ErrInvalid)
	}
	for range 2 {
		row := must(h.UpdateField(t.Context(), f.ID, FieldChange{Title: ptr("级别"), Choices: []string{"B", "C"}, Required: ptr(true)}))(t)
		if row.Title != "级别" || !slices.Equal(Choices(row), []string{"B", "C"}) || !row.Required || row.Asked {
			t.Errorf("updated: %+v", row)
		}
	}
	for range 2 {
		if err := h.DeleteField(t.Context(), f.ID); err != nil {
			t.Fatal(err)
		}
	}
	if list := must(h.Fields(t.Context()))(t); len(list) != 0 {
		t.Errorf("after deleting: %v", list)
	}
	_, err = h.UpdateField(t.Context(), f.ID, FieldChange{})
	h.wantErr("a field that has ended", err, ErrNoField)
	h.wantErr("no field", h.DeleteField(t.Context(), 4711), ErrNoField)
	_, err = h.CreateField(t.Context(), good)
	h.wantErr("the name of a field that has ended", err, ErrNameTaken)
}

func TestCustomValues(t *testing.T) {
	h := newHouse(t)
	h.field(FieldInput{Name: "text", Kind: KindText})
	h.field(FieldInput{Name: "number", Kind: KindNumber})
	h.field(FieldInput{Name: "date", Kind: KindDate})
	h.field(FieldInput{Name: "choice", Kind: KindChoice, Choices: []string{"甲", "乙"}})
	h.field(FieldInput{Name: "choices", Kind: KindChoices, Choices: []string{"茶", "咖啡", "酒"}})
	h.field(FieldInput{Name: "secret", Kind: KindText, Sealed: true})
	for _, tt := range []struct {
		name   string
		in     []string
		want   string
		number int64
	}{
		{"text", []string{"  喜欢 茶 "}, "喜欢 茶", 0}, {"text", []string{" "}, "", 0},
		{"number", []string{"12.50"}, "12.5", 125_000}, {"number", []string{"-0.0001"}, "-0.0001", -1}, {"number", []string{"+007"}, "7", 70_000},
		{"number", []string{"1000000000000"}, "1000000000000", 1e16}, {"date", []string{"2024-02-29"}, "2024-02-29", 20240229},
		{"choice", []string{"乙"}, "乙", 0}, {"choices", []string{"酒", "茶", "酒"}, "酒|茶", 0}, {"choices", []string{"茶"}, "茶", 0}, {"choices", nil, "", 0},
		{"secret", []string{"110101199001011234"}, "110101199001011234", 0}, {"secret", []string{"2"}, "2", 0},
	} {
		if err := h.edit(1, Edit{Answers: Answers{tt.name: tt.in}}); err != nil {
			t.Errorf("%s %v: %v", tt.name, tt.in, err)
		}
		if got := h.of(1).answer(tt.name); got != tt.want {
			t.Errorf("%s %v: got %q, want %q", tt.name, tt.in, got, tt.want)
		}
		if tt.number != 0 && modeltest.Count[model.CustomValue](t, h.db, "number = ?", tt.number) != 1 {
			t.Errorf("%s %v: no value with the number %d", tt.name, tt.in, tt.number)
		}
	}
	for name, bad := range map[string][][]string{
		"number":  {{"1e5"}, {"1.23456"}, {"0x10"}, {"NaN"}, {"1,000"}, {"10000000000000"}, {""}, {"-"}, {"1."}, {"１"}, {"1 2"}},
		"date":    {{"2025-02-29"}, {"2025-2-1"}, {"1899-12-31"}, {"0000-00-00"}, {""}},
		"choice":  {{"丙"}, {"甲", "乙"}, {""}},
		"choices": {{"茶", "水"}, slices.Repeat([]string{"茶"}, 51)},
		"text":    {{"a", "b"}, {strings.Repeat("长", 256)}},
		"nothing": {{"a"}},
	} {
		for _, in := range bad {
			h.wantErr(name+" "+strings.Join(in, ","), h.edit(2, Edit{Answers: Answers{name: in}}), ErrInvalid)
		}
	}
	h.wantErr("a field that customers are not asked", h.edit(2, Edit{Answers: Answers{"text": {"a"}}, Asked: true}), ErrInvalid)
	if n := modeltest.Count[model.CustomValue](t, h.db, "customer_id = 2"); n != 0 {
		t.Errorf("%d values of what was refused", n)
	}
	if n := modeltest.Count[model.CustomValue](t, h.db, "sealed_value IS NOT NULL AND value = ''"); n != 1 {
		t.Error("P-9: a sealed value stands in clear")
	}
}

func TestRacingAnswers(t *testing.T) {
	h := newHouse(t)
	h.field(FieldInput{Name: "drinks", Kind: KindChoices, Choices: []string{"茶", "咖啡", "酒"}})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			in := []string{"茶", "咖啡", "酒"}[:1+i%3]
			if err := h.edit(1, Edit{Answers: Answers{"drinks": in}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := h.of(1).answer("drinks"); got != "茶" && got != "茶|咖啡" && got != "茶|咖啡|酒" {
		t.Errorf("a mixture of answers: %q", got)
	}
}

func TestValuesOfEndedFieldsAreDeleted(t *testing.T) {
	h := newHouse(t)
	gone, stays := h.field(FieldInput{Name: "gone", Kind: KindText}), h.field(FieldInput{Name: "stays", Kind: KindText})
	if err := h.edit(1, Edit{Answers: Answers{"gone": {"a"}, "stays": {"b"}}}); err != nil {
		t.Fatal(err)
	}
	if err := h.DeleteField(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.PruneValues(t.Context()); err != nil {
		t.Fatal(err)
	}
	if modeltest.Count[model.CustomValue](t, h.db, "field_id = ?", gone.ID) != 0 || modeltest.Count[model.CustomValue](t, h.db, "field_id = ?", stays.ID) != 1 {
		t.Error("the wrong values are gone")
	}
}

func TestNotes(t *testing.T) {
	h := newHouse(t)
	modeltest.Create(t, h.db,
		&model.Staff{ID: seller.StaffID, AccountID: 1, UserID: "li", Name: "小李", CreatedAt: noon, UpdatedAt: noon},
		&model.Relation{AccountID: 1, StaffID: seller.StaffID, CustomerID: 1, ExternalUserID: "wm1", Status: "active", AddedAt: noon, RemarkState: "synced", DescriptionState: "synced", Fingerprint: []byte{}, CreatedAt: noon, UpdatedAt: noon})
	ctx := t.Context()
	n := must(h.AddNote(ctx, seller, 1, " 喜欢<b>茶</b>\r\n周末联系 "))(t)
	if n.Body != "喜欢<b>茶</b>\n周末联系" || n.StaffName != "小李" {
		t.Errorf("got %+v", n)
	}
	must(h.AddNote(ctx, boss, 1, "重要客户"))(t)
	list := must(h.Notes(ctx, seller, 1, 0, 10))(t)
	if len(list) != 2 || list[0].Body != "重要客户" || list[1].StaffName != "小李" {
		t.Errorf("listed: %+v", list)
	}
	if page := must(h.Notes(ctx, boss, 1, list[0].ID, 10))(t); len(page) != 1 || page[0].ID != n.ID {
		t.Errorf("next page: %+v", page)
	}
	if h.facts(event.KindNoted) != 2 || modeltest.Count[model.Event](t, h.db, "payload LIKE '%喜欢%'") != 0 {
		t.Error("the timeline must know of a note, and not hold its text")
	}
	h.wantErr("another's note", h.EditNote(ctx, boss, n.ID, "x"), ErrNotYours)
	h.wantErr("another's note", h.DeleteNote(ctx, boss, n.ID), ErrNotYours)
	if err := h.EditNote(ctx, seller, n.ID, "改过"); err != nil {
		t.Fatal(err)
	}
	if err := h.DeleteNote(ctx, seller, n.ID); err != nil {
		t.Fatal(err)
	}
	h.wantErr("a deleted note", h.EditNote(ctx, seller, n.ID, "x"), ErrNoNote)
	if modeltest.Count[model.CustomerNote](t, h.db, "body LIKE '%改过%'") != 0 {
		t.Error("a deleted note's text is still there")
	}
	for _, bad := range []string{"", " \n ", "a\x00", "a\u202e", strings.Repeat("长", 2001)} {
		_, err := h.AddNote(ctx, seller, 1, bad)
		h.wantErr("text "+bad, err, ErrInvalid)
	}
	_, err := h.AddNote(ctx, seller, 2, "x")
	h.wantErr("V-5 a customer out of sight", err, ErrNoCustomer)
	_, err = h.Notes(ctx, seller, 2, 0, 10)
	h.wantErr("V-5 a customer out of sight", err, ErrNoCustomer)
	m := must(h.AddNote(ctx, boss, 2, "x"))(t)
	h.wantErr("V-5 a note about a customer out of sight", h.EditNote(ctx, seller, m.ID, "y"), ErrNoNote)
}

func TestTouches(t *testing.T) {
	h := newHouse(t)
	touch := func(minutes int, t model.CustomerTouch) {
		h.t.Helper()
		t.CustomerID, t.Source, t.TouchedAt = 1, "miniapp", noon.Add(time.Duration(minutes)*time.Minute)
		if err := model.InTx(h.t.Context(), h.db, func(tx *gorm.DB) error { return h.TouchTx(tx, t) }); err != nil {
			h.t.Fatal(err)
		}
	}
	both := func() string {
		m := must(h.Touches(t.Context(), 1))(t)
		return m[First].Campaign + m[First].Referrer + "," + m[Last].Campaign + m[Last].Referrer
	}
	for _, step := range []struct {
		minutes int
		t       model.CustomerTouch
		want    string
	}{
		{10, model.CustomerTouch{}, ","},
		{8, model.CustomerTouch{Campaign: "late"}, "late,late"},
		{20, model.CustomerTouch{Campaign: "b"}, "late,b"},
		{5, model.CustomerTouch{Campaign: "a"}, "a,b"}, // told late
		{30, model.CustomerTouch{Scene: 1001}, "a,b"},  // comes back by itself
		{15, model.CustomerTouch{Campaign: "x"}, "a,b"},
		{40, model.CustomerTouch{Referrer: "友"}, "a,友"},
		{40, model.CustomerTouch{Referrer: "友"}, "a,友"},
		{50, model.CustomerTouch{Campaign: "evil\u202e" + strings.Repeat("长", 100), Referrer: strings.Repeat("长", 300)}, "a," + strings.Repeat("长", 255)},
	} {
		touch(step.minutes, step.t)
		if got := both(); got != step.want {
			t.Errorf("after %d: %q, want %q", step.minutes, got, step.want)
		}
	}
}

func TestARelationIsATouch(t *testing.T) {
	h := newHouse(t)
	h.Events.Subscribe("profile", h.OnEvent, Hears...)
	added := event.Recorded{ID: 1, Kind: event.KindCustomerAdded, AccountID: 7, CustomerID: 2, StaffID: 71, OccurredAt: noon, Payload: []byte(`{"channel_code_id":5}`)}
	for range 2 {
		if err := h.OnEvent(t.Context(), added); err != nil {
			t.Fatal(err)
		}
	}
	m := must(h.Touches(t.Context(), 2))(t)
	if f := m[First]; f == nil || f.ChannelCodeID != 5 || f.StaffID != 71 || f.AccountID != 7 || f.Source != "wecom" {
		t.Errorf("got %+v", f)
	}
	added.CustomerID = 4711 // erased since
	if err := h.OnEvent(t.Context(), added); err != nil {
		t.Error(err)
	}
}

func TestC06_QualityRun(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	level := h.field(FieldInput{Name: "level", Kind: KindChoice, Choices: []string{"A", "B"}, Required: true})
	if err := h.edit(1, Edit{Name: ptr("小明"), Birthday: ptr("1990-01-02"), Answers: Answers{"level": {"A"}}}); err != nil {
		t.Fatal(err)
	}
	if err := h.edit(2, Edit{Name: ptr("小明"), Birthday: ptr("1985-01-02")}); err != nil {
		t.Fatal(err)
	}
	h.consent.given = true
	if err := h.edit(3, Edit{Birthday: ptr("2012-12-01")}); err != nil {
		t.Fatal(err)
	}
	must(h.UpdateField(ctx, level.ID, FieldChange{Choices: []string{"B"}}))(t)
	modeltest.Create(t, h.db,
		&model.Customer{ID: 4, Name: "\u200b", Gender: 9, FirstSeenAt: noon.AddDate(1, 0, 0), CreatedAt: noon, UpdatedAt: noon},
		&model.Customer{ID: 5, Name: "同名", Avatar: "https://x.qlogo.cn/1", MergedInto: 1, FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon},
		&model.Customer{ID: 6, Name: "Same", Avatar: "https://x.qlogo.cn/1", FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon},
		&model.Customer{ID: 7, Name: "same", Avatar: "https://x.qlogo.cn/1", FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon},
		&model.Customer{ID: 8, Name: "same", Avatar: "https://x.qlogo.cn/2", BirthMD: 101, SealedBirthday: h.Persons.SealBirthday(8, "1990-05-05"), FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon},
	)
	h.clock.Advance(10 * 24 * time.Hour) // customer 3 is 14 by now
	for range 2 {                        // the second finds the same
		if err := h.CheckQuality(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, f := range must(h.Findings(ctx, FindingFilter{Limit: 50}))(t) {
		got = append(got, strings.Join([]string{f.Kind, string(rune('0' + f.CustomerID)), string(rune('0' + f.OtherID)), f.Field, f.Reason}, " "))
	}
	slices.Sort(got)
	want := []string{
		"duplicate 2 1 name same_name_and_birthday", "duplicate 7 6 name same_name_and_avatar",
		"impossible 1 0 field.level not_allowed", "impossible 4 0 first_seen_at future", "impossible 4 0 gender unknown_code",
		"impossible 4 0 name no_visible_sign", "impossible 8 0 birthday contradicts_itself",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	r := must(h.Quality(ctx))(t)
	if r.FinishedAt == nil || r.Customers != 7 || r.Missing["phone"] != 7 || r.Missing["birthday"] != 3 || r.Missing["field.level"] != 6 || r.Running != nil || len(r.Findings) != 7 {
		t.Errorf("report: %+v", r)
	}
	if r.Completeness <= 0 || r.Completeness >= 10_000 {
		t.Errorf("completeness %d", r.Completeness)
	}
	if h.of(3).Minor {
		t.Error("P14: a customer who has grown up is still taken for a child")
	}
	if err := h.db.Model(&model.Customer{}).Where("id IN ?", []int{4, 7}).Update("merged_into", 6).Error; err != nil {
		t.Fatal(err)
	}
	if err := h.CheckQuality(ctx); err != nil {
		t.Fatal(err)
	}
	if n := modeltest.Count[model.QualityFinding](t, h.db); n != 3 {
		t.Errorf("%d findings are left, want 3: what a run no longer sees is gone", n)
	}
}

// TestAQualityRunGoesOnWhereItStopped: also when two run at once, everybody is counted once.
func TestAQualityRunGoesOnWhereItStopped(t *testing.T) {
	h := newHouse(t)
	var rows []*model.Customer
	for id := int64(4); id <= 1203; id++ {
		rows = append(rows, &model.Customer{ID: id, Name: "n", FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
	}
	if err := h.db.CreateInBatches(rows, 400).Error; err != nil {
		t.Fatal(err)
	}
	run := must(h.beginRun(t.Context()))(t)
	if more, err := h.checkPage(t.Context(), run, nil); err != nil || !more || run.Customers != qualityPage {
		t.Fatalf("first page: %v %v %+v", more, err, run)
	}
	behind := *run
	behind.LastCustomerID = 0
	if _, err := h.checkPage(t.Context(), &behind, nil); !errors.Is(err, errOvertaken) {
		t.Errorf("one who is behind: %v", err)
	}
	if r := must(h.Quality(t.Context()))(t); r.Running == nil || *r.Running != qualityPage {
		t.Errorf("under way: %+v", r)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := h.CheckQuality(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var finished model.QualityRun
	if err := h.db.Take(&finished, "id = ?", run.ID).Error; err != nil || finished.Customers != 1203 || finished.FinishedAt == nil {
		t.Errorf("the run: %+v, %v", finished, err)
	}
}
