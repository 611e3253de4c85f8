package journey

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// turns says from which states a journey may come to a state by being told to.
var turns = map[string][]string{
	Active:   {Paused},
	Paused:   {Active, Draining},
	Draining: {Active, Paused},
	Stopped:  {Active, Paused, Draining},
}

// Turn pauses a journey (Paused), lets it go on (Active), closes it to newcomers (Draining) or stops it (Stopped): then
// everybody who is in leaves. What it is already it stays. It fails with ErrState.
//
// A pause holds everything: nobody enters, nobody goes on, and what is due waits. What people wait for is noted while
// they wait.
func (s *Service) Turn(ctx context.Context, id int64, to string) (row *model.Journey, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if row, err = lockJourney(tx, id); err != nil || row.State == to {
			return err
		}
		if !slices.Contains(turns[to], row.State) {
			return ErrState
		}
		row.State, row.UpdatedAt = to, s.now()
		if err := saveJourney(tx, row, "state", "updated_at"); err != nil {
			return err
		}
		model.AfterCommit(tx, s.poke)
		if to != Stopped {
			return nil
		}
		return s.Queue.Enqueue(tx, work.Item{Kind: workStop, Payload: stopRef{row.ID, 0}, Lane: work.LaneBulk, OrderKey: orderKey(row.ID)})
	})
	return row, err
}

// stopRef is the payload of a work that takes people out, page by page.
type stopRef struct {
	Journey int64 `json:"journey"`
	After   int64 `json:"after"`
}

// stopPage ends some of the enrolments of a stopped journey, and leaves a work for the next.
func (s *Service) stopPage(ctx context.Context, l *work.Lease, p stopRef) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := journeyByID(tx, p.Journey)
		if err != nil || row.State != Stopped {
			return ignoreGone(err)
		}
		ids, err := inside(tx, p.Journey, 0, "", p.After, page)
		if err != nil || len(ids) == 0 {
			return err
		}
		rows, err := lockEnrolments(tx, ids)
		if err != nil {
			return err
		}
		now := s.now()
		var runs []*run
		for _, e := range rows {
			if e.State == Running || e.State == Stuck {
				r := &run{Enrolment: e, now: now}
				r.end(ReasonStopped)
				runs = append(runs, r)
			}
		}
		if err := s.writeTx(tx, runs, now); err != nil {
			return err
		}
		p.After = ids[len(ids)-1]
		return s.Queue.Enqueue(tx, work.Item{
			Kind: workStop, Payload: p, Lane: work.LaneBulk, OrderKey: orderKey(p.Journey), DedupeKey: fmt.Sprintf("journey.stop:%d:%d:%d", p.Journey, l.ID, p.After),
		})
	})
}

// Migration moves those who are on one version to another, node by node.
type Migration struct {
	From, To int
	// Nodes says where those go on who are at a node; who is at one that is not named stays on the old version.
	Nodes map[string]string
}

// migrateRef is the payload of a work that migrates, page by page.
type migrateRef struct {
	Journey int64             `json:"journey"`
	From    int               `json:"from"`
	To      int               `json:"to"`
	Nodes   map[string]string `json:"nodes"`
	After   int64             `json:"after"`
}

// Migrate begins to move customers from a version to another by an explicit map, in the background. They have been at
// their new node since they came to the old one, so that a wait goes on. It fails with ErrVersion or ErrMap.
func (s *Service) Migrate(ctx context.Context, id int64, m Migration) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if _, err := lockJourney(tx, id); err != nil {
			return err
		}
		from, err := s.plan(tx, id, m.From)
		if err != nil {
			return err
		}
		to, err := s.plan(tx, id, m.To)
		if err != nil {
			return err
		}
		f := ErrMap
		for a, b := range m.Nodes {
			if from.node(a) == nil || to.node(b) == nil {
				f = f.With(a, "没有这个节点 / no such node: "+a+" → "+b)
			}
		}
		if m.From == m.To || len(m.Nodes) == 0 {
			f = f.With("nodes", "两个不同的版本，至少一个节点 / two versions, and a node at least")
		}
		if f != ErrMap {
			return f
		}
		v, err := versionOf(tx, id, m.To)
		if err != nil {
			return err
		}
		if err := setLive(tx, v.ID, true); err != nil {
			return err
		}
		return s.Queue.Enqueue(tx, work.Item{
			Kind: workMigrate, Payload: migrateRef{id, m.From, m.To, m.Nodes, 0}, Lane: work.LaneBulk, OrderKey: orderKey(id),
		})
	})
}

// migratePage moves some of those who are on the old version, and leaves a work for the next.
func (s *Service) migratePage(ctx context.Context, l *work.Lease, p migrateRef) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		ids, err := inside(tx, p.Journey, p.From, "", p.After, page)
		if err != nil || len(ids) == 0 {
			return err
		}
		rows, err := lockEnrolments(tx, ids)
		if err != nil {
			return err
		}
		byNode := map[string][]int64{}
		for _, e := range rows {
			if to := p.Nodes[e.Node]; to != "" && e.Version == p.From && (e.State == Running || e.State == Stuck) {
				byNode[to] = append(byNode[to], e.ID)
			}
		}
		for to, some := range byNode {
			if err := moveVersion(tx, some, p.To, to, s.now()); err != nil {
				return err
			}
		}
		model.AfterCommit(tx, s.poke)
		p.After = ids[len(ids)-1]
		return s.Queue.Enqueue(tx, work.Item{
			Kind: workMigrate, Payload: p, Lane: work.LaneBulk, OrderKey: orderKey(p.Journey), DedupeKey: fmt.Sprintf("journey.migrate:%d:%d:%d", p.Journey, l.ID, p.After),
		})
	})
}

// Start has a customer enter a journey that other systems start; values may be used by its messages. It tells whether the
// customer entered: not when the entry rules say no. It fails with ErrNotFound, ErrNotOpen, ErrValues or ErrCustomer.
func (s *Service) Start(ctx context.Context, id, customer int64, key string, values map[string]string) (entered bool, err error) {
	if len(values) > 0 && packSaid(values) == "" {
		return false, ErrValues
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := journeyByID(tx, id)
		if err != nil {
			return err
		}
		if row.State != Active {
			return ErrNotOpen
		}
		d, err := s.plan(tx, id, row.Version)
		if err != nil {
			return err
		}
		if d.Trigger.of == nil || !d.Trigger.of.called {
			return ErrNotOpen
		}
		who, err := standsFor(tx, customer)
		if err != nil {
			return err
		}
		n, err := s.enterTx(tx, id, []candidate{{customer: who, key: cutTo(key, maxKey), cause: "api", said: values}})
		entered = n > 0
		return err
	})
	return entered, err
}
