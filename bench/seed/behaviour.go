package seed

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"time"

	"zhiyin/service/event"
)

// The kinds of events, which of their properties is what they are about, and how many of a hundred they are.
var kinds = []struct {
	name, item string
	share      int
}{
	{event.KindPageViewed, "page", 46}, {event.KindProductViewed, "product", 30}, {event.KindElementClicked, "element", 10},
	{event.KindCartAdded, "product", 6}, {event.KindSearched, "keyword", 5}, {event.KindShared, "target", 3},
}

var words = []string{"面霜", "礼盒", "新品", "防晒", "口红", "面膜", "精华", "套装", "优惠", "香水"}

// deed is something a customer did in the mini-program.
type deed struct {
	kind  int
	item  string
	at    int64
	value int64 // ms of dwell time
}

var shanghai = time.FixedZone("CST", 8*3600)

func (w *world) deeds(d *dice, customer int) []deed {
	_, n := shareOf(w.did, customer)
	if n == 0 {
		return nil
	}
	p := w.person(d, customer)
	r := w.of(d, streamEvents, customer)
	list := make([]deed, n)
	at := p.when(r)
	for i := range list {
		// Visits hold a few events each, minutes apart.
		if i == 0 || r.IntN(4) == 0 {
			at = p.when(r)
		} else {
			at = min(w.until-1, at+int64(r.IntN(300_000)))
		}
		e := deed{at: at}
		for x := r.IntN(100); x >= kinds[e.kind].share; e.kind++ {
			x -= kinds[e.kind].share
		}
		switch kinds[e.kind].name {
		case event.KindPageViewed:
			e.item, e.value = number("/pages/", w.page.draw(r)+1), int64(500+r.IntN(60_000))
		case event.KindElementClicked:
			e.item = number("button-", r.IntN(20)+1)
		case event.KindSearched:
			e.item = words[r.IntN(len(words))]
		default:
			e.item = number("p", w.product.draw(r)+1)
		}
		list[i] = e
	}
	sort.Slice(list, func(a, b int) bool { return list[a].at < list[b].at })
	return list
}

func (w *world) writeEvents(s *sheet, d *dice) {
	id := 0
	w.each(s, func(i int) {
		for _, e := range w.deeds(d, i) {
			id++
			k := kinds[e.kind]
			s.int(int64(id))
			s.text(k.name)
			s.int(1, int64(i), 0)
			s.text("miniapp", e.item)
			s.int(e.value)
			s.key(fmt.Sprintf("%016x", id))
			payload := `{"` + k.item + `":"` + e.item + `"`
			if e.value > 0 {
				payload += `,"dwell_ms":` + strconv.FormatInt(e.value, 10)
			}
			s.text(payload + "}")
			s.time(e.at, e.at)
			s.end()
		}
	})
}

// writeEventDays counts the same deeds by day of business.
func (w *world) writeEventDays(s *sheet, d *dice) {
	type key struct {
		kind int
		item string
		day  int64
	}
	type count struct {
		key
		times, value, first, last int64
	}
	var counts []count
	w.each(s, func(i int) {
		counts = counts[:0]
		for _, e := range w.deeds(d, i) {
			k := key{e.kind, e.item, dayOf(e.at)}
			at := slices.IndexFunc(counts, func(c count) bool { return c.key == k })
			if at < 0 {
				at = len(counts)
				counts = append(counts, count{key: k, first: e.at})
			}
			c := &counts[at]
			c.times, c.value, c.last = c.times+1, c.value+e.value, e.at
		}
		slices.SortFunc(counts, func(a, b count) int {
			return cmp.Or(cmp.Compare(kinds[a.kind].name, kinds[b.kind].name), cmp.Compare(a.item, b.item), cmp.Compare(a.day, b.day))
		})
		for _, c := range counts {
			s.int(int64(i))
			s.text(kinds[c.kind].name, c.item)
			s.int(c.day, c.times, c.value)
			s.time(c.first, c.last)
			s.end()
		}
	})
}

// dayOf is the day of business as yyyymmdd.
func dayOf(ms int64) int64 {
	y, m, d := time.UnixMilli(ms).In(shanghai).Date()
	return int64(y*10_000 + int(m)*100 + d)
}
