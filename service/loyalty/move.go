package loyalty

import (
	"context"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Earning is points that a customer gets.
type Earning struct {
	CustomerID int64
	Points     int64
	ValidDays  int // business days until they expire, the day of earning not counted; 0: never
	Detail
}

// EarnTx gives a customer points. Repeating a key changes nothing and gives the first entry; with other points or another
// customer it fails with ErrOtherBody.
func (s *Service) EarnTx(tx *gorm.DB, in Earning) (entry *model.PointsEntry, err error) {
	err = s.change(tx, in.CustomerID, func(b *book) error {
		if entry, err = b.known(in.Key, Earn, in.Points); entry != nil || err != nil {
			return err
		}
		entry, err = b.put(Earn, Issued, in.Points, 0, s.expiry(b.now, in.ValidDays), in.Detail)
		return err
	})
	return entry, err
}

// Spending is points that a customer gives.
type Spending struct {
	CustomerID int64
	Points     int64
	Detail
}

// SpendTx takes points for something, those that expire first before the others. Repeating a key changes nothing and gives
// the first entry. It fails with ErrTooFew or ErrOtherBody.
func (s *Service) SpendTx(tx *gorm.DB, in Spending) (entry *model.PointsEntry, err error) {
	err = s.change(tx, in.CustomerID, func(b *book) error {
		if entry, err = b.known(in.Key, Spend, in.Points); entry != nil || err != nil {
			return err
		}
		if b.account.Balance < in.Points {
			return ErrTooFew
		}
		entry, err = b.take(Spend, Spent, in.Points, 0, in.Detail)
		return err
	})
	return entry, err
}

// ReturnTx gives back what an entry of SpendTx took, once, under a key of its own.
func (s *Service) ReturnTx(tx *gorm.DB, spentID int64, d Detail) (entry *model.PointsEntry, err error) {
	origin, err := entryByID(tx, spentID)
	if err != nil {
		return nil, err
	}
	if origin.Kind != Spend {
		return nil, ErrNotPossible
	}
	err = s.change(tx, origin.CustomerID, func(b *book) error {
		after, err := followers(tx, origin.ID)
		if err != nil {
			return err
		}
		if len(after) > 0 {
			entry = &after[0]
			return nil
		}
		entry, err = b.giveBack(origin, d)
		return err
	})
	return entry, err
}

// TakeBackTx undoes an entry of EarnTx wholly: what it was given for turned out not to be so. Who has spent the points owes
// them. Repeating it changes nothing and gives the first entry. It fails with ErrNotPossible for any other kind of entry.
func (s *Service) TakeBackTx(tx *gorm.DB, earnedID int64, d Detail) (entry *model.PointsEntry, err error) {
	origin, err := entryByID(tx, earnedID)
	if err != nil {
		return nil, err
	}
	if origin.Kind != Earn || origin.Source == sourceOrder { // those of orders follow the order
		return nil, ErrNotPossible
	}
	err = s.change(tx, origin.CustomerID, func(b *book) error {
		after, err := followers(tx, origin.ID)
		if err != nil {
			return err
		}
		if len(after) > 0 {
			entry = &after[0]
			return nil
		}
		entry, err = b.take(TakeBack, Issued, origin.Points, origin.ID, d)
		return err
	})
	return entry, err
}

// known finds an entry that was made under a key before.
func (b *book) known(key, kind string, points int64) (*model.PointsEntry, error) {
	row, err := entryByKey(b.tx, key)
	if row != nil && (row.Kind != kind || row.Points != points || row.CustomerID != b.account.CustomerID) {
		return nil, ErrOtherBody
	}
	return row, err
}

// Correction is what a person changes about a customer's points.
type Correction struct {
	CustomerID int64
	Points     int64  // below zero: they are taken
	RequestID  string // 8 to 64 bytes; repeating it changes nothing
	Reason     string // 1 to 128 characters
	ValidDays  int
}

// Correct adds or takes points by hand, with a reason. It fails with ErrNotFound, ErrInvalid, ErrTooFew or ErrOtherBody.
func (s *Service) Correct(ctx context.Context, v *staff.Viewer, in Correction) (entry *model.PointsEntry, err error) {
	if n := len([]rune(in.Reason)); in.Points == 0 || in.Points > maxPoints || in.Points < -maxPoints || n == 0 || n > 128 || in.ValidDays < 0 || in.ValidDays > maxDays {
		return nil, ErrInvalid.With("points", "非零，且必须说明原因 / not zero, and with a reason")
	}
	if err := s.sight(ctx, v, in.CustomerID); err != nil {
		return nil, err
	}
	d := Detail{Key: "adjust:" + number(v.StaffID) + ":" + in.RequestID, Source: "console", SourceID: v.StaffID, StaffID: v.StaffID, Reason: in.Reason}
	err = s.in(s.DB.WithContext(ctx), in.CustomerID, func(b *book) error {
		if entry, err = b.known(d.Key, Adjust, max(in.Points, -in.Points)); entry != nil || err != nil {
			return err
		}
		if in.Points > 0 {
			entry, err = b.put(Adjust, Adjusted, in.Points, 0, s.expiry(b.now, in.ValidDays), d)
			return err
		}
		if b.account.Balance < -in.Points {
			return ErrTooFew
		}
		entry, err = b.take(Adjust, Adjusted, -in.Points, 0, d)
		return err
	})
	return entry, err
}

const (
	// maxPoints bounds what one entry moves, so that sums stay far from overflowing.
	maxPoints = 100_000_000
	maxDays   = 3650
)
