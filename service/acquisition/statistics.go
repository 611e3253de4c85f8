package acquisition

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/service/fault"
)

// ErrPeriod says that statistics were asked for a period that is none.
var ErrPeriod = fault.New(fault.Invalid, "statistics.period", "统计区间有误：至多 92 天", "the period is wrong: at most 92 days")

const maxDays = 92

// CodeDay is what a channel code brought on one business day.
type CodeDay struct {
	Day      string // 2006-01-02
	Added    int64
	Lost     int64
	Welcomes WelcomeDay
}

// StaffCount is what a channel code brought to one staff member.
type StaffCount struct {
	StaffID     int64
	Added, Lost int64
}

// WelcomeDay is how the welcomes of one business day went.
type WelcomeDay struct {
	Sent, Missed, Taken, None, Pending int64
	// P50 and P99 are latencies of those sent, from callback to platform; zero without any.
	P50, P99 time.Duration
}

// CodeStatistics tells day by day, and staff member by staff member, what a channel code brought from
// one business day to another, both included (2006-01-02). Fails with ErrCodeNotFound or ErrPeriod.
func (s *Service) CodeStatistics(ctx context.Context, id int64, from, to string) ([]CodeDay, []StaffCount, error) {
	days, begin, end, err := s.period(from, to)
	if err != nil {
		return nil, nil, err
	}
	db := s.db.WithContext(ctx)
	if code, err := codeByID(db, id); err != nil || code == nil {
		return nil, nil, firstError(err, ErrCodeNotFound)
	}
	rows, err := codeDays(db, id, from, to)
	if err != nil {
		return nil, nil, err
	}
	welcomes, err := s.welcomeDays(db, "channel_code_id = ?", id, begin, end)
	if err != nil {
		return nil, nil, err
	}
	byDay, byStaff := map[string]*CodeDay{}, map[int64]*StaffCount{}
	list := make([]CodeDay, len(days))
	for i, d := range days {
		list[i] = CodeDay{Day: d, Welcomes: welcomes[d]}
		byDay[d] = &list[i]
	}
	for _, r := range rows {
		byDay[r.Day].Added += r.Added
		byDay[r.Day].Lost += r.Lost
		if byStaff[r.StaffID] == nil {
			byStaff[r.StaffID] = &StaffCount{StaffID: r.StaffID}
		}
		byStaff[r.StaffID].Added += r.Added
		byStaff[r.StaffID].Lost += r.Lost
	}
	return list, sortedCounts(byStaff), nil
}

// WelcomeStatistics tells day by day how the welcomes of an account went, both days included. Fails
// with ErrPeriod.
func (s *Service) WelcomeStatistics(ctx context.Context, accountID int64, from, to string) (map[string]WelcomeDay, error) {
	_, begin, end, err := s.period(from, to)
	if err != nil {
		return nil, err
	}
	return s.welcomeDays(s.db.WithContext(ctx), "account_id = ?", accountID, begin, end)
}

// period lists the business days and gives the moments at which the first begins and the last ends.
func (s *Service) period(from, to string) (days []string, begin, end time.Time, err error) {
	begin, err1 := time.ParseInLocation(time.DateOnly, from, s.zone)
	last, err2 := time.ParseInLocation(time.DateOnly, to, s.zone)
	if err1 != nil || err2 != nil || last.Before(begin) || last.Sub(begin) > maxDays*24*time.Hour {
		return nil, begin, end, ErrPeriod
	}
	for d := begin; !d.After(last); d = d.AddDate(0, 0, 1) {
		days = append(days, d.Format(time.DateOnly))
	}
	return days, begin.UTC(), last.AddDate(0, 0, 1).UTC(), nil
}

func (s *Service) welcomeDays(db *gorm.DB, cond string, id int64, begin, end time.Time) (map[string]WelcomeDay, error) {
	days, latencies := map[string]WelcomeDay{}, map[string][]int64{}
	err := eachWelcome(db, cond, id, begin, end, func(at time.Time, outcome string, ms int64) {
		day := s.day(at)
		w := days[day]
		switch outcome {
		case OutcomeSent:
			w.Sent++
			latencies[day] = append(latencies[day], ms)
		case OutcomeMissed:
			w.Missed++
		case OutcomeTaken:
			w.Taken++
		case OutcomeNone:
			w.None++
		case OutcomePending:
			w.Pending++
		}
		days[day] = w
	})
	for day, list := range latencies {
		slices.Sort(list)
		w := days[day]
		w.P50, w.P99 = percentile(list, 50), percentile(list, 99)
		days[day] = w
	}
	return days, err
}

// percentile is the smallest value of a sorted list that p percent do not exceed.
func percentile(sorted []int64, p int) time.Duration {
	i := (len(sorted)*p+99)/100 - 1
	return time.Duration(sorted[max(i, 0)]) * time.Millisecond
}

func sortedCounts(m map[int64]*StaffCount) []StaffCount {
	list := make([]StaffCount, 0, len(m))
	for _, c := range m {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b StaffCount) int { return int(a.StaffID - b.StaffID) })
	return list
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
