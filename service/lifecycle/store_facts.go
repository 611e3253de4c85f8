package lifecycle

import (
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// orderFact is a paid order as this package sees it.
type orderFact struct {
	CustomerID  int64
	PaidAt      time.Time
	PaidFen     int64
	RefundedFen int64
}

func ordersOf(tx *gorm.DB, ids []int64) ([]orderFact, error) {
	var rows []orderFact
	err := tx.Model(&model.CustomerOrder{}).Select("customer_id, paid_at, paid_fen, refunded_fen").
		Where("customer_id IN ? AND paid_at IS NOT NULL AND status <> 'cancelled'", ids).Order("customer_id, paid_at, id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find orders: %w", err)
	}
	return rows, nil
}

type eventFact struct {
	CustomerID int64
	Kind       string
	Day        int
	Times      int64
}

// eventsOf sums up over items what happened since a day (yyyymmdd).
func eventsOf(tx *gorm.DB, ids []int64, since int) ([]eventFact, error) {
	var rows []eventFact
	err := tx.Model(&model.EventDay{}).Select("customer_id, kind, day, SUM(times) AS times").
		Where("customer_id IN ? AND day >= ?", ids, since).Group("customer_id, kind, day").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find events: %w", err)
	}
	return rows, nil
}

type relationFact struct {
	CustomerID int64
	Status     string
	AddedAt    time.Time
}

func relationsOf(tx *gorm.DB, ids []int64) ([]relationFact, error) {
	var rows []relationFact
	if err := tx.Model(&model.Relation{}).Select("customer_id, status, added_at").Where("customer_id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("find relations: %w", err)
	}
	return rows, nil
}

type groupFact struct {
	CustomerID int64
	Groups     int
}

func groupsOf(tx *gorm.DB, ids []int64) ([]groupFact, error) {
	var rows []groupFact
	err := tx.Model(&model.GroupMember{}).Select("customer_id, COUNT(DISTINCT group_id) AS `groups`").
		Where("customer_id IN ? AND left_at IS NULL", ids).Group("customer_id").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("find groups: %w", err)
	}
	return rows, nil
}

// load reads what is known of customers, in their order.
func (f *frame) load(tx *gorm.DB, profiles []profile, before map[int64]*model.CustomerLifecycle) ([]*person, error) {
	if len(profiles) == 0 {
		return nil, nil
	}
	people := make([]*person, len(profiles))
	byID := make(map[int64]*person, len(profiles))
	ids := make([]int64, len(profiles))
	for i, c := range profiles {
		people[i] = &person{id: c.ID, today: f.today, met: dayOf(c.FirstSeenAt, f.zone), before: before[c.ID], alive: -1, expected: -1}
		byID[c.ID], ids[i] = people[i], c.ID
	}
	orders, err := ordersOf(tx, ids)
	if err != nil {
		return nil, err
	}
	for _, o := range orders {
		byID[o.CustomerID].order(o, f.zone)
	}
	events, err := eventsOf(tx, ids, calendar(f.today-knownDays))
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		p := byID[e.CustomerID]
		p.events = append(p.events, counted{e.Kind, number(e.Day), e.Times})
	}
	return people, f.loadRelations(tx, byID, ids)
}

func (f *frame) loadRelations(tx *gorm.DB, byID map[int64]*person, ids []int64) error {
	relations, err := relationsOf(tx, ids)
	if err != nil {
		return err
	}
	for _, r := range relations {
		p := byID[r.CustomerID]
		p.followed = max(p.followed, dayOf(r.AddedAt, f.zone))
		switch r.Status {
		case "active", "half":
			p.follows++
		case "left":
			p.lost++
		}
	}
	groups, err := groupsOf(tx, ids)
	if err != nil {
		return err
	}
	for _, g := range groups {
		byID[g.CustomerID].groups = g.Groups
	}
	return nil
}

// order adds the next order. One that was given back whole is no purchase, but says something about risk.
func (p *person) order(o orderFact, zone *time.Location) {
	bought := purchase{dayOf(o.PaidAt, zone), o.PaidAt, o.PaidFen, o.RefundedFen}
	if o.RefundedFen > 0 {
		p.refunds = append(p.refunds, bought)
	}
	if !bought.whole() {
		p.orders = append(p.orders, bought)
	}
}
