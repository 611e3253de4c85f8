package journey

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/outreach/governor"
	"zhiyin/service/segment"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

const (
	workRehearse = "journey.rehearse"
	// rehearsed is how many customers a rehearsal has in memory at a time.
	rehearsed = 4000
	// longestRehearsal is how many days a rehearsal may look at.
	longestRehearsal = 92
)

// The states of a rehearsal. Names are data.
const (
	RehearsalWaiting   = "waiting"
	RehearsalRunning   = "running"
	RehearsalDone      = "done"
	RehearsalFailed    = "failed"
	RehearsalCancelled = "cancelled"
)

// Forecast is the governor in memory; *governor.Forecast is one.
type Forecast interface {
	Load(ctx context.Context, customerIDs []int64) error
	Rule(now time.Time, a *governor.Ask) governor.Ruling
	Return(did governor.Reservation)
}

// Asked is what a rehearsal shall look at.
type Asked struct {
	// From is when it begins, by a clock of its own. In the past, what customers did since then happens once more; in the
	// future nobody does anything.
	From time.Time `json:"from"`
	Days int       `json:"days"` // 1 to 92
	// SegmentID are customers who enter at the beginning, besides those whom the trigger has enter: for journeys that other
	// systems start. 0: nobody.
	SegmentID int64 `json:"segment_id,omitempty"`
	// CustomerID is the one who is followed step by step; 0: all customers, and nobody in particular.
	CustomerID int64 `json:"customer_id,omitempty"`
}

func (a *Asked) check() error {
	if a.Days < 1 || a.Days > longestRehearsal {
		return ErrDefinition.With("days", fmt.Sprintf("1 … %d", longestRehearsal))
	}
	return nil
}

// AskRehearsal has the draft of a journey rehearsed in the background: on the customers there are, by a clock of its own,
// and without anything leaving. It fails with ErrDefinition when the draft can't be used.
func (s *Service) AskRehearsal(ctx context.Context, id int64, a Asked, by int64) (*model.JourneyRehearsal, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	asked, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	var row *model.JourneyRehearsal
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		j, err := journeyByID(tx, id)
		if err != nil {
			return err
		}
		if _, err := s.usable(tx, j.Draft); err != nil {
			return err
		}
		row = &model.JourneyRehearsal{JourneyID: id, Definition: j.Draft, Asked: string(asked), State: RehearsalWaiting, StaffID: by, CreatedAt: s.now()}
		if err := tx.Create(row).Error; err != nil {
			return err
		}
		return s.Queue.Enqueue(tx, work.Item{Kind: workRehearse, Payload: rehearseRef{row.ID}, Lane: work.LaneBulk})
	})
	return row, err
}

// usable reads a definition that has no problem.
func (s *Service) usable(tx *gorm.DB, raw string) (*Definition, error) {
	d, err := s.readTx(tx, []byte(raw), segment.RowIDs)
	if err != nil {
		return nil, err
	}
	problems, err := s.checkTx(tx, d)
	return d, cmp.Or(err, faultOf(problems))
}

// Rehearsal gives a rehearsal and what it found, nil as long as it is not done.
func (s *Service) Rehearsal(ctx context.Context, id int64) (*model.JourneyRehearsal, *Result, error) {
	row, err := rehearsalByID(s.DB.WithContext(ctx), id)
	if err != nil || row.Result == "" {
		return row, nil, err
	}
	var r Result
	if err := json.Unmarshal([]byte(row.Result), &r); err != nil {
		return nil, nil, fmt.Errorf("read the result of rehearsal %d: %w", id, err)
	}
	return row, &r, nil
}

// Rehearsals lists a journey's rehearsals, the newest first.
func (s *Service) Rehearsals(ctx context.Context, journey, before int64, limit int) ([]model.JourneyRehearsal, error) {
	db := s.DB.WithContext(ctx)
	if _, err := journeyByID(db, journey); err != nil {
		return nil, err
	}
	return rehearsalsBefore(db, journey, before, limit)
}

// CancelRehearsal stops one that waits or runs; one that has ended stays as it is.
func (s *Service) CancelRehearsal(ctx context.Context, id int64) error {
	db := s.DB.WithContext(ctx)
	if _, err := rehearsalByID(db, id); err != nil {
		return err
	}
	return askCancel(db, id)
}

// rehearseRef is the payload of the work that rehearses.
type rehearseRef struct {
	ID int64 `json:"id"`
}

// rehearseWork does a rehearsal; a process that dies in the middle of one leaves it to another, which begins anew.
func (s *Service) rehearseWork(ctx context.Context, _ *work.Lease, p rehearseRef) error {
	row, err := beginRehearsal(s.DB.WithContext(ctx), p.ID, s.now())
	if err != nil || row == nil {
		return err
	}
	var a Asked
	if err := json.Unmarshal([]byte(row.Asked), &a); err != nil {
		return fmt.Errorf("read what rehearsal %d shall look at: %w", p.ID, err)
	}
	d, err := s.usable(s.DB.WithContext(ctx), row.Definition)
	var r *Result
	if err == nil {
		r, err = s.rehearse(ctx, row.JourneyID, d, a, func(done, total int64) error { return noteProgress(s.DB.WithContext(ctx), p.ID, done, total) })
	}
	end := model.JourneyRehearsal{ID: p.ID, State: RehearsalDone}
	switch f := fault.Of(err); {
	case errors.Is(err, errCancelled):
		end.State = RehearsalCancelled
	case f != nil:
		end.State, end.Error = RehearsalFailed, f.Zh+" / "+f.En
	case err != nil:
		return err
	default:
		raw, err := json.Marshal(r)
		if err != nil {
			return err
		}
		end.Result = string(raw)
	}
	return endRehearsal(s.DB.WithContext(ctx), &end, s.now())
}

// Rehearse looks at what a definition would do with all customers, and takes as long as that takes. It fails with
// ErrDefinition.
func (s *Service) Rehearse(ctx context.Context, journey int64, d *Definition, a Asked) (*Result, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	problems, err := s.checkTx(s.DB.WithContext(ctx), d)
	if err != nil || len(problems) > 0 {
		return nil, orFault(err, problems)
	}
	return s.rehearse(ctx, journey, d, a, func(int64, int64) error { return nil })
}

// Follow takes one customer whom the viewer may see through a definition, step by step, at once. It fails with ErrNotFound,
// ErrDefinition or ErrCustomer.
func (s *Service) Follow(ctx context.Context, v *staff.Viewer, journey int64, d *Definition, a Asked) (*Result, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	db := s.DB.WithContext(ctx)
	if _, err := journeyByID(db, journey); err != nil {
		return nil, err
	}
	seen, err := s.Customers.Visible(ctx, v, []int64{a.CustomerID})
	if err != nil || len(seen) == 0 {
		return nil, cmp.Or(err, error(ErrCustomer))
	}
	problems, err := s.checkTx(db, d)
	if err != nil || len(problems) > 0 {
		return nil, orFault(err, problems)
	}
	return s.rehearse(ctx, journey, d, a, func(int64, int64) error { return nil })
}

// errCancelled says that somebody has asked to stop.
var errCancelled = errors.New("journey: the rehearsal is cancelled")

// rehearse goes through all customers, some at a time: none of them matters to the others, but for the bounds of entry.
func (s *Service) rehearse(ctx context.Context, journey int64, d *Definition, a Asked, progress func(done, total int64) error) (*Result, error) {
	db := s.DB.WithContext(ctx)
	a.From = a.From.UTC().Truncate(time.Millisecond)
	st := newStage(s, journey, d, a)
	total := int64(1)
	if a.CustomerID == 0 {
		var err error
		if total, err = countCustomers(db); err != nil {
			return nil, err
		}
	}
	for after := int64(0); ; {
		ids := []int64{a.CustomerID}
		if a.CustomerID == 0 {
			var err error
			if ids, err = customersAfter(db, after, rehearsed); err != nil {
				return nil, err
			}
		}
		if len(ids) == 0 {
			break
		}
		if err := st.play(ctx, ids); err != nil {
			return nil, err
		}
		after = ids[len(ids)-1]
		st.result.Customers += int64(len(ids))
		if err := progress(st.result.Customers, total); err != nil {
			return nil, err
		}
		if a.CustomerID != 0 {
			break
		}
	}
	return st.finish(), nil
}
