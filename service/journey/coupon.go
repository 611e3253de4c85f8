package journey

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/service/coupon"
	"zhiyin/service/event"
	words "zhiyin/service/outreach/message"
)

// couponTitle is what a message may say of a coupon.
type couponTitle struct {
	ID         int64
	CustomerID int64
	State      string
	ValidUntil time.Time
	Name       string // of its batch
}

func (t *couponTitle) tell(c *candidate, name string, zone *time.Location) {
	if c.said == nil {
		c.said = map[string]string{}
	}
	c.said[words.VarCoupon], c.said[words.VarExpiry] = name, lastTime(t.ValidUntil, zone)
}

// lastTime says until when something is good: the day, with the time where it ends within it.
func lastTime(until time.Time, zone *time.Location) string {
	t := until.In(zone)
	if h, m, s := t.Clock(); h == 0 && m == 0 && s == 0 {
		return t.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04")
}

// ofCoupons lets those whom a coupon has enter say which one and until when. Who has used, lost or kept for longer the coupon that was about to
// expire stays out: that was news when it was recorded.
func (s *Service) ofCoupons(tx *gorm.DB, in []candidate) ([]candidate, error) {
	var ids []int64
	for _, c := range in {
		if c.coupon != 0 {
			ids = append(ids, c.coupon)
		}
	}
	if len(ids) == 0 {
		return in, nil
	}
	titles, err := couponTitles(tx, ids)
	if err != nil {
		return nil, err
	}
	var out []candidate
	for _, c := range in {
		t := titles[c.coupon]
		if c.cause == event.KindCouponExpiring && (t == nil || t.State != coupon.Usable || t.CustomerID != c.customer || !t.ValidUntil.Equal(c.until)) {
			continue
		}
		if t != nil {
			t.tell(&c, t.Name, s.Zone)
		}
		out = append(out, c)
	}
	return out, nil
}

// couponDay is the day that a date trigger looks at; of the day itself what is left.
func couponDay(p Params, day time.Time) (from, to time.Time) {
	y, m, d := day.Date()
	from = time.Date(y, m, d, 0, 0, 0, 0, day.Location())
	to = from.AddDate(0, 0, 1)
	if p.number("before") == p.number("after") {
		from = day
	}
	return from, to
}

// tellCoupons makes the day the key of each run, so that coupons that end on another day are another run, and lets it say which they are.
func tellCoupons(tx *gorm.DB, p Params, day time.Time, in []candidate) error {
	var people []int64
	for _, c := range in {
		people = append(people, c.customer)
	}
	from, to := couponDay(p, day)
	of, err := couponsEnding(tx, from, to, people)
	if err != nil {
		return err
	}
	for i := range in {
		c := &in[i]
		c.key = fmt.Sprint(dayNumber(day))
		list := of[c.customer]
		if len(list) == 0 {
			continue
		}
		name := list[0].Name
		if len(list) > 1 {
			name = fmt.Sprintf("%s 等 %d 张", name, len(list))
		}
		list[0].tell(c, name, day.Location())
	}
	return nil
}
