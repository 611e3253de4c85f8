package journey

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// wakeEnd is the wake of an enrolment that an exit rule takes out; the reason follows it.
const wakeEnd = "end:"

// post is a version of a journey that customers may be on, and what it listens for.
type post struct {
	journey model.Journey
	version int
	plan    *Definition
}

// ears say which events anybody listens for: an index by kind.
type ears struct {
	starts map[string][]*post // of the versions that take new enrolments
	inside map[string][]*post // of all that customers may be on: waits, exit rules, goals
	posts  map[planKey]*post
}

// listening gives what journeys listen for now.
func (s *Service) listening(tx *gorm.DB) (*ears, error) {
	journeys, err := journeysIn(tx, Active, Paused, Draining)
	if err != nil || len(journeys) == 0 {
		return &ears{}, err
	}
	versions, err := liveVersions(tx)
	if err != nil {
		return nil, err
	}
	e := &ears{map[string][]*post{}, map[string][]*post{}, map[planKey]*post{}}
	for _, v := range versions {
		i := slices.IndexFunc(journeys, func(j model.Journey) bool { return j.ID == v.JourneyID })
		if i < 0 {
			continue
		}
		d, err := s.plan(tx, v.JourneyID, v.Number)
		if err != nil {
			return nil, err
		}
		p := &post{journeys[i], v.Number, d}
		e.posts[planKey{v.JourneyID, v.Number}] = p
		if on := d.starter(); on != nil && p.journey.State == Active && p.journey.Version == v.Number {
			e.starts[on.Kind] = append(e.starts[on.Kind], p)
		}
		for _, kind := range d.hears() {
			e.inside[kind] = append(e.inside[kind], p)
		}
	}
	return e, nil
}

// starter is the event that starts the journey; nil: none does.
func (d *Definition) starter() *Happening {
	if d.Trigger.of == nil || d.Trigger.of.on == nil {
		return nil
	}
	return d.Trigger.of.on(d.Trigger.With)
}

// event is the sign as an event: coming into or out of a segment is one too.
func (s Sign) event() *Happening {
	switch {
	case s.Event != nil:
		return s.Event
	case s.Left != 0:
		return about(event.KindSegmentLeft, "segment_id", s.Left)
	}
	return about(event.KindSegmentEntered, "segment_id", s.Segment)
}

// losses are the kinds of facts after which a customer may be nobody's contact any more.
var losses = []string{event.KindCustomerLeft, event.KindCustomerDeletedByStaff}

// hears lists the kinds of events that matter to those who are in.
func (d *Definition) hears() (kinds []string) {
	for _, n := range d.Nodes {
		if n.of != nil && n.of.sign != nil {
			if s := n.of.sign(n.With); s != nil {
				kinds = append(kinds, s.event().Kind)
			}
		}
	}
	for _, x := range d.Exits {
		kinds = append(kinds, x.event().Kind)
	}
	if d.Goal != nil {
		kinds = append(kinds, d.Goal.event().Kind)
	}
	if !d.KeepLost {
		kinds = append(kinds, losses...)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// heard is an event as journeys look at it.
type heard struct {
	model.Event
	said said
}

// OnEvents is the reader of all that happens: it wakes those who wait for it, takes out those whom it takes out, notes goals,
// and has customers enter. It writes to the caller's transaction alone, and costs a few statements for each journey that is
// concerned, however many events there are; of a kind that nobody listens for it costs nothing.
func (s *Service) OnEvents(tx *gorm.DB, batch []model.Event) error {
	ears, err := s.listening(tx)
	if err != nil {
		return err
	}
	var inside, starting []*heard
	for _, e := range batch {
		if e.CustomerID == 0 {
			continue
		}
		var h *heard
		if len(ears.inside[e.Kind]) > 0 {
			h = &heard{e, readSaid(e.Payload)}
			inside = append(inside, h)
		}
		if len(ears.starts[e.Kind]) > 0 {
			if h == nil {
				h = &heard{e, readSaid(e.Payload)}
			}
			starting = append(starting, h)
		}
	}
	if err := s.tellInside(tx, ears, inside); err != nil {
		return err
	}
	return s.startBy(tx, ears, starting)
}

// startBy has the customers of events enter the journeys that these start.
func (s *Service) startBy(tx *gorm.DB, ears *ears, events []*heard) error {
	in := map[*post][]candidate{}
	var order []*post
	for _, h := range events {
		for _, p := range ears.starts[h.Kind] {
			if !p.plan.starter().fits(h.Kind, h.said) {
				continue
			}
			if in[p] == nil {
				order = append(order, p)
			}
			in[p] = append(in[p], p.plan.candidate(h))
		}
	}
	slices.SortFunc(order, func(a, b *post) int { return int(a.journey.ID - b.journey.ID) })
	for _, p := range order {
		who, err := s.ofCoupons(tx, in[p])
		if err != nil {
			return err
		}
		if _, err := s.enterTx(tx, p.journey.ID, who); err != nil {
			return err
		}
	}
	return nil
}

// candidate is whom an event has enter.
func (d *Definition) candidate(h *heard) candidate {
	c := candidate{customer: h.CustomerID, cause: h.Kind, event: h.ID, said: map[string]string{}}
	if d.Entry.Key != "" {
		c.key = h.said.keyOf(d.Entry.Key)
	}
	if _, isID := idIn(h.Kind, "coupon_id"); isID {
		c.coupon = rowOf(h.said.text("coupon_id"))
		c.until, _ = time.Parse(time.RFC3339Nano, h.said.text("valid_until"))
	}
	for name := range h.said {
		// Row ids mean nothing to those who read a message.
		if text := h.said.text(name); text != "" && !strings.HasSuffix(name, "_id") && name != "at" && len(text) <= 128 {
			c.said[name] = text
		}
	}
	return c
}

// tellInside tells those who are in what has happened to them.
func (s *Service) tellInside(tx *gorm.DB, ears *ears, events []*heard) error {
	if len(events) == 0 {
		return nil
	}
	of := map[int64][]*heard{}
	var customers []int64
	journeys := map[int64]bool{}
	for _, h := range events {
		if of[h.CustomerID] == nil {
			customers = append(customers, h.CustomerID)
		}
		of[h.CustomerID] = append(of[h.CustomerID], h)
		for _, p := range ears.inside[h.Kind] {
			journeys[p.journey.ID] = true
		}
	}
	now := s.now()
	ids, err := concernedIDs(tx, journeys, customers, now)
	if err != nil || len(ids) == 0 {
		return err
	}
	rows, err := lockEnrolments(tx, ids)
	if err != nil {
		return err
	}
	lost, err := s.lost(tx, events)
	if err != nil {
		return err
	}
	var changed []*run
	for _, e := range rows {
		p := ears.posts[planKey{e.JourneyID, e.Version}]
		if p == nil {
			continue
		}
		r := &run{Enrolment: e, now: now}
		for _, h := range of[e.CustomerID] {
			p.plan.hear(r, h, lost[e.CustomerID])
		}
		if r.Wake != e.Wake || r.goal {
			changed = append(changed, r)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	model.AfterCommit(tx, s.poke)
	return s.hearTx(tx, changed, now)
}

// lost tells which of the customers whom somebody has just lost are nobody's contact any more.
func (s *Service) lost(tx *gorm.DB, events []*heard) (map[int64]bool, error) {
	var ids []int64
	for _, h := range events {
		if slices.Contains(losses, h.Kind) {
			ids = append(ids, h.CustomerID)
		}
	}
	out := setOf(ids)
	if len(ids) == 0 {
		return out, nil
	}
	still, err := followers(tx, ids)
	for id := range still {
		delete(out, id)
	}
	return out, err
}

// hear changes what an event changes in a run: a plain function of both. What happened before the run began, or before it
// came to the node that waits, is past.
func (d *Definition) hear(r *run, h *heard, lost bool) {
	if h.OccurredAt.Before(r.EnteredAt.Truncate(time.Second)) { // the platform tells times in seconds
		return
	}
	if g := d.Goal; g != nil && r.GoalAt == nil && r.GoalUntil != nil && !h.OccurredAt.After(*r.GoalUntil) && g.event().concerns(r.EntryKey, h.Kind, h.said) {
		r.reach(h.OccurredAt)
		if r.State == Running && !g.Stay {
			r.wakeUp(wakeEnd + ReasonGoal)
		}
	}
	if r.State != Running || strings.HasPrefix(r.Wake, wakeEnd) {
		return
	}
	for i, x := range d.Exits {
		if x.event().concerns(r.EntryKey, h.Kind, h.said) {
			r.wakeUp(fmt.Sprintf("%s%s:%d", wakeEnd, ReasonExit, i+1))
			return
		}
	}
	if lost && !d.KeepLost && slices.Contains(losses, h.Kind) {
		r.wakeUp(wakeEnd + ReasonUnfollowed)
		return
	}
	n := d.node(r.Node)
	if n == nil || n.of == nil || n.of.sign == nil || h.OccurredAt.Before(r.ArrivedAt.Truncate(time.Second)) {
		return
	}
	if sign := n.of.sign(n.With); sign != nil && sign.event().concerns(r.EntryKey, h.Kind, h.said) {
		r.wakeUp(wakeHappened)
	}
}

func (r *run) wakeUp(why string) { r.Wake, r.DueAt = why, r.now }

// hearTx writes wakes and goals.
func (s *Service) hearTx(tx *gorm.DB, changed []*run, now time.Time) error {
	alike := map[place][]int64{}
	var facts []event.Fact
	t := tally{}
	for _, r := range changed {
		alike[placeOf(&r.Enrolment)] = append(alike[placeOf(&r.Enrolment)], r.ID)
		if !r.goal {
			continue
		}
		facts = append(facts, event.JourneyGoal{JourneyFact: factOf(&r.Enrolment, now), Held: r.State == Held})
		if r.State == Held {
			t.add(&r.Enrolment, "", countHeldGoal)
		} else {
			t.add(&r.Enrolment, "", countGoal)
		}
	}
	for p, ids := range alike {
		if err := moveTo(tx, p, ids, now); err != nil {
			return err
		}
	}
	if _, err := s.Events.Record(tx, facts...); err != nil {
		return err
	}
	if err := s.convertTx(tx, changed); err != nil {
		return err
	}
	return countVisits(tx, t.rows())
}
