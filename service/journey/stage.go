package journey

import (
	"container/heap"
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach/governor"
)

// together is how far apart moments may lie that are played in one go. Each customer's own keep their order, and each step
// is taken at its own moment.
const together = time.Hour

// stage is where a rehearsal is played: customers, a clock of its own, and books in which everything is noted instead of
// being done.
type stage struct {
	s       *Service
	journey int64
	plan    *Definition
	asked   Asked
	zone    *time.Location
	to      time.Time
	now     time.Time // of those played in one go

	result *Result
	books  books
	serial int64 // of enrolments and messages

	db     *gorm.DB
	cast   map[int64]*actor
	queue  actors
	govern Forecast
	follow map[int64]follower
	ways   map[way][]int64
	texts  map[int64]text
	tags   map[int64]map[int64]bool // given and taken in the rehearsal
	moving *engine
	left   map[int64]int64 // coupons by batch
}

func newStage(s *Service, journey int64, d *Definition, a Asked) *stage {
	to := a.From.In(s.Zone).AddDate(0, 0, a.Days).UTC()
	return &stage{
		s: s, journey: journey, plan: d, asked: a, zone: s.Zone, to: to, books: newBooks(),
		result: &Result{From: a.From, To: to},
	}
}

// actor is a customer in a rehearsal.
type actor struct {
	customer int64
	cues     []cue // what happens to them, in order
	runs     []*run
	drafts   []*draft // messages that have not left
	at       time.Time
}

// cue is an event, or a moment at which the customer enters.
type cue struct {
	at    time.Time
	event *heard
	enter *candidate
}

// draft is a message on its way to the governor.
type draft struct {
	at  time.Time
	ask governor.Ask
	run *run
	n   *Node
}

// next is when something happens to the actor; zero: never again.
func (a *actor) next() (at time.Time) {
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if len(a.cues) > 0 {
		earlier(a.cues[0].at)
	}
	for _, r := range a.runs {
		if r.State == Running {
			earlier(r.DueAt)
		}
	}
	for _, d := range a.drafts {
		earlier(d.at)
	}
	return at
}

// play goes through the whole time with some customers.
func (st *stage) play(ctx context.Context, ids []int64) error {
	if err := st.open(ctx, ids); err != nil {
		return err
	}
	for st.queue.Len() > 0 && ctx.Err() == nil {
		st.now = st.queue[0].at
		end := st.now.Truncate(together).Add(together)
		var some []*actor
		for st.queue.Len() > 0 && st.queue[0].at.Before(end) {
			some = append(some, heap.Pop(&st.queue).(*actor))
		}
		if err := st.turn(some); err != nil {
			return err
		}
		for _, a := range some {
			st.enqueue(a)
		}
	}
	for _, a := range st.cast {
		for _, r := range a.runs {
			if r.State == Running {
				st.result.StillIn++
			}
		}
	}
	return ctx.Err()
}

func (st *stage) enqueue(a *actor) {
	if a.at = a.next(); !a.at.IsZero() && a.at.Before(st.to) {
		heap.Push(&st.queue, a)
	}
}

// turn plays what comes next for each of some actors.
func (st *stage) turn(some []*actor) error {
	var moving []*run
	for _, a := range some {
		switch {
		case len(a.cues) > 0 && a.cues[0].at.Equal(a.at):
			c := a.cues[0]
			a.cues = a.cues[1:]
			st.cue(a, c)
		case st.rule(a):
		default:
			for _, r := range a.runs {
				if r.State == Running && r.DueAt.Equal(a.at) {
					r.now = a.at
					moving = append(moving, r)
				}
			}
		}
	}
	if len(moving) == 0 {
		return nil
	}
	return st.move(moving)
}

// move has the engine move runs, and notes what has become of them. Who comes to a node that can't be done is stuck.
func (st *stage) move(runs []*run) error {
	if err := st.moving.pass(st, runs); err != nil {
		return err
	}
	for _, r := range runs {
		st.books.counts.moved(r)
		st.traceMoves(r)
		if r.State == Running && st.moving.stop[r.Node] {
			r.State = Stuck
			st.result.Stuck++
			st.trace(r, Trace{What: "stuck", Outcome: st.moving.broken(st.plan.node(r.Node))})
		}
		r.visits, r.goal = r.visits[:0], false
	}
	return nil
}

// cue plays an event, or an entry.
func (st *stage) cue(a *actor, c cue) {
	if c.enter != nil {
		st.enter(a, *c.enter, c.at)
		return
	}
	lost := slices.Contains(losses, c.event.Kind) && st.follow[a.customer].StaffID == 0
	for _, r := range a.runs {
		r.now = c.at
		st.plan.hear(r, c.event, lost)
		if r.goal {
			outcome := countGoal
			if r.State == Held {
				outcome = countHeldGoal
			}
			st.books.counts.add(&r.Enrolment, "", outcome)
			st.trace(r, Trace{What: "goal"})
			r.goal = false
		}
	}
	if on := st.plan.starter(); on.fits(c.event.Kind, c.event.said) {
		st.enter(a, st.plan.candidate(c.event), c.at)
	}
}

// enter has an actor enter by the rules that are true for everybody.
func (st *stage) enter(a *actor, c candidate, at time.Time) {
	today := dayNumber(at.In(st.zone))
	var before []model.Enrolment
	for _, r := range a.runs {
		before = append(before, r.Enrolment)
	}
	all := st.books.total()
	chosen, turns := st.plan.choose([]candidate{c}, before, st.plan.Entry.room(all, st.books.entered[today]), at)
	if len(chosen) == 0 {
		return
	}
	st.serial++
	r := &run{Enrolment: st.plan.enrolment(st.journey, 1, c, turns[0], st.zone, at), now: at}
	r.ID = st.serial
	a.runs = append(a.runs, r)
	st.books.entered[today]++
	if r.State == Held {
		st.books.counts.add(&r.Enrolment, "", countHeld)
		st.trace(r, Trace{What: "held"})
		return
	}
	st.books.counts.add(&r.Enrolment, "", countEntered)
	st.books.counts.add(&r.Enrolment, r.Node, "")
	st.trace(r, Trace{What: "entered", Outcome: c.cause})
}

func (b *books) total() (n int64) {
	for _, c := range b.entered {
		n += c
	}
	return n
}

// rule asks the governor about a message whose moment this is, and tells whether there was one.
func (st *stage) rule(a *actor) bool {
	i := slices.IndexFunc(a.drafts, func(d *draft) bool { return d.at.Equal(a.at) })
	if i < 0 {
		return false
	}
	d := a.drafts[i]
	ruling := governor.Ruling{Verdict: governor.Allow}
	if st.govern != nil {
		ruling = st.govern.Rule(d.at, &d.ask)
	}
	t := Trace{Node: d.n.ID, At: d.at, Outcome: ruling.Reason}
	switch ruling.Verdict {
	case governor.Later:
		if ruling.At.After(d.at) && ruling.At.Before(d.ask.ExpiresAt) {
			st.books.later[ruling.Reason]++
			d.at, t.What, t.Until = ruling.At, "later", ruling.At
			break
		}
		ruling.Reason = governor.ReasonExpired
		fallthrough
	case governor.Refuse:
		put(st.books.lost, d.ask.Channel, ruling.Reason)
		t.What, t.Outcome = "lost", ruling.Reason
		a.drafts = slices.Delete(a.drafts, i, i+1)
	default:
		if !st.leaves(d) {
			put(st.books.lost, d.ask.Channel, channelNoRelation)
			t.What, t.Outcome = "lost", channelNoRelation
			a.drafts = slices.Delete(a.drafts, i, i+1)
			break
		}
		t.What, t.Outcome = "message", d.ask.Channel
		a.drafts = slices.Delete(a.drafts, i, i+1)
	}
	st.trace(d.run, t)
	return true
}

// leaves notes a message that would leave, and tells whether it does: one that goes out in somebody's name needs somebody.
func (st *stage) leaves(d *draft) bool {
	day := dayNumber(d.at.In(st.zone))
	about := st.about(d.ask.Channel)
	if about.Senders {
		to := st.sender(d)
		if to == 0 {
			if st.govern != nil {
				st.govern.Return(governor.Reservation{Ref: d.ask.Ref, CustomerID: d.ask.CustomerID})
			}
			return false
		}
		st.books.messages[to]++
		t := tap{staff: to, day: day, node: d.n.ID}
		if about.ByHand || st.texts[d.n.With.number("message")].personal {
			t.customer, t.at = d.ask.CustomerID, d.at.UnixMilli()
		}
		st.books.taps[t] = true
	}
	put(st.books.sent, day, d.ask.Channel)
	return true
}

// trace notes something of the customer who is followed.
func (st *stage) trace(r *run, t Trace) {
	if st.asked.CustomerID == 0 || len(st.result.Trail) >= 2000 {
		return
	}
	if t.At.IsZero() {
		t.At = r.now
	}
	if t.Node == "" {
		t.Node = r.Node
	}
	st.result.Trail = append(st.result.Trail, t)
}

func (st *stage) traceMoves(r *run) {
	for _, v := range r.visits {
		if v.Outcome != "end" {
			st.trace(r, Trace{At: v.At, Node: v.Node, What: "left", Outcome: v.Outcome})
		}
	}
	switch {
	case r.goal:
		st.trace(r, Trace{What: "goal"})
	case r.State == Ended:
		st.trace(r, Trace{What: "ended", Outcome: r.Reason})
	case r.DueAt.After(r.now):
		st.trace(r, Trace{What: "waits", Until: r.DueAt})
	}
}

// actors is a queue of who comes next.
type actors []*actor

func (q actors) Len() int { return len(q) }
func (q actors) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].customer < q[j].customer
}
func (q actors) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *actors) Push(a any) { *q = append(*q, a.(*actor)) }

// Pop implements heap.Interface.
func (q *actors) Pop() any {
	last := len(*q) - 1
	a := (*q)[last]
	*q = (*q)[:last]
	return a
}
