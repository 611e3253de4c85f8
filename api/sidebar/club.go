package sidebar

import (
	"context"
	"time"
)

// CardClub is where a customer stands in the club, and what they may use.
type CardClub struct {
	Points  int64      `json:"points" doc:"to spend; below zero: more was taken back than there was"`
	Frozen  int64      `json:"frozen" doc:"earned by orders whose refund is being decided"`
	Level   int        `json:"level" doc:"tier; 0: none"`
	Tier    string     `json:"tier,omitempty" doc:"what it is called"`
	Coupons int64      `json:"coupons" doc:"that may be used now"`
	Soon    int64      `json:"soon" doc:"of those are over within seven days"`
	Until   *time.Time `json:"first_until,omitempty" doc:"when the first of them is over"`
}

// club costs one statement for points and tier, and one for coupons.
func (h *Handlers) club(ctx context.Context, s *subject) (CardClub, error) {
	at, err := h.Loyalty.Standing(ctx, s.ID)
	if err != nil {
		return CardClub{}, err
	}
	hand, err := h.Coupons.Hand(ctx, s.ID)
	if err != nil {
		return CardClub{}, err
	}
	return CardClub{at.Balance, at.Frozen, at.Level, at.TierName, hand.Usable, hand.Soon, hand.FirstUntil}, nil
}
