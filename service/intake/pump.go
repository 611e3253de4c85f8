package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/acquisition"
	"zhiyin/service/work"
)

const (
	pumpBatch = 200
	pumpPoll  = time.Second // for what other replicas stored and then died
)

// Pump turns what arrives in the inbox into works until ctx ends. Any number of replicas may run it.
func (s *Service) Pump(ctx context.Context) {
	poll := time.NewTicker(pumpPoll)
	defer poll.Stop()
	for {
		err := s.drain(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.WarnContext(ctx, "inbox not routed; trying again", "error", err)
			select { // the poll, not the next arrival: the database needs a rest
			case <-poll.C:
			case <-ctx.Done():
				return
			}
			continue
		}
		select {
		case <-s.arrived:
		case <-poll.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Service) wakePump() {
	select {
	case s.arrived <- struct{}{}:
	default:
	}
}

// drain routes until nothing is new.
func (s *Service) drain(ctx context.Context) error {
	for {
		rows, err := newRows(s.db.WithContext(ctx), pumpBatch)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := s.routeAll(ctx, rows); err != nil {
			return err
		}
	}
}

// routeAll routes rows together and, when that fails, one by one, so that one that can't be routed
// holds up nobody.
func (s *Service) routeAll(ctx context.Context, rows []model.Inbox) error {
	err := s.route(ctx, rows)
	switch {
	case err == nil, errors.Is(err, errTaken):
		return nil
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), model.IsUnavailable(err), model.IsTransient(err):
		return err
	case len(rows) > 1:
		for i := range rows {
			if err := s.routeAll(ctx, rows[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	s.log.ErrorContext(ctx, "message can't be routed", "inbox", rows[0].ID, "kind", rows[0].Kind, "error", err)
	return finish(s.db.WithContext(ctx), []int64{rows[0].ID}, StateNew, StateFailed, err.Error(), s.now())
}

// errTaken says that another replica has taken some of the rows.
var errTaken = errors.New("taken by another")

// route enqueues the works of rows and marks them routed, in one transaction.
func (s *Service) route(ctx context.Context, rows []model.Inbox) error {
	plans := make([]plan, len(rows))
	for i := range rows {
		p, err := s.plan(ctx, &rows[i])
		if err != nil {
			return err
		}
		plans[i] = p
	}
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		taken, err := takeRows(tx, rows)
		if err != nil {
			return err
		}
		if taken != len(rows) {
			return errTaken
		}
		return s.carryOut(tx, plans)
	})
	if err == nil {
		s.metrics.routed(plans)
	}
	return err
}

// plan is what shall become of one row.
type plan struct {
	id      int64
	state   string // routed with a work; else final
	work    work.Item
	welcome *acquisition.WelcomeDue
}

// plan decides by the row alone.
func (s *Service) plan(ctx context.Context, row *model.Inbox) (plan, error) {
	p := plan{id: row.ID, state: StateUnknown}
	r := routes[row.Kind]
	if r == nil {
		return p, nil
	}
	m, err := parse(row.Body)
	if err != nil {
		return p, nil
	}
	if r.act == nil {
		p.state = StateDone
		return p, nil
	}
	acct, err := s.accounts.ByID(ctx, row.AccountID)
	if err != nil {
		return p, fmt.Errorf("find account %d: %w", row.AccountID, err)
	}
	p.state = StateRouted
	p.work = work.Item{Kind: workEvent, Payload: eventWork{row.ID}, DedupeKey: dedupeKey(row), Lane: work.LaneNormal, OrderKey: orderKey(row.AccountID, r.about(m))}
	if code := m.Get("WelcomeCode"); code != "" && !row.Stale {
		p.welcome = &acquisition.WelcomeDue{
			Account: acct, UserID: m.Get("UserID"), ExternalUserID: m.Get("ExternalUserID"), State: m.Get("State"),
			WelcomeCode: code, ReceivedAt: row.ReceivedAt,
		}
	}
	return p, nil
}

// dedupeKey makes the work of a row, or of a replay of it, the only one.
func dedupeKey(row *model.Inbox) string {
	if row.Replays == 0 {
		return fmt.Sprintf("inbox:%d", row.ID)
	}
	return fmt.Sprintf("inbox:%d:%d", row.ID, row.Replays)
}

func (s *Service) carryOut(tx *gorm.DB, plans []plan) error {
	var items []work.Item
	var welcomes []acquisition.WelcomeDue
	final := map[string][]int64{}
	for _, p := range plans {
		if p.welcome != nil {
			welcomes = append(welcomes, *p.welcome)
		}
		if p.state == StateRouted {
			items = append(items, p.work)
		} else {
			final[p.state] = append(final[p.state], p.id)
		}
	}
	// Welcomes first: their works are the ones that somebody waits for.
	if err := s.acquisition.ReceiveWelcomes(tx, welcomes...); err != nil {
		return fmt.Errorf("receive welcomes: %w", err)
	}
	for state, ids := range final {
		if err := finish(tx, ids, StateRouted, state, "", s.now()); err != nil {
			return err
		}
	}
	return s.queue.Enqueue(tx, items...)
}
