package coupon

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"zhiyin/model"
)

// A pass is the code that a customer shows in a shop: it names the coupon, and proves by a hash over coupon and
// time that it was asked for just now, so that a screenshot is worthless.
const (
	// passStep is how often a pass changes.
	passStep = 30 * time.Second
	// passGrace is how long the one before is still taken, for the way from one screen to the other.
	passGrace = 5 * time.Second
	passMAC   = 13 // characters of 31: 64 bits
	passID    = 26 // characters of a public id
)

// Pass is a code to be shown, and when it changes.
type Pass struct {
	Code      string
	ChangesAt time.Time
}

// Pass gives the present code of a customer's own usable coupon. It fails with ErrNotFound or ErrMove.
func (s *Service) Pass(ctx context.Context, customerID, couponID int64) (*Pass, error) {
	c, err := couponByID(s.DB.WithContext(ctx), couponID)
	if err != nil {
		return nil, err
	}
	now := s.Now()
	switch {
	case c.CustomerID != customerID:
		return nil, ErrNotFound
	case c.State != Usable, now.Before(c.ValidFrom), !now.Before(c.ValidUntil):
		return nil, ErrMove
	}
	step := now.Unix() / int64(passStep/time.Second)
	code := strings.ToUpper(s.IDs.Of(model.KindCoupon, c.ID)) + s.passMAC(c.ID, c.CustomerID, step)
	return &Pass{code, time.Unix((step+1)*int64(passStep/time.Second), 0).UTC()}, nil
}

// CouponOfPass gives the coupon behind a code that was shown. It fails with ErrPass when the code is no
// longer, or never was, the present one.
func (s *Service) CouponOfPass(ctx context.Context, code string) (*model.Coupon, error) {
	code = strings.ToUpper(strings.TrimSpace(code))
	if len(code) != passID+passMAC {
		return nil, ErrPass
	}
	id, err := s.IDs.Row(model.KindCoupon, strings.ToLower(code[:passID]))
	if err != nil {
		return nil, ErrPass
	}
	c, err := couponByID(s.DB.WithContext(ctx), id)
	if err != nil {
		return nil, ErrPass
	}
	now := s.Now()
	for _, at := range []time.Time{now, now.Add(-passGrace)} {
		mac := s.passMAC(c.ID, c.CustomerID, at.Unix()/int64(passStep/time.Second))
		if hmac.Equal([]byte(mac), []byte(code[passID:])) {
			return c, nil
		}
	}
	return nil, ErrPass
}

// passMAC binds a coupon to whose it is and to a step of time.
func (s *Service) passMAC(id, customer, step int64) string {
	mac := hmac.New(sha256.New, s.Key)
	mac.Write([]byte("coupon pass\x00"))
	for _, n := range []int64{id, customer, step} {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(n))
		mac.Write(b[:])
	}
	sum := mac.Sum(nil)
	text := make([]byte, passMAC)
	hi, lo := binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])
	for i := range text {
		var rest uint64
		hi, lo, rest = divide(hi, lo, uint64(len(letters)))
		text[i] = letters[rest]
	}
	return string(text)
}
