package tag

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// Giving is which customers shall bear what, and by whose will.
type Giving struct {
	CustomerIDs []int64
	Add         []int64 // tags that live here or at the platform
	Remove      []int64 // whoever gave them, unless Own
	Origin      Origin
	ExpiresAt   *time.Time // of what is added; nil: never
	// Own takes back only what this very origin gave.
	Own bool
	// Bulk lets the platform hear of it after what somebody waits for.
	Bulk bool

	grantsOnly bool // what relations have from somebody else stays
}

// Given is what became of a Giving.
type Given struct {
	Changed   []int64 // customers who bear other tags than before, or bear them longer or shorter
	Unchanged []int64
	Refused   []int64 // not there, or merged into somebody else
}

// GiveTx gives customers tags and takes tags away, here at once. Tags that the platform has too, or that
// are mirrored there, reach the customers' active relations soon. Giving once more by the same origin
// sets the end anew. Tags that are gone are left out. Repeatable; 500 customers take a handful of
// statements.
func (s *Service) GiveTx(tx *gorm.DB, in Giving) (*Given, error) {
	ids := distinct(in.CustomerIDs)
	if in.ExpiresAt != nil { // as precise as the database
		at := in.ExpiresAt.UTC().Truncate(time.Millisecond)
		in.ExpiresAt = &at
	}
	tags, err := tagsByID(tx, slices.Concat(in.Add, in.Remove))
	if err != nil || len(ids) == 0 {
		return &Given{}, err
	}
	c, relations, err := s.changesOf(tx, ids, in)
	if err != nil {
		return nil, err
	}
	present := slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return !c.present[id] })
	if err := c.grant(present, basesOf(tags, in.Add), in.ExpiresAt); err != nil {
		return nil, err
	}
	if err := c.take(present, relations, tags, in); err != nil {
		return nil, err
	}
	if err := c.align(relations, false); err != nil {
		return nil, err
	}
	p, err := c.write()
	if err != nil {
		return nil, err
	}
	out := &Given{}
	for _, id := range ids {
		switch {
		case !c.present[id]:
			out.Refused = append(out.Refused, id)
		case p.changed(id):
			out.Changed = append(out.Changed, id)
		default:
			out.Unchanged = append(out.Unchanged, id)
		}
	}
	return out, nil
}

// changesOf locks customers with all their relations, those included that began while it waited.
func (s *Service) changesOf(tx *gorm.DB, customerIDs []int64, in Giving) (*changes, []*model.Relation, error) {
	relations, err := relationsOfCustomers(tx, customerIDs)
	if err != nil {
		return nil, nil, err
	}
	for {
		c, err := s.changes(tx, relations, customerIDs, in.Origin)
		if err != nil {
			return nil, nil, err
		}
		again, err := relationsOfCustomers(tx, customerIDs)
		if err != nil {
			return nil, nil, err
		}
		if in.Bulk {
			c.lane = work.LaneWake
		}
		if sameRelations(relations, again) {
			return c, again, nil
		}
		relations = again
	}
}

func sameRelations(a, b []*model.Relation) bool {
	return slices.EqualFunc(a, b, func(a, b *model.Relation) bool { return a.ID == b.ID })
}

// basesOf are the tags that customers bear when they are given these.
func basesOf(tags map[int64]*item, ids []int64) (bases []int64) {
	for _, id := range ids {
		if t := tags[id]; t != nil {
			bases = append(bases, t.base())
		}
	}
	return distinct(bases)
}

// grant writes grants of the origin, or lets those that are there end at another time.
func (c *changes) grant(customerIDs, tagIDs []int64, expiresAt *time.Time) error {
	if len(customerIDs) == 0 || len(tagIDs) == 0 {
		return nil
	}
	rows, err := grantsOf(c.tx, customerIDs, tagIDs)
	if err != nil {
		return err
	}
	mine := map[pair]model.TagGrant{}
	for _, g := range rows {
		if g.Source == c.origin.Source && g.SourceID == c.origin.ID {
			mine[pair{g.CustomerID, g.TagID}] = g
		}
	}
	var fresh []*model.TagGrant
	var renew []int64
	for _, customer := range customerIDs {
		for _, tag := range tagIDs {
			g, ok := mine[pair{customer, tag}]
			switch {
			case !ok:
				fresh = append(fresh, &model.TagGrant{
					CustomerID: customer, TagID: tag, Source: c.origin.Source, SourceID: c.origin.ID, ExpiresAt: expiresAt, CreatedAt: c.now,
				})
			case !sameTime(g.ExpiresAt, expiresAt):
				renew = append(renew, g.ID)
			}
		}
	}
	if err := insertGrants(c.tx, fresh); err != nil {
		return err
	}
	return renewGrants(c.tx, renew, expiresAt)
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// take ends grants, and with them what relations bear otherwise.
func (c *changes) take(customerIDs []int64, relations []*model.Relation, tags map[int64]*item, in Giving) error {
	bases := basesOf(tags, in.Remove)
	if len(bases) == 0 || len(customerIDs) == 0 {
		return nil
	}
	if in.Own {
		return deleteGrants(c.tx, customerIDs, bases, &in.Origin)
	}
	if err := deleteGrants(c.tx, customerIDs, bases, nil); err != nil || in.grantsOnly {
		return err
	}
	marks, err := shownAs(c.tx, bases)
	if err != nil {
		return err
	}
	ids := make([]int64, len(marks))
	for i, m := range marks {
		ids[i] = m.ID
	}
	for _, r := range relations {
		c.wish(r, nil, nil, slices.DeleteFunc(slices.Clone(ids), func(id int64) bool {
			a := c.rows[r.ID][id]
			return a != nil && a.Source == sourceMirror // they follow their grants
		}))
	}
	return nil
}

// GiveInput is what somebody wants customers to bear.
type GiveInput struct {
	CustomerIDs []int64 // at most 200
	Add, Remove []int64 // tags; at most 50 together, none in both
	ExpiresAt   *time.Time
}

// Give is GiveTx by somebody, who must be allowed to see the customers. It fails with ErrAssign,
// ErrNotFound when a tag is not there, ErrEnded when it would end at once, or ErrOutOfSight.
func (s *Service) Give(ctx context.Context, v *staff.Viewer, in GiveInput) (*Given, error) {
	if err := in.check(s.now()); err != nil {
		return nil, err
	}
	ids := distinct(in.CustomerIDs)
	visible, err := s.customers.Visible(ctx, v, ids)
	if err != nil {
		return nil, err
	}
	if len(visible) != len(ids) {
		return nil, ErrOutOfSight
	}
	var out *Given
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		all := distinct(slices.Concat(in.Add, in.Remove))
		tags, err := tagsByID(tx, all)
		if err != nil {
			return err
		}
		if len(tags) != len(all) {
			return ErrNotFound
		}
		out, err = s.GiveTx(tx, Giving{
			CustomerIDs: ids, Add: in.Add, Remove: in.Remove, Origin: byHand(v), ExpiresAt: in.ExpiresAt,
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("give tags: %w", err)
	}
	return out, nil
}

func (in GiveInput) check(now time.Time) error {
	n := len(in.Add) + len(in.Remove)
	both := slices.ContainsFunc(in.Add, func(id int64) bool { return slices.Contains(in.Remove, id) })
	switch {
	case n == 0 || n > 50 || len(in.CustomerIDs) == 0 || len(in.CustomerIDs) > 200 || both:
		return ErrAssign
	case in.ExpiresAt != nil && !in.ExpiresAt.After(now):
		return ErrEnded
	}
	return nil
}

// TakeBackTx ends all that an origin granted to customers. Repeatable.
func (s *Service) TakeBackTx(tx *gorm.DB, origin Origin, customerIDs []int64) error {
	if len(customerIDs) == 0 {
		return nil
	}
	return s.after(tx, customerIDs, origin.Source, func() error { return endGrants(tx, customerIDs, origin) })
}

// GrantedByTx gives the next customers, above a row id, to whom an origin granted something.
func (s *Service) GrantedByTx(tx *gorm.DB, origin Origin, after int64, limit int) ([]int64, error) {
	return grantedBy(tx, origin, after, limit)
}
