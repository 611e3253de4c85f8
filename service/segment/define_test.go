package segment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

func decodeJSON(t testing.TB, raw string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(raw), into); err != nil {
		t.Fatal(err)
	}
}

const ofTag1 = `{"field":"tag","op":"any","values":["1"]}`

func TestADefinitionHasVersions(t *testing.T) {
	h := newHouse(t, 1, 30)
	ctx := t.Context()
	id := h.segment(ofTag1)
	next := Definition{Name: "乙", Rule: h.rule(`{"field":"tag","op":"any","values":["2"]}`), By: 2}
	row, err := h.Update(ctx, id, 1, next)
	if err != nil || row.Version != 2 || row.BuiltVersion != 1 {
		t.Fatalf("%+v %v", row, err)
	}
	if _, err := h.Update(ctx, id, 1, next); !errors.Is(err, ErrChanged) {
		t.Errorf("an old version: got %v", err)
	}
	// A further change cancels the build that waits.
	next.Minors = true
	if _, err := h.Update(ctx, id, 2, next); err != nil {
		t.Fatal(err)
	}
	h.runBuilds()
	builds, err := h.Builds(ctx, id, 0, 0)
	if err != nil || len(builds) != 3 || builds[0].Status != buildDone || builds[0].Version != 3 || builds[1].Status != buildCancelled {
		t.Fatalf("%+v %v", builds, err)
	}
	// A new name alone needs no build.
	next.Name = "丙"
	if row, err = h.Update(ctx, id, 3, next); err != nil || row.BuiltVersion != row.Version {
		t.Errorf("%+v %v", row, err)
	}
	if b, err := h.Building(ctx, id); b != nil || err != nil {
		t.Errorf("%+v %v", b, err)
	}
	versions, err := h.Versions(ctx, id)
	if err != nil || len(versions) != 3 || versions[0].Version != 3 || versions[2].ChangedBy != 1 {
		t.Errorf("%+v %v", versions, err)
	}
	for _, bad := range []string{"", "   ", strings.Repeat("长", 65), "a\x00b"} {
		if _, err := h.Create(ctx, Definition{Name: bad}); !errors.Is(err, ErrName) {
			t.Errorf("name %q: got %v", bad, err)
		}
	}
	if !slices.Equal(h.members(id), h.fit(id)) {
		t.Errorf("got %v, want %v", h.members(id), h.fit(id))
	}
	h.consistent(id)
}

func TestSegmentsDontGoRoundInCircles(t *testing.T) {
	h := newHouse(t, 1, 30)
	ctx := t.Context()
	in := func(id int64) *Rule {
		return h.rule(fmt.Sprintf(`{"not":{"field":"segment","op":"none","values":["%d"]}}`, id))
	}
	a := h.segment(ofTag1)
	b, err := h.Create(ctx, Definition{Name: "b", Rule: in(a)})
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.Create(ctx, Definition{Name: "c", Rule: in(b.ID)})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Rule{in(a), in(b.ID), in(c.ID)} {
		if _, err := h.Update(ctx, a, 1, Definition{Name: "a", Rule: r}); !errors.Is(err, ErrCycle) {
			t.Errorf("%s: got %v", r.Encode(rowIDs{}), err)
		}
	}
	if _, err := h.Create(ctx, Definition{Name: "d", Rule: in(999)}); !errors.Is(err, ErrReference) {
		t.Errorf("got %v", err)
	}
	if err := h.Delete(ctx, b.ID); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
	if err := h.Delete(ctx, c.ID); err != nil {
		t.Error(err)
	}
	if err := h.Delete(ctx, b.ID); err != nil {
		t.Error(err)
	}
	if _, _, err := h.Get(ctx, b.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	h.runBuilds() // of what is gone: nothing happens
}

func given(ids ...int64) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		for _, id := range ids {
			if !yield(id, nil) {
				return
			}
		}
	}
}

func TestAListIsWhatWasUploaded(t *testing.T) {
	h := newHouse(t, 1, 40)
	ctx := t.Context()
	if err := h.db.Model(&model.Customer{}).Where("id > 0").Updates(map[string]any{"merged_into": 0, "minor": false}).Error; err != nil {
		t.Fatal(err)
	}
	if err := h.db.Model(&model.Customer{}).Where("id = 7").Update("merged_into", 8).Error; err != nil {
		t.Fatal(err)
	}
	list, err := h.Create(ctx, Definition{Name: "名单"})
	if err != nil || list.Kind != List {
		t.Fatal(list, err)
	}
	steps := []struct {
		keep bool
		ids  []int64
		want []int64
		told Listed
	}{
		{false, []int64{5, 3, 3, 7, 999}, []int64{3, 5, 8}, Listed{Named: 3, Unknown: 1, Entered: 3}},
		{false, []int64{3, 4}, []int64{3, 4}, Listed{Named: 2, Entered: 1, Left: 2}},
		{true, []int64{5}, []int64{3, 4, 5}, Listed{Named: 1, Entered: 1}},
		{false, nil, nil, Listed{Left: 3}},
	}
	for i, s := range steps {
		got, err := h.SetList(ctx, list.ID, s.keep, given(s.ids...))
		if err != nil || *got != s.told || !slices.Equal(h.members(list.ID), s.want) {
			t.Errorf("step %d: got %+v %v %v, want %+v %v", i, got, h.members(list.ID), err, s.told, s.want)
		}
		h.consistent(list.ID)
	}
	broken := errors.New("broken off")
	_, err = h.SetList(ctx, list.ID, false, func(yield func(int64, error) bool) { _ = yield(1, nil) && yield(0, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if _, err := h.SetList(ctx, h.segment(ofTag1), false, given(1)); !errors.Is(err, ErrKind) {
		t.Errorf("got %v", err)
	}
}

// TestListsAreAddedTo: an import adds to lists by their names; who is in one is told of once.
func TestListsAreAddedTo(t *testing.T) {
	h := newHouse(t, 1, 40)
	ctx := t.Context()
	if err := h.db.Model(&model.Customer{}).Where("id > 0").Updates(map[string]any{"merged_into": 0, "minor": false}).Error; err != nil {
		t.Fatal(err)
	}
	if err := h.db.Model(&model.Customer{}).Where("id = 7").Update("merged_into", 8).Error; err != nil {
		t.Fatal(err)
	}
	list, err := h.Create(ctx, Definition{Name: "名单"})
	if err != nil {
		t.Fatal(err)
	}
	add := func(id int64, customers ...int64) (entered []int64, err error) {
		err = model.InTx(ctx, h.db, func(tx *gorm.DB) error {
			entered, err = h.AddToListTx(tx, id, customers)
			return err
		})
		return entered, err
	}
	if got, err := add(list.ID, 5, 3, 7, 999); err != nil || !slices.Equal(got, []int64{3, 5, 8}) {
		t.Errorf("got %v %v", got, err)
	}
	if got, err := add(list.ID, 5, 4); err != nil || !slices.Equal(got, []int64{4}) || !slices.Equal(h.members(list.ID), []int64{3, 4, 5, 8}) {
		t.Errorf("got %v %v %v", got, h.members(list.ID), err)
	}
	h.consistent(list.ID)
	// An upload that replaces the list keeps those who are added while it goes on, in it before or not.
	_, err = h.SetList(ctx, list.ID, false, func(yield func(int64, error) bool) {
		if _, err := add(list.ID, 3, 6); err != nil {
			t.Error(err)
		}
		yield(9, nil)
	})
	if err != nil || !slices.Equal(h.members(list.ID), []int64{3, 6, 9}) {
		t.Errorf("got %v %v", h.members(list.ID), err)
	}
	h.consistent(list.ID)
	if _, err := add(h.segment(ofTag1), 1); !errors.Is(err, ErrKind) {
		t.Errorf("got %v", err)
	}
	names, err := h.ListNames(h.db)
	if err != nil || !slices.Equal(names["名单"], []int64{list.ID}) || len(names) != 1 {
		t.Errorf("got %v %v", names, err)
	}
}

// TestWhoNamesAListSeesWhoIsNamed: whom somebody may not see they can't put into a list.
func TestWhoNamesAListSeesWhoIsNamed(t *testing.T) {
	h := newHouse(t, 1, 40)
	ctx := t.Context()
	if err := h.db.Model(&model.Customer{}).Where("id > 0").Updates(map[string]any{"merged_into": 0}).Error; err != nil {
		t.Fatal(err)
	}
	list, err := h.Create(ctx, Definition{Name: "名单"})
	if err != nil {
		t.Fatal(err)
	}
	v := &staff.Viewer{StaffID: 1}
	var all []int64
	for id := range int64(40) {
		all = append(all, id+1)
	}
	people, err := h.People(ctx, v, all)
	if err != nil || len(people) == 0 || len(people) == len(all) {
		t.Fatalf("%d of %d are seen, %v", len(people), len(all), err)
	}
	got, err := h.NameList(ctx, v, list.ID, false, append(all, 1, 2))
	if err != nil || got.Entered != int64(len(people)) || got.Unknown != int64(len(all)-len(people)) || len(h.members(list.ID)) != len(people) {
		t.Errorf("got %+v %v %v, %d are seen", got, h.members(list.ID), err, len(people))
	}
}

func TestAFrozenSegmentStays(t *testing.T) {
	h := newHouse(t, 5, 100)
	ctx := t.Context()
	id := h.segment(ofTag1)
	want := h.members(id)
	h.clock.Advance(time.Second)
	frozen, err := h.Freeze(ctx, id, Definition{Name: "快照", By: 1})
	if err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(time.Second)
	gone := want[0]
	if err := h.db.Where("customer_id = ?", gone).Delete(&model.CustomerTag{}).Error; err != nil {
		t.Fatal(err)
	}
	err = model.InTx(ctx, h.db, func(tx *gorm.DB) error {
		return h.OnEvents(tx, []model.Event{{Kind: event.KindTagChanged, CustomerID: gone}})
	})
	if err != nil || len(h.members(id)) != len(want)-1 {
		t.Fatal(err, h.members(id))
	}
	h.runBuilds() // copies now what was then
	if got := h.members(frozen.ID); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	row, _, err := h.Get(ctx, frozen.ID)
	if err != nil || row.Members != int64(len(want)) || row.BuiltVersion != 1 || row.Kind != Frozen {
		t.Errorf("%+v %v", row, err)
	}
	if _, err := h.Rebuild(ctx, frozen.ID, 1); !errors.Is(err, ErrKind) {
		t.Errorf("got %v", err)
	}
	if n := h.told(event.KindSegmentEntered); n != int64(len(want)) {
		t.Errorf("%d facts of entering", n)
	}
	got, err := h.Contains(ctx, frozen.ID, want[1], want[0], 99999)
	if err != nil || !slices.Equal(got, want[:2]) {
		t.Errorf("got %v %v", got, err)
	}
}

func TestTheMergedLeaveAndTheRemainingEnter(t *testing.T) {
	h := newHouse(t, 6, 30)
	ctx := t.Context()
	if err := h.db.Model(&model.Customer{}).Where("id > 0").Updates(map[string]any{"merged_into": 0, "minor": false}).Error; err != nil {
		t.Fatal(err)
	}
	all := h.segment(`{"all":[]}`)
	list, err := h.Create(ctx, Definition{Name: "名单"})
	if err == nil {
		_, err = h.SetList(ctx, list.ID, false, given(4, 9))
	}
	if err == nil {
		err = h.db.Model(&model.Customer{}).Where("id = 4").Update("merged_into", 5).Error
	}
	if err == nil {
		err = model.InTx(ctx, h.db, func(tx *gorm.DB) error {
			return h.OnEvents(tx, []model.Event{{Kind: "customer.merged", CustomerID: 5, Payload: `{"customer_id":5,"other_id":4}`}})
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := h.members(all); len(got) != 29 || slices.Contains(got, 4) {
		t.Errorf("got %v", got)
	}
	if got := h.members(list.ID); !slices.Equal(got, []int64{5, 9}) {
		t.Errorf("got %v", got)
	}
	h.consistent(all)
	h.consistent(list.ID)
}

// TestP14_MinorsAreLeftOut unless the segment says otherwise.
func TestP14_MinorsAreLeftOut(t *testing.T) {
	h := newHouse(t, 7, 60)
	if err := h.db.Model(&model.Customer{}).Where("id <= 5").Updates(map[string]any{"minor": true, "merged_into": 0}).Error; err != nil {
		t.Fatal(err)
	}
	for _, minors := range []bool{false, true} {
		row, err := h.Create(t.Context(), Definition{Name: "x", Rule: h.rule(`{"all":[]}`), Minors: minors})
		if err != nil {
			t.Fatal(err)
		}
		h.runBuilds()
		if got := slices.Contains(h.members(row.ID), 3); got != minors {
			t.Errorf("minors %v: the child is in: %v", minors, got)
		}
		est, err := h.Estimate(t.Context(), "", h.rule(`{"all":[]}`), minors)
		if err != nil || est.Count != int64(len(h.members(row.ID))) || !est.Exact {
			t.Errorf("%+v %v", est, err)
		}
	}
}

func TestAnEstimateGivesWayToANewerOne(t *testing.T) {
	h := newHouse(t, 8, 2000)
	ctx := t.Context()
	r := h.rule(`{"any":[{"field":"tag","op":"any","values":["1"]},{"field":"gender","op":"is","values":["male"]}]}`)
	want, err := h.Estimate(ctx, "s", r, false)
	if err != nil || !want.Exact || want.Count < 500 {
		t.Fatal(want, err)
	}
	// With no time to count there is a sample, which says so and is near.
	h.EstimateTime = time.Nanosecond
	got, err := h.Estimate(ctx, "s", r, false)
	if err != nil || got.Exact || got.Sampled < 1000 || got.Count < want.Count-want.Count/4 || got.Count > want.Count+want.Count/4 || got.Within == 0 {
		t.Errorf("got %+v %v, want about %d", got, err, want.Count)
	}
	first, end := h.sessions.begin(ctx, "t")
	defer end()
	if _, err := h.Estimate(ctx, "t", r, false); err != nil {
		t.Error(err)
	}
	if !errors.Is(context.Cause(first), ErrOvertaken) {
		t.Errorf("the older estimate goes on: %v", context.Cause(first))
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := h.Estimate(gone, "t", r, false); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(h.sessions.ends) != 1 { // first's own, which has not ended yet, was replaced and taken away
		end()
	}
}

func TestDiffBeforeSaving(t *testing.T) {
	h := newHouse(t, 9, 100)
	id := h.segment(ofTag1)
	next := h.rule(`{"field":"tag","op":"any","values":["2"]}`)
	d, err := h.Diff(t.Context(), id, next, false)
	if err != nil {
		t.Fatal(err)
	}
	before := h.members(id)
	if _, err := h.Update(t.Context(), id, 1, Definition{Name: "x", Rule: next}); err != nil {
		t.Fatal(err)
	}
	h.runBuilds()
	c := diff(h.members(id), before)
	if d.Enter != int64(len(c.enter)) || d.Leave != int64(len(c.leave)) || d.Stay != int64(len(before)-len(c.leave)) ||
		!slices.Equal(d.Entering, c.enter[:min(diffSample, len(c.enter))]) || !slices.Equal(d.Leaving, c.leave[:min(diffSample, len(c.leave))]) {
		t.Errorf("got %+v, then %+v", d, c)
	}
}

// TestWhy holds every node's verdict against the oracle.
func TestWhy(t *testing.T) {
	h := newHouse(t, 10, 40)
	g := randomRule{Rand: h.rnd}
	id := h.segment(ofTag1)
	h.world.members = nil
	if err := h.db.Find(&h.world.members).Error; err != nil {
		t.Fatal(err)
	}
	for range 60 {
		g.left = 12
		r := decoded(t, g.node(5), vocabularyOf(h.world))
		c := pick(h.rnd, h.customers)
		why, err := h.Explain(t.Context(), boss, id, r, c.ID)
		if err != nil {
			t.Fatalf("%s: %v", r.Encode(rowIDs{}), err)
		}
		o := oracle{h.world, noon, false}
		if why.Fits != o.fits(r, c) {
			t.Fatalf("customer %d, %s: %+v", c.ID, r.Encode(rowIDs{}), why)
		}
		var each func(v *Verdict)
		each = func(v *Verdict) {
			if v.Condition != nil && v.Holds != o.leaf(v.Condition, c) {
				t.Fatalf("customer %d: %+v", c.ID, v)
			}
			for i := range v.Parts {
				each(&v.Parts[i])
			}
		}
		each(&why.Tree)
	}
	c := h.customers[2]
	for raw, want := range map[string]any{
		`{"field":"city","op":"is","values":["上海"]}`:                  c.City,
		`{"field":"gender","op":"is","values":["male"]}`:              []string{"unknown", "male", "female"}[c.Gender],
		`{"field":"first_seen","op":"in","window":{"last_days":3}}`:   c.FirstSeenAt,
		`{"field":"share.x","op":"between","values":[0,10]}`:          ShareOf("x", c.ID),
		`{"field":"order.count","op":"at_least","values":[1]}`:        nil,
		`{"field":"order.last","op":"in","window":{"last_days":300}}`: nil,
	} {
		why, err := h.Explain(t.Context(), boss, id, h.rule(raw), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if want != nil && fmt.Sprint(why.Tree.Seen) != fmt.Sprint([]any{want}) {
			t.Errorf("%s: seen %v, want %v", raw, why.Tree.Seen, want)
		}
	}
	if _, err := h.Explain(t.Context(), &staff.Viewer{StaffID: 77}, id, nil, c.ID); !errors.Is(err, ErrCustomer) {
		t.Errorf("somebody out of sight: got %v", err)
	}
}

func TestMembersByPage(t *testing.T) {
	h := newHouse(t, 11, 80)
	id := h.segment(ofTag1)
	var got []int64
	for after := int64(0); ; {
		page, err := h.Members(t.Context(), boss, id, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range page {
			got = append(got, m.CustomerID)
			if m.Stay != 1 || m.EnteredAt.IsZero() {
				t.Errorf("%+v", m)
			}
		}
		if len(page) < 7 {
			break
		}
		after = page[6].CustomerID
	}
	if !slices.Equal(got, h.members(id)) {
		t.Errorf("got %v, want %v", got, h.members(id))
	}
	some, err := h.Members(t.Context(), &staff.Viewer{StaffID: 2}, id, 0, 0)
	if err != nil || len(some) == 0 || len(some) >= len(got) {
		t.Errorf("one staff member sees %d of %d: %v", len(some), len(got), err)
	}
	sizes, err := h.Sizes(t.Context(), id, "2026-11-01", "2026-11-30")
	if err != nil || len(sizes) != 1 || sizes[0].Members != int64(len(got)) || sizes[0].Entered != int64(len(got)) {
		t.Errorf("%+v %v", sizes, err)
	}
}

// TestARuleWhoseWordsAreGone fails its build with a sentence and keeps nothing else from going on.
func TestARuleWhoseWordsAreGone(t *testing.T) {
	h := newHouse(t, 12, 40)
	id := h.segment(`{"field":"custom.text","op":"filled"}`)
	other := h.segment(ofTag1)
	if err := h.db.Model(&model.CustomField{}).Where("name = ?", "text").Update("gone_at", noon).Error; err != nil {
		t.Fatal(err)
	}
	h.Service = h.replica(h.db) // begins with an empty memory
	if err := h.RebuildAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.runBuilds()
	row, r, err := h.Get(t.Context(), id)
	if err != nil || r != nil || !strings.Contains(row.Error, "segment.bad_rule") {
		t.Errorf("%+v %v %v", row, r, err)
	}
	if n := modeltest.Count[model.SegmentBuild](t, h.db, "segment_id = ? AND status = ?", other, buildDone); n != 2 {
		t.Errorf("the other segment has %d builds", n)
	}
	err = model.InTx(t.Context(), h.db, func(tx *gorm.DB) error {
		return h.OnEvents(tx, []model.Event{{Kind: event.KindCustomerAdded, CustomerID: 3}})
	})
	if err == nil {
		err = h.Tick(t.Context())
	}
	if err != nil {
		t.Error(err)
	}
}

// TestFairness: a build that finds the places taken waits in the queue, not in a worker.
func TestFairness(t *testing.T) {
	h := newHouse(t, 13, 30)
	h.building <- struct{}{}
	if err := h.build(t.Context(), &work.Lease{Attempt: 1}, buildWork{1}); err == nil || errors.Is(err, errBuildOver) {
		t.Errorf("got %v, want a snooze", err)
	}
}
