package journey

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"zhiyin/model"
)

// wakeHappened says that what the step looks out for has happened.
const wakeHappened = "happened"

// hops bounds how many steps one pass takes an enrolment through; what is left goes on in the next.
const hops = 50

// engine moves enrolments of one version.
type engine struct {
	journey int64
	plan    *Definition
	zone    *time.Location
	gone    map[int64]bool  // segments that are no more
	stop    map[string]bool // nodes that nobody is taken through
}

// stepError says at which node moving failed, for those who must be set aside.
type stepError struct {
	node string
	err  error
}

func (e *stepError) Error() string { return "step " + e.node + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// pass moves enrolments as far as they go at this moment: each until it waits or ends. It changes the runs; nothing
// of that is true until the caller has written it. When it fails, no run may be written.
func (e *engine) pass(w world, runs []*run) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	moving, err := e.watch(w, runs)
	if err != nil {
		return err
	}
	for hop := 0; len(moving) > 0 && hop < hops; hop++ {
		if moving, err = e.hop(w, moving); err != nil {
			return err
		}
	}
	return nil
}

// watch looks at the goal and the exit rules before anybody moves, and gives those who go on.
func (e *engine) watch(w world, runs []*run) ([]*run, error) {
	going := slices.Clone(runs)
	if g := e.plan.Goal; g != nil && g.Event == nil {
		var looking []*run
		for _, r := range going {
			if r.GoalAt == nil && r.GoalUntil != nil && !r.now.After(*r.GoalUntil) {
				looking = append(looking, r)
			}
		}
		if err := e.among(w, g.Sign, looking, func(r *run) { r.reach(r.now) }); err != nil {
			return nil, err
		}
	}
	if g := e.plan.Goal; g != nil && !g.Stay {
		for _, r := range going {
			if r.GoalAt != nil {
				r.end(ReasonGoal)
			}
		}
	}
	for i, x := range e.plan.Exits {
		going = slices.DeleteFunc(going, (*run).over)
		if x.Event != nil {
			continue // events end at once, where they are heard of
		}
		err := e.among(w, x, going, func(r *run) { r.end(fmt.Sprintf("%s:%d", ReasonExit, i+1)) })
		if err != nil {
			return nil, err
		}
	}
	for _, r := range going {
		if reason, ends := strings.CutPrefix(r.Wake, "end:"); ends && !r.over() {
			r.end(reason)
		}
	}
	return slices.DeleteFunc(going, (*run).over), nil
}

func (r *run) over() bool { return r.State != Running }

// among calls f for the runs of those who are in the segment of a sign, or out of it. Of a segment that is no more nothing
// is said.
func (e *engine) among(w world, s Sign, runs []*run, f func(*run)) error {
	id := s.Segment + s.Left // one of them is 0
	if len(runs) == 0 || e.gone[id] {
		return nil
	}
	in, err := w.members(id, customersOf(runs))
	if err != nil {
		return err
	}
	for _, r := range runs {
		if in[r.CustomerID] == (s.Left == 0) {
			f(r)
		}
	}
	return nil
}

func customersOf(runs []*run) []int64 {
	out := make([]int64, len(runs))
	for i, r := range runs {
		out[i] = r.CustomerID
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// hop takes every run through the node it is at, those of one node together, and gives those who have come to another.
func (e *engine) hop(w world, runs []*run) (moved []*run, err error) {
	at := map[string][]*run{}
	for _, r := range runs {
		at[r.Node] = append(at[r.Node], r)
	}
	for _, n := range e.plan.Nodes {
		if e.stop[n.ID] {
			delete(at, n.ID)
		}
		if len(at[n.ID]) == 0 {
			continue
		}
		some, err := e.through(w, n, at[n.ID])
		if err != nil {
			return nil, &stepError{n.ID, err}
		}
		moved = append(moved, some...)
		delete(at, n.ID)
	}
	for id := range at {
		return nil, &stepError{id, fmt.Errorf("the version has no node %q", id)}
	}
	return moved, nil
}

// through takes runs through one node.
func (e *engine) through(w world, n *Node, runs []*run) (moved []*run, err error) {
	if why := e.broken(n); why != "" {
		return nil, fmt.Errorf("can't be done any more: %s", why)
	}
	fits, err := e.answers(w, n, runs)
	if err != nil {
		return nil, err
	}
	moves := make([]Move, len(runs))
	var late []*run // whose time-out has come
	for i, r := range runs {
		moves[i] = n.of.next(n.With, e.facts(n, r, fits, r.Wake == wakeHappened))
		if moves[i].Outcome == TimedOut && n.of.sign != nil {
			late = append(late, r)
		}
	}
	if len(late) > 0 {
		seen, err := w.happened(n.of.sign(n.With), late)
		if err != nil {
			return nil, err
		}
		for i, r := range runs {
			if seen[r] {
				moves[i] = n.of.next(n.With, e.facts(n, r, fits, true))
			}
		}
	}
	for i, r := range runs {
		if moves[i].Outcome != "" {
			moved = append(moved, r)
		}
	}
	if n.of.act != nil && len(moved) > 0 {
		if err := n.of.act(w, n, moved); err != nil {
			return nil, err
		}
	}
	for i, r := range runs {
		switch m := moves[i]; {
		case m.Outcome != "":
			outcome := cmp.Or(r.instead, m.Outcome)
			r.instead = ""
			r.leave(outcome, cmp.Or(n.Next[outcome], n.Next[m.Outcome])) // an outcome without a branch of its own goes on all the same
		case m.End != "":
			r.end(m.End)
		default:
			r.DueAt, r.Wake = m.Until, ""
		}
	}
	return moved, nil
}

// broken says why a node can't be done: something in it can't be read any more, or it asks for a segment that is gone.
func (e *engine) broken(n *Node) string {
	if n.of == nil || n.broken != "" {
		return n.broken + n.Step
	}
	for _, ref := range e.plan.names {
		if ref.node == n && ref.kind == model.KindSegment && e.gone[ref.id] {
			return "人群已删除 / its segment is gone"
		}
	}
	return ""
}

func (e *engine) answers(w world, n *Node, runs []*run) ([]map[int64]bool, error) {
	if n.of.rules == nil {
		return nil, nil
	}
	rules := n.of.rules(n.With)
	out := make([]map[int64]bool, len(rules))
	who := customersOf(runs)
	for i, rule := range rules {
		var err error
		if out[i], err = w.fits(rule, who); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e *engine) facts(n *Node, r *run, fits []map[int64]bool, woken bool) Facts {
	f := Facts{Now: r.now, ArrivedAt: r.ArrivedAt, Zone: e.zone, Journey: e.journey, Customer: r.CustomerID, Node: n.ID, Woken: woken}
	for _, answer := range fits {
		f.Fits = append(f.Fits, answer[r.CustomerID])
	}
	return f
}
