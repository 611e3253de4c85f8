package loyalty

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Books is how many points are in each book, from the entries alone: together they are zero.
type Books struct {
	Books map[string]int64
	// Wrong are accounts that do not say what their entries and lots say; they are mended by nobody but a person.
	Wrong []int64
	// Accounts were looked at.
	Accounts int64
}

// mostWrong bounds how many are listed.
const mostWrong = 100

// Reconcile holds every account against its entries and lots.
func (s *Service) Reconcile(ctx context.Context) (*Books, error) {
	out := &Books{Books: map[string]int64{}}
	db := s.DB.WithContext(ctx)
	for after := int64(0); ; {
		rows, err := standings(db, after, 2000)
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			if len(out.Wrong) < mostWrong && (r.Balance != r.SumBalance || r.Frozen != r.SumFrozen || r.Lots != max(r.Balance, 0)) {
				out.Wrong = append(out.Wrong, r.CustomerID)
			}
		}
		out.Accounts += int64(len(rows))
		after = rows[len(rows)-1].CustomerID
	}
	return out, sumBooks(db, out.Books)
}

// Verify is Reconcile for the night: it fails when an account is wrong, so that somebody sees it.
func (s *Service) Verify(ctx context.Context) error {
	b, err := s.Reconcile(ctx)
	if err != nil {
		return err
	}
	sum := int64(0)
	for _, n := range b.Books {
		sum += n
	}
	if len(b.Wrong) > 0 || sum != 0 {
		return fmt.Errorf("points do not add up: %d accounts differ from their entries, all books together hold %d", len(b.Wrong), sum)
	}
	s.Logger.InfoContext(ctx, "points add up", "accounts", b.Accounts)
	return nil
}

// recount makes accounts say again what their entries say, after entries changed hands.
func (s *Service) recount(tx *gorm.DB, customerIDs ...int64) error {
	for _, id := range customerIDs {
		row, err := lockAccount(tx, id, s.Now())
		if err != nil {
			return err
		}
		if row.Balance, row.Frozen, row.Earned, err = sumsOf(tx, id); err != nil {
			return err
		}
		row.UpdatedAt = s.Now()
		if err := saveAccount(tx, row); err != nil {
			return err
		}
		if err := s.levelLots(tx, id, max(row.Balance, 0)); err != nil {
			return err
		}
	}
	return nil
}

// levelLots has the lots of a customer hold as much as the account: where one of two who became one was in debt, the other's
// points have paid it, and when they are two again what was paid comes back.
func (s *Service) levelLots(tx *gorm.DB, customerID, balance int64) error {
	lots, err := lotsToSpend(tx, customerID)
	if err != nil {
		return err
	}
	held := int64(0)
	for _, l := range lots {
		held += l.Remaining
	}
	for _, l := range lots {
		n := min(l.Remaining, held-balance)
		if n <= 0 {
			break
		}
		if err := addToLot(tx, l.ID, -n); err != nil {
			return err
		}
		held -= n
	}
	if held >= balance {
		return nil
	}
	now := s.Now()
	return insert(tx, &model.PointsLot{
		CustomerID: customerID, Points: balance - held, Remaining: balance - held, ExpiresAt: s.expiry(now, comebackDays), CreatedAt: now,
	})
}

// Mover is what has accounts follow their entries when customers are merged, and when that is undone.
type Mover struct{ s *Service }

// Mover gives the service's Mover. The tables themselves are moved by the customer capability, before.
func (s *Service) Mover() Mover { return Mover{s} }

// Name is data.
func (Mover) Name() string { return "points_account" }

// Move counts anew what the one who stands has; the other has nothing left.
func (m Mover) Move(tx *gorm.DB, from, to int64) ([][]byte, error) {
	there, err := hasAccount(tx, from)
	if err != nil || !there {
		return nil, err
	}
	if err := m.s.recount(tx, from, to); err != nil {
		return nil, err
	}
	return [][]byte{[]byte("{}")}, m.s.lookAtTier(tx, to)
}

// Undo counts anew what each of them has.
func (m Mover) Undo(tx *gorm.DB, from, to int64, _ []byte) error {
	return m.s.recount(tx, from, to)
}
