package audience

import (
	"context"
	"fmt"
	"time"
)

// chunk is how many customers are read at once.
const chunk = 32 * perBlock

// build reads everybody, in the order of ids. The place in the log is noted before anything is read: what changes
// meanwhile is read again by following from there.
func (x *Index) build(ctx context.Context, f *follower) error {
	began := time.Now()
	if err := f.start(ctx, x); err != nil {
		return err
	}
	n, err := countCustomers(ctx, x.db)
	if err != nil {
		return err
	}
	fresh := newHeld(n + n/50) // those who come meanwhile included
	if err := x.readAll(ctx, fresh); err != nil {
		return err
	}
	fresh.settle()
	x.mu.Lock()
	x.held = fresh
	x.mu.Unlock()
	customers, bytes := x.Size()
	x.log.InfoContext(ctx, "audience index built", "customers", customers, "bytes", bytes, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

func (x *Index) readAll(ctx context.Context, into *held) error {
	for after := int64(0); ; {
		last, err := nextIDs(ctx, x.db, after, chunk)
		if err != nil {
			return fmt.Errorf("build the audience index: %w", err)
		}
		if last == 0 {
			return nil
		}
		r, err := read(ctx, x.db, scope{from: after + 1, to: last})
		if err != nil {
			return err
		}
		into.apply(nil, r)
		after = last
	}
}

// settle brings what was built into the smallest form.
func (h *held) settle() {
	for _, s := range h.ids {
		s.optimise()
	}
	for _, s := range h.texts {
		s.optimise()
	}
	h.buyers.optimise()
	h.doers.optimise()
	h.all.RunOptimize()
}

// refresh reads some customers again. ids ascend.
func (x *Index) refresh(ctx context.Context, ids []int64) error {
	r, err := read(ctx, x.db, scope{ids: ids})
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.held.apply(ids, r)
	return nil
}
