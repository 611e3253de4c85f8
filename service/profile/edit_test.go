package profile

import (
	"slices"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/fault"
)

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
