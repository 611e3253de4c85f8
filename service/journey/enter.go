package journey

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// candidate is somebody who may enter, and why.
type candidate struct {
	customer int64
	key      string
	cause    string
	event    int64
	said     map[string]string
	coupon   int64     // that the event is about
	until    time.Time // that the coupon was good, as the event says
}

// The bounds of what is kept of a trigger.
const (
	maxKey  = 64
	maxSaid = 1000 // bytes
)

// mayEnter decides whether a customer may begin another run of a key, after the last one (nil: there was none).
func (e *Entry) mayEnter(last *model.Enrolment, now time.Time) bool {
	if last == nil {
		return true
	}
	over := last.State == Ended || last.State == Held && (last.GoalUntil == nil || now.After(*last.GoalUntil))
	switch e.Again {
	case AfterExit:
		return over
	case AfterDays:
		return over && !now.Before(last.EnteredAt.AddDate(0, 0, int(e.Days)))
	}
	return false
}

// room tells how many more may enter.
func (e *Entry) room(entered, today int64) int64 {
	room := int64(1) << 40
	if e.Most > 0 {
		room = min(room, e.Most-entered)
	}
	if e.MostADay > 0 {
		room = min(room, e.MostADay-today)
	}
	return max(room, 0)
}

// choose decides who of some candidates enters: by what went before, each key once, and as long as there is room.
func (d *Definition) choose(in []candidate, before []model.Enrolment, room int64, now time.Time) (chosen []candidate, turns []int) {
	type who struct {
		customer int64
		key      string
	}
	last := map[who]*model.Enrolment{}
	for i := range before { // in the order of turns
		last[who{before[i].CustomerID, before[i].EntryKey}] = &before[i]
	}
	seen := map[who]bool{}
	for _, c := range in {
		w := who{c.customer, c.key}
		if seen[w] || int64(len(chosen)) >= room || !d.Entry.mayEnter(last[w], now) {
			continue
		}
		seen[w] = true
		turn := 1
		if last[w] != nil {
			turn = last[w].Turn + 1
		}
		chosen, turns = append(chosen, c), append(turns, turn)
	}
	return chosen, turns
}

// enrolment is the beginning of a run.
func (d *Definition) enrolment(journey int64, version int, c candidate, turn int, zone *time.Location, now time.Time) model.Enrolment {
	e := model.Enrolment{
		JourneyID: journey, Version: version, CustomerID: c.customer, EntryKey: c.key, Turn: turn, State: Running, Node: d.Start, Visit: 1,
		ArrivedAt: now, DueAt: now, Cause: c.cause, EventID: c.event, Said: packSaid(c.said), EnteredAt: now, UpdatedAt: now,
	}
	if heldOut(journey, d.Holdout, c.customer) {
		e.State = Held
	}
	if d.Goal != nil {
		until := d.Goal.Within.After(now, zone)
		e.GoalUntil = &until
	}
	return e
}

func packSaid(said map[string]string) string {
	if len(said) == 0 {
		return ""
	}
	b, err := json.Marshal(said)
	if err != nil || len(b) > maxSaid {
		return ""
	}
	return string(b)
}

func unpackSaid(text string) map[string]string {
	var out map[string]string
	if text == "" || json.Unmarshal([]byte(text), &out) != nil {
		return nil
	}
	return out
}

// enterTx has candidates enter a journey that is running, as far as its rules allow, and tells how many did. Repeatable as
// far as those rules are.
func (s *Service) enterTx(tx *gorm.DB, journey int64, in []candidate) (int, error) {
	if len(in) == 0 {
		return 0, nil
	}
	row, err := lockJourney(tx, journey)
	if errors.Is(err, ErrNotFound) || err == nil && row.State != Active {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	d, err := s.plan(tx, row.ID, row.Version)
	if err != nil {
		return 0, err
	}
	now := s.now()
	today := dayNumber(now.In(s.Zone))
	if row.EntryDay != today {
		row.EntryDay, row.EntryCount = today, 0
	}
	var people []int64
	for _, c := range in {
		people = append(people, c.customer)
	}
	slices.Sort(people)
	people = slices.Compact(people)
	there, merged, err := standing(tx, people)
	if err != nil {
		return 0, err
	}
	in = slices.DeleteFunc(slices.Clone(in), func(c candidate) bool { return !there[c.customer] || merged[c.customer] })
	before, err := lastRuns(tx, journey, people)
	if err != nil {
		return 0, err
	}
	chosen, turns := d.choose(in, before, d.Entry.room(row.Entered, row.EntryCount), now)
	if len(chosen) == 0 {
		return 0, nil
	}
	rows := make([]*model.Enrolment, len(chosen))
	for i, c := range chosen {
		e := d.enrolment(journey, row.Version, c, turns[i], s.Zone, now)
		rows[i] = &e
	}
	isNew, err := model.InsertNew(tx, rows)
	if err != nil {
		return 0, err
	}
	n, err := s.told(tx, rows, isNew)
	if err != nil {
		return 0, err
	}
	row.Entered, row.EntryCount = row.Entered+int64(n), row.EntryCount+int64(n)
	model.AfterCommit(tx, s.poke)
	return n, saveJourney(tx, row, "entered", "entry_day", "entry_count")
}

// told records the entries that are new, and counts them.
func (s *Service) told(tx *gorm.DB, rows []*model.Enrolment, isNew []bool) (n int, err error) {
	var facts []event.Fact
	t := tally{}
	for i, e := range rows {
		if !isNew[i] {
			continue
		}
		n++
		facts = append(facts, event.JourneyEntered{JourneyFact: factOf(e, e.EnteredAt), Held: e.State == Held})
		if e.State == Held {
			t.add(e, "", countHeld)
		} else {
			t.add(e, "", countEntered)
			t.add(e, e.Node, "")
		}
	}
	if _, err := s.Events.Record(tx, facts...); err != nil {
		return 0, err
	}
	return n, countVisits(tx, t.rows())
}

func factOf(e *model.Enrolment, at time.Time) event.JourneyFact {
	return event.JourneyFact{JourneyID: e.JourneyID, EnrolmentID: e.ID, CustomerID: e.CustomerID, Version: e.Version, At: at}
}

// now is the time to the millisecond, as rows keep it.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }
