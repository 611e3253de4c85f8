package loyalty

import (
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// The books that points move between. The first two are a customer's; the others are the house's, and say what has become
// of all points. Names are data.
const (
	Available = "available"
	Frozen    = "frozen"
	Issued    = "issued"
	Spent     = "spent"
	Expired   = "expired"
	Adjusted  = "adjusted"
)

// The kinds of entries. Names are data.
const (
	Earn     = "earn"      // issued → available
	Spend    = "spend"     // available → spent
	Return   = "return"    // spent → available: what they were spent on was taken back
	Expire   = "expire"    // available → expired
	Freeze   = "freeze"    // available → frozen: a refund is being decided
	Thaw     = "thaw"      // frozen → available
	TakeBack = "take_back" // frozen or available → issued: what they were earned by was undone
	Restore  = "restore"   // issued → available: a taking back was too much
	Adjust   = "adjust"    // adjusted ↔ available, by a person
)

// Detail is what an entry says besides how many points it moves.
type Detail struct {
	Key      string // unique, at most 96 bytes: the same move is made once
	RuleID   int64
	Source   string
	SourceID int64
	StaffID  int64
	Reason   string // for the customer to read; at most 128 characters
}

// book is a customer's account that is locked and being changed.
type book struct {
	s       *Service
	tx      *gorm.DB
	account *model.PointsAccount
	now     time.Time
	before  int64              // the balance when it was locked
	last    *model.PointsEntry // that was written; nil: nothing has changed
}

// entry writes an entry, and changes what the account repeats of it.
func (b *book) entry(kind, from, to string, points, originID int64, d Detail) (*model.PointsEntry, error) {
	row := &model.PointsEntry{
		CustomerID: b.account.CustomerID, EntryKey: d.Key, Kind: kind, FromBook: from, ToBook: to, Points: points, OriginID: originID, RuleID: d.RuleID,
		Source: d.Source, SourceID: d.SourceID, StaffID: d.StaffID, Reason: d.Reason, CreatedAt: b.now,
	}
	if err := insert(b.tx, row); err != nil {
		return nil, err
	}
	for book, sign := range map[string]int64{from: -1, to: 1} {
		switch book {
		case Available:
			b.account.Balance += sign * points
		case Frozen:
			b.account.Frozen += sign * points
		case Issued:
			b.account.Earned -= sign * points
		}
	}
	b.last = row
	return row, nil
}

func (b *book) close() error {
	if b.last == nil {
		return nil
	}
	b.account.UpdatedAt = b.now
	if err := saveAccount(b.tx, b.account); err != nil {
		return err
	}
	_, err := b.s.Events.Record(b.tx, event.PointsChanged{
		CustomerID: b.account.CustomerID, EntryID: b.last.ID, Change: b.account.Balance - b.before, Balance: b.account.Balance, At: b.now,
	})
	return err
}

// put adds points as a lot that expires at a time. What is owed is paid first.
func (b *book) put(kind, from string, points, originID int64, expires *time.Time, d Detail) (*model.PointsEntry, error) {
	owed := min(max(-b.account.Balance, 0), points)
	row, err := b.entry(kind, from, Available, points, originID, d)
	if err != nil {
		return nil, err
	}
	return row, insert(b.tx, &model.PointsLot{
		CustomerID: b.account.CustomerID, EntryID: row.ID, Points: points, Remaining: points - owed, ExpiresAt: expires, CreatedAt: b.now,
	})
}

// take removes points from the available ones, those that expire first before the others; beyond what there is the account
// is in debt. The caller has checked whether it may be.
func (b *book) take(kind, to string, points, originID int64, d Detail) (*model.PointsEntry, error) {
	row, err := b.entry(kind, Available, to, points, originID, d)
	if err != nil {
		return nil, err
	}
	lots, err := lotsToSpend(b.tx, b.account.CustomerID)
	if err != nil {
		return nil, err
	}
	for _, lot := range lots {
		n := min(lot.Remaining, points)
		if n == 0 {
			break
		}
		if err := takeFromLot(b.tx, row.ID, lot.ID, n); err != nil {
			return nil, err
		}
		points -= n
	}
	return row, nil
}

// comebackDays is how long points are good that come back after their time.
const comebackDays = 30

// giveBack undoes a spending: to the lots it came from, with their expiry; where that has passed, as a lot
// of its own that is good for a while.
func (b *book) giveBack(origin *model.PointsEntry, d Detail) (*model.PointsEntry, error) {
	owed := max(-b.account.Balance, 0)
	row, err := b.entry(Return, Spent, Available, origin.Points, origin.ID, d)
	if err != nil {
		return nil, err
	}
	uses, err := usesOf(b.tx, origin.ID)
	if err != nil {
		return nil, err
	}
	late := int64(0)
	for _, u := range uses {
		n := max(u.Points-owed, 0)
		owed -= u.Points - n
		if u.Expired(b.now) {
			late += n
			continue
		}
		if err := addToLot(b.tx, u.LotID, n); err != nil {
			return nil, err
		}
	}
	if late > 0 {
		err = insert(b.tx, &model.PointsLot{
			CustomerID: b.account.CustomerID, EntryID: row.ID, Points: late, Remaining: late, ExpiresAt: b.s.expiry(b.now, comebackDays), CreatedAt: b.now,
		})
	}
	return row, err
}
