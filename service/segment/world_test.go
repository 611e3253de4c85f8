package segment

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

var shanghai = time.FixedZone("UTC+8", 8*3600)

// noon is 20:00 in the zone of the business, on a Sunday.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a small random house: its rows are in the database and here.
type world struct {
	now        time.Time
	rnd        *rand.Rand
	customers  []*model.Customer
	identities []*model.Identity
	customs    []*model.CustomField
	values     []*model.CustomValue
	tags       []*model.CustomerTag
	relations  []*model.Relation
	staff      []*model.StaffDepartment
	groups     []*model.GroupMember
	orders     []*model.CustomerOrder
	lines      []*model.OrderLine
	trades     []*model.CustomerTrade
	events     []*model.Event
	days       []*model.EventDay
	lifecycles []*model.CustomerLifecycle
	members    []*model.SegmentMember
	deliveries []*model.Delivery
	offers
	parents map[model.Kind]map[int64]int64
}

var (
	cities = []string{"", "上海", "北京", "Suzhou", "New York", "100%", "a_b", "o'neil"}
	words  = []string{"", "red", "green", "blue", "re"}
	kinds  = []string{"page_view", "product_view", "cart"}
	stages = []string{"new", "active", "lost"}
	grades = []string{"A", "B"}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// past is a time within the last two years, often close to now or to a midnight.
func (w *world) past() time.Time {
	switch w.rnd.IntN(4) {
	case 0:
		return w.now.Add(-time.Duration(w.rnd.IntN(72*3600)) * time.Second)
	case 1:
		y, m, d := w.now.In(shanghai).Date()
		return time.Date(y, m, d-w.rnd.IntN(40), 0, 0, 0, 0, shanghai).UTC().Add(time.Duration(w.rnd.IntN(3)-1) * time.Millisecond)
	case 2:
		return w.now.Add(-time.Duration(w.rnd.IntN(40*24)) * time.Hour)
	}
	return w.now.Add(-time.Duration(w.rnd.IntN(730*24*60)) * time.Minute)
}

// future is within the next two months, often close to now or to a midnight; sometimes it is over.
func (w *world) future() time.Time {
	switch w.rnd.IntN(4) {
	case 0:
		return w.now.Add(time.Duration(w.rnd.IntN(96*3600)-24*3600) * time.Second)
	case 1:
		y, m, d := w.now.In(shanghai).Date()
		return time.Date(y, m, d+w.rnd.IntN(40), 0, 0, 0, 0, shanghai).UTC().Add(time.Duration(w.rnd.IntN(3)-1) * time.Millisecond)
	}
	return w.now.Add(time.Duration(w.rnd.IntN(60*24)) * time.Hour)
}

func (w *world) chance(percent int) bool { return w.rnd.IntN(100) < percent }

func newWorld(t testing.TB, db *gorm.DB, seed uint64, customers int, now time.Time) *world {
	t.Helper()
	w := &world{now: now, rnd: rand.New(rand.NewPCG(seed, 7))}
	w.parents = map[model.Kind]map[int64]int64{
		model.KindDepartment:      {1: 0, 2: 1, 3: 2, 4: 1},
		model.KindProductCategory: {1: 0, 2: 1, 3: 2, 4: 0},
	}
	for id := int64(1); id <= 4; id++ {
		modeltest.Create(t, db,
			&model.Department{ID: id, AccountID: 1, PlatformID: id * 10, ParentPlatformID: w.parents[model.KindDepartment][id] * 10, Name: "d"},
			&model.ProductCategory{ID: id, Number: fmt.Sprint(id), ParentID: w.parents[model.KindProductCategory][id], Name: "c"})
		w.staff = append(w.staff, &model.StaffDepartment{StaffID: id, DepartmentID: id})
	}
	for i, channel := range []string{"red", "blue"} {
		modeltest.Create(t, db, &model.DeliveryLane{ID: int64(i + 1), Alike: channel, Channel: channel, CreatedAt: now})
	}
	for i, kind := range []string{"text", "number", "date", "choice", "choices"} {
		w.customs = append(w.customs, &model.CustomField{ID: int64(i + 1), Name: kind, Title: kind, Kind: kind, Choices: `["red","green","blue"]`})
	}
	for id := int64(1); id <= int64(customers); id++ {
		w.customer(id)
	}
	for _, rows := range append(w.offers.rows(), w.customers, w.identities, w.customs, w.values, w.tags, w.relations, w.staff, w.groups, w.orders, w.lines, w.trades,
		w.events, w.days, w.lifecycles, w.members, w.deliveries) {
		if err := db.CreateInBatches(rows, 300).Error; err != nil {
			t.Fatalf("%T: %v", rows, err)
		}
	}
	return w
}

func (w *world) customer(id int64) {
	c := &model.Customer{ID: id, Name: pick(w.rnd, cities), Gender: w.rnd.IntN(3), City: pick(w.rnd, cities), CorpName: pick(w.rnd, cities),
		FirstSource: pick(w.rnd, words), FirstSeenAt: w.past(), Minor: w.chance(5)}
	if w.chance(5) && id > 1 {
		c.MergedInto = 1
	}
	if w.chance(70) {
		day := w.now.In(shanghai).AddDate(0, 0, w.rnd.IntN(40)-20)
		c.BirthMD = int(day.Month())*100 + day.Day()
	}
	if w.chance(10) {
		c.BirthMD = 229
	}
	w.customers = append(w.customers, c)
	for _, kind := range []string{"phone", "openid"} {
		if w.chance(40) {
			w.identities = append(w.identities, &model.Identity{CustomerID: id, Kind: kind, Value: fmt.Sprint(id)})
		}
	}
	w.answers(id)
	for tag := int64(1); tag <= 4; tag++ {
		if w.chance(30) {
			w.tags = append(w.tags, &model.CustomerTag{CustomerID: id, TagID: tag, Source: "console", CreatedAt: w.now})
		}
		if w.chance(25) {
			w.groups = append(w.groups, &model.GroupMember{GroupID: tag, UserID: fmt.Sprint(id), Kind: "external", CustomerID: id, JoinedAt: w.past(), LeftAt: w.maybe()})
		}
		if w.chance(30) {
			w.relations = append(w.relations, &model.Relation{AccountID: 1, StaffID: tag, CustomerID: id, ExternalUserID: fmt.Sprint(id), AddWay: w.rnd.IntN(3),
				ChannelCodeID: int64(w.rnd.IntN(3)), Status: pick(w.rnd, []string{"active", "half", "left", "removed"}), AddedAt: w.past(), LostAt: w.maybe()})
		}
		if w.chance(25) {
			w.members = append(w.members, &model.SegmentMember{SegmentID: tag, CustomerID: id, Stay: 1, EnteredAt: w.past(), LeftAt: w.maybe()})
		}
	}
	if w.chance(60) {
		w.lifecycles = append(w.lifecycles, &model.CustomerLifecycle{CustomerID: id, Stage: pick(w.rnd, stages), StageSince: w.past(), Recency: w.rnd.IntN(6),
			Frequency: w.rnd.IntN(6), Monetary: w.rnd.IntN(6), ValueScore: int64(w.rnd.IntN(5)), ValueGrade: pick(w.rnd, grades),
			RiskScore: w.rnd.IntN(5), RiskGrade: pick(w.rnd, riskGrades).Value,
			AliveBP: int64(w.rnd.IntN(6) - 1), ExpectedFen: model.Fen(w.rnd.IntN(6) - 1), ComputedAt: w.now})
	}
	w.hear(id)
	w.buy(id)
	w.act(id)
	w.win(id)
}

// hear sends messages by lane 1 or 2, of the channels red and blue, to be read and clicked or not.
func (w *world) hear(id int64) {
	for n := range w.rnd.IntN(5) {
		d := &model.Delivery{Source: pick(w.rnd, []string{"campaign", "journey"}), SourceID: int64(1 + w.rnd.IntN(3)), Step: pick(w.rnd, words), CustomerID: id,
			Occurrence: fmt.Sprint(n), LaneID: int64(1 + w.rnd.IntN(2)), Shelf: 2, State: int8(pick(w.rnd, []int{1, 10, 13, 14, 15, 20})), DueAt: w.past(), CreatedAt: w.now, UpdatedAt: w.now}
		if d.State > 1 {
			at := w.past()
			d.AcceptedAt = &at
		}
		if d.State == 13 || d.State == 14 {
			d.ReadAt = w.maybe()
		}
		if d.State == 14 {
			d.ClickedAt = w.maybe()
		}
		if d.State == 15 {
			d.ConvertedAt = w.maybe()
		}
		w.deliveries = append(w.deliveries, d)
	}
}

func (w *world) maybe() *time.Time {
	if w.chance(60) {
		return nil
	}
	t := w.past()
	return &t
}

func (w *world) answers(id int64) {
	add := func(field, ordinal int, value string, number *int64) {
		w.values = append(w.values, &model.CustomValue{CustomerID: id, FieldID: int64(field), Ordinal: ordinal, Value: value, Number: number, Source: "console"})
	}
	if w.chance(60) {
		add(1, 0, pick(w.rnd, cities[1:]), nil)
	}
	if w.chance(60) {
		n := int64(w.rnd.IntN(5)-1) * 5000
		add(2, 0, fmt.Sprint(n), &n)
	}
	if w.chance(60) {
		day := w.now.In(shanghai).AddDate(0, 0, w.rnd.IntN(80)-40)
		n := int64(dayNumber(day))
		add(3, 0, day.Format(time.DateOnly), &n)
	}
	if w.chance(60) {
		add(4, 0, pick(w.rnd, words[1:4]), nil)
	}
	for i, c := range words[1:4] {
		if w.chance(40) {
			add(5, i, c, nil)
		}
	}
}

func (w *world) buy(id int64) {
	trade := &model.CustomerTrade{CustomerID: id}
	for range w.rnd.IntN(4) {
		at := w.past()
		o := &model.CustomerOrder{ID: int64(len(w.orders) + 1), Number: fmt.Sprint(len(w.orders)), Shop: pick(w.rnd, words), CustomerID: id, Status: "paid", PlacedAt: at, PaidAt: &at}
		switch w.rnd.IntN(6) {
		case 0:
			o.Status = "cancelled"
		case 1:
			o.Status, o.PaidAt = "placed", nil
		}
		for n := range 1 + w.rnd.IntN(2) {
			l := &model.OrderLine{OrderID: o.ID, Line: n + 1, CustomerID: id, ProductID: int64(1 + w.rnd.IntN(4)), CategoryID: int64(w.rnd.IntN(5)),
				Name: "x", Quantity: int64(1 + w.rnd.IntN(3)), PaidFen: model.Fen(100 * w.rnd.IntN(4)), PaidAt: o.PaidAt}
			if w.chance(20) {
				l.RefundedFen = l.PaidFen / 2
			}
			w.lines = append(w.lines, l)
			o.PaidFen += l.PaidFen
			o.RefundedFen += l.RefundedFen
		}
		w.orders = append(w.orders, o)
		if o.Status != "paid" {
			continue
		}
		trade.Orders++
		trade.PaidFen += o.PaidFen
		trade.RefundedFen += o.RefundedFen
		if trade.FirstPaidAt == nil || at.Before(*trade.FirstPaidAt) {
			trade.FirstPaidAt = &at
		}
		if trade.LastPaidAt == nil || at.After(*trade.LastPaidAt) {
			trade.LastPaidAt = &at
		}
	}
	if trade.Orders > 0 {
		w.trades = append(w.trades, trade)
	}
}

func (w *world) act(id int64) {
	for range w.rnd.IntN(6) {
		e := &model.Event{ID: int64(len(w.events) + 1), Kind: pick(w.rnd, kinds), CustomerID: id, Item: pick(w.rnd, words), OccurredAt: w.past(), RecordedAt: w.now,
			DedupeKey: []byte(fmt.Sprint(len(w.events))), Payload: pick(w.rnd, []string{`{}`, `{"color":"red","price":12.5}`, `{"color":"blue","price":3}`, `{"color":7,"price":"x"}`, `{"color":null}`})}
		w.events = append(w.events, e)
		w.count(e)
	}
}

// count keeps the daily counts.
func (w *world) count(e *model.Event) {
	day := dayNumber(e.OccurredAt.In(shanghai))
	for _, d := range w.days {
		if d.CustomerID == e.CustomerID && d.Kind == e.Kind && d.Item == e.Item && d.Day == day {
			d.Times++
			if e.OccurredAt.Before(d.FirstAt) {
				d.FirstAt = e.OccurredAt
			}
			if e.OccurredAt.After(d.LastAt) {
				d.LastAt = e.OccurredAt
			}
			return
		}
	}
	w.days = append(w.days, &model.EventDay{CustomerID: e.CustomerID, Kind: e.Kind, Item: e.Item, Day: day, Times: 1, FirstAt: e.OccurredAt, LastAt: e.OccurredAt})
}
