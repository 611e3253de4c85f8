package channel

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// period is a stretch of time for which the platform grants a number of mass messages to a customer.
type period struct {
	name        string
	limit       int
	from, until time.Time // until exclusive
}

// The rules by which an admin lets customers receive mass messages. Names are data.
const (
	RuleMonth = "month" // as many as the month has days
	RuleWeek  = "week"  // seven
	RuleDay   = "day"   // one
)

// periodAt is the period of a rule at a moment; the platform's days, weeks and months are those of UTC+8, weeks begin on Monday.
func periodAt(rule string, at time.Time) period {
	local := at.In(shanghai)
	y, m, d := local.Date()
	switch rule {
	case RuleDay:
		from := time.Date(y, m, d, 0, 0, 0, 0, shanghai)
		return period{local.Format(time.DateOnly), 1, from, from.AddDate(0, 0, 1)}
	case RuleWeek:
		from := time.Date(y, m, d-(int(local.Weekday())+6)%7, 0, 0, 0, 0, shanghai)
		year, week := local.ISOWeek()
		return period{fmt.Sprintf("%d-W%02d", year, week), 7, from, from.AddDate(0, 0, 7)}
	}
	from := time.Date(y, m, 1, 0, 0, 0, 0, shanghai)
	until := from.AddDate(0, 1, 0)
	return period{local.Format("2006-01"), int(until.Sub(from).Hours() / 24), from, until}
}

// quotaUse is one mass message that reached, or for want of quota did not reach, a recipient.
type quotaUse struct {
	delivery int64
	at       time.Time
	spent    bool
}

// useQuotaTx counts results in the periods they belong to.
func (s *Service) useQuotaTx(tx *gorm.DB, accountID int64, use []quotaUse) error {
	if len(use) == 0 {
		return nil
	}
	ids := make([]int64, len(use))
	for i, u := range use {
		ids[i] = u.delivery
	}
	who, err := recipientsOf(tx, ids)
	if err != nil {
		return err
	}
	rules, err := s.massRules(tx, accountID)
	if err != nil {
		return err
	}
	now := s.now()
	type key struct {
		customer, group int64
		period          string
	}
	add := map[key]*model.MassQuota{}
	for _, u := range use {
		w, ok := who[u.delivery]
		if !ok {
			continue
		}
		p := periodAt(rules.Rule, u.at)
		k := key{w.CustomerID, w.GroupID, p.name}
		row := add[k]
		if row == nil {
			row = &model.MassQuota{AccountID: accountID, CustomerID: w.CustomerID, GroupID: w.GroupID, Period: p.name, UpdatedAt: now}
			add[k] = row
		}
		if u.spent {
			row.Spent = true
		} else {
			row.Used++
		}
	}
	rows := make([]*model.MassQuota, 0, len(add))
	for _, row := range add {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, compareQuota) // one order, so that no two wait for each other
	return addQuota(tx, rows)
}

// Forecast says how much of the present period's mass messages customers have left.
type Forecast struct {
	Rule      string
	Period    string
	Limit     int
	Until     time.Time
	Used      int64 // messages in the period, all customers together
	Customers int64 // that were reached in the period
	Spent     int64 // that can't be reached any more in the period
}

// MassForecast is the state of an account's quota.
func (s *Service) MassForecast(ctx context.Context, accountID int64) (*Forecast, error) {
	rules, err := s.massRules(s.DB.WithContext(ctx), accountID)
	if err != nil {
		return nil, err
	}
	p := periodAt(rules.Rule, s.now())
	f := &Forecast{Rule: rules.Rule, Period: p.name, Limit: p.limit, Until: p.until.UTC()}
	return f, sumQuota(s.DB.WithContext(ctx), accountID, p, f)
}
