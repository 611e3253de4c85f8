package segment

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Estimate is how many customers a rule selects.
type Estimate struct {
	Count int64
	Total int64 // customers there are
	// Exact: counted. Otherwise it was projected from Sampled customers, and the truth is within Within of Count in 19
	// cases of 20.
	Exact   bool
	Sampled int64
	Within  int64
}

// sessions knows the estimate that each session waits for: the next one ends it.
type sessions struct {
	mu   sync.Mutex
	ends map[string]*context.CancelCauseFunc
}

// begin ends the session's estimate and begins another. An empty session is nobody's.
func (s *sessions) begin(ctx context.Context, session string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if session == "" {
		return ctx, func() { cancel(nil) }
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends == nil {
		s.ends = map[string]*context.CancelCauseFunc{}
	}
	if earlier := s.ends[session]; earlier != nil {
		(*earlier)(ErrOvertaken)
	}
	s.ends[session] = &cancel
	return ctx, func() {
		cancel(nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ends[session] == &cancel {
			delete(s.ends, session)
		}
	}
}

// Estimate counts those a rule selects now, in memory where [Audience] can. What can't be counted within EstimateTime is projected from a sample. A
// newer estimate of the same session ends this one with ErrOvertaken; so does the caller's going away, with its cause.
func (s *Service) Estimate(ctx context.Context, session string, r *Rule, minors bool) (*Estimate, error) {
	ctx, end := s.sessions.begin(ctx, session)
	defer end()
	out, err := s.estimate(ctx, r, minors)
	if err != nil && errors.Is(context.Cause(ctx), ErrOvertaken) {
		return nil, ErrOvertaken
	}
	if err != nil && model.IsTimeout(err) && ctx.Err() == nil {
		return nil, ErrSlow
	}
	return out, err
}

func (s *Service) estimate(ctx context.Context, r *Rule, minors bool) (*Estimate, error) {
	db := s.Estimates.WithContext(ctx)
	e, err := s.env(db, minors, s.Now())
	if err != nil {
		return nil, err
	}
	total, first, last, err := s.people(db)
	if err != nil {
		return nil, err
	}
	out := &Estimate{Total: total, Exact: true}
	if s.Audience != nil {
		// Whatever keeps it from answering keeps nobody from an answer.
		if n, by, err := s.Audience.Count(ctx, e, r); err == nil && by != BySQL {
			out.Count = n
			return out, nil
		}
	}
	out.Count, err = s.counted(ctx, e, r, Scope{}, s.EstimateTime)
	if err == nil || ctx.Err() != nil || !model.IsTimeout(err) {
		return out, err
	}
	return s.sample(ctx, e, r, total, first, last)
}

// counted runs one count within a time.
func (s *Service) counted(ctx context.Context, e *Env, r *Rule, scope Scope, limit time.Duration) (n int64, err error) {
	q, err := e.Count(r, scope)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = s.Estimates.WithContext(ctx).Raw(q.SQL, q.Args...).Scan(&n).Error
	return n, err
}

// A sample takes sampleParts runs of sampleRun customers, spread evenly.
const (
	sampleParts = 20
	sampleRun   = 250
	sampleTime  = 2 * time.Second // for all of it
)

// sample projects from runs of neighbours. Runs cost a fraction of as many single customers; that neighbours are
// alike is in the spread between the runs, and so in Within.
func (s *Service) sample(ctx context.Context, e *Env, r *Rule, total, first, last int64) (*Estimate, error) {
	out := &Estimate{Total: total}
	var shares []float64
	var hits int64
	until := time.Now().Add(sampleTime)
	for i := range int64(sampleParts) {
		after := first - 1 + (last-first)/sampleParts*i + (last-first)/sampleParts/2
		to, err := chunkEnd(s.Estimates.WithContext(ctx), after, last, sampleRun)
		if err != nil {
			return nil, err
		}
		of, err := peopleIn(s.Estimates.WithContext(ctx), after, to)
		if err != nil {
			return nil, err
		}
		if of == 0 {
			continue
		}
		n, err := s.counted(ctx, e, r, Scope{After: after, To: to}, time.Until(until))
		if err != nil {
			return nil, err
		}
		hits, out.Sampled = hits+n, out.Sampled+of
		shares = append(shares, float64(n)/float64(of))
	}
	if out.Sampled == 0 {
		return out, nil
	}
	share := float64(hits) / float64(out.Sampled)
	var spread float64
	for _, x := range shares {
		spread += (x - share) * (x - share)
	}
	n := float64(len(shares))
	out.Count = int64(math.Round(share * float64(total)))
	if n > 1 {
		out.Within = int64(math.Ceil(2.1 * math.Sqrt(spread/(n-1)/n) * float64(total)))
	}
	if hits == 0 { // of n nobody: with that certainty fewer than 3/n
		out.Within = int64(math.Ceil(3 / float64(out.Sampled) * float64(total)))
	}
	return out, nil
}

// people counts the customers there are, and gives the first and the last; it may be a minute old.
func (s *Service) people(db *gorm.DB) (total, first, last int64, err error) {
	now := s.Now()
	s.mu.Lock()
	total, first, last = s.total, s.first, s.last
	fresh := !s.totalAt.IsZero() && now.Sub(s.totalAt) < time.Minute && now.Sub(s.totalAt) >= 0
	s.mu.Unlock()
	if fresh {
		return total, first, last, nil
	}
	// The short limit of estimates is for rules; this is asked once a minute.
	if total, first, last, err = people(s.DB.WithContext(db.Statement.Context)); err != nil {
		return 0, 0, 0, err
	}
	s.mu.Lock()
	s.total, s.first, s.last, s.totalAt = total, first, last, now
	s.mu.Unlock()
	return total, first, last, nil
}

// Diff is what saving a rule would change.
type Diff struct {
	Enter, Leave, Stay int64
	// Entering and Leaving are some of them, for a look.
	Entering, Leaving []int64
}

// diffSample is how many customers a diff names on each side.
const diffSample = 10

// Diff says who would enter and leave a segment if it had another rule. It fails with ErrSlow when that can't be
// counted within the database's limit.
func (s *Service) Diff(ctx context.Context, id int64, r *Rule, minors bool) (*Diff, error) {
	db := s.DB.WithContext(ctx)
	row, err := segmentByID(db, id)
	if err != nil {
		return nil, err
	}
	if row.Kind != Dynamic {
		return nil, ErrKind
	}
	e, err := s.env(db, minors, s.Now())
	if err != nil {
		return nil, err
	}
	q, err := e.Where(r, Scope{})
	if err != nil {
		return nil, err
	}
	out := &Diff{}
	var fits int64
	err = db.Raw("SELECT COUNT(*) FROM customer WHERE "+q.SQL, q.Args...).Scan(&fits).Error
	if err == nil {
		out.Stay, err = countBoth(db, id, q)
	}
	if err == nil {
		out.Enter, out.Leave = fits-out.Stay, row.Members-out.Stay
		out.Entering, err = selectIDs(db, entering(id, q, diffSample))
	}
	if err == nil {
		out.Leaving, err = selectIDs(db, leaving(id, q, diffSample))
	}
	if err != nil && model.IsTimeout(err) && ctx.Err() == nil {
		return nil, ErrSlow
	}
	return out, err
}
