package customer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// Evidence is what somebody tells at one moment about one person.
type Evidence struct {
	// CustomerID is the person, if that is known already by other means, such as a session; else 0.
	CustomerID int64
	Identities []Seen
	Source     string // event.SourceMiniApp, …
	AccountID  int64  // where it was told; 0: nowhere in particular
	// Create makes a customer of somebody whom nobody knows; otherwise ResolveTx fails with ErrNotFound.
	Create bool
	// New is what is known of somebody who is created; FirstSeenAt defaults to now.
	New model.Customer
}

// Resolved is who was meant.
type Resolved struct {
	CustomerID int64
	Created    bool
	Merged     []int64 // merges that followed
	Reviews    []int64 // customers who may be the same person; people are asked
	// Elsewhere are kinds of identities that belong to another customer and stay there.
	Elsewhere []string
}

// Resolve is ResolveTx in a transaction of its own.
func (s *Service) Resolve(ctx context.Context, in Evidence) (*Resolved, error) {
	var out *Resolved
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
		out, err = s.ResolveTx(tx, in)
		return err
	})
	return out, err
}

// ResolveTx finds the customer whom the evidence is about, or makes one, and remembers all identities as
// theirs. When identities lead to several customers, the rules say whether these are one person: then they
// are merged here and now, or put before people. Whatever races, an identity has one owner, and two who
// bring the same evidence get the same answer. It fails with ErrIdentity or ErrNotFound.
func (s *Service) ResolveTx(tx *gorm.DB, in Evidence) (*Resolved, error) {
	r := &resolution{s: s, tx: tx, in: in, now: s.now(), out: &Resolved{}}
	for _, seen := range in.Identities {
		c, err := s.claimOf(seen)
		if err != nil {
			return nil, err
		}
		r.claims = append(r.claims, c)
	}
	slices.SortStableFunc(r.claims, func(a, b claim) int { return cmp.Compare(a.rank, b.rank) })
	for range 5 {
		done, err := r.try()
		if err != nil {
			return nil, err
		}
		if done {
			r.out.CustomerID = r.anchor
			return r.out, nil
		}
	}
	return nil, errBusy
}

var errBusy = errors.New("customer: these identities change hands faster than they can be read")

// resolution is one Evidence on its way to a customer.
type resolution struct {
	s      *Service
	tx     *gorm.DB
	in     Evidence
	now    time.Time
	claims []claim // the strongest first
	out    *Resolved
	anchor int64 // who is meant
}

// try goes through once. done is false when others were faster, and what they wrote is to be read.
func (r *resolution) try() (done bool, err error) {
	owners, err := ownersOf(r.tx, r.claims)
	if err != nil {
		return false, err
	}
	if done, err := r.choose(owners); err != nil || !done {
		return false, err
	}
	if done, err := r.attach(owners); err != nil || !done {
		return false, err
	}
	for i, c := range r.claims {
		o := owners[i]
		if o == nil {
			continue
		}
		if o.CustomerID == r.anchor {
			if err := r.confirm(c, o); err != nil {
				return false, err
			}
		} else if err := r.meet(c, o); err != nil {
			return false, err
		}
	}
	return true, nil
}

// choose finds whom the evidence is about: the one who is known already, else the owner of the strongest
// identity, unless that is a weak one and a strong one is nobody's: somebody new may well use an old phone
// number. It locks the customer when identities are to be added, and is not done when they stand no more.
func (r *resolution) choose(owners []*model.Identity) (done bool, err error) {
	if r.anchor == 0 && r.in.CustomerID != 0 {
		if r.anchor, err = standing(r.tx, r.in.CustomerID); err != nil {
			return false, err
		}
	}
	if r.anchor == 0 {
		r.anchor = r.owner(owners)
	}
	if r.anchor == 0 {
		return r.create()
	}
	if !slices.Contains(owners, nil) {
		return true, nil
	}
	c, err := lockCustomer(r.tx, r.anchor)
	if err != nil {
		return false, err
	}
	if c.MergedInto != 0 {
		r.anchor = 0
		return false, nil
	}
	return true, nil
}

func (r *resolution) owner(owners []*model.Identity) int64 {
	for i, o := range owners {
		if o == nil {
			continue
		}
		strongIsNew := slices.ContainsFunc(r.claims[:i], func(c claim) bool { return c.strong })
		if !r.claims[i].strong && strongIsNew {
			return 0
		}
		return o.CustomerID
	}
	return 0
}

func (r *resolution) create() (done bool, err error) {
	if !r.in.Create || len(r.claims) == 0 {
		return false, ErrNotFound
	}
	c := r.in.New
	c.ID, c.MergedInto = 0, 0
	if c.FirstSeenAt.IsZero() {
		c.FirstSeenAt = r.now
	}
	if err := r.tx.Create(&c).Error; err != nil {
		return false, fmt.Errorf("create customer: %w", err)
	}
	r.anchor, r.out.Created = c.ID, true
	return true, nil
}

// attach gives the anchor the identities that are nobody's. It is not done when somebody else was given
// one since we looked.
func (r *resolution) attach(owners []*model.Identity) (done bool, err error) {
	var rows []*model.Identity
	for i, o := range owners {
		if o == nil {
			rows = append(rows, r.claims[i].row(r.anchor, r.in.Source, r.now))
		}
	}
	isNew, err := model.InsertNew(r.tx, rows)
	if err != nil {
		return false, fmt.Errorf("create identities: %w", err)
	}
	var fresh []*model.Identity
	for i, row := range rows {
		if isNew[i] {
			fresh = append(fresh, row)
		}
	}
	if len(fresh) < len(rows) && r.out.Created {
		// Somebody else has made this person: let go of ours, and of what we gave it.
		return false, r.retract(fresh)
	}
	if err := r.tell(fresh); err != nil {
		return false, err
	}
	return len(fresh) == len(rows), nil
}

func (r *resolution) retract(given []*model.Identity) error {
	if err := deleteIdentities(r.tx, given); err != nil {
		return err
	}
	if err := deleteCustomers(r.tx, []int64{r.anchor}); err != nil {
		return err
	}
	r.anchor, r.out.Created = 0, false
	return nil
}

// tell records who is recognisable by what from now on.
func (r *resolution) tell(given []*model.Identity) error {
	facts := make([]event.Fact, len(given))
	for i, row := range given {
		facts[i] = r.identified(row)
	}
	if _, err := r.s.events.Record(r.tx, facts...); err != nil {
		return err
	}
	return r.s.askForContacts(r.tx, r.anchor, given)
}

func (r *resolution) identified(row *model.Identity) event.Fact {
	return event.CustomerIdentified{
		CustomerID: row.CustomerID, AccountID: r.in.AccountID, IdentityID: row.ID, Kind: row.Kind, Confidence: row.Confidence,
		Source: r.in.Source, At: r.now,
	}
}

// confirm notes that an identity was seen again, at most once a day, and better known if so.
func (r *resolution) confirm(c claim, o *model.Identity) error {
	set := map[string]any{}
	if seen := seenAt(o); r.now.Sub(seen) >= 24*time.Hour {
		set["seen_at"] = r.now
	}
	if c.confidence > o.Confidence {
		set["confidence"], set["source"], set["seen_at"] = c.confidence, r.in.Source, r.now
	}
	if o.Value != c.value || c.sealed != nil && !r.s.vault.Current(o.SealedValue) { // written under an older key
		set["value"], set["sealed_value"] = c.value, c.sealed
	}
	return updateIdentity(r.tx, o.ID, set)
}

// meet deals with an identity that leads to another customer.
func (r *resolution) meet(c claim, o *model.Identity) error {
	l := link{
		kind: c.identityKind, scope: c.scope, source: r.in.Source, at: r.now,
		confidence: min(c.confidence, o.Confidence), known: seenAt(o),
	}
	// Two weak identities make no strong one, and without a strong one nothing says who is meant.
	if first := r.claims[0]; r.in.CustomerID == 0 && !first.strong {
		l.confidence = min(l.confidence, Noted)
	}
	met, err := r.s.decide(r.tx, l, r.anchor, o.CustomerID, r.in.AccountID)
	if err != nil {
		return err
	}
	switch {
	case met.merge != nil:
		r.anchor = met.merge.CustomerID
		r.out.Merged = append(r.out.Merged, met.merge.ID)
	case met.one:
		r.anchor = met.standing
	default:
		r.out.Elsewhere = append(r.out.Elsewhere, c.name)
		if met.review {
			r.out.Reviews = append(r.out.Reviews, o.CustomerID)
		}
	}
	return nil
}

// seenAt is when an identity was last confirmed.
func seenAt(i *model.Identity) time.Time {
	if i.SeenAt != nil {
		return *i.SeenAt
	}
	return i.CreatedAt
}
