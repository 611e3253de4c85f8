package draw

import (
	"context"
	"strconv"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/loyalty"
)

func rowName(id int64) string { return strconv.FormatInt(id, 10) }

// Try has a customer try their luck: points are paid, the roll is made, and what is won is given, all of it or nothing. The
// request id (8 to 48 bytes) is what the customer brings to the roll; repeating it gives the first try. It fails with
// ErrNotFound, ErrClosed, ErrDayLimit, ErrLimit, ErrAudience, ErrCheckIn, ErrOrder, ErrOtherBody, loyalty.ErrTooFew, or with
// what a coupon is refused for.
func (s *Service) Try(ctx context.Context, customerID, id int64, requestID string) (out *model.DrawTry, err error) {
	key := "draw:" + rowName(customerID) + ":" + requestID
	if out, err = tryByKey(s.DB.WithContext(ctx), key); err != nil || out != nil {
		return same(out, id, err)
	}
	d, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if d.SegmentID != 0 {
		in, err := s.Segments.Contains(ctx, d.SegmentID, customerID)
		if err != nil {
			return nil, err
		}
		if len(in) == 0 {
			return nil, ErrAudience
		}
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
		out, err = s.tryTx(tx, customerID, id, requestID, key)
		return err
	})
	return same(out, id, err)
}

// same refuses a try that was made in another draw under the same request id.
func same(t *model.DrawTry, id int64, err error) (*model.DrawTry, error) {
	if err == nil && t != nil && t.DrawID != id {
		return nil, ErrOtherBody
	}
	return t, err
}

func (s *Service) tryTx(tx *gorm.DB, customerID, id int64, nonce, key string) (*model.DrawTry, error) {
	// The draw's row is everybody's turn: numbers have no gaps, stock and limits hold.
	row, err := lock(tx, id)
	if err != nil {
		return nil, err
	}
	if t, err := tryByKey(tx, key); err != nil || t != nil {
		return t, err
	}
	now := s.Now()
	if err := s.may(tx, row, customerID, now); err != nil {
		return nil, err
	}
	prizes, err := prizesOf(tx, id)
	if err != nil {
		return nil, err
	}
	seed, err := s.Vault.Open(row.SealedSeed, sealed(id))
	if err != nil {
		return nil, err
	}
	t := &model.DrawTry{
		DrawID: id, Number: row.Tries + 1, CustomerID: customerID, Day: s.dayNumber(now), RequestKey: key, Nonce: nonce, State: Nothing, CreatedAt: now, UpdatedAt: now,
	}
	t.Roll = roll([]byte(seed), row.Commitment, t.Number, nonce)
	t.Place = placeOf(prizes, t.Roll)
	if err := countTry(tx, row); err != nil {
		return nil, err
	}
	if row.Price > 0 {
		_, err := s.Purse.SpendTx(tx, loyalty.Spending{CustomerID: customerID, Points: row.Price, Detail: loyalty.Detail{Key: key, Source: "draw", SourceID: id, Reason: row.Name}})
		if err != nil {
			return nil, err
		}
	}
	if t.Place >= 0 {
		if err := s.win(tx, row, &prizes[t.Place], t); err != nil {
			return nil, err
		}
	}
	return t, insert(tx, t)
}

// may says why a customer can't try now.
func (s *Service) may(tx *gorm.DB, row *model.LuckyDraw, customerID int64, now time.Time) error {
	if row.State != StateActive || now.Before(row.From) || !now.Before(row.Until) {
		return ErrClosed
	}
	today, all, err := triesOf(tx, row.ID, customerID, s.dayNumber(now))
	switch {
	case err != nil:
		return err
	case row.PerDay > 0 && today >= row.PerDay:
		return ErrDayLimit
	case row.PerCustomer > 0 && all >= row.PerCustomer:
		return ErrLimit
	}
	if row.NeedCheckIn {
		if in, err := checkedIn(tx, customerID, s.dayNumber(now)); err != nil || !in {
			return orElse(err, ErrCheckIn)
		}
	}
	if row.PaidDays > 0 {
		if paid, err := paidSince(tx, customerID, now.AddDate(0, 0, -row.PaidDays)); err != nil || !paid {
			return orElse(err, ErrOrder)
		}
	}
	return nil
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// win gives a prize, unless it is gone.
func (s *Service) win(tx *gorm.DB, row *model.LuckyDraw, p *model.DrawPrize, t *model.DrawTry) (err error) {
	if t.Won, err = takePrize(tx, p.ID); err != nil || !t.Won {
		return err
	}
	t.PrizeID, t.State = p.ID, Done
	switch p.Kind {
	case Gift:
		t.State = ToHandOver
	case Points:
		_, err = s.Purse.EarnTx(tx, loyalty.Earning{CustomerID: t.CustomerID, Points: p.Points, ValidDays: 365, Detail: loyalty.Detail{
			Key: "won:" + t.RequestKey, Source: "draw", SourceID: row.ID, Reason: p.Name,
		}})
	case Coupon:
		t.CouponID, err = s.Coupons.GrantTx(tx, loyalty.Grant{BatchID: p.BatchID, CustomerID: t.CustomerID, Key: "won:" + t.RequestKey, Source: "draw", SourceID: row.ID})
	}
	return err
}

// Left says how many more tries a customer has today, at most; -1: any number.
func (s *Service) Left(ctx context.Context, customerID int64, d *Draw) (int64, error) {
	today, all, err := triesOf(s.DB.WithContext(ctx), d.ID, customerID, s.dayNumber(s.Now()))
	left := int64(-1)
	if d.PerDay > 0 {
		left = max(d.PerDay-today, 0)
	}
	if d.PerCustomer > 0 && (left < 0 || d.PerCustomer-all < left) {
		left = max(d.PerCustomer-all, 0)
	}
	return left, err
}

// TryFilter selects tries.
type TryFilter struct {
	DrawID     int64 // 0: of any
	CustomerID int64 // 0: anybody's
	State      string
	Before     int64 // the cursor: only rows with a smaller id
	Limit      int
}

// Tries gives a page of tries, the newest first. It fails with ErrNotFound.
func (s *Service) Tries(ctx context.Context, f TryFilter) ([]model.DrawTry, error) {
	if f.DrawID != 0 {
		if _, err := byID(s.DB.WithContext(ctx), f.DrawID); err != nil {
			return nil, err
		}
	}
	return triesBefore(s.DB.WithContext(ctx), f)
}

// HandOver notes that a gift was handed over. Repeating it changes nothing. It fails with ErrNotFound or ErrState.
func (s *Service) HandOver(ctx context.Context, staffID, tryID int64, note string) error {
	return handOver(s.DB.WithContext(ctx), tryID, staffID, note, s.Now())
}

// Proof is what anybody needs to work out all tries anew: the seed once the draw has ended, and a page of tries by number.
func (s *Service) Proof(ctx context.Context, id, after int64, limit int) (*Draw, []model.DrawTry, error) {
	d, err := s.Get(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	tries, err := triesAfter(s.DB.WithContext(ctx), id, after, limit)
	return d, tries, err
}

// Check works out all tries of a draw that has ended anew, and gives the number of the first that is not what it must be; 0:
// all are. It fails with ErrState before the end.
func (s *Service) Check(ctx context.Context, id int64) (tries, wrong int64, err error) {
	d, err := s.Get(ctx, id)
	if err != nil {
		return 0, 0, err
	}
	if d.State != StateEnded {
		return 0, 0, ErrState
	}
	var all []model.DrawTry
	for after := int64(0); ; {
		page, err := triesAfter(s.DB.WithContext(ctx), id, after, 5000)
		if err != nil {
			return 0, 0, err
		}
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
		after = page[len(page)-1].Number
	}
	if int64(len(all)) != d.Tries {
		return int64(len(all)), int64(len(all)) + 1, nil
	}
	return int64(len(all)), Fair(d, all), nil
}
