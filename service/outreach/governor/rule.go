package governor

import (
	"cmp"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// chunkPeople bounds how many customers one statement asks about: databases plan longer lists otherwise.
const chunkPeople = 900

// RuleTx answers every ask, in order, in a number of statements that does not grow with a batch of up to 900 customers, and reserves
// what it allows in the caller's transaction: rolled back with it, held against everybody else until it ends. Of several asks about
// one customer the one of the highest priority is answered first.
func (g *Governor) RuleTx(tx *gorm.DB, asks []Ask) ([]Ruling, error) {
	out := make([]Ruling, len(asks))
	if len(asks) == 0 {
		return out, nil
	}
	now := g.now()
	r, err := g.rulesNow(tx)
	if err != nil {
		return nil, err
	}
	if r.shares, err = sharesOf(tx, asks); err != nil {
		return nil, err
	}
	order := inOrder(asks)
	for from := 0; from < len(order); {
		to, people := from, 0
		for to < len(order) && people <= chunkPeople {
			if to == from || asks[order[to]].CustomerID != asks[order[to-1]].CustomerID {
				people++
			}
			if people <= chunkPeople {
				to++
			}
		}
		b := &batch{g: g, tx: tx, rules: r, now: now, asks: asks, order: order[from:to], out: out}
		if err := b.rule(); err != nil {
			return nil, err
		}
		from = to
	}
	return out, insertRefusals(tx, tally(asks, out, now))
}

// inOrder sorts asks: by customer, so that books are locked in one order, and within a customer by who comes first.
func inOrder(asks []Ask) []int {
	order := make([]int, len(asks))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &asks[i], &asks[j]
		return cmp.Or(cmp.Compare(a.CustomerID, b.CustomerID), cmp.Compare(b.Priority, a.Priority), a.DueAt.Compare(b.DueAt), cmp.Compare(a.Ref, b.Ref), cmp.Compare(i, j))
	})
	return order
}

// batch is the asks about up to 900 customers.
type batch struct {
	g     *Governor
	tx    *gorm.DB
	rules *rules
	now   time.Time
	asks  []Ask
	order []int
	out   []Ruling

	people map[int64]*person
	books  map[int64]*model.ContactBook
}

func (b *batch) rule() error {
	if err := b.load(); err != nil {
		return err
	}
	counted := b.counted()
	if len(counted) == 0 {
		b.decide()
		return nil
	}
	var err error
	if b.books, err = lockBooks(b.tx, counted); err != nil {
		return err
	}
	raced, err := b.write(b.decide())
	if err != nil || !raced {
		return err
	}
	// Somebody has opened the book of one of these customers in the meantime: wait for them, and decide anew.
	if b.books, err = openBooks(b.tx, counted, b.now); err != nil {
		return err
	}
	_, err = b.write(b.decide())
	return err
}

// counted are the customers whose books matter.
func (b *batch) counted() (ids []int64) {
	for _, i := range b.order {
		a := &b.asks[i]
		if b.rules.remembers(a) && (len(ids) == 0 || ids[len(ids)-1] != a.CustomerID) {
			ids = append(ids, a.CustomerID)
		}
	}
	return ids
}

// load reads all there is to know of the customers but their books.
func (b *batch) load() error {
	var ids []int64
	for _, i := range b.order {
		if id := b.asks[i].CustomerID; id != 0 && (len(ids) == 0 || ids[len(ids)-1] != id) {
			ids = append(ids, id)
		}
	}
	b.people = make(map[int64]*person, len(ids)+1)
	b.people[0] = &person{}
	if len(ids) == 0 {
		return nil
	}
	if err := b.g.meet(b.tx, b.rules, ids, b.people); err != nil {
		return err
	}
	for channel, q := range b.g.quotas {
		if who := b.by(channel); len(who) > 0 {
			if err := b.quotas(channel, q, who); err != nil {
				return err
			}
		}
	}
	return b.findRivals(ids)
}

// meet reads what customers want and where they live.
func (g *Governor) meet(tx *gorm.DB, r *rules, ids []int64, people map[int64]*person) error {
	wishes, err := g.Wishes.WishesTx(tx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		people[id] = &person{wish: wishes[id]}
	}
	if r.ZoneField == "" {
		return nil
	}
	names, err := zoneNames(tx, r.ZoneField, ids)
	for id, name := range names {
		people[id].zone = g.zoneNamed(name)
	}
	return err
}

func (b *batch) by(channel string) (ids []int64) {
	for _, i := range b.order {
		a := &b.asks[i]
		if a.Channel == channel && a.CustomerID != 0 && (len(ids) == 0 || ids[len(ids)-1] != a.CustomerID) {
			ids = append(ids, a.CustomerID)
		}
	}
	return ids
}

func (b *batch) quotas(channel string, q Quotas, ids []int64) error {
	quotas, err := q.QuotasTx(b.tx, ids, b.now)
	for id, quota := range quotas {
		p := b.people[id]
		if p.quotas == nil {
			p.quotas = map[string]Quota{}
		}
		p.quotas[channel] = quota
	}
	return err
}

// findRivals looks for what is planned and more important than the least of the asks.
func (b *batch) findRivals(ids []int64) error {
	if b.rules.AheadHours == 0 {
		return nil
	}
	least, any := 0, false
	for _, i := range b.order {
		a := &b.asks[i]
		if a.Transactional || len(b.rules.limitsOf(a.Channel, a.Topic).caps) == 0 {
			continue
		}
		if !any || a.Priority < least {
			least, any = a.Priority, true
		}
	}
	if !any {
		return nil
	}
	until := b.now.Add(time.Duration(b.rules.AheadHours) * time.Hour)
	return rivalsOf(b.tx, ids, least, b.now, until, func(id int64, r rival) { b.people[id].rivals = append(b.people[id].rivals, r) })
}

// decide answers all asks and gives the customers whose books have changed, in order.
func (b *batch) decide() (dirty []int64) {
	for id, book := range b.books {
		b.people[id].marks = readMarks(book.Marks)
	}
	for _, i := range b.order {
		a := &b.asks[i]
		p := b.people[a.CustomerID]
		before := p.marks
		if a.Anew {
			p.marks = without(before, []int64{a.Ref})
		}
		if b.out[i] = b.rules.decide(p, a, b.now); b.out[i].Verdict != Allow {
			p.marks = before
		}
		if b.out[i].Verdict != Allow || !b.rules.remembers(a) || b.rules.reserved(p, a) {
			continue
		}
		p.marks = addMark(p.marks, markOf(a, b.now))
		if len(dirty) == 0 || dirty[len(dirty)-1] != a.CustomerID {
			dirty = append(dirty, a.CustomerID)
		}
	}
	return dirty
}

func markOf(a *Ask, now time.Time) mark {
	m := mark{at: now.UnixMilli(), ref: a.Ref, channel: a.Channel, topic: a.Topic}
	if a.Content != [32]byte{} {
		m.content = contentOf(a.Content)
	}
	return m
}

// write stores the books that have changed; raced when one that was to be opened is there already.
func (b *batch) write(dirty []int64) (raced bool, err error) {
	since := b.now.Add(-b.rules.keep())
	var opened, changed []*model.ContactBook
	for _, id := range dirty {
		text := writeMarks(b.people[id].marks, since)
		if book := b.books[id]; book != nil {
			book.Marks, book.UpdatedAt = text, b.now
			changed = append(changed, book)
			continue
		}
		b.people[id].marks = nil // in case it is decided anew
		opened = append(opened, &model.ContactBook{CustomerID: id, Marks: text, UpdatedAt: b.now})
	}
	if len(opened) > 0 {
		if err := insertBooks(b.tx, opened); model.IsDuplicate(err) {
			return true, nil
		} else if err != nil {
			return false, err
		}
	}
	return false, updateBooks(b.tx, changed)
}

// ReturnTx gives back reservations of what did not leave after all. Repeatable; one that does not stand is passed over.
func (g *Governor) ReturnTx(tx *gorm.DB, did []Reservation) error {
	refs := map[int64][]int64{}
	var ids []int64
	for _, d := range did {
		if d.CustomerID == 0 {
			continue
		}
		if refs[d.CustomerID] == nil {
			ids = append(ids, d.CustomerID)
		}
		refs[d.CustomerID] = append(refs[d.CustomerID], d.Ref)
	}
	slices.Sort(ids)
	for some := range slices.Chunk(ids, chunkPeople) {
		books, err := lockBooks(tx, some)
		if err != nil {
			return err
		}
		var changed []*model.ContactBook
		for _, id := range some {
			if book := books[id]; book != nil && strike(book, refs[id], g.now()) {
				changed = append(changed, book)
			}
		}
		if err := updateBooks(tx, changed); err != nil {
			return err
		}
	}
	return nil
}

// strike takes marks out of a book and tells whether there were any.
func strike(book *model.ContactBook, refs []int64, now time.Time) bool {
	marks := readMarks(book.Marks)
	left := without(marks, refs)
	if len(left) == len(marks) {
		return false
	}
	book.Marks, book.UpdatedAt = writeMarks(left, time.Time{}), now
	return true
}

// without is marks without those of some messages.
func without(marks []mark, refs []int64) []mark {
	return slices.DeleteFunc(slices.Clone(marks), func(m mark) bool { return slices.Contains(refs, m.ref) })
}
