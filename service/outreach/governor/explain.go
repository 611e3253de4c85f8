package governor

import (
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/service/privacy"
)

// Explanation says why a message to a customer may leave now, or not.
type Explanation struct {
	Ruling
	Zone   *time.Location // where the customer lives
	Choice string         // how much they want to hear by this channel about this topic
	// Unwanted says why they are not to get it whatever the hour; empty: they may.
	Unwanted   string
	HeldOut    bool
	QuietUntil time.Time // zero: it is not quiet now
	Caps       []CapUse
	Quota      *Quota // nil: the channel has none
	QuotaUsed  int
	Sent       []Contact // the last ones that count, the newest first, at most 20
}

// CapUse is how far a cap is used up.
type CapUse struct {
	Cap
	Most int // for this customer
	Used int
	// FreeAt is when the next message is let through; zero: now.
	FreeAt time.Time
}

// Contact is a message that was let out.
type Contact struct {
	Channel, Topic string
	At             time.Time
}

// Explain answers one ask as RuleTx would now, with all it looked at. It reserves nothing.
func (g *Governor) Explain(ctx context.Context, a Ask) (*Explanation, error) {
	tx := g.DB.WithContext(ctx)
	now := g.now()
	r, err := g.rulesNow(tx)
	if err != nil {
		return nil, err
	}
	asks := []Ask{a}
	if r.shares, err = sharesOf(tx, asks); err != nil {
		return nil, err
	}
	p, err := g.know(tx, r, asks, now)
	if err != nil {
		return nil, err
	}
	x := &Explanation{Ruling: r.decide(p, &a, now), Zone: r.home(p), Choice: privacy.All, Unwanted: unwanted(p.wish, &a), HeldOut: r.heldOut(&a)}
	if p.wish != nil {
		x.Choice = p.wish.Choice(a.Channel, a.Topic)
	}
	l := r.limitsOf(a.Channel, a.Topic)
	if l.quiet != nil {
		if local := now.In(x.Zone); l.quiet.covers(local) {
			x.QuietUntil = l.quiet.end(local).UTC()
		}
	}
	for _, c := range l.caps {
		most, doubled := c.halved(x.Choice == privacy.Fewer)
		use := CapUse{Cap: *c, Most: most, Used: r.sentWithin(c, p, r.window(c, p, now, doubled).since)}
		use.FreeAt, _ = r.full(c, p, now, x.Choice == privacy.Fewer)
		x.Caps = append(x.Caps, use)
	}
	if q, ok := p.quotas[a.Channel]; ok {
		x.Quota, x.QuotaUsed = &q, q.used(p.marks, a.Channel)
	}
	for i := len(p.marks) - 1; i >= 0 && len(x.Sent) < 20; i-- {
		m := p.marks[i]
		x.Sent = append(x.Sent, Contact{m.channel, m.topic, time.UnixMilli(m.at).UTC()})
	}
	return x, nil
}

// know reads all about the customer of one ask, without holding anything.
func (g *Governor) know(tx *gorm.DB, r *rules, asks []Ask, now time.Time) (*person, error) {
	b := &batch{g: g, tx: tx, rules: r, now: now, asks: asks, order: []int{0}, out: make([]Ruling, 1)}
	if err := b.load(); err != nil {
		return nil, err
	}
	id := asks[0].CustomerID
	p := b.people[id]
	return p, readBooks(tx, []int64{id}, func(_ int64, marks string) { p.marks = readMarks(marks) })
}
