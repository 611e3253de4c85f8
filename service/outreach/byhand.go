package outreach

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/outreach/governor"
)

// ErrNotMember: customers hear from members of the company at the platform.
var ErrNotMember = fault.New(fault.Conflict, "outreach.not_member", "当前用户不是企业微信成员，不能给客户发消息", "you are no member of a company at the platform, so customers can't hear from you")

// ByHand is a message that a member of staff wants to send a customer by their own hand.
type ByHand struct {
	RequestID  string // repeat it and it is the same wish; ≤ 64 bytes
	StaffID    int64
	AccountID  int64 // theirs; 0: they have none
	CustomerID int64
	MessageID  int64
	Channel    string // one in which staff send by hand
	Topic      string
}

// byHandWorth is how long what somebody wants to say now is worth saying: a later slot is still one the next day.
const byHandWorth = 24 * time.Hour

// WantByHand plans the message like any other, so that the governor is asked and what it says is kept. It gives the delivery, of which
// ByHandOf tells what became. It fails with ErrNotMember.
func (s *Service) WantByHand(ctx context.Context, w ByHand) (*Listed, error) {
	if w.AccountID == 0 {
		return nil, ErrNotMember
	}
	now := s.now()
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		_, err := s.PlanTx(tx, []Intent{{
			Source: SourceSidebar, SourceID: w.StaffID, CustomerID: w.CustomerID, Occurrence: w.RequestID, Channel: w.Channel, AccountID: w.AccountID,
			StaffID: w.StaffID, MessageID: w.MessageID, Topic: w.Topic, DueAt: now, ExpiresAt: now.Add(byHandWorth),
		}})
		return err
	})
	if err != nil {
		return nil, err
	}
	id, err := idOfIntent(s.DB.WithContext(ctx), SourceSidebar, w.StaffID, w.CustomerID, w.RequestID)
	if err != nil {
		return nil, fmt.Errorf("find what a member wants to send: %w", err)
	}
	return s.Get(ctx, id)
}

// ByHandOf finds what a member of staff wanted to send. It fails with ErrNotFound, of others' too.
func (s *Service) ByHandOf(ctx context.Context, staffID, id int64) (*Listed, error) {
	d, err := s.Get(ctx, id)
	if err == nil && (d.Source != SourceSidebar || d.SourceID != staffID) {
		return nil, ErrNotFound
	}
	return d, err
}

// AskAnew asks the governor once more about a message that was let out and left to a person, who is about to send it: that may be days
// later, when it has lost its sense, is unwanted, or comes on top of others. Where it is allowed it counts from now on.
func (s *Service) AskAnew(ctx context.Context, id int64) (ruling governor.Ruling, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		rows, err := deliveriesOf(tx, []int64{id})
		if err != nil {
			return fmt.Errorf("find what is about to be sent: %w", err)
		}
		if len(rows) == 0 {
			return ErrNotFound
		}
		lane, err := laneOf(tx, rows[0].LaneID)
		if err != nil {
			return fmt.Errorf("find the lane of what is about to be sent: %w", err)
		}
		channel, known := s.Channel(lane.Channel)
		if !known {
			return ErrNotFound
		}
		asks, err := s.asksTx(tx, lane, channel.Describe(), rows)
		if err != nil {
			return err
		}
		asks[0].Anew = true
		rulings, err := s.Governor.RuleTx(tx, asks)
		if err == nil {
			ruling = rulings[0]
		}
		return err
	})
	return ruling, err
}
