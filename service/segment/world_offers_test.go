package segment

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// offers are the coupons, points and tiers of the random house, with what the oracle says of them.
type offers struct {
	coupons  []*model.Coupon
	uses     []*model.CouponUse
	parts    []*model.CouponUsePart
	accounts []*model.PointsAccount
	lots     []*model.PointsLot
	tiers    []*model.CustomerTier
}

func (o *offers) rows() []any {
	return []any{o.coupons, o.uses, o.parts, o.accounts, o.lots, o.tiers}
}

// win gives a customer coupons, used and not, points and a tier.
func (w *world) win(id int64) {
	for n := range w.rnd.IntN(5) {
		c := &model.Coupon{ID: int64(len(w.coupons) + 1), BatchID: int64(1 + w.rnd.IntN(3)), CustomerID: id, ClaimerID: id, Number: n + 1, ValidFrom: w.now, ValidUntil: w.future(),
			State: pick(w.rnd, []string{"usable", "usable", "reserved", "used", "expired", "void", "review"}), Source: pick(w.rnd, []string{"claim", "journey"}), CreatedAt: w.now, MovedAt: w.now}
		w.coupons = append(w.coupons, c)
		if w.chance(50) {
			w.use(c)
		}
	}
	if w.chance(70) {
		w.accounts = append(w.accounts, &model.PointsAccount{CustomerID: id, Balance: int64(w.rnd.IntN(6) - 1), CreatedAt: w.now, UpdatedAt: w.now})
	}
	for range w.rnd.IntN(3) {
		l := &model.PointsLot{CustomerID: id, EntryID: id, Points: 5, Remaining: int64(w.rnd.IntN(4)), CreatedAt: w.now}
		if w.chance(70) {
			at := w.future()
			l.ExpiresAt = &at
		}
		w.lots = append(w.lots, l)
	}
	if w.chance(60) {
		w.tiers = append(w.tiers, &model.CustomerTier{CustomerID: id, Level: w.rnd.IntN(4), Since: w.past(), LookedAt: w.now})
	}
}

func (w *world) use(c *model.Coupon) {
	u := &model.CouponUse{ID: int64(len(w.uses) + 1), CustomerID: c.CustomerID, State: pick(w.rnd, []string{"redeemed", "redeemed", "reserved", "rolled_back"}),
		OrderNumber: fmt.Sprint(c.ID), Shop: pick(w.rnd, words), CreatedAt: w.now, UpdatedAt: w.now}
	if u.State != "reserved" {
		at := w.past()
		u.RedeemedAt = &at
	}
	w.uses = append(w.uses, u)
	for place := range 1 + w.rnd.IntN(2) {
		p := &model.CouponUsePart{UseID: u.ID, CouponID: c.ID, BatchID: int64(1 + w.rnd.IntN(3)), Place: place + 1, OffFen: model.Fen(50 * w.rnd.IntN(5))}
		if w.chance(30) {
			p.ReturnedFen = p.OffFen / 2
		}
		w.parts = append(w.parts, p)
	}
}

// winOrLose changes what a customer holds and gives the kind of the fact about it.
func (h *house) winOrLose(id int64) string {
	now := h.clock.Now()
	of := func(row any) *gorm.DB { return h.db.Model(row).Where("customer_id = ?", id) }
	var err error
	kind := event.KindCouponIssued
	switch h.rnd.IntN(5) {
	case 0:
		err = h.db.Create(&model.Coupon{BatchID: 1, CustomerID: id, ClaimerID: id, Number: h.rnd.IntN(1 << 30), State: "usable", ValidFrom: now, ValidUntil: now.AddDate(0, 0, h.rnd.IntN(6)),
			Source: "claim", CreatedAt: now, MovedAt: now}).Error
	case 1:
		kind = event.KindCouponRedeemed
		u := &model.CouponUse{CustomerID: id, State: "redeemed", OrderNumber: "x", RedeemedAt: &now, CreatedAt: now, UpdatedAt: now}
		if err = h.db.Create(u).Error; err == nil {
			err = h.db.Create(&model.CouponUsePart{UseID: u.ID, BatchID: 1, Place: 1, OffFen: 100}).Error
		}
	case 2:
		kind = event.KindCouponExpired
		err = of(&model.Coupon{}).Where("state = 'usable'").UpdateColumn("state", "expired").Error
	case 3:
		kind = event.KindPointsChanged
		at := now.AddDate(0, 0, h.rnd.IntN(8))
		if err = of(&model.PointsAccount{}).UpdateColumn("balance", h.rnd.IntN(6)).Error; err == nil {
			err = h.db.Create(&model.PointsLot{CustomerID: id, EntryID: 1, Points: 3, Remaining: 3, ExpiresAt: &at, CreatedAt: now}).Error
		}
	case 4:
		kind = event.KindTierChanged
		err = of(&model.CustomerTier{}).UpdateColumns(map[string]any{"level": h.rnd.IntN(4), "since": now}).Error
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return kind
}

// hasOffers answers what is asked about coupons, points and tiers.
func (o oracle) hasOffers(q *Condition, c *model.Customer) bool {
	switch q.Field {
	case "points.balance":
		var n int64
		for _, a := range o.accounts {
			if a.CustomerID == c.ID {
				n = a.Balance
			}
		}
		return numeric(q.Op, q.Values, n)
	case "points.expiring":
		var n int64
		for _, l := range o.lots {
			if l.CustomerID == c.ID && l.Remaining > 0 && l.ExpiresAt != nil && o.in(q.Window, *l.ExpiresAt) {
				n += l.Remaining
			}
		}
		return numeric(q.Op, q.Values, n)
	case "tier", "tier.since":
		var at model.CustomerTier
		for _, r := range o.tiers {
			if r.CustomerID == c.ID {
				at = *r
			}
		}
		if q.Field == "tier" {
			return numeric(q.Op, q.Values, int64(at.Level))
		}
		return at.Level > 0 && (q.Op == "filled" || o.in(q.Window, at.Since))
	case "coupon.used", "coupon.saved":
		return o.usedCoupons(q, c)
	}
	var batches []int64
	for _, p := range o.coupons {
		state := map[string]string{"reserved": "usable"}[p.State]
		if state == "" {
			state = p.State
		}
		counts := state == "usable" || q.Field == "coupon.count" && state != "review"
		if p.CustomerID != c.ID || !counts || !o.filters(q.Where, func(property string) (model.Kind, int64, string) {
			return 0, p.BatchID, map[string]string{"state": state, "way": p.Source}[property]
		}) {
			continue
		}
		if q.Field != "coupon.expires" || q.Op == "filled" || o.in(q.Window, p.ValidUntil) {
			batches = append(batches, p.BatchID)
		}
	}
	switch q.Field {
	case "coupon.batch":
		return o.set(q, model.KindCouponBatch, batches)
	case "coupon.expires":
		return len(batches) > 0
	}
	return numeric(q.Op, q.Values, int64(len(batches)))
}

func (o oracle) usedCoupons(q *Condition, c *model.Customer) bool {
	var n, saved int64
	for _, p := range o.parts {
		u := o.uses[p.UseID-1]
		if u.CustomerID != c.ID || u.State != "redeemed" || !o.in(q.Window, *u.RedeemedAt) ||
			!o.filters(q.Where, func(string) (model.Kind, int64, string) { return 0, p.BatchID, u.Shop }) {
			continue
		}
		n++
		saved += int64(p.OffFen - p.ReturnedFen)
	}
	if q.Field == "coupon.saved" {
		n = saved
	}
	return numeric(q.Op, q.Values, n)
}
