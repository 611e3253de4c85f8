package tag

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/wecom"
)

func TestDictionaryReachesThePlatform(t *testing.T) {
	h := newHouse(t)
	g := h.group(" 等级 ", "普通", "VIP")
	wants(t, "at once", h.dictionary(), []string{"等级(pending): 普通(pending) VIP(pending)"})
	h.quiet()
	wants(t, "there", h.platform.dictionary(), []string{"等级: 普通 VIP"})
	wants(t, "calls", h.platform.calls, []string{"add"})
	if _, err := h.CreateTag(t.Context(), g.ID, "钻石", 9); err != nil {
		t.Fatal(err)
	}
	if err := h.Rename(t.Context(), GroupRef(g.ID), "会员等级"); err != nil {
		t.Fatal(err)
	}
	if err := h.Rename(t.Context(), TagRef(h.tagNamed("普通").ID), "一般"); err != nil {
		t.Fatal(err)
	}
	if err := h.Reorder(t.Context(), []Place{{TagRef(h.tagNamed("一般").ID), 20}, {TagRef(h.tagNamed("VIP").ID), 30}}); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "there", h.platform.dictionary(), []string{"会员等级: 一般 VIP 钻石"})
	wants(t, "here", h.dictionary(), []string{"会员等级: VIP 一般 钻石"})
	if c := h.refreshAll(); c.Unchanged != 4 {
		t.Errorf("the echo changed something: %+v", c)
	}
	if err := h.Delete(t.Context(), TagRef(h.tagNamed("钻石").ID)); err != nil {
		t.Fatal(err)
	}
	wants(t, "at once", h.dictionary(), []string{"会员等级: VIP 一般 钻石(deleting)"})
	h.quiet()
	wants(t, "there", h.platform.dictionary(), []string{"会员等级: 一般 VIP"})
	if err := h.Delete(t.Context(), GroupRef(g.ID)); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "there", h.platform.dictionary(), nil)
	wants(t, "here", h.dictionary(), nil)
}

func TestLastTagTakesItsGroupAlong(t *testing.T) {
	h := newHouse(t)
	h.group("等级", "VIP")
	h.quiet()
	if err := h.Delete(t.Context(), TagRef(h.tagNamed("VIP").ID)); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "here", h.dictionary(), nil)
}

// TestNobodyPushesWhatWasNotWished: a name changed over there survives a new order from here.
func TestNobodyPushesWhatWasNotWished(t *testing.T) {
	h := newHouse(t)
	h.group("等级", "普通")
	h.quiet()
	id, name := h.platform.tagID("普通"), "一般"
	h.platform.EditCorpTag(t.Context(), id, wecom.TagEdit{Name: &name}) // not heard of yet
	if err := h.Reorder(t.Context(), []Place{{TagRef(h.tagNamed("普通").ID), 50}}); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "there", h.platform.dictionary(), []string{"等级: 一般"})
	h.refreshAll()
	wants(t, "here", h.dictionary(), []string{"等级: 一般"})
	if p := h.tagNamed("一般").Position; p != 50 {
		t.Errorf("got position %d, want 50", p)
	}
}

func TestNamesAreChecked(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	g := h.group("等级", "普通", "VIP")
	for _, name := range []string{"", "  ", strings.Repeat("长", 31), "a\nb", "\xff"} {
		if _, err := h.CreateTag(ctx, g.ID, name, 0); !errors.Is(err, ErrName) {
			t.Errorf("%q: got %v", name, err)
		}
		if err := h.Rename(ctx, GroupRef(g.ID), name); !errors.Is(err, ErrName) {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if _, err := h.CreateTag(ctx, g.ID, "VIP", 0); !errors.Is(err, ErrNameTaken) {
		t.Errorf("same tag: got %v", err)
	}
	if _, err := h.CreateTag(ctx, g.ID, "vip", 0); err != nil {
		t.Errorf("the platform tells cases apart: %v", err)
	}
	if _, err := h.CreateGroup(ctx, NewGroup{AccountID: h.acct.ID, Name: "等级", Tags: []string{"a"}}); !errors.Is(err, ErrNameTaken) {
		t.Errorf("same group: got %v", err)
	}
	if _, err := h.CreateGroup(ctx, NewGroup{AccountID: h.acct.ID, Name: "新", Tags: []string{"a", "a "}}); !errors.Is(err, ErrNameTaken) {
		t.Errorf("twice in one group: got %v", err)
	}
	if _, err := h.CreateGroup(ctx, NewGroup{AccountID: h.acct.ID, Name: "新"}); !errors.Is(err, ErrNoTags) {
		t.Errorf("no tags: got %v", err)
	}
	if err := h.Rename(ctx, TagRef(h.tagNamed("普通").ID), "VIP"); !errors.Is(err, ErrNameTaken) {
		t.Errorf("rename to a taken name: got %v", err)
	}
	if err := h.Rename(ctx, TagRef(999), "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown: got %v", err)
	}
}

func TestRefusedWishes(t *testing.T) {
	tests := []struct {
		name string
		call string
		err  error
		wish func(h *house) error
		want string // the dictionary afterwards
	}{
		{"rename to a name taken there", "edit", refused(40071, wecom.ClassBadInput),
			func(h *house) error { return h.Rename(h.t.Context(), TagRef(h.tagNamed("普通").ID), "新名") }, "等级: 新名(failed) VIP"},
		{"another app's tag", "edit", refused(81011, wecom.ClassPermission),
			func(h *house) error { return h.Rename(h.t.Context(), TagRef(h.tagNamed("普通").ID), "新名") }, "等级: 新名(failed) VIP"},
		{"delete another app's tag", "delete", refused(81011, wecom.ClassPermission),
			func(h *house) error { return h.Delete(h.t.Context(), TagRef(h.tagNamed("普通").ID)) }, "等级: 普通(failed) VIP"},
		{"delete a group with another app's tag", "delete", refused(60011, wecom.ClassPermission),
			func(h *house) error { return h.Delete(h.t.Context(), GroupRef(h.tagNamed("普通").GroupID)) }, "等级(failed): 普通(failed) VIP(failed)"},
		{"too many tags", "add", refused(40126, wecom.ClassBusiness),
			func(h *house) error {
				_, err := h.CreateTag(h.t.Context(), h.tagNamed("普通").GroupID, "第三", 0)
				return err
			}, "等级: 普通 VIP 第三(failed)"},
		{"length refused", "add", refused(40072, wecom.ClassBadInput),
			func(h *house) error {
				_, err := h.CreateTag(h.t.Context(), h.tagNamed("普通").GroupID, "第三", 0)
				return err
			}, "等级: 普通 VIP 第三(failed)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.group("等级", "普通", "VIP")
			h.quiet()
			h.platform.fail = map[string][]error{tt.call: {tt.err}}
			if err := tt.wish(h); err != nil {
				t.Fatal(err)
			}
			h.quiet()
			wants(t, "here", h.dictionary(), []string{tt.want})
			n := modeltest.Count[model.Tag](t, h.db, "sync_state = ? AND sync_error <> ''", Failed)
			if want := int64(strings.Count(tt.want, "(failed)")); n != want && n != want-1 { // the group is no tag
				t.Errorf("%d say why they failed", n)
			}
			h.refreshAll() // the platform's truth takes the place of what it refused, the reason stays
			if !strings.Contains(h.dictionary()[0], Failed) {
				t.Errorf("the failure is no longer shown: %v", h.dictionary())
			}
			if strings.Contains(h.dictionary()[0], "新名") {
				t.Errorf("the refused name is still shown: %v", h.dictionary())
			}
			if err := tt.wish(h); err != nil && !errors.Is(err, ErrNameTaken) { // once more
				t.Fatal(err)
			}
			h.quiet()
		})
	}
}

// TestKilledBetweenAnswerAndWrite: the platform has done it, and nobody here knows: done again, there
// is still one of everything.
func TestKilledBetweenAnswerAndWrite(t *testing.T) {
	for _, collapse := range []bool{false, true} {
		t.Run(fmt.Sprintf("collapse %v", collapse), func(t *testing.T) {
			h := newHouse(t)
			h.platform.collapse = collapse
			h.platform.lose = map[string]int{"add": 2, "edit": 1, "delete": 1, "mark": 1}
			h.platform.fail = map[string][]error{"list": {refused(-1, wecom.ClassBusy)}}
			g := h.group("等级", "普通", "VIP")
			h.assign(h.relations[0], []int64{g.Tags[0].ID}, nil)
			for range 6 {
				h.work(2)
			}
			wants(t, "there", h.platform.dictionary(), []string{"等级: 普通 VIP"})
			wants(t, "here", h.dictionary(), []string{"等级: 普通 VIP"})
			wants(t, "marks", h.platform.markNames(h.relations[0]), []string{"普通"})
			if err := h.Rename(t.Context(), TagRef(g.Tags[0].ID), "一般"); err != nil {
				t.Fatal(err)
			}
			if err := h.Delete(t.Context(), TagRef(g.Tags[1].ID)); err != nil {
				t.Fatal(err)
			}
			for range 4 {
				h.work(2)
			}
			wants(t, "there", h.platform.dictionary(), []string{"等级: 一般"})
			wants(t, "here", h.dictionary(), []string{"等级: 一般"})
		})
	}
}

// TestOwnEchoBeforeTheAnswer: a callback or a synchronisation mirrors our new tags before the answer to
// our own call is stored.
func TestOwnEchoBeforeTheAnswer(t *testing.T) {
	for _, when := range []string{"before the answer", "instead of the answer"} {
		t.Run(when, func(t *testing.T) {
			h := newHouse(t)
			g := h.group("等级", "普通", "VIP")
			if when == "instead of the answer" {
				h.platform.lose = map[string]int{"add": 1}
				h.platform.fail = map[string][]error{"list": {refused(-1, wecom.ClassBusy)}}
				h.work(1)
				h.refreshAll()
			} else {
				// The platform made them, and somebody mirrors, while our call is still under way.
				h.platform.before = func(call string) {
					if call == "add" {
						h.platform.before = nil
						in := creation(groupItem(&g.TagGroup), []*item{tagItem(&g.Tags[0]), tagItem(&g.Tags[1])})
						h.platform.AddCorpTags(t.Context(), in)
						h.refreshAll()
					}
				}
			}
			h.quiet()
			wants(t, "there", h.platform.dictionary(), []string{"等级: 普通 VIP"})
			wants(t, "here", h.dictionary(), []string{"等级: 普通 VIP"})
			if n := modeltest.Count[model.Tag](t, h.db); n != 2 {
				t.Errorf("got %d tags, want 2", n)
			}
			if n := modeltest.Count[model.TagGroup](t, h.db); n != 1 {
				t.Errorf("got %d groups, want 1", n)
			}
		})
	}
}

// TestRenamedWhileItIsMade: the tag is made under its old name and then renamed, not made twice.
func TestRenamedWhileItIsMade(t *testing.T) {
	h := newHouse(t)
	g := h.group("等级", "普通")
	h.platform.before = func(call string) {
		if call == "add" {
			h.platform.before = nil
			if err := h.Rename(t.Context(), TagRef(g.Tags[0].ID), "一般"); err != nil {
				t.Error(err)
			}
		}
	}
	h.quiet()
	wants(t, "there", h.platform.dictionary(), []string{"等级: 一般"})
	wants(t, "here", h.dictionary(), []string{"等级: 一般"})
}

// TestRenamedWhileItIsRenamed: the later name gets there.
func TestRenamedWhileItIsRenamed(t *testing.T) {
	h := newHouse(t)
	g := h.group("等级", "普通")
	h.quiet()
	rename := func(name string) {
		if err := h.Rename(t.Context(), TagRef(g.Tags[0].ID), name); err != nil {
			t.Error(err)
		}
	}
	h.platform.before = func(call string) {
		if call == "edit" {
			h.platform.before = nil
			rename("二")
		}
	}
	rename("一")
	h.quiet()
	wants(t, "there", h.platform.dictionary(), []string{"等级: 二"})
	wants(t, "here", h.dictionary(), []string{"等级: 二"})
}

// TestDeletedBeforeItIsMade: nothing of it reaches the platform, or stays there.
func TestDeletedBeforeItIsMade(t *testing.T) {
	h := newHouse(t)
	g := h.group("等级", "普通")
	if err := h.Delete(t.Context(), GroupRef(g.ID)); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "there", h.platform.dictionary(), nil)
	wants(t, "here", h.dictionary(), nil)
	g = h.group("等级", "普通")
	h.platform.before = func(call string) {
		if call == "add" {
			h.platform.before = nil
			if err := h.Delete(t.Context(), GroupRef(g.ID)); err != nil {
				t.Error(err)
			}
		}
	}
	h.quiet()
	wants(t, "there", h.platform.dictionary(), nil)
	wants(t, "here", h.dictionary(), nil)
}

// TestSameNameMadeOverThere: an administrator made the same tag meanwhile; it becomes ours, or is
// shown as the conflict it is.
func TestSameNameMadeOverThere(t *testing.T) {
	h := newHouse(t)
	h.group("等级", "VIP")
	h.platform.admin("等级", "VIP")
	h.quiet()
	wants(t, "there", h.platform.dictionary(), []string{"等级: VIP"})
	wants(t, "here", h.dictionary(), []string{"等级: VIP"})
	if t1 := h.tagNamed("VIP"); t1.PlatformID == nil || *t1.PlatformID != h.platform.tagID("VIP") {
		t.Errorf("got %+v", t1)
	}
}

func TestEditOfATagThatIsGoneOverThere(t *testing.T) {
	h := newHouse(t)
	h.group("等级", "普通", "VIP")
	h.quiet()
	h.platform.DeleteCorpTags(t.Context(), []string{h.platform.tagID("VIP")}, nil)
	if err := h.Rename(t.Context(), TagRef(h.tagNamed("VIP").ID), "钻石"); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "here", h.dictionary(), []string{"等级: 普通"})
}

func TestLabelsFollowChangesHere(t *testing.T) {
	h := newHouse(t)
	g := h.group("等级", "普通")
	all, err := h.Labels(t.Context())
	if err != nil || all[g.Tags[0].ID].Name != "普通" || all[g.Tags[0].ID].Group != "等级" {
		t.Errorf("got %v, %v", all, err)
	}
	if err := h.Rename(t.Context(), TagRef(g.Tags[0].ID), "一般"); err != nil {
		t.Fatal(err)
	}
	all, err = h.Labels(t.Context())
	if err != nil || all[g.Tags[0].ID].Name != "一般" {
		t.Errorf("after a change: got %v, %v", all, err)
	}
	again, _ := h.Labels(t.Context())
	if !slices.Equal(keysOf(all), keysOf(again)) {
		t.Error("the dictionary changed by itself")
	}
}

func keysOf(m map[int64]Label) (keys []int64) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
