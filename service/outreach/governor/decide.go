package governor

import (
	"time"

	"zhiyin/service/privacy"
)

// decide answers one ask about a customer at a moment. It changes nothing and looks at nothing but its arguments.
func (r *rules) decide(p *person, a *Ask, now time.Time) Ruling {
	if !a.ExpiresAt.IsZero() && !now.Before(a.ExpiresAt) {
		return refused(ReasonExpired)
	}
	if why := unwanted(p.wish, a); why != "" {
		return refused(why)
	}
	if a.Transactional || r.reserved(p, a) {
		return Ruling{Verdict: Allow}
	}
	if r.heldOut(a) {
		return refused(ReasonHoldout)
	}
	if r.repeats(p, a, now) {
		return refused(ReasonDuplicate)
	}
	at, why := r.slot(p, a, now)
	switch {
	case why == "":
		return Ruling{Verdict: Allow}
	case at.IsZero():
		return refused(why)
	}
	return Ruling{Later, why, at}
}

func refused(why string) Ruling { return Ruling{Verdict: Refuse, Reason: why} }

// unwanted says why a customer is not to get a message, whatever the hour; empty: they may.
func unwanted(w *privacy.Wish, a *Ask) string {
	switch {
	case w == nil:
		return ""
	case w.Gone:
		return ReasonGone
	case w.Erasing:
		return ReasonErasing
	case w.Choice(a.Channel, a.Topic) == privacy.None:
		return ReasonDoNotContact
	case a.Purpose != "" && w.Refusals[a.Purpose] != "":
		return w.Refusals[a.Purpose]
	case a.Targeted && w.Refusals[privacy.Targeting] != "":
		return ReasonNoTargeting
	}
	return ""
}

// reserved tells whether the message was let out before.
func (r *rules) reserved(p *person, a *Ask) bool {
	if a.Ref == 0 {
		return false
	}
	for i := len(p.marks) - 1; i >= 0; i-- {
		if p.marks[i].ref == a.Ref {
			return true
		}
	}
	return false
}

// heldOut tells whether the customer is kept apart from what the source sends, or from everything.
func (r *rules) heldOut(a *Ask) bool {
	if a.CustomerID == 0 {
		return false
	}
	if share := r.shares[sourceKey{a.Source, a.SourceID}]; share > 0 && SourceBucket(a.Source, a.SourceID, a.CustomerID) < share {
		return true
	}
	return r.inHoldout(a.CustomerID) && !r.Holdout.exempts(a.Source)
}

// repeats tells whether the customer has been told the same of late.
func (r *rules) repeats(p *person, a *Ask, now time.Time) bool {
	if r.RepeatDays == 0 || a.Content == [32]byte{} {
		return false
	}
	since, content := now.AddDate(0, 0, -r.RepeatDays).UnixMilli(), contentOf(a.Content)
	for i := len(p.marks) - 1; i >= 0 && p.marks[i].at > since; i-- {
		if p.marks[i].content == content {
			return true
		}
	}
	return false
}

// mostHops bounds the search for a later slot.
const mostHops = 100

// slot finds the first moment from now on at which nothing stands in the way, and what stands in the way now; zero: there is no
// such moment before the message loses its sense.
func (r *rules) slot(p *person, a *Ask, now time.Time) (at time.Time, why string) {
	l := r.limitsOf(a.Channel, a.Topic)
	fewer := p.wish != nil && p.wish.Choice(a.Channel, a.Topic) == privacy.Fewer
	at = now
	for range mostHops {
		until, hindrance := r.hindrance(p, a, l, at, fewer)
		if hindrance == "" && why == "" {
			until, hindrance = r.yields(p, a, l, now, fewer)
		}
		if hindrance == "" {
			return at, why
		}
		if why == "" {
			why = hindrance
			if hindrance == ReasonQuiet && l.quiet.Drop {
				break
			}
		}
		if at = until; !a.ExpiresAt.IsZero() && !at.Before(a.ExpiresAt) {
			break
		}
	}
	return time.Time{}, why
}

// hindrance is what stands in the way at a moment, and until when at least.
func (r *rules) hindrance(p *person, a *Ask, l *limits, t time.Time, fewer bool) (until time.Time, why string) {
	if l.quiet != nil {
		if local := t.In(r.home(p)); l.quiet.covers(local) {
			return l.quiet.end(local).UTC(), ReasonQuiet
		}
	}
	if a.CustomerID == 0 {
		return time.Time{}, ""
	}
	for _, c := range l.caps {
		if until, full := r.full(c, p, t, fewer); full {
			return until, ReasonCap
		}
	}
	if q, ok := p.quotas[a.Channel]; ok && t.Before(q.Until) && q.used(p.marks, a.Channel) >= q.Limit {
		return q.Until.UTC(), ReasonQuota
	}
	return time.Time{}, ""
}

// full tells whether a cap lets no more through at a moment, and until when.
func (r *rules) full(c *Cap, p *person, t time.Time, fewer bool) (until time.Time, full bool) {
	if len(p.marks) == 0 {
		return time.Time{}, false
	}
	most, doubled := c.halved(fewer)
	w := r.window(c, p, t, doubled)
	since := w.since.UnixMilli()
	n := 0
	// A mark of another machine may be ahead of our clock: it counts.
	for i := len(p.marks) - 1; i >= 0 && p.marks[i].at >= since; i-- {
		m := &p.marks[i]
		if !r.counts(c, m.channel, m.topic) {
			continue
		}
		if n++; n < most {
			continue
		}
		if c.Window == WindowRolling { // it is this one that has to be forgotten first
			return time.UnixMilli(m.at).Add(w.until.Sub(t)).UTC(), true
		}
		return w.until.UTC(), true
	}
	return time.Time{}, false
}

// sentWithin counts what counts for a cap since a moment.
func (r *rules) sentWithin(c *Cap, p *person, since time.Time) (n int) {
	for i := len(p.marks) - 1; i >= 0 && p.marks[i].at >= since.UnixMilli(); i-- {
		if r.counts(c, p.marks[i].channel, p.marks[i].topic) {
			n++
		}
	}
	return n
}

// yields tells whether something more important is due soon and needs the slot, and when to ask again: once that has been decided.
func (r *rules) yields(p *person, a *Ask, l *limits, now time.Time, fewer bool) (until time.Time, why string) {
	if len(p.rivals) == 0 {
		return time.Time{}, ""
	}
	ahead := now.Add(time.Duration(r.AheadHours) * time.Hour)
	for _, c := range l.caps {
		most, doubled := c.halved(fewer)
		w := r.window(c, p, now, doubled)
		room := most - 1 - r.sentWithin(c, p, w.since)
		var first time.Time
		for i := range p.rivals {
			rv := &p.rivals[i]
			if rv.priority <= a.Priority || !rv.due.After(now) || !rv.due.Before(w.until) || rv.due.After(ahead) || !r.counts(c, rv.channel, rv.topic) {
				continue
			}
			room--
			if first.IsZero() || rv.due.Before(first) {
				first = rv.due
			}
		}
		if !first.IsZero() && room < 0 {
			return first.Add(time.Minute).UTC(), ReasonPriority
		}
	}
	return time.Time{}, ""
}
