package outreach

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestDueFromASpot: from wherever one goes on, every due delivery is found once, in the order in which they are due.
func TestDueFromASpot(t *testing.T) {
	tx, now := modeltest.Tx(t), time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	lane := model.DeliveryLane{ID: 1 << 40, Source: "campaign", SourceID: 7, Step: "1/A"}
	var want []int64
	add := func(n int, due time.Time) (ids []int64) {
		for range n {
			d := &model.Delivery{
				Source: "campaign", SourceID: 1 << 40, CustomerID: int64(len(want) + len(ids) + 1), Occurrence: fmt.Sprint(due.Unix()), LaneID: lane.ID,
				Shelf: shelfPlanned, State: int8(Planned), DueAt: due, CreatedAt: now, UpdatedAt: now,
			}
			modeltest.Create(t, tx, d)
			ids = append(ids, d.ID)
		}
		return ids
	}
	late := add(3, now)
	want = append(want, late...)
	early := add(5, now.Add(-time.Hour))
	want = append(early, late...)
	add(2, now.Add(time.Millisecond))
	for n := 1; n <= len(want)+1; n++ {
		var got []int64
		for from, more := (spot{}), true; more; {
			rows, err := dueInLane(tx, &lane, now, from, n)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				if r.Source != "campaign" || r.Step != "1/A" || r.LaneID != lane.ID || r.ExpiresAt != nil {
					t.Fatalf("read %+v", r)
				}
				got = append(got, r.ID)
			}
			if more = len(rows) == n; more {
				from = spot{rows[n-1].DueAt, rows[n-1].ID}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %d: %v, want %v", n, got, want)
		}
	}
}
