package journey

import (
	"context"
	"fmt"
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/privacy"
)

// silence is what some customers want by staff, or at all.
type silence map[int64]string // by customer, the channel

func (s silence) WishesTx(*gorm.DB, []int64) (map[int64]*privacy.Wish, error) {
	out := map[int64]*privacy.Wish{}
	for id, channel := range s {
		out[id] = &privacy.Wish{Choices: map[string]string{channel: privacy.None}}
	}
	return out, nil
}

// TestNoTaskAboutWhoWantsNothing: staff are not asked to call those who want to hear nothing of them; it is noted, and the journey goes on. A
// task is no message: caps and quiet hours don't matter. A rehearsal says the same.
func TestNoTaskAboutWhoWantsNothing(t *testing.T) {
	h := newHouse(t, 4)
	arbiter := governor.New(governor.Deps{DB: h.db, Now: h.clock.Now, Zone: shanghai, Wishes: silence{1: "", 2: "task", 3: "inbox"}})
	rules := governor.Setting{Caps: []governor.Cap{{Window: governor.WindowDay, Most: 1}}, Quiet: []governor.Quiet{{From: 11 * 60, To: 13 * 60}}}
	now, err := arbiter.Setting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rules.Revision = now.Revision
	if _, err := arbiter.Save(t.Context(), rules, 70); err != nil {
		t.Fatal(err)
	}
	h.Governor = arbiter
	h.Forecast = func(ctx context.Context) (Forecast, error) { return arbiter.Forecast(ctx) }
	for c := range int64(4) {
		modeltest.Create(t, h.db, &model.Relation{AccountID: 1, StaffID: 71, CustomerID: c + 1, ExternalUserID: fmt.Sprint("wm", c), Status: "active", AddedAt: noon})
	}
	all := h.list(1, 2, 3, 4)
	row, err := h.Create(t.Context(), Input{Name: "回访", Definition: h.read(journey(fmt.Sprintf(`{"kind":"segment_entered","with":{"segment":"%d","whom":"now"}}`, all), "",
		`{"id":"call","step":"task","with":{"title":"回访"},"next":{"next":"again"}}`, `{"id":"again","step":"task","with":{"title":"再打"},"next":{"next":"end"}}`, theEnd))})
	if err != nil {
		t.Fatal(err)
	}
	r := h.rehearse(row.ID, Asked{From: noon, Days: 1})
	if r.Tasks != 4 || r.Lost["task"][governor.ReasonDoNotContact] != 4 || r.Nodes[0].Outcomes[Refused] != 2 {
		t.Errorf("rehearsed: %d tasks, lost %v, %+v", r.Tasks, r.Lost, r.Nodes)
	}
	if _, err := h.Activate(t.Context(), row.ID, 1, 0); err != nil {
		t.Fatal(err)
	}
	h.settle()
	if all, some := modeltest.Count[model.Task](t, h.db), modeltest.Count[model.Task](t, h.db, "customer_id IN ?", []int64{3, 4}); all != 4 || some != 4 {
		t.Errorf("%d tasks, %d of them about those who mind nothing", all, some)
	}
	for c := range int64(4) {
		h.wantState("all the same", row.ID, c+1, Ended, "end", ReasonCompleted)
	}
	funnel, err := h.Funnel(t.Context(), row.ID, 0)
	if err != nil || funnel.Nodes[0].Outcomes[Refused] != 2 || funnel.Nodes[0].Outcomes[Next] != 2 || funnel.Nodes[1].Arrived != 4 {
		t.Errorf("the funnel: %+v, %v", funnel, err)
	}
	if n := modeltest.Count[model.EnrolmentVisit](t, h.db, "node = 'call' AND outcome = ? AND enrolment_id = ?", Refused, h.of(row.ID, 2).ID); n != 1 {
		t.Error("it is not noted of the customer")
	}
	counts, err := arbiter.Refusals(t.Context(), day)
	if err != nil || len(counts) != 1 || counts[0].Times != 4 || counts[0].Reason != governor.ReasonDoNotContact || counts[0].Source != "journey" {
		t.Errorf("counted %+v, %v", counts, err)
	}
}
