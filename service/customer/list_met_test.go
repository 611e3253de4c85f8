package customer

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestListByWhoMetThem walks the pages of random scopes and filters and holds them against all relations, one by one:
// everybody who is to be seen stands there once, where the staff in scope met them last.
func TestListByWhoMetThem(t *testing.T) {
	h := newHouse(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	const staffs, customers = mostStreams + 5, 80
	var relations []*model.Relation
	var people []*model.Customer
	for id := int64(1); id <= customers; id++ {
		c := &model.Customer{ID: id, Name: fmt.Sprintf("客户%d", rnd.IntN(3)), FirstSeenAt: at(rnd.IntN(40)), CreatedAt: noon, UpdatedAt: noon}
		if rnd.IntN(10) == 0 && id > 1 {
			c.MergedInto = 1
		}
		people = append(people, c)
		for range rnd.IntN(5) {
			relations = append(relations, &model.Relation{AccountID: 1, StaffID: int64(1000 + rnd.IntN(staffs)), CustomerID: id, ExternalUserID: fmt.Sprint(len(relations)),
				Status: []string{StatusActive, StatusHalf, StatusLeft, StatusRemoved}[rnd.IntN(4)], AddedAt: at(rnd.IntN(20)), ChannelCodeID: int64(rnd.IntN(2)),
				RemarkState: "synced", DescriptionState: "synced", Fingerprint: []byte{}, CreatedAt: noon, UpdatedAt: noon})
		}
	}
	modeltest.Create(t, h.db, &people, &relations)
	for range 25 {
		var sc scope
		for range []int{1, 1, 3, mostStreams + 3}[rnd.IntN(4)] {
			sc.staffIDs = append(sc.staffIDs, int64(1000+rnd.IntN(staffs)))
		}
		sc.staffIDs = slices.Compact(slices.Sorted(slices.Values(sc.staffIDs)))
		f := Filter{Limit: 3 + rnd.IntN(20)}
		switch rnd.IntN(6) {
		case 0:
			f.Status = StatusHalf
		case 1:
			f.StaffIDs = []int64{1001, 1002, sc.staffIDs[0]}
		case 2:
			f.ChannelCodeID, f.NamePrefix = 1, "客户1"
		case 3:
			f.AddedFrom, f.AddedTo = at(5), at(15)
		}
		got, want := h.walk(sc, f), metBy(people, relations, sc, f)
		if !slices.Equal(got, want) {
			t.Fatalf("scope %v, %+v\ngot  %v\nwant %v", sc.staffIDs, f, got, want)
		}
	}
}

// walk reads page after page.
func (h *house) walk(sc scope, f Filter) (ids []int64) {
	var place cursor
	for range 200 {
		rows, err := listCustomers(h.db, sc, f, place, noon)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, r := range rows[:min(len(rows), f.Limit)] {
			ids = append(ids, r.ID)
		}
		if len(rows) <= f.Limit {
			return ids
		}
		place = rows[f.Limit-1].place
	}
	h.t.Fatal("the pages have no end")
	return nil
}

func metBy(people []*model.Customer, relations []*model.Relation, sc scope, f Filter) (ids []int64) {
	last := map[int64]*model.Relation{}
	before := func(a, b *model.Relation) int { return cmp.Or(b.AddedAt.Compare(a.AddedAt), cmp.Compare(b.ID, a.ID)) }
	for _, r := range relations {
		c := people[r.CustomerID-1]
		fits := slices.Contains(sc.staffIDs, r.StaffID) && r.Status != StatusRemoved && c.MergedInto == 0 && (f.Status == "" || f.Status == r.Status) &&
			(f.StaffIDs == nil || slices.Contains(f.StaffIDs, r.StaffID)) && (f.ChannelCodeID == 0 || f.ChannelCodeID == r.ChannelCodeID) &&
			(f.NamePrefix == "" || c.Name == f.NamePrefix) && inside(r.AddedAt, f.AddedFrom, f.AddedTo)
		if fits && (last[c.ID] == nil || before(r, last[c.ID]) < 0) {
			last[c.ID] = r
		}
	}
	var rows []*model.Relation
	for _, r := range last {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, before)
	for _, r := range rows {
		ids = append(ids, r.CustomerID)
	}
	return ids
}

func inside(t, from, to time.Time) bool {
	return from.IsZero() || !t.Before(from) && t.Before(to)
}
