package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/work"
)

// house is a log over a database with a clock that stands.
type house struct {
	*Log
	t     *testing.T
	db    *gorm.DB
	clock *clock.Fake
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return houseOn(t, modeltest.DB(t))
}

func houseOn(t *testing.T, db *gorm.DB) *house {
	h := &house{t: t, db: db, clock: clock.NewFake(noon)}
	h.Log = New(work.New(h.db, h.clock.Now), h.clock.Now, Options{DB: h.db, Logger: quiet})
	return h
}

// track sends events of one customer from a client whose clock is right.
func (h *house) track(customer int64, events ...Tracked) []Outcome {
	h.t.Helper()
	out, err := h.Track(h.t.Context(), TrackInput{CustomerID: customer, AccountID: 1, Source: "miniapp", SentAt: h.clock.Now(), Events: events})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *house) events() (rows []model.Event) {
	h.t.Helper()
	if err := h.db.Order("id").Find(&rows).Error; err != nil {
		h.t.Fatal(err)
	}
	return rows
}

// sound holds the counts against the events.
func (h *house) sound() {
	h.t.Helper()
	if diff := difference(h.t, h.db, h.Zone); diff != "" {
		h.t.Error(diff)
	}
}

// difference says where counts are not what the events say.
func difference(t *testing.T, db *gorm.DB, zone *time.Location) string {
	t.Helper()
	var events []model.Event
	var days []model.EventDay
	if err := errors.Join(db.Find(&events).Error, db.Find(&days).Error); err != nil {
		t.Fatal(err)
	}
	say := newTally(zone)
	for i := range events {
		say.add(&events[i])
	}
	for i := range days {
		d := &days[i]
		should := say.days[keyOf(d)]
		if should == nil {
			return fmt.Sprintf("counted %+v, of which no event says anything", *d)
		}
		if !sameCount(d, should) {
			return fmt.Sprintf("counted %+v, the events say %+v", *d, *should)
		}
		delete(say.days, keyOf(d))
	}
	for _, d := range say.days {
		return fmt.Sprintf("not counted: %+v", *d)
	}
	return ""
}

func page(id, path string, dwell int) Tracked {
	return Tracked{ID: id, Name: KindPageViewed, At: noon, Properties: json.RawMessage(fmt.Sprintf(`{"page":%q,"dwell_ms":%d}`, path, dwell))}
}

func results(out []Outcome) string {
	var s []string
	for _, o := range out {
		s = append(s, strings.TrimSpace(string(o.Result)+" "+o.Reason))
	}
	return strings.Join(s, ", ")
}

func TestTrackRecordsAndCounts(t *testing.T) {
	h := newHouse(t)
	out := h.track(7, page("a", "pages/home", 1500), page("b", "pages/home", 500), page("c", "pages/cart", 10),
		Tracked{ID: "d", Name: KindCartAdded, At: noon.Add(-time.Hour), Properties: json.RawMessage(` { "product":"P1","amount":1990,"colour":"red","quantity":null } `)})
	if got := results(out); got != "accepted, accepted, accepted, accepted" {
		t.Fatal(got)
	}
	if got := fmt.Sprint(out[3].Ignored); got != "[colour]" {
		t.Errorf("ignored %s", got)
	}
	rows := h.events()
	last := rows[3]
	if last.Payload != `{"product":"P1","amount":1990}` || last.Item != "P1" || last.Value != 1990 || last.Source != "miniapp" || last.AccountID != 1 || !last.OccurredAt.Equal(noon.Add(-time.Hour)) {
		t.Errorf("recorded %+v", last)
	}
	var home model.EventDay
	if err := h.db.Take(&home, "customer_id = 7 AND kind = ? AND item = ?", KindPageViewed, "pages/home").Error; err != nil {
		t.Fatal(err)
	}
	if home.Times != 2 || home.Value != 2000 || home.Day != 20261122 {
		t.Errorf("counted %+v", home)
	}
	h.sound()
}

func TestTrackTellsRepeats(t *testing.T) {
	h := newHouse(t)
	steps := []struct {
		customer int64
		ids      string
		want     string
	}{
		{1, "a b", "accepted, accepted"},
		{1, "a b", "duplicate, duplicate"},
		{1, "b c c", "duplicate, accepted, duplicate"},
		{2, "a c", "accepted, accepted"}, // another customer's ids are other ids
		{2, "A", "accepted"},
		{1, "c", "duplicate"},
	}
	for i, s := range steps {
		var events []Tracked
		for _, id := range strings.Fields(s.ids) {
			events = append(events, page(id, "p", 1))
		}
		if got := results(h.track(s.customer, events...)); got != s.want {
			t.Errorf("step %d: got %s, want %s", i, got, s.want)
		}
	}
	if n := len(h.events()); n != 6 {
		t.Errorf("%d events, want 6", n)
	}
	// The same id at another time, and as another kind, is the same event.
	later := page("a", "other", 1)
	later.At = noon.Add(-time.Minute)
	if got := results(h.track(1, later)); got != "duplicate" {
		t.Error(got)
	}
	h.sound()
}

func TestTrackPutsClientTimesRight(t *testing.T) {
	h := newHouse(t)
	tests := []struct {
		name     string
		sent, at time.Time
		want     time.Time // zero: too late
	}{
		{"clock is right", noon, noon.Add(-time.Minute), noon.Add(-time.Minute)},
		{"clock is an hour fast", noon.Add(time.Hour), noon.Add(59 * time.Minute), noon.Add(-time.Minute)},
		{"clock is a year slow", noon.AddDate(-1, 0, 0), noon.AddDate(-1, 0, 0).Add(-time.Second), noon.Add(-time.Second)},
		{"nothing said of the clock", time.Time{}, noon.Add(-time.Hour), noon.Add(-time.Hour)},
		{"no time", noon, time.Time{}, noon},
		{"in the future", noon, noon.Add(time.Hour), noon},
		{"in the future of a fast clock", noon.Add(time.Hour), noon.Add(2 * time.Hour), noon},
		{"exactly seven days", noon, noon.Add(-Lateness), noon.Add(-Lateness)},
		{"a moment more", noon, noon.Add(-Lateness - time.Millisecond), time.Time{}},
		{"seven days of a slow clock", noon.Add(-time.Hour), noon.Add(-time.Hour - Lateness), noon.Add(-Lateness)},
		{"another zone", noon, noon.Add(-time.Minute).In(chinaTime), noon.Add(-time.Minute)},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := page(fmt.Sprint("e", i), "p", 1)
			e.At = tt.at
			out, err := h.Track(t.Context(), TrackInput{CustomerID: 1, SentAt: tt.sent, Events: []Tracked{e}})
			if err != nil {
				t.Fatal(err)
			}
			if tt.want.IsZero() {
				if got := results(out); got != "rejected too_late" {
					t.Error(got)
				}
				return
			}
			rows := h.events()
			if last := rows[len(rows)-1]; results(out) != "accepted" || !last.OccurredAt.Equal(tt.want) || !last.RecordedAt.Equal(noon) {
				t.Errorf("%s: happened %s, want %s", results(out), last.OccurredAt, tt.want)
			}
		})
	}
	h.sound()
}

func TestTrackRefusesBombsAndForgeries(t *testing.T) {
	h := newHouse(t)
	many := func(n int) string {
		var b strings.Builder
		b.WriteString(`{"page":"p"`)
		for i := range n - 1 {
			fmt.Fprintf(&b, `,"k%d":%d`, i, i)
		}
		return b.String() + "}"
	}
	long := func(n int) string { return `{"page":"p","title":"` + strings.Repeat("x", n) + `"}` }
	tests := []struct{ name, id, kind, properties, want string }{
		{"as many as may be", "1", KindPageViewed, many(maxMembers), "accepted"},
		{"one more", "2", KindPageViewed, many(maxMembers + 1), "rejected too_many"},
		{"as long as may be", "3", KindPageViewed, long(maxTextProperty), "accepted"},
		{"longer than a text may be", "4", KindPageViewed, long(maxTextProperty + 1), "aside type title"},
		{"more bytes than may be", "5", KindPageViewed, long(MaxProperties), "rejected too_large"},
		{"deep", "6", KindPageViewed, `{"page":"p","x":{"y":1}}`, "rejected malformed"},
		{"very deep", "7", KindPageViewed, `{"page":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`, "rejected malformed"},
		{"a list", "8", KindPageViewed, `[1,2]`, "rejected malformed"},
		{"a text", "9", KindPageViewed, `"page"`, "rejected malformed"},
		{"no JSON", "10", KindPageViewed, `{"page":`, "rejected malformed"},
		{"no UTF-8", "11", KindPageViewed, "{\"page\":\"\xff\"}", "rejected malformed"},
		{"a long name", "12", KindPageViewed, `{"page":"p","` + strings.Repeat("k", 65) + `":1}`, "rejected malformed"},
		{"turned text", "13", KindPageViewed, `{"page":"a\u202eb"}`, "aside type page"},
		{"NUL", "14", KindPageViewed, `{"page":"a\u0000b"}`, "aside type page"},
		{"nothing that is needed", "15", KindPageViewed, `{}`, "aside missing page"},
		{"null where something is needed", "16", KindPageViewed, `{"page":null}`, "aside missing page"},
		{"no properties", "17", KindPageViewed, ``, "aside missing page"},
		{"a number as text", "18", KindPageViewed, `{"page":"p","dwell_ms":"12"}`, "aside type dwell_ms"},
		{"a fraction", "19", KindPageViewed, `{"page":"p","dwell_ms":1.5}`, "aside type dwell_ms"},
		{"a huge number", "20", KindPageViewed, `{"page":"p","dwell_ms":9007199254740992}`, "aside type dwell_ms"},
		{"a fact of the house", "21", KindCustomerAdded, `{}`, "rejected reserved"},
		{"an unknown kind", "22", "nobody_knows", `{"a":1}`, "aside unknown"},
		{"a name that is none", "23", "No Body", `{}`, "rejected name"},
		{"SQL for a name", "24", "x'; DROP TABLE event; --", `{}`, "rejected name"},
		{"a long kind", "25", strings.Repeat("k", 65), `{}`, "rejected name"},
		{"no id", "", KindPageViewed, `{"page":"p"}`, "rejected id"},
		{"a long id", strings.Repeat("i", 65), KindPageViewed, `{"page":"p"}`, "rejected id"},
		{"an id of all letters", "Az09_.:-", KindPageViewed, `{"page":"p"}`, "accepted"},
		{"an id with a bracket", "a[b", KindPageViewed, `{"page":"p"}`, "rejected id"},
		{"an id in Chinese", "事件", KindPageViewed, `{"page":"p"}`, "rejected id"},
		{"an id with spaces", "a b", KindPageViewed, `{"page":"p"}`, "rejected id"},
		{"unknown and deep", "26", "nobody_knows", `{"a":{}}`, "rejected malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := results(h.track(1, Tracked{ID: tt.id, Name: tt.kind, At: noon, Properties: json.RawMessage(tt.properties)})); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	for _, e := range h.events() {
		if strings.Contains(e.Payload, "k1") {
			t.Errorf("a property that nobody defined was kept: %s", e.Payload)
		}
	}
	if _, err := h.Track(t.Context(), TrackInput{CustomerID: 1, Events: make([]Tracked, MaxTracked+1)}); !errors.Is(err, ErrBatch) {
		t.Errorf("too many at once: %v", err)
	}
	if _, err := h.Track(t.Context(), TrackInput{Events: []Tracked{page("a", "p", 1)}}); !errors.Is(err, ErrBatch) {
		t.Errorf("of nobody: %v", err)
	}
}

// TestItemsAreCutAsTheDatabaseComparesThem: two items that differ in a space at the end are one to MySQL.
func TestItemsAreCutAsTheDatabaseComparesThem(t *testing.T) {
	h := newHouse(t)
	long := strings.Repeat("页", 70)
	h.track(1, page("a", "home", 1), page("b", "home ", 1), page("c", long, 1), page("d", "HOME", 1))
	var items []string
	if err := h.db.Model(&model.EventDay{}).Order("times DESC, item").Pluck("item", &items).Error; err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(items, "|"), "home|HOME|"+strings.Repeat("页", maxItem); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	h.sound()
}

func TestTrackOfAMergedCustomer(t *testing.T) {
	h := newHouse(t)
	modeltest.Create(t, h.db, &model.Customer{ID: 5, MergedInto: 3, FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
	h.track(5, page("a", "p", 1), Tracked{ID: "b", Name: "later", At: noon})
	if got := results(h.track(5, page("a", "p", 1), Tracked{ID: "b", Name: "later", At: noon})); got != "duplicate, duplicate" {
		t.Error(got)
	}
	if e := h.events()[0]; e.CustomerID != 3 {
		t.Errorf("recorded for %d", e.CustomerID)
	}
	if n := modeltest.Count[model.EventAside](t, h.db, "customer_id = 3"); n != 1 {
		t.Errorf("%d aside", n)
	}
}
