package customer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// ResolveEachTx is ResolveTx for a page of people, most of whom nobody knows, as an import brings them: the
// unknown who share nothing with one another are made in a few statements for all, the others are resolved one by
// one. Of each there is an answer or what was wrong with it (ErrIdentity, ErrNotFound).
func (s *Service) ResolveEachTx(tx *gorm.DB, in []Evidence) (out []*Resolved, wrong []error, err error) {
	out, wrong = make([]*Resolved, len(in)), make([]error, len(in))
	strangers, err := s.strangers(tx, in, wrong)
	if err != nil {
		return nil, nil, err
	}
	if err := createEach(tx, strangers); err != nil {
		return nil, nil, err
	}
	if err := s.attachEach(tx, strangers, out); err != nil {
		return nil, nil, err
	}
	for i := range in {
		if out[i] != nil || wrong[i] != nil {
			continue
		}
		out[i], err = s.ResolveTx(tx, in[i])
		if errors.Is(err, ErrIdentity) || errors.Is(err, ErrNotFound) {
			wrong[i] = err
		} else if err != nil {
			return nil, nil, err
		}
	}
	return out, wrong, nil
}

// stranger is an evidence of whom nobody in the database or on the page knows.
type stranger struct {
	*resolution
	place int // on the page
}

// strangers picks them out, and notes what can't be evidence.
func (s *Service) strangers(tx *gorm.DB, in []Evidence, wrong []error) (list []stranger, err error) {
	var all []claim
	told := map[string]int{} // how often the page names an identity
	for i, e := range in {
		r := &resolution{s: s, tx: tx, in: e, now: s.now(), out: &Resolved{}}
		for _, seen := range e.Identities {
			c, err := s.claimOf(seen)
			if err != nil {
				wrong[i] = err
				break
			}
			r.claims = append(r.claims, c)
			told[c.key()]++
		}
		if wrong[i] == nil && e.CustomerID == 0 && e.Create && len(r.claims) > 0 {
			all = append(all, r.claims...)
			list = append(list, stranger{r, i})
		}
	}
	known, err := knownKeys(tx, all)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(n stranger) bool {
		return slices.ContainsFunc(n.claims, func(c claim) bool {
			return told[c.key()] > 1 || slices.ContainsFunc(c.values, func(v string) bool { return known[c.keyOf(v)] })
		})
	}), nil
}

func (c claim) key() string { return c.keyOf(c.value) }

func (c claim) keyOf(value string) string {
	return strings.Join([]string{c.name, c.scope, value}, "\x00")
}

func createEach(tx *gorm.DB, list []stranger) error {
	rows := make([]*model.Customer, len(list))
	for i, n := range list {
		c := n.in.New
		c.ID, c.MergedInto = 0, 0
		if c.FirstSeenAt.IsZero() {
			c.FirstSeenAt = n.now
		}
		rows[i] = &c
	}
	if len(rows) == 0 {
		return nil
	}
	if err := tx.CreateInBatches(rows, 500).Error; err != nil {
		return fmt.Errorf("create customers: %w", err)
	}
	for i, n := range list {
		n.anchor, n.out.Created = rows[i].ID, true
	}
	return nil
}

// attachEach gives everybody their identities. Whoever was made by somebody else meanwhile is let go of, and
// left to be resolved alone.
func (s *Service) attachEach(tx *gorm.DB, list []stranger, out []*Resolved) error {
	var rows []*model.Identity
	for _, n := range list {
		for _, c := range n.claims {
			rows = append(rows, c.row(n.anchor, n.in.Source, n.now))
		}
	}
	isNew, err := model.InsertNew(tx, rows)
	if err != nil {
		return fmt.Errorf("create identities: %w", err)
	}
	var facts []event.Fact
	at := 0
	for _, n := range list {
		mine, free := rows[at:at+len(n.claims)], isNew[at:at+len(n.claims)]
		at += len(n.claims)
		if slices.Contains(free, false) {
			var given []*model.Identity
			for i, row := range mine {
				if free[i] {
					given = append(given, row)
				}
			}
			if err := n.retract(given); err != nil {
				return err
			}
			continue
		}
		n.out.CustomerID = n.anchor
		out[n.place] = n.out
		for _, row := range mine {
			facts = append(facts, n.identified(row))
		}
		if err := s.askForContacts(tx, n.anchor, mine); err != nil {
			return err
		}
	}
	_, err = s.events.Record(tx, facts...)
	return err
}
