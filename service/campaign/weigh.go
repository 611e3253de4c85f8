package campaign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zhiyin/model"
	"zhiyin/service/coupon"
	"zhiyin/service/fault"
)

// weight is how much a campaign is, as things stand: whether a second person has to agree to it, and whether it can be at all.
type weight struct {
	people int64
	large  bool
	zh, en string // how much, for people
	// refusal says, for people, why its coupons can't be given to anybody; empty: they can.
	refusal string
}

// weigh says how much a campaign is whose run begins at a time. It fails with ErrNoSegment.
func (s *Service) weigh(ctx context.Context, c *Campaign, at time.Time) (w weight, err error) {
	if w.people, err = s.sizeOf(ctx, c.Definition.Audience); err != nil {
		return w, err
	}
	w.large = w.people >= s.ApprovalAbove
	w.zh, w.en = fmt.Sprintf("约 %d 人", w.people), fmt.Sprintf("about %d people", w.people)
	list, err := s.outlooks(ctx, &c.Definition, w.people, at)
	if err != nil || len(list) == 0 {
		return w, err
	}
	coupons, cost := int64(0), model.Fen(0)
	for _, o := range list {
		coupons, cost = coupons+o.Coupons, cost+o.CostFen
		if f := fault.Of(o.Refusal); f != nil && w.refusal == "" {
			w.refusal = fmt.Sprintf("券批次「%s」：%s (coupon batch %s: %s)", o.Name, f.Zh, o.Name, f.En)
		}
	}
	w.large = w.large || s.Coupons.Large(coupons, cost)
	w.zh += fmt.Sprintf("、%d 张券、最多 %.2f 元", coupons, float64(cost)/100)
	w.en += fmt.Sprintf(", %d coupons worth up to %.2f yuan", coupons, float64(cost)/100)
	return w, nil
}

// outlooks says of every batch that variants give of what that means for an audience of so many, at a time.
func (s *Service) outlooks(ctx context.Context, d *Definition, people int64, at time.Time) (list []coupon.Outlook, err error) {
	if s.Coupons == nil {
		return nil, nil
	}
	sends := people - people*int64(d.HoldoutBP)/everything
	for _, id := range d.batches() {
		n := int64(0)
		for _, v := range d.Variants {
			if v.BatchID == id {
				n += (sends*int64(v.ShareBP) + everything - 1) / everything
			}
		}
		o, err := s.Coupons.Outlook(ctx, id, n, at)
		if errors.Is(err, coupon.ErrNoBatch) {
			return nil, ErrInvalid.With("variants", "没有这个券批次 / no such coupon batch")
		}
		if err != nil {
			return nil, err
		}
		list = append(list, *o)
	}
	return list, nil
}

// begins is when a definition's first run begins, were it launched now.
func (s *Service) begins(d *Definition) time.Time {
	now := s.Now()
	if next := d.Schedule.next(now, s.Zone); d.Schedule.repeats() && next != nil {
		return *next
	}
	if at := d.Schedule.At; at != nil && at.After(now) {
		return *at
	}
	return now
}
