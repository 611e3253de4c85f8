package profile

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

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
