package catalog

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// RecountTx computes anew what these customers bought in all. Whoever moves orders from one customer
// to another in a transaction calls it there, with both, after the orders' rows are written.
func (s *Service) RecountTx(tx *gorm.DB, customerIDs []int64) error {
	ids := slices.Clone(customerIDs)
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id int64) bool { return id == 0 })
	for part := range slices.Chunk(ids, 200) {
		// The row is the lock: of two who change orders of one customer, the second counts what the first wrote.
		held, err := holdTotals(tx, part, s.now())
		if err != nil {
			return err
		}
		counted, err := countTotals(tx, part)
		if err != nil {
			return err
		}
		for _, row := range held {
			want := counted[row.CustomerID]
			want.CustomerID = row.CustomerID
			if equalTotals(want, *row) {
				continue
			}
			want.ID, want.UpdatedAt = row.ID, s.now()
			if err := updateTotals(tx, &want); err != nil {
				return err
			}
		}
	}
	return nil
}

func equalTotals(a, b model.CustomerTrade) bool {
	return a.CustomerID == b.CustomerID && a.Orders == b.Orders && a.PaidFen == b.PaidFen && a.RefundedFen == b.RefundedFen &&
		same(a.FirstPaidAt, b.FirstPaidAt) && same(a.LastPaidAt, b.LastPaidAt)
}

// Rebuild computes the totals of every customer anew, some at a time, and tells how many were wrong:
// none, unless rows were changed by other hands. It may run beside everything else.
func (s *Service) Rebuild(ctx context.Context) (wrong int, err error) {
	const step = 200
	for after := int64(0); ; {
		ids, err := customersWithTrade(s.db.WithContext(ctx), after, step)
		if err != nil || len(ids) == 0 {
			return wrong, err
		}
		after = ids[len(ids)-1]
		err = s.inTx(ctx, func(tx *gorm.DB) error {
			before, err := totalsOf(tx, ids)
			if err != nil {
				return err
			}
			if err := s.RecountTx(tx, ids); err != nil {
				return err
			}
			now, err := totalsOf(tx, ids)
			for id, t := range now {
				if was := before[id]; !equalTotals(was, t) && (was.ID != 0 || t.Orders != 0) {
					wrong++
				}
			}
			return err
		})
		if err != nil {
			return wrong, err
		}
	}
}
