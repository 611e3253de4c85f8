package outreach

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach/governor"
)

// TestPlanSet: a frozen audience is planned once, by sender and step, also when it is broken off and planned by two at once.
func TestPlanSet(t *testing.T) {
	r := newRig(t, Description{})
	s := r.service()
	// Any table with the columns will do: here, deliveries of another source stand for an audience.
	const people = 25_000
	if err := r.db.Exec("CREATE TABLE audience_for_test (audience_id INTEGER NOT NULL, customer_id INTEGER NOT NULL, variant VARCHAR(8) NOT NULL, staff_id INTEGER NOT NULL, PRIMARY KEY (audience_id, customer_id))").Error; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.db.Exec("DROP TABLE audience_for_test") })
	type row struct {
		AudienceID, CustomerID int64
		Variant                string
		StaffID                int64
	}
	var rows []row
	for id := int64(1); id <= people; id++ {
		rows = append(rows, row{7, id, []string{"a", "b", ""}[id%3], id % 4})
	}
	if err := r.db.Table("audience_for_test").CreateInBatches(rows, 2000).Error; err != nil {
		t.Fatal(err)
	}
	set := Set{
		Intent:   Intent{Source: SourceCampaign, SourceID: 3, Channel: "null", MessageID: 5},
		Audience: Audience{Table: "audience_for_test", KeyColumn: "audience_id", Key: 7, Only: "a.variant <> ''", StepColumn: "variant", StaffColumn: "staff_id"},
	}
	r.plan(s, Intent{Source: SourceCampaign, SourceID: 3, Step: "a", MessageID: 5}, 3, 4) // somebody came first
	ends := make(chan error, 2)
	for range 2 {
		other := r.service()
		go func() { _, err := other.PlanSet(t.Context(), set, nil); ends <- err }()
	}
	for range 2 {
		if err := <-ends; err != nil {
			t.Fatal(err)
		}
	}
	want := int64(0)
	for _, row := range rows {
		if row.Variant != "" {
			want++
		}
	}
	if got := r.states()[Planned]; got != want {
		t.Errorf("%d planned, want %d", got, want)
	}
	r.sums()
	again, err := s.PlanSet(t.Context(), set, nil)
	if err != nil || again != want-1 {
		t.Errorf("planned again: %d, %v; want the same %d", again, err, want-1)
	}
	totals, err := s.Totals(t.Context(), SourceCampaign, 3)
	if err != nil || len(totals) != 8 { // four senders by two steps
		t.Errorf("%d totals, %v", len(totals), err)
	}
}

// TestReports: whatever is reported in whatever order, twice or not, a state never goes back, and the counts equal the rows.
func TestReports(t *testing.T) {
	r := newRig(t, Description{Batch: 10, Doubt: DoubtReconcile})
	s := r.service()
	r.plan(s, Intent{}, 1, 101)
	r.plan(s, Intent{Occurrence: "later", DueAt: r.clock().Add(time.Hour)}, 1, 11)
	r.drain(s)
	best := map[int64]State{}
	states := []State{Sent, Delivered, Read, Clicked, Converted, Failed}
	rows := r.deliveries()
	for range 30 {
		var reports []Report
		for range 40 {
			d := rows[rand.IntN(len(rows))]
			reports = append(reports, Report{ID: d.ID, State: states[rand.IntN(len(states))], At: r.clock(), Class: ClassRelation})
		}
		before := r.deliveries()
		if _, err := s.Report(t.Context(), append(reports, reports...)); err != nil {
			t.Fatal(err)
		}
		for i, d := range r.deliveries() {
			was, is := State(before[i].State), State(d.State)
			if was.Left() && is.Left() && is < was || was > Sent && was.Left() && is == Failed || was == Planned && is != Planned {
				t.Fatalf("from %v to %v", was, is)
			}
			if is.Left() {
				best[d.ID] = is
			}
		}
		r.sums()
	}
	if len(best) != 100 {
		t.Errorf("%d of 100 left", len(best))
	}
}

// TestTotalsEqualRows: whatever is done to the ledger, in whatever order, the counts by state equal the rows.
func TestTotalsEqualRows(t *testing.T) {
	r := newRig(t, Description{Batch: 1, Doubt: DoubtOperator})
	g := &strict{reserved: map[int64]bool{}}
	g.rule = func(a governor.Ask) governor.Ruling {
		switch a.Ref % 7 {
		case 0:
			return governor.Ruling{Verdict: governor.Refuse, Reason: governor.ReasonCap}
		case 1:
			return governor.Ruling{Verdict: governor.Later, Reason: governor.ReasonQuiet, At: r.clock().Add(time.Hour)}
		}
		return governor.Ruling{Verdict: governor.Allow}
	}
	r.p.before = func(n int, c Call) (Outcome, error, bool) {
		switch rand.N(8) {
		case 0:
			return Outcome{Result: Result{Fate: FateFailed, Class: ClassBusy}}, nil, true
		case 1:
			return Outcome{}, errors.New("no answer"), true
		case 2:
			return Outcome{Result: Result{Fate: FateLater}}, nil, true
		}
		return Outcome{}, nil, false
	}
	r.ch.refuse = func(d Delivery) *Refusal {
		switch d.CustomerID % 9 {
		case 0:
			return &Refusal{ID: d.ID, Reason: "no_openid"}
		case 1:
			return &Refusal{ID: d.ID, Reason: "no_grant", Class: ClassQuota}
		case 2:
			return &Refusal{ID: d.ID, Reason: "no_grant", Until: r.clock().Add(time.Minute)}
		}
		return nil
	}
	s := r.service(func(d *Deps) { d.Governor = g })
	next := int64(1)
	for range 60 {
		source := rand.N(int64(3)) + 1
		switch rand.N(8) {
		case 0, 1, 2:
			r.plan(s, Intent{SourceID: source, Source: SourceJourney, ExpiresAt: r.clock().Add(rand.N(2 * time.Hour))}, next, next+20)
			next += rand.N(int64(25))
		case 3:
			r.drain(s)
		case 4:
			if _, err := s.RetryFailed(t.Context(), SourceJourney, source); err != nil {
				t.Fatal(err)
			}
		case 5:
			if rand.N(3) == 0 {
				if _, err := s.Cancel(t.Context(), SourceJourney, source); err != nil {
					t.Fatal(err)
				}
			}
			r.in(func(tx *gorm.DB) error {
				_, err := s.CancelTx(tx, SourceJourney, source, rand.N(next), "")
				return err
			})
		case 6:
			r.move(rand.N(time.Hour))
			if err := s.Expire(t.Context()); err != nil {
				t.Fatal(err)
			}
		case 7:
			list, err := s.List(t.Context(), Filter{States: []State{InDoubt}, Limit: 3})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range list {
				if err := s.Decide(t.Context(), d.ID, rand.N(2) == 0); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Fold(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		r.sums()
	}
	for _, d := range r.deliveries() {
		if State(d.State).Over() && g.reserved[d.ID] {
			t.Errorf("delivery %d is %v, and still reserved", d.ID, State(d.State))
		}
	}
}

// TestVerify: counts that are off are mended.
func TestVerify(t *testing.T) {
	r := newRig(t, Description{})
	s := r.service()
	r.plan(s, Intent{}, 1, 11)
	if err := r.db.Exec("UPDATE delivery_tally SET changed = changed + 5").Error; err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.sums()
}

// TestListPages: pages put together are all there is, each once, by every filter.
func TestListPages(t *testing.T) {
	r := newRig(t, Description{})
	s := r.service()
	for source := range int64(3) {
		for staff := range int64(4) {
			r.plan(s, Intent{Source: SourceCampaign, SourceID: source + 1, StaffID: staff, Step: fmt.Sprint(staff % 2)}, 100*staff+1, 100*staff+20)
		}
	}
	r.ch.refuse = func(d Delivery) *Refusal {
		if d.CustomerID%5 == 0 {
			return &Refusal{ID: d.ID, Reason: "no_openid"}
		}
		return nil
	}
	if err := s.Pause(t.Context(), SourceCampaign, 3, "test", 0, nil); err != nil {
		t.Fatal(err)
	}
	r.drain(s)
	rows := r.deliveries()
	for _, f := range []Filter{
		{Source: SourceCampaign, SourceID: 1}, {Source: SourceCampaign, SourceID: 2, States: []State{Suppressed}}, {CustomerID: 5},
		{Source: SourceCampaign, SourceID: 3}, {States: []State{Planned, Suppressed}}, {Source: SourceCampaign, SourceID: 1, StaffID: 2},
		{Source: SourceCampaign, SourceID: 2, Step: "1", States: []State{Accepted, Suppressed}}, {Source: SourceCampaign, Reason: "no_openid"},
	} {
		want := 0
		for i := range rows {
			if fits(r, &rows[i], f) {
				want++
			}
		}
		seen := map[int64]bool{}
		f.Limit = 7
		for {
			page, err := s.List(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range page {
				if seen[d.ID] {
					t.Fatalf("%+v: delivery %d twice", f, d.ID)
				}
				seen[d.ID] = true
				f.After = d.At()
			}
			if len(page) < f.Limit {
				break
			}
		}
		if len(seen) != want || want == 0 {
			t.Errorf("%+v: %d listed, want %d", f, len(seen), want)
		}
	}
	if _, err := s.List(t.Context(), Filter{Limit: 1}); !errors.Is(err, ErrFilter) {
		t.Errorf("no filter: %v", err)
	}
}

func fits(r *rig, d *model.Delivery, f Filter) bool {
	lane, err := laneOf(r.db, d.LaneID)
	if err != nil {
		r.Fatal(err)
	}
	in := len(f.States) == 0
	for _, s := range f.States {
		in = in || State(d.State) == s
	}
	return in && (f.Source == "" || d.Source == f.Source) && (f.SourceID == 0 || d.SourceID == f.SourceID) && (f.CustomerID == 0 || d.CustomerID == f.CustomerID) &&
		(f.StaffID == 0 || lane.StaffID == f.StaffID) && (f.Step == "" || d.Step == f.Step) && (f.Reason == "" || d.Reason == f.Reason)
}

// TestOverAtAClaimGivesBack: what the platform had no time for keeps its reservation while it waits, and gives it back when
// the next claim finds that it has lost its sense.
func TestOverAtAClaimGivesBack(t *testing.T) {
	r := newRig(t, Description{})
	g := &strict{reserved: map[int64]bool{}}
	g.rule = func(governor.Ask) governor.Ruling { return governor.Ruling{Verdict: governor.Allow} }
	later := r.clock().Add(2 * time.Hour)
	r.p.before = func(int, Call) (Outcome, error, bool) {
		return Outcome{Result: Result{Fate: FateLater, At: later}}, nil, true
	}
	s := r.service(func(d *Deps) { d.Governor = g })
	r.plan(s, Intent{ExpiresAt: r.clock().Add(time.Hour)}, 1, 2)
	r.drain(s)
	if len(g.reserved) == 0 {
		t.Fatal("nothing is reserved while it waits")
	}
	r.move(3 * time.Hour)
	r.drain(s)
	if n := r.states()[Expired]; n == 0 || len(g.reserved) != 0 {
		t.Errorf("%d expired, %d reserved", n, len(g.reserved))
	}
}

// TestAcceptedAt: a planned delivery has the room of the time at which it will be accepted, and nobody takes what fills it for a time.
func TestAcceptedAt(t *testing.T) {
	r := newRig(t, Description{Batch: 10, Doubt: DoubtOperator})
	s := r.service()
	r.plan(s, Intent{}, 1, 3)
	_, err := s.PlanSet(t.Context(), Set{
		Intent:   Intent{Source: SourceCampaign, SourceID: 3, Channel: "null", MessageID: 5},
		Audience: Audience{Table: "delivery", KeyColumn: "source_id", Key: r.deliveries()[0].SourceID}, // any table with the columns will do
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var bare int64
	if err := r.db.Raw("SELECT COUNT(*) FROM delivery WHERE accepted_at IS NULL").Scan(&bare).Error; err != nil || bare != 0 {
		t.Errorf("%d rows grow when they are accepted, %v", bare, err)
	}
	rows := r.deliveries()
	if len(rows) != 4 {
		t.Fatalf("%d deliveries, want 4", len(rows))
	}
	for _, d := range rows {
		if d.AcceptedAt != nil {
			t.Errorf("a planned delivery is accepted at %v", d.AcceptedAt)
		}
	}
	r.p.after = func(int, Call) (error, bool) { return errors.New("no answer"), true }
	r.drain(s)
	for _, d := range r.deliveries() {
		if State(d.State) != InDoubt || d.AcceptedAt != nil {
			t.Errorf("%v, accepted at %v; want a doubt", State(d.State), d.AcceptedAt)
		}
	}
	first := r.clock().Truncate(time.Millisecond)
	for _, to := range []State{Delivered, Read} {
		var reports []Report
		for _, d := range rows {
			reports = append(reports, Report{ID: d.ID, State: to, At: r.clock()})
		}
		if _, err := s.Report(t.Context(), reports); err != nil {
			t.Fatal(err)
		}
		r.move(time.Minute)
	}
	for _, d := range r.deliveries() {
		if d.AcceptedAt == nil || !d.AcceptedAt.Equal(first) {
			t.Errorf("accepted at %v, want what was told first, %v", d.AcceptedAt, first)
		}
	}
}
