package acquisition

import (
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// personalDelay is how long after a personal code was made the queue sees to it that the platform has it: whoever asked for the
// code is waiting, and asks the platform themself.
const personalDelay = 20 * time.Second

// personalPushes is how many personal codes one run of PushDueCodes has the platform told of: a shift that begins changes all
// of them at once, and other calls wait in the same queue.
const personalPushes = 500

// PersonalTx makes a code for one person, on the pattern of a channel code: with a key and a picture of its own, while staff,
// shifts, limits, tags, remark and welcome are the pattern's, and whoever comes by it counts as having come by the pattern.
// The platform is asked for the picture by PersonalQR. Fails with ErrCodeNotFound.
func (s *Service) PersonalTx(tx *gorm.DB, patternID int64) (id int64, err error) {
	pattern, err := patternByID(tx, patternID)
	if err != nil {
		return 0, err
	}
	now := s.now()
	code := &model.ChannelCode{AccountID: pattern.AccountID, State: newState(), Enabled: true, Name: pattern.Name, SkipVerify: pattern.SkipVerify, CreatedAt: now, UpdatedAt: now}
	if err := insertPersonal(tx, code, patternID); err != nil {
		return 0, err
	}
	return code.ID, s.queue.Enqueue(tx, work.Item{
		Kind: workPush, OrderKey: pushOrder(code.ID), Payload: codePayload{code.ID}, RunAt: now.Add(personalDelay),
	})
}

// CheckPattern tells whether personal codes can be made on the pattern of a channel code. Fails with ErrCodeNotFound.
func (s *Service) CheckPattern(tx *gorm.DB, id int64) error {
	_, err := patternByID(tx, id)
	return err
}

// PersonalQR gives the address of a personal code's picture; the platform is asked for it when it has not made it yet. Fails
// with ErrCodeNotFound, ErrCodesFull, or ErrCodeLater: then it may be there in a moment.
func (s *Service) PersonalQR(ctx context.Context, id int64) (address string, err error) {
	db := s.db.WithContext(ctx)
	for asked := error(nil); ; {
		code, err := codeByID(db, id)
		switch {
		case err != nil:
			return "", err
		case code == nil || code.GoneAt != nil:
			return "", ErrCodeNotFound
		case code.QRCode != "":
			return code.QRCode, nil
		case wecom.CodeOf(asked) == 41045: // 500,000 with ways into groups; platform documentation, 配置客户联系「联系我」方式
			return "", ErrCodesFull
		case asked != nil:
			return "", ErrCodeLater
		}
		if asked = s.tell(ctx, id); asked == nil {
			asked = ErrCodeLater // nobody can serve it, or it is off
		}
	}
}

// EndPersonalTx ends a personal code for good: its picture no longer works. ended is false when it had ended before.
func (s *Service) EndPersonalTx(tx *gorm.DB, id int64) (ended bool, err error) {
	if ended, err = endPersonal(tx, id, s.now()); err != nil || !ended {
		return false, err
	}
	return true, s.queue.Enqueue(tx, work.Item{Kind: workDelete, OrderKey: pushOrder(id), Payload: codePayload{id}})
}

// endForsaken ends the personal codes whose pattern has been deleted.
func (s *Service) endForsaken(ctx context.Context) error {
	for {
		ids, err := forsakenCodes(s.db.WithContext(ctx), codePage)
		if err != nil || len(ids) == 0 {
			return err
		}
		err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
			for _, id := range ids {
				if _, err := s.EndPersonalTx(tx, id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}
