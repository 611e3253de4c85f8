package acquisition

import (
	"context"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Code is a channel code with its settings and who serves it now.
type Code struct {
	model.ChannelCode
	Staff   []CodeStaff
	TagIDs  []int64
	Welcome *model.Welcome // its own; nil: none
	// Serving is who the platform should be told of now, as user ids, and ServedBy the rule by which
	// they were found: shift, spare, any_spare, anybody, nobody.
	Serving  []string
	ServedBy string
	Added    int64 // customers so far
	Lost     int64 // of those
	Today    int64 // customers of this business day
}

// Code reads one channel code. Fails with ErrCodeNotFound.
func (s *Service) Code(ctx context.Context, id int64) (*Code, error) {
	db := s.db.WithContext(ctx)
	row, err := patternByID(db, id)
	if err != nil {
		return nil, err
	}
	list, err := s.describe(db, []model.ChannelCode{*row})
	if err != nil {
		return nil, err
	}
	code := &list[0]
	if code.Staff, code.TagIDs, err = codeParts(db, id); err != nil {
		return nil, err
	}
	code.Welcome, err = welcomeOf(db, row.AccountID, ScopeChannelCode, id)
	return code, err
}

// CodeFilter selects channel codes.
type CodeFilter struct {
	AccountID int64  // 0: of all accounts
	Search    string // in the name or the source name
	Enabled   *bool
	After     int64 // row id of the last code of the page before; 0: from the newest
	Limit     int   // 0: 50; at most 200
}

// Codes lists channel codes from the newest, without Staff, TagIDs and Welcome. A page shorter than the
// limit is the last.
func (s *Service) Codes(ctx context.Context, f CodeFilter) ([]Code, error) {
	db := s.db.WithContext(ctx)
	rows, err := listCodes(db, f)
	if err != nil {
		return nil, err
	}
	return s.describe(db, rows)
}

// describe adds counts and who serves now.
func (s *Service) describe(db *gorm.DB, rows []model.ChannelCode) ([]Code, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	plans, err := s.planCodes(db, rows)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	totals, err := codeTotals(db, ids, s.day(s.now()))
	if err != nil {
		return nil, err
	}
	codes := make([]Code, len(rows))
	for i, r := range rows {
		t := totals[r.ID]
		codes[i] = Code{ChannelCode: r, Serving: plans[r.ID].userIDs, ServedBy: plans[r.ID].rule, Added: t.Added, Lost: t.Lost, Today: t.Today}
	}
	return codes, nil
}
