package profile

import (
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

// TestCompletedOnce: that a profile is complete is told when the last that counts is known, whichever it is, and never again.
func TestCompletedOnce(t *testing.T) {
	h := newHouse(t)
	h.Events.Feed("profile", h.OnEvents, Completing...)
	want := func(what string, n int64) {
		t.Helper()
		if err := h.Events.DrainFeeds(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := h.facts(event.KindProfileCompleted); got != n {
			t.Errorf("%s: %d facts, want %d", what, got, n)
		}
	}
	edit := func(customer int64, in Edit) {
		t.Helper()
		if err := h.edit(customer, in); err != nil {
			t.Fatal(err)
		}
	}
	phone := func(customer int64) {
		t.Helper()
		row := &model.Identity{CustomerID: customer, Kind: "phone", Value: string(rune('a' + customer)), CreatedAt: noon}
		modeltest.Create(t, h.db, row)
		err := model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
			_, err := h.Events.Record(tx, event.CustomerIdentified{CustomerID: customer, Kind: "phone", IdentityID: row.ID, At: h.clock.Now()})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	h.field(FieldInput{Name: "skin", Kind: KindChoice, Choices: []string{"干性", "油性"}, Asked: true, Required: true})
	h.field(FieldInput{Name: "hobby", Kind: KindText, Asked: true})
	all := Edit{
		Name: ptr("小明"), Gender: ptr(1), City: ptr("杭州"), Birthday: ptr("1990-02-28"), Avatar: ptr("https://thirdwx.qlogo.cn/a/132"),
		Answers: Answers{"skin": {"油性"}}, Asked: true,
	}
	edit(1, all)
	want("without a phone", 0)
	phone(1)
	want("with it", 1)
	edit(1, Edit{City: ptr(""), Asked: true})
	edit(1, Edit{City: ptr("上海"), Asked: true})
	want("again", 1)

	phone(2)
	part := all
	part.Answers = Answers{"hobby": {"钓鱼"}}
	edit(2, part)
	want("without what a field asks", 1)
	edit(2, Edit{Answers: Answers{"skin": {"干性"}}, Asked: true})
	want("with the answer last", 2)
	edit(3, Edit{Name: ptr("小红"), Asked: true})
	want("somebody of whom little is known", 2)
}
