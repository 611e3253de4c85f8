package tag

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/wecom"
)

// mirrored is a house whose local group 兴趣 (露营, 钓鱼) is shown at the platform.
func mirrored(t *testing.T) (h *house, group int64, ids map[string]int64) {
	h = newHouse(t)
	ids = h.local("兴趣", "露营", "钓鱼")
	group = h.groupOfTag(ids["露营"])
	h.mirror(GroupRef(group), true)
	h.quiet()
	return h, group, ids
}

func (h *house) groupOfTag(id int64) int64 {
	h.t.Helper()
	var row model.Tag
	if err := h.db.Where("id = ?", id).Take(&row).Error; err != nil {
		h.t.Fatal(err)
	}
	return row.GroupID
}

func (h *house) mirror(ref Ref, on bool) {
	h.t.Helper()
	h.clock.Advance(time.Millisecond)
	if err := h.SetMirror(h.t.Context(), ref, h.acct.ID, on); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) state(group int64) MirrorState {
	h.t.Helper()
	all, err := h.Mirrors(h.t.Context(), group)
	if err != nil || len(all) != 1 {
		h.t.Fatalf("got %d mirrors, %v", len(all), err)
	}
	return all[0]
}

func TestMirrorFollowsTheLocalGroup(t *testing.T) {
	h, group, ids := mirrored(t)
	ctx := t.Context()
	wants(t, "shown", h.platform.dictionary(), []string{"兴趣: 露营 钓鱼"})
	if _, err := h.CreateTag(ctx, group, "骑行", 0); err != nil {
		t.Fatal(err)
	}
	if err := h.Rename(ctx, TagRef(ids["露营"]), "户外"); err != nil {
		t.Fatal(err)
	}
	if err := h.Rename(ctx, GroupRef(group), "爱好"); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "followed", h.platform.dictionary(), []string{"爱好: 户外 钓鱼 骑行"})
	h.mirror(TagRef(ids["钓鱼"]), false)
	h.quiet()
	wants(t, "one less", h.platform.dictionary(), []string{"爱好: 户外 骑行"})
	if err := h.Delete(ctx, TagRef(ids["露营"])); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "deleted", h.platform.dictionary(), []string{"爱好: 骑行"})
	h.mirror(GroupRef(group), false)
	h.quiet()
	wants(t, "none", h.platform.dictionary(), nil)
	h.mirror(TagRef(ids["钓鱼"]), true)
	h.quiet()
	wants(t, "one alone", h.platform.dictionary(), []string{"爱好: 钓鱼"})
	if err := h.Delete(ctx, GroupRef(group)); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "with its group", h.platform.dictionary(), nil)
	h.refreshAll()
	h.quiet()
	if n := modeltest.Count[model.TagGroup](t, h.db, "gone_at IS NULL"); n != 0 {
		t.Errorf("%d groups are left", n)
	}
}

func TestMirrorCarriesMarksBothWays(t *testing.T) {
	h, group, ids := mirrored(t)
	r := h.relations[0]
	later := noon.Add(time.Hour)
	h.give(Giving{CustomerIDs: []int64{100, 101}, Add: []int64{ids["露营"]}, Origin: ruleOne, ExpiresAt: &later})
	h.quiet()
	wants(t, "there", h.platform.markNames(r), []string{"露营"})
	if got := h.state(group).Tags[0].Marks[Synced]; got != 2 {
		t.Errorf("%d marks are there, want 2", got)
	}
	facts := h.facts()
	h.read(r)
	h.quiet()
	wants(t, "an echo changes nothing", h.bearing(100), []string{"露营 rule"})

	// Somebody in WeCom gives the other tag, and takes this one.
	h.platform.set(r, "钓鱼")
	h.read(r)
	h.quiet()
	h.read(r)
	h.quiet()
	wants(t, "as it is there", h.bearing(100), []string{"钓鱼 wecom"})
	wants(t, "and stays there", h.platform.markNames(r), []string{"钓鱼"})
	if got := h.facts() - facts; got != 2 {
		t.Errorf("got %d facts, want 2: one given, one taken", got)
	}
	wants(t, "somebody else's stays", h.bearing(101), []string{"露营 rule"})

	// What is given here for a time goes there too.
	h.clock.Advance(time.Hour)
	expire(t, h)
	h.quiet()
	wants(t, "ended there", h.platform.markNames(h.relations[1]), []string{})

	// Switched off, the platform forgets; we don't.
	h.mirror(GroupRef(group), false)
	h.quiet()
	h.read(r)
	wants(t, "kept here", h.bearing(100), []string{"钓鱼 wecom"})
	wants(t, "gone there", h.platform.dictionary(), nil)
	h.sound()

	// Switched on again, everybody who bears it is marked.
	h.mirror(GroupRef(group), true)
	h.quiet()
	wants(t, "there again", h.platform.markNames(r), []string{"钓鱼"})
}

// set makes a relation bear exactly these tags at the platform.
func (f *fake) set(r *model.Relation, names ...string) {
	var ids []string
	for _, n := range names {
		ids = append(ids, f.tagID(n))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.marks[r.ExternalUserID] = ids
}

// TestMirrorDeletedInWeComLosesNothingHere: the customers' tags are ours. They aren't mirrored again
// until somebody says so.
func TestMirrorDeletedInWeComLosesNothingHere(t *testing.T) {
	h, group, ids := mirrored(t)
	h.give(Giving{CustomerIDs: []int64{100}, Add: []int64{ids["露营"]}, Origin: ruleOne})
	h.quiet()
	gone := h.platform.tagID("露营")
	if err := h.platform.DeleteCorpTags(t.Context(), []string{gone}, nil); err != nil {
		t.Fatal(err)
	}
	h.read(h.relations[0]) // the customer is read before the dictionary
	h.quiet()
	wants(t, "borne", h.bearing(100), []string{"露营 rule"})
	s := h.state(group).Tags[0]
	if s.Wanted || s.Reason != reasonGone || s.Tag != nil {
		t.Errorf("got %+v", s)
	}
	if err := h.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "not made again", h.platform.dictionary(), []string{"兴趣: 钓鱼"})
	h.mirror(TagRef(ids["露营"]), true)
	h.quiet()
	wants(t, "until somebody says so", h.platform.markNames(h.relations[0]), []string{"露营"})
}

func TestMirrorRenamedInWeComRenamesHere(t *testing.T) {
	h, _, ids := mirrored(t)
	name := func(s string) wecom.TagEdit { return wecom.TagEdit{Name: &s} }
	if err := h.platform.EditCorpTag(t.Context(), h.platform.tagID("露营"), name("野营")); err != nil {
		t.Fatal(err)
	}
	h.refreshAll()
	h.quiet()
	if got := h.tagNamed("野营"); got.MirrorOf != ids["露营"] && got.ID != ids["露营"] {
		t.Errorf("got %+v", got)
	}
	if n := modeltest.Count[model.Tag](t, h.db, "id = ? AND name = ?", ids["露营"], "野营"); n != 1 {
		t.Error("the local tag has kept its name")
	}
}

func TestMirrorRefusals(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	h.platform.admin("已有", "甲")
	h.refreshAll()
	taken, long := h.groupOfTag(h.local("已有", "乙")["乙"]), h.groupOfTag(h.local(strings.Repeat("长", 31), "丙")["丙"])
	mixed := h.local("混合", strings.Repeat("名", 31), "短")
	corp := h.tagNamed("甲")
	tests := []struct {
		name string
		ref  Ref
		acct int64
		want error
	}{
		{"a group of the platform", GroupRef(corp.GroupID), h.acct.ID, ErrLocal},
		{"a tag of the platform", TagRef(corp.ID), h.acct.ID, ErrLocal},
		{"a name that is taken", GroupRef(taken), h.acct.ID, ErrNameTaken},
		{"a long name", GroupRef(long), h.acct.ID, ErrName},
		{"no such account", GroupRef(taken), 999, ErrNotFound},
		{"no such group", GroupRef(999), h.acct.ID, ErrNotFound},
	}
	for _, tt := range tests {
		if err := h.SetMirror(ctx, tt.ref, tt.acct, true); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	h.mirror(GroupRef(h.groupOfTag(mixed["短"])), true)
	h.quiet()
	wants(t, "the short one", h.platform.dictionary(), []string{"已有: 甲", "混合: 短"})
	s := h.state(h.groupOfTag(mixed["短"]))
	if s.Tags[0].Tag == nil || s.Tags[0].Tag.SyncState != Failed || !strings.Contains(s.Tags[0].Tag.SyncError, "30") {
		t.Errorf("the long one: %+v", s.Tags[0].Tag)
	}
	if err := h.Rename(ctx, TagRef(s.Tags[1].Tag.ID), "别的"); err != ErrMirror {
		t.Errorf("a mirror renamed by hand: %v", err)
	}
	if _, err := h.CreateTag(ctx, s.Group.ID, "别的", 0); err != ErrMirror {
		t.Errorf("a tag added to a mirror by hand: %v", err)
	}
}

func TestMirrorStaysBelowTheCeiling(t *testing.T) {
	h := newHouse(t)
	ids := h.local("兴趣", "露营", "钓鱼")
	group := h.groupOfTag(ids["露营"])
	var many []*model.Tag
	for i := range MaxCorpTags - 1 {
		id := fmt.Sprintf("et%d", i)
		many = append(many, &model.Tag{AccountID: h.acct.ID, GroupID: 1, PlatformID: &id, Name: id, SyncState: Synced})
	}
	if _, err := model.InsertNew(h.db, many); err != nil {
		t.Fatal(err)
	}
	if err := h.SetMirror(t.Context(), GroupRef(group), h.acct.ID, true); !errors.Is(err, ErrCeiling) {
		t.Errorf("two more: got %v", err)
	}
	if n := modeltest.Count[model.TagMirror](t, h.db); n != 0 {
		t.Error("what was refused is wanted all the same")
	}
	h.mirror(TagRef(ids["露营"]), true)
	h.mirrorWhole(group)
	s := h.state(group)
	if s.Tags[0].Tag.SyncState != Pending || s.Tags[1].Tag.SyncState != Failed || s.Tags[1].Tag.SyncError == "" {
		t.Errorf("got %+v and %+v", s.Tags[0].Tag, s.Tags[1].Tag)
	}
}

// mirrorWhole wants the whole group without anybody waiting, as when a tag is added to it.
func (h *house) mirrorWhole(group int64) {
	h.t.Helper()
	h.in(func(tx *gorm.DB) error {
		if err := saveMirror(tx, model.TagMirror{AccountID: h.acct.ID, GroupID: group, Wanted: true}); err != nil {
			return err
		}
		return h.alignMirrors(tx, group)
	})
}

// TestNewRelationGetsTheMarks: a relation that begins later shows what its customer bears; one that begins
// anew shows it again.
func TestNewRelationGetsTheMarks(t *testing.T) {
	h, _, ids := mirrored(t)
	h.give(Giving{CustomerIDs: []int64{100}, Add: []int64{ids["露营"]}, Origin: ruleOne})
	h.quiet()
	r := h.relations[0]
	h.clock.Advance(time.Hour)
	h.platform.unmarkAll(r)
	r.AddedAt = h.clock.Now()
	h.apply(RelationTags{Relation: r, ReadAt: h.clock.Now(), First: true})
	h.quiet()
	wants(t, "marked again", h.platform.markNames(r), []string{"露营"})
	wants(t, "borne", h.bearing(100), []string{"露营 rule"})
	h.sound()
}

func TestManyAreMarkedInParts(t *testing.T) {
	h := newHouse(t)
	ids := h.local("兴趣", "露营")
	var all []int64
	for i := range upkeepBatch + 3 {
		id := int64(1000 + i)
		modeltest.Create(t, h.db, &model.Customer{ID: id, FirstSeenAt: noon})
		all = append(all, id)
	}
	r := &model.Relation{AccountID: h.acct.ID, StaffID: h.lisi, CustomerID: all[len(all)-1], ExternalUserID: "wmLast", Status: "active", AddedAt: noon}
	modeltest.Create(t, h.db, r)
	for part := range slices.Chunk(all, 100) {
		h.give(Giving{CustomerIDs: part, Add: []int64{ids["露营"]}, Origin: ruleOne})
	}
	h.mirror(TagRef(ids["露营"]), true)
	h.quiet()
	wants(t, "the last one", h.platform.markNames(r), []string{"露营"})
}
