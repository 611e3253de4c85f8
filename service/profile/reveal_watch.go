package profile

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Whoever is shown much more in a day than they usually are, on the days of the last month on which they were shown
// anything, is brought to the notice of those who may look into it.
const (
	usualDays   = 30
	timesUsual  = 3
	fewReveals  = 10 // up to so many a day are nothing unusual
	manyReveals = 40 // from so many on a day is unusual whatever somebody usually does
)

// TaskUnusualReveals is the kind of the task that unusual days make.
const TaskUnusualReveals = "profile.unusual_reveals"

// Watchers is whom this package tells that somebody is shown more than usual.
type Watchers interface {
	HoldersTx(tx *gorm.DB, permissions ...string) ([]int64, error)
	AddTaskTx(tx *gorm.DB, in staff.TaskInput) error
}

// unusualFrom is the number of a day's reveals with which the day becomes unusual, given how many there were on how
// many days before.
func unusualFrom(reveals, days int) int {
	most := fewReveals
	if days > 0 {
		most = max(most, timesUsual*reveals/days)
	}
	return min(most+1, manyReveals)
}

// watchTx tells of a day that has just become unusual, once.
func (s *Service) watchTx(tx *gorm.DB, v *staff.Viewer, day time.Time, ordinal int) error {
	past, err := revealDays(tx, []int64{v.StaffID}, dayNumber(day.AddDate(0, 0, -usualDays)), dayNumber(day))
	if err != nil {
		return err
	}
	reveals := 0
	for _, d := range past {
		reveals += d.Reveals
	}
	from := unusualFrom(reveals, len(past))
	s.reveals.WithLabelValues(fmt.Sprint(ordinal >= from)).Inc()
	if ordinal != from || s.Watchers == nil {
		return nil
	}
	holders, err := s.Watchers.HoldersTx(tx, "reveal.read", "task.write")
	if err != nil {
		return err
	}
	for _, id := range holders {
		err := s.Watchers.AddTaskTx(tx, staff.TaskInput{
			StaffID: id, Kind: TaskUnusualReveals, DedupeKey: fmt.Sprintf("%s:%d:%d:%d", TaskUnusualReveals, v.StaffID, dayNumber(day), id),
			Title: fmt.Sprintf("%s 今天查看完整资料已 %d 次，远多于平时，请核查", v.Name, ordinal),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func newRevealCount(r prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "zhiyin_reveals_total", Help: "How often staff were shown in full what is masked, by whether that was unusually much for them.",
	}, []string{"unusual"})
	if r != nil {
		r.MustRegister(c)
	}
	return c
}

// RevealFilter selects reveals; zero fields ask nothing.
type RevealFilter struct {
	StaffID, CustomerID int64
	From, To            time.Time // from, and before
	Before              int64     // the row at which the page before ended
	Limit               int
}

// KeptReveal is a reveal with the name of who asked.
type KeptReveal struct {
	model.Reveal
	StaffName string
}

// Reveals lists who was shown what of whom, and why, the newest first. It is for those who look after everybody: no
// data scope narrows it.
func (s *Service) Reveals(ctx context.Context, f RevealFilter) ([]KeptReveal, error) {
	return listReveals(s.DB.WithContext(ctx), f)
}

// RevealDay is what one staff member was shown on one day of business.
type RevealDay struct {
	StaffID   int64
	StaffName string
	Day       int // yyyymmdd
	Reveals   int
	Usual     int  // as many they were shown on the other days of the month before; 0: none
	Unusual   bool // more than from Usual is to be expected
}

// mostRevealDays bounds the days of business that RevealDays tells of.
const mostRevealDays = 92

// RevealDays tells how much each was shown on each day from one day to another, both included, person by person
// with the newest day first, and whether that is unusual. It fails with ErrInvalid when that is more than 92 days.
func (s *Service) RevealDays(ctx context.Context, from, to time.Time) ([]RevealDay, error) {
	if to.Before(from) || to.Sub(from) >= mostRevealDays*24*time.Hour {
		return nil, ErrInvalid.With("from", fmt.Sprintf("最多 %d 天 / at most %d days", mostRevealDays, mostRevealDays))
	}
	all, err := revealDays(s.DB.WithContext(ctx), nil, dayNumber(from.AddDate(0, 0, -usualDays)), dayNumber(to.AddDate(0, 0, 1)))
	if err != nil {
		return nil, err
	}
	var out []RevealDay
	for i, d := range all {
		if d.Day < dayNumber(from) {
			continue
		}
		day, _ := time.Parse("20060102", fmt.Sprint(d.Day))
		reveals, days := 0, 0
		// The days of one person follow one another, the newest first.
		for _, before := range all[i+1:] {
			if before.StaffID != d.StaffID || before.Day < dayNumber(day.AddDate(0, 0, -usualDays)) {
				break
			}
			reveals, days = reveals+before.Reveals, days+1
		}
		if days > 0 {
			d.Usual = reveals / days
		}
		d.Unusual = d.Reveals >= unusualFrom(reveals, days)
		out = append(out, d)
	}
	return out, nil
}

func dayNumber(t time.Time) int { return t.Year()*10000 + int(t.Month())*100 + t.Day() }
