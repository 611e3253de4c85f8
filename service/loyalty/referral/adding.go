package referral

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// Ways makes inviters' contact ways, on the pattern of a channel code.
type Ways interface {
	CheckPattern(tx *gorm.DB, channelCodeID int64) error
	PersonalTx(tx *gorm.DB, channelCodeID int64) (wayID int64, err error)
	// PersonalQR gives the address of a way's picture, and has the platform make it first.
	PersonalQR(ctx context.Context, wayID int64) (address string, err error)
	EndPersonalTx(tx *gorm.DB, wayID int64) (ended bool, err error)
}

// Adding says that invitations lead to adding staff: each inviter has a code of their own for that, on the pattern of a channel
// code, whose staff, tags and welcome hold for whoever comes by it.
type Adding struct {
	ChannelCodeID int64
	Most          int64 // inviters' codes at a time: the platform has room for 500,000 in all
	KeepDays      int   // for how many days after the programme's end they work
}

const (
	maxWays     = 100_000
	maxKeepDays = 365
)

func (s *Service) checkAdding(tx *gorm.DB, a *Adding) error {
	switch {
	case a == nil:
		return nil
	case s.Ways == nil:
		return ErrInvalid.With("staff_code", "没有渠道活码 / there are no channel codes")
	case a.Most < 1 || a.Most > maxWays:
		return ErrInvalid.With("staff_code.most", "1 到 100000 / 1 to 100000")
	case a.KeepDays < 0 || a.KeepDays > maxKeepDays:
		return ErrInvalid.With("staff_code.keep_days", "0 到 365 / 0 to 365")
	}
	return s.Ways.CheckPattern(tx, a.ChannelCodeID)
}

// way gives the contact way of an inviter's code, made at the first time. It fails with ErrClosed or ErrWaysFull.
func (s *Service) way(ctx context.Context, p *Programme, code *model.ReferralCode) (id int64, err error) {
	if id, err = liveWay(s.DB.WithContext(ctx), code.ID); err != nil || id != 0 {
		return id, err
	}
	if !p.open(s.Now()) {
		return 0, ErrClosed
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if err := lockCode(tx, code.ID); err != nil {
			return err
		}
		if id, err = liveWay(tx, code.ID); err != nil || id != 0 {
			return err
		}
		there, err := takeWay(tx, p.ID)
		if err != nil {
			return err
		}
		if !there {
			return ErrWaysFull
		}
		if id, err = s.Ways.PersonalTx(tx, p.Adding.ChannelCodeID); err != nil {
			return err
		}
		return insertWay(tx, &model.ReferralWay{ID: id, ProgrammeID: p.ID, CodeID: code.ID})
	})
	return id, err
}

// wayPicture is the QR code by which one adds a staff member.
func (s *Service) wayPicture(ctx context.Context, wayID int64) (image.Image, error) {
	address, err := s.Ways.PersonalQR(ctx, wayID)
	if err != nil {
		return nil, err
	}
	content, err := s.Picture(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("read the picture of a contact way: %w", err)
	}
	picture := decode(content, maxAvatar)
	if picture == nil {
		return nil, fmt.Errorf("the picture of a contact way is none, of %d bytes", len(content))
	}
	return picture, nil
}

// addedTx notes who added a staff member by an inviter's code, by the facts that say so. They may come late, twice and in any
// order: of several the earliest is the first touch.
func (s *Service) addedTx(tx *gorm.DB, batch []model.Event) error {
	by := map[string]*model.ReferralCode{}
	var came []Touch
	for _, e := range batch {
		if e.Kind != event.KindCustomerAdded && e.Kind != event.KindCustomerHalfAdded || e.CustomerID == 0 {
			continue
		}
		var fact event.CustomerHalfAdded // of both kinds this is what is asked
		if err := json.Unmarshal([]byte(e.Payload), &fact); err != nil {
			return fmt.Errorf("read fact %d: %w", e.ID, err)
		}
		if fact.State != "" {
			by[fact.State] = nil
			came = append(came, Touch{CustomerID: e.CustomerID, Code: fact.State, at: e.OccurredAt})
		}
	}
	if err := codesByState(tx, by); err != nil {
		return err
	}
	for _, t := range came {
		code := by[t.Code]
		if code == nil {
			continue
		}
		var err error
		if t.CustomerID, err = standing(tx, t.CustomerID); err != nil {
			return err
		}
		if _, err := s.touchTx(tx, code, t); err != nil && !errors.Is(err, ErrSelf) && !errors.Is(err, ErrClosed) {
			return err
		}
	}
	return nil
}

// yield ends an edge in favour of an earlier touch that comes to light later. It stays when a person has decided about it.
func (s *Service) yield(tx *gorm.DB, id int64) (yielded bool, err error) {
	err = s.lookTx(tx, id, func(tx *gorm.DB, p *Programme, e *model.ReferralEdge) error {
		if e.DecidedBy != 0 || e.State == Void {
			return nil
		}
		yielded = true
		void(e, ReasonOther)
		if err := writeEnds(tx, e.ID, endsOf(e)); err != nil {
			return err
		}
		return s.unwind(tx, p, e)
	})
	return yielded, err
}

// EndWays deletes inviters' contact ways whose time is over: so many days after the end of the programme as it says, or when its
// invitations lead elsewhere now. A job: it may be run at any moment, twice, and by any replica.
func (s *Service) EndWays(ctx context.Context) error {
	db := s.DB.WithContext(ctx)
	ids, err := programmesWithWays(db)
	if err != nil {
		return err
	}
	for _, id := range ids {
		p, err := programme(db, id)
		if err != nil {
			return err
		}
		if p.Adding != nil && s.Now().Before(p.ended().AddDate(0, 0, p.Adding.KeepDays)) {
			continue
		}
		if err := s.endWays(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) endWays(ctx context.Context, programmeID int64) error {
	for after := int64(0); ; {
		ids, err := liveWays(s.DB.WithContext(ctx), programmeID, after, tickPage)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
				ended, err := s.Ways.EndPersonalTx(tx, id)
				if err != nil || !ended {
					return err
				}
				return giveWayBack(tx, programmeID)
			})
			if err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}

// ended is when a programme ends, or did.
func (p *Programme) ended() time.Time {
	if p.State == StateEnded && p.UpdatedAt.Before(p.Until) {
		return p.UpdatedAt // nothing changes what has ended
	}
	return p.Until
}
