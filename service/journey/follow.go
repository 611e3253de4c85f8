package journey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

const (
	workEnrol   = "journey.enrol"
	workStop    = "journey.stop"
	workMigrate = "journey.migrate"

	// page is how many customers one such work looks at.
	page = 500
	// longestBack is how far back the clock is followed after a time in which nothing ran: birthdays of last month are past.
	longestBack = 48 * time.Hour
)

// enrolRef is the payload of a work that enrols, page by page: all whom the trigger names at a moment.
type enrolRef struct {
	Journey int64     `json:"journey"`
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	After   int64     `json:"after"`
}

func orderKey(journey int64) string { return fmt.Sprintf("journey:%d", journey) }

// Tick has the clock start what it starts: dates and schedules. It may be run at any moment and twice, by several replicas.
func (s *Service) Tick(ctx context.Context) error {
	db := s.DB.WithContext(ctx)
	rows, err := journeysIn(db, Active, Paused, Draining)
	if err != nil {
		return err
	}
	var errs []error
	for _, j := range rows {
		switch j.State {
		case Draining:
			errs = append(errs, s.drained(ctx, j.ID))
		default:
			errs = append(errs, s.tick(ctx, j))
		}
	}
	return errors.Join(append(errs, s.retire(ctx))...)
}

// tick enrols by the clock up to now. While a journey is paused the clock goes by, and what was due is past.
func (s *Service) tick(ctx context.Context, j model.Journey) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockJourney(tx, j.ID)
		if err != nil || row.State != Active && row.State != Paused {
			return ignoreGone(err)
		}
		d, err := s.plan(tx, row.ID, row.Version)
		if err != nil || d.Trigger.of == nil || d.Trigger.of.due == nil {
			return err
		}
		now := s.now()
		since := now
		if row.Until != nil {
			since = *row.Until
		}
		if since.After(now) {
			return nil // the clock was put back: what was done is done
		}
		if now.Sub(since) > longestBack {
			since = now.Add(-longestBack)
		}
		for _, at := range d.Trigger.of.due(d.Trigger.With, since, now, s.Zone) {
			if row.State == Active {
				if err := s.enrolFrom(tx, row, at); err != nil {
					return err
				}
			}
		}
		row.Until = &now
		return saveJourney(tx, row, "until")
	})
}

func (s *Service) enrolFrom(tx *gorm.DB, row *model.Journey, at time.Time) error {
	return s.Queue.Enqueue(tx, work.Item{
		Kind: workEnrol, Payload: enrolRef{Journey: row.ID, Version: row.Version, At: at}, Lane: work.LaneBulk, OrderKey: orderKey(row.ID),
		DedupeKey: fmt.Sprintf("journey:%d:%d:%d", row.ID, row.Version, at.UnixMilli()),
	})
}

// enrolPage has a page of customers enter and leaves a work for the next, in one transaction: whoever finishes it after a
// crash goes on where it was.
func (s *Service) enrolPage(ctx context.Context, _ *work.Lease, p enrolRef) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := journeyByID(tx, p.Journey)
		if err != nil || row.State != Active {
			return ignoreGone(err)
		}
		d, err := s.plan(tx, p.Journey, p.Version)
		if err != nil || d.Trigger.of == nil || d.Trigger.of.who == nil {
			return err
		}
		ids, err := d.Trigger.of.who(tx, d.Trigger.With, p.At, s.Zone, p.After, page)
		if err != nil || len(ids) == 0 {
			return err
		}
		in := make([]candidate, len(ids))
		for i, id := range ids {
			in[i] = candidate{customer: id, cause: d.Trigger.Kind}
		}
		if d.Trigger.of.tell != nil {
			if err := d.Trigger.of.tell(tx, d.Trigger.With, p.At, s.Zone, in); err != nil {
				return err
			}
		}
		if _, err := s.enterTx(tx, p.Journey, in); err != nil {
			return err
		}
		p.After = ids[len(ids)-1]
		return s.Queue.Enqueue(tx, work.Item{
			Kind: workEnrol, Payload: p, Lane: work.LaneBulk, OrderKey: orderKey(p.Journey),
			DedupeKey: fmt.Sprintf("journey:%d:%d:%d:%d", p.Journey, p.Version, p.At.UnixMilli(), p.After),
		})
	})
}

func ignoreGone(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// drained stops a journey that takes nobody new and in which nobody is left.
func (s *Service) drained(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockJourney(tx, id)
		if err != nil || row.State != Draining {
			return ignoreGone(err)
		}
		left, err := anyIn(tx, id, 0)
		if err != nil || left {
			return err
		}
		row.State, row.UpdatedAt = Stopped, s.now()
		return saveJourney(tx, row, "state", "updated_at")
	})
}

// retire marks versions that nobody is on any more, so that nothing listens for them.
func (s *Service) retire(ctx context.Context) error {
	db := s.DB.WithContext(ctx)
	versions, err := liveVersions(db)
	if err != nil {
		return err
	}
	for _, v := range versions {
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
			row, err := lockJourney(tx, v.JourneyID) // nobody enters meanwhile
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if err == nil && row.Version == v.Number && row.State != Stopped {
				return nil
			}
			left, err := anyIn(tx, v.JourneyID, v.Number)
			if err != nil || left {
				return err
			}
			counting, err := anyCounting(tx, v.JourneyID, v.Number, s.now().Add(-late))
			if err != nil || counting {
				return err
			}
			return setLive(tx, v.ID, false)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
