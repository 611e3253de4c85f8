package campaign

import (
	"context"
	"time"

	"zhiyin/service/coupon"
	"zhiyin/service/outreach"
)

// Estimate is what launching a campaign now would mean.
type Estimate struct {
	People  int64 // in the audience, without those it leaves out
	HeldOut int64 // of them: they get nothing
	Sends   int64 // at most: who may not be written to is known when their message is about to leave
	// Staff says, for channels that go out in the name of staff, how many of the audience each would send to. Each needs one tap
	// for a variant, or several when there are more customers than one call takes; one for each customer when it reads
	// differently to each.
	Staff []StaffShare
	Taps  int64
	// Unreachable have nobody in whose name the message could go out.
	Unreachable int64
	Calls       int64
	Takes       time.Duration // from the channel's limits; staff who have to confirm are not in it
	Finish      time.Time
	// Coupons says of every batch that the variants give of what that would take.
	Coupons []coupon.Outlook
	// Quotas says of every budget of the channel what it would take.
	Quotas []Quota
}

// StaffShare is what a campaign would ask of one staff member.
type StaffShare struct {
	StaffID   int64
	Customers int64
	Taps      int64
}

// Estimate says what launching a definition now would mean. It fails with ErrInvalid or ErrNoSegment.
func (s *Service) Estimate(ctx context.Context, d Definition) (*Estimate, error) {
	if err := d.Audience.check(); err != nil {
		return nil, err
	}
	channel, ok := s.Ledger.Channel(d.Channel)
	if !ok {
		return nil, ErrInvalid.With("channel", "没有这个渠道 / no such channel")
	}
	people, err := s.sizeOf(ctx, d.Audience)
	if err != nil {
		return nil, err
	}
	e := &Estimate{People: people, HeldOut: people * int64(d.HoldoutBP) / everything}
	e.Sends = e.People - e.HeldOut
	about := channel.Describe()
	batch := int64(max(about.Batch, 1))
	if about.ByHand {
		batch = 1
	}
	e.Calls = (e.Sends + batch - 1) / batch
	if s.inNames(&d) {
		if err := s.shareOut(ctx, e, d, batch); err != nil {
			return nil, err
		}
	}
	if e.Coupons, err = s.outlooks(ctx, &d, people, s.begins(&d)); err != nil {
		return nil, err
	}
	if e.Quotas, err = s.quotas(ctx, e, &d, channel); err != nil {
		return nil, err
	}
	e.Takes = takes(about.Limits, e.Calls)
	e.Finish = s.Now().Add(e.Takes)
	return e, nil
}

// shareOut says in whose name the messages would go out: whoever met the customer last.
func (s *Service) shareOut(ctx context.Context, e *Estimate, d Definition, batch int64) error {
	personal, err := s.personal(ctx, d.Variants)
	if err != nil {
		return err
	}
	shares, err := sharesOf(s.DB.WithContext(ctx), d.Audience, d.AccountID)
	if err != nil {
		return err
	}
	reached := int64(0)
	e.Calls = 0
	for _, sh := range shares {
		reached += sh.Customers
		sh.Customers -= sh.Customers * int64(d.HoldoutBP) / everything
		sh.Taps = 0
		for i, v := range d.Variants {
			n := (sh.Customers*int64(v.ShareBP) + everything - 1) / everything
			if !personal[i] {
				n = (n + batch - 1) / batch
			}
			sh.Taps += n
		}
		e.Taps += sh.Taps
		e.Staff = append(e.Staff, sh)
	}
	e.Calls, e.Unreachable = e.Taps, max(e.People-reached, 0)
	return nil
}

// personal tells of each variant whether it reads differently to each customer.
func (s *Service) personal(ctx context.Context, variants []Variant) ([]bool, error) {
	out := make([]bool, len(variants))
	for i, v := range variants {
		var err error
		if out[i], err = s.Messages.Personal(ctx, v.MessageID); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// takes is how long so many calls last under the strictest of a channel's limits.
func takes(limits []outreach.Limit, calls int64) (d time.Duration) {
	for _, l := range limits {
		if l.Calls > 0 {
			d = max(d, time.Duration(float64(calls)/float64(l.Calls)*float64(l.Per)))
		}
	}
	return d
}

func (s *Service) sizeOf(ctx context.Context, a Audience) (int64, error) {
	missing, err := unbuilt(ctx, s.DB, a)
	if err != nil {
		return 0, err
	}
	if missing {
		return 0, ErrNoSegment
	}
	return countAudience(s.DB.WithContext(ctx), a)
}
