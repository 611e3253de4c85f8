package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/service/clock"
	"zhiyin/service/journey"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/channel"
	"zhiyin/simulator"
)

// traveller is a house whose server's clock, and the platform's, can be moved.
type traveller struct {
	*house
	p      *parts
	rows   *gorm.DB
	offset atomic.Int64
}

// newTraveller is a house with one server in this process that has moved in at a moment.
func newTraveller(t *testing.T, s setting, at time.Time) *traveller {
	t.Helper()
	h := &traveller{house: newHouse(t, s)}
	h.move(time.Until(at))
	cfg := h.config(h.at(h.address)...)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	h.p = &parts{cfg: cfg, log: log, metrics: prometheus.NewRegistry(), now: clock.System}
	moved := func(context.Context) error { h.p.now = h.now; return nil }
	ctx, cancel := context.WithCancel(context.Background())
	for _, step := range []func(context.Context) error{h.p.stores, moved, h.p.platform, h.p.capabilities, h.p.duties, h.p.faces, h.p.bringUpToDate} {
		if err := step(ctx); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := listen(cfg.Server.Listen, "")
	if err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- h.p.run(ctx, listener, sync.OnceFunc(func() { close(ready) })) }()
	<-ready
	t.Cleanup(func() {
		cancel()
		if err := cmp.Or(<-ended, h.p.Close()); err != nil {
			t.Errorf("the server ended with: %v", err)
		}
	})
	h.rows = h.db()
	h.moveIn()
	return h
}

func (h *traveller) now() time.Time { return clock.System().Add(time.Duration(h.offset.Load())) }

// move moves the server's clock and the platform's.
func (h *traveller) move(d time.Duration) {
	h.t.Helper()
	h.offset.Add(int64(d))
	h.sim.post("/clock", object{"advance": d.String()}, nil)
}

// nextDue is when something of a journey, or a message, is due; zero: never.
func (h *traveller) nextDue() time.Time {
	h.t.Helper()
	var enrolments []model.Enrolment
	var deliveries []model.Delivery
	err := cmp.Or(h.rows.Where("state = ?", journey.Running).Order("due_at").Limit(1).Find(&enrolments).Error,
		h.rows.Where("state IN ?", []outreach.State{outreach.Planned, outreach.Claimed}).Order("due_at").Limit(1).Find(&deliveries).Error)
	if err != nil {
		h.t.Fatal(err)
	}
	var next time.Time
	for _, e := range enrolments {
		next = e.DueAt
	}
	for _, d := range deliveries {
		if next.IsZero() || d.DueAt.Before(next) {
			next = d.DueAt
		}
	}
	return next
}

// travel lets days go by, from one moment at which something is due to the next. Members press send soon after they are asked.
func (h *traveller) travel(until time.Time) {
	h.t.Helper()
	for {
		eventually(h.t, time.Minute, "all that is due is done", func() bool {
			if _, err := h.p.journeys.Advance(h.t.Context()); err != nil {
				h.t.Fatal(err)
			}
			next := h.nextDue()
			return next.IsZero() || next.After(h.now())
		})
		for _, s := range h.corp.StaffList {
			h.sim.call("POST", "/act/mass_confirm", object{"userid": s.UserID}, nil) // who has nothing to confirm is told so
		}
		next := h.nextDue()
		if next.IsZero() || next.After(until) {
			return
		}
		if wait := next.Sub(h.now()); wait > 5*time.Minute {
			h.move(2 * time.Minute)
			if err := h.p.channels.PollResults(h.t.Context()); err != nil {
				h.t.Fatal(err)
			}
		}
		h.move(max(0, next.Sub(h.now())) + 2*time.Second) // what came about within a moment is due within one
	}
}

// foretold is what a rehearsal foretells, as numbers by name.
func foretold(r *console.RehearsalResult) map[string]int64 {
	out := map[string]int64{"entered": r.Entered, "held": r.Held, "still in": r.StillIn, "tasks": r.Tasks, "points": r.Points}
	for reason, n := range r.Ended {
		out["ended "+reason] = n
	}
	for _, n := range r.Nodes {
		for outcome, times := range n.Outcomes {
			out["branch "+n.ID+" "+outcome] = times
		}
	}
	for _, d := range r.Days {
		out["entered "+d.Day] = d.Entered
		for by, n := range d.Sent {
			out["sent "+d.Day+" "+by] = n
		}
	}
	for by, reasons := range r.Lost {
		for reason, n := range reasons {
			out["lost "+by+" "+reason] = n
		}
	}
	for reason, n := range r.Later {
		out["later "+reason] = n
	}
	for _, c := range r.Coupons {
		out["coupons"] += c.Given
	}
	for _, s := range r.Staff {
		out["messages of "+s.StaffID] = s.Messages
		out["taps of "+s.StaffID] = s.Taps
		out["tasks of "+s.StaffID] = s.Tasks
	}
	return out
}

// real is the same of what has really happened, as the house and the platform have it.
func (h *traveller) real(id string) map[string]int64 {
	h.t.Helper()
	var f console.JourneyFunnel
	h.console.get("/journeys/"+id+"/funnel", &f)
	out := map[string]int64{"entered": f.Entered, "held": f.Held, "still in": f.Running}
	for reason, n := range f.Ended {
		out["ended "+reason] = n
	}
	for _, n := range f.Nodes {
		for outcome, times := range n.Outcomes {
			out["branch "+n.ID+" "+outcome] = times
		}
	}
	for _, n := range f.Nodes {
		if n.Step == "task" { // who wants to hear nothing of staff goes by without one
			out["lost task do_not_contact"] += n.Outcomes[journey.Refused]
		}
	}
	zone := h.p.zone
	var enrolments []model.Enrolment
	var deliveries []struct {
		model.Delivery
		Channel string
	}
	var tasks []model.Task
	var points []model.PointsEntry
	var coupons []model.Coupon
	var refusals []model.ContactRefusal
	err := cmp.Or(h.rows.Find(&enrolments).Error, h.rows.Find(&tasks).Error, h.rows.Find(&points).Error,
		h.rows.Table("delivery AS d").Select("d.*, l.channel").Joins("JOIN delivery_lane AS l ON l.id = d.lane_id").Scan(&deliveries).Error,
		h.rows.Find(&coupons).Error, h.rows.Where("final = ?", false).Find(&refusals).Error)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, refused := range refusals {
		out["later "+refused.Reason] += refused.Times
	}
	for _, e := range enrolments {
		out["entered "+e.EnteredAt.In(zone).Format(time.DateOnly)]++
	}
	for _, d := range deliveries {
		switch { // one that has left and failed afterwards, such as a task that nobody did in time, has left
		case d.AcceptedAt != nil && d.AcceptedAt.Before(model.NotAccepted):
			out["sent "+d.AcceptedAt.In(zone).Format(time.DateOnly)+" "+d.Channel]++
		default:
			out["lost "+d.Channel+" "+cmp.Or(d.Reason, outreach.State(d.State).String())]++
		}
	}
	staff := func(id int64) string { return h.p.ids.Of(model.KindStaff, id) }
	for _, task := range tasks {
		if task.Kind != channel.TaskKind {
			out["tasks"]++
			out["tasks of "+staff(task.StaffID)]++
		} else {
			out["messages of "+staff(task.StaffID)]++
			out["taps of "+staff(task.StaffID)]++
		}
	}
	for _, e := range points {
		if e.Kind == "earn" && e.Source == "journey" {
			out["points"] += e.Points
		}
	}
	out["coupons"] = int64(len(coupons))
	ids := map[string]string{}
	for userid, m := range h.members() {
		ids[userid] = m.ID
	}
	var mass simMass
	h.sim.get("/mass", &mass)
	for _, m := range mass.Mass {
		for _, task := range m.Tasks {
			out["taps of "+ids[task.UserID]]++
			out["messages of "+ids[task.UserID]] += int64(len(task.Targets))
		}
	}
	return out
}

// TestRehearsalIsWhatHappens: ten days of a journey over some hundreds of customers are rehearsed, and then really lived: who enters, which
// branches they take, what is sent on which day by which channel, what is lost and why, coupons, points, tasks and taps differ by less than
// 2 % of those who enter. Quiet hours, caps, wishes, a repeated text, and a batch of coupons that runs out are in the way.
func TestRehearsalIsWhatHappens(t *testing.T) {
	zone := time.FixedZone("UTC+8", 8*3600)
	h := newTraveller(t, setting{company: simulator.Company{Staff: 5, Customers: 240, Tags: 4}}, time.Date(2027, 3, 1, 10, 0, 0, 0, zone))
	h.sim.put("/config", object{"mass_dispatch_ms": 0}, nil)
	for _, c := range h.simCustomers() { // nobody has deleted a member yet, of which we would hear only when we write to them
		for _, r := range c.Customer.Relations {
			if r.Left {
				h.sim.post("/act/staff_deletes", object{"external_userid": c.Customer.ID, "userid": r.UserID}, nil)
			}
		}
	}
	h.synchronise(time.Minute)
	segment := h.everybody()
	ids := make([]string, 0, 240)
	for next := ""; ; {
		var p page[console.Customer]
		h.console.get("/customers?limit=200&status=active&cursor="+next, &p)
		for _, c := range p.Items {
			ids = append(ids, c.ID)
		}
		if next = p.Next; next == "" {
			break
		}
	}
	slices.Sort(ids)
	for i, id := range ids[:60] {
		switch i % 6 {
		case 0:
			h.console.put("/customers/"+id+"/contact", object{"choice": "none", "reason": "电话里说的"}, nil)
		case 1:
			h.console.put("/customers/"+id+"/contact", object{"choice": "none", "channel": "task", "reason": "电话里说的"}, nil)
		case 2:
			h.console.put("/customers/"+id+"/contact", object{"choice": "fewer", "reason": "电话里说的"}, nil)
		case 3:
			h.console.post("/customers/"+id+"/consents", object{"purpose": "marketing", "given": false, "proof": "form 7"}, nil)
		}
	}
	var rules console.GovernorSetting
	h.console.get("/governor", &rules)
	rules.Caps = []console.Cap{{Window: "day", Most: 2}, {Channel: "mass", Window: "rolling", Hours: 60, Most: 2}, {Channel: "task", Window: "rolling", Hours: 72, Most: 1}}
	h.console.put("/governor", rules, nil)
	var batch struct {
		ID string `json:"id"`
	}
	h.console.post("/coupon-batches", object{
		"name": "十元券", "kind": "amount_off", "terms": object{"off_fen": 1000}, "stock": 30, "per_customer": 1, "valid_until": h.now().AddDate(0, 1, 0),
	}, &batch)
	h.console.post("/coupon-batches/"+batch.ID+"/submit", nil, nil)

	text := map[string]string{}
	for _, name := range []string{"hello", "ask", "thanks", "late", "last", "once_more"} {
		text[name] = h.written(name, "给您的 "+name, "mass", "task", "inbox")
	}
	message := func(id, by, next string, more object) object {
		with := object{"channel": by, "message": text[strings.TrimSuffix(id, "_again")]}
		if by != "inbox" {
			with["account"] = h.account
		}
		maps.Copy(with, more)
		return object{"id": id, "step": "message", "with": with, "next": object{"next": next}}
	}
	step := func(id, kind string, with, next object) object {
		return object{"id": id, "step": kind, "with": with, "next": next}
	}
	wait := func(id, span, next string) object {
		return step(id, "wait", object{"for": span}, object{"next": next})
	}
	plan := object{
		"trigger": object{"kind": "segment_entered", "with": object{"segment": segment, "whom": "now"}}, "entry": object{"again": "once"}, "holdout": 500, "start": "hello",
		"nodes": []object{
			message("hello", "mass", "rest", nil), wait("rest", "1d", "known"),
			step("known", "split", object{"branches": []object{{"name": "many", "rule": object{"field": "relation.count", "op": "at_least", "values": []int{2}}}}},
				object{"many": "gift", "otherwise": "lot"}),
			step("gift", "coupon", object{"batch": batch.ID}, object{"issued": "thanks", "refused": "sorry"}), message("thanks", "inbox", "night", nil),
			step("sorry", "points", object{"points": 20, "reason": "补偿"}, object{"next": "night"}),
			step("lot", "split_share", object{"shares": []object{{"name": "a", "points": 4000}, {"name": "b", "points": 6000}}}, object{"a": "ask", "b": "hello_again"}),
			message("ask", "task", "night", nil), message("hello_again", "mass", "night", nil), // the same within three days
			step("night", "wait_clock", object{"at": "23:30"}, object{"next": "late"}), message("late", "mass", "pause", object{"expires": "2d"}),
			wait("pause", "12h", "last"), message("last", "mass", "once_more", object{"expires": "6h"}), message("once_more", "task", "bide", object{"expires": "3d"}),
			wait("bide", "2d", "call"), step("call", "task", object{"title": "回访"}, object{"next": "end"}), step("end", "exit", object{}, nil),
		},
	}
	var j console.Journey
	h.console.post("/journeys", object{"name": "十天", "definition": plan}, &j)
	from := h.now()
	var r console.Rehearsal
	h.console.post("/journeys/"+j.ID+"/rehearsals", object{"from": from.Add(2 * time.Second).Format(time.RFC3339Nano), "days": 10}, &r)
	eventually(t, time.Minute, "it is rehearsed", func() bool {
		for _, one := range list[console.Rehearsal](h.console, "/journeys/"+j.ID+"/rehearsals") {
			r.State, r.Error = one.State, one.Error
		}
		return r.State == "done" || r.State == "failed"
	})
	h.console.get("/rehearsals/"+r.ID, &r)
	if r.Result == nil || r.Result.Entered < 200 {
		t.Fatalf("rehearsed: %s %s %+v", r.State, r.Error, r.Result)
	}

	h.console.post("/journeys/"+j.ID+"/activate", object{"draft_version": j.DraftVersion}, nil)
	eventually(t, time.Minute, "all have entered", func() bool {
		var now console.Journey
		h.console.get("/journeys/"+j.ID, &now)
		return now.Entered == r.Result.Entered+r.Result.Held
	})
	h.travel(from.AddDate(0, 0, 10))
	h.signIn() // sessions end meanwhile

	said, real := foretold(r.Result), h.real(j.ID)
	names := maps.Clone(said)
	maps.Copy(names, real)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if d := said[name] - real[name]; 50*max(d, -d) >= r.Result.Entered {
			t.Errorf("%s: %d rehearsed, %d happened", name, said[name], real[name])
		}
	}
	for _, must := range []string{"coupons", "points", "tasks", "lost mass do_not_contact", "lost mass duplicate", "lost mass cap", "lost task do_not_contact", "later quiet_hours", "later cap"} {
		if said[must] == 0 {
			t.Errorf("the rehearsal has no %s", must)
		}
	}
	if t.Failed() {
		whole, _ := json.Marshal(said)
		t.Logf("rehearsed %s\nhappened %s", whole, fmt.Sprint(real))
	}
}
