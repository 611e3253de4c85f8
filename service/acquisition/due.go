package acquisition

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

const codePage = 200

// PushDueCodes finds the codes whose staff should be others by now (a shift began or ended, a new
// day emptied the counters, somebody left) and has the platform told of these and no others. A job;
// may be run at any moment. A push that was given up is tried again each hour. Personal codes follow their
// pattern, a few hundred each time, and end with it.
func (s *Service) PushDueCodes(ctx context.Context) error {
	if err := s.endForsaken(ctx); err != nil {
		return err
	}
	if err := s.pushDue(ctx, enabledCodes, math.MaxInt); err != nil {
		return err
	}
	return s.pushDue(ctx, followingCodes, personalPushes)
}

// pushDue goes through codes and has the platform told of at most so many.
func (s *Service) pushDue(ctx context.Context, list func(tx *gorm.DB, after int64, limit int) ([]model.ChannelCode, error), most int) error {
	db := s.db.WithContext(ctx)
	for after := int64(0); ; {
		codes, err := list(db, after, codePage)
		if err != nil || len(codes) == 0 {
			return err
		}
		plans, err := s.planCodes(db, codes)
		if err != nil {
			return err
		}
		for _, c := range codes {
			if most == 0 {
				return nil
			}
			due, err := s.pushIfDue(ctx, c, plans[c.ID])
			if err != nil {
				return err
			}
			if due {
				most--
			}
		}
		after = codes[len(codes)-1].ID
	}
}

func (s *Service) pushIfDue(ctx context.Context, c model.ChannelCode, want plan) (due bool, err error) {
	if want.rule == ServedByNobody {
		if c.PushError == noteNobody {
			return false, nil
		}
		return false, notePush(s.db.WithContext(ctx), c.ID, noteNobody)
	}
	hash := want.hash()
	if c.ConfigID != "" && c.PushedHash == hash {
		return false, nil
	}
	pushed := int64(0)
	if c.PushedAt != nil {
		pushed = c.PushedAt.UnixMilli()
	}
	// One work for one change since the last push, however often this job looks; once more each
	// hour in case it was given up.
	key := fmt.Sprintf("%s:%d:%s:%d:%d", workPush, c.ID, hash[:16], pushed, s.now().Unix()/3600)
	return true, model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		return s.queue.Enqueue(tx, work.Item{Kind: workPush, OrderKey: pushOrder(c.ID), DedupeKey: key, Payload: codePayload{c.ID}})
	})
}

// orphanWindow is how far back SweepOrphans looks; run daily it sees every day several times.
const orphanWindow = 7 * 24 * time.Hour

// orphanAge is how old a contact way must be before it can count as forgotten.
const orphanAge = time.Hour

// SweepOrphans deletes contact ways that were made twice: those that carry the key of a code of ours
// which has another one, or is deleted. Nobody has ever seen their pictures. One that carries a key like ours
// which belongs to no code is only reported: the likeliest reason is a database restored from an
// older backup, and its picture may hang on a wall. A job; may be run at any moment.
func (s *Service) SweepOrphans(ctx context.Context) error {
	accounts, err := wecomAccounts(s.db.WithContext(ctx))
	if err != nil {
		return err
	}
	var failed error
	for _, a := range accounts {
		if err := s.sweepAccount(ctx, a); err != nil {
			failed = errors.Join(failed, fmt.Errorf("sweep contact ways of %s: %w", a.Name, err))
		}
	}
	return failed
}

func (s *Service) sweepAccount(ctx context.Context, a model.Account) error {
	db, corp, now := s.db.WithContext(ctx), s.corp(a.Name), s.now()
	query := wecom.ContactWayQuery{From: wecom.Time{Time: now.Add(-orphanWindow)}, To: wecom.Time{Time: now.Add(-orphanAge)}}
	return s.eachStray(ctx, db, corp, query, func(way *wecom.ContactWay) error {
		if !isState(way.State) {
			return nil
		}
		code, err := codeByState(db, way.State)
		if err != nil {
			return err
		}
		if code == nil {
			slog.WarnContext(ctx, "contact way carries a key like ours but belongs to no channel code", "account", a.Name, "config_id", way.ConfigID)
			return nil
		}
		if code.GoneAt == nil && code.ConfigID == "" {
			return nil // its push adopts it
		}
		slog.InfoContext(ctx, "contact way made twice is deleted", "account", a.Name, "channel_code", code.ID, "config_id", way.ConfigID)
		return corp.DeleteContactWay(ctx, way.ConfigID)
	})
}
