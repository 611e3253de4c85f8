package governor

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
)

// Forecast is the governor in memory, for rehearsals and estimates: it answers as RuleTx would at a moment that is handed in,
// remembers what it has allowed, and writes nothing. Where RuleTx looks at what else is planned, it knows only what it was asked.
// It is for one goroutine; make one for each, with customers of its own.
type Forecast struct {
	g      *Governor
	rules  *rules
	people map[int64]*person
	nobody person
}

// Forecast makes one with the settings of now and of nobody.
func (g *Governor) Forecast(ctx context.Context) (*Forecast, error) {
	r, err := g.rulesNow(g.DB.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	return &Forecast{g: g, rules: r, people: map[int64]*person{}}, nil
}

// ForecastWith is Forecast with another setting than the one in force. It fails with ErrSetting.
func (g *Governor) ForecastWith(s Setting) (*Forecast, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return &Forecast{g: g, rules: newRules(&s, g.Zone, nil), people: map[int64]*person{}}, nil
}

// Load reads what is known of customers: what they want, where they live, what they were sent of late, their quotas. Whom it has
// loaded before begins anew. Of a customer who was never loaded nothing is known, and nothing stands in the way.
func (f *Forecast) Load(ctx context.Context, customerIDs []int64) error {
	ids := slices.Clone(customerIDs)
	slices.Sort(ids)
	db := f.g.DB.WithContext(ctx)
	for some := range slices.Chunk(slices.Compact(ids), chunkPeople) {
		if err := f.load(db, some); err != nil {
			return err
		}
	}
	return nil
}

func (f *Forecast) load(db *gorm.DB, ids []int64) error {
	if err := f.g.meet(db, f.rules, ids, f.people); err != nil {
		return err
	}
	for channel, q := range f.g.quotas {
		quotas, err := q.QuotasTx(db, ids, f.g.now())
		if err != nil {
			return err
		}
		for id, quota := range quotas {
			p := f.people[id]
			if p.quotas == nil {
				p.quotas = map[string]Quota{}
			}
			p.quotas[channel] = quota
		}
	}
	return readBooks(db, ids, func(id int64, marks string) { f.people[id].marks = readMarks(marks) })
}

// HoldOut has a source keep a share of customers out, as HoldOutTx does for good.
func (f *Forecast) HoldOut(source string, sourceID int64, share int) {
	f.rules.shares[sourceKey{source, sourceID}] = share
}

// Rule answers one ask at a moment and reserves what it allows. Of one customer ask in the order of time.
func (f *Forecast) Rule(now time.Time, a *Ask) Ruling {
	p := f.people[a.CustomerID]
	if p == nil {
		if a.CustomerID == 0 {
			return f.rules.decide(&f.nobody, a, now)
		}
		p = &person{}
		f.people[a.CustomerID] = p
	}
	ruling := f.rules.decide(p, a, now)
	if ruling.Verdict == Allow && f.rules.remembers(a) && !f.rules.reserved(p, a) {
		if len(p.marks) > forgetAfter {
			since := now.Add(-f.rules.keep()).UnixMilli()
			p.marks = slices.DeleteFunc(p.marks, func(m mark) bool { return m.at < since })
		}
		p.marks = addMark(p.marks, markOf(a, now))
	}
	return ruling
}

// forgetAfter is from how many marks on a long rehearsal forgets the old ones.
const forgetAfter = 64

// Return gives a reservation back.
func (f *Forecast) Return(did Reservation) {
	if p := f.people[did.CustomerID]; p != nil {
		p.marks = slices.DeleteFunc(p.marks, func(m mark) bool { return m.ref == did.Ref })
	}
}

// Budget is what a platform still lets through by a channel.
type Budget struct {
	Customers int // who have a quota at all
	Reachable int // who can get one message more
	Left      int // messages in all
	// Until is when the first quotas begin anew; zero: nobody has one.
	Until time.Time
}

// Budget sums the quotas of the customers who were loaded, with all that was allowed since.
func (f *Forecast) Budget(channel string) (b Budget) {
	for _, p := range f.people {
		q, ok := p.quotas[channel]
		if !ok {
			continue
		}
		b.Customers++
		if left := q.Limit - q.used(p.marks, channel); left > 0 {
			b.Reachable++
			b.Left += left
		}
		if b.Until.IsZero() || q.Until.Before(b.Until) {
			b.Until = q.Until
		}
	}
	return b
}
