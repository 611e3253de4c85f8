package autotag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/segment"
	"zhiyin/service/tag"
)

// What rules do, as history tells it. Names are data.
const (
	Give     = "give"
	Take     = "take"
	HoldBack = "hold_back" // it would have acted too often on one customer
)

// Rules may set each other off. One that has acted on a customer mostActs times within actSpan leaves that customer alone
// until some of it is past.
const (
	mostActs = 6
	actSpan  = time.Hour
)

// why is what made a rule look at a customer.
type why struct {
	event int64
	text  string
}

// OnEvents is the reader of all that happens: it acts at once on the customers of what happened. It writes to the
// caller's transaction alone and costs a few statements for each rule that is concerned, however many events there are.
func (s *Service) OnEvents(tx *gorm.DB, batch []model.Event) error {
	rules, err := s.enabled(tx)
	if err != nil || len(rules) == 0 {
		return err
	}
	knots := s.netOf(rules)
	var seen []*happening
	for _, e := range batch {
		if e.CustomerID != 0 {
			seen = append(seen, knots.happening(e))
		}
	}
	for _, r := range rules {
		about := map[int64]why{}
		for _, h := range seen {
			if r.standing() {
				if r.facts[h.Kind] {
					about[h.CustomerID] = why{h.ID, h.Kind}
				}
			} else if text, ok := h.meets(r); ok {
				about[h.CustomerID] = why{h.ID, text}
			}
		}
		if len(about) == 0 {
			continue
		}
		if err := s.act(tx, r, about); err != nil {
			return err
		}
	}
	return nil
}

// act is what a rule does about customers who may be concerned.
func (s *Service) act(tx *gorm.DB, r *rule, about map[int64]why) error {
	for some := range slices.Chunk(slices.Sorted(maps.Keys(about)), 500) {
		if r.standing() {
			if _, err := s.ask(tx, r, some, about); err != nil {
				return err
			}
			continue
		}
		fits, err := s.fitting(tx, r, segment.Scope{IDs: some})
		if err != nil {
			return err
		}
		if err := s.give(tx, r, fits, about); err != nil {
			return err
		}
	}
	return nil
}

// ask looks whether customers fit a standing rule, and acts on those who came to fit and who no longer do. The rule's
// row is locked meanwhile: of two who look at one customer the later sees what the earlier did.
func (s *Service) ask(tx *gorm.DB, r *rule, customers []int64, about map[int64]why) (fitting int, err error) {
	if locked, err := lockRule(tx, r.ID); err != nil || !locked.Enabled || locked.Version != r.Version {
		return 0, ignoreGone(err)
	}
	fits, err := s.fitting(tx, r, segment.Scope{IDs: customers})
	if err != nil {
		return 0, err
	}
	were, err := membersAmong(tx, r.ID, customers)
	if err != nil {
		return 0, err
	}
	entered := slices.DeleteFunc(slices.Clone(fits), func(id int64) bool { return were[id] })
	left := slices.DeleteFunc(slices.Clone(customers), func(id int64) bool { return !were[id] || slices.Contains(fits, id) })
	if entered, err = s.calm(tx, r, entered, about); err != nil {
		return 0, err
	}
	if left, err = s.calm(tx, r, left, about); err != nil {
		return 0, err
	}
	if err := insertMembers(tx, r.ID, entered, s.Now()); err != nil {
		return 0, err
	}
	if err := deleteMembers(tx, r.ID, left); err != nil {
		return 0, err
	}
	if err := s.give(tx, r, entered, about); err != nil {
		return 0, err
	}
	return len(fits), s.takeBack(tx, r, left, about)
}

func ignoreGone(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// fitting gives those of some customers who fit now. A condition that can't be read any more, because what it names is
// gone, fits nobody.
func (s *Service) fitting(tx *gorm.DB, r *rule, scope segment.Scope) ([]int64, error) {
	e, err := s.env(tx, false)
	if err != nil {
		return nil, err
	}
	condition := r.condition
	if condition == nil {
		condition = &segment.Rule{All: []segment.Rule{}}
	}
	q, err := e.Select(condition, scope)
	if fault.Of(err) != nil {
		s.Logger.Warn("automatic rule can't be read any more", "rule", r.ID, "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return selectIDs(tx, q)
}

// calm leaves out customers on whom a rule has acted too often, and notes it once.
func (s *Service) calm(tx *gorm.DB, r *rule, customers []int64, about map[int64]why) ([]int64, error) {
	if len(customers) == 0 || len(about) == 0 { // a look at all customers is set off by people
		return customers, nil
	}
	acts, err := actsSince(tx, r.ID, customers, s.Now().Add(-actSpan))
	if err != nil {
		return nil, err
	}
	var held []int64
	for id, n := range acts {
		if n[Give]+n[Take] >= mostActs && n[HoldBack] == 0 {
			held = append(held, id)
		}
	}
	slices.Sort(held)
	if len(held) > 0 {
		s.Logger.Warn("automatic rule acts too often; rules may set each other off", "rule", r.ID, "customers", len(held))
	}
	if err := s.note(tx, r, HoldBack, held, about); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(customers, func(id int64) bool { return acts[id][Give]+acts[id][Take] >= mostActs }), nil
}

// give gives what the rule gives; where it is there already its end is set anew.
func (s *Service) give(tx *gorm.DB, r *rule, customers []int64, about map[int64]why) error {
	if len(customers) == 0 {
		return nil
	}
	in := tag.Giving{CustomerIDs: customers, Add: r.tags, Origin: origin(r.ID), Bulk: len(customers) > 10}
	if r.ExpireDays > 0 {
		end := s.Now().AddDate(0, 0, r.ExpireDays)
		in.ExpiresAt = &end
	}
	if _, err := s.Tags.GiveTx(tx, in); err != nil {
		return err
	}
	if err := countGiven(tx, r.ID, len(customers)); err != nil {
		return err
	}
	return s.note(tx, r, Give, customers, about)
}

func (s *Service) takeBack(tx *gorm.DB, r *rule, customers []int64, about map[int64]why) error {
	if len(customers) == 0 || !r.TakeBack {
		return nil
	}
	if err := s.Tags.TakeBackTx(tx, origin(r.ID), customers); err != nil {
		return err
	}
	return s.note(tx, r, Take, customers, about)
}

// note writes history.
func (s *Service) note(tx *gorm.DB, r *rule, act string, customers []int64, about map[int64]why) error {
	rows := make([]*model.TagRuleAct, len(customers))
	for i, id := range customers {
		w := about[id]
		rows[i] = &model.TagRuleAct{RuleID: r.ID, CustomerID: id, Act: act, Why: cmp.Or(w.text, "condition"), EventID: w.event, At: s.Now()}
	}
	return insertActs(tx, rows)
}

// enabled gives the rules that are on and can be read.
func (s *Service) enabled(tx *gorm.DB) ([]*rule, error) {
	rows, err := enabledRules(tx)
	if err != nil {
		return nil, err
	}
	var out []*rule
	for i := range rows {
		r, err := s.ruleOf(tx, &rows[i])
		if fault.Of(err) != nil {
			s.Logger.Warn("automatic rule can't be read any more", "rule", rows[i].ID, "error", err)
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// netOf gives the net of these rules, knotted anew when one has changed.
func (s *Service) netOf(rules []*rule) *net {
	var key strings.Builder
	for _, r := range rules {
		if r.occurrence != nil && len(r.occurrence.Keywords) > 0 {
			fmt.Fprintf(&key, "%d.%d ", r.ID, r.Version)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.net == nil || s.net.key != key.String() {
		s.net = newNet(key.String(), rules)
	}
	return s.net
}

// mostCrossings is how many customers one tick asks about; beyond, it looks at all of them.
const mostCrossings = 20_000

// Tick acts on those for whom the passing of time alone has changed the answer. It may be run at any moment and twice.
func (s *Service) Tick(ctx context.Context) error {
	db := s.DB.WithContext(ctx)
	rules, err := s.enabled(db)
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range rules {
		if r.standing() && r.condition.Timed() && r.TimedUntil != nil {
			errs = append(errs, s.tick(ctx, r))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) tick(ctx context.Context, r *rule) error {
	db := s.DB.WithContext(ctx)
	e, err := s.env(db, false)
	if err != nil || !r.TimedUntil.Before(e.Now) {
		return err
	}
	queries, err := e.Crossings(r.condition, *r.TimedUntil, e.Now)
	if err != nil {
		return err
	}
	touched := map[int64]why{}
	for _, q := range queries {
		ids, err := selectIDs(db, segment.Query{SQL: q.SQL + " LIMIT ?", Args: append(q.Args, mostCrossings)})
		if err != nil {
			return err
		}
		if len(ids) >= mostCrossings {
			return model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.rescan(tx, r.ID) })
		}
		for _, id := range ids {
			if id != 0 {
				touched[id] = why{text: "time"}
			}
		}
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(touched)), 500) {
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
			_, err := s.ask(tx, r, some, touched)
			return err
		})
		if err != nil {
			return err
		}
	}
	return timedUntil(db, r.ID, *r.TimedUntil, e.Now)
}
