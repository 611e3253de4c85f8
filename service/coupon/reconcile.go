package coupon

import (
	"context"
	"fmt"

	"zhiyin/model"
)

// Finding is one thing that does not come to zero.
type Finding struct {
	BatchID  int64  `json:"batch_id"`
	CouponID int64  `json:"coupon_id,omitempty"`
	What     string `json:"what"` // a stable name
	Day      string `json:"day,omitempty"`
	Want     int64  `json:"want"` // as the ledger says
	Got      int64  `json:"got"`
}

// What may be wrong. Names are data.
const (
	wrongIssued  = "issued"  // a batch's counter of issues
	wrongVoided  = "voided"  // and of coupons that are void
	wrongExpired = "expired" // and of those that have expired
	wrongUses    = "budget_count"
	wrongFen     = "budget_fen"
	wrongSaved   = "saved" // what uses say was saved
	wrongVersion = "version"
	wrongState   = "state"
	wrongBalance = "balance"
	wrongGift    = "gift" // coupons on their way, and gifts that are open
)

// maxFindings is how many findings a reconciliation keeps; all are counted.
const maxFindings = 200

// reconcilePage is how many coupons one statement holds against the ledger.
const reconcilePage = 5000

// Reconcile holds coupons, counters, budgets and uses against the ledger, batch by batch, and keeps what it
// found. Each comparison is one statement, so what moves meanwhile is seen on both sides or on neither. It
// may run at any moment.
func (s *Service) Reconcile(ctx context.Context) error {
	_, err := s.ReconcileNow(ctx)
	return err
}

// ReconcileNow is Reconcile for those who want to see what it found.
func (s *Service) ReconcileNow(ctx context.Context) (*model.CouponBalance, error) {
	db := s.DB.WithContext(ctx)
	row := &model.CouponBalance{StartedAt: s.Now(), Findings: "[]"}
	var found []Finding
	note := func(list []Finding, err error) error {
		row.Wrong += len(list)
		found = append(found, list[:min(len(list), maxFindings-min(len(found), maxFindings))]...)
		return err
	}
	var after int64
	for {
		ids, err := batchIDsAfter(db, after, 100)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			after = id
			row.Batches++
			if err := note(wrongCounts(db, id)); err != nil {
				return nil, err
			}
			if err := note(wrongBudgets(db, id)); err != nil {
				return nil, err
			}
			if err := note(wrongGifts(db, id)); err != nil {
				return nil, err
			}
		}
		if len(ids) == 0 {
			break
		}
	}
	for from := int64(0); ; {
		to, err := couponsAfter(db, from, reconcilePage)
		if err != nil {
			return nil, err
		}
		if to == 0 {
			break
		}
		coupons, entries, list, err := wrongCoupons(db, from, to)
		row.Coupons, row.Entries = row.Coupons+coupons, row.Entries+entries
		if err := note(list, err); err != nil {
			return nil, err
		}
		from = to
	}
	if len(found) > 0 {
		row.Findings = asJSON(found)
		s.Logger.ErrorContext(ctx, "coupons do not reconcile", "findings", row.Wrong, "first", fmt.Sprintf("%+v", found[0]))
	}
	now := s.Now()
	row.EndedAt = &now
	return row, insertBalance(db, row)
}

// Balances lists reconciliations, newest first, from below a row id (0: from the newest).
func (s *Service) Balances(ctx context.Context, before int64, limit int) ([]model.CouponBalance, error) {
	return balancesBefore(s.DB.WithContext(ctx), before, limit)
}
