package governor

import (
	"context"
	"slices"
	"time"

	"zhiyin/model"
)

// tally counts what was not let out, by why.
func tally(asks []Ask, rulings []Ruling, now time.Time) []*model.ContactRefusal {
	type key struct {
		channel, source string
		sourceID        int64
		reason          string
		final           bool
	}
	counts := map[key]*model.ContactRefusal{}
	var out []*model.ContactRefusal
	for i := range rulings {
		if rulings[i].Verdict == Allow {
			continue
		}
		a := &asks[i]
		k := key{a.Channel, a.Source, a.SourceID, rulings[i].Reason, rulings[i].Verdict == Refuse}
		row := counts[k]
		if row == nil {
			row = &model.ContactRefusal{Channel: k.channel, Source: k.source, SourceID: k.sourceID, Reason: k.reason, Final: k.final, CreatedAt: now}
			counts[k] = row
			out = append(out, row)
		}
		row.Times++
	}
	return out
}

// RefusalCount is how often messages were not let out for a reason.
type RefusalCount struct {
	Channel, Source, Reason string
	Final                   bool // false: there was a later slot, and they asked again
	Times                   int64
}

// keepRefusals is for how long refusals are counted.
const keepRefusals = 30 * 24 * time.Hour

// Refusals counts what was not let out within the last stretch of time, the most frequent first. Counts are kept for 30 days.
func (g *Governor) Refusals(ctx context.Context, last time.Duration) ([]RefusalCount, error) {
	out, err := countRefusals(g.DB.WithContext(ctx), g.now().Add(-last))
	slices.SortStableFunc(out, func(a, b RefusalCount) int { return int(b.Times - a.Times) })
	return out, err
}

// Prune forgets counts of refusals and books that say nothing any more. A job; may be run at any moment.
func (g *Governor) Prune(ctx context.Context) error {
	db := g.DB.WithContext(ctx)
	if err := deleteRefusals(db, g.now().Add(-keepRefusals)); err != nil {
		return err
	}
	r, err := g.rulesNow(db)
	if err != nil {
		return err
	}
	return deleteBooks(db, g.now().Add(-r.keep()))
}
