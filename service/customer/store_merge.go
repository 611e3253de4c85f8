package customer

import (
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// standing gives who stands for a customer: themselves, or whom they were merged into. It fails with
// ErrNotFound.
func standing(tx *gorm.DB, id int64) (int64, error) {
	for range 100 { // chains are as long as people were merged again and again
		var c model.Customer
		err := tx.Select("id", "merged_into").Where("id = ?", id).Take(&c).Error
		if _, err := found(&c, err, "find who stands for a customer"); err != nil {
			return 0, err
		}
		if c.MergedInto == 0 {
			return id, nil
		}
		id = c.MergedInto
	}
	return 0, fmt.Errorf("customer %d is merged in a circle", id)
}

func lockCustomer(tx *gorm.DB, id int64) (*model.Customer, error) {
	var c model.Customer
	err := model.ForUpdate(tx).Where("id = ?", id).Take(&c).Error
	return found(&c, err, "lock customer")
}

// lockStanding locks whoever stands for a customer.
func lockStanding(tx *gorm.DB, id int64) (*model.Customer, error) {
	for range 100 {
		at, err := standing(tx, id)
		if err != nil {
			return nil, err
		}
		c, err := lockCustomer(tx, at)
		if err != nil || c.MergedInto == 0 {
			return c, err
		}
		id = at
	}
	return nil, errBusy
}

// lockBoth locks two customers as they are, in one order for everybody.
func lockBoth(tx *gorm.DB, a, b int64) (first, second *model.Customer, err error) {
	var rows []*model.Customer
	if err := model.ForUpdate(tx).Where("id IN ?", []int64{a, b}).Order("id").Find(&rows).Error; err != nil {
		return nil, nil, fmt.Errorf("lock customers: %w", err)
	}
	for _, r := range rows {
		if r.ID == a {
			first = r
		}
		if r.ID == b {
			second = r
		}
	}
	if first == nil || second == nil {
		return nil, nil, ErrNotFound
	}
	return first, second, nil
}

// lockPair locks those who stand for two customers; they may be one.
func lockPair(tx *gorm.DB, a, b int64) (first, second *model.Customer, err error) {
	for range 100 {
		if a, err = standing(tx, a); err != nil {
			return nil, nil, err
		}
		if b, err = standing(tx, b); err != nil {
			return nil, nil, err
		}
		first, second, err = lockBoth(tx, a, b)
		if err != nil || first.MergedInto == 0 && second.MergedInto == 0 {
			return first, second, err
		}
	}
	return nil, nil, errBusy
}

// members are all ids that a customer stands for, their own among them.
func members(tx *gorm.DB, id int64) ([]int64, error) {
	all, last := []int64{id}, []int64{id}
	for len(last) > 0 {
		var next []int64
		err := tx.Model(&model.CustomerMerge{}).Where("customer_id IN ? AND undone_at IS NULL", last).Pluck("other_id", &next).Error
		if err != nil {
			return nil, fmt.Errorf("find merged customers: %w", err)
		}
		all, last = append(all, next...), next
	}
	return all, nil
}

// setMergedInto changes who stands for a customer. The caller holds the row.
func setMergedInto(tx *gorm.DB, id, was, becomes int64, now time.Time) error {
	res := tx.Model(&model.Customer{}).Where("id = ? AND merged_into = ?", id, was).
		UpdateColumns(map[string]any{"merged_into": becomes, "updated_at": now})
	if res.Error != nil {
		return fmt.Errorf("set who stands for customer %d: %w", id, res.Error)
	}
	if res.RowsAffected != 1 {
		return fmt.Errorf("customer %d is not merged into %d", id, was)
	}
	return nil
}

// mergeByID finds a merge that the viewer may see.
func mergeByID(tx *gorm.DB, sc scope, id int64) (*model.CustomerMerge, error) {
	var m model.CustomerMerge
	err := sc.ofCustomer(tx, "customer_merge.customer_id").Where("customer_merge.id = ?", id).Take(&m).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrMergeNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find merge: %w", err)
	}
	return &m, nil
}

// ofCustomer narrows rows to those about customers that may be seen.
func (sc scope) ofCustomer(q *gorm.DB, column string) *gorm.DB {
	if sc.all {
		return q
	}
	fresh := q.Session(&gorm.Session{NewDB: true})
	return q.Where(column+" IN (?)", sc.seen(fresh.Model(&model.Relation{})).Select("relation.customer_id"))
}

// mergedSince tells whether the customer who stands was merged again after a merge.
func mergedSince(tx *gorm.DB, m *model.CustomerMerge) (bool, error) {
	var ids []int64
	err := tx.Model(&model.CustomerMerge{}).Where("id > ? AND undone_at IS NULL AND (customer_id = ? OR other_id = ?)", m.ID, m.CustomerID, m.CustomerID).
		Limit(1).Pluck("id", &ids).Error
	if err != nil {
		return false, fmt.Errorf("find later merges: %w", err)
	}
	return len(ids) > 0, nil
}

func mergesSince(tx *gorm.DB, since time.Time) (rows []model.CustomerMerge, err error) {
	err = tx.Select("id", "customer_id", "other_id").Where("merged_at >= ? AND undone_at IS NULL", since).Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find recent merges: %w", err)
	}
	return rows, nil
}

// movesOf gives the parts of one mover's journal, the latest first.
func movesOf(tx *gorm.DB, mergeID int64, owner string) (rows []model.MergeMove, err error) {
	err = tx.Where("merge_id = ? AND owner = ?", mergeID, owner).Order("id DESC").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("read what moved: %w", err)
	}
	return rows, nil
}

func endMerge(tx *gorm.DB, id, staffID int64, now time.Time) error {
	err := tx.Model(&model.CustomerMerge{}).Where("id = ?", id).UpdateColumns(map[string]any{"undone_at": now, "undone_by": staffID}).Error
	if err != nil {
		return fmt.Errorf("end merge: %w", err)
	}
	return nil
}

// reviewsBetween gives the reviews between two sets of ids.
func reviewsBetween(tx *gorm.DB, as, bs []int64, statuses ...string) (rows []model.MergeReview, err error) {
	err = tx.Where("(customer_id IN ? AND other_id IN ? OR customer_id IN ? AND other_id IN ?) AND status IN ?", as, bs, bs, as, statuses).
		Order("id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find reviews: %w", err)
	}
	return rows, nil
}

// settleReviews marks every review between those who are one now as merged.
func settleReviews(tx *gorm.DB, m *model.CustomerMerge) error {
	gone, err := members(tx, m.OtherID)
	if err != nil {
		return err
	}
	all, err := members(tx, m.CustomerID)
	if err != nil {
		return err
	}
	rows, err := reviewsBetween(tx, gone, all, ReviewOpen, ReviewRejected)
	if err != nil || len(rows) == 0 {
		return err
	}
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	return decideReviews(tx, ids, map[string]any{"status": ReviewMerged, "merge_id": m.ID, "decided_at": m.MergedAt, "decided_by": m.StaffID})
}

func decideReviews(tx *gorm.DB, ids []int64, set map[string]any) error {
	if err := tx.Model(&model.MergeReview{}).Where("id IN ?", ids).UpdateColumns(set).Error; err != nil {
		return fmt.Errorf("decide reviews: %w", err)
	}
	return nil
}

// rejectPair notes that two who were merged are not one, so that no rule merges them again.
func rejectPair(tx *gorm.DB, m *model.CustomerMerge, staffID int64, now time.Time) error {
	set := map[string]any{"status": ReviewRejected, "merge_id": 0, "decided_at": now, "decided_by": staffID}
	if err := tx.Model(&model.MergeReview{}).Where("merge_id = ?", m.ID).UpdateColumns(set).Error; err != nil {
		return fmt.Errorf("reject a pair: %w", err)
	}
	err := model.InsertIgnore(tx).Create(&model.MergeReview{
		Pair: pairOf(m.CustomerID, m.OtherID), CustomerID: min(m.CustomerID, m.OtherID), OtherID: max(m.CustomerID, m.OtherID),
		Reason: m.Reason, IdentityKind: m.IdentityKind, IdentityScope: m.IdentityScope, Source: m.Source, Confidence: m.Confidence,
		Status: ReviewRejected, FoundAt: m.MergedAt, DecidedAt: &now, DecidedBy: staffID,
	}).Error
	if err != nil {
		return fmt.Errorf("reject a pair: %w", err)
	}
	return nil
}

// reviewByID finds a review of two customers whom the viewer may see.
func reviewByID(tx *gorm.DB, sc scope, id int64) (*model.MergeReview, error) {
	var r model.MergeReview
	q := sc.ofCustomer(sc.ofCustomer(tx, "merge_review.customer_id"), "merge_review.other_id")
	err := q.Where("merge_review.id = ?", id).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrReviewNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find review: %w", err)
	}
	return &r, nil
}

func closeReview(tx *gorm.DB, id int64, set map[string]any) (closed int64, err error) {
	res := tx.Model(&model.MergeReview{}).Where("id = ? AND status = ?", id, ReviewOpen).UpdateColumns(set)
	if res.Error != nil {
		return 0, fmt.Errorf("close review: %w", res.Error)
	}
	return res.RowsAffected, nil
}

func listReviews(tx *gorm.DB, sc scope, f PairFilter) (rows []model.MergeReview, err error) {
	q := sc.ofCustomer(sc.ofCustomer(tx, "merge_review.customer_id"), "merge_review.other_id").Where("merge_review.status = ?", f.Status)
	if err := f.page(q).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list reviews: %w", err)
	}
	return rows, nil
}

func listMerges(tx *gorm.DB, sc scope, f PairFilter) (rows []model.CustomerMerge, err error) {
	if err := f.page(sc.ofCustomer(tx, "customer_merge.customer_id")).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("list merges: %w", err)
	}
	return rows, nil
}

func (f PairFilter) page(q *gorm.DB) *gorm.DB {
	if f.CustomerID != 0 {
		q = q.Where("(customer_id = ? OR other_id = ?)", f.CustomerID, f.CustomerID)
	}
	if f.Before != 0 {
		q = q.Where("id < ?", f.Before)
	}
	return q.Order("id DESC").Limit(f.Limit)
}
