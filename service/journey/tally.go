package journey

import (
	"cmp"
	"slices"

	"zhiyin/model"
)

// What is counted of a version as a whole, without a node. Names are data.
const (
	countEntered  = "+entered"
	countHeld     = "+held"
	countGoal     = "+goal"
	countHeldGoal = "+held_goal"
	countEnded    = "-" // with the reason after it
)

// tally gathers what happened at nodes, to be counted by one statement.
type tally map[model.JourneyCount]int64

func (t tally) add(e *model.Enrolment, node, outcome string) {
	t[model.JourneyCount{JourneyID: e.JourneyID, Version: e.Version, Node: node, Outcome: outcome}]++
}

// rows are the counts in one order.
func (t tally) rows() []model.JourneyCount {
	out := make([]model.JourneyCount, 0, len(t))
	for c, n := range t {
		c.Times = n
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b model.JourneyCount) int {
		return cmp.Or(cmp.Compare(a.JourneyID, b.JourneyID), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Outcome, b.Outcome))
	})
	return out
}

// moved counts what a pass did with a run: each visit's outcome, each arrival, and the end.
func (t tally) moved(r *run) {
	e := &r.Enrolment
	for i, v := range r.visits {
		t.add(e, v.Node, v.Outcome)
		if i+1 < len(r.visits) {
			t.add(e, r.visits[i+1].Node, "")
		} else if r.State == Running {
			t.add(e, r.Node, "")
		}
	}
	if r.State == Ended {
		t.add(e, "", cutTo(countEnded+r.Reason, 32))
	}
	if r.goal {
		t.add(e, "", countGoal)
	}
}

func cutTo(text string, n int) string {
	if len(text) > n {
		return text[:n]
	}
	return text
}
