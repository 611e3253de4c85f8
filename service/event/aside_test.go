package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func signup() Kind {
	return Kind{
		Name: "course_signup", Zh: "报名课程", En: "Signed up", Item: "course", Value: "fee",
		Properties: []Property{{"course", "课程", "Course", Text, true}, {"fee", "费用", "Fee", Money, false}},
	}
}

func signed(id, properties string) Tracked {
	return Tracked{ID: id, Name: "course_signup", At: noon.Add(-time.Hour), Properties: json.RawMessage(properties)}
}

// replayAll runs the works that Define, Change and ReplayAside left.
func (h *house) replayAll() {
	h.t.Helper()
	var works []model.Work
	if err := h.db.Where("kind = ?", workReplay).Order("id").Find(&works).Error; err != nil {
		h.t.Fatal(err)
	}
	for _, w := range works {
		var p replayWork
		if err := json.Unmarshal([]byte(w.Payload), &p); err != nil {
			h.t.Fatal(err)
		}
		if err := h.replay(h.t.Context(), nil, p); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := h.db.Where("kind = ?", workReplay).Delete(&model.Work{}).Error; err != nil {
		h.t.Fatal(err)
	}
}

func TestUnknownEventsAreKeptAndReplayed(t *testing.T) {
	h := newHouse(t)
	if got := results(h.track(1, signed("a", `{"course":"go","fee":100}`), signed("b", `{"course":7}`), signed("c", `{"course":"sql"}`))); got != "aside unknown, aside unknown, aside unknown" {
		t.Fatal(got)
	}
	if got := results(h.track(1, signed("a", `{"course":"go","fee":100}`))); got != "duplicate" {
		t.Error(got)
	}
	h.replayAll() // nobody knows them still
	h.clock.Advance(30 * 24 * time.Hour)
	if _, err := h.Define(t.Context(), signup()); err != nil {
		t.Fatal(err)
	}
	// The client repeats one before it is replayed.
	repeat := signed("c", `{"course":"sql"}`)
	repeat.At = h.clock.Now()
	if got := results(h.track(1, repeat)); got != "accepted" {
		t.Error(got)
	}
	h.replayAll()
	rows := h.events()
	if len(rows) != 2 {
		t.Fatalf("%d events, want 2", len(rows))
	}
	e := rows[1]
	if e.Item != "go" || e.Value != 100 || !e.OccurredAt.Equal(noon.Add(-time.Hour)) || !e.RecordedAt.Equal(h.clock.Now()) || e.Payload != `{"course":"go","fee":100}` {
		t.Errorf("replayed as %+v", e)
	}
	aside, err := h.ListAside(t.Context(), AsideFilter{Limit: 10})
	if err != nil || len(aside) != 1 || aside[0].Reason != "type course" {
		t.Fatalf("aside are %+v, %v", aside, err)
	}
	names, err := h.AsideNames(t.Context())
	if err != nil || len(names) != 1 || names[0] != (AsideName{"course_signup", 1}) {
		t.Errorf("names aside: %+v, %v", names, err)
	}
	h.replayAll()
	if n := len(h.events()); n != 2 {
		t.Errorf("replayed twice: %d events", n)
	}
	h.sound()
}

func TestDefineAndChange(t *testing.T) {
	h := newHouse(t)
	made, err := h.Define(t.Context(), signup())
	if err != nil || made.Version != 1 || made.Class != ClassBehaviour {
		t.Fatalf("defined %+v, %v", made, err)
	}
	if _, err := h.Define(t.Context(), signup()); !errors.Is(err, ErrKindExists) {
		t.Errorf("twice: %v", err)
	}
	if got := results(h.track(1, signed("a", `{"course":"go","seat":"A1"}`), signed("b", `{}`))); got != "accepted, aside missing course" {
		t.Error(got)
	}
	wider := *made
	wider.Properties = []Property{{"course", "课程", "Course", Text, false}, {"seat", "座位", "Seat", Text, false}, {"fee", "费用", "Fee", Money, false}}
	changed, err := h.Change(t.Context(), wider)
	if err != nil || changed.Version != 2 {
		t.Fatalf("changed %+v, %v", changed, err)
	}
	h.replayAll()
	if got := results(h.track(1, signed("c", `{"seat":"A2"}`), signed("b", `{}`))); got != "accepted, duplicate" {
		t.Error(got)
	}
	if rows := h.events(); len(rows) != 3 || rows[2].Payload != `{"seat":"A2"}` {
		t.Errorf("recorded %+v", rows)
	}
	if _, err := h.Change(t.Context(), wider); !errors.Is(err, ErrKindChanged) {
		t.Errorf("on an old version: %v", err)
	}
	retyped := *changed
	retyped.Properties = []Property{{"course", "课程", "Course", Integer, false}}
	retyped.Item, retyped.Value = "", ""
	if _, err := h.Change(t.Context(), retyped); !errors.Is(err, ErrPropertyType) {
		t.Errorf("another type: %v", err)
	}
	nobody := signup()
	nobody.Name = "nobody"
	if _, err := h.Change(t.Context(), nobody); !errors.Is(err, ErrNoKind) {
		t.Errorf("of nothing: %v", err)
	}
	kinds, err := h.Kinds(t.Context())
	if err != nil || len(kinds) != len(builtIn)+1 || kinds[len(builtIn)].Name != "course_signup" || len(kinds[len(builtIn)].Properties) != 3 {
		t.Errorf("%d kinds, %v", len(kinds), err)
	}
}

func TestDefinitionsAreChecked(t *testing.T) {
	h := newHouse(t)
	for name, spoil := range map[string]func(*Kind){
		"a dot":                 func(k *Kind) { k.Name = "course.signup" },
		"capitals":              func(k *Kind) { k.Name = "Course" },
		"no title":              func(k *Kind) { k.Zh = "" },
		"a class":               func(k *Kind) { k.Class = "forever" },
		"an item that is none":  func(k *Kind) { k.Item = "seat" },
		"a value that is text":  func(k *Kind) { k.Value = "course" },
		"a property's type":     func(k *Kind) { k.Properties[0].Type = "json" },
		"a row id":              func(k *Kind) { k.Properties[0].Type = RowID },
		"a property's name":     func(k *Kind) { k.Properties[0].Name = "a b" },
		"a property twice":      func(k *Kind) { k.Properties[1].Name = "course" },
		"a property's title":    func(k *Kind) { k.Properties[0].En = "" },
		"a title that is a lie": func(k *Kind) { k.Zh = "a\u202eb" },
		"too many properties": func(k *Kind) {
			for i := range maxProperties {
				k.Properties = append(k.Properties, Property{fmt.Sprint("p", i), "甲", "A", Text, false})
			}
		},
	} {
		k := signup()
		spoil(&k)
		if _, err := h.Define(t.Context(), k); !errors.Is(err, ErrDefinition) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestOtherReplicasLearnOfKinds: within registryAge, and without a database they go on with what they know.
func TestOtherReplicasLearnOfKinds(t *testing.T) {
	dsn := modeltest.DSN(t)
	h := houseOn(t, modeltest.Open(t, dsn))
	other := reader(modeltest.Open(t, dsn), h.clock.Now)
	if _, err := other.Kinds(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Define(t.Context(), signup()); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(registryAge)
	kinds, err := other.kinds(t.Context())
	if err != nil || kinds["course_signup"] == nil {
		t.Fatalf("the other replica does not know it: %v", err)
	}
	model.Close(other.DB)
	h.clock.Advance(time.Hour)
	if kinds, err = other.kinds(t.Context()); err != nil || kinds["course_signup"] == nil {
		t.Errorf("without a database: %v", err)
	}
}

func TestAsideOfOneCustomerIsBounded(t *testing.T) {
	h := newHouse(t)
	n := 0
	for range maxAside / MaxTracked {
		var events []Tracked
		for range MaxTracked {
			n++
			events = append(events, Tracked{ID: fmt.Sprint(n), Name: "nobody_knows", At: noon})
		}
		h.track(1, events...)
	}
	more := Tracked{ID: "more", Name: "nobody_knows", At: noon}
	if got := results(h.track(1, more, page("p", "p", 1))); got != "rejected aside_full, accepted" {
		t.Error(got)
	}
	if got := results(h.track(2, more)); got != "aside unknown" {
		t.Error(got)
	}
}
