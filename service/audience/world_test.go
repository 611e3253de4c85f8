package audience

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/segment"
	"zhiyin/service/work"
)

var shanghai = time.FixedZone("UTC+8", 8*3600)

// house is a random one whose customers change.
type house struct {
	t    *testing.T
	db   *gorm.DB
	rnd  *rand.Rand
	now  time.Time
	log  *event.Log
	last int64 // the largest customer id
	said int
}

var (
	towns  = []string{"", "上海", "北京", "Suzhou", "suzhou", "New York", "100%", "a_b"}
	roots  = []string{"", "门店", "poster", "Poster 2"}
	deeds  = []string{"page.view", "cart.add", "share"}
	stages = []string{"new", "active", "lost"}
)

func newHouse(t *testing.T, customers int) *house {
	h := &house{t: t, db: modeltest.DB(t), rnd: rand.New(rand.NewPCG(11, 5)), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	h.log = event.New(work.New(h.db, h.clock), h.clock)
	for id := int64(1); id <= 4; id++ {
		modeltest.Create(t, h.db,
			&model.Department{AccountID: 1, ID: id, PlatformID: id * 10, ParentPlatformID: id / 2 * 10, Name: "d"},
			&model.ProductCategory{ID: id, Number: fmt.Sprint(id), ParentID: id / 2, Name: "c"},
			&model.StaffDepartment{StaffID: id, DepartmentID: id})
	}
	for range customers {
		h.come()
	}
	return h
}

func (h *house) clock() time.Time { return h.now }

func (h *house) chance(percent int) bool { return h.rnd.IntN(100) < percent }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// past is within the last two years, often close to now or to a midnight of the business.
func (h *house) past() time.Time {
	switch h.rnd.IntN(3) {
	case 0:
		return h.now.Add(-time.Duration(h.rnd.IntN(72*3600_000)) * time.Millisecond)
	case 1:
		y, m, d := h.now.In(shanghai).Date()
		return time.Date(y, m, d-h.rnd.IntN(40), 0, 0, 0, 0, shanghai).UTC().Add(time.Duration(h.rnd.IntN(3)-1) * time.Millisecond)
	}
	return h.now.Add(-time.Duration(h.rnd.IntN(730*24*60)) * time.Minute)
}

func (h *house) maybe() *time.Time {
	if h.chance(60) {
		return nil
	}
	t := h.past()
	return &t
}

// come makes a new customer.
func (h *house) come() int64 {
	h.last++
	h.create(h.customer(h.last))
	h.live(h.last)
	return h.last
}

func (h *house) customer(id int64) *model.Customer {
	c := &model.Customer{ID: id, Name: "x", Gender: h.rnd.IntN(3), City: pick(h.rnd, towns), FirstSource: pick(h.rnd, roots), FirstSeenAt: h.past(), Minor: h.chance(5)}
	if h.chance(5) && id > 5 {
		c.MergedInto = 1
	}
	if h.chance(70) {
		day := h.now.In(shanghai).AddDate(0, 0, h.rnd.IntN(40)-20)
		c.BirthMD = int(day.Month())*100 + day.Day()
	}
	if h.chance(5) {
		c.BirthMD = 229
	}
	return c
}

func (h *house) create(rows ...any) { h.t.Helper(); modeltest.Create(h.t, h.db, rows...) }

// live gives a customer a new life in every table.
func (h *house) live(id int64) {
	for _, row := range []any{&model.Identity{}, &model.CustomerTag{}, &model.Relation{}, &model.GroupMember{}, &model.CustomerTrade{}, &model.OrderLine{},
		&model.CustomerOrder{}, &model.EventDay{}, &model.CustomerLifecycle{}, &model.SegmentMember{}, &model.Coupon{}, &model.PointsAccount{}, &model.CustomerTier{}} {
		if err := h.db.Where("customer_id = ?", id).Delete(row).Error; err != nil {
			h.t.Fatal(err)
		}
	}
	for n := int64(1); n <= 4; n++ {
		if h.chance(35) {
			h.create(&model.CustomerTag{CustomerID: id, TagID: n, Source: "console", CreatedAt: h.now})
		}
		if h.chance(25) {
			h.create(&model.GroupMember{GroupID: n, UserID: fmt.Sprint(id), Kind: "external", CustomerID: id, JoinedAt: h.past(), LeftAt: h.maybe()})
		}
		if h.chance(30) {
			h.create(&model.Relation{AccountID: 1, StaffID: n, CustomerID: id, ExternalUserID: fmt.Sprint(id), AddWay: h.rnd.IntN(3), ChannelCodeID: int64(h.rnd.IntN(3)),
				Status: pick(h.rnd, relationStatuses[1:]), AddedAt: h.past(), LostAt: h.maybe()})
		}
		if h.chance(25) {
			h.create(&model.SegmentMember{SegmentID: n, CustomerID: id, Stay: 1, EnteredAt: h.past(), LeftAt: h.maybe()})
		}
	}
	if h.chance(50) {
		h.create(&model.Identity{CustomerID: id, Kind: pick(h.rnd, []string{"phone", "openid"}), Value: fmt.Sprint(id)})
	}
	if h.chance(60) {
		h.create(&model.CustomerLifecycle{CustomerID: id, Stage: pick(h.rnd, stages), StageSince: h.past(), Recency: h.rnd.IntN(6), Frequency: h.rnd.IntN(6), Monetary: h.rnd.IntN(6),
			ValueScore: int64(h.rnd.IntN(5)), ValueGrade: pick(h.rnd, []string{"A", "B"}), RiskScore: h.rnd.IntN(5), RiskGrade: pick(h.rnd, []string{"high", "low"}), AliveBP: int64(h.rnd.IntN(6) - 1), ExpectedFen: model.Fen(h.rnd.IntN(6) - 1), ComputedAt: h.now})
	}
	h.buy(id)
	h.win(id)
	for _, kind := range deeds {
		for day := range 3 {
			if h.chance(30) {
				at := h.now.AddDate(0, 0, -day*h.rnd.IntN(25))
				y, m, d := at.In(shanghai).Date()
				h.create(&model.EventDay{CustomerID: id, Kind: kind, Item: pick(h.rnd, []string{"", "p1", "p2"}) + fmt.Sprint(day), Day: y*10000 + int(m)*100 + d,
					Times: int64(1 + h.rnd.IntN(3)), FirstAt: at, LastAt: at})
			}
		}
	}
}

// win gives a customer coupons, points and a tier.
func (h *house) win(id int64) {
	for n := range h.rnd.IntN(4) {
		h.create(&model.Coupon{BatchID: int64(1 + h.rnd.IntN(3)), CustomerID: id, ClaimerID: id, Number: n + 1, Source: "claim", ValidFrom: h.now, ValidUntil: h.now.AddDate(0, 0, n),
			State: pick(h.rnd, []string{"usable", "usable", "reserved", "used", "review"}), CreatedAt: h.now, MovedAt: h.now})
	}
	if h.chance(60) {
		h.create(&model.PointsAccount{CustomerID: id, Balance: int64(h.rnd.IntN(6) - 1), CreatedAt: h.now, UpdatedAt: h.now})
	}
	if h.chance(60) {
		h.create(&model.CustomerTier{CustomerID: id, Level: h.rnd.IntN(4), Since: h.past(), LookedAt: h.now})
	}
}

func (h *house) buy(id int64) {
	t := &model.CustomerTrade{CustomerID: id}
	for n := range h.rnd.IntN(4) {
		at := h.past()
		o := &model.CustomerOrder{Number: fmt.Sprint(id, "-", n, "-", h.rnd.Int()), CustomerID: id, Status: "paid", PlacedAt: at, PaidAt: &at,
			PaidFen: model.Fen(h.rnd.IntN(8) * 50), RefundedFen: model.Fen(h.rnd.IntN(2) * 20)}
		switch h.rnd.IntN(6) {
		case 0:
			o.Status = "cancelled"
		case 1:
			o.Status, o.PaidAt = "placed", nil
		}
		h.create(o)
		h.create(&model.OrderLine{OrderID: o.ID, Line: 1, CustomerID: id, ProductID: int64(1 + h.rnd.IntN(4)), CategoryID: int64(h.rnd.IntN(5)), Name: "x", Quantity: 1, PaidAt: o.PaidAt})
		if o.Status == "paid" {
			t.Orders, t.PaidFen, t.RefundedFen = t.Orders+1, t.PaidFen+o.PaidFen, t.RefundedFen+o.RefundedFen
			if t.FirstPaidAt == nil || at.Before(*t.FirstPaidAt) {
				t.FirstPaidAt = &at
			}
			if t.LastPaidAt == nil || at.After(*t.LastPaidAt) {
				t.LastPaidAt = &at
			}
		}
	}
	if t.Orders > 0 {
		h.create(t)
	}
}

// happened is a fact about a customer, and perhaps others.
type happened struct {
	kind string
	id   int64
	key  string
	at   time.Time
	Of   []int64 `json:"of"`
}

func (f happened) About() event.About {
	return event.About{Kind: f.kind, CustomerID: f.id, Source: "test", At: f.at, Key: f.key}
}

// say records that something happened to a customer.
func (h *house) say(kind string, id int64, others ...int64) {
	h.t.Helper()
	h.said++
	err := model.InTx(h.t.Context(), h.db, func(tx *gorm.DB) error {
		_, err := h.log.Record(tx, happened{kind, id, fmt.Sprint("test:", h.said), h.now, others})
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// change lets something happen: somebody comes, is another person now, is merged, is erased.
func (h *house) change() {
	id := 1 + h.rnd.Int64N(h.last)
	switch h.rnd.IntN(8) {
	case 0:
		h.say("customer.created", h.come())
	case 1:
		if id > 5 {
			h.update(id, map[string]any{"merged_into": 2})
			h.say(event.KindCustomerMerged, 2, id)
		}
	case 2:
		h.update(id, map[string]any{"merged_into": 0})
		h.say(event.KindCustomerSplit, 1, id)
	case 3:
		h.update(id, map[string]any{"city": pick(h.rnd, towns), "gender": h.rnd.IntN(3), "minor": h.chance(10), "birth_md": 1122})
		h.say("customer.profile_changed", id)
	case 4:
		h.db.Delete(&model.Customer{}, id)
		h.say("customer.erased", id)
	default:
		h.live(id)
		h.say("order.paid", id)
	}
}

func (h *house) update(id int64, to map[string]any) {
	if err := h.db.Model(&model.Customer{}).Where("id = ?", id).Updates(to).Error; err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) env() *segment.Env {
	known, err := segment.LoadVocabulary(h.db)
	if err != nil {
		h.t.Fatal(err)
	}
	return &segment.Env{Now: h.now, Zone: shanghai, Known: known, Minors: h.chance(30), SQLite: model.IsSQLite(h.db)}
}

// index builds one.
func (h *house) index() (*Index, *follower) {
	h.t.Helper()
	x, f := New(Deps{DB: h.db, Now: h.clock, Logger: slog.New(slog.DiscardHandler)}), &follower{}
	if err := x.build(h.t.Context(), f); err != nil {
		h.t.Fatal(err)
	}
	x.built.Store(true)
	h.step(x, f)
	return x, f
}

func (h *house) step(x *Index, f *follower) {
	h.t.Helper()
	for {
		more, err := f.step(h.t.Context(), x, true)
		if err != nil {
			h.t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// bySQL is what the statement says.
func (h *house) bySQL(env *segment.Env, r *segment.Rule) []int64 {
	h.t.Helper()
	q, err := env.Select(r, segment.Scope{})
	if err != nil {
		h.t.Fatal(err)
	}
	ids := []int64{}
	if err := h.db.Raw(q.SQL, q.Args...).Scan(&ids).Error; err != nil {
		h.t.Fatal(err)
	}
	return ids
}

// agree asks both and tells what answered.
func (h *house) agree(x *Index, r *segment.Rule) segment.By {
	h.t.Helper()
	env := h.env()
	ids, by, err := x.IDs(h.t.Context(), env, r)
	if err != nil {
		h.t.Fatal(err)
	}
	if by == segment.BySQL {
		return by
	}
	want := h.bySQL(env, r)
	if !slices.Equal(ids, want) {
		h.t.Fatalf("%s, by %s, minors %v:\nindex     %v\nstatement %v", r.Encode(rowIDs{}), by, env.Minors, ids, want)
	}
	n, _, err := x.Count(h.t.Context(), env, r)
	if err != nil || n != int64(len(want)) {
		h.t.Fatalf("counted %d of %d: %v", n, len(want), err)
	}
	return by
}

func (h *house) rule(text string) *segment.Rule {
	h.t.Helper()
	r, err := segment.Decode([]byte(text), rowIDs{}, h.env().Known)
	if err != nil {
		h.t.Fatalf("%s: %v", text, err)
	}
	return r
}

// rowIDs lets rules name rows by their numbers.
type rowIDs struct{}

func (rowIDs) Row(_ model.Kind, id string) (n int64, err error) {
	_, err = fmt.Sscan(id, &n)
	return n, err
}

func (rowIDs) Of(_ model.Kind, row int64) string { return fmt.Sprint(row) }

// wish writes random rules.
type wish struct{ *rand.Rand }

func (w wish) rule(depth int) map[string]any {
	list := func(n int) []any {
		out := []any{}
		for range n {
			out = append(out, w.rule(depth-1))
		}
		return out
	}
	if depth > 0 {
		switch w.IntN(6) {
		case 0:
			return map[string]any{"not": w.rule(depth - 1)}
		case 1, 2:
			return map[string]any{"any": list(1 + w.IntN(3))}
		case 3, 4:
			return map[string]any{"all": list(w.IntN(4))}
		}
	}
	for {
		if c := w.condition(pick(w.Rand, segment.Registry())); c != nil {
			return c
		}
	}
}

func (w wish) condition(f segment.Field) map[string]any {
	name, choices := f.Name, f.Choices
	switch f.Name {
	case "custom":
		return nil
	case "event":
		name = "event." + pick(w.Rand, append(deeds, "never.seen"))
	case "share":
		name = "share.s1"
	case "stage":
		choices = []segment.Choice{{Value: "new"}, {Value: "lost"}, {Value: "nowhere"}}
	case "value.grade":
		choices = []segment.Choice{{Value: "A"}, {Value: "Z"}}
	}
	op := pick(w.Rand, f.Type.Ops())
	c := map[string]any{"field": name, "op": op.Name}
	if f.Type == segment.Share {
		c["values"] = []any{w.IntN(3000), 3000 + w.IntN(6000)}
	} else if v := w.values(f, op, choices); v != nil {
		c["values"] = v
	}
	if op.Window == segment.Always || op.Window == segment.Maybe && f.Windowed && w.IntN(2) == 0 {
		c["window"] = w.window(f.Type)
	}
	if len(f.Where) > 0 && w.IntN(3) == 0 {
		if filter := w.filter(f.Where); filter != nil {
			c["where"] = []any{filter}
		}
	}
	return c
}

func (w wish) filter(of []segment.Property) map[string]any {
	p := pick(w.Rand, of)
	if p.Prefix {
		return nil
	}
	op := pick(w.Rand, p.Ops())
	f := segment.Field{Name: p.Name, Type: p.Type}
	return map[string]any{"property": p.Name, "op": op.Name, "values": w.values(f, op, p.Choices)}
}

func (w wish) values(f segment.Field, op segment.Op, choices []segment.Choice) (out []any) {
	for range op.Min + w.IntN(min(op.Max-op.Min, 2)+1) {
		switch {
		case choices != nil:
			out = append(out, pick(w.Rand, choices).Value)
		case f.Type == segment.Reference:
			out = append(out, fmt.Sprint(1+w.IntN(5)))
		case f.Type == segment.Money:
			out = append(out, 50*w.IntN(8))
		case f.Type == segment.Number || f.Type == segment.Happening:
			out = append(out, w.IntN(5)-1)
		default:
			out = append(out, pick(w.Rand, []string{"上海", "SUZHOU", "New", "o", "100%", "_", "poster", "p11", "p21"}))
		}
	}
	if op.Name == "between" {
		return []any{w.IntN(3), 3 + w.IntN(300)}
	}
	return out
}

func (w wish) window(t segment.Type) map[string]any {
	days, form := 1+w.IntN(45), w.IntN(6)
	if t == segment.Anniversary {
		form = w.IntN(3) * 2
	}
	switch form {
	case 0:
		return map[string]any{"last_days": days}
	case 1:
		return map[string]any{"skip_days": days}
	case 2:
		return map[string]any{"next_days": days}
	case 3:
		return map[string]any{"last_hours": 1 + w.IntN(100)}
	case 4:
		return map[string]any{"period": pick(w.Rand, []string{"this_week", "last_month"})}
	}
	return map[string]any{"from": "2026-10-28", "to": "2026-11-20"}
}

func written(rule map[string]any) string {
	b, err := json.Marshal(rule)
	if err != nil {
		panic(err)
	}
	return string(b)
}
