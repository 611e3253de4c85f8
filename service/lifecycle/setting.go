package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Setting is all that operators decide about the lifecycle.
type Setting struct {
	Revision int64 // raised by every change; 0: as it comes with the product
	Stages   []Stage
	Scores
}

// Scores says how scores are made.
type Scores struct {
	RFM   RFMSetting   `json:"rfm"`
	Value ValueSetting `json:"value"`
	Risk  RiskSetting  `json:"risk"`
}

// RFMSetting says where the boundaries of the scores come from: quintiles of all buyers, found every night, or set ones.
type RFMSetting struct {
	Mode       string   `json:"mode"`
	WindowDays int      `json:"window_days"` // orders and amounts of the last so many days; 0: of all
	Recency    [4]int64 `json:"recency"`     // see Boundaries
	Frequency  [4]int64 `json:"frequency"`
	Monetary   [4]int64 `json:"monetary"`
}

func defaultSetting() *Setting {
	return &Setting{Stages: DefaultStages(), Scores: Scores{
		RFM: RFMSetting{
			Mode: Quintiles, WindowDays: 365,
			Recency: [4]int64{15, 30, 90, 180}, Frequency: [4]int64{1, 2, 4, 8}, Monetary: [4]int64{10_000, 30_000, 100_000, 300_000},
		},
		Value: defaultValue(), Risk: defaultRisk(),
	}}
}

func (r RFMSetting) check() error {
	if r.Mode != Quintiles && r.Mode != Thresholds {
		return ErrSetting.With("rfm.mode", "quintile or threshold")
	}
	if r.WindowDays < 0 || r.WindowDays > 3650 {
		return ErrSetting.With("rfm.window_days", "0 to 3650")
	}
	for name, cuts := range map[string][4]int64{"recency": r.Recency, "frequency": r.Frequency, "monetary": r.Monetary} {
		if !slices.IsSorted(cuts[:]) || cuts[0] < 0 || cuts[3] > maxValue {
			return ErrSetting.With("rfm."+name, "four numbers, ascending, none below zero")
		}
	}
	return nil
}

func (s *Setting) check() error {
	if err := checkStages(s.Stages); err != nil {
		return err
	}
	if err := s.RFM.check(); err != nil {
		return err
	}
	if err := s.Value.check(); err != nil {
		return err
	}
	return s.Risk.check()
}

// Setting gives what is in force.
func (s *Service) Setting(ctx context.Context) (*Setting, error) {
	return loadSetting(s.db.WithContext(ctx))
}

// Save replaces the setting that had this revision, and gives the new one. Customers follow with the next computation. It
// fails with ErrSetting or ErrStale.
func (s *Service) Save(ctx context.Context, in Setting) (*Setting, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(in.Scores)
	if err != nil {
		return nil, fmt.Errorf("encode lifecycle settings: %w", err)
	}
	stages, err := stageRows(in.Stages)
	if err != nil {
		return nil, err
	}
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		fresh, err := replaceSetting(tx, in.Revision, string(body), s.now())
		if err != nil {
			return err
		}
		if !fresh {
			return ErrStale
		}
		return replaceStages(tx, stages)
	})
	if err != nil {
		return nil, err
	}
	in.Revision++
	return &in, nil
}

func loadSetting(db *gorm.DB) (*Setting, error) {
	for {
		row, err := settingRow(db)
		if err != nil {
			return nil, err
		}
		if row == nil {
			return defaultSetting(), nil
		}
		rows, err := stagesInOrder(db)
		if err != nil {
			return nil, err
		}
		// Both belong together only if nobody has saved between the two.
		again, err := settingRow(db)
		if err != nil {
			return nil, err
		}
		if again != nil && again.Revision == row.Revision {
			return readSetting(row, rows)
		}
	}
}

func readSetting(row *model.LifecycleSetting, rows []model.LifecycleStage) (*Setting, error) {
	out := &Setting{Revision: row.Revision}
	if err := json.Unmarshal([]byte(row.Body), &out.Scores); err != nil {
		return nil, fmt.Errorf("read lifecycle settings: %w", err)
	}
	for _, r := range rows {
		s := Stage{Name: r.Name, Title: r.Title, Phase: r.Phase, HoldDays: r.HoldDays, Lapse: r.Lapse, Playbook: r.Playbook}
		if err := json.Unmarshal([]byte(r.EnterRule), &s.Enter); err != nil {
			return nil, fmt.Errorf("read the rule of stage %s: %w", r.Name, err)
		}
		if r.StayRule != "" {
			s.Stay = &Rule{}
			if err := json.Unmarshal([]byte(r.StayRule), s.Stay); err != nil {
				return nil, fmt.Errorf("read the rule of stage %s: %w", r.Name, err)
			}
		}
		out.Stages = append(out.Stages, s)
	}
	return out, nil
}

func stageRows(stages []Stage) ([]*model.LifecycleStage, error) {
	out := make([]*model.LifecycleStage, len(stages))
	for i, s := range stages {
		enter, err := json.Marshal(s.Enter)
		if err != nil {
			return nil, fmt.Errorf("encode the rule of stage %s: %w", s.Name, err)
		}
		row := &model.LifecycleStage{
			Name: s.Name, Title: s.Title, Phase: s.Phase, Position: i + 1, EnterRule: string(enter), HoldDays: s.HoldDays, Lapse: s.Lapse, Playbook: s.Playbook,
		}
		if s.Stay != nil {
			stay, err := json.Marshal(s.Stay)
			if err != nil {
				return nil, fmt.Errorf("encode the rule of stage %s: %w", s.Name, err)
			}
			row.StayRule = string(stay)
		}
		out[i] = row
	}
	return out, nil
}
