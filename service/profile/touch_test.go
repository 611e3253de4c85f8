package profile

import (
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

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
