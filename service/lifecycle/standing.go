package lifecycle

import (
	"context"
	"slices"

	"zhiyin/model"
)

// Standing is where a customer stands, as last computed.
type Standing struct {
	model.CustomerLifecycle
	Title string // of the stage
	Phase string // of the relationship, that the stage belongs to
}

// Standing tells where a customer stands; nil when nothing has been computed, as of minors. Who may see it
// is for the caller to decide.
func (s *Service) Standing(ctx context.Context, customerID int64) (*Standing, error) {
	db := s.db.WithContext(ctx)
	rows, err := standingsOf(db, []int64{customerID})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	setting, err := loadSetting(db)
	if err != nil {
		return nil, err
	}
	out := &Standing{CustomerLifecycle: *rows[0]}
	if i := slices.IndexFunc(setting.Stages, func(st Stage) bool { return st.Name == out.Stage }); i >= 0 {
		out.Title, out.Phase = setting.Stages[i].Title, setting.Stages[i].Phase
	}
	return out, nil
}
