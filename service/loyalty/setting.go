package loyalty

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Setting is what the club goes by.
type Setting struct {
	// CheckIn are the points of the first day in a row, the second, and so on; after the last it begins anew. Empty: check-in
	// is worth nothing.
	CheckIn          []int64 `json:"check_in"`
	CheckInValidDays int     `json:"check_in_valid_days"`
	// TierWindowDays is over how many days what customers paid counts for their tier.
	TierWindowDays int `json:"tier_window_days"`
	// TierKeepDays is how long a tier is kept at least once it is reached, and TierGraceDays how much longer before it falls.
	TierKeepDays  int `json:"tier_keep_days"`
	TierGraceDays int `json:"tier_grace_days"`
	// HundredFen is what a hundred points are worth to the house, in fen, for what its reports say it owes; 0: nobody has said.
	HundredFen int64 `json:"hundred_fen,omitempty"`
	Version    int64 `json:"-"`
}

// defaults are what holds until somebody says otherwise.
var defaults = Setting{CheckIn: []int64{1, 1, 2, 2, 3, 3, 10}, CheckInValidDays: 365, TierWindowDays: 365, TierKeepDays: 365, TierGraceDays: 30}

// checkIn is what a day is worth that is the n-th in a row.
func (s *Setting) checkIn(n int) int64 {
	if len(s.CheckIn) == 0 {
		return 0
	}
	return s.CheckIn[(n-1)%len(s.CheckIn)]
}

func (s *Setting) check() error {
	if len(s.CheckIn) > 31 || s.CheckInValidDays < 0 || s.CheckInValidDays > maxDays {
		return ErrInvalid.With("check_in", "最多 31 天 / at most 31 days")
	}
	for _, n := range s.CheckIn {
		if n < 0 || n > 10_000 {
			return ErrInvalid.With("check_in", "0 到 10000 / 0 to 10000")
		}
	}
	if s.HundredFen < 0 || s.HundredFen > 1_000_000 {
		return ErrInvalid.With("hundred_points_fen", "0 到 1000000 / 0 to 1000000")
	}
	if s.TierWindowDays < 1 || s.TierWindowDays > maxDays || s.TierKeepDays < 1 || s.TierKeepDays > maxDays || s.TierGraceDays < 0 || s.TierGraceDays > 365 {
		return ErrInvalid.With("tier_window_days", "1 到 3650 / 1 to 3650")
	}
	return nil
}

// Setting gives what the club goes by.
func (s *Service) Setting(ctx context.Context) (*Setting, error) {
	return settingOf(s.DB.WithContext(ctx))
}

func settingOf(tx *gorm.DB) (*Setting, error) {
	row, err := settingRow(tx)
	if err != nil {
		return nil, err
	}
	out := defaults
	if row.Body != "" {
		if err := json.Unmarshal([]byte(row.Body), &out); err != nil {
			return nil, fmt.Errorf("read the setting of the club: %w", err)
		}
	}
	out.Version = row.Version
	return &out, nil
}

// SaveClub replaces what the club goes by, of the version that was read, and its tiers. It fails with ErrInvalid or
// ErrChanged.
func (s *Service) SaveClub(ctx context.Context, staffID, version int64, in Setting, all []TierInput) error {
	if err := in.check(); err != nil {
		return err
	}
	rows, err := s.tierRows(all)
	if err != nil {
		return err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		changed, err := saveSetting(tx, &model.LoyaltySetting{ID: 1, Body: string(body), Version: version + 1, ChangedBy: staffID, UpdatedAt: s.Now()})
		if err == nil && !changed {
			err = ErrChanged
		}
		if err != nil {
			return err
		}
		return replaceTiers(tx, rows)
	})
}
