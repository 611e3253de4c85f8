package journey

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Result is what a rehearsal found.
type Result struct {
	From      time.Time        `json:"from"`
	To        time.Time        `json:"to"`
	Customers int64            `json:"customers"` // who were looked at
	Entered   int64            `json:"entered"`
	Held      int64            `json:"held"` // in the hold-out
	Goal      int64            `json:"goal"`
	HeldGoal  int64            `json:"held_goal"`
	StillIn   int64            `json:"still_in"` // at the end of the time
	Stuck     int64            `json:"stuck"`
	Ended     map[string]int64 `json:"ended"` // by reason
	Nodes     []NodeResult     `json:"nodes"`
	Days      []DayResult      `json:"days"`
	// Lost counts messages that would not leave, by channel and reason; Later those that would leave at another time.
	Lost    map[string]map[string]int64 `json:"lost"`
	Later   map[string]int64            `json:"later"`
	Staff   []StaffResult               `json:"staff"` // those with the most to do, at most 200
	Tasks   int64                       `json:"tasks"`
	Coupons []CouponResult              `json:"coupons"`
	Points  int64                       `json:"points"` // given
	Tags    int64                       `json:"tags"`   // customers to whom tags were given, or from whom they were taken
	Calls   int64                       `json:"calls"`
	Notes   []Caveat                    `json:"notes"` // what the rehearsal could not know
	Trail   []Trace                     `json:"trail,omitempty"`
}

// NodeResult is how customers went through a node.
type NodeResult struct {
	ID       string           `json:"id"`
	Arrived  int64            `json:"arrived"`
	Outcomes map[string]int64 `json:"outcomes"`
}

// DayResult is one day of business.
type DayResult struct {
	Day     string           `json:"day"`
	Entered int64            `json:"entered"`
	Sent    map[string]int64 `json:"sent"` // messages that leave, by channel
}

// StaffResult is what a staff member would have to do.
type StaffResult struct {
	StaffID  int64 `json:"staff_id"`
	Messages int64 `json:"messages"` // in their name
	Taps     int64 `json:"taps"`     // messages of one step on one day are confirmed by one
	Busiest  int64 `json:"busiest"`  // taps on the busiest day
	Tasks    int64 `json:"tasks"`
}

// CouponResult is how many coupons of a batch would be given.
type CouponResult struct {
	BatchID int64 `json:"batch_id"`
	Given   int64 `json:"given"`
}

// Caveat is something that people should know of a rehearsal.
type Caveat struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// Trace is something that happens to the customer who is followed.
type Trace struct {
	At      time.Time `json:"at"`
	Node    string    `json:"node,omitempty"`
	What    string    `json:"what"` // entered, held, left, waits, ended, stuck, goal, message, later, lost
	Outcome string    `json:"outcome,omitempty"`
	Until   time.Time `json:"until,omitzero"`
}

// tap is what a staff member confirms at once.
type tap struct {
	staff int64
	day   int
	node  string
	// Of a message that is confirmed by itself, of which there may be several at a node.
	customer, at int64
}

// books gather what a rehearsal counts.
type books struct {
	counts   tally
	entered  map[int]int64
	sent     map[int]map[string]int64
	lost     map[string]map[string]int64
	later    map[string]int64
	messages map[int64]int64
	tasks    map[int64]int64
	taps     map[tap]bool
	coupons  map[int64]int64
}

func newBooks() books {
	return books{
		tally{}, map[int]int64{}, map[int]map[string]int64{}, map[string]map[string]int64{}, map[string]int64{}, map[int64]int64{}, map[int64]int64{}, map[tap]bool{},
		map[int64]int64{},
	}
}

// put adds one to a count of counts.
func put[K comparable](m map[K]map[string]int64, key K, name string) {
	if m[key] == nil {
		m[key] = map[string]int64{}
	}
	m[key][name]++
}

// finish sums up.
func (st *stage) finish() *Result {
	r, b := st.result, &st.books
	f := st.plan.funnel(1, b.counts.rows(), nil)
	r.Entered, r.Held, r.Goal, r.HeldGoal, r.Ended = f.Entered, f.Held, f.Goal, f.HeldGoal, f.Ended
	for _, n := range f.Nodes {
		r.Nodes = append(r.Nodes, NodeResult{n.ID, n.Arrived, n.Outcomes})
	}
	r.Lost, r.Later = b.lost, b.later
	for at := r.From.In(st.zone); dayNumber(at) <= dayNumber(r.To.Add(-time.Millisecond).In(st.zone)); at = at.AddDate(0, 0, 1) {
		d := dayNumber(at)
		sent := b.sent[d]
		if sent == nil {
			sent = map[string]int64{}
		}
		r.Days = append(r.Days, DayResult{at.Format(time.DateOnly), b.entered[d], sent})
	}
	r.Staff = b.staff()
	r.Coupons = []CouponResult{}
	for _, batch := range slices.Sorted(maps.Keys(b.coupons)) {
		r.Coupons = append(r.Coupons, CouponResult{batch, b.coupons[batch]})
	}
	r.Notes = st.notes()
	return r
}

func (b *books) staff() []StaffResult {
	of := map[int64]*StaffResult{}
	one := func(id int64) *StaffResult {
		if of[id] == nil {
			of[id] = &StaffResult{StaffID: id}
		}
		return of[id]
	}
	days := map[tap]int64{}
	for t := range b.taps {
		day := tap{staff: t.staff, day: t.day}
		days[day]++
		s := one(t.staff)
		s.Taps++
		s.Busiest = max(s.Busiest, days[day])
	}
	for id, n := range b.messages {
		one(id).Messages = n
	}
	for id, n := range b.tasks {
		one(id).Tasks = n
	}
	out := []StaffResult{}
	for _, id := range slices.Sorted(maps.Keys(of)) {
		out = append(out, *of[id])
	}
	slices.SortStableFunc(out, func(a, b StaffResult) int { return cmp.Compare(b.Taps+b.Tasks, a.Taps+a.Tasks) })
	return out[:min(len(out), 200)]
}

// notes say what the rehearsal could not know.
func (st *stage) notes() (out []Caveat) {
	out = append(out, Caveat{"客户资料、标签和人群按今天的数据判断", "profiles, tags and segments are those of today"})
	if st.s.Forecast == nil {
		out = append(out, Caveat{"没有经过触达闸：频次、免打扰、额度都未计入", "the governor was not asked: caps, quiet hours and quotas are not counted"})
	}
	if !st.asked.From.Before(st.s.now()) && st.plan.starter() != nil {
		out = append(out, Caveat{"预演时间在未来，没有人会触发事件；要看事件触发的效果，请从过去某天开始", "it lies in the future, where nobody does anything; begin in the past to see what events start"})
	}
	for _, n := range st.plan.Nodes {
		switch n.Step {
		case "start":
			out = append(out, Caveat{"不包括由它启动的其他旅程", "journeys that it starts are not rehearsed"})
		case "set_field":
			out = append(out, Caveat{"预演中修改的自定义字段不影响之后的条件判断", "custom fields that it sets do not change later conditions"})
		}
	}
	return slices.Compact(out)
}
