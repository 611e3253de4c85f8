package segment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/work"
)

// How a build stands. Names are data.
const (
	buildRunning   = "running"
	buildDone      = "done"
	buildCancelled = "cancelled"
	buildFailed    = "failed"
)

const workBuild = "segment.build"

var buildPolicy = work.Policy{MaxAttempts: 8, Timeout: 2 * time.Hour}

type buildWork struct {
	BuildID int64 `json:"build_id"`
}

// A chunk is as large as the database does in about chunkTime: while a chunk is being done, facts about this segment's
// customers wait.
const (
	firstChunk = 5_000
	leastChunk = 500
	mostChunk  = 100_000
	chunkTime  = 250 * time.Millisecond
)

// paceOf adapts the size of chunks to how long they take.
type paceOf struct {
	mu sync.Mutex
	n  int
}

func (p *paceOf) next() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

func (p *paceOf) took(n int, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case d > chunkTime*3/2:
		p.n = max(leastChunk, n/2)
	case d < chunkTime/2 && n >= p.n:
		p.n = min(mostChunk, n*2)
	}
}

// errBuildOver ends a pass over a build that was cancelled or finished elsewhere.
var errBuildOver = errors.New("the build is over")

// build is the work of a build: chunk after chunk in the order of customers, each in a transaction that also says
// how far it is, so that a build that was broken off goes on where it stopped and nothing is told twice.
func (s *Service) build(ctx context.Context, l *work.Lease, in buildWork) error {
	select {
	case s.building <- struct{}{}:
		defer func() { <-s.building }()
	default:
		return work.Snooze(500 * time.Millisecond) // so many builds run that this one would keep other work waiting
	}
	err := s.chunks(ctx, in.BuildID)
	var f *fault.Fault
	switch {
	case errors.Is(err, errBuildOver):
		return nil
	case err == nil || ctx.Err() != nil:
		return err
	case l.Attempt >= buildPolicy.MaxAttempts, errors.As(err, &f):
		s.Logger.ErrorContext(ctx, "segment not built", "build", in.BuildID, "error", err)
		return failBuild(s.DB.WithContext(ctx), in.BuildID, sentence(err), s.Now())
	}
	return err
}

// sentence says for people why a build failed.
func sentence(err error) string {
	if f := fault.Of(err); f != nil {
		return f.Zh + " · " + f.Error()
	}
	return "数据库出错，未能完成 · the database failed"
}

func (s *Service) chunks(ctx context.Context, buildID int64) error {
	for {
		n := s.pace.next()
		began := time.Now() // how long the machine takes, which no clock of tests should stop
		more, err := s.chunk(ctx, buildID, n)
		switch {
		case err != nil && n > leastChunk && ctx.Err() == nil && model.IsTimeout(err):
			s.pace.took(n, time.Hour)
			continue
		case err != nil && model.IsTimeout(err) && ctx.Err() == nil:
			return ErrSlow
		case err != nil || !more:
			return err
		}
		s.pace.took(n, time.Since(began))
	}
}

// chunk does the next n customers of a build.
func (s *Service) chunk(ctx context.Context, buildID int64, n int) (more bool, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		b, err := buildByID(tx, buildID)
		if err != nil {
			return err
		}
		row, err := lockSegment(tx, b.SegmentID)
		if errors.Is(err, ErrNotFound) {
			return errBuildOver
		}
		if err != nil {
			return err
		}
		// Read again under the lock: definitions change and other workers write under it.
		if b, err = buildByID(tx, buildID); err != nil {
			return err
		}
		if b.Status != buildRunning || b.Version != row.Version {
			return errBuildOver
		}
		more, err = s.chunkTx(tx, row, b, n)
		return err
	})
	return more, err
}

func (s *Service) chunkTx(tx *gorm.DB, row *model.Segment, b *model.SegmentBuild, n int) (more bool, err error) {
	now := s.Now()
	if b.AfterID == 0 && row.Kind == Dynamic { // from here on time is on the timer's side
		row.TimedUntil = &now
		if err := updateSegment(tx, row, "timed_until"); err != nil {
			return false, err
		}
	}
	to, err := chunkEnd(tx, b.AfterID, b.LastID, n)
	if err != nil {
		return false, err
	}
	if to > b.AfterID {
		if err := s.chunkOf(tx, row, b, Scope{After: b.AfterID, To: to}, now); err != nil {
			return false, err
		}
	}
	b.AfterID, b.UpdatedAt = max(to, b.AfterID), now
	if b.AfterID < b.LastID {
		return true, updateBuild(tx, b)
	}
	b.Status, b.FinishedAt, b.RunningSegmentID = buildDone, &now, nil
	if err := updateBuild(tx, b); err != nil {
		return false, err
	}
	row.BuiltVersion, row.BuiltAt, row.BuildMs, row.Error, row.Warning = row.Version, &now, b.ReadMs, "", ""
	if took := time.Duration(b.ReadMs) * time.Millisecond; took > s.SlowBuild {
		row.Warning = fmt.Sprintf("规则较慢，全量计算用时 %.1f 秒 · a slow rule: a full build reads for %.1f s", took.Seconds(), took.Seconds())
	}
	return false, updateSegment(tx, row, "built_version", "built_at", "build_ms", "error", "warning")
}

func (s *Service) chunkOf(tx *gorm.DB, row *model.Segment, b *model.SegmentBuild, scope Scope, now time.Time) error {
	if row.Kind == Frozen {
		return s.copyChunk(tx, row, b, scope)
	}
	l, err := s.liveOf(tx, row)
	if err != nil {
		return err
	}
	e, err := s.env(tx, row.Minors, now)
	if err != nil {
		return err
	}
	began := time.Now()
	want, have, err := s.compare(tx, e, l, scope)
	if err != nil {
		return err
	}
	b.ReadMs += time.Since(began).Milliseconds()
	c := diff(want, have)
	b.Entered += int64(len(c.enter))
	b.Departed += int64(len(c.leave))
	return s.applyTx(tx, row.ID, c, now, 0)
}
