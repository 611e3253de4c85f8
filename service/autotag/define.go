package autotag

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/segment"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// Rule is a rule as people see it.
type Rule struct {
	model.TagRule
	Condition  *segment.Rule
	Occurrence *Occurrence
	Tags       []int64
	// Scanning: what it says now has not been held against all customers yet.
	Scanning bool
}

// Create makes a rule. Switched on, a standing one looks at all customers in the background. It fails with ErrName, ErrRule,
// ErrNoSuchTags or ErrLoop.
func (s *Service) Create(ctx context.Context, v *staff.Viewer, d Definition) (*Rule, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	var row *model.TagRule
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row = &model.TagRule{Version: 1, CreatedBy: v.StaffID}
		if err := s.fill(tx, row, &d); err != nil {
			return err
		}
		if err := tx.Create(row).Error; err != nil {
			return err
		}
		return s.rescan(tx, row.ID)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, row.ID)
}

// Update replaces what a rule says, if it is still at this version. Customers are looked at anew; those to whom it gave
// tags that it gives no longer lose them. Giving other tags than before counts as something new for everybody who fits.
// It fails with ErrNotFound, ErrChanged, or as Create does.
func (s *Service) Update(ctx context.Context, id, version int64, d Definition) (*Rule, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockRule(tx, id)
		if err != nil {
			return err
		}
		if row.Version != version {
			return ErrChanged
		}
		before := *row
		if err := s.fill(tx, row, &d); err != nil {
			return err
		}
		row.Version++
		row.PausedReason = ""
		otherKind := (before.OccurrenceJSON == "") != (row.OccurrenceJSON == "")
		row.ScanReset = row.ScanReset || before.TagIDs != row.TagIDs || otherKind
		err = saveRule(tx, row, "name", "condition_json", "occurrence_json", "tag_ids", "expire_days", "take_back", "enabled", "paused_reason",
			"version", "scan_reset")
		if err != nil {
			return err
		}
		return s.rescan(tx, id)
	})
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, id)
}

// fill writes a definition into a row, after what only the database can tell.
func (s *Service) fill(tx *gorm.DB, row *model.TagRule, d *Definition) error {
	live, err := liveTags(tx, d.TagIDs)
	if err != nil {
		return err
	}
	tags := make([]int64, len(d.TagIDs))
	for i, id := range d.TagIDs {
		if live[id] == 0 {
			return ErrNoSuchTags
		}
		tags[i] = live[id]
	}
	d.TagIDs = tags
	if err := s.checkLoops(tx, row.ID, d); err != nil {
		return err
	}
	row.Name, row.ExpireDays, row.TakeBack, row.Enabled = d.Name, d.ExpireDays, d.TakeBack, d.Enabled
	row.TagIDs, row.ConditionJSON, row.OccurrenceJSON = asJSON(tags), "", ""
	if d.Condition != nil {
		row.ConditionJSON = string(d.Condition.Encode(segment.RowIDs))
	}
	if d.Occurrence != nil {
		row.OccurrenceJSON = asJSON(d.Occurrence)
	}
	return nil
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain values
	}
	return string(b)
}

// Enable switches a rule on or off. Off, it neither gives nor takes; what it gave stays until it ends. On, all customers
// are looked at anew. It fails with ErrNotFound or ErrLoop.
func (s *Service) Enable(ctx context.Context, id int64, on bool) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockRule(tx, id)
		if err != nil || row.Enabled == on {
			return err
		}
		r, err := s.ruleOf(tx, row)
		if err != nil {
			return err
		}
		if on {
			d := &Definition{Condition: r.condition, Occurrence: r.occurrence, TagIDs: r.tags, Enabled: true}
			if err := s.checkLoops(tx, id, d); err != nil {
				return err
			}
		}
		row.Enabled, row.PausedReason = on, ""
		if err := saveRule(tx, row, "enabled", "paused_reason"); err != nil {
			return err
		}
		return s.rescan(tx, id)
	})
}

// Delete ends a rule. With takeBack what it gave is taken back in the background, else it stays until it ends. It
// fails with ErrNotFound.
func (s *Service) Delete(ctx context.Context, id int64, takeBack bool) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockRule(tx, id)
		if err != nil {
			return err
		}
		now := s.Now()
		row.Enabled, row.GoneAt = false, &now
		if err := saveRule(tx, row, "enabled", "gone_at"); err != nil || !takeBack {
			return err
		}
		return s.Queue.Enqueue(tx, work.Item{Kind: workWithdraw, Payload: withdrawRef{RuleID: id}, Lane: work.LaneBulk, OrderKey: scanKey(id)})
	})
}

// Get gives one rule, or fails with ErrNotFound.
func (s *Service) Get(ctx context.Context, id int64) (*Rule, error) {
	db := s.DB.WithContext(ctx)
	row, err := ruleByID(db, id)
	if err != nil {
		return nil, err
	}
	return s.shown(db, row)
}

// List gives rules, newest first, from below a row id (0: from the newest).
func (s *Service) List(ctx context.Context, before int64, limit int) ([]Rule, error) {
	db := s.DB.WithContext(ctx)
	rows, err := rulesBefore(db, before, limit)
	if err != nil {
		return nil, err
	}
	out := make([]Rule, len(rows))
	for i := range rows {
		r, err := s.shown(db, &rows[i])
		if err != nil {
			return nil, err
		}
		out[i] = *r
	}
	return out, nil
}

// shown is a row for people. A condition that can't be read any more is left out, with the reason.
func (s *Service) shown(db *gorm.DB, row *model.TagRule) (*Rule, error) {
	out := &Rule{TagRule: *row, Scanning: row.Enabled && row.OccurrenceJSON == "" && row.ScanVersion != row.Version}
	r, err := s.ruleOf(db, row)
	if errors.Is(err, segment.ErrRule) {
		out.PausedReason = "条件引用的内容已不存在 (what the condition names is gone)"
		return out, json.Unmarshal([]byte(row.TagIDs), &out.Tags)
	}
	if err != nil {
		return nil, err
	}
	out.Condition, out.Occurrence, out.Tags = r.condition, r.occurrence, r.tags
	return out, nil
}

// History tells what a rule did, with everybody or one customer, newest first. It fails with ErrNotFound.
func (s *Service) History(ctx context.Context, id, customerID, before int64, limit int) ([]model.TagRuleAct, error) {
	db := s.DB.WithContext(ctx)
	if _, err := ruleByID(db, id); err != nil {
		return nil, err
	}
	return actsBefore(db, id, customerID, before, limit)
}

// keepActs is how long history is kept.
const keepActs = 180 * 24 * time.Hour

// Prune deletes old history.
func (s *Service) Prune(ctx context.Context) error {
	for {
		n, err := pruneActs(s.DB.WithContext(ctx), s.Now().Add(-keepActs), 1000)
		if err != nil || n < 1000 {
			return err
		}
	}
}
