package intake

import (
	"context"
	"sync"
	"time"
)

const (
	watchEvery = time.Second
	tellEvery  = 5 // watches
)

// watch ends the returned context with ErrRunOver when somebody ends the run, and says every few
// seconds how far it is. Call stop when the pass is over.
func (s *Service) watch(ctx context.Context, runID int64, account string) (watched context.Context, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	over := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-over:
				s.tell(ctx, runID, account)
				return
			case <-tick.C:
			}
			run, err := s.Progress(watched, runID)
			if err == nil && run.Status != RunRunning {
				cancel(ErrRunOver)
			}
			if n%tellEvery == 0 {
				s.tell(watched, runID, account)
			}
		}
	})
	return watched, func() {
		close(over)
		done.Wait()
		cancel(nil)
	}
}

func (s *Service) tell(ctx context.Context, runID int64, account string) {
	r, err := s.Progress(ctx, runID)
	if err != nil {
		return
	}
	s.log.InfoContext(ctx, "synchronisation", "run", r.ID, "account", account, "status", r.Status, "stage", r.Stage,
		"finished", r.Finished, "total", r.Total, "read", r.ReadCount, "created", r.Created, "updated", r.Updated,
		"unchanged", r.Unchanged, "vanished", r.Vanished, "failed", r.Failed)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
