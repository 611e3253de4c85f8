package moderation_test

import (
	"errors"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/moderation"
	"zhiyin/service/profile"
)

func TestS26_TextsAreLookedAtBeforeTheyAreKept(t *testing.T) {
	h := newTown(t)
	must(h.profiles.CreateField(t.Context(), profile.FieldInput{Name: "motto", Title: "签名", Kind: profile.KindText, Asked: true}))(t)
	me, _ := h.somebody("")
	h.name(me, " 小明 ")
	h.visible(me, "name", "小明")

	// Risky: nothing of the edit is kept, and every such field is named.
	bad, city, motto := "违规名字", "杭州", profile.Answers{"motto": {"这是违规的话"}}
	h.risky("a risky name and motto", h.edit(me, profile.Edit{Name: &bad, City: &city, Answers: motto}), "name", "fields.motto")
	if p := must(h.profiles.Of(t.Context(), me))(t); p.Name != "小明" || p.City != "" || len(p.Answers[0].Values) > 0 {
		t.Errorf("kept of a refused edit: %+v", p)
	}

	// Unsure: kept, seen by staff and the customer, and hidden from others until a person has decided.
	h.name(me, "待审小明")
	h.hidden(me, "name", "待审小明", moderation.Review, moderation.ReasonUnsure)
	list := must(h.List(t.Context(), moderation.Filter{Limit: 10}))(t)
	if len(list) != 1 || list[0].Content != "待审小明" || list[0].CustomerName != "待审小明" || list[0].Picture || list[0].Version == "" {
		t.Fatalf("to decide: %+v", list)
	}
	decide := func(pass bool) error {
		return h.Decide(t.Context(), moderation.Decision{ID: list[0].ID, Version: list[0].Version, Pass: pass, Note: "看过", StaffID: 7})
	}
	for range 2 {
		if err := decide(true); err != nil {
			t.Fatal(err)
		}
	}
	h.visible(me, "name", "待审小明")
	if c := h.check(me, "name"); c.StaffID != 7 || c.Note != "看过" || c.DecidedAt == nil {
		t.Errorf("who decided: %+v", c)
	}
	if err := decide(false); err != nil { // the last word stands
		t.Fatal(err)
	}
	h.hidden(me, "name", "待审小明", moderation.Refused, "")
	same := "待审小明"
	h.risky("what a person refused, again", h.edit(me, profile.Edit{Name: &same}), "name")

	// A decision about what was written before releases nothing.
	h.name(me, "待审小红")
	if err := decide(true); !errors.Is(err, moderation.ErrChanged) {
		t.Errorf("an old decision: %v", err)
	}
	h.hidden(me, "name", "待审小红", moderation.Review, moderation.ReasonUnsure)
	h.name(me, "")
	if n := modeltest.Count[model.ContentCheck](t, h.db); n != 0 {
		t.Errorf("%d checks of nothing", n)
	}
}

func TestS26_WithoutThePlatformTextsAreHidden(t *testing.T) {
	h := newTown(t)
	me, _ := h.somebody("")
	h.control("POST", "/_sim/faults", object{"api": "weixin/wxa/msg_sec_check", "kind": "http_status", "status": 502}, nil)
	h.name(me, "小明")
	h.hidden(me, "name", "小明", moderation.Waiting, moderation.ReasonUnreachable)
	h.control("DELETE", "/_sim/faults", nil, nil)
	h.pass(time.Hour) // past the wait after a failed attempt
	h.visible(me, "name", "小明")

	// What turns out to be risky afterwards stays hidden, and is refused the next time.
	h.control("POST", "/_sim/faults", object{"api": "weixin/wxa/msg_sec_check", "kind": "errcode", "errcode": -1}, nil)
	h.name(me, "违规小明")
	h.hidden(me, "name", "违规小明", moderation.Waiting, moderation.ReasonUnreachable)
	h.control("DELETE", "/_sim/faults", nil, nil)
	h.pass(time.Hour)
	h.eventually("the platform has refused it", func() bool { return h.check(me, "name").State == moderation.Refused })
	h.hidden(me, "name", "违规小明", moderation.Refused, "")

}

// The platform judges for two hours after a visit: what is written later waits for the next one.
func TestS26_WhatIsWrittenLongAfterAVisitWaitsForTheNext(t *testing.T) {
	h := newTown(t)
	me, openid := h.somebody("")
	h.control("POST", "/_sim/clock", object{"advance": "3h"}, nil)
	h.name(me, "小强")
	h.hidden(me, "name", "小强", moderation.Waiting, moderation.ReasonVisit)
	h.pass(48 * time.Hour)
	if err := h.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.hidden(me, "name", "小强", moderation.Waiting, moderation.ReasonVisit)
	h.somebody(openid)
	h.visible(me, "name", "小强")
}

func TestS26_PicturesAreHiddenUntilTheirVerdict(t *testing.T) {
	h := newTown(t)
	const first, second, third = "https://wx.qlogo.cn/1", "https://wx.qlogo.cn/2", "https://wx.qlogo.cn/3"
	h.control("PUT", "/_sim/config", object{"media_wait": true}, nil)
	me, _ := h.somebody("")
	traceOf := func(address string) (trace string) {
		t.Helper()
		h.eventually("the platform is asked about "+address, func() bool {
			var asked struct {
				Checks []struct{ Trace_ID, Media_URL string }
			}
			h.control("GET", "/_sim/media_checks", nil, &asked)
			for _, c := range asked.Checks {
				if c.Media_URL == address {
					trace = c.Trace_ID
				}
			}
			return trace != "" && h.check(me, "avatar").TraceID == trace
		})
		return trace
	}
	h.avatar(me, first)
	old := traceOf(first)
	h.hidden(me, "avatar", first, moderation.Waiting, moderation.ReasonPicture)
	// A verdict on the picture before releases nothing, whenever and however often it comes, though nobody was asked about the next.
	h.control("POST", "/_sim/faults", object{"api": "weixin/wxa/media_check_async", "kind": "errcode", "errcode": -1}, nil)
	h.avatar(me, second)
	h.control("POST", "/_sim/act/media_verdict", object{"trace_id": old, "callback": object{"duplicate": 2}}, nil)
	h.control("POST", "/_sim/callbacks/wait", object{}, nil)
	h.eventually("the old verdict is in the inbox", func() bool { return modeltest.Count[model.Inbox](t, h.db, "kind = 'wxa_media_check'") == 1 })
	h.pass(3 * time.Minute)
	h.eventually("the old verdict is given up", func() bool { return modeltest.Count[model.Inbox](t, h.db, "state = 'failed'") == 1 })
	h.hidden(me, "avatar", second, moderation.Waiting, moderation.ReasonPicture)
	h.control("DELETE", "/_sim/faults", nil, nil)
	h.pass(time.Hour)
	traceOf(second)
	h.control("POST", "/_sim/act/media_verdict", object{"callback": object{"duplicate": 1}}, nil)
	h.visible(me, "avatar", second)

	// No verdict within a day: asked again, and from the third time on a person is.
	h.avatar(me, third)
	traceOf(third)
	for asked := 2; asked <= 3; asked++ {
		h.pass(25 * time.Hour)
		if err := h.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.eventually("it is asked about again", func() bool { return h.check(me, "avatar").Asked == asked })
	}
	h.pass(25 * time.Hour)
	if err := h.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.hidden(me, "avatar", third, moderation.Review, moderation.ReasonNoVerdict)

	// Risky by the platform's push.
	h.control("PUT", "/_sim/config", object{"media_wait": false}, nil)
	h.avatar(me, "https://wx.qlogo.cn/risky")
	h.eventually("the picture is refused", func() bool { return h.check(me, "avatar").State == moderation.Refused })
	h.hidden(me, "avatar", "https://wx.qlogo.cn/risky", moderation.Refused, "")
}

// The push may be quicker than the answer that says which trace to wait for.
func TestS26_AVerdictThatComesFirstIsNotLost(t *testing.T) {
	h := newTown(t)
	me, _ := h.somebody("")
	h.control("POST", "/_sim/faults", object{"api": "weixin/wxa/media_check_async", "kind": "latency", "ms": 1500, "times": 1}, nil)
	h.avatar(me, "https://wx.qlogo.cn/1")
	h.eventually("the verdict is here", func() bool { return modeltest.Count[model.Inbox](t, h.db, "kind = 'wxa_media_check'") == 1 })
	if c := h.check(me, "avatar"); c.TraceID != "" {
		t.Log("the answer was quicker than the push this time")
	}
	h.visible(me, "avatar", "https://wx.qlogo.cn/1")
}

func TestS26_WhatNobodyHasCheckedIsHidden(t *testing.T) {
	db := modeltest.DB(t)
	at := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	told := func(id int64, source, name string) *model.CustomerChange {
		return &model.CustomerChange{CustomerID: id, Field: "name", NewValue: name, Source: source, ChangedAt: at}
	}
	modeltest.Create(t, db, told(1, "miniapp", "小明"), told(2, "callback", "小红"), told(3, "miniapp", "Tom"), told(3, "console", "tom"), told(5, "miniapp", "小强"))
	modeltest.Create(t, db, &model.CustomerMerge{CustomerID: 4, OtherID: 5, Reason: "test", MergedAt: at})
	shown := must(moderation.Shown(db, "name",
		moderation.Saying{CustomerID: 1, Content: "小明"}, moderation.Saying{CustomerID: 2, Content: "小红"}, moderation.Saying{CustomerID: 3, Content: "tom"},
		moderation.Saying{CustomerID: 4, Content: "小强"}, moderation.Saying{CustomerID: 9, Content: ""}))(t)
	want := []string{"", "小红", "tom", "", ""} // a mini-program's, WeCom's, an operator's, of somebody merged into another, none
	for i := range want {
		if shown[i] != want[i] {
			t.Errorf("%d is shown as %q, want %q", i, shown[i], want[i])
		}
	}
}
