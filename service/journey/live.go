package journey

import (
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/coupon"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/loyalty"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/profile"
	"zhiyin/service/segment"
	"zhiyin/service/staff"
	"zhiyin/service/tag"
)

// live is the world as it is: all that is done is done within one transaction.
type live struct {
	s   *Service
	tx  *gorm.DB
	now time.Time
}

// defaultWorth is how long a message is worth sending where its step says nothing.
const defaultWorth = 72 * time.Hour

func (w *live) fits(rule *segment.Rule, customers []int64) (map[int64]bool, error) {
	return w.s.fitting(w.tx, rule, customers, w.now)
}

// fitting asks a rule about customers, children included: whether they may be written to is for the governor to say.
func (s *Service) fitting(tx *gorm.DB, rule *segment.Rule, customers []int64, now time.Time) (map[int64]bool, error) {
	words, err := s.vocabulary(tx, false)
	if err != nil {
		return nil, err
	}
	env := &segment.Env{Now: now, Zone: s.Zone, Known: words, Minors: true, SQLite: model.IsSQLite(tx)}
	q, err := env.Select(rule, segment.Scope{IDs: customers})
	if err != nil {
		return nil, err
	}
	ids, err := selectIDs(tx, q.SQL, q.Args)
	return setOf(ids), err
}

func (w *live) members(segmentID int64, customers []int64) (map[int64]bool, error) {
	return membersAmong(w.tx, segmentID, customers)
}

func (w *live) happened(sign *Sign, who []*run) (map[*run]bool, error) {
	if sign.Event == nil {
		in, err := w.members(sign.Segment+sign.Left, customersOf(who))
		out := map[*run]bool{}
		for _, r := range who {
			out[r] = in[r.CustomerID] == (sign.Left == 0)
		}
		return out, err
	}
	from := w.now
	for _, r := range who {
		if r.ArrivedAt.Before(from) {
			from = r.ArrivedAt
		}
	}
	events, err := eventsOf(w.tx, []string{sign.Event.Kind}, customersOf(who), from, w.now)
	if err != nil {
		return nil, err
	}
	return seenBy(sign.Event, who, events), nil
}

// seenBy tells for whom one of the events is the one that is looked out for, since they came to the node.
func seenBy(h *Happening, who []*run, events []model.Event) map[*run]bool {
	of := map[int64][]*heard{}
	for _, e := range events {
		of[e.CustomerID] = append(of[e.CustomerID], &heard{e, readSaid(e.Payload)})
	}
	out := map[*run]bool{}
	for _, r := range who {
		out[r] = slices.ContainsFunc(of[r.CustomerID], func(e *heard) bool {
			return !e.OccurredAt.Before(r.ArrivedAt) && h.concerns(r.EntryKey, e.Kind, e.said)
		})
	}
	return out
}

// intent is the message that a step means for a customer. Each visit of a step means one.
func intent(n *Node, r *run) outreach.Intent {
	worth := r.now.Add(defaultWorth)
	if s, set := n.With["expires"].(Span); set {
		worth = s.After(r.now, time.UTC)
	}
	return outreach.Intent{
		Source: outreach.SourceJourney, SourceID: r.JourneyID, Step: n.ID, CustomerID: r.CustomerID, Occurrence: occurrence(r),
		Channel: n.With.text("channel"), AccountID: n.With.number("account"), StaffID: n.With.number("staff"), MessageID: n.With.number("message"),
		Values: unpackSaid(r.Said), Topic: n.With.text("topic"), Transactional: n.With.flag("transactional"), Targeted: !n.With.flag("transactional"),
		Priority: int(n.With.number("priority")), DueAt: r.now, ExpiresAt: worth,
	}
}

// occurrence names a visit for ever, and occurrences is what those of an enrolment begin with.
func occurrence(r *run) string { return fmt.Sprintf("%s%d", occurrences(r), r.Visit) }

func occurrences(r *run) string { return fmt.Sprintf("%d.", r.ID) }

func (w *live) send(n *Node, who []*run) error {
	in := make([]outreach.Intent, len(who))
	for i, r := range who {
		in[i] = intent(n, r)
	}
	_, err := w.s.Messages.PlanTx(w.tx, in)
	return err
}

func (w *live) tag(n *Node, who []*run) error {
	in := tag.Giving{
		CustomerIDs: customersOf(who), Add: n.With.refs("add"), Remove: n.With.refs("remove"), Bulk: len(who) > 10,
		Origin: tag.Origin{Source: tag.SourceJourney, ID: who[0].JourneyID},
	}
	if s, set := n.With["expires"].(Span); set {
		end := s.After(w.now, w.s.Zone)
		in.ExpiresAt = &end
	}
	_, err := w.s.Tags.GiveTx(w.tx, in)
	return err
}

func (w *live) set(n *Node, who []*run) error {
	value := []string{}
	if v := n.With.text("value"); v != "" {
		value = []string{v}
	}
	in, err := w.s.Profiles.Checked(w.tx, profile.Edit{Answers: profile.Answers{n.With.text("field"): value}})
	if err != nil {
		return err
	}
	for _, id := range customersOf(who) {
		if _, err := w.s.Profiles.EditTx(w.tx, id, in, profile.By{Source: event.SourceJourney}); err != nil {
			return err
		}
	}
	return nil
}

// ask gives tasks to those who are named, or who follow; a customer whom nobody follows is nobody's task.
func (w *live) ask(n *Node, who []*run) error {
	to := n.With.number("staff")
	var follow map[int64]follower
	if to == 0 {
		var err error
		if follow, err = followers(w.tx, customersOf(who)); err != nil {
			return err
		}
	}
	if err := w.spare(who); err != nil {
		return err
	}
	for _, r := range who {
		staffID := to
		if to == 0 {
			staffID = follow[r.CustomerID].StaffID
		}
		if staffID == 0 || r.instead != "" {
			continue
		}
		in := staff.TaskInput{
			StaffID: staffID, CustomerID: r.CustomerID, Kind: "journey", DedupeKey: "journey:" + occurrence(r), Title: n.With.text("title"), Note: n.With.text("note"),
		}
		if s, set := n.With["due"].(Span); set {
			in.DueAt = s.After(w.now, w.s.Zone)
		}
		if err := w.s.Tasks.AddTaskTx(w.tx, in); err != nil {
			return err
		}
	}
	return nil
}

// spare has those go by without a task who want to hear nothing. A task without content is no message: nothing else is asked of it, and
// it counts for no cap.
func (w *live) spare(who []*run) error {
	if w.s.Governor == nil {
		return nil
	}
	asks := make([]governor.Ask, len(who))
	for i, r := range who {
		asks[i] = taskAsk(r)
	}
	rulings, err := w.s.Governor.RuleTx(w.tx, asks)
	if err != nil {
		return err
	}
	for i, r := range who {
		if rulings[i].Verdict == governor.Refuse {
			r.instead = Refused
		}
	}
	return nil
}

// taskAsk asks whether staff may be asked to speak to a customer.
func taskAsk(r *run) governor.Ask {
	return governor.Ask{CustomerID: r.CustomerID, Channel: taskChannel, Source: outreach.SourceJourney, SourceID: r.JourneyID, Transactional: true, DueAt: r.now}
}

// taskChannel is the channel by which customers choose what they hear from staff.
const taskChannel = "task"

func (w *live) call(n *Node, who []*run) error {
	facts := make([]event.Fact, len(who))
	for i, r := range who {
		facts[i] = event.JourneyCalled{JourneyFact: factOf(&r.Enrolment, w.now), Label: n.With.text("label"), Visit: r.Visit}
	}
	_, err := w.s.Events.Record(w.tx, facts...)
	return err
}

func (w *live) start(n *Node, who []*run) error {
	in := make([]candidate, len(who))
	for i, r := range who {
		in[i] = candidate{customer: r.CustomerID, cause: "journey", event: r.EventID, said: unpackSaid(r.Said)}
	}
	_, err := w.s.enterTx(w.tx, n.With.number("journey"), in)
	return err
}

// coupon gives each a coupon, or sends them by the other outcome: none is left, they have had theirs, it is for others.
func (w *live) coupon(n *Node, who []*run) error {
	for _, r := range who {
		_, err := w.s.Coupons.IssueTx(w.tx, coupon.IssueInput{
			BatchID: n.With.number("batch"), CustomerID: r.CustomerID, Key: coupon.Key{Whose: "journey", Name: "enrolment:" + occurrence(r)},
			Source: coupon.SourceJourney, SourceID: r.ID, JourneyID: r.JourneyID, Step: n.ID,
		})
		if f := fault.Of(err); f != nil && (f.Kind == fault.Conflict || f.Kind == fault.NotFound) {
			r.instead = Refused
		} else if err != nil {
			return err
		}
	}
	return nil
}

// points gives each points, once a visit.
func (w *live) points(n *Node, who []*run) error {
	for _, r := range who {
		_, err := w.s.Points.EarnTx(w.tx, loyalty.Earning{
			CustomerID: r.CustomerID, Points: n.With.number("points"), ValidDays: int(n.With.number("days")),
			Detail: loyalty.Detail{Key: "journey:" + occurrence(r), Source: "journey", SourceID: r.ID, Reason: n.With.text("reason")},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
