package journey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

const (
	// batch is how many enrolments one transaction moves.
	batch = 500
	// stepTries is how often a step may fail before somebody has to decide.
	stepTries = 8
)

// Run moves enrolments until ctx ends: at once when something here has them due, at their time, and at the latest within
// a few seconds when another replica left them. Every replica runs it; rows are taken under locks, so nobody moves twice.
func (s *Service) Run(ctx context.Context) {
	for ctx.Err() == nil {
		next, err := s.Advance(ctx)
		if err != nil && ctx.Err() == nil {
			s.Logger.ErrorContext(ctx, "journeys don't advance", "error", err)
			next = s.Now().Add(time.Second)
		}
		timer := time.NewTimer(min(max(next.Sub(s.Now()), 10*time.Millisecond), s.Poll))
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Advance moves all enrolments that are due, and tells when the next one is. It may be run at any moment, twice, and by
// several replicas.
func (s *Service) Advance(ctx context.Context) (next time.Time, err error) {
	stripes := 2
	if model.IsSQLite(s.DB) {
		stripes = 1
	}
	errs := make([]error, stripes)
	var all sync.WaitGroup
	for i := range stripes {
		all.Go(func() { errs[i] = s.advanceStripe(ctx, i, stripes) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return time.Time{}, err
	}
	return s.nextDue(ctx)
}

// advanceStripe moves a part of what is due: a batch of each journey in turn, so that none holds up the others.
func (s *Service) advanceStripe(ctx context.Context, stripe, stripes int) error {
	rows, err := journeysIn(s.DB.WithContext(ctx), Active, Draining)
	if err != nil {
		return err
	}
	var errs []error
	for len(rows) > 0 {
		rows = slices.DeleteFunc(rows, func(j model.Journey) bool {
			n, err := s.advanceSome(ctx, j.ID, stripe, stripes)
			if err != nil {
				errs = append(errs, fmt.Errorf("advance journey %d: %w", j.ID, err))
			}
			return err != nil || n < batch
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

func (s *Service) nextDue(ctx context.Context) (next time.Time, err error) {
	db := s.DB.WithContext(ctx)
	rows, err := journeysIn(db, Active, Draining)
	if err != nil {
		return next, err
	}
	next = s.Now().Add(s.Poll)
	for _, j := range rows {
		at, err := earliest(db, j.ID)
		if err != nil {
			return next, err
		}
		if at != nil && at.Before(next) {
			next = *at
		}
	}
	return next, nil
}

// advanceSome moves a batch of one journey and tells how many were found due.
func (s *Service) advanceSome(ctx context.Context, journey int64, stripe, stripes int) (int, error) {
	ids, err := dueIDs(s.DB.WithContext(ctx), journey, s.now(), stripe, stripes, batch)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return len(ids), s.advance(ctx, journey, ids)
}

// advance moves enrolments in one transaction. When that fails for a reason of theirs, they are tried in ever smaller parts,
// until those who can't be moved are alone and set aside; the others go on.
func (s *Service) advance(ctx context.Context, journey int64, ids []int64) error {
	slices.Sort(ids)
	var moving error
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		moving = s.moveTx(tx, journey, ids, "")
		return moving
	})
	if err == nil || ctx.Err() != nil || model.IsUnavailable(err) || model.IsTransient(err) || moving == nil {
		return err
	}
	if len(ids) > 1 {
		half := len(ids) / 2
		return errors.Join(s.advance(ctx, journey, ids[:half]), s.advance(ctx, journey, ids[half:]))
	}
	return s.failed(ctx, journey, ids[0], err)
}

// moveTx locks the enrolments that are still due, moves them, at most up to a node, and writes what has become of them.
func (s *Service) moveTx(tx *gorm.DB, journey int64, ids []int64, stop string) error {
	now := s.now()
	rows, err := takeDue(tx, ids, now)
	if err != nil || len(rows) == 0 {
		return err
	}
	runs, err := s.runsOf(tx, rows, now)
	if err != nil {
		return err
	}
	byVersion := map[int][]*run{}
	for _, r := range runs {
		if r.State == Running && r.DueAt.Compare(now) <= 0 {
			byVersion[r.Version] = append(byVersion[r.Version], r)
		}
	}
	for version, some := range byVersion {
		e, err := s.engine(tx, journey, version)
		if err != nil {
			return err
		}
		e.stop = map[string]bool{stop: true}
		if err := e.pass(&live{s, tx, now}, some); err != nil {
			return err
		}
	}
	return s.writeTx(tx, runs, now)
}

// engine is what moves the customers of a version now.
func (s *Service) engine(tx *gorm.DB, journey int64, version int) (*engine, error) {
	d, err := s.plan(tx, journey, version)
	if err != nil {
		return nil, err
	}
	return s.engineOf(tx, journey, d)
}

func (s *Service) engineOf(tx *gorm.DB, journey int64, d *Definition) (*engine, error) {
	e := &engine{journey: journey, plan: d, zone: s.Zone, gone: map[int64]bool{}}
	if segments := d.segments(); len(segments) > 0 {
		present, err := presentIn(tx, "segment", segments)
		if err != nil {
			return nil, err
		}
		for _, id := range segments {
			e.gone[id] = !present[id]
		}
	}
	return e, nil
}

// runsOf makes runs of rows. Customers who are no more leave; those of somebody who has just turned out to be another wait
// a minute, until the rows are where they belong.
func (s *Service) runsOf(tx *gorm.DB, rows []model.Enrolment, now time.Time) ([]*run, error) {
	runs := make([]*run, len(rows))
	for i := range rows {
		runs[i] = &run{Enrolment: rows[i], now: now, was: placeOf(&rows[i])}
	}
	there, merged, err := standing(tx, customersOf(runs))
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		switch {
		case !there[r.CustomerID]:
			r.end(ReasonErased)
		case merged[r.CustomerID]:
			r.DueAt = now.Add(time.Minute)
		}
	}
	return runs, nil
}

// writeTx writes what has become of runs: those that changed alike by one statement.
func (s *Service) writeTx(tx *gorm.DB, runs []*run, now time.Time) error {
	alike := map[place][]int64{}
	var order []place
	var visits []model.EnrolmentVisit
	var facts []event.Fact
	t := tally{}
	for _, r := range runs {
		p := placeOf(&r.Enrolment)
		if p == r.was {
			continue
		}
		if alike[p] == nil {
			order = append(order, p)
		}
		alike[p] = append(alike[p], r.ID)
		visits = append(visits, r.visits...)
		t.moved(r)
		facts = append(facts, r.facts(now)...)
	}
	for _, p := range order {
		if err := moveTo(tx, p, alike[p], now); err != nil {
			return err
		}
	}
	if err := insertVisits(tx, visits); err != nil {
		return err
	}
	if _, err := s.Events.Record(tx, facts...); err != nil {
		return err
	}
	if err := s.convertTx(tx, runs); err != nil {
		return err
	}
	return countVisits(tx, t.rows())
}

// facts are what a pass has to tell of a run.
func (r *run) facts(now time.Time) (out []event.Fact) {
	if r.goal {
		out = append(out, event.JourneyGoal{JourneyFact: factOf(&r.Enrolment, now), Held: r.State == Held})
	}
	if r.State == Ended && r.EndedAt != nil && r.EndedAt.Equal(r.now) {
		out = append(out, event.JourneyExited{JourneyFact: factOf(&r.Enrolment, now), Reason: r.Reason})
	}
	return out
}

// failed takes an enrolment as far as the step that fails, and sets it aside there: for a while, then for somebody to decide.
func (s *Service) failed(ctx context.Context, journey, id int64, why error) error {
	s.Logger.WarnContext(ctx, "a journey's step fails", "enrolment", id, "error", why)
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		var at *stepError
		if errors.As(why, &at) {
			if err := s.moveTx(tx, journey, []int64{id}, at.node); err != nil {
				return err
			}
		}
		rows, err := lockEnrolments(tx, []int64{id})
		if err != nil || len(rows) == 0 || rows[0].State != Running {
			return err
		}
		e, now := &rows[0], s.now()
		e.Tries++
		e.Reason, e.UpdatedAt = shown(why), now
		e.DueAt = now.Add(min(time.Second<<e.Tries, 10*time.Minute))
		if e.Tries >= stepTries || lasting(why) {
			e.State = Stuck
		}
		return setAside(tx, e)
	})
}
