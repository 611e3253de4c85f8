package autotag

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

const (
	workScan     = "autotag.scan"
	workWithdraw = "autotag.withdraw"

	scanPage = 500
)

// scanRef is the payload of a work: which rule's version to look at all customers with, after whom to go on, and how many
// fitted so far.
type scanRef struct {
	RuleID  int64  `json:"rule_id"`
	Version int64  `json:"version"`
	After   int64  `json:"after"`
	Fitting int64  `json:"fitting"`
	Run     string `json:"run"`
}

func scanKey(ruleID int64) string { return fmt.Sprintf("autotag.rule:%d", ruleID) }

// rescan has all customers looked at with what a rule says now, in the background. What time changes is watched from now on.
func (s *Service) rescan(tx *gorm.DB, ruleID int64) error {
	row, err := lockRule(tx, ruleID)
	if err != nil || !row.Enabled || row.OccurrenceJSON != "" {
		return ignoreGone(err)
	}
	if err := setTimedUntil(tx, ruleID, s.Now()); err != nil {
		return err
	}
	return s.Queue.Enqueue(tx, work.Item{
		Kind: workScan, Payload: scanRef{RuleID: ruleID, Version: row.Version}, Lane: work.LaneBulk, OrderKey: scanKey(ruleID),
	})
}

// scan looks at a page of customers and leaves a work for the next, in one transaction: whoever finishes it
// after a crash goes on where it was.
func (s *Service) scan(ctx context.Context, l *work.Lease, p scanRef) error {
	if p.Run == "" {
		p.Run = fmt.Sprint(l.ID)
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockRule(tx, p.RuleID)
		if err != nil || !row.Enabled || row.Version != p.Version {
			return ignoreGone(err) // a newer scan is on its way
		}
		ids, err := customersAfter(tx, p.After, scanPage)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return endScan(tx, p)
		}
		if row.ScanReset {
			if err := deleteMembers(tx, p.RuleID, ids); err != nil {
				return err
			}
			if err := s.Tags.TakeBackTx(tx, origin(p.RuleID), ids); err != nil {
				return err
			}
		}
		r, err := s.ruleOf(tx, row)
		if err != nil {
			return err
		}
		fitting, err := s.ask(tx, r, ids, map[int64]why{})
		if err != nil {
			return err
		}
		p.After, p.Fitting = ids[len(ids)-1], p.Fitting+int64(fitting)
		return s.Queue.Enqueue(tx, work.Item{
			Kind: workScan, Payload: p, Lane: work.LaneBulk, OrderKey: scanKey(p.RuleID), DedupeKey: fmt.Sprintf("%s:%s:%d", scanKey(p.RuleID), p.Run, p.After),
		})
	})
}

// withdrawRef is the payload of a work: whose tags to take back, and after whom to go on.
type withdrawRef struct {
	RuleID int64  `json:"rule_id"`
	After  int64  `json:"after"`
	Run    string `json:"run"`
}

// withdraw takes back all that a rule gave, page by page as scan does.
func (s *Service) withdraw(ctx context.Context, l *work.Lease, p withdrawRef) error {
	if p.Run == "" {
		p.Run = fmt.Sprint(l.ID)
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := ruleByID(tx, p.RuleID)
		if err != nil && !errors.Is(err, ErrNotFound) || row != nil && row.Enabled {
			return err
		}
		ids, err := s.Tags.GrantedByTx(tx, origin(p.RuleID), p.After, scanPage)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := s.Tags.TakeBackTx(tx, origin(p.RuleID), ids); err != nil {
			return err
		}
		p.After = ids[len(ids)-1]
		return s.Queue.Enqueue(tx, work.Item{
			Kind: workWithdraw, Payload: p, Lane: work.LaneBulk, OrderKey: scanKey(p.RuleID),
			DedupeKey: fmt.Sprintf("%s:withdraw:%s:%d", scanKey(p.RuleID), p.Run, p.After),
		})
	})
}
