package coupon

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// A staff member's day is unusual when they gave far more than they usually do, on the days of the last month on which they
// gave anything, or, where there were none, than their colleagues that day; or when most of it went to the same few.
const (
	usualDays  = 30
	timesUsual = 3
	fewGiven   = 10 // fewer a day are nothing unusual
)

// TaskUnusualGiving is the kind of the task that unusual days make.
const TaskUnusualGiving = "coupon.unusual_giving"

// Why a day is unusual. Names are data.
const (
	GaveMuch    = "much"     // far more than usual
	GaveSameFew = "same_few" // mostly to the same few
)

// Watchers is whom this package tells that somebody gives more than usual.
type Watchers interface {
	HoldersTx(tx *gorm.DB, permissions ...string) ([]int64, error)
	AddTaskTx(tx *gorm.DB, in staff.TaskInput) error
}

// givingDay is what a staff member gave on one day, and before.
type givingDay struct {
	StaffID          int64
	Name             string
	Given, Customers int64
	PastGiven, Days  int64 // on how many days before
}

// unusual says why a day is unusual, beside what colleagues gave that day; empty: it isn't.
func (d givingDay) unusual(colleagues int64) string {
	usual := colleagues
	if d.Days > 0 {
		usual = d.PastGiven / d.Days
	}
	switch {
	case d.Given < fewGiven:
		return ""
	case d.Given > timesUsual*d.Customers:
		return GaveSameFew
	case usual > 0 && d.Given > timesUsual*usual:
		return GaveMuch
	}
	return ""
}

// WatchGivers looks at what staff gave on the business day before, and gives those who may look into it a task for each staff
// member whose day was unusual, once. A job: it may be run at any moment, twice, and by any replica.
func (s *Service) WatchGivers(ctx context.Context) error {
	_, until := s.day(s.Now())
	name, from := s.day(until.Add(-time.Hour))
	past, _ := s.day(from.AddDate(0, 0, -usualDays))
	days, err := givingDays(s.DB.WithContext(ctx), from, until, past, name)
	if err != nil {
		return err
	}
	for i, d := range days {
		why := d.unusual(typical(append(slices.Clone(days[:i]), days[i+1:]...)))
		if why == "" {
			continue
		}
		if err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.tellOfTx(tx, d, name, why) }); err != nil {
			return err
		}
	}
	return nil
}

// typical is what one in the middle gave; 0 of nobody.
func typical(days []givingDay) int64 {
	if len(days) == 0 {
		return 0
	}
	slices.SortFunc(days, func(a, b givingDay) int { return cmp.Compare(a.Given, b.Given) })
	return days[len(days)/2].Given
}

func (s *Service) tellOfTx(tx *gorm.DB, d givingDay, day, why string) error {
	if s.Watchers == nil {
		return nil
	}
	key := fmt.Sprintf("%s:%d:%s", TaskUnusualGiving, d.StaffID, day)
	told, err := toldOf(tx, key)
	if err != nil || told {
		return err
	}
	holders, err := s.Watchers.HoldersTx(tx, "coupon.read", "task.write")
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%s 在 %s 发放优惠券 %d 张，远多于平时，请核查", d.Name, day, d.Given)
	if why == GaveSameFew {
		title = fmt.Sprintf("%s 在 %s 发放优惠券 %d 张，集中给 %d 位客户，请核查", d.Name, day, d.Given, d.Customers)
	}
	for _, id := range holders {
		if id == d.StaffID {
			continue // nobody looks into themself
		}
		err := s.Watchers.AddTaskTx(tx, staff.TaskInput{StaffID: id, Kind: TaskUnusualGiving, DedupeKey: fmt.Sprintf("%s:%d", key, id), Title: title})
		if err != nil {
			return err
		}
	}
	model.AfterCommit(tx, func() { s.unusual.WithLabelValues(why).Inc() })
	return nil
}

func newUnusualCount(r prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "zhiyin_coupon_unusual_givers_total", Help: "Days on which a staff member gave unusually many coupons, by why that was unusual.",
	}, []string{"why"})
	if r != nil {
		r.MustRegister(c)
	}
	return c
}
