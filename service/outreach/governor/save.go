package governor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Setting gives what is in force.
func (g *Governor) Setting(ctx context.Context) (*Setting, error) {
	return g.settingNow(g.DB.WithContext(ctx))
}

// settingNow gives what is in force; what it gives is shared and must not be changed.
func (g *Governor) settingNow(tx *gorm.DB) (*Setting, error) {
	revision, err := newestRevision(tx)
	if err != nil {
		return nil, err
	}
	if last := g.last.Load(); last != nil && last.Revision == revision {
		return last, nil
	}
	s, err := settingOf(tx, revision)
	if err != nil {
		return nil, err
	}
	g.last.Store(s)
	return s, nil
}

func settingOf(tx *gorm.DB, revision int64) (*Setting, error) {
	if revision == 0 {
		return defaultSetting(), nil
	}
	row, err := settingByRevision(tx, revision)
	if err != nil {
		return nil, err
	}
	return readSetting(row)
}

func readSetting(row *model.GovernorSetting) (*Setting, error) {
	s := &Setting{Revision: row.Revision}
	if err := json.Unmarshal([]byte(row.Body), s); err != nil {
		return nil, fmt.Errorf("read revision %d of the governor's settings: %w", row.Revision, err)
	}
	return s, nil
}

// Save puts a setting in the place of the one of its Revision and gives the new one, which is in force with the next batch
// everywhere. It fails with ErrSetting, or ErrStale when somebody was quicker.
func (g *Governor) Save(ctx context.Context, in Setting, staffID int64) (*Setting, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("encode the governor's settings: %w", err)
	}
	err = model.InTx(ctx, g.DB, func(tx *gorm.DB) error {
		newest, err := newestRevision(tx)
		if err != nil {
			return err
		}
		if newest != in.Revision {
			return ErrStale
		}
		row := &model.GovernorSetting{Revision: in.Revision + 1, Body: string(body), StaffID: staffID, CreatedAt: g.now()}
		err = insertSetting(tx, row)
		if model.IsDuplicate(err) {
			return ErrStale
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	in.Revision++
	return &in, nil
}

// Revision is one of the settings that were in force.
type Revision struct {
	Setting
	StaffID int64 // who saved it
	At      time.Time
}

// Revisions lists the settings that were in force, the newest first, at most 100.
func (g *Governor) Revisions(ctx context.Context) ([]Revision, error) {
	rows, err := listSettings(g.DB.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	out := make([]Revision, 0, len(rows))
	for i := range rows {
		s, err := readSetting(&rows[i])
		if err != nil {
			return nil, err
		}
		out = append(out, Revision{*s, rows[i].StaffID, rows[i].CreatedAt})
	}
	return out, nil
}

// HasTopic tells whether there is a topic of a name.
func (g *Governor) HasTopic(ctx context.Context, name string) (bool, error) {
	s, err := g.Setting(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(s.Topics, func(t Topic) bool { return t.Name == name }), nil
}
