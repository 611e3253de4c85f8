package loyalty

import (
	"context"
	"time"
)

// Moved is what became of points within some time, each above zero.
type Moved struct {
	Earned    int64
	Spent     int64
	Returned  int64 // of what was spent
	Expired   int64
	TakenBack int64 // because an order was refunded
	Restored  int64 // of what was taken back
	Added     int64 // by hand
	Removed   int64
}

// DayMoved is what became of points on one business day.
type DayMoved struct {
	Day string // 2006-01-02
	Moved
}

// RuleMoved is what was earned by one rule; by no rule (0) check-ins, journeys, prizes and the like are.
type RuleMoved struct {
	RuleID                      int64
	Earned, TakenBack, Restored int64
}

// Report is what became of points, and what customers have to spend still.
type Report struct {
	Sum   Moved
	Days  []DayMoved
	Rules []RuleMoved // the one that gave most first
	// Outstanding is what the house owes in points now, frozen ones among them; Owed what customers owe the house.
	Outstanding, Frozen, Owed int64
	// HundredFen is what a hundred points are worth, in fen; 0: nobody has said. OutstandingFen follows from it.
	HundredFen, OutstandingFen int64
}

// maxReportDays bounds how many days one report tells apart.
const maxReportDays = 92

// Report tells what became of points from one business day to another, both included. It fails with ErrInvalid.
func (s *Service) Report(ctx context.Context, from, to string) (*Report, error) {
	first, errFirst := time.ParseInLocation(time.DateOnly, from, s.Zone)
	last, errLast := time.ParseInLocation(time.DateOnly, to, s.Zone)
	if errFirst != nil || errLast != nil || last.Before(first) || last.After(first.AddDate(0, 0, maxReportDays-1)) {
		return nil, ErrInvalid.With("to", "最多 92 天 / at most 92 days")
	}
	db, out := s.DB.WithContext(ctx), &Report{Days: []DayMoved{}, Rules: []RuleMoved{}}
	rules := map[int64]*RuleMoved{}
	for d := first; !d.After(last); d = d.AddDate(0, 0, 1) {
		rows, err := movedBetween(db, d.UTC(), d.AddDate(0, 0, 1).UTC())
		if err != nil {
			return nil, err
		}
		day := DayMoved{Day: d.Format(time.DateOnly)}
		for _, r := range rows {
			day.add(r)
			out.Sum.add(r)
			byRule(rules, r)
		}
		out.Days = append(out.Days, day)
	}
	out.Rules = sortedRules(rules)
	var err error
	if out.Outstanding, out.Frozen, out.Owed, err = outstanding(db); err != nil {
		return nil, err
	}
	set, err := settingOf(db)
	if err != nil {
		return nil, err
	}
	out.HundredFen = set.HundredFen
	out.OutstandingFen = worth(out.Outstanding, set.HundredFen)
	return out, nil
}

// worth is what points are worth, in whole fen.
func worth(points, hundredFen int64) int64 {
	if points <= 0 || hundredFen <= 0 {
		return 0
	}
	return points/100*hundredFen + points%100*hundredFen/100
}

func (m *Moved) add(r moved) {
	switch r.Kind {
	case Earn:
		m.Earned += r.Points
	case Spend:
		m.Spent += r.Points
	case Return:
		m.Returned += r.Points
	case Expire:
		m.Expired += r.Points
	case TakeBack:
		m.TakenBack += r.Points
	case Restore:
		m.Restored += r.Points
	case Adjust:
		if r.ToBook == Available {
			m.Added += r.Points
		} else {
			m.Removed += r.Points
		}
	}
}

func byRule(rules map[int64]*RuleMoved, r moved) {
	if r.Kind != Earn && r.Kind != TakeBack && r.Kind != Restore {
		return
	}
	m := rules[r.RuleID]
	if m == nil {
		m = &RuleMoved{RuleID: r.RuleID}
		rules[r.RuleID] = m
	}
	switch r.Kind {
	case Earn:
		m.Earned += r.Points
	case TakeBack:
		m.TakenBack += r.Points
	case Restore:
		m.Restored += r.Points
	}
}
