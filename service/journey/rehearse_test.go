package journey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/segment"
)

// rehearse does a rehearsal as the queue would.
func (h *house) rehearse(journey int64, a Asked) *Result {
	h.t.Helper()
	row, err := h.AskRehearsal(h.t.Context(), journey, a, 70)
	if err != nil {
		h.t.Fatal(err)
	}
	h.settle()
	row, r, err := h.Rehearsal(h.t.Context(), row.ID)
	if err != nil || row.State != RehearsalDone {
		h.t.Fatalf("it is %s (%s), %v", row.State, row.Error, err)
	}
	return r
}

// outcomes flattens what became of customers, for comparing.
func outcomes(f *Funnel) map[string]int64 {
	out := map[string]int64{"entered": f.Entered, "held": f.Held, "goal": f.Goal, "held goal": f.HeldGoal}
	for reason, n := range f.Ended {
		out["ended "+reason] = n
	}
	for _, n := range f.Nodes {
		out[n.ID] = n.Arrived
		for o, times := range n.Outcomes {
			out[n.ID+" "+o] = times
		}
	}
	return out
}

func (r *Result) funnel() *Funnel {
	f := &Funnel{Entered: r.Entered, Held: r.Held, Goal: r.Goal, HeldGoal: r.HeldGoal, Ended: r.Ended}
	for _, n := range r.Nodes {
		f.Nodes = append(f.Nodes, FunnelNode{ID: n.ID, Arrived: n.Arrived, Outcomes: n.Outcomes})
	}
	return f
}

// wantAlike wants a rehearsal and what really happened to differ by less than 2 % of those who entered, everywhere.
func wantAlike(t *testing.T, rehearsed, real map[string]int64) {
	t.Helper()
	names := slices.Sorted(maps.Keys(real))
	for name := range rehearsed {
		if _, known := real[name]; !known {
			names = append(names, name)
		}
	}
	if real["entered"] < 100 {
		t.Fatalf("only %d entered", real["entered"])
	}
	for _, name := range names {
		if d := rehearsed[name] - real[name]; 50*max(d, -d) >= real["entered"] {
			t.Errorf("%s: %d rehearsed, %d happened", name, rehearsed[name], real[name])
		}
	}
}

// careful is a journey with all that decides: waits, signs, conditions, shares, tags, goal, exits and a hold-out.
func (h *house) careful(trigger string, vip, late int64) string {
	return journey(trigger, `,"entry":{"again":"after_days","days":10},"holdout":1000,"goal":{"when":{"event":{"kind":"order.paid"}},"within":"14d"},"exits":[{"event":{"kind":"search.made","where":[{"property":"keyword","op":"contains","value":"退款"}]}}]`,
		message("hello", "look"),
		`{"id":"look","step":"wait_for","with":{"when":{"event":{"kind":"product.viewed","where":[{"property":"product","op":"is","value":"p7"}]}},"timeout":"2d"},"next":{"happened":"keen","timeout":"morning"}}`,
		fmt.Sprintf(`{"id":"keen","step":"tag","with":{"add":["%d"]},"next":{"next":"morning"}}`, late),
		`{"id":"morning","step":"wait_clock","with":{"at":"09:30","weekdays":[1,2,3,4,5]},"next":{"next":"kind"}}`,
		fmt.Sprintf(`{"id":"kind","step":"split","with":{"branches":[{"name":"vip","rule":{"field":"tag","op":"any","values":["%d"]}},{"name":"keen","rule":{"field":"tag","op":"any","values":["%d"]}}]},"next":{"vip":"call","keen":"offer","otherwise":"lot"}}`, vip, late),
		`{"id":"lot","step":"split_share","with":{"shares":[{"name":"a","points":4000},{"name":"b","points":6000}]},"next":{"a":"offer","b":"rest"}}`,
		`{"id":"call","step":"task","with":{"title":"回访"},"next":{"next":"rest"}}`,
		message("offer", "rest"), wait("rest", "3d", "last"), message("last", "end"), theEnd)
}

// live lets a company live: customers view, search, order, at random but by one seed.
func (h *house) live(days int) {
	h.t.Helper()
	rng := rand.New(rand.NewPCG(7, uint64(days)))
	for range days * 8 {
		h.clock.Advance(3 * time.Hour)
		for range 25 {
			c := int64(rng.IntN(400)) + 1
			switch rng.IntN(10) {
			case 0:
				h.record(c, "order.paid", map[string]any{"number": fmt.Sprint(rng.Int64())})
			case 1:
				h.record(c, "search.made", map[string]any{"keyword": []string{"退款", "大衣"}[rng.IntN(2)]})
			case 2, 3:
				h.record(c, "cart.added", map[string]any{"product": "p"})
			default:
				h.record(c, "product.viewed", map[string]any{"product": fmt.Sprint("p", rng.IntN(9))})
			}
		}
		h.tick()
	}
}

// TestARehearsalForetellsWhatHappens holds the promise that a rehearsal on the events of the last days says what a run on
// them did, within 2 %.
func TestARehearsalForetellsWhatHappens(t *testing.T) {
	h := newHouse(t, 400)
	vip, late := h.label("VIP"), h.label("感兴趣")
	for c := int64(1); c <= 400; c += 9 {
		modeltest.Create(t, h.db, &model.CustomerTag{CustomerID: c, TagID: vip, Source: "console", CreatedAt: noon}, &model.Relation{
			AccountID: 1, StaffID: 71, CustomerID: c, ExternalUserID: fmt.Sprint("wm", c), Status: "active", AddedAt: noon})
	}
	id := h.open(h.careful(`{"kind":"event","with":{"event":{"kind":"cart.added"}}}`, vip, late))
	h.live(8)
	real, err := h.Funnel(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	tasks := modeltest.Count[model.Task](t, h.db)
	sent := modeltest.Count[model.Delivery](t, h.db)
	// What the run did to tags would be known to the rehearsal otherwise.
	h.db.Where("tag_id = ?", late).Delete(&model.CustomerTag{})
	r := h.rehearse(id, Asked{From: noon, Days: 8})
	wantAlike(t, outcomes(r.funnel()), outcomes(real))
	var planned int64
	for _, d := range r.Days {
		planned += d.Sent["inbox"]
	}
	if d := planned - sent; 50*max(d, -d) >= sent || r.Tasks == 0 || 50*max(r.Tasks-tasks, tasks-r.Tasks) >= real.Entered {
		t.Errorf("%d messages and %d tasks rehearsed, %d and %d happened", planned, r.Tasks, sent, tasks)
	}
	if max(r.StillIn-real.Running, real.Running-r.StillIn) > 2 || len(r.Days) != 9 || r.Customers != 400 {
		t.Errorf("%d are still in, really %d; %d days, %d customers", r.StillIn, real.Running, len(r.Days), r.Customers)
	}
	if n := modeltest.Count[model.Delivery](t, h.db); n != sent {
		t.Errorf("the rehearsal planned %d messages", n-sent)
	}
}

// TestARehearsalAhead: of what the clock starts, a rehearsal ahead says what will be.
func TestARehearsalAhead(t *testing.T) {
	h := newHouse(t, 400)
	vip, late := h.label("VIP"), h.label("感兴趣")
	for c := int64(1); c <= 400; c++ {
		h.db.Model(&model.Customer{}).Where("id = ?", c).Update("birth_md", 1123+c%6)
	}
	row, err := h.Create(t.Context(), Input{Name: "生日", Definition: h.read(h.careful(`{"kind":"date","with":{"of":"birthday","at":"08:00"}}`, vip, late))})
	if err != nil {
		t.Fatal(err)
	}
	r := h.rehearse(row.ID, Asked{From: noon, Days: 10})
	if _, err := h.Activate(t.Context(), row.ID, 1, 0); err != nil {
		t.Fatal(err)
	}
	for range 10*48 - 1 {
		h.clock.Advance(30 * time.Minute)
		h.tick()
	}
	real, err := h.Funnel(t.Context(), row.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	wantAlike(t, outcomes(r.funnel()), outcomes(real))
}

func TestOneCustomerStepByStep(t *testing.T) {
	h := newHouse(t, 2)
	vip, late := h.label("VIP"), h.label("感兴趣")
	d := h.read(h.careful(byAPI, vip, late))
	all := h.list(1, 2)
	row, err := h.Create(t.Context(), Input{Name: "一个", Definition: d})
	if err != nil {
		t.Fatal(err)
	}
	var who int64 = 1
	if heldOut(row.ID, d.Holdout, who) {
		who = 2
	}
	r, err := h.Follow(t.Context(), boss, row.ID, d, Asked{From: noon, Days: 30, SegmentID: all, CustomerID: who})
	if err != nil || r.Customers != 1 || r.Entered != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	var got []string
	for _, tr := range r.Trail {
		got = append(got, tr.Node+" "+tr.What+" "+tr.Outcome)
	}
	for _, want := range []string{"hello entered segment", "hello left next", "look waits ", "hello message inbox", "look left timeout", "morning waits ", "rest waits ", "end ended completed"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if _, err := h.Follow(t.Context(), boss, row.ID, d, Asked{From: noon, Days: 30, CustomerID: 99}); !errors.Is(err, ErrCustomer) {
		t.Errorf("got %v", err)
	}
}

// oneADay is a governor that lets one message a day through, and none to customer 1.
type oneADay struct{ last map[int64]time.Time }

func (o *oneADay) Load(context.Context, []int64) error { return nil }

func (o *oneADay) Rule(now time.Time, a *governor.Ask) governor.Ruling {
	if a.CustomerID == 1 {
		return governor.Ruling{Verdict: governor.Refuse, Reason: governor.ReasonDoNotContact}
	}
	if last, found := o.last[a.CustomerID]; found && now.Before(last.Add(day)) {
		return governor.Ruling{Verdict: governor.Later, Reason: governor.ReasonCap, At: last.Add(day)}
	}
	o.last[a.CustomerID] = now
	return governor.Ruling{Verdict: governor.Allow}
}

func (*oneADay) Return(governor.Reservation) {}

func TestARehearsalAsksTheGovernor(t *testing.T) {
	h := newHouse(t, 2)
	h.Forecast = func(context.Context) (Forecast, error) { return &oneADay{map[int64]time.Time{}}, nil }
	all := h.list(1, 2)
	row, err := h.Create(t.Context(), Input{Name: "两条", Definition: h.read(journey(fmt.Sprintf(`{"kind":"segment_entered","with":{"segment":"%d","whom":"now"}}`, all), "",
		message("a", "b"), message("b", "c"), `{"id":"c","step":"message","with":{"channel":"inbox","message":"1","expires":"1h"},"next":{"next":"end"}}`, theEnd))})
	if err != nil {
		t.Fatal(err)
	}
	r := h.rehearse(row.ID, Asked{From: noon, Days: 3})
	if r.Lost["inbox"][governor.ReasonDoNotContact] != 3 || r.Lost["inbox"][governor.ReasonExpired] != 1 || r.Later[governor.ReasonCap] != 1 || r.Days[0].Sent["inbox"] != 1 || r.Days[1].Sent["inbox"] != 1 {
		t.Errorf("got %+v", r)
	}
}

func TestARehearsalKnowsTheTagsThatItGave(t *testing.T) {
	tags := map[int64]bool{1: true, 2: false}
	for _, tt := range []struct {
		rule, want string
	}{
		{`{"field":"tag","op":"any","values":["1","3"]}`, `{"all":[]}`},
		{`{"field":"tag","op":"any","values":["2","3"]}`, `{"field":"tag","op":"any","values":["3"]}`},
		{`{"field":"tag","op":"any","values":["2"]}`, `{"not":{"all":[]}}`},
		{`{"field":"tag","op":"all","values":["1","3"]}`, `{"field":"tag","op":"all","values":["3"]}`},
		{`{"field":"tag","op":"all","values":["1","2"]}`, `{"not":{"all":[]}}`},
		{`{"field":"tag","op":"all","values":["1"]}`, `{"all":[]}`},
		{`{"field":"tag","op":"none","values":["1","3"]}`, `{"not":{"all":[]}}`},
		{`{"field":"tag","op":"none","values":["2","3"]}`, `{"field":"tag","op":"none","values":["3"]}`},
		{`{"not":{"any":[{"field":"tag","op":"any","values":["1"]},{"field":"city","op":"is","values":["上海"]}]}}`, `{"not":{"any":[{"all":[]},{"field":"city","op":"is","values":["上海"]}]}}`},
	} {
		rule, err := segment.Decode([]byte(tt.rule), segment.RowIDs, &segment.Vocabulary{})
		if err != nil {
			t.Fatal(err)
		}
		known := knowing(*rule, tags)
		if got := string(known.Encode(segment.RowIDs)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.rule, got, tt.want)
		}
	}
}

func TestRehearsalsAreStoppedAndFailInWords(t *testing.T) {
	h := newHouse(t, 3)
	all := h.list(1, 2, 3)
	row, err := h.Create(t.Context(), Input{Name: "一条", Definition: h.read(journey(fmt.Sprintf(`{"kind":"segment_entered","with":{"segment":"%d","whom":"now"}}`, all), "", message("a", "end"), theEnd))})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() int64 {
		r, err := h.AskRehearsal(t.Context(), row.ID, Asked{From: noon, Days: 3}, 1)
		if err != nil {
			t.Fatal(err)
		}
		return r.ID
	}
	want := func(id int64, state string) {
		h.settle()
		if r, _, err := h.Rehearsal(t.Context(), id); err != nil || r.State != state {
			t.Errorf("it is %s (%s), %v; want %s", r.State, r.Error, err, state)
		}
	}
	stopped := ask()
	if err := h.CancelRehearsal(t.Context(), stopped); err != nil {
		t.Fatal(err)
	}
	want(stopped, RehearsalCancelled)
	failed := ask()
	if err := h.segments.Delete(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	want(failed, RehearsalFailed)
	if _, err := h.AskRehearsal(t.Context(), row.ID, Asked{From: noon, Days: 3}, 1); !errors.Is(err, ErrDefinition) {
		t.Errorf("of a draft that can't be used: got %v", err)
	}
}
