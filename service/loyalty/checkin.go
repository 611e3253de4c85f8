package loyalty

import (
	"context"
	"fmt"
	"time"

	"zhiyin/model"
)

// CheckedIn is what a check-in came to.
type CheckedIn struct {
	Day    int // yyyymmdd
	Streak int // days in a row
	Points int64
	Next   int64 // what tomorrow is worth
}

// CheckIn notes that a customer is here today, and gives the points of their streak. It fails with ErrCheckedIn the second
// time of a business day.
func (s *Service) CheckIn(ctx context.Context, customerID int64) (*CheckedIn, error) {
	setting, err := s.Setting(ctx)
	if err != nil {
		return nil, err
	}
	out := &CheckedIn{}
	err = s.in(s.DB.WithContext(ctx), customerID, func(b *book) error {
		today, yesterday := s.dayNumber(b.now), s.dayNumber(s.dayStart(b.now).Add(-time.Hour))
		last, err := lastCheckIn(b.tx, customerID)
		if err != nil {
			return err
		}
		if last.Day >= today {
			return ErrCheckedIn
		}
		streak := 1
		if last.Day == yesterday {
			streak = last.Streak + 1
		}
		*out = CheckedIn{Day: today, Streak: streak, Points: setting.checkIn(streak), Next: setting.checkIn(streak + 1)}
		row := &model.CheckIn{CustomerID: customerID, Day: today, Streak: streak, Points: out.Points, CreatedAt: b.now}
		if err := insert(b.tx, row); err != nil || out.Points == 0 {
			return err
		}
		_, err = b.put(Earn, Issued, out.Points, 0, s.expiry(b.now, setting.CheckInValidDays), Detail{
			Key: fmt.Sprintf("check_in:%d:%d", customerID, today), Source: "check_in", SourceID: row.ID, Reason: fmt.Sprintf("连续签到 %d 天 · checked in %d days in a row", streak, streak),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// CheckIns lists the days of a business month on which a customer checked in, and whether today is one of them.
func (s *Service) CheckIns(ctx context.Context, customerID int64, month time.Time) (days []model.CheckIn, today bool, err error) {
	from := s.monthStart(month)
	to := s.monthStart(from.AddDate(0, 0, 35))
	days, err = checkInsOf(s.DB.WithContext(ctx), customerID, s.dayNumber(from), s.dayNumber(to))
	if err != nil {
		return nil, false, err
	}
	last, err := lastCheckIn(s.DB.WithContext(ctx), customerID)
	return days, last.Day == s.dayNumber(s.Now()), err
}
