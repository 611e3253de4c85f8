package coupon

import (
	"context"
	"time"

	"zhiyin/model"
)

// Outlook is what giving a number of a batch's coupons at a time would mean, as things stand.
type Outlook struct {
	BatchID int64
	Name    string
	Coupons int64 // asked for
	// CostFen is the most that they can cost, as far as kind, stock and budget say; 0: it depends on the orders.
	CostFen model.Fen
	// What is left of the stock, and of the budget for all time; -1: there is no limit.
	Stock, BudgetCount, BudgetFen int64
	// Enough: stock and budget suffice for all of them, even if all are used, as far as their kind says what that costs.
	Enough bool
	// Refusal says why nobody would be given one: ErrClosed, ErrSoldOut or ErrBudget; nil: somebody would.
	Refusal error
}

// Outlook says what giving n coupons of a batch at a time would mean. It fails with ErrNoBatch.
func (s *Service) Outlook(ctx context.Context, batchID, n int64, at time.Time) (*Outlook, error) {
	b, err := s.Batch(ctx, batchID)
	if err != nil {
		return nil, err
	}
	of, err := offerOf(&b.CouponBatch)
	if err != nil {
		return nil, err
	}
	o := &Outlook{
		BatchID: b.ID, Name: b.Name, Coupons: n, Stock: left(b.Stock, b.Count.Issued), BudgetCount: left(b.BudgetCount, b.Budget.UsedCount),
		BudgetFen: left(int64(b.BudgetFen), int64(b.Budget.UsedFen)),
	}
	worth := int64(of.terms.worth())
	used := n // at most so many can be used
	for _, limit := range []int64{o.Stock, o.BudgetCount} {
		if limit >= 0 {
			used = min(used, limit)
		}
	}
	cost := used * worth
	o.Enough = used == n && (o.BudgetFen < 0 || cost <= o.BudgetFen)
	if o.BudgetFen >= 0 && (worth == 0 || cost > o.BudgetFen) {
		cost = o.BudgetFen
	}
	o.CostFen = model.Fen(cost)
	issue := batchIssue{offer: of, count: &b.Count}
	switch err := issue.open(&IssueInput{Source: SourceCampaign}, at); {
	case err != nil:
		o.Refusal = err
	case o.Stock == 0:
		o.Refusal = ErrSoldOut
	case usedUp(&b.Budget):
		o.Refusal = ErrBudget
	}
	o.Enough = o.Enough && o.Refusal == nil
	return o, nil
}

// left is what is left of a limit; -1: there is none.
func left(limit, used int64) int64 {
	if limit == 0 {
		return -1
	}
	return max(0, limit-used)
}

// Large tells whether giving coupons away needs a second person, by how many they are and what they cost at most.
func (s *Service) Large(coupons int64, cost model.Fen) bool {
	return coupons > s.ApproveFrom.Coupons || cost > s.ApproveFrom.Fen
}
