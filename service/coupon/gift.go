package coupon

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// The states of a gift. Names are data.
const (
	GiftOpen      = "open" // whoever has the code may take the coupon
	GiftTaken     = "taken"
	GiftWithdrawn = "withdrawn" // by the giver
	GiftLapsed    = "lapsed"    // nobody took it in time
)

// How long a gift waits to be taken.
const (
	MinGift     = time.Minute
	MaxGift     = 7 * 24 * time.Hour
	DefaultGift = 24 * time.Hour
)

// GiftInput has a customer give a coupon away.
type GiftInput struct {
	Key        Key
	CustomerID int64 // whose the coupon has to be
	CouponID   int64
	For        time.Duration // how long it waits; 0: a day
}

// Gift is a coupon on its way from one customer to another.
type Gift struct {
	model.CouponGift
	// Code takes the coupon, once; shown to the giver while the gift is open.
	Code string
	Item Item
}

// Give lets whoever comes with a code have a customer's usable coupon, of a batch that allows it. Until somebody does, or
// it is taken back, or its time or the coupon's is over, the coupon can't be used. Repeating a Key gives the same gift. It
// fails with ErrKey, ErrOther, ErrInFlight, ErrNotFound, ErrMove, ErrClosed (the batch is paused), ErrFixedTo, ErrHops or
// ErrGift.
func (s *Service) Give(ctx context.Context, in GiftInput) (*Gift, error) {
	if in.For == 0 {
		in.For = DefaultGift
	}
	if in.For < MinGift || in.For > MaxGift {
		return nil, ErrGift.With("minutes", "1–10080")
	}
	id, err := s.once(ctx, in.Key, bodyOf(actGift, []any{in.CouponID, in.CustomerID, in.For}), func(tx *gorm.DB) (id int64, err error) {
		err = s.actTx(tx, Act{CouponID: in.CouponID, OwnerID: in.CustomerID}, actGift, func(tx *gorm.DB, c *model.Coupon, now time.Time) (event.Fact, error) {
			g, err := s.openGift(tx, c, now, in.For)
			if err != nil {
				return nil, err
			}
			id = g.ID
			return event.CouponGiftOpened{CouponFact: factOf(c, now), ExpiresAt: g.ExpiresAt}, nil
		})
		return id, err
	})
	if err != nil {
		return nil, err
	}
	return s.giftOf(ctx, in.CustomerID, id)
}

// once answers a request under its key by the row that came of it, and has do make it when there is none.
func (s *Service) once(ctx context.Context, key Key, body hash, do func(tx *gorm.DB) (int64, error)) (int64, error) {
	release, err := s.flight.take(key)
	if err != nil {
		return 0, err
	}
	defer release()
	a, err := s.onceInTx(ctx, key, body, func(tx *gorm.DB) (answer, error) {
		id, err := do(tx)
		return answer{ID: id}, err
	})
	return a.ID, err
}

func (s *Service) openGift(tx *gorm.DB, c *model.Coupon, now time.Time, wait time.Duration) (*model.CouponGift, error) {
	if c.State != Usable || !now.Before(c.ValidUntil) {
		return nil, ErrMove
	}
	b, err := batchByID(tx, c.BatchID)
	if err != nil {
		return nil, err
	}
	o, err := offerOf(b)
	if err != nil {
		return nil, err
	}
	if err := s.handable(tx, o, c); err != nil {
		return nil, err
	}
	until := now.Add(wait)
	if until.After(c.ValidUntil) {
		until = c.ValidUntil
	}
	c.State = Gifted
	g := &model.CouponGift{
		CouponID: c.ID, CouponVersion: c.Version, BatchID: c.BatchID, CustomerID: c.CustomerID, State: GiftOpen, ExpiresAt: until, CreatedAt: now,
	}
	g.CodeHash = s.codeHash(giftSpace + s.giftCode(g))
	return g, insertGift(tx, g)
}

// handable tells whether a coupon may change hands once more.
func (s *Service) handable(tx *gorm.DB, o *offer, c *model.Coupon) error {
	switch {
	case !o.Transferable:
		return ErrFixedTo
	case o.State == BatchPaused:
		return ErrClosed
	case o.rules.Hops == 0:
		return nil
	}
	n, err := transfersOf(tx, c.ID)
	if err == nil && n >= o.rules.Hops {
		err = ErrHops
	}
	return err
}

// giftSpace keeps codes of gifts apart from codes that make coupons.
const giftSpace = "gift:"

// giftCode follows from coupon and version, so that it needs not be kept: a coupon is given once as it is.
func (s *Service) giftCode(g *model.CouponGift) string {
	mac := hmac.New(sha256.New, s.Key)
	mac.Write([]byte("coupon gift\x00"))
	for _, n := range []int64{g.CouponID, int64(g.CouponVersion)} {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(n))
		mac.Write(b[:])
	}
	return codeText(mac.Sum(nil), 0)
}

// giftOf gives a customer's own gift, with its code while it is open. It fails with ErrNoGift.
func (s *Service) giftOf(ctx context.Context, customerID, id int64) (*Gift, error) {
	db := s.DB.WithContext(ctx)
	g, err := giftByID(db, id)
	if err != nil {
		return nil, err
	}
	if g.CustomerID != customerID {
		return nil, ErrNoGift
	}
	list, err := s.gifts(db, []model.CouponGift{*g})
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// gifts gives gifts their coupons, and those that are open their codes.
func (s *Service) gifts(tx *gorm.DB, rows []model.CouponGift) ([]Gift, error) {
	ids := make([]int64, len(rows))
	for i, g := range rows {
		ids[i] = g.CouponID
	}
	found, err := couponsByID(tx, ids)
	if err != nil {
		return nil, err
	}
	coupons := make([]model.Coupon, len(found))
	for i, c := range found {
		coupons[i] = *c
	}
	items, err := withBatches(tx, coupons)
	if err != nil {
		return nil, err
	}
	byID := map[int64]Item{}
	for _, it := range items {
		byID[it.ID] = it
	}
	now, list := s.Now(), make([]Gift, len(rows))
	for i, g := range rows {
		list[i] = Gift{CouponGift: g, Item: byID[g.CouponID]}
		if g.State == GiftOpen && now.Before(g.ExpiresAt) {
			list[i].Code = shownCode("", s.giftCode(&g))
		}
	}
	return list, nil
}

// GiftFilter selects gifts; zero values select all.
type GiftFilter struct{ CustomerID, BatchID, CouponID int64 }

// Gifts lists gifts, the newest first, from below a row id (0: from the newest). Whoever shows them to others than the giver
// leaves out their codes.
func (s *Service) Gifts(ctx context.Context, f GiftFilter, before int64, limit int) ([]Gift, error) {
	db := s.DB.WithContext(ctx)
	rows, err := giftsBefore(db, f, before, limit)
	if err != nil {
		return nil, err
	}
	return s.gifts(db, rows)
}
