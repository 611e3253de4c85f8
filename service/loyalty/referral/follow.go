package referral

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// Kinds are the kinds of facts that OnEvents wants to be fed with.
var Kinds = []string{
	event.KindCustomerAdded, event.KindCustomerHalfAdded, event.KindCustomerLeft, event.KindCustomerDeletedByStaff, event.KindOrderPaid, event.KindOrderRefunded, event.KindOrderCancelled,
	event.KindCustomerMerged, event.KindCustomerSplit,
}

// OnEvents has edges follow what happened to those who were invited. Facts are hints: what they have come to is read. It
// writes to the caller's transaction alone, and repeating it changes nothing.
func (s *Service) OnEvents(tx *gorm.DB, batch []model.Event) error {
	if err := s.addedTx(tx, batch); err != nil {
		return err
	}
	var customers, united []int64
	for _, e := range batch {
		if e.CustomerID == 0 {
			continue
		}
		customers = append(customers, e.CustomerID)
		if e.Kind == event.KindCustomerMerged || e.Kind == event.KindCustomerSplit {
			united = append(united, e.CustomerID)
		}
	}
	slices.Sort(customers)
	ids, err := liveEdgesOf(tx, slices.Compact(customers))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.lookTx(tx, id, s.lookAt); err != nil {
			return err
		}
	}
	slices.Sort(united)
	return s.unitedTx(tx, slices.Compact(united))
}

// unitedTx judges anew, of customers who were merged or parted, whom they have invited and who has invited them, and has their
// rewards follow the friends that they have now.
func (s *Service) unitedTx(tx *gorm.DB, customers []int64) error {
	if len(customers) == 0 {
		return nil
	}
	ids, err := joinedEdgesOf(tx, customers)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.lookTx(tx, id, s.judgeAgain); err != nil {
			return err
		}
	}
	return s.rewardAgain(tx, customers)
}

// rewardAgain has rewards follow edges that a merge, or undoing one, has ended or brought back, and friends that changed hands.
func (s *Service) rewardAgain(tx *gorm.DB, customers []int64) error {
	edges, err := onceCounted(tx, customers)
	if err != nil {
		return err
	}
	inviters := slices.Clone(customers)
	for _, id := range edges {
		err := s.lookTx(tx, id, func(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error {
			inviters = append(inviters, e.InviterID)
			if e.State == Counted {
				return s.oweInvitee(tx, p, e)
			}
			return s.forgoInvitee(tx, p, e)
		})
		if err != nil {
			return err
		}
	}
	slices.Sort(inviters)
	return s.levelAllTx(tx, slices.Compact(inviters))
}

// judgeAgain refuses an edge that turns out never to have been one; what a person has decided stands.
func (s *Service) judgeAgain(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error {
	if e.DecidedBy != 0 || e.State != Cooling && e.State != Review && e.State != Counted {
		return nil
	}
	reason, err := s.judge(tx, e)
	if err != nil || reason == "" {
		return err
	}
	e.State, e.Reason = Refused, reason
	if err := s.writeEdge(tx, e); err != nil {
		return err
	}
	return s.unwind(tx, p, e)
}

// lookTx has f act on an edge whose inviter's turn it is, and writes what it changes.
func (s *Service) lookTx(tx *gorm.DB, id int64, f func(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error) error {
	e, err := lockEdge(tx, id)
	if err != nil {
		return err
	}
	p, err := programme(tx, e.ProgrammeID)
	if err != nil {
		return err
	}
	return f(tx, p, e)
}

// lookAt brings an edge in line with what the invitee has done, and with whether they are still here.
func (s *Service) lookAt(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error {
	switch e.State {
	case Touched:
		return s.maybeJoin(tx, p, e)
	case Cooling, Review:
		reason, err := p.gone(tx, e)
		if err != nil || reason == "" {
			return err
		}
		return s.leave(tx, p, e, reason)
	case Counted:
		if !p.SubtractLeavers {
			return nil
		}
		reason, err := p.gone(tx, e)
		if err != nil || reason == "" {
			return err
		}
		return s.leave(tx, p, e, reason)
	}
	return nil
}

func (s *Service) maybeJoin(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error {
	at, orderID, ok, err := p.done(tx, e)
	if err != nil || !ok {
		return err
	}
	if e.Reason, err = s.judge(tx, e); err != nil {
		return err
	}
	if e.Reason != "" {
		e.State = Refused
		return s.writeEdge(tx, e)
	}
	p.join(e, at)
	e.OrderID = orderID
	if err := s.writeEdge(tx, e); err != nil {
		return err
	}
	_, err = s.Events.Record(tx, event.ReferralJoined{ReferralFact: factOf(e, at)})
	return err
}

// leave ends an edge whose invitee is gone, and has the rewards follow.
func (s *Service) leave(tx *gorm.DB, p *Programme, e *model.ReferralEdge, reason string) error {
	now := s.Now()
	e.State, e.Reason, e.LeftAt = Left, reason, &now
	if err := s.writeEdge(tx, e); err != nil {
		return err
	}
	if _, err := s.Events.Record(tx, event.ReferralLeft{ReferralFact: factOf(e, now), Reason: reason}); err != nil {
		return err
	}
	return s.unwind(tx, p, e)
}

// unwind has the rewards follow an edge that counts no more.
func (s *Service) unwind(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error {
	if e.CountedAt == nil {
		return nil
	}
	if err := s.forgoInvitee(tx, p, e); err != nil {
		return err
	}
	return s.levelTx(tx, p, e.InviterID)
}

func (s *Service) writeEdge(tx *gorm.DB, e *model.ReferralEdge) error {
	e.UpdatedAt = s.Now()
	return writeEdge(tx, e)
}

// levelAllTx has the rewards of inviters follow the friends that they have now, in every programme.
func (s *Service) levelAllTx(tx *gorm.DB, customers []int64) error {
	for _, id := range customers {
		programmes, err := programmesOfInviter(tx, id)
		if err != nil {
			return err
		}
		for _, programmeID := range programmes {
			if err := lockInviter(tx, programmeID, id); err != nil {
				return err
			}
			p, err := programme(tx, programmeID)
			if err != nil {
				return err
			}
			if err := s.levelTx(tx, p, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// Tick counts the friends whose cool-off is over and gives what is owed. A job: it may be run at any moment, twice, and by any
// replica. One edge or reward that fails does not keep the others waiting.
func (s *Service) Tick(ctx context.Context) error {
	var failed []error
	for _, step := range []struct {
		due func(ctx context.Context, after place) ([]place, error)
		do  func(ctx context.Context, id int64) error
	}{{s.edgesDue, s.settle}, {s.rewardsDue, s.give}} {
		for after := (place{}); ; {
			due, err := step.due(ctx, after)
			if err != nil {
				return err
			}
			for _, d := range due {
				if err := step.do(ctx, d.ID); err != nil {
					if ctx.Err() != nil {
						return err
					}
					failed = append(failed, err)
				}
			}
			if len(due) < tickPage {
				break
			}
			after = due[len(due)-1]
		}
	}
	return errors.Join(failed...)
}

const tickPage = 200

func (s *Service) edgesDue(ctx context.Context, after place) ([]place, error) {
	return dueEdges(s.DB.WithContext(ctx), s.Now(), after, tickPage)
}

func (s *Service) rewardsDue(ctx context.Context, after place) ([]place, error) {
	return dueRewards(s.DB.WithContext(ctx), s.Now(), after, tickPage)
}
