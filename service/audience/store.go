package audience

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/service/event"
)

// scope says whose rows are read: those of the ids in a range, or listed. Ids come from our own rows and are numbers,
// so they may stand in the text.
type scope struct {
	from, to int64 // inclusive
	ids      []int64
}

func (s scope) of(column string) string {
	if s.ids == nil {
		return fmt.Sprintf("%s BETWEEN %d AND %d", column, s.from, s.to)
	}
	var b strings.Builder
	b.WriteString(column)
	b.WriteString(" IN (")
	for i, id := range s.ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(id, 10))
	}
	b.WriteByte(')')
	return b.String()
}

// owned are rows with the customers whose they are, ascending.
type owned[T any] struct {
	who  []int64
	what []T
}

func (o *owned[T]) add(who int64, what T) {
	o.who, o.what = append(o.who, who), append(o.what, what)
}

// of gives one customer's.
func (o *owned[T]) of(who int64) []T {
	from, _ := slices.BinarySearch(o.who, who)
	to := from
	for to < len(o.who) && o.who[to] == who {
		to++
	}
	return o.what[from:to]
}

// reading is what the tables say of some customers.
type reading struct {
	persons []personRead // those who stand for themselves
	trades  owned[tradeRead]
	cycles  owned[cycleRead]
	club    clubRead

	ids       map[string]*owned[int64]
	texts     map[string]*owned[string]
	relations owned[relationRead]
	stays     owned[stayRow]
	orders    owned[orderRead]
	lines     owned[lineRead]
	days      owned[dayRead]
}

type (
	personRead struct {
		id, gender, birth, firstSeen int64
		minor                        bool
		city, source                 string
	}
	tradeRead struct{ orders, paid, refunded, first, last int64 }
	cycleRead struct {
		stage, grade, risk                                                     string
		since, recency, frequency, monetary, score, riskScore, alive, expected int64
	}
	relationRead struct {
		staff, code, added, lost, way int64
		status                        relationStatus
	}
	orderRead struct{ paidAt, paid, refunded int64 }
	lineRead  struct{ paidAt, product, category int64 }
	dayRead   struct {
		kind, item string
		day, times int64
	}
)

// newReading is that of nobody.
func newReading() *reading {
	r := &reading{ids: map[string]*owned[int64]{}, texts: map[string]*owned[string]{"identity": {}}}
	for _, name := range idFields {
		r.ids[name] = &owned[int64]{}
	}
	return r
}

// read asks every table once.
func read(ctx context.Context, db *gorm.DB, s scope) (*reading, error) {
	r := newReading()
	for _, f := range []func(context.Context, *gorm.DB, scope) error{
		r.readPeople, r.readTags, r.readIdentities, r.readRelations, r.readStays, r.readSegments, r.readTrades, r.readOrders, r.readLines, r.readDays, r.readCycles,
		r.readCoupons, r.readPoints, r.readTiers,
	} {
		if err := f(ctx, db, s); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// each runs a query and calls f for every row; f scans it.
func each(ctx context.Context, db *gorm.DB, query string, f func(rows *sql.Rows) error) error {
	pool, err := db.DB()
	if err != nil {
		return err
	}
	rows, err := pool.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("read for the index: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return fmt.Errorf("read for the index: %w", err)
		}
	}
	return rows.Err()
}

func (r *reading) readPeople(ctx context.Context, db *gorm.DB, s scope) error {
	q := "SELECT id, gender, city, first_source, first_seen_at, birth_md, minor FROM customer WHERE merged_into = 0 AND " + s.of("id") + " ORDER BY id"
	return each(ctx, db, q, func(rows *sql.Rows) error {
		var p personRead
		var seen time.Time
		err := rows.Scan(&p.id, &p.gender, &p.city, &p.source, &seen, &p.birth, &p.minor)
		p.firstSeen = seen.UnixMilli()
		r.persons = append(r.persons, p)
		return err
	})
}

func (r *reading) readTags(ctx context.Context, db *gorm.DB, s scope) error {
	return readIDs(ctx, db, "SELECT customer_id, tag_id FROM customer_tag WHERE "+s.of("customer_id")+" ORDER BY customer_id", r.ids["tag"])
}

func (r *reading) readSegments(ctx context.Context, db *gorm.DB, s scope) error {
	return readIDs(ctx, db, "SELECT customer_id, segment_id FROM segment_member WHERE left_at IS NULL AND "+s.of("customer_id")+" ORDER BY customer_id", r.ids["segment"])
}

func readIDs(ctx context.Context, db *gorm.DB, query string, into *owned[int64]) error {
	var who, what int64
	return each(ctx, db, query, func(rows *sql.Rows) error {
		err := rows.Scan(&who, &what)
		into.add(who, what)
		return err
	})
}

func (r *reading) readIdentities(ctx context.Context, db *gorm.DB, s scope) error {
	var who int64
	var kind string
	return each(ctx, db, "SELECT customer_id, kind FROM identity WHERE "+s.of("customer_id")+" ORDER BY customer_id", func(rows *sql.Rows) error {
		err := rows.Scan(&who, &kind)
		r.texts["identity"].add(who, kind)
		return err
	})
}

func (r *reading) readRelations(ctx context.Context, db *gorm.DB, s scope) error {
	q := "SELECT customer_id, staff_id, channel_code_id, add_way, status, added_at, lost_at FROM relation WHERE " + s.of("customer_id") + " ORDER BY customer_id, id"
	return each(ctx, db, q, func(rows *sql.Rows) error {
		var who int64
		var row relationRead
		var status string
		var added time.Time
		var lost sql.NullTime
		err := rows.Scan(&who, &row.staff, &row.code, &row.way, &status, &added, &lost)
		row.added, row.lost = added.UnixMilli(), moment(lost)
		row.status = relationStatus(max(0, slices.Index(relationStatuses, status)))
		r.relations.add(who, row)
		r.ids["channel_code"].add(who, row.code)
		if status == "active" {
			r.ids["staff"].add(who, row.staff)
		}
		return err
	})
}

func (r *reading) readStays(ctx context.Context, db *gorm.DB, s scope) error {
	q := "SELECT customer_id, group_id, joined_at, left_at FROM group_member WHERE " + s.of("customer_id") + " ORDER BY customer_id, id"
	return each(ctx, db, q, func(rows *sql.Rows) error {
		var who int64
		var row stayRow
		var joined time.Time
		var left sql.NullTime
		err := rows.Scan(&who, &row.group, &joined, &left)
		row.joined, row.left = joined.UnixMilli(), moment(left)
		r.stays.add(who, row)
		if row.left == null {
			r.ids["group"].add(who, row.group)
		}
		return err
	})
}

func (r *reading) readTrades(ctx context.Context, db *gorm.DB, s scope) error {
	q := "SELECT customer_id, orders, paid_fen, refunded_fen, first_paid_at, last_paid_at FROM customer_trade WHERE " + s.of("customer_id") + " ORDER BY customer_id"
	return each(ctx, db, q, func(rows *sql.Rows) error {
		var who int64
		var t tradeRead
		var first, last sql.NullTime
		err := rows.Scan(&who, &t.orders, &t.paid, &t.refunded, &first, &last)
		t.first, t.last = moment(first), moment(last)
		r.trades.add(who, t)
		return err
	})
}

// counted says which orders count, as the rules' own statements do.
const counted = "o.paid_at IS NOT NULL AND o.status <> 'cancelled'"

func (r *reading) readOrders(ctx context.Context, db *gorm.DB, s scope) error {
	q := "SELECT o.customer_id, o.paid_at, o.paid_fen, o.refunded_fen FROM customer_order o WHERE " + counted + " AND " + s.of("o.customer_id") + " ORDER BY o.customer_id, o.id"
	return each(ctx, db, q, func(rows *sql.Rows) error {
		var who int64
		var o orderRead
		var paid time.Time
		err := rows.Scan(&who, &paid, &o.paid, &o.refunded)
		o.paidAt = paid.UnixMilli()
		r.orders.add(who, o)
		return err
	})
}

func (r *reading) readLines(ctx context.Context, db *gorm.DB, s scope) error {
	q := "SELECT l.customer_id, l.product_id, l.category_id, l.paid_at FROM order_line l JOIN customer_order o ON o.id = l.order_id WHERE l.paid_at IS NOT NULL AND " +
		counted + " AND " + s.of("l.customer_id") + " ORDER BY l.customer_id, l.id"
	return each(ctx, db, q, func(rows *sql.Rows) error {
		var who int64
		var l lineRead
		var paid time.Time
		err := rows.Scan(&who, &l.product, &l.category, &paid)
		l.paidAt = paid.UnixMilli()
		r.lines.add(who, l)
		return err
	})
}

func (r *reading) readDays(ctx context.Context, db *gorm.DB, s scope) error {
	q := "SELECT customer_id, kind, item, day, times FROM event_day WHERE " + s.of("customer_id") + " ORDER BY customer_id, kind, item, day"
	return each(ctx, db, q, func(rows *sql.Rows) error {
		var who int64
		var d dayRead
		err := rows.Scan(&who, &d.kind, &d.item, &d.day, &d.times)
		r.days.add(who, d)
		return err
	})
}

func (r *reading) readCycles(ctx context.Context, db *gorm.DB, s scope) error {
	q := "SELECT customer_id, stage, value_grade, risk_grade, stage_since, recency, frequency, monetary, value_score, risk_score, alive_bp, expected_fen FROM customer_lifecycle WHERE " +
		s.of("customer_id") + " ORDER BY customer_id"
	return each(ctx, db, q, func(rows *sql.Rows) error {
		var who int64
		var c cycleRead
		var since time.Time
		err := rows.Scan(&who, &c.stage, &c.grade, &c.risk, &since, &c.recency, &c.frequency, &c.monetary, &c.score, &c.riskScore, &c.alive, &c.expected)
		c.since = since.UnixMilli()
		r.cycles.add(who, c)
		return err
	})
}

func moment(t sql.NullTime) int64 {
	if !t.Valid {
		return null
	}
	return t.Time.UnixMilli()
}

// nextIDs gives the largest of the next n customer ids after one; 0 when there are none.
func nextIDs(ctx context.Context, db *gorm.DB, after int64, n int) (last int64, err error) {
	err = db.WithContext(ctx).Raw("SELECT COALESCE(MAX(id), 0) FROM (SELECT id FROM customer WHERE id > ? ORDER BY id LIMIT ?) t", after, n).Scan(&last).Error
	return last, err
}

func countCustomers(ctx context.Context, db *gorm.DB) (n int, err error) {
	return n, db.WithContext(ctx).Raw("SELECT COUNT(*) FROM customer").Scan(&n).Error
}

func lastEvent(ctx context.Context, db *gorm.DB) (id int64, err error) {
	return id, db.WithContext(ctx).Raw("SELECT COALESCE(MAX(id), 0) FROM event").Scan(&id).Error
}

// Only facts about two persons name one in their payload that matters here.
const selectTold = "SELECT id, customer_id, CASE WHEN kind IN ('" + event.KindCustomerMerged + "', '" + event.KindCustomerSplit + "') THEN payload ELSE '' END AS payload FROM event WHERE "

func eventsAfter(ctx context.Context, db *gorm.DB, id int64, limit int) (events []told, err error) {
	err = db.WithContext(ctx).Raw(selectTold+"id > ? ORDER BY id LIMIT ?", id, limit).Scan(&events).Error
	return events, err
}

func eventsIn(ctx context.Context, db *gorm.DB, gaps []gap, limit int) (events []told, err error) {
	parts := make([]string, len(gaps))
	for i, g := range gaps {
		parts[i] = fmt.Sprintf("id BETWEEN %d AND %d", g.from, g.to)
	}
	err = db.WithContext(ctx).Raw(selectTold+"("+strings.Join(parts, " OR ")+") ORDER BY id LIMIT ?", limit).Scan(&events).Error
	return events, err
}

func staffIn(ctx context.Context, db *gorm.DB, departments []int64) (ids []int64, err error) {
	err = db.WithContext(ctx).Raw("SELECT DISTINCT staff_id FROM staff_department WHERE department_id IN ?", departments).Scan(&ids).Error
	return ids, err
}
