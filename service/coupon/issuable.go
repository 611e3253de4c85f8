package coupon

import (
	"maps"
	"slices"
	"time"

	"zhiyin/model"
)

// issuable says why a request is refused; nil: it is granted. The first of several reasons is said.
func (g *issuing) issuable(a *asking, b *batchIssue) error {
	in := a.in
	if err := b.open(in, g.now); err != nil {
		return err
	}
	if in.Source == SourceStaff {
		if err := b.givable(in.StaffID); err != nil {
			return err
		}
	}
	if b.left() == 0 {
		return ErrSoldOut
	}
	if b.spent && in.Source == SourceCampaign {
		return ErrBudget
	}
	if b.SegmentID != 0 && !b.members[in.CustomerID] {
		return ErrAudience
	}
	if a.code != nil && a.code.Single && g.takenHere(a.code) {
		return ErrCode
	}
	had := b.taken[in.CustomerID]
	switch {
	case had == nil:
	case b.PerCustomer != 0 && had.Had >= b.PerCustomer:
		return ErrLimit
	case b.PerDay != 0 && had.Today >= b.PerDay:
		return ErrDayLimit
	}
	if b.PerDevice != 0 && in.Device != "" && b.origins.devices[in.device(g.s.Key)] >= b.PerDevice {
		return ErrDevice
	}
	return nil
}

// open tells whether coupons can be had at all at a time, in the way that is asked.
func (b *batchIssue) open(in *IssueInput, now time.Time) error {
	switch {
	case b.count.State != BatchActive,
		in.Source == SourceClaim && !b.Claimable,
		b.ClaimFrom != nil && now.Before(*b.ClaimFrom),
		b.ClaimUntil != nil && !now.Before(*b.ClaimUntil),
		b.ValidUntil != nil && !now.Before(*b.ValidUntil):
		return ErrClosed
	}
	return nil
}

// givable tells whether a staff member may give another one today.
func (b *batchIssue) givable(staffID int64) error {
	switch {
	case b.rules.StaffDaily == 0 || len(b.rules.Staff) > 0 && !slices.Contains(b.rules.Staff, staffID):
		return ErrMayNot
	case b.given[staffID] >= b.rules.StaffDaily:
		return ErrAllowance
	}
	return nil
}

// validity is from when and until when a coupon received at a time is good: for days after receipt it ends
// with the last of them, the day of receipt not counted.
func (o *offer) validity(at time.Time, zone *time.Location) (from, until time.Time) {
	from = at
	if o.ValidFrom != nil && o.ValidFrom.After(at) {
		from = *o.ValidFrom
	}
	if o.ValidDays > 0 {
		t := at.In(zone)
		until = time.Date(t.Year(), t.Month(), t.Day()+o.ValidDays+1, 0, 0, 0, 0, zone).UTC()
	}
	if o.ValidUntil != nil && (until.IsZero() || o.ValidUntil.Before(until)) {
		until = *o.ValidUntil
	}
	return from, until
}

// remindAt is when a coupon's reminder is due; nil when none is, or when its time was over already.
func (o *offer) remindAt(c *model.Coupon, now time.Time, zone *time.Location) *time.Time {
	if o.RemindDays == 0 {
		return nil
	}
	at := c.ValidUntil.In(zone).AddDate(0, 0, -o.RemindDays).UTC()
	if !at.After(now) {
		return nil
	}
	return &at
}

// soldOut remembers for a moment that a batch has nothing left.
type soldOut struct{ until time.Time }

// soldOutFor is how long a batch counts as sold out before its row is asked again. A stock that was raised
// is seen at once where it was raised, and elsewhere after that.
const soldOutFor = time.Second

func (s *Service) gone(batchID int64, now time.Time) {
	s.soldOut.Store(batchID, soldOut{now.Add(soldOutFor)})
}

func (s *Service) goneLately(batchID int64, now time.Time) bool {
	v, ok := s.soldOut.Load(batchID)
	return ok && now.Before(v.(soldOut).until)
}

// allowances reads what the staff members among the requests gave today.
func (g *issuing) allowances(b *batchIssue, list []*asking) (map[int64]int64, error) {
	who := map[int64]bool{}
	for _, a := range list {
		if a.in.Source == SourceStaff {
			who[a.in.StaffID] = true
		}
	}
	return givenBy(g.tx, b.ID, sortedKeys(who), g.day)
}

// spent tells whether a batch's budget for all time is used up, where a campaign asks: its message must not announce a coupon that
// is good for nothing.
func (g *issuing) spent(b *batchIssue, list []*asking) (bool, error) {
	if b.BudgetCount == 0 && b.BudgetFen == 0 || !slices.ContainsFunc(list, func(a *asking) bool { return a.in.Source == SourceCampaign }) {
		return false, nil
	}
	rows, err := budgetsOf(g.tx, []int64{b.ID}, "")
	return err == nil && slices.ContainsFunc(rows, usedUp), err
}

// usedUp tells whether nothing is left of a budget.
func usedUp(b *model.CouponBudget) bool {
	return b.LimitCount > 0 && b.UsedCount >= b.LimitCount || b.LimitFen > 0 && b.UsedFen >= b.LimitFen
}

func sortedKeys[V any](m map[int64]V) []int64 { return slices.Sorted(maps.Keys(m)) }
