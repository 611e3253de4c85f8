package journey

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"time"

	"zhiyin/service/outreach"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/segment"
)

// open puts customers on the stage, with all that will happen to them.
func (st *stage) open(ctx context.Context, ids []int64) (err error) {
	st.db = st.s.DB.WithContext(ctx)
	st.cast, st.tags, st.queue = make(map[int64]*actor, len(ids)), map[int64]map[int64]bool{}, nil
	for _, id := range ids {
		st.cast[id] = &actor{customer: id}
	}
	st.govern = nil
	if st.s.Forecast != nil {
		if st.govern, err = st.s.Forecast(ctx); err != nil {
			return err
		}
	}
	if st.moving, err = st.s.engineOf(st.db, st.journey, st.plan); err != nil {
		return err
	}
	st.moving.stop = map[string]bool{}
	for _, n := range st.plan.Nodes {
		st.moving.stop[n.ID] = st.moving.broken(n) != ""
	}
	if err := st.read(ctx); err != nil {
		return err
	}
	var busy []int64
	for some := range slices.Chunk(ids, 1000) {
		if err := st.events(some); err != nil {
			return err
		}
	}
	if err := st.moments(ids); err != nil {
		return err
	}
	for _, id := range ids {
		a := st.cast[id]
		if len(a.cues) == 0 || !slices.ContainsFunc(a.cues, func(c cue) bool { return c.enter != nil || st.starts(c.event) }) {
			delete(st.cast, id)
			continue
		}
		busy = append(busy, id)
		slices.SortStableFunc(a.cues, func(a, b cue) int { return a.at.Compare(b.at) })
		st.enqueue(a)
	}
	heap.Init(&st.queue)
	if len(busy) == 0 {
		return nil
	}
	if st.govern != nil {
		if err := st.govern.Load(ctx, busy); err != nil {
			return err
		}
	}
	st.follow, st.ways = map[int64]follower{}, map[way][]int64{}
	for some := range slices.Chunk(busy, 1000) {
		found, err := followers(st.db, some)
		if err != nil {
			return err
		}
		for id, f := range found {
			st.follow[id] = f
		}
		if err := sendersOf(st.db, some, st.ways); err != nil {
			return err
		}
	}
	return nil
}

func (st *stage) starts(h *heard) bool {
	return h != nil && st.plan.starter().fits(h.Kind, h.said)
}

// events gives customers what they did in the time, as far as the journey listens for it.
func (st *stage) events(ids []int64) error {
	kinds := st.plan.hears()
	if on := st.plan.starter(); on != nil {
		kinds = append(kinds, on.Kind)
	}
	if len(kinds) == 0 || !st.asked.From.Before(st.s.now()) {
		return nil
	}
	rows, err := eventsOf(st.db, kinds, ids, st.asked.From, st.to)
	if err != nil {
		return err
	}
	for _, e := range rows {
		a := st.cast[e.CustomerID]
		a.cues = append(a.cues, cue{at: e.OccurredAt, event: &heard{e, readSaid(e.Payload)}})
	}
	return nil
}

// moments gives customers the moments at which the clock has them enter, and the beginning where they are there already.
func (st *stage) moments(ids []int64) error {
	t, with := st.plan.Trigger.of, st.plan.Trigger.With
	enter := func(who []int64, at time.Time, cause string) error {
		in := make([]candidate, len(who))
		for i, id := range who {
			in[i] = candidate{customer: id, cause: cause}
		}
		if t.tell != nil && cause == st.plan.Trigger.Kind {
			if err := t.tell(st.db, with, at, st.zone, in); err != nil {
				return err
			}
		}
		for i := range in {
			if a := st.cast[in[i].customer]; a != nil {
				a.cues = append(a.cues, cue{at: at, enter: &in[i]})
			}
		}
		return nil
	}
	if st.asked.SegmentID != 0 {
		in, err := membersAmong(st.db, st.asked.SegmentID, ids)
		if err != nil {
			return err
		}
		if err := enter(keysOf(in), st.asked.From, "segment"); err != nil {
			return err
		}
	}
	var at []time.Time
	if t.due != nil {
		at = t.due(with, st.asked.From.Add(-time.Millisecond), st.to.Add(-time.Millisecond), st.zone)
	} else if t.now != nil && t.now(with) {
		at = []time.Time{st.asked.From}
	}
	first, last := ids[0], ids[len(ids)-1]
	for _, moment := range at {
		for after := first - 1; ; {
			who, err := t.who(st.db, with, moment, st.zone, after, len(ids))
			if err != nil {
				return err
			}
			in := slices.DeleteFunc(slices.Clone(who), func(id int64) bool { return id > last })
			if err := enter(in, moment, st.plan.Trigger.Kind); err != nil {
				return err
			}
			if len(who) < len(ids) || len(in) < len(who) {
				break
			}
			after = who[len(who)-1]
		}
	}
	return nil
}

func keysOf(set map[int64]bool) []int64 {
	out := make([]int64, 0, len(set))
	for id := range set {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// What follows is the world as a rehearsal makes it up: it reads what is real, and writes into its books.

func (st *stage) fits(rule *segment.Rule, customers []int64) (map[int64]bool, error) {
	out := map[int64]bool{}
	for _, some := range st.alike(rule, customers) {
		for part := range slices.Chunk(some.customers, 1000) {
			fits, err := st.s.fitting(st.db, some.rule, part, st.now)
			if err != nil {
				return nil, err
			}
			for id := range fits {
				out[id] = true
			}
		}
	}
	return out, nil
}

func (st *stage) members(segmentID int64, customers []int64) (map[int64]bool, error) {
	out := map[int64]bool{}
	for some := range slices.Chunk(customers, 1000) {
		in, err := membersAmong(st.db, segmentID, some)
		if err != nil {
			return nil, err
		}
		for id := range in {
			out[id] = true
		}
	}
	return out, nil
}

// happened: nothing goes past anybody here.
func (st *stage) happened(sign *Sign, who []*run) (map[*run]bool, error) {
	if sign.Event != nil {
		return nil, nil
	}
	in, err := st.members(sign.Segment+sign.Left, customersOf(who))
	out := map[*run]bool{}
	for _, r := range who {
		out[r] = in[r.CustomerID] == (sign.Left == 0)
	}
	return out, err
}

func (st *stage) send(n *Node, who []*run) error {
	purpose := st.about(n.With.text("channel")).Consent
	for _, r := range who {
		in := intent(n, r)
		st.serial++
		a := st.cast[r.CustomerID]
		ask := governor.Ask{
			Ref: st.serial, CustomerID: in.CustomerID, Channel: in.Channel, Topic: in.Topic, Source: in.Source, SourceID: in.SourceID, Purpose: purpose,
			Targeted: in.Targeted, Transactional: in.Transactional, Priority: in.Priority, DueAt: in.DueAt, ExpiresAt: in.ExpiresAt,
		}
		if x := st.texts[in.MessageID]; x.known {
			ask.Content = outreach.Said(x.hash, in.Values)
		}
		a.drafts = append(a.drafts, &draft{in.DueAt, ask, r, n})
	}
	return nil
}

// about describes a channel; of one that is not known it says nothing.
func (st *stage) about(channel string) outreach.Description {
	if st.s.Channels != nil {
		if c, known := st.s.Channels.Channel(channel); known {
			return c.Describe()
		}
	}
	return outreach.Description{}
}

// channelNoRelation is why a message is lost that goes out in a member's name, where nobody follows the customer.
const channelNoRelation = "no_relation"

// way is an account through which a customer is written to.
type way struct{ account, customer int64 }

// sender is in whose name a message goes out, as the channels choose: the member who is named, or who met the customer last. 0: nobody.
func (st *stage) sender(d *draft) int64 {
	named := d.n.With.number("staff")
	for _, id := range st.ways[way{d.n.With.number("account"), d.ask.CustomerID}] {
		if named == 0 || id == named {
			return id
		}
	}
	return 0
}

// text is what is known of a message.
type text struct {
	hash     [32]byte
	known    bool
	personal bool
}

// read gets to know the messages of the plan.
func (st *stage) read(ctx context.Context) error {
	if st.texts != nil || st.s.Contents == nil {
		return nil
	}
	st.texts = map[int64]text{}
	for _, n := range st.plan.Nodes {
		id := n.With.number("message")
		if id == 0 {
			continue
		}
		hashes, err := st.s.Contents.HashesTx(st.db, []int64{id})
		if err != nil {
			return err
		}
		x := text{}
		x.hash, x.known = hashes[id]
		if x.personal, err = st.s.Contents.Personal(ctx, id); err != nil {
			return err
		}
		st.texts[id] = x
	}
	return nil
}

func (st *stage) tag(n *Node, who []*run) error {
	for _, r := range who {
		if st.tags[r.CustomerID] == nil {
			st.tags[r.CustomerID] = map[int64]bool{}
		}
		for _, id := range n.With.refs("add") {
			st.tags[r.CustomerID][id] = true
		}
		for _, id := range n.With.refs("remove") {
			st.tags[r.CustomerID][id] = false
		}
	}
	st.result.Tags += int64(len(who))
	return nil
}

func (st *stage) set(*Node, []*run) error { return nil }

func (st *stage) ask(n *Node, who []*run) error {
	for _, r := range who {
		if st.govern != nil {
			a := taskAsk(r)
			if ruling := st.govern.Rule(r.now, &a); ruling.Verdict == governor.Refuse {
				put(st.books.lost, taskChannel, ruling.Reason)
				r.instead = Refused
				continue
			}
		}
		if to := cmp.Or(n.With.number("staff"), st.follow[r.CustomerID].StaffID); to != 0 {
			st.result.Tasks++
			st.books.tasks[to]++
		}
	}
	return nil
}

func (st *stage) call(_ *Node, who []*run) error {
	st.result.Calls += int64(len(who))
	return nil
}

func (st *stage) start(*Node, []*run) error { return nil }

// coupon counts coupons, as long as there are any of the batch.
func (st *stage) coupon(n *Node, who []*run) error {
	batch := n.With.number("batch")
	if st.left == nil {
		st.left = map[int64]int64{}
	}
	if _, known := st.left[batch]; !known {
		left, err := couponsLeft(st.db, batch)
		if err != nil {
			return err
		}
		st.left[batch] = left
	}
	for _, r := range who {
		if st.left[batch] == 0 {
			r.instead = Refused
			continue
		}
		st.left[batch]--
		st.books.coupons[batch]++
	}
	return nil
}

// points counts points.
func (st *stage) points(n *Node, who []*run) error {
	st.result.Points += n.With.number("points") * int64(len(who))
	return nil
}
