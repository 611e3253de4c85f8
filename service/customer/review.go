package customer

import (
	"context"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/staff"
)

// What can be wrong with a review.
var (
	ErrReviewNotFound = fault.New(fault.NotFound, "merge.review_not_found", "没有这条待确认记录", "No such pair to review")
	ErrReviewDecided  = fault.New(fault.Conflict, "merge.review_decided", "这条记录已经处理过", "The pair was decided already")
)

// Review is a pair of customers who may be one person, as those who decide see it.
type Review struct {
	model.MergeReview
	One, Other Person // who stands for each now; the same when they were merged
}

// Person is what lists of pairs show of a customer.
type Person struct {
	ID   int64
	Name string
	into int64 // whom they were merged into; 0: they stand for themselves
}

// Merge is a merge as a list shows it.
type Merge struct {
	model.CustomerMerge
	Kept, Gone Person
}

// PairFilter selects merges or reviews.
type PairFilter struct {
	CustomerID int64  // one of the two; 0: anybody
	Status     string // of reviews; empty: open
	Before     int64  // the id of the last one of the page before; 0: the first page
	Limit      int    // 0: DefaultPage; at most MaxPage
}

func (f *PairFilter) check() error {
	if f.Limit == 0 {
		f.Limit = DefaultPage
	}
	if f.Status == "" {
		f.Status = ReviewOpen
	}
	if f.Limit < 0 || f.Limit > MaxPage {
		return ErrFilter.With("limit", "1 … 200")
	}
	if !slices.Contains([]string{ReviewOpen, ReviewMerged, ReviewRejected}, f.Status) {
		return ErrFilter.With("status", "open, merged or rejected")
	}
	return nil
}

// Reviews lists the pairs that people decide, the latest first: those of which the viewer may see both.
func (s *Service) Reviews(ctx context.Context, v *staff.Viewer, f PairFilter) ([]Review, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, err
	}
	db := s.db.WithContext(ctx)
	rows, err := listReviews(db, sc, f)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, 0, 2*len(rows))
	for _, r := range rows {
		ids = append(ids, r.CustomerID, r.OtherID)
	}
	people, err := peopleOf(db, ids)
	out := make([]Review, len(rows))
	for i, r := range rows {
		out[i] = Review{r, people[r.CustomerID], people[r.OtherID]}
	}
	return out, err
}

// Confirm says that the customers of a review are one person, and merges them: the one known longer stands,
// or keep if it names either. It fails with ErrReviewNotFound or ErrReviewDecided.
func (s *Service) Confirm(ctx context.Context, v *staff.Viewer, reviewID, keep int64) (m *model.CustomerMerge, err error) {
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, err
	}
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		r, err := openReview(tx, sc, reviewID)
		if err != nil {
			return err
		}
		// Whoever merges holds the customers first, and then what was asked about them.
		a, b, err := lockPair(tx, r.CustomerID, r.OtherID)
		if err != nil {
			return err
		}
		if r, err = openReview(model.ForUpdate(tx), sc, reviewID); err != nil { // somebody decided while we waited
			return err
		}
		if a.ID == b.ID {
			return ErrReviewDecided
		}
		kept, gone := elder(a, b)
		if keep == gone.ID {
			kept, gone = gone, kept
		}
		m, err = s.merge(tx, kept, gone, model.CustomerMerge{
			Reason: ReasonReview, IdentityKind: r.IdentityKind, IdentityScope: r.IdentityScope, Source: r.Source, Confidence: r.Confidence, StaffID: v.StaffID,
		})
		return err
	})
	return m, err
}

// Reject says that the customers of a review are two persons. Nobody is asked about them again, and no rule
// merges them. Rejecting twice changes nothing more. It fails with ErrReviewNotFound or ErrReviewDecided.
func (s *Service) Reject(ctx context.Context, v *staff.Viewer, reviewID int64) error {
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return err
	}
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		r, err := reviewByID(tx, sc, reviewID)
		if err != nil || r.Status == ReviewRejected {
			return err
		}
		n, err := closeReview(tx, reviewID, map[string]any{"status": ReviewRejected, "decided_at": s.now(), "decided_by": v.StaffID})
		if err == nil && n == 0 {
			return ErrReviewDecided
		}
		return err
	})
}

// Merges lists merges, undone ones included, the latest first: those of customers whom the viewer may see.
// Of a customer it lists all in which they took part.
func (s *Service) Merges(ctx context.Context, v *staff.Viewer, f PairFilter) ([]Merge, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, err
	}
	db := s.db.WithContext(ctx)
	rows, err := listMerges(db, sc, f)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, 0, 2*len(rows))
	for _, r := range rows {
		ids = append(ids, r.CustomerID, r.OtherID)
	}
	names, err := namesOf(db, ids)
	out := make([]Merge, len(rows))
	for i, r := range rows {
		out[i] = Merge{r, names[r.CustomerID], names[r.OtherID]}
	}
	return out, err
}

// openReview finds a review that nobody has decided.
func openReview(tx *gorm.DB, sc scope, id int64) (*model.MergeReview, error) {
	r, err := reviewByID(tx, sc, id)
	if err == nil && r.Status != ReviewOpen {
		return nil, ErrReviewDecided
	}
	return r, err
}

// peopleOf gives who stands for some customers now.
func peopleOf(tx *gorm.DB, ids []int64) (map[int64]Person, error) {
	names, err := namesOf(tx, ids)
	if err != nil {
		return nil, err
	}
	for id, p := range names {
		for range 100 {
			if p.into == 0 {
				break
			}
			next, err := namesOf(tx, []int64{p.into})
			if err != nil {
				return nil, err
			}
			p = next[p.into]
		}
		names[id] = p
	}
	return names, nil
}

func namesOf(tx *gorm.DB, ids []int64) (map[int64]Person, error) {
	var rows []model.Customer
	if err := tx.Select("id", "name", "merged_into").Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find customers of pairs: %w", err)
	}
	out := make(map[int64]Person, len(rows))
	for _, r := range rows {
		out[r.ID] = Person{r.ID, r.Name, r.MergedInto}
	}
	return out, nil
}

// Names gives the names of customers by their rows; those that are not there are left out.
func (s *Service) Names(ctx context.Context, ids []int64) (map[int64]string, error) {
	people, err := namesOf(s.db.WithContext(ctx), ids)
	names := make(map[int64]string, len(people))
	for id, p := range people {
		names[id] = p.Name
	}
	return names, err
}
