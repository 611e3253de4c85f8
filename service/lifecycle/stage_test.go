package lifecycle

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zhiyin/model"
)

const today = 20_000

// someone is a person met so many days ago who ordered on these days, counted back from today.
func someone(met int, orders ...int) *person {
	p := &person{id: 1, today: today, met: today - met, follows: 1, alive: -1, expected: -1}
	slices.Sort(orders)
	slices.Reverse(orders)
	for _, ago := range orders {
		p.orders = append(p.orders, purchase{day: today - ago, at: moment(today - ago), paid: 5000})
	}
	return p
}

// moment is noon of a day in Shanghai.
func moment(day int) time.Time { return time.Unix(int64(day)*86_400, 0).UTC().Add(4 * time.Hour) }

func (p *person) at(stage string, days int) *person {
	p.before = &model.CustomerLifecycle{Stage: stage, StageSince: moment(today - days)}
	return p
}

func (p *person) lapsed(daysAgo int) *person {
	at := moment(today - daysAgo)
	p.before.LapsedAt = &at
	return p
}

func (p *person) active(daysAgo ...int) *person {
	for _, d := range daysAgo {
		p.events = append(p.events, counted{"page.viewed", today - d, 1})
	}
	return p
}

func (p *person) with(change func(p *person)) *person {
	change(p)
	return p
}

func TestDefaultStagesAtTheirEdges(t *testing.T) {
	left := func(p *person) { p.follows, p.lost = 0, 1 }
	alive := func(bp int64) func(*person) { return func(p *person) { p.alive = bp } }
	tests := []struct {
		name string
		p    *person
		want string
	}{
		{"met today", someone(0), StageNew},
		{"met long ago, silent for 179 days", someone(179), StageNew},
		{"silent for 180 days", someone(180), StageLost},
		{"was active on two days within 30", someone(100).active(3, 29), StageGrowing},
		{"the second of two active days is 30 days ago", someone(100).active(3, 30), StageNew},
		{"growing people stay with one active day in 45", someone(100).at(StageGrowing, 50).active(44), StageGrowing},
		{"and not with none", someone(100).at(StageGrowing, 50).active(45), StageNew},
		{"relations and tags are no activity", someone(100).with(func(p *person) {
			p.events = []counted{{"customer.tag_changed", today, 9}, {"customer.added", today - 1, 9}}
		}), StageNew},

		{"first order today", someone(10, 0), StageGrowing},
		{"one order and four active days", someone(10, 5).active(0, 1, 2, 3), StageActive},
		{"one order and three active days", someone(10, 5).active(0, 1, 2), StageGrowing},
		{"two orders", someone(50, 40, 5), StageActive},
		{"two orders, the last 89 days ago", someone(300, 200, 89), StageActive},
		{"two orders, the last 90 days ago", someone(300, 200, 90), StageAtRisk},
		{"four orders in a year", someone(364, 300, 200, 100, 10), StageLoyal},
		{"four orders, the first 365 days ago", someone(365, 365, 200, 100, 10), StageActive},
		{"four orders by somebody known for 89 days", someone(89, 60, 50, 40, 10), StageActive},
		{"four orders by somebody known for 90 days", someone(90, 60, 50, 40, 10), StageLoyal},
		{"loyal people stay with three", someone(900, 200, 100, 10).at(StageLoyal, 400), StageLoyal},
		{"and not with two", someone(900, 100, 10).at(StageLoyal, 400), StageActive},

		{"last order 179 days ago", someone(500, 179), StageAtRisk},
		{"last order 180 days ago", someone(500, 180), StageLost},
		{"at risk at 75 days stays so", someone(500, 75).at(StageAtRisk, 30), StageAtRisk},
		{"others are not at 75 days", someone(500, 75), StageGrowing},
		{"overdue: 2.5 times the usual 20 days", someone(500, 70, 50), StageAtRisk},
		{"not overdue enough", someone(500, 69, 49), StageActive},
		{"the usual gap is short, but 45 days are not over", someone(500, 46, 44), StageActive},
		{"the model gives 30 %", someone(500, 120, 30).with(alive(3000)), StageAtRisk},
		{"the model gives a little more", someone(500, 120, 30).with(alive(3001)), StageActive},
		{"the model knows nothing of them", someone(500, 30).with(alive(-1)), StageGrowing},
		{"removed the only one who followed", someone(50, 10).with(left), StageAtRisk},
		{"removed one of two", someone(50, 10).with(func(p *person) { p.lost = 1 }), StageGrowing},
		{"never bought, left, silent for 30 days", someone(30).with(left), StageLost},
		{"never bought, left, silent for 29 days", someone(29).with(left), StageAtRisk},

		{"bought after they had lapsed", someone(500, 300, 1).at(StageLost, 20).lapsed(100), StageWonBack},
		{"bought before they lapsed", someone(500, 300, 101).at(StageAtRisk, 20).lapsed(100), StageAtRisk},
		{"a gap of 180 days says the same without a history", someone(500, 181, 1), StageWonBack},
		{"a gap of 179 days does not", someone(500, 180, 1), StageActive},
		{"won back for 60 days", someone(500, 300, 60).at(StageWonBack, 60).lapsed(100), StageWonBack},
		{"and no longer", someone(500, 300, 61).at(StageWonBack, 61).lapsed(100), StageActive},
		{"won back, bought again since, and that was 61 days ago", someone(500, 300, 61, 20, 5).at(StageWonBack, 61).lapsed(100), StageLoyal},

		{"a stage that is no more", someone(50, 5).at("vip", 3), StageGrowing},
	}
	for _, tt := range tests {
		since := today
		if tt.p.before != nil {
			since = dayOf(tt.p.before.StageSince, shanghai)
		}
		if got := decide(DefaultStages(), tt.p, since).Name; got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestHoldKeepsPeopleFromGoingToAndFro(t *testing.T) {
	stages := []Stage{
		{Name: "high", Enter: either(all(least("groups", 1))), HoldDays: 5},
		{Name: "middle", Enter: either(all(least("followers", 1))), HoldDays: 10},
		{Name: "low"},
	}
	for _, tt := range []struct {
		name            string
		stage           string
		days            int
		groups, follows int
		want            string
	}{
		{"nothing fits any more, held", "high", 4, 0, 0, "high"},
		{"the last day is over", "high", 5, 0, 0, "low"},
		{"held against the next too", "high", 4, 0, 1, "high"},
		{"upwards nothing holds", "middle", 0, 1, 0, "high"},
		{"each stage has its own hold", "middle", 9, 0, 0, "middle"},
		{"from the last", "low", 0, 0, 1, "middle"},
	} {
		p := someone(50).at(tt.stage, tt.days)
		p.groups, p.follows = tt.groups, tt.follows
		if got := decide(stages, p, today-tt.days).Name; got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestFourHundredDays lets people of every sort live for 400 days and looks at them every night.
func TestFourHundredDays(t *testing.T) {
	f := &frame{Setting: defaultSetting(), zone: shanghai}
	rng := rand.New(rand.NewPCG(5, 1))
	for _, tt := range []struct {
		name   string
		buys   func(day int) bool
		looks  func(day int) bool
		path   []string
		atMost int // changes
	}{
		{"never comes again", no, no, []string{StageNew, StageLost}, 2},
		{"buys once", on(10), no, []string{StageNew, StageGrowing, StageAtRisk, StageLost}, 4},
		{"buys every 25 days", every(25), no, []string{StageGrowing, StageActive, StageLoyal}, 3},
		{"buys for half a year and stops", func(d int) bool { return d < 180 && d%25 == 0 }, no,
			[]string{StageGrowing, StageActive, StageLoyal, StageAtRisk, StageLost}, 5},
		{"comes back after 200 days", on(0, 20, 220, 300, 320, 340), no,
			[]string{StageGrowing, StageActive, StageAtRisk, StageLost, StageWonBack, StageActive}, 7},
		{"at the edge of being active", on(5), func(d int) bool { return d > 5 && d%9 == 0 }, nil, 12},
		{"at random", func(int) bool { return rng.IntN(60) == 0 }, func(int) bool { return rng.IntN(10) == 0 }, nil, 24},
	} {
		p := &person{id: 1, met: today, follows: 1, alive: -1, expected: -1}
		var path []string
		for day := range 400 {
			p.today = today + day
			f.today, f.now = p.today, moment(p.today)
			if tt.buys(day) {
				p.orders = append(p.orders, purchase{day: p.today, at: f.now.Add(-time.Hour), paid: 3000})
			}
			if tt.looks(day) {
				p.events = append(p.events, counted{"page.viewed", p.today, 1})
			}
			st := f.assess(p)
			if st.changed {
				path = append(path, st.row.Stage)
			}
			row := st.row
			p.before = &row
			if again := f.assess(p); again.changed || again.row != row {
				t.Fatalf("%s: asked again on day %d it is %+v, was %+v", tt.name, day, again.row, row)
			}
		}
		t.Log(tt.name, path)
		if len(path) > tt.atMost {
			t.Errorf("%s: %d changes: %v", tt.name, len(path), path)
		}
		at := 0
		for _, s := range path {
			if at < len(tt.path) && s == tt.path[at] {
				at++
			}
		}
		if at < len(tt.path) {
			t.Errorf("%s: went %v, which is not by way of %v", tt.name, path, tt.path)
		}
	}
}

func no(int) bool { return false }

func on(days ...int) func(int) bool {
	return func(d int) bool { return slices.Contains(days, d) }
}

func every(n int) func(int) bool {
	return func(d int) bool { return d%n == 0 }
}

func TestCheckStages(t *testing.T) {
	if err := checkStages(DefaultStages()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(s []Stage) []Stage{
		"one alone":               func(s []Stage) []Stage { return s[6:] },
		"twice":                   func(s []Stage) []Stage { s[1].Name = s[0].Name; return s },
		"a name in Chinese":       func(s []Stage) []Stage { s[1].Name = "流失"; return s },
		"an injection":            func(s []Stage) []Stage { s[1].Name = "a' OR 1=1"; return s },
		"no title":                func(s []Stage) []Stage { s[1].Title = " "; return s },
		"an unknown phase":        func(s []Stage) []Stage { s[1].Phase = "later"; return s },
		"held too long":           func(s []Stage) []Stage { s[1].HoldDays = 91; return s },
		"nobody takes the rest":   func(s []Stage) []Stage { return s[:6] },
		"everybody before others": func(s []Stage) []Stage { s[1].Enter = Rule{}; return s },
		"a stay for all":          func(s []Stage) []Stage { s[1].Stay = &Rule{}; return s },
		"an unknown measure":      func(s []Stage) []Stage { s[1].Enter.Any[0].All[0].Measure = "shoe_size"; return s },
		"an unknown comparison":   func(s []Stage) []Stage { s[1].Enter.Any[0].All[0].Op = "<>"; return s },
		"a negative value":        func(s []Stage) []Stage { s[1].Enter.Any[0].All[0].Value = -1; return s },
		"days where there are none": func(s []Stage) []Stage {
			s[1].Enter.Any[0].All[0].Days = 5
			return s
		},
		"events without days": func(s []Stage) []Stage { s[1].Enter = either(all(least("events", 1))); return s },
		"events too long ago": func(s []Stage) []Stage { s[1].Enter = either(all(least("events", 1, knownDays+1))); return s },
		"no condition":        func(s []Stage) []Stage { s[1].Enter = either(Set{}); return s },
		"a kind with a quote": func(s []Stage) []Stage {
			c := least("events", 1, 30)
			c.Kinds = []string{"a'b"}
			s[1].Enter = either(all(c))
			return s
		},
		"kinds where there are none": func(s []Stage) []Stage {
			c := least("orders", 1, 30)
			c.Kinds = []string{"a"}
			s[1].Enter = either(all(c))
			return s
		},
		"too many conditions": func(s []Stage) []Stage {
			s[1].Enter = either(Set{slices.Repeat([]Condition{least("orders", 1)}, maxConditions+1)})
			return s
		},
		"too many sets": func(s []Stage) []Stage {
			s[1].Enter = Rule{slices.Repeat([]Set{all(least("orders", 1))}, maxSets+1)}
			return s
		},
	} {
		if err := checkStages(spoil(DefaultStages())); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
