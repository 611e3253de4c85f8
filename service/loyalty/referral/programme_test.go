package referral

import (
	"errors"
	"strings"
	"testing"
)

func TestSave(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct {
		name   string
		change func(d *Definition)
	}{
		{"no name", func(d *Definition) { d.Name = " " }},
		{"over before it begins", func(d *Definition) { d.Until = d.From }},
		{"asks for something else", func(d *Definition) { d.Ask = "share" }},
		{"a cool-off of a year", func(d *Definition) { d.CoolOffDays = 365 }},
		{"nothing for anybody", func(d *Definition) { d.Steps, d.Invitee = nil, nil }},
		{"a ladder that falls", func(d *Definition) { d.Steps[1].Friends = 2 }},
		{"a step that nobody reaches", func(d *Definition) { d.PerInviter = 2 }},
		{"points of nothing", func(d *Definition) { d.Steps[0].Points = 0 }},
		{"points beyond all measure", func(d *Definition) { d.Steps[0].Points = 1 << 40 }},
		{"a coupon of no batch", func(d *Definition) { d.Invitee = &Prize{Kind: Coupon, Name: "券", BatchID: 8} }},
		{"a cost below zero", func(d *Definition) { d.Invitee.CostFen = -1 }},
		{"a budget below zero", func(d *Definition) { d.Budget.Fen = -1 }},
		{"no way to come", func(d *Definition) { d.Link = "" }},
		{"a link without the code", func(d *Definition) { d.Link = "https://shop.example.com/i" }},
		{"a link in the clear", func(d *Definition) { d.Link = "http://shop.example.com/{code}" }},
		{"a link with somebody's name", func(d *Definition) { d.Link = "https://a:b@shop.example.com/{code}" }},
		{"a code that is the host", func(d *Definition) { d.Link = "https://a{code}.example.com/" }},
		{"a script", func(d *Definition) { d.Link = "javascript:alert('{code}')" }},
		{"a page with a query", func(d *Definition) { d.AccountID, d.Page = 2, "pages/i?x=1" }},
		{"a corp that is no mini-program", func(d *Definition) { d.AccountID = 1 }},
		{"a background that is no picture", func(d *Definition) { d.BackgroundID = 3 }},
	} {
		if _, err := h.Save(t.Context(), 1, 0, 0, with(tt.change)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := h.Save(t.Context(), 1, 0, 0, with(func(d *Definition) { d.SegmentID = 6 })); !errors.Is(err, errAbsent) {
		t.Errorf("a segment that is none: %v", err)
	}
	p := must(h.Save(t.Context(), 1, 0, 0, with(func(d *Definition) { d.Name = " 老带新 " })))(t)
	if p.Name != "老带新" || len(p.Steps) != 2 || p.InviteePoints != 5 || p.State != StateDraft || p.Version != 1 {
		t.Errorf("saved %+v", p)
	}
	if _, err := h.Save(t.Context(), 1, p.ID, 7, definition()); !errors.Is(err, ErrChanged) {
		t.Errorf("another version: %v", err)
	}
	if _, err := h.Save(t.Context(), 1, p.ID+1, 1, definition()); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such programme: %v", err)
	}
	p = must(h.Save(t.Context(), 1, p.ID, 1, with(func(d *Definition) { d.Steps = d.Steps[:1] })))(t)
	if len(p.Steps) != 1 || p.Version != 2 {
		t.Errorf("changed to %+v", p)
	}
}

// TestPublishedRulesStand: what customers have been told of does not change; what is the house's own does.
func TestPublishedRulesStand(t *testing.T) {
	h := newHouse(t)
	p := h.published(definition())
	for name, change := range map[string]func(d *Definition){
		"what is asked": func(d *Definition) { d.Ask = AskOrder }, "the cool-off": func(d *Definition) { d.CoolOffDays++ },
		"a step": func(d *Definition) { d.Steps[0].Friends = 1 }, "a reward": func(d *Definition) { d.Steps[0].Points = 9 },
		"the newcomer's": func(d *Definition) { d.Invitee = nil }, "how many count": func(d *Definition) { d.PerInviter = 5 },
		"taking back": func(d *Definition) { d.TakeBack = true },
	} {
		if _, err := h.Save(t.Context(), 1, p.ID, p.Version, with(change)); !errors.Is(err, ErrFixed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	got := must(h.Save(t.Context(), 2, p.ID, p.Version, with(func(d *Definition) { d.Note, d.Budget.Points, d.Until = "好友越多", 100, d.Until.Add(day) })))(t)
	if got.Note != "好友越多" || got.Budget.LimitPoints != 100 || got.State != StateActive || got.AcknowledgedBy != 1 || got.ChangedBy != 2 {
		t.Errorf("got %+v", got)
	}
	h.must(h.SetState(t.Context(), 1, p.ID, StateEnded, false))
	if _, err := h.Save(t.Context(), 1, p.ID, got.Version, definition()); !errors.Is(err, ErrState) {
		t.Errorf("changed after the end: %v", err)
	}
}

// TestWarningsAreRead: nothing is published before somebody has said that they know the platform's rules.
func TestWarningsAreRead(t *testing.T) {
	h := newHouse(t)
	p := must(h.Save(t.Context(), 1, 0, 0, with(func(d *Definition) { d.CoolOffDays = 0 })))(t)
	var codes []string
	for _, w := range p.Warnings() {
		codes = append(codes, w.Code)
		if w.Zh == "" || w.En == "" {
			t.Errorf("warning %s says nothing", w.Code)
		}
	}
	const all = "inducing_shares,inducing_follows,no_ceiling,no_cool_off"
	if strings.Join(codes, ",") != all {
		t.Errorf("warned of %v", codes)
	}
	if err := h.SetState(t.Context(), 7, p.ID, StateActive, false); !errors.Is(err, ErrUnread) {
		t.Errorf("published unread: %v", err)
	}
	h.must(h.SetState(t.Context(), 7, p.ID, StateActive, true))
	got := must(h.Get(t.Context(), p.ID))(t)
	if got.AcknowledgedBy != 7 || got.AcknowledgedAt == nil || !got.AcknowledgedAt.Equal(noon) || got.Acknowledged != all {
		t.Errorf("kept: %d at %v of %q", got.AcknowledgedBy, got.AcknowledgedAt, got.Acknowledged)
	}
	if len(must(h.Save(t.Context(), 1, 0, 0, with(func(d *Definition) { d.Ask, d.Budget.Rewards = AskOrder, 10 })))(t).Warnings()) != 1 {
		t.Error("the rule on inducing shares concerns every programme with rewards")
	}
}

func TestStates(t *testing.T) {
	h := newHouse(t)
	p := must(h.Save(t.Context(), 1, 0, 0, definition()))(t)
	for _, step := range []struct {
		to   string
		want error
	}{
		{StatePaused, ErrState}, {StateEnded, ErrState}, {StateActive, nil}, {StateActive, nil}, {StatePaused, nil}, {StateActive, nil}, {StateDraft, ErrState},
		{StateEnded, nil}, {StateEnded, nil}, {StateActive, ErrState},
	} {
		if err := h.SetState(t.Context(), 1, p.ID, step.to, true); !errors.Is(err, step.want) {
			t.Errorf("to %s: %v, want %v", step.to, err, step.want)
		}
	}
}

func TestCodes(t *testing.T) {
	h := newHouse(t)
	p := h.published(with(func(d *Definition) { d.SegmentID = 5 }))
	me, other := h.customer(), h.customer()
	h.members[me], h.members[other] = true, true
	mine := h.code(p, me)
	if _, ok := readCode(mine); !ok || mine != h.code(p, me) || mine == h.code(p, other) {
		t.Errorf("codes %s, %s, %s", mine, h.code(p, me), h.code(p, other))
	}
	if scene := SceneOf(mine); len(scene) > 32 || p.LinkOf(mine) != "https://shop.example.com/i/"+mine {
		t.Errorf("scene %q, link %q", scene, p.LinkOf(mine))
	}
	if _, err := h.Code(t.Context(), h.customer(), p.ID, Origin{}); !errors.Is(err, ErrAudience) {
		t.Errorf("who is not in the segment: %v", err)
	}
	draft := must(h.Save(t.Context(), 1, 0, 0, definition()))(t)
	if _, err := h.Code(t.Context(), me, draft.ID, Origin{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a draft: %v", err)
	}
	h.clock.Advance(31 * day)
	if h.code(p, me) != mine {
		t.Error("the code is gone after the end")
	}
	fresh := h.customer()
	h.members[fresh] = true
	if _, err := h.Code(t.Context(), fresh, p.ID, Origin{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
}

// TestHostileCodes: what is no code has one answer, whatever it is, and never an error of ours.
func TestHostileCodes(t *testing.T) {
	h := newHouse(t)
	p := h.published(definition())
	h.code(p, h.customer())
	guest := h.customer()
	for _, text := range []string{
		"", "0", "0000000000000000", strings.Repeat("a", 5000), "' OR 1=1 --xxxx", "0000000000000000\x00", "％００００００００００００００", "oooooooooooooooo", "{code}", "r=0000000000000000", "\xff\xfe0000000000000a",
	} {
		if _, err := h.Touch(t.Context(), Touch{CustomerID: guest, Code: text}); !errors.Is(err, ErrCode) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	seen := map[string]bool{}
	for range 1000 {
		c := newCode()
		if got, ok := readCode(" " + strings.ToUpper(c) + " "); !ok || got != c || seen[c] {
			t.Fatalf("code %q reads as %q", c, got)
		}
		seen[c] = true
	}
}

func TestList(t *testing.T) {
	h := newHouse(t)
	first, second := h.published(definition()), h.published(definition())
	h.must(h.SetState(t.Context(), 1, first.ID, StatePaused, false))
	must(h.Save(t.Context(), 1, 0, 0, definition()))(t)
	if list := must(h.List(t.Context(), false, 0, 10))(t); len(list) != 3 || len(list[2].Steps) != 2 || list[2].ID != first.ID {
		t.Errorf("all: %+v", list)
	}
	if list := must(h.List(t.Context(), true, 0, 10))(t); len(list) != 1 || list[0].ID != second.ID {
		t.Errorf("open: %+v", list)
	}
	if list := must(h.List(t.Context(), false, second.ID, 10))(t); len(list) != 1 {
		t.Errorf("before: %+v", list)
	}
}
