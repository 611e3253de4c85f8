package referral

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// settle decides about an edge whose cool-off is over. Repeating it changes nothing.
func (s *Service) settle(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.lookTx(tx, id, s.settleTx) })
}

func (s *Service) settleTx(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error {
	now := s.Now()
	if e.State != Cooling || e.DueAt.After(now) || p.State == StatePaused {
		return nil
	}
	if err := s.lookAt(tx, p, e); err != nil || e.State != Cooling {
		return err
	}
	reason, err := s.judge(tx, e)
	if err != nil {
		return err
	}
	if reason != "" {
		e.State, e.Reason = Refused, reason
		return s.writeEdge(tx, e)
	}
	f, err := s.signsOf(tx, e)
	if err != nil {
		return err
	}
	e.Score, e.Signals = f.score()
	if p.ReviewAt > 0 && e.Score >= p.ReviewAt {
		e.State = Review
		return s.writeEdge(tx, e)
	}
	return s.count(tx, p, e)
}

// count has a friend count, with what the invitee and the inviter then are owed.
func (s *Service) count(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error {
	now := s.Now()
	e.State, e.Reason, e.CountedAt = Counted, "", &now
	if err := s.writeEdge(tx, e); err != nil {
		return err
	}
	if _, err := s.Events.Record(tx, event.ReferralCounted{ReferralFact: factOf(e, now)}); err != nil {
		return err
	}
	if err := s.oweInvitee(tx, p, e); err != nil {
		return err
	}
	return s.levelTx(tx, p, e.InviterID)
}

// Decide is what a person says of an edge: it counts (one that is held for review, or was refused for anything but being one
// person), or it is refused (one that has not ended otherwise). Repeating it changes nothing. It fails with ErrNotFound or
// ErrState.
func (s *Service) Decide(ctx context.Context, staffID, edgeID int64, counts bool, note string) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		return s.lookTx(tx, edgeID, func(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error {
			if counts && e.State == Counted || !counts && e.State == Refused && e.Reason == ReasonPerson {
				return nil
			}
			held := e.State == Review || e.State == Refused && e.Reason != ReasonSelf && e.JoinedAt != nil
			e.DecidedBy, e.Note = staffID, note
			switch {
			case counts && held:
				return s.count(tx, p, e)
			case !counts && (e.State == Touched || e.State == Cooling || e.State == Review || e.State == Counted):
				e.State, e.Reason = Refused, ReasonPerson
				if err := s.writeEdge(tx, e); err != nil {
					return err
				}
				return s.unwind(tx, p, e)
			}
			return ErrState
		})
	})
}

// Signal is a sign of fraud that adds to the score of an edge. Its name is data.
type Signal struct {
	Name   string
	Zh, En string
	Points int
}

// signs is what is known about an edge besides the edge.
type signs struct {
	device  int64 // other touches in the programme from the device
	address int64 // other touches from the address, of whatever programme, minutes before and after
	hour    int64 // other touches by the inviter within an hour before and after
	ring    bool  // the invitee has invited the inviter, in whatever programme
	friends int64 // others of the inviter who have joined
	silent  int64 // those of them who did nothing since
}

// signals is the one table of what makes an edge suspicious.
var signals = []struct {
	Signal
	seen func(f *signs) bool
}{
	{Signal{"device_again", "同一设备接受过多次邀请", "The device has come by other invitations", 40}, func(f *signs) bool { return f.device >= 1 }},
	{Signal{"device_many", "同一设备大量接受邀请", "The device has come by many invitations", 40}, func(f *signs) bool { return f.device >= 3 }},
	{Signal{"address_burst", "同一网络地址短时间大量接受邀请", "Many came from the address within minutes", 30}, func(f *signs) bool { return f.address >= 10 }},
	{Signal{"burst", "邀请人短时间邀请大量好友", "The inviter had many friends come within an hour", 30}, func(f *signs) bool { return f.hour >= 20 }},
	{Signal{"ring", "互相邀请", "They have invited one another", 60}, func(f *signs) bool { return f.ring }},
	{Signal{"silent_friends", "邀请人的好友几乎没有任何行为", "The inviter's friends do nothing", 40}, func(f *signs) bool { return f.friends >= 5 && f.silent*10 >= f.friends*8 }},
}

// Signals lists what adds to the score of an edge.
func Signals() []Signal {
	list := make([]Signal, len(signals))
	for i, s := range signals {
		list[i] = s.Signal
	}
	return list
}

// score adds up the signs, and names them.
func (f *signs) score() (points int, names string) {
	var seen []string
	for _, s := range signals {
		if s.seen(f) {
			points += s.Points
			seen = append(seen, s.Name)
		}
	}
	return points, strings.Join(seen, ",")
}
