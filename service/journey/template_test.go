package journey

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/coupon"
	"zhiyin/service/segment"
)

// TestTemplatesWork fills in what each template leaves open, and finds that it can be used, that it does something in a
// rehearsal, and that nobody is stuck.
func TestTemplatesWork(t *testing.T) {
	h := newHouse(t, 40)
	all := make([]int64, 40)
	for c := range int64(40) {
		all[c] = c + 1
		h.db.Model(&model.Customer{}).Where("id = ?", c+1).Update("birth_md", 1126)
	}
	silent := h.list(all...)
	modeltest.Create(t, h.db, &model.Coupon{BatchID: 1, CustomerID: 1, ClaimerID: 1, Number: 1, State: coupon.Usable, ValidFrom: noon, ValidUntil: noon.Add(4 * day), Source: "claim", CreatedAt: noon, MovedAt: noon})
	list, err := h.Templates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 10 {
		t.Errorf("%d templates", len(list))
	}
	for _, tm := range list {
		t.Run(tm.Name, func(t *testing.T) {
			for _, p := range tm.Open {
				if !strings.HasSuffix(p.Place, ".message") && !strings.HasSuffix(p.Place, ".segment") {
					t.Errorf("%s is wrong: %s", p.Place, p.En)
				}
			}
			d := tm.Plan
			if d.Trigger.Kind == "segment_entered" {
				d.Trigger.With["segment"] = silent
			}
			for _, n := range d.Nodes {
				if n.Step == "message" {
					n.With["message"] = int64(1)
				}
			}
			d = h.read(string(d.Encode(segment.RowIDs)))
			if problems, err := h.Check(t.Context(), d); err != nil || len(problems) > 0 {
				t.Fatalf("filled in: %v, %v", problems, err)
			}
			asked := Asked{From: noon, Days: 60}
			if d.Trigger.of.due == nil && d.Trigger.of.now == nil {
				asked.SegmentID = silent
			}
			row, err := h.Create(t.Context(), Input{Name: tm.Zh, Definition: d})
			if err != nil {
				t.Fatal(err)
			}
			r := h.rehearse(row.ID, asked)
			did := r.Tasks
			for _, day := range r.Days {
				for _, n := range day.Sent {
					did += n
				}
			}
			if r.Entered == 0 || did == 0 && tm.Name != "birthday" || r.Stuck > 0 {
				t.Errorf("%d entered, %d messages and tasks, %d stuck", r.Entered, did, r.Stuck)
			}
			arrived := map[string]bool{}
			for _, n := range r.Nodes {
				arrived[n.ID] = n.Arrived > 0
			}
			if !arrived[d.Start] {
				t.Errorf("nobody began; got to %s", fmt.Sprint(slices.Sorted(maps.Keys(arrived))))
			}
		})
	}
}
