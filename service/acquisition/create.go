package acquisition

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/service/work"
	"zhiyin/wecom"
)

// settleTime is how long after a creation without an answer the platform may still be carrying it out.
const settleTime = 30 * time.Second

// errOvertaken says that another worker is making, or has made, the same contact way.
var errOvertaken = errors.New("another worker makes this contact way")

// create makes the contact way. The platform offers nothing by which a repeated creation could be
// told, so that one is under way is written down before it is asked, and after an answer that never
// came settleCreation looks before anything is created again.
func (p *pusher) create(ctx context.Context, want plan, userIDs []string) error {
	since := p.s.now()
	ok, err := beginCreation(p.db, p.code.ID, since)
	if err != nil {
		return err
	}
	if !ok {
		return errOvertaken
	}
	yes := true
	configID, qrCode, err := p.corp.AddContactWay(ctx, wecom.NewContactWay{
		Type: wecom.ContactWayMulti, Scene: wecom.SceneQRCode, Remark: want.name, SkipVerify: &want.skipVerify,
		State: p.code.State, UserIDs: userIDs, MarkSource: &yes,
	})
	if err != nil {
		if inDoubt(err) {
			return err
		}
		return errors.Join(err, endCreation(p.db, p.code.ID, since))
	}
	return p.adopt(ctx, configID, qrCode)
}

// inDoubt tells whether a call that must not be repeated may have had an effect.
func inDoubt(err error) bool {
	return errors.Is(err, wecom.ErrInDoubt) || wecom.CodeOf(err) == -1 || !errors.As(err, new(*wecom.Error))
}

// adopt makes a contact way the code's own, unless the code has one already: then it is one too many.
func (p *pusher) adopt(ctx context.Context, configID, qrCode string) error {
	ok, err := adoptWay(p.db, p.code.ID, configID, qrCode)
	if err != nil {
		return err // the creation stays open; the next push finds the way
	}
	if !ok {
		return errors.Join(errOvertaken, p.corp.DeleteContactWay(ctx, configID))
	}
	p.code.ConfigID, p.code.QRCode, p.code.CreatingSince = configID, qrCode, nil
	return nil
}

// settleCreation finds out what became of a creation whose answer is not known. It snoozes while the
// platform may still be at it.
func (p *pusher) settleCreation(ctx context.Context) error {
	if p.code.ConfigID != "" || p.code.CreatingSince == nil {
		return nil
	}
	since := *p.code.CreatingSince
	if wait := since.Add(settleTime).Sub(p.s.now()); wait > 0 {
		return work.Snooze(wait)
	}
	// The platform goes by its own clock.
	query := wecom.ContactWayQuery{From: wecom.Time{Time: since.Add(-time.Hour)}, To: wecom.Time{Time: p.s.now().Add(time.Hour)}}
	var found *wecom.ContactWay
	err := p.s.eachStray(ctx, p.db, p.corp, query, func(way *wecom.ContactWay) error {
		if way.State == p.code.State {
			found = way
			return errStop
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for the contact way of channel code %d: %w", p.code.ID, err)
	}
	if found != nil {
		return p.adopt(ctx, found.ConfigID, found.QRCode)
	}
	p.code.CreatingSince = nil
	return endCreation(p.db, p.code.ID, since)
}

// errStop ends a walk early.
var errStop = errors.New("stop")

// eachStray reads the contact ways of a period that no channel code of ours has.
func (s *Service) eachStray(ctx context.Context, db *gorm.DB, corp Platform, query wecom.ContactWayQuery, do func(*wecom.ContactWay) error) error {
	query.Limit = 1000
	for {
		ids, next, err := corp.ContactWays(ctx, query)
		if err != nil {
			return err
		}
		strays, err := notOurs(db, ids)
		if err != nil {
			return err
		}
		for _, id := range strays {
			way, err := corp.ContactWay(ctx, id)
			if errors.Is(err, wecom.ErrNotFound) {
				continue // deleted since it was listed
			}
			if err == nil {
				err = do(way)
			}
			if errors.Is(err, errStop) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		query.Cursor = next
	}
}

// remove deletes the contact way of a code that is gone. Repeatable.
func (s *Service) remove(ctx context.Context, _ *work.Lease, in codePayload) error {
	db := s.db.WithContext(ctx)
	code, account, err := codeAndAccount(db, in.CodeID)
	if err != nil || code == nil || code.GoneAt == nil {
		return err
	}
	p := &pusher{s: s, db: db, corp: s.corp(account.Name), code: code}
	if err := p.settleCreation(ctx); err != nil {
		return err
	}
	if code.ConfigID == "" {
		return nil
	}
	if err := p.corp.DeleteContactWay(ctx, code.ConfigID); err != nil {
		return err
	}
	return updateCode(db, code.ID, map[string]any{"config_id": "", "qr_code": "", "pushed_hash": "", "push_error": ""})
}
