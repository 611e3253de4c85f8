package outreach

import (
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/work"
)

// does has a customer do something at a time.
func (r *rig) does(customer int64, kind string, at time.Time) {
	r.Helper()
	key := [16]byte{byte(customer), byte(at.Unix()), byte(at.Unix() >> 8), byte(len(kind)), kind[len(kind)-1], 9}
	modeltest.Create(r, r.db, &model.Event{Kind: kind, CustomerID: customer, DedupeKey: key[:], Payload: "{}", OccurredAt: at.UTC(), RecordedAt: at.UTC()})
}

// stateOf is the state of a customer's delivery of a step.
func (r *rig) stateOf(customer int64, step string) State {
	r.Helper()
	var d model.Delivery
	if err := r.db.Where("customer_id = ? AND step = ?", customer, step).Take(&d).Error; err != nil {
		r.Fatal(err)
	}
	return State(d.State)
}

// TestConvert: what a customer does after their message has left and within the window converts it, once and for good, whatever else is told
// of it and in whatever order; the counts by state equal the rows all the while.
func TestConvert(t *testing.T) {
	r := newRig(t, Description{Batch: 50})
	start := r.clock().Truncate(time.Millisecond) // as rows keep times
	s := r.service(func(d *Deps) {
		d.Events = event.New(work.New(r.db, clock.Clock(r.clock)), r.clock, event.Options{DB: r.db, Zone: time.UTC})
	})
	r.plan(s, Intent{Step: "1/A", Occurrence: "1"}, 1, 11)
	r.drain(s)
	r.plan(s, Intent{Step: "1/A", Occurrence: "1", DueAt: r.clock().Add(240 * time.Hour)}, 11, 12) // has not left
	r.plan(s, Intent{Step: "2/A", Occurrence: "2", DueAt: r.clock().Add(240 * time.Hour)}, 1, 2)   // another run
	if _, err := s.Report(t.Context(), []Report{{ID: r.idOf(5), State: Failed, At: r.clock()}, {ID: r.idOf(6), State: Clicked, At: r.clock()}}); err != nil {
		t.Fatal(err)
	}
	goal := Goal{Source: SourceCampaign, SourceID: 1, Steps: []string{"1/A"}, Occurrence: "1", Kind: "order.paid", From: start.Add(-time.Hour), Until: start.Add(48 * time.Hour)}
	convert := func(want int) {
		t.Helper()
		n, err := s.Convert(t.Context(), goal)
		if err != nil || n != want {
			t.Fatalf("%d converted, %v; want %d", n, err, want)
		}
		r.sums()
	}
	later := start.Add(time.Hour)
	r.does(1, "order.paid", later.Add(time.Minute))
	r.does(1, "order.paid", later)                        // the first counts
	r.does(2, "order.paid", start.Add(-time.Minute))      // before it left
	r.does(3, "order.paid", start.Add(48*time.Hour))      // the window is over
	r.does(4, "cart.added", later)                        // something else
	r.does(5, "order.paid", later)                        // never had it
	r.does(6, "order.paid", later)                        // clicked, then bought
	r.does(11, "order.paid", later)                       // has not left
	r.does(1, "order.refunded", later.Add(2*time.Minute)) // takes nothing back
	convert(2)
	convert(0)
	r.does(7, "order.paid", later.Add(-time.Minute)) // recorded after those that came after it
	convert(1)
	// Whatever is told afterwards does not take it back.
	if _, err := s.Report(t.Context(), []Report{{ID: r.idOf(1), State: Read, At: later}, {ID: r.idOf(7), State: Failed, At: later}}); err != nil {
		t.Fatal(err)
	}
	r.sums()
	want := map[int64]State{1: Converted, 2: Accepted, 3: Accepted, 4: Accepted, 5: Failed, 6: Converted, 7: Converted, 11: Planned}
	for customer, state := range want {
		if got := r.stateOf(customer, "1/A"); got != state {
			t.Errorf("customer %d: %v, want %v", customer, got, state)
		}
	}
	var d model.Delivery
	if err := r.db.Where("id = ?", r.idOf(1)).Take(&d).Error; err != nil || d.ConvertedAt == nil || !d.ConvertedAt.Equal(later.UTC().Truncate(time.Millisecond)) {
		t.Errorf("converted at %v, %v; want %v", d.ConvertedAt, err, later)
	}
	if n := modeltest.Count[model.Event](t, r.db, "kind = ?", event.KindMessageConverted); n != 3 {
		t.Errorf("%d facts, want 3", n)
	}
}

// idOf is the first delivery of a customer.
func (r *rig) idOf(customer int64) int64 {
	r.Helper()
	var d model.Delivery
	if err := r.db.Where("customer_id = ?", customer).Order("id").Take(&d).Error; err != nil {
		r.Fatal(err)
	}
	return d.ID
}

// TestConvertWaitsUntilSent: what staff have yet to confirm can't be the reason for anything.
func TestConvertWaitsUntilSent(t *testing.T) {
	r := newRig(t, Description{Batch: 50, Reports: []State{Sent}})
	s := r.service()
	r.plan(s, Intent{Step: "1/A", Occurrence: "1"}, 1, 2)
	r.drain(s)
	goal := Goal{Source: SourceCampaign, SourceID: 1, Steps: []string{"1/A"}, Occurrence: "1", Kind: "order.paid", From: r.clock().Add(-time.Hour), Until: r.clock().Add(time.Hour)}
	r.does(1, "order.paid", r.clock().Add(time.Minute))
	for _, want := range []int{0, 1} {
		if n, err := s.Convert(t.Context(), goal); err != nil || n != want {
			t.Errorf("%d converted, %v; want %d", n, err, want)
		}
		if _, err := s.Report(t.Context(), []Report{{ID: r.idOf(1), State: Sent, At: r.clock()}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestConvertTx: of several messages of one enrolment the last that had left converts, and those of others stay.
func TestConvertTx(t *testing.T) {
	r := newRig(t, Description{Batch: 50})
	s := r.service()
	in := Intent{Source: SourceJourney, SourceID: 4}
	for i, step := range []string{"first", "second", "third"} {
		in.Step, in.Occurrence = step, "12."+string(rune('1'+i))
		r.plan(s, in, 1, 2)
		r.drain(s)
		r.move(time.Hour)
	}
	in.Step, in.Occurrence = "other", "1.3" // another enrolment, whose number begins alike
	r.plan(s, in, 1, 2)
	r.drain(s)
	reach := func(at time.Time) (n int) {
		t.Helper()
		err := model.InTx(t.Context(), r.db, func(tx *gorm.DB) (err error) {
			n, err = s.ConvertTx(tx, SourceJourney, 4, []Reached{{CustomerID: 1, Occurrences: "12.", At: at}, {CustomerID: 2, Occurrences: "13.", At: at}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	end := r.clock()
	if n := reach(end.Add(-150 * time.Minute)); n != 1 { // after the first, before the second
		t.Errorf("%d converted, want 1", n)
	}
	if n := reach(end.Add(-4 * time.Hour)); n != 0 {
		t.Errorf("%d converted before any had left", n)
	}
	if n := reach(end); n != 1 {
		t.Errorf("%d converted, want 1", n)
	}
	if n := reach(end); n != 0 {
		t.Errorf("%d converted again", n)
	}
	r.sums()
	for step, want := range map[string]State{"first": Converted, "second": Accepted, "third": Converted, "other": Accepted} {
		if got := r.stateOf(1, step); got != want {
			t.Errorf("%s: %v, want %v", step, got, want)
		}
	}
}
