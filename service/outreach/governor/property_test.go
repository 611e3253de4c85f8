package governor

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/privacy"
)

// sent is a message that was let out, in a transaction that was committed, and was not given back.
type sent struct {
	ref, customer  int64
	channel, topic string
	at             time.Time
	fewer          bool
}

// world is what the property test makes up, and keeps in books of its own.
type world struct {
	t       *testing.T
	rnd     *rand.Rand
	setting Setting
	zones   map[int64]*time.Location
	fewer   map[int64]bool
	silent  map[int64]bool // who wants no messages, from now on
	again   *Ask           // is asked about once more

	mu      sync.Mutex
	out     map[int64]sent
	reasons map[string]int
}

var (
	worldChannels = []string{"sms", "wecom_mass", "inbox"}
	worldTopics   = []string{"", "news", "promotion"}
	worldZones    = []string{"Asia/Shanghai", "America/New_York", "Asia/Beirut", "Australia/Lord_Howe"}
)

const worldPeople = 24

func randomSetting(r *rand.Rand) Setting {
	s := Setting{
		Topics: []Topic{{"news", "news"}, {"promotion", "offers"}}, ZoneField: "zone", AheadHours: r.IntN(30), RepeatDays: r.IntN(3),
		Holdout: Holdout{Share: r.IntN(2) * 1000},
	}
	for range 1 + r.IntN(4) {
		c := Cap{Window: []string{WindowDay, WindowWeek, WindowMonth, WindowRolling}[r.IntN(4)], Most: 1 + r.IntN(4)}
		if c.Window == WindowRolling {
			c.Hours = 1 + r.IntN(60)
		}
		if r.IntN(2) == 0 {
			c.Channel = worldChannels[r.IntN(len(worldChannels))]
		}
		if r.IntN(3) == 0 {
			c.Topic = worldTopics[1+r.IntN(2)]
		}
		s.Caps = append(s.Caps, c)
	}
	if r.IntN(3) > 0 {
		from := r.IntN(minutesOfDay)
		s.Quiet = append(s.Quiet, Quiet{From: from, To: (from + 1 + r.IntN(900)) % minutesOfDay, Drop: r.IntN(4) == 0})
	}
	if r.IntN(3) == 0 {
		s.Silent = []string{"inbox"}
	}
	return s
}

// TestP4_NeverTooMuch: whatever the settings and the schedule, however many replicas ask at once, roll back and give back: no cap is
// exceeded, nobody is disturbed in quiet hours, and who wants no messages gets none.
func TestP4_NeverTooMuch(t *testing.T) {
	reasons := map[string]int{}
	rounds := 8
	if modeltest.OnMySQL() {
		rounds = 4
	}
	allowed := 0
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			w := &world{
				t: t, rnd: rand.New(rand.NewPCG(uint64(round), 7)), zones: map[int64]*time.Location{}, fewer: map[int64]bool{},
				silent: map[int64]bool{}, out: map[int64]sent{}, reasons: reasons,
			}
			w.run()
			w.check()
			allowed += len(w.out)
		})
	}
	t.Logf("%d let out; not let out: %v", allowed, reasons)
	for _, why := range []string{ReasonCap, ReasonQuiet, ReasonDoNotContact, ReasonHoldout, ReasonDuplicate, "sent later"} {
		if reasons[why] == 0 {
			t.Errorf("nothing was held back for %q: the test does not try it", why)
		}
	}
	if allowed < 50*rounds {
		t.Errorf("only %d let out: the test tries too little", allowed)
	}
}

func (w *world) run() {
	dsn := modeltest.DSN(w.t)
	// Clocks of replicas differ.
	first := houseAt(w.t, modeltest.Open(w.t, dsn), clock.NewFake(time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC)), worldPeople)
	second := houseAt(w.t, modeltest.Open(w.t, dsn), clock.NewFake(first.clock.Now().Add(3*time.Second)), 0)
	w.people(first)
	w.setting = randomSetting(w.rnd)
	first.save(w.setting)
	ref := int64(1)
	for range 40 {
		var wg sync.WaitGroup
		for i := range 3 {
			h := []*house{first, second}[i%2]
			asks := w.asks(&ref, h.clock.Now())
			if i == 0 {
				asks = append(asks, w.anew(h.clock.Now())...)
			}
			seed := w.rnd.Uint64()
			wg.Go(func() { w.batch(h, asks, rand.New(rand.NewPCG(seed, 1))) })
		}
		wg.Wait()
		step := time.Duration(w.rnd.IntN(int(9 * time.Hour)))
		first.clock.Advance(step)
		second.clock.Advance(step)
		if w.rnd.IntN(3) == 0 {
			id := 1 + w.rnd.Int64N(worldPeople)
			first.choose(id, "", privacy.None)
			w.silent[id] = true
		}
	}
}

// people gives some a zone, some the wish for fewer messages.
func (w *world) people(h *house) {
	modeltest.Create(w.t, h.db, &model.CustomField{ID: 1, Name: "zone", Title: "zone", Kind: "text", Choices: "[]", CreatedAt: noon, UpdatedAt: noon})
	for id := int64(1); id <= worldPeople; id++ {
		w.zones[id] = h.Zone
		if name := worldZones[w.rnd.IntN(len(worldZones))]; w.rnd.IntN(2) == 0 {
			w.zones[id] = zone(w.t, name)
			modeltest.Create(w.t, h.db, &model.CustomValue{CustomerID: id, FieldID: 1, Value: name, Source: "test", UpdatedAt: noon})
		}
		if w.rnd.IntN(4) == 0 {
			h.choose(id, "", privacy.Fewer)
			w.fewer[id] = true
		}
	}
}

func (w *world) asks(ref *int64, now time.Time) (asks []Ask) {
	for range 1 + w.rnd.IntN(25) {
		a := Ask{
			Ref: *ref, CustomerID: 1 + w.rnd.Int64N(worldPeople), Channel: worldChannels[w.rnd.IntN(3)], Topic: worldTopics[w.rnd.IntN(3)],
			Source: "campaign", SourceID: 1, Purpose: privacy.Marketing, Priority: w.rnd.IntN(3), DueAt: now,
		}
		if w.rnd.IntN(2) == 0 {
			a.Content = [32]byte{1, byte(w.rnd.IntN(9))}
		}
		if w.again != nil { // the same message once more, maybe by the other replica
			a, w.again = *w.again, nil
		} else if *ref++; w.rnd.IntN(6) == 0 {
			w.again = &a
		}
		asks = append(asks, a)
	}
	return asks
}

// anew asks about some of what was let out before, which a person is about to send only now.
func (w *world) anew(now time.Time) (asks []Ask) {
	for _, ref := range slices.Sorted(maps.Keys(w.out)) {
		if m := w.out[ref]; w.rnd.IntN(20) == 0 {
			asks = append(asks, Ask{
				Ref: ref, CustomerID: m.customer, Channel: m.channel, Topic: m.topic, Source: "campaign", SourceID: 1, Purpose: privacy.Marketing, DueAt: now, Anew: true,
			})
		}
	}
	return asks
}

var errChangedMind = errors.New("changed our mind")

// batch asks in one transaction, which may be rolled back, and gives some of what it got back later.
func (w *world) batch(h *house, asks []Ask, r *rand.Rand) {
	var rulings []Ruling
	undone := r.IntN(5) == 0
	err := model.InTx(w.t.Context(), h.db, func(tx *gorm.DB) (err error) {
		rulings, err = h.RuleTx(tx, asks)
		if err == nil && undone {
			return errChangedMind
		}
		return err
	})
	if undone {
		return
	}
	if err != nil {
		w.t.Error(err)
		return
	}
	var back []Reservation
	w.mu.Lock()
	for i, a := range asks {
		if rulings[i].Verdict != Allow {
			w.reasons[rulings[i].Reason]++
			continue
		}
		if w.silent[a.CustomerID] {
			w.t.Errorf("customer %d wants no messages, and gets one", a.CustomerID)
		}
		if _, twice := w.out[a.Ref]; !twice || a.Anew { // what was let out before is let out once, and counts when it is sent
			if a.Anew {
				w.reasons["sent later"]++
			}
			w.out[a.Ref] = sent{a.Ref, a.CustomerID, a.Channel, a.Topic, h.now(), w.fewer[a.CustomerID]}
		}
		if r.IntN(8) == 0 {
			back = append(back, Reservation{a.Ref, a.CustomerID})
		}
	}
	w.mu.Unlock()
	if len(back) == 0 {
		return
	}
	err = model.InTx(w.t.Context(), h.db, func(tx *gorm.DB) error { return h.ReturnTx(tx, back) })
	if err != nil {
		w.t.Error(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range back {
		delete(w.out, b.Ref)
	}
}

// check counts anew, by other means than the governor: by the dates that a person would read on their calendar.
func (w *world) check() {
	byPerson := map[int64][]sent{}
	for _, m := range w.out {
		byPerson[m.customer] = append(byPerson[m.customer], m)
	}
	for id, list := range byPerson {
		for _, c := range w.setting.Caps {
			w.checkCap(c, id, list)
		}
		for _, m := range list {
			w.checkQuiet(m)
		}
	}
}

func (w *world) isSilent(channel string) bool {
	return len(w.setting.Silent) > 0 && w.setting.Silent[0] == channel
}

func (w *world) checkCap(c Cap, id int64, list []sent) {
	var those []sent
	for _, m := range list {
		if (c.Topic == "" || c.Topic == m.topic) && (c.Channel == m.channel || c.Channel == "" && !w.isSilent(m.channel)) {
			those = append(those, m)
		}
	}
	most, times := c.Most, 1
	if w.fewer[id] {
		if most /= 2; most == 0 {
			most, times = 1, 2
		}
	}
	for _, m := range those {
		n := 0
		for _, other := range those {
			if w.together(c, id, other.at, m.at, times) {
				n++
			}
		}
		if n > most {
			w.t.Errorf("customer %d (fewer: %t) got %d up to %s, more than %d of %+v", id, w.fewer[id], n, m.at.In(w.zones[id]), most, c)
			return
		}
	}
}

// together tells whether a message counts in the window that ends with the one of last.
func (w *world) together(c Cap, id int64, at, last time.Time, times int) bool {
	at, last = at.In(w.zones[id]), last.In(w.zones[id])
	if at.After(last) {
		return false
	}
	switch c.Window {
	case WindowRolling:
		return last.Sub(at) < time.Duration(times*c.Hours)*time.Hour
	case WindowDay:
		return dayNumber(last)-dayNumber(at) < times
	case WindowWeek:
		return (dayNumber(last)+3)/7-(dayNumber(at)+3)/7 < times // day 0 of the epoch was a Thursday
	}
	return (last.Year()*12+int(last.Month()))-(at.Year()*12+int(at.Month())) < times
}

// dayNumber numbers the dates of the calendar.
func dayNumber(t time.Time) int {
	y, m, d := t.Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86_400)
}

func (w *world) checkQuiet(m sent) {
	for _, q := range w.setting.Quiet {
		local := m.at.In(w.zones[m.customer])
		minute := local.Hour()*60 + local.Minute()
		quiet := minute >= q.From && minute < q.To
		if q.From > q.To {
			quiet = minute >= q.From || minute < q.To
		}
		if quiet && !w.isSilent(m.channel) {
			w.t.Errorf("customer %d got a message at %s, within %+v", m.customer, local, q)
		}
	}
}

// TestForecastAgrees: asked one after another, the forecast answers as the governor does.
func TestForecastAgrees(t *testing.T) {
	for round := range 3 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			w := &world{t: t, rnd: rand.New(rand.NewPCG(uint64(round), 3)), zones: map[int64]*time.Location{}, fewer: map[int64]bool{}}
			w.compare(newHouse(t, worldPeople))
		})
	}
}

func (w *world) compare(h *house) {
	w.people(h)
	w.setting = randomSetting(w.rnd)
	h.save(w.setting)
	var ids []int64
	for id := int64(1); id <= worldPeople; id++ {
		ids = append(ids, id)
	}
	f, err := h.Forecast(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := f.Load(w.t.Context(), ids); err != nil {
		w.t.Fatal(err)
	}
	ref := int64(1)
	for range 25 {
		asks := w.asks(&ref, h.clock.Now())
		rulings := h.rule(asks...)
		for _, i := range inOrder(asks) {
			if got := f.Rule(h.now(), &asks[i]); got != rulings[i] {
				w.t.Fatalf("the forecast says %+v, the governor %+v to %+v", got, rulings[i], asks[i])
			}
		}
		h.clock.Advance(time.Duration(w.rnd.IntN(int(9 * time.Hour))))
	}
}
