package tag

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/wecom"
)

// tagged is a house whose dictionary is 普通, VIP and 钻石, here and at the platform.
func tagged(t *testing.T) (h *house, r *model.Relation, ids map[string]int64) {
	h = newHouse(t)
	h.group("等级", "普通", "VIP", "钻石")
	h.quiet()
	ids = map[string]int64{}
	for _, n := range []string{"普通", "VIP", "钻石"} {
		ids[n] = h.tagNamed(n).ID
	}
	h.platform.calls = nil
	return h, h.relations[0], ids
}

func TestAssignmentReachesThePlatform(t *testing.T) {
	h, r, ids := tagged(t)
	h.assign(r, []int64{ids["VIP"], ids["普通"]}, nil)
	wants(t, "here, at once", h.borne(r), []string{"VIP", "普通"})
	h.quiet()
	wants(t, "there", h.platform.markNames(r), []string{"VIP", "普通"})
	h.assign(r, []int64{ids["VIP"], ids["钻石"]}, []int64{ids["普通"]})
	h.quiet()
	wants(t, "there", h.platform.markNames(r), []string{"VIP", "钻石"})
	wants(t, "here", h.borne(r), []string{"VIP", "钻石"})
	h.assign(r, []int64{ids["VIP"]}, []int64{ids["普通"]}) // nothing new
	h.quiet()
	wants(t, "calls", h.platform.calls, []string{"mark", "mark"})
	h.read(r)
	if n := h.facts(); n != 2 {
		t.Errorf("got %d facts, want 2: the echo is no change", n)
	}
	if n := modeltest.Count[model.TagAssignment](t, h.db); n != 2 {
		t.Errorf("got %d rows, want 2", n)
	}
}

func TestWishesWinUntilTheyArePushed(t *testing.T) {
	h, r, ids := tagged(t)
	h.assign(r, []int64{ids["普通"]}, nil)
	h.quiet()
	h.assign(r, []int64{ids["VIP"]}, []int64{ids["普通"]})
	h.read(r) // the platform still shows 普通 alone
	wants(t, "here", h.borne(r), []string{"VIP"})
	h.quiet()
	h.read(r)
	wants(t, "here", h.borne(r), []string{"VIP"})
	wants(t, "there", h.platform.markNames(r), []string{"VIP"})
}

func TestOldReadingOfTagsChangesNothing(t *testing.T) {
	h, r, ids := tagged(t)
	h.assign(r, []int64{ids["普通"]}, nil)
	h.quiet()
	old := RelationTags{Relation: r, PlatformTagIDs: h.platform.marksOf(r), ReadAt: h.clock.Now()} // 普通
	h.clock.Advance(time.Second)
	h.assign(r, []int64{ids["VIP"]}, []int64{ids["普通"]})
	h.quiet()
	facts := h.facts()
	h.apply(old)
	wants(t, "here", h.borne(r), []string{"VIP"})
	if h.facts() != facts {
		t.Error("an old reading was recorded as a change")
	}
	h.clock.Advance(time.Second)
	h.read(r)
	wants(t, "here", h.borne(r), []string{"VIP"})
	// The staff member marks it again in the client.
	h.platform.MarkTags(t.Context(), "lisi", r.ExternalUserID, []string{h.platform.tagID("普通")}, nil)
	h.read(r)
	wants(t, "here", h.borne(r), []string{"VIP", "普通"})
	if n := h.facts() - facts; n != 1 {
		t.Errorf("got %d facts, want 1", n)
	}
}

func TestReadingsOfTagsInAnyOrder(t *testing.T) {
	h, _, _ := tagged(t)
	p := func(name string) string { return *h.tagNamed(name).PlatformID }
	readings := [][]string{{p("普通")}, {p("普通"), p("VIP")}, {p("VIP"), p("钻石")}, {p("钻石")}}
	for k, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {3, 0, 2, 1}} {
		r := h.relations[k]
		newest := time.Time{}
		for _, i := range order {
			at := noon.Add(time.Hour + time.Duration(i)*time.Second)
			if at.Before(newest) {
				continue // the customer capability hands on no reading older than the newest
			}
			newest = at
			h.apply(RelationTags{Relation: r, PlatformTagIDs: readings[i], ReadAt: at})
		}
		wants(t, "borne", h.borne(r), []string{"钻石"})
	}
}

func TestMarkFailures(t *testing.T) {
	tests := []struct {
		name    string
		err     error
		attempt int
		final   bool
	}{
		{"not a customer any more", refused(84061, wecom.ClassRelation), 1, true},
		{"no right", refused(60011, wecom.ClassPermission), 1, true},
		{"busy", refused(-1, wecom.ClassBusy), 1, false},
		{"rate", refused(45009, wecom.ClassRate), 1, false},
		{"in doubt", errDoubt, 1, false},
		{"busy for hours", refused(-1, wecom.ClassBusy), pushPolicy.MaxAttempts, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, r, ids := tagged(t)
			h.assign(r, []int64{ids["普通"]}, nil)
			h.quiet()
			h.assign(r, []int64{ids["VIP"]}, []int64{ids["普通"]})
			h.platform.fail = map[string][]error{"mark": {tt.err}}
			errs := h.work(tt.attempt)
			if (len(errs) == 0) != tt.final {
				t.Fatalf("got %v", errs)
			}
			if !tt.final {
				wants(t, "here", h.borne(r), []string{"VIP"})
				h.quiet()
				wants(t, "there", h.platform.markNames(r), []string{"VIP"})
				return
			}
			wants(t, "here", h.borne(r), []string{"普通"})
			if n := modeltest.Count[model.TagAssignment](t, h.db, "sync_error <> ''"); n != 2 {
				t.Errorf("%d assignments say why, want 2", n)
			}
			h.read(r)
			if n := modeltest.Count[model.TagAssignment](t, h.db, "sync_state = ?", Failed); n != 1 {
				t.Errorf("the failure is no longer shown")
			}
			h.assign(r, []int64{ids["VIP"]}, []int64{ids["普通"]}) // once more
			h.quiet()
			wants(t, "there", h.platform.markNames(r), []string{"VIP"})
		})
	}
}

func TestOneUnknownTagDoesNotKeepTheOthers(t *testing.T) {
	h, r, ids := tagged(t)
	h.platform.DeleteCorpTags(t.Context(), []string{h.platform.tagID("VIP")}, nil) // and no callback yet
	h.assign(r, []int64{ids["VIP"], ids["普通"]}, nil)
	h.quiet()
	wants(t, "there", h.platform.markNames(r), []string{"普通"})
	wants(t, "here", h.borne(r), []string{"普通"})
}

func TestMarkWaitsForItsTag(t *testing.T) {
	h := newHouse(t)
	r := h.relations[0]
	g := h.group("等级", "VIP")
	h.assign(r, []int64{g.Tags[0].ID}, nil)
	busy := refused(-1, wecom.ClassBusy)
	h.platform.fail = map[string][]error{"add": {busy, busy}}
	if errs := h.work(1); len(errs) == 0 {
		t.Fatal("nothing waits")
	}
	h.quiet()
	wants(t, "there", h.platform.markNames(r), []string{"VIP"})
}

func TestMarkOfATagThatCouldNotBeMade(t *testing.T) {
	h := newHouse(t)
	r := h.relations[0]
	g := h.group("等级", "VIP")
	h.assign(r, []int64{g.Tags[0].ID}, nil)
	limit := refused(40126, wecom.ClassBusiness)
	h.platform.fail = map[string][]error{"add": {limit, limit}}
	h.quiet()
	wants(t, "here", h.borne(r), []string{})
	wants(t, "dictionary", h.dictionary(), []string{"等级(failed): VIP(failed)"})
}

// TestWishChangesWhileItIsPushed takes a mark back while it is on its way.
func TestWishChangesWhileItIsPushed(t *testing.T) {
	h, r, ids := tagged(t)
	h.assign(r, []int64{ids["VIP"]}, nil)
	var once sync.Once
	h.platform.before = func(call string) {
		if call == "mark" {
			once.Do(func() { h.assign(r, nil, []int64{ids["VIP"]}) })
		}
	}
	h.quiet()
	wants(t, "there", h.platform.markNames(r), []string{})
	wants(t, "here", h.borne(r), []string{})
}

func TestAssignChecksWhatPeopleAskFor(t *testing.T) {
	h, r, ids := tagged(t)
	other := &model.Tag{AccountID: 99, GroupID: 1, Name: "别家的", SyncState: Synced}
	modeltest.Create(t, h.db, other)
	ctx := t.Context()
	for name, tt := range map[string]struct {
		in   AssignInput
		want error
	}{
		"nothing":         {AssignInput{RelationIDs: []int64{r.ID}}, ErrAssign},
		"nobody":          {AssignInput{Add: []int64{ids["VIP"]}}, ErrAssign},
		"both":            {AssignInput{[]int64{r.ID}, []int64{ids["VIP"]}, []int64{ids["VIP"]}}, ErrAssign},
		"unknown tag":     {AssignInput{[]int64{r.ID}, []int64{12345}, nil}, ErrNotFound},
		"another's tag":   {AssignInput{[]int64{r.ID}, []int64{other.ID}, nil}, ErrNotFound},
		"out of sight":    {AssignInput{[]int64{98765}, []int64{ids["VIP"]}, nil}, errOutOfSight},
		"too many at all": {AssignInput{[]int64{r.ID}, make([]int64, 51), nil}, ErrAssign},
	} {
		if err := h.Assign(ctx, boss, tt.in); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	if err := h.Assign(ctx, boss, AssignInput{[]int64{r.ID}, []int64{ids["VIP"]}, nil}); err != nil {
		t.Error(err)
	}
	wants(t, "here", h.borne(r), []string{"VIP"})
	h.assign(r, []int64{other.ID, 12345}, nil) // the house itself leaves out what isn't there
	wants(t, "here", h.borne(r), []string{"VIP"})
}

// TestManyAssignAtOnce has wishes and readings of one relation at the same time: rows stay single and
// nothing fails.
func TestManyAssignAtOnce(t *testing.T) {
	h, r, ids := tagged(t)
	shown := []string{*h.tagNamed("普通").PlatformID, *h.tagNamed("VIP").PlatformID}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			err := retry(func() error {
				return model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
					if i%2 == 0 {
						return h.ApplyAssignmentsTx(tx, h.acct, []RelationTags{{Relation: r, PlatformTagIDs: shown}}, event.SourceSync)
					}
					return h.AssignTx(tx, []*model.Relation{r}, []int64{ids["VIP"], ids["钻石"]}, nil, event.SourceConsole)
				})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := h.borne(r)
	if !slices.Contains(got, "VIP") || !slices.Contains(got, "钻石") {
		t.Errorf("got %v", got)
	}
}

// TestPageOfTagsTakesFewStatements holds the cost of a page of 100 relations with five tags each.
func TestPageOfTagsTakesFewStatements(t *testing.T) {
	h := newHouse(t)
	h.platform.admin("等级", "1", "2", "3", "4", "5")
	h.refreshAll()
	var page []RelationTags
	for i := range 100 {
		modeltest.Create(t, h.db, &model.Customer{ID: int64(1000 + i), FirstSeenAt: noon})
		r := &model.Relation{AccountID: h.acct.ID, StaffID: 1, CustomerID: int64(1000 + i), ExternalUserID: fmt.Sprintf("wmP%d", i), Status: "active", AddedAt: noon}
		modeltest.Create(t, h.db, r)
		page = append(page, RelationTags{Relation: r})
		for _, name := range []string{"1", "2", "3", "4", "5"} {
			page[i].PlatformTagIDs = append(page[i].PlatformTagIDs, h.platform.tagID(name))
		}
	}
	var n int
	count := func(*gorm.DB) { n++ }
	cb := h.db.Callback()
	for _, err := range []error{
		cb.Create().Before("gorm:create").Register("test:count", count), cb.Query().Before("gorm:query").Register("test:count", count),
		cb.Update().Before("gorm:update").Register("test:count", count), cb.Delete().Before("gorm:delete").Register("test:count", count),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{13, 9} { // new, unchanged; with the locks that SQLite does without
		n = 0
		h.apply(page...)
		if n > want {
			t.Errorf("took %d statements, want at most %d", n, want)
		}
	}
	if got := modeltest.Count[model.TagAssignment](t, h.db, "sync_state = ?", Synced); got != 500 {
		t.Errorf("got %d assignments, want 500", got)
	}
}

func retry(do func() error) (err error) {
	for range 20 {
		if err = do(); err == nil || !model.IsTransient(err) {
			return err
		}
	}
	return err
}
