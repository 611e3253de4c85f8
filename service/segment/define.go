package segment

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// Definition is what people say a segment is.
type Definition struct {
	Name, Note string
	Rule       *Rule // nil of a list
	Minors     bool  // customers under 14 are not left out
	By         int64 // the staff member who says so
}

func (d *Definition) check() error {
	d.Name, d.Note = strings.TrimSpace(d.Name), strings.TrimSpace(d.Note)
	n := utf8.RuneCountInString(d.Name)
	if n == 0 || n > 64 || utf8.RuneCountInString(d.Note) > 255 || !utf8.ValidString(d.Name+d.Note) || strings.ContainsFunc(d.Name+d.Note, unicode.IsControl) {
		return ErrName
	}
	return nil
}

func (d *Definition) rule() string {
	if d.Rule == nil {
		return ""
	}
	return string(d.Rule.Encode(rowIDs{}))
}

// Create makes a dynamic segment, whose membership is built soon, or a list when the definition has no rule.
func (s *Service) Create(ctx context.Context, d Definition) (*model.Segment, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	now := s.Now()
	row := &model.Segment{Name: d.Name, Note: d.Note, Kind: List, Rule: d.rule(), Minors: d.Minors, Version: 1, BuiltVersion: 1, CreatedBy: d.By, CreatedAt: now, UpdatedAt: now}
	if d.Rule != nil {
		row.Kind, row.BuiltVersion = Dynamic, 0
	}
	return row, model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row.ID = 0
		if err := s.checkReferences(tx, 0, d.Rule); err != nil {
			return err
		}
		if err := tx.Create(row).Error; err != nil || d.Rule == nil {
			return err
		}
		return s.define(tx, row, d.By)
	})
}

// define keeps the version and plans its build.
func (s *Service) define(tx *gorm.DB, row *model.Segment, by int64) error {
	v := &model.SegmentVersion{SegmentID: row.ID, Version: row.Version, Rule: row.Rule, Minors: row.Minors, ChangedBy: by, CreatedAt: s.Now()}
	if err := tx.Create(v).Error; err != nil {
		return err
	}
	_, err := s.planBuild(tx, row, by)
	return err
}

// Update changes a segment, as long as it still is at the version that the caller has seen: else it fails with
// ErrChanged. A new rule cancels the build that runs and plans another.
func (s *Service) Update(ctx context.Context, id, version int64, d Definition) (*model.Segment, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	var row *model.Segment
	err := model.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
		if err := s.checkReferences(tx, id, d.Rule); err != nil {
			return err
		}
		if row, err = lockSegment(tx, id); err != nil {
			return err
		}
		switch {
		case row.Version != version:
			return ErrChanged
		case row.Kind == List && d.Rule != nil, row.Kind == Dynamic && d.Rule == nil:
			return ErrKind
		}
		rule := d.rule()
		redefined := row.Kind == Dynamic && (rule != row.Rule || d.Minors != row.Minors)
		row.Name, row.Note, row.UpdatedAt, row.Version = d.Name, d.Note, s.Now(), row.Version+1
		if row.Kind == Dynamic {
			row.Rule, row.Minors = rule, d.Minors
		}
		if !redefined && row.BuiltVersion == version {
			row.BuiltVersion = row.Version
		}
		if err := updateSegment(tx, row, "name", "note", "rule", "minors", "version", "built_version", "updated_at"); err != nil || row.Kind != Dynamic {
			return err
		}
		if !redefined && row.BuiltVersion == row.Version {
			return nil
		}
		return s.define(tx, row, d.By)
	})
	return row, err
}

// Delete ends a segment; nobody is in it from then on, which is no fact about those who were. It fails with ErrInUse
// when another one asks about it.
func (s *Service) Delete(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		all, err := s.lockRules(tx)
		if err != nil {
			return err
		}
		for _, l := range all {
			if l.segment.ID != id && slices.Contains(l.refers, id) {
				return ErrInUse.With("segment", l.segment.Name)
			}
		}
		row, err := lockSegment(tx, id)
		if err != nil {
			return err
		}
		now := s.Now()
		row.GoneAt, row.UpdatedAt = &now, now
		if err := cancelBuilds(tx, id, now); err != nil {
			return err
		}
		return updateSegment(tx, row, "gone_at", "updated_at")
	})
}

// checkReferences refuses a rule that asks about segments that are not there, or about the segment itself by way of
// others. It locks all rules, so that two changes can't close a circle together.
func (s *Service) checkReferences(tx *gorm.DB, id int64, r *Rule) error {
	if r == nil {
		return nil
	}
	asked := r.segments()
	if len(asked) == 0 {
		return nil
	}
	all, err := s.lockRules(tx)
	if err != nil {
		return err
	}
	refers := map[int64][]int64{}
	for _, l := range all {
		refers[l.segment.ID] = l.refers
	}
	present, err := presentSegments(tx, asked)
	if err != nil {
		return err
	}
	seen := map[int64]bool{}
	for open := asked; len(open) > 0; {
		at := open[0]
		open = open[1:]
		switch {
		case at == id:
			return ErrCycle
		case seen[at]:
			continue
		}
		seen[at] = true
		open = append(open, refers[at]...)
	}
	for _, a := range asked {
		if !present[a] {
			return ErrReference
		}
	}
	return nil
}

// lockRules reads and locks all dynamic segments. One whose rule can't be read any more refers to nothing.
func (s *Service) lockRules(tx *gorm.DB) ([]*live, error) {
	rows, err := dynamicSegments(model.ForUpdate(tx))
	if err != nil {
		return nil, err
	}
	out := make([]*live, len(rows))
	for i := range rows {
		if out[i], err = s.liveOf(tx, &rows[i]); err != nil {
			out[i] = &live{segment: rows[i]}
		}
	}
	return out, nil
}

// Rebuild plans a full build of a dynamic segment and gives its row; the one that waits or runs already if there is one.
func (s *Service) Rebuild(ctx context.Context, id, by int64) (b *model.SegmentBuild, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockSegment(tx, id)
		if err != nil {
			return err
		}
		if row.Kind != Dynamic {
			return ErrKind
		}
		if b, err = runningBuild(tx, id); b != nil || err != nil {
			return err
		}
		b, err = s.planBuild(tx, row, by)
		return err
	})
	return b, err
}

// RebuildAll plans a build of every dynamic segment. What changes a customer without a fact about it (a department
// moves, a category gets another parent) is in the membership after that.
func (s *Service) RebuildAll(ctx context.Context) error {
	rows, err := dynamicSegments(s.DB.WithContext(ctx))
	if err != nil {
		return err
	}
	for _, row := range rows {
		if _, err := s.Rebuild(ctx, row.ID, 0); err != nil && err != ErrNotFound {
			return err
		}
	}
	return nil
}

// planBuild ends the build that runs and plans another.
func (s *Service) planBuild(tx *gorm.DB, row *model.Segment, by int64) (*model.SegmentBuild, error) {
	now := s.Now()
	if err := cancelBuilds(tx, row.ID, now); err != nil {
		return nil, err
	}
	last, err := lastCustomer(tx)
	if err != nil {
		return nil, err
	}
	b := &model.SegmentBuild{SegmentID: row.ID, RunningSegmentID: &row.ID, Version: row.Version, Status: buildRunning, LastID: last, AskedBy: by, StartedAt: now, UpdatedAt: now}
	if err := tx.Create(b).Error; err != nil {
		return nil, err
	}
	return b, s.Queue.Enqueue(tx, work.Item{Kind: workBuild, Payload: buildWork{b.ID}, Lane: work.LaneBulk})
}
