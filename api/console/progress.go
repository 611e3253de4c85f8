package console

import (
	"context"
	"time"

	"zhiyin/service/outreach"
)

// ProgressInput names whose messages to follow.
type ProgressInput struct {
	Source   string `query:"source" required:"true" enum:"campaign,journey,task,sidebar,console,system"`
	SourceID string `query:"source_id" required:"true" minLength:"1"`
}

// Progress is how far deliveries have come.
type Progress struct {
	States map[string]int64 `json:"states" nullable:"false" doc:"deliveries by state; together all there are"`
	Total  int64            `json:"total"`
	Done   bool             `json:"done" doc:"nothing is planned, under way or in doubt"`
	At     time.Time        `json:"at"`
}

// progressEvery is how often a follower is told, when something has changed.
const progressEvery = time.Second

// Send gives a follower one event.
type Send func(event string, data any) error

// FollowDeliveries tells, as server-sent events named progress, how far a source's deliveries have come: at once, then whenever something
// has changed, until all is done or the request ends. Clients that are cut off ask again, as they do by themselves.
func (h *Handlers) FollowDeliveries(ctx context.Context, in *ProgressInput) (func(ctx context.Context, send Send) error, error) {
	r := h.reader()
	source, id := r.origin(OriginQuery{in.Source, in.SourceID})
	if r.err != nil {
		return nil, r.err
	}
	now, err := h.progress(ctx, source, id)
	if err != nil {
		return nil, err
	}
	return follow(now, func(ctx context.Context) (*Progress, error) { return h.progress(ctx, source, id) }, (*Progress).same, (*Progress).over), nil
}

// follow tells of something now, and whenever it has changed, until it is over.
func follow[T any](now *T, look func(ctx context.Context) (*T, error), same func(a, b *T) bool, over func(*T) bool) func(ctx context.Context, send Send) error {
	return func(ctx context.Context, send Send) error {
		if err := send("progress", now); err != nil {
			return err
		}
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for last := now; !over(last); {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			next, err := look(ctx)
			if err != nil {
				return err
			}
			if !same(next, last) {
				if err := send("progress", next); err != nil {
					return err
				}
				last = next
			}
		}
		return nil
	}
}

func (h *Handlers) progress(ctx context.Context, source string, id int64) (*Progress, error) {
	sums, err := h.Outreach.Progress(ctx, source, id)
	if err != nil {
		return nil, err
	}
	p := &Progress{States: map[string]int64{}, At: h.Outreach.Now().UTC()}
	for s, n := range sums {
		p.States[s.String()] = n
		p.Total += n
	}
	p.Done = sums[outreach.Planned]+sums[outreach.Claimed]+sums[outreach.InDoubt] == 0
	return p, nil
}

func (p *Progress) same(o *Progress) bool {
	if p.Total != o.Total || len(p.States) != len(o.States) {
		return false
	}
	for s, n := range p.States {
		if o.States[s] != n {
			return false
		}
	}
	return true
}

func (p *Progress) over() bool { return p.Done }
