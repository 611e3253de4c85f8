package customer

import (
	"context"
	"slices"
	"time"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Detail is all that is known of one customer but the events.
type Detail struct {
	model.Customer
	Identities []DetailIdentity
	Relations  []DetailRelation    // those that the viewer may see, newest first
	Tags       []model.CustomerTag // those that the person bears
}

// DetailIdentity is an identity with its value as everybody may see it.
type DetailIdentity struct {
	model.Identity
	Masked string
}

// DetailRelation is a relation with whom it is.
type DetailRelation struct {
	model.Relation
	StaffName string
	TagIDs    []int64 // row ids of the tags it bears
}

// Detail gives a customer that the viewer may see, or fails with ErrNotFound.
func (s *Service) Detail(ctx context.Context, v *staff.Viewer, id int64) (*Detail, error) {
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, err
	}
	db := s.db.WithContext(ctx)
	c, err := visibleCustomer(db, sc, id)
	if err != nil {
		return nil, err
	}
	d := &Detail{Customer: *c}
	rows, err := identitiesOf(db, c.ID)
	if err != nil {
		return nil, err
	}
	for _, i := range rows {
		d.Identities = append(d.Identities, DetailIdentity{i, s.Masked(&i)})
	}
	tags, err := tagsOf(db, []int64{c.ID}, s.now())
	if err != nil {
		return nil, err
	}
	d.Tags = tags[c.ID]
	d.Relations, err = detailRelations(db, sc, c.ID)
	return d, err
}

// Relations gives relations that the viewer may see, in the order of ids, or fails with ErrNotFound
// when one is absent or out of sight.
func (s *Service) Relations(ctx context.Context, v *staff.Viewer, ids []int64) ([]*model.Relation, error) {
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, err
	}
	rows, err := visibleRelations(s.db.WithContext(ctx), sc, ids)
	if err != nil {
		return nil, err
	}
	out := make([]*model.Relation, len(ids))
	for i, id := range ids {
		at := slices.IndexFunc(rows, func(r *model.Relation) bool { return r.ID == id })
		if at < 0 {
			return nil, ErrNotFound
		}
		out[i] = rows[at]
	}
	return out, nil
}

// TimelineFilter selects events of one customer.
type TimelineFilter struct {
	Kinds  []string  // of events; empty: all
	From   time.Time // the first moment; zero: any
	To     time.Time // the moment after the last; zero: any
	Cursor string    // of the page before; empty: the newest
	Limit  int       // 0: DefaultPage; at most MaxPage
}

// TimelinePage is one page of events, newest first. Next is empty on the last.
type TimelinePage struct {
	Events []model.Event
	Next   string
}

// Timeline gives what happened to a customer that the viewer may see: events with staff out of the
// viewer's sight are left out. It fails with ErrNotFound, ErrFilter or ErrCursor.
func (s *Service) Timeline(ctx context.Context, v *staff.Viewer, id int64, f TimelineFilter) (*TimelinePage, error) {
	if f.Limit == 0 {
		f.Limit = DefaultPage
	}
	if f.Limit < 0 || f.Limit > MaxPage || len(f.Kinds) > 50 {
		return nil, ErrFilter.With("limit", "1 … 200")
	}
	at, err := readCursor(f.Cursor)
	if err != nil {
		return nil, err
	}
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, err
	}
	db := s.db.WithContext(ctx)
	c, err := visibleCustomer(db, sc, id)
	if err != nil {
		return nil, err
	}
	rows, err := eventsOf(db, sc, c.ID, f, at) // one more than fits
	if err != nil {
		return nil, err
	}
	page := &TimelinePage{Events: rows}
	if len(rows) > f.Limit {
		page.Events = rows[:f.Limit]
		last := rows[f.Limit-1]
		page.Next = cursor{last.OccurredAt, last.ID}.String()
	}
	return page, nil
}
