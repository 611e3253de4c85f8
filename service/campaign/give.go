package campaign

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/coupon"
	"zhiyin/service/fault"
	"zhiyin/service/outreach/governor"
)

const (
	// givePage is how many coupons are decided about and written together.
	givePage = 1000
	// pausedWait and reviewWait are how long a message waits whose coupon can't be given for now.
	pausedWait = 10 * time.Minute
	reviewWait = time.Hour
)

// GiveTx gives everybody whose message is about to leave the coupon that the message's variant says, once for each delivery. Whoever can't be
// given one is not written to, and the delivery says why: coupon:sold_out, coupon:limit, coupon:not_for_you, coupon:budget, coupon:closed. A message
// waits while its batch is paused, and while its coupon is looked at because of signs of fraud. A coupon that was given stays, whatever becomes
// of the message.
func (s *Service) GiveTx(tx *gorm.DB, lane *model.DeliveryLane, rows []model.Delivery) ([]governor.Ruling, error) {
	if s.Coupons == nil {
		return nil, nil
	}
	g, err := giftOf(tx, lane.SourceID, lane.Step)
	if err != nil || g == nil {
		return nil, err
	}
	var out []governor.Ruling
	for part := range slices.Chunk(rows, givePage) {
		ins := make([]coupon.IssueInput, len(part))
		for i, r := range part {
			ins[i] = coupon.IssueInput{
				BatchID: g.batchID, CustomerID: r.CustomerID, Source: coupon.SourceCampaign, SourceID: g.runID, CampaignID: lane.SourceID, Step: g.variant,
				// The ledger has one delivery for a run, variant and customer, and it stays the same when customers are merged.
				Key: coupon.Key{Whose: Source, Name: fmt.Sprintf("delivery:%d", r.ID)},
			}
		}
		given, err := s.Coupons.IssueEachTx(tx, ins)
		if err != nil {
			return nil, err
		}
		paused := false
		if slices.ContainsFunc(given, func(o coupon.Outcome) bool { return errors.Is(o.Err, coupon.ErrClosed) }) {
			if paused, err = batchPaused(tx, g.batchID); err != nil {
				return nil, err
			}
		}
		for _, o := range given {
			r, err := ruling(o, paused, s.Now())
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// ruling says what becomes of a message by what became of its coupon. Of a paused batch coupons may be given again.
func ruling(o coupon.Outcome, paused bool, now time.Time) (governor.Ruling, error) {
	refuse := func(why string) governor.Ruling {
		return governor.Ruling{Verdict: governor.Refuse, Reason: "coupon:" + why}
	}
	switch f := fault.Of(o.Err); {
	case o.Err == nil && o.Coupon.State == coupon.InReview:
		return governor.Ruling{Verdict: governor.Later, Reason: "coupon:review", At: now.Add(reviewWait)}, nil
	case o.Err == nil && (o.Coupon.State == coupon.Void || o.Coupon.State == coupon.Expired): // since it was given
		return refuse(o.Coupon.State), nil
	case o.Err == nil, errors.Is(o.Err, coupon.ErrOther): // or it was given under the id that the customer had then
		return governor.Ruling{Verdict: governor.Allow}, nil
	case f == nil:
		return governor.Ruling{}, o.Err
	case errors.Is(o.Err, coupon.ErrClosed) && paused:
		return governor.Ruling{Verdict: governor.Later, Reason: "coupon:paused", At: now.Add(pausedWait)}, nil
	default:
		return refuse(strings.TrimPrefix(f.Code, "coupon.")), nil
	}
}

// gift is what the messages of one variant of a run give.
type gift struct {
	batchID, runID int64
	variant        string
}

// giftOf finds what the messages of a step of the ledger give; nil: nothing.
func giftOf(tx *gorm.DB, campaignID int64, step string) (*gift, error) {
	batches, err := batchesOf(tx, campaignID)
	if err != nil || len(batches) == 0 {
		return nil, err
	}
	variants, err := variantsOf(tx, campaignID)
	if err != nil {
		return nil, err
	}
	number, name, _ := strings.Cut(step, "/")
	for _, v := range variants {
		if v.Name != name || batches[v.ID] == 0 {
			continue
		}
		run, err := runNumbered(tx, campaignID, number)
		return &gift{batchID: batches[v.ID], runID: run, variant: name}, err
	}
	return nil, nil
}
