package tag

import (
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/wecom"
)

func TestMirrorFollowsThePlatform(t *testing.T) {
	h := newHouse(t)
	h.platform.admin("等级", "普通", "VIP")
	h.platform.admin("来源", "门店")
	if c := h.refreshAll(); c.Created != 5 || c.Read != 5 {
		t.Errorf("first: got %+v", c)
	}
	if c := h.refreshAll(); c.Unchanged != 5 || c.Created+c.Updated+c.Vanished != 0 {
		t.Errorf("again: got %+v", c)
	}
	five, nine := uint32(5), uint32(9)
	name := "钻石"
	h.platform.EditCorpTag(t.Context(), h.platform.tagID("VIP"), wecom.TagEdit{Name: &name, Order: &five})
	h.platform.EditCorpTag(t.Context(), h.platform.tagID("来源"), wecom.TagEdit{Order: &nine})
	h.platform.DeleteCorpTags(t.Context(), []string{h.platform.tagID("普通")}, nil)
	if c := h.refreshAll(); c.Updated != 2 || c.Vanished != 1 {
		t.Errorf("changed: got %+v", c)
	}
	wants(t, "dictionary", h.dictionary(), []string{"来源: 门店", "等级: 钻石"})
	h.platform.DeleteCorpTags(t.Context(), nil, []string{h.platform.tagID("来源")})
	h.refreshAll()
	wants(t, "dictionary", h.dictionary(), []string{"等级: 钻石"})
	if n := modeltest.Count[model.Work](t, h.db, "kind = ?", workPush); n != 0 {
		t.Errorf("the mirror enqueued %d pushes", n)
	}
}

func TestPartialListDeletesOnlyWhatItMarks(t *testing.T) {
	h := newHouse(t)
	h.platform.admin("等级", "普通", "VIP")
	h.refreshAll()
	h.clock.Advance(time.Second)
	groups, _ := h.platform.CorpTags(t.Context())
	groups[0].Tags = groups[0].Tags[:1]
	groups[0].Tags[0].Deleted = true
	h.in(func(tx *gorm.DB) error {
		_, err := h.ApplyGroupsTx(tx, h.acct.ID, groups, false, h.clock.Now())
		return err
	})
	wants(t, "dictionary", h.dictionary(), []string{"等级: VIP"})
}

func TestOldListChangesNothingNewer(t *testing.T) {
	h := newHouse(t)
	h.platform.admin("等级", "普通")
	h.refreshAll()
	old, _ := h.platform.CorpTags(t.Context()) // asked …
	askedAt := h.clock.Now()
	h.clock.Advance(time.Second)
	g := h.tagNamed("普通").GroupID
	if _, err := h.CreateTag(t.Context(), g, "VIP", 1); err != nil {
		t.Fatal(err)
	}
	if err := h.Rename(t.Context(), TagRef(h.tagNamed("普通").ID), "一般"); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	h.in(func(tx *gorm.DB) error { // … and applied only now
		_, err := h.ApplyGroupsTx(tx, h.acct.ID, old, true, askedAt)
		return err
	})
	wants(t, "dictionary", h.dictionary(), []string{"等级: VIP 一般"})
}

// TestHostileNames mirrors what an administrator may have typed elsewhere.
func TestHostileNames(t *testing.T) {
	h := newHouse(t)
	names := []string{"'; DROP TABLE tag; --", "<b>x</b>", "\u202e反", "😀😀", "", " ", "a\x00b", "\xff", "vip", "VIP"}
	long := ""
	for range 100 {
		long += "长"
	}
	names = append(names, long)
	group := wecom.TagGroup{ID: "etg", Name: names[0]}
	for i, n := range names {
		group.Tags = append(group.Tags, wecom.Tag{ID: fmt.Sprintf("et%d", i), Name: n})
	}
	for range 2 {
		h.clock.Advance(time.Millisecond)
		h.in(func(tx *gorm.DB) error {
			_, err := h.ApplyGroupsTx(tx, h.acct.ID, []wecom.TagGroup{group}, true, h.clock.Now())
			return err
		})
	}
	var got []string
	if err := h.db.Model(&model.Tag{}).Order("id").Pluck("name", &got).Error; err != nil {
		t.Fatal(err)
	}
	want := append([]string(nil), names...)
	want[7], want[10] = "\uFFFD", string([]rune(long)[:64])
	wants(t, "names", got, want)
}

func TestTagDeletedAtThePlatformIsTakenOffEverybody(t *testing.T) {
	h := newHouse(t)
	h.group("等级", "普通", "VIP")
	h.quiet()
	vip := h.tagNamed("VIP")
	for _, r := range h.relations {
		h.assign(r, []int64{vip.ID}, nil)
	}
	h.quiet()
	before := h.facts()
	h.platform.DeleteCorpTags(t.Context(), []string{*vip.PlatformID}, nil)
	h.refreshAll()
	h.quiet()
	if n := modeltest.Count[model.TagAssignment](t, h.db); n != 0 {
		t.Errorf("%d assignments are left", n)
	}
	if n := h.facts() - before; n != 3 {
		t.Errorf("got %d facts, want 3", n)
	}
	wants(t, "dictionary", h.dictionary(), []string{"等级: 普通"})
}

func TestUnknownTagIsNotedAtOnceAndNamedByARefresh(t *testing.T) {
	h := newHouse(t)
	h.platform.admin("等级", "VIP")
	r := h.relations[0]
	h.platform.MarkTags(t.Context(), "lisi", r.ExternalUserID, []string{h.platform.tagID("VIP")}, nil)
	h.read(r)
	if n := modeltest.Count[model.TagAssignment](t, h.db, "sync_state = ?", Synced); n != 1 {
		t.Fatalf("got %d assignments, want 1", n)
	}
	if len(h.dictionary()) != 0 {
		t.Errorf("a tag without a name is listed: %v", h.dictionary())
	}
	h.quiet()
	wants(t, "borne", h.borne(r), []string{"VIP"})
	wants(t, "dictionary", h.dictionary(), []string{"等级: VIP"})
	calls := len(h.platform.calls)
	h.read(r)
	h.quiet()
	if len(h.platform.calls) != calls {
		t.Errorf("a known tag made calls: %v", h.platform.calls[calls:])
	}
	// An id that the dictionary will never hold, such as a rule group's tag.
	h.platform.marks[r.ExternalUserID] = append(h.platform.marks[r.ExternalUserID], "stRULE")
	h.read(r)
	h.quiet()
	wants(t, "borne", h.borne(r), []string{"VIP"})
	calls = len(h.platform.calls)
	h.read(r)
	h.quiet()
	if len(h.platform.calls) != calls {
		t.Errorf("the alien tag makes a refresh each time: %v", h.platform.calls[calls:])
	}
}

func TestFirstReadingIsNoChange(t *testing.T) {
	h := newHouse(t)
	h.platform.admin("等级", "VIP")
	h.refreshAll()
	id := []string{h.platform.tagID("VIP")}
	h.apply(RelationTags{Relation: h.relations[0], PlatformTagIDs: id, First: true}, RelationTags{Relation: h.relations[1], PlatformTagIDs: id})
	if n := h.facts(); n != 1 {
		t.Errorf("got %d facts, want 1", n)
	}
	var e model.Event
	if err := h.db.Where("kind = ?", event.KindTagChanged).Take(&e).Error; err != nil || e.CustomerID != h.relations[1].CustomerID {
		t.Errorf("got %+v, %v", e, err)
	}
}
