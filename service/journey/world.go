package journey

import (
	"time"

	"zhiyin/model"
	"zhiyin/service/segment"
)

// world is what the engine sees and changes. There are two: what is real, within a transaction, and what a rehearsal
// makes up. Everything is asked and done for many enrolments at once.
type world interface {
	// fits tells who fits a rule.
	fits(rule *segment.Rule, customers []int64) (map[int64]bool, error)
	// members tells who is in a segment.
	members(segmentID int64, customers []int64) (map[int64]bool, error)
	// happened tells for whom a sign has been seen since they came to the node they are at. It is for what went past while
	// they were on their way there.
	happened(sign *Sign, who []*run) (map[*run]bool, error)

	send(n *Node, who []*run) error
	tag(n *Node, who []*run) error
	set(n *Node, who []*run) error
	ask(n *Node, who []*run) error
	call(n *Node, who []*run) error
	start(n *Node, who []*run) error
	coupon(n *Node, who []*run) error
	points(n *Node, who []*run) error
}

// run is an enrolment on its way.
type run struct {
	model.Enrolment
	now    time.Time // the moment it is moved in
	visits []model.EnrolmentVisit
	goal   bool      // reached in this pass
	did    time.Time // when what reached it happened
	was    place     // when it was read; zero: not known
	// instead is the outcome that the step has after all; empty: the one that was decided. One without a branch is only noted.
	instead string
}

func sendMessages(w world, n *Node, who []*run) error { return w.send(n, who) }
func giveTags(w world, n *Node, who []*run) error     { return w.tag(n, who) }
func setFields(w world, n *Node, who []*run) error    { return w.set(n, who) }
func askStaff(w world, n *Node, who []*run) error     { return w.ask(n, who) }
func callOut(w world, n *Node, who []*run) error      { return w.call(n, who) }
func startOther(w world, n *Node, who []*run) error   { return w.start(n, who) }

func giveCoupons(w world, n *Node, who []*run) error { return w.coupon(n, who) }
func givePoints(w world, n *Node, who []*run) error  { return w.points(n, who) }

// leave notes the step that the enrolment has done and takes it to the next.
func (r *run) leave(outcome, to string) {
	r.visits = append(r.visits, model.EnrolmentVisit{EnrolmentID: r.ID, Visit: r.Visit, Node: r.Node, Outcome: outcome, At: r.now})
	r.arrive(to)
}

func (r *run) arrive(at string) {
	r.Node, r.ArrivedAt, r.DueAt, r.Wake = at, r.now, r.now, ""
	r.Visit++
}

// end takes the enrolment out.
func (r *run) end(reason string) {
	if len(r.visits) == 0 || r.visits[len(r.visits)-1].Visit != r.Visit {
		r.visits = append(r.visits, model.EnrolmentVisit{EnrolmentID: r.ID, Visit: r.Visit, Node: r.Node, Outcome: "end", At: r.now})
	}
	at := r.now
	r.State, r.Reason, r.EndedAt, r.Wake = Ended, reason, &at, ""
}

// reach notes the goal, by what happened at a time.
func (r *run) reach(did time.Time) {
	at := r.now
	r.GoalAt, r.goal, r.did = &at, true, did
}
