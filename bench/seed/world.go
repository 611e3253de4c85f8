package seed

import (
	"math"
	"math/rand/v2"
	"sort"
)

const day = 24 * 3600 * 1000 // ms

// What there is besides customers.
const (
	accounts   = 1
	staffs     = 200
	tagGroups  = 20
	tags       = 300
	categories = 60
	products   = 2000
	pages      = 80
)

// The streams of numbers that a customer's life is drawn from, one per subject.
const (
	streamPerson = iota + 1
	streamTags
	streamRelations
	streamGroups
	streamEvents
	streamOrders
	streamLifecycle
)

// world is what all tables must agree on: how many of everything each customer has. The slices hold, per customer,
// how many there are before hers.
type world struct {
	Options
	until     int64 // ms
	groups    int
	tagged    []uint32
	relations []uint32
	joined    []uint32
	did       []uint32
	bought    []uint32
	tag       lottery
	staff     lottery
	group     lottery
	product   lottery
	page      lottery
	city      lottery
}

// dice gives the numbers that belong to a customer and a subject.
type dice struct {
	pcg  rand.PCG
	rand *rand.Rand
}

// of makes d roll what it always rolls for this subject and customer.
func (w *world) of(d *dice, stream, customer int) *rand.Rand {
	if d.rand == nil {
		d.rand = rand.New(&d.pcg)
	}
	d.pcg.Seed(mix(w.Seed<<8|uint64(stream)), mix(uint64(customer)))
	return d.rand
}

// mix is the finaliser of SplitMix64: neighbours become strangers.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func newWorld(o Options) *world {
	w := &world{Options: o, until: o.Until.UnixMilli(), groups: max(40, o.Customers/500)}
	w.tag, w.staff, w.group = newLottery(tags, 0.7), newLottery(staffs, 0.5), newLottery(w.groups, 0.6)
	w.product, w.page, w.city = newLottery(products, 0.8), newLottery(pages, 0.9), newLottery(len(cities), 0.7)
	w.share()
	return w
}

// share deals out the totals. Few customers do most of what is done: activity is log-normal, and less than half buy.
func (w *world) share() {
	n := w.Customers
	tag, rel, grp, did, buy := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	var d dice
	for i := range n {
		p := w.person(&d, i+1)
		if p.mergedInto != 0 {
			continue // what she had belongs to the other one
		}
		r := d.rand
		tag[i] = 0.4 + min(p.activity, 4)
		rel[i] = 0.5 + r.Float64()
		grp[i] = p.activity * r.Float64()
		did[i] = p.activity * (0.2 + r.Float64())
		if r.Float64() < 0.45 {
			buy[i] = math.Sqrt(p.activity) * (0.2 + r.Float64()*r.Float64())
		}
	}
	w.tagged, w.did, w.bought = deal(tag, w.Tags), deal(did, w.Events), deal(buy, w.Orders)
	w.relations, w.joined = deal(rel, n+n/10), deal(grp, n/5)
}

// deal shares a total in proportion to the weights; the result says how many come before each, and at its end all.
func deal(weights []float64, total int) []uint32 {
	var sum float64
	for _, x := range weights {
		sum += x
	}
	before := make([]uint32, len(weights)+1)
	var sofar float64
	for i, x := range weights {
		sofar += x
		if sum > 0 {
			before[i+1] = uint32(math.Round(sofar / sum * float64(total)))
		}
	}
	return before
}

// share of customer i (from 1): the number of the first, from 0, and how many.
func shareOf(before []uint32, customer int) (first, n int) {
	return int(before[customer-1]), int(before[customer] - before[customer-1])
}

// lottery draws 0, 1, 2, … ever more rarely.
type lottery []uint16

const tickets = 1 << 14

func newLottery(n int, skew float64) lottery {
	sum := make([]float64, n)
	var total float64
	for i := range n {
		total += math.Pow(float64(i+1), -skew)
		sum[i] = total
	}
	l := make(lottery, tickets)
	for i := range l {
		l[i] = uint16(min(n-1, sort.SearchFloat64s(sum, (float64(i)+0.5)/tickets*total)))
	}
	return l
}

func (l lottery) draw(r *rand.Rand) int { return int(l[r.Uint32()%tickets]) }

// distinct draws n different ones out of all, in order.
func (l lottery) distinct(r *rand.Rand, n, all int, into []int) []int {
	into = into[:0]
	for n = min(n, all); len(into) < n; {
		x := l.draw(r)
		for tries := 0; contains(into, x); tries++ {
			if x = l.draw(r); tries > 20 {
				x = r.IntN(all)
			}
		}
		into = append(into, x)
	}
	sort.Ints(into)
	return into
}

func contains(list []int, x int) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// person is who a customer is.
type person struct {
	mergedInto int64
	firstSeen  int64
	lastSeen   int64 // when she was last around; half of all still are
	activity   float64
	city       int
	gender     int64
	birth      int64
	minor      bool
	family     int
	given      int
}

func (w *world) person(d *dice, customer int) person {
	r := w.of(d, streamPerson, customer)
	p := person{activity: math.Exp(r.NormFloat64()), city: w.city.draw(r), family: r.IntN(len(families)), given: r.IntN(len(givens) * len(givens))}
	if customer > 10 && r.IntN(300) == 0 {
		p.mergedInto = int64(r.IntN(10) + 1) // one of the first ten, who are merged into nobody
	}
	// More come every year.
	ago := int64(math.Pow(r.Float64(), 1.5) * 1095 * day)
	p.firstSeen, p.lastSeen = w.until-ago-day, w.until
	if r.IntN(2) == 0 {
		p.lastSeen = p.firstSeen + int64(r.Float64()*float64(w.until-p.firstSeen))
	}
	switch g := r.IntN(100); {
	case g < 55:
		p.gender = 2
	case g < 90:
		p.gender = 1
	}
	if r.IntN(100) < 60 {
		month := r.Int64N(12) + 1
		p.birth = month*100 + r.Int64N(28) + 1
	}
	p.minor = p.birth != 0 && r.IntN(200) == 0
	return p
}

// when draws a time at which the person was around.
func (p person) when(r *rand.Rand) int64 {
	return p.firstSeen + int64(r.Float64()*float64(p.lastSeen-p.firstSeen))
}
