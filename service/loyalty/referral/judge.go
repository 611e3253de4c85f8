package referral

import (
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// freshFor is how long before their touch a newcomer may have been seen first: signing in, which makes the customer, comes
// before the touch.
const freshFor = 30 * time.Minute

// maxChain bounds how far up invitations are followed.
const maxChain = 200

// judge says why an edge can't count, whatever its state; empty: nothing speaks against it. It is asked again whenever the edge
// goes on, because what comes to light later (a merge, an older order) counts as well.
func (s *Service) judge(tx *gorm.DB, e *model.ReferralEdge) (reason string, err error) {
	if e.InviterID == e.InviteeID {
		return ReasonSelf, nil
	}
	for _, ask := range []struct {
		reason string
		is     func(tx *gorm.DB, e *model.ReferralEdge) (bool, error)
	}{{ReasonKnown, knownBefore}, {ReasonSamePerson, maybeSame}, {ReasonDevice, inviterDevice}, {ReasonCycle, closesCycle}} {
		is, err := ask.is(tx, e)
		if err != nil {
			return "", err
		}
		if is {
			return ask.reason, nil
		}
	}
	return "", nil
}

// knownBefore tells whether the invitee was anybody's contact, had ordered, or was recognised before the touch.
func knownBefore(tx *gorm.DB, e *model.ReferralEdge) (bool, error) {
	return seenBefore(tx, e.InviteeID, e.TouchedAt, e.TouchedAt.Add(-freshFor))
}

// closesCycle tells whether the invitee stands above the inviter in the programme: nobody is the guest of their guests.
func closesCycle(tx *gorm.DB, e *model.ReferralEdge) (bool, error) {
	at := e.InviterID
	for range maxChain {
		above, err := edgeOfInvitee(tx, e.ProgrammeID, at)
		if err != nil || above == nil || above.State == Refused {
			return false, err
		}
		if above.InviterID == e.InviteeID {
			return true, nil
		}
		at = above.InviterID
	}
	return true, nil // nobody has so many above them honestly
}

// done tells whether the invitee has done since the touch what the programme asks, and when.
func (p *Programme) done(tx *gorm.DB, e *model.ReferralEdge) (at time.Time, orderID int64, ok bool, err error) {
	switch p.Ask {
	case AskRelation:
		at, ok, err = firstRelation(tx, e.InviteeID, e.TouchedAt.Truncate(time.Second)) // the platform tells seconds
	case AskOrder:
		at, orderID, ok, err = firstOrder(tx, e.InviteeID, e.TouchedAt)
	default:
		at, ok = e.TouchedAt, true
	}
	if at.Before(e.TouchedAt) {
		at = e.TouchedAt
	}
	return at, orderID, ok && at.Before(p.Until), err
}

// gone says why the invitee of an edge that had joined is no longer here; empty: they are.
func (p *Programme) gone(tx *gorm.DB, e *model.ReferralEdge) (reason string, err error) {
	if p.Ask == AskOrder {
		kept, err := orderStands(tx, e.OrderID)
		if err == nil && !kept {
			reason = ReasonRefunded
		}
		return reason, err
	}
	active, ended, err := relationsSince(tx, e.InviteeID, e.TouchedAt.Truncate(time.Second))
	if err != nil || active > 0 {
		return "", err
	}
	if ended > 0 || p.Ask == AskRelation { // who was never asked to add anybody and did not is here
		return ReasonUnfollowed, nil
	}
	return "", nil
}
