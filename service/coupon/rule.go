package coupon

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"zhiyin/model"
)

// Rules say on what a coupon is good, with which others, and which staff may give it.
type Rules struct {
	Weekdays []int    `json:"weekdays,omitempty"` // 1 Monday … 7 Sunday; none: all
	Hours    []Hours  `json:"hours,omitempty"`    // none: all day
	Shops    []string `json:"shops,omitempty"`    // none: all
	// On which products: those listed and those of the categories (or below them); none of both: all.
	Products   []int64 `json:"products,omitempty"`
	Categories []int64 `json:"categories,omitempty"`
	// NotProducts are not among them, whatever else says they are.
	NotProducts []int64 `json:"not_products,omitempty"`
	FirstOrder  bool    `json:"first_order,omitempty"` // only on a customer's first order

	MinimumFen model.Fen `json:"minimum_fen,omitempty"` // of what it fits
	// MinimumLeft: the minimum is asked of what earlier coupons of the stack have left, not of the prices.
	MinimumLeft bool `json:"minimum_left,omitempty"`

	// Stacking. A coupon stands alone unless it names with which categories it goes together, both ways.
	Category string   `json:"category,omitempty"`
	With     []string `json:"with,omitempty"`
	Order    int      `json:"order,omitempty"`     // of counting; the lower, the earlier
	PerOrder int      `json:"per_order,omitempty"` // of the batch on one order; 0: 1

	// Hops is how often a coupon of a batch that allows it may change hands; 0: any number.
	Hops int `json:"hops,omitempty"`

	Staff      []int64 `json:"staff,omitempty"`       // who may give it; none: all who may give coupons
	StaffDaily int64   `json:"staff_daily,omitempty"` // how many each may give a day; 0: staff give none
}

// Hours are a time of the day, in minutes of the business day: from one, up to another, which may be past
// midnight.
type Hours struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// The bounds of rules.
const (
	maxListed   = 500
	maxName     = 64
	maxCategory = 32
	minutes     = 24 * 60
)

// wrong says what of the rules can't be; empty: nothing.
func (r *Rules) wrong() (field, why string) {
	for _, d := range r.Weekdays {
		if d < 1 || d > 7 {
			return "rules.weekdays", "1–7"
		}
	}
	for _, h := range r.Hours {
		if h.From < 0 || h.From >= minutes || h.To < 0 || h.To > minutes || h.From == h.To {
			return "rules.hours", "0–1440"
		}
	}
	for name, n := range map[string]int{
		"shops": len(r.Shops), "products": len(r.Products), "categories": len(r.Categories), "not_products": len(r.NotProducts), "staff": len(r.Staff),
		"hours": len(r.Hours) * 10, "with": len(r.With) * 10,
	} {
		if n > maxListed {
			return "rules." + name, "太多 / too many"
		}
	}
	for _, text := range slices.Concat(r.Shops, r.With, []string{r.Category}) {
		if utf8.RuneCountInString(text) > maxName || len(r.Category) > maxCategory {
			return "rules.shops", "太长 / too long"
		}
	}
	switch {
	case r.MinimumFen < 0 || r.MinimumFen > maxFen:
		return "rules.minimum_fen", fmt.Sprintf("0–%d", maxFen)
	case r.PerOrder < 0 || r.PerOrder > maxStack:
		return "rules.per_order", fmt.Sprintf("0–%d", maxStack)
	case r.StaffDaily < 0 || r.StaffDaily > 10_000:
		return "rules.staff_daily", "0–10000"
	case r.Hops < 0 || r.Hops > 100:
		return "rules.max_hops", "0–100"
	case r.Order < 0 || r.Order > 1000:
		return "rules.order", "0–1000"
	}
	return "", ""
}

// goodAt tells whether weekday and hour allow a time.
func (r *Rules) goodAt(at time.Time, zone *time.Location) (weekday, hour bool) {
	t := at.In(zone)
	minute := t.Hour()*60 + t.Minute()
	today, yesterday := weekdayOf(t), weekdayOf(t.AddDate(0, 0, -1))
	weekday = r.onWeekday(today)
	if len(r.Hours) == 0 {
		return weekday, true
	}
	for _, h := range r.Hours {
		if h.From < h.To && minute >= h.From && minute < h.To || h.From > h.To && minute >= h.From {
			return weekday, true
		}
		if h.From > h.To && minute < h.To { // what began yesterday goes by yesterday's weekday
			return r.onWeekday(yesterday), true
		}
	}
	return weekday, false
}

func (r *Rules) onWeekday(d int) bool { return len(r.Weekdays) == 0 || slices.Contains(r.Weekdays, d) }

func weekdayOf(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }

// perOrder is how many of the batch one order may have.
func (r *Rules) perOrder() int { return max(r.PerOrder, 1) }

// together tells whether coupons of two batches may be used on one order.
func together(a, b *offer) bool {
	return slices.Contains(a.rules.With, b.rules.Category) && slices.Contains(b.rules.With, a.rules.Category) && a.rules.Category != "" && b.rules.Category != ""
}

// offer is a batch with its terms and rules read.
type offer struct {
	*model.CouponBatch
	kind  *kind
	terms Terms
	rules Rules
}

func offerOf(b *model.CouponBatch) (*offer, error) {
	o := &offer{CouponBatch: b, kind: kindOf(b.Kind)}
	if o.kind == nil {
		return nil, fmt.Errorf("coupon batch %d is of kind %s, which this version does not know", b.ID, b.Kind)
	}
	if err := json.Unmarshal([]byte(b.Terms), &o.terms); err != nil {
		return nil, fmt.Errorf("read terms of coupon batch %d: %w", b.ID, err)
	}
	if err := json.Unmarshal([]byte(b.Rules), &o.rules); err != nil {
		return nil, fmt.Errorf("read rules of coupon batch %d: %w", b.ID, err)
	}
	return o, nil
}
