package referral

import (
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// Touch is a customer who came by somebody's code.
type Touch struct {
	CustomerID int64
	Code       string
	Origin
	at time.Time
}

// Touch notes that a customer came by a code: once in each programme, the first time; later ones change nothing and give the
// first edge. Who is no newcomer is noted too, and refused. It fails with ErrCode, ErrClosed or ErrSelf.
func (s *Service) Touch(ctx context.Context, in Touch) (edge *model.ReferralEdge, err error) {
	text, ok := readCode(in.Code)
	if !ok {
		return nil, ErrCode
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		code, err := codeByText(tx, text)
		if err != nil {
			return err
		}
		in.at = s.Now()
		edge, err = s.touchTx(tx, code, in)
		return err
	})
	return edge, err
}

func (s *Service) touchTx(tx *gorm.DB, code *model.ReferralCode, in Touch) (*model.ReferralEdge, error) {
	p, err := programme(tx, code.ProgrammeID)
	if err != nil {
		return nil, err
	}
	inviter, err := standing(tx, code.CustomerID)
	if err != nil {
		return nil, err
	}
	if inviter == in.CustomerID {
		return nil, ErrSelf
	}
	first, err := edgeOfInvitee(tx, p.ID, in.CustomerID)
	if err != nil || first != nil && !in.at.Before(first.TouchedAt.Truncate(time.Second)) { // the platform tells seconds
		return first, err
	}
	if !p.wasOpen(in.at) {
		return nil, ErrClosed
	}
	if first != nil {
		if yielded, err := s.yield(tx, first.ID); err != nil || !yielded {
			return first, err
		}
	}
	e := &model.ReferralEdge{
		ProgrammeID: p.ID, InviterID: inviter, InviteeID: in.CustomerID, CodeID: code.ID, State: Touched, TouchedAt: in.at, UpdatedAt: s.Now(),
		Device: s.traced("device", in.Device), Address: s.traced("address", in.Address),
	}
	if e.Reason, err = s.judge(tx, e); err != nil {
		return nil, err
	}
	switch {
	case e.Reason != "":
		e.State = Refused
	case p.Ask == AskSignIn:
		p.join(e, in.at)
	}
	isNew, err := insertEdge(tx, e)
	if err != nil {
		return nil, err
	}
	if !isNew { // somebody's touch came first
		return edgeOfInvitee(tx, p.ID, in.CustomerID)
	}
	facts := []event.Fact{event.ReferralTouched{ReferralFact: factOf(e, in.at)}}
	if e.State == Cooling {
		facts = append(facts, event.ReferralJoined{ReferralFact: factOf(e, in.at)})
	}
	_, err = s.Events.Record(tx, facts...)
	return e, err
}

// join notes that a newcomer has done what is asked, from when on the cool-off runs.
func (p *Programme) join(e *model.ReferralEdge, at time.Time) {
	due := at.AddDate(0, 0, p.CoolOffDays)
	e.State, e.JoinedAt, e.DueAt = Cooling, &at, &due
}

func factOf(e *model.ReferralEdge, at time.Time) event.ReferralFact {
	return event.ReferralFact{ReferralID: e.ProgrammeID, EdgeID: e.ID, InviterID: e.InviterID, InviteeID: e.InviteeID, At: at}
}
