package coupon

import (
	"crypto/sha256"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/fault"
)

// useGathered decides about requests in the order in which they came, and writes what is granted.
func (s *Service) useGathered(tx *gorm.DB, items []useItem) ([]used, error) {
	g := s.newUsing(tx, items)
	for _, step := range g.steps() {
		if err := step(); err != nil {
			return nil, err
		}
	}
	outs := make([]used, len(items))
	for i := range g.all {
		outs[i] = g.all[i].out
	}
	return outs, nil
}

func (s *Service) newUsing(tx *gorm.DB, items []useItem) *using {
	now := s.Now()
	g := &using{s: s, tx: tx, now: now, all: make([]useAsking, len(items)), moved: newMoves(tx, now), expired: map[int64]int{}}
	g.day, _ = s.day(g.now)
	for i := range items {
		g.all[i] = useAsking{useItem: &items[i], key: items[i].in.Key.hash()}
		g.open = append(g.open, &g.all[i])
	}
	return g
}

func (g *using) steps() []func() error {
	return []func() error{g.repeats, g.lock, g.decide, g.meanwhile, g.write}
}

// useAsking is one request on its way.
type useAsking struct {
	*useItem
	key     hash
	bill    *weighed
	use     *model.CouponUse
	parts   []*model.CouponUsePart
	entries []*model.CouponEntry // of the parts
	facts   []*event.CouponUseFact
	out     used
}

// using is a handful of requests that are decided together.
type using struct {
	s   *Service
	tx  *gorm.DB
	now time.Time
	day string

	all     []useAsking
	open    []*useAsking
	uses    map[int64]*Use // the reservations asked about
	coupons map[int64]*held
	orders  map[hash]bool // that have coupons
	budgets *budgets
	moved   *moves
	expired map[int64]int // of coupons given back, by batch
	granted []*useAsking
	refused []*useAsking
}

func (g *using) settle() {
	g.open = slices.DeleteFunc(g.open, func(a *useAsking) bool { return a.out.err != nil || a.out.id != 0 })
}

// repeats answers those who were answered before.
func (g *using) repeats() error {
	keys := make([]hash, 0, len(g.open))
	here := map[hash]bool{}
	for _, a := range g.open {
		if here[a.key] {
			a.out.err = ErrInFlight
			continue
		}
		here[a.key] = true
		keys = append(keys, a.key)
	}
	g.settle()
	err := g.answerAgain(g.open, keys)
	g.settle()
	return err
}

// meanwhile looks once more for answers to those who are refused: see onceInTx.
func (g *using) meanwhile() error {
	keys := make([]hash, len(g.refused))
	for i, a := range g.refused {
		keys[i] = a.key
	}
	return g.answerAgain(g.refused, keys)
}

// answerAgain answers those of some who were answered before.
func (g *using) answerAgain(list []*useAsking, keys []hash) error {
	answered, err := requestsOf(g.tx, keys)
	if err != nil {
		return err
	}
	for _, a := range list {
		ans, err := answered.before(a.key, a.useItem.body)
		if err != nil {
			a.out.err = err
		} else if ans != nil {
			a.out = used{id: ans.ID}
		}
	}
	return nil
}

// lock takes hold of all rows in one order: uses, coupons, budgets.
func (g *using) lock() (err error) {
	var ids []int64
	var orders []hash
	for _, a := range g.open {
		if a.useID != 0 {
			ids = append(ids, a.useID)
		} else {
			orders = append(orders, orderKey(a.in.Bill.Order))
		}
	}
	if g.uses, err = lockUses(g.tx, ids); err != nil {
		return err
	}
	var coupons []int64
	for _, u := range g.uses {
		for _, p := range u.Parts {
			coupons = append(coupons, p.CouponID)
		}
	}
	for _, a := range g.open {
		coupons = append(coupons, a.in.Coupons...)
	}
	rows, err := lockCoupons(g.tx, coupons)
	if err != nil {
		return err
	}
	list, err := g.s.hold(g.tx, sorted(rows))
	if err != nil {
		return err
	}
	g.coupons = make(map[int64]*held, len(list))
	for _, h := range list {
		g.coupons[h.ID] = h
	}
	if err := g.weigh(); err != nil {
		return err
	}
	if g.orders, err = ordersWithCoupons(g.tx, orders); err != nil {
		return err
	}
	g.budgets, err = g.s.lockBudgets(g.tx, list, g.day, g.uses)
	return err
}

// weigh looks up what the coupons ask about the bills: goods, for all of them at once, and past orders. Both are
// read before the budgets are locked, which others wait for.
func (g *using) weigh() error {
	var bills []*weighed
	for _, a := range g.open {
		if a.useID != 0 {
			continue
		}
		var offers []*offer
		for _, id := range a.in.Coupons {
			if h := g.coupons[id]; h != nil {
				offers = append(offers, h.offer)
			}
		}
		w, goods, err := weighing(g.tx, a.in.Bill, a.in.CustomerID, g.now, offers)
		if err != nil {
			return err
		}
		if a.bill = w; goods {
			bills = append(bills, w)
		}
	}
	return lookUp(g.tx, bills)
}

func sorted(m map[int64]*model.Coupon) []*model.Coupon {
	list := make([]*model.Coupon, 0, len(m))
	for _, id := range sortedKeys(m) {
		list = append(list, m[id])
	}
	return list
}

// orderKey is by what an order has coupons only once.
func orderKey(number string) hash {
	sum := sha256.Sum256([]byte("order\x00" + number))
	return hash(sum[:hashSize])
}

func (g *using) decide() error {
	for _, a := range g.open {
		if a.useID != 0 {
			a.out.err = g.settleUse(a)
		} else {
			a.out.err = g.begin(a)
		}
		if a.out.err == nil {
			g.granted = append(g.granted, a)
		} else {
			g.refused = append(g.refused, a)
		}
	}
	return nil
}

// begin decides about a new use.
func (g *using) begin(a *useAsking) error {
	var list []*held
	for _, id := range a.in.Coupons {
		h := g.coupons[id]
		if h == nil || h.CustomerID != a.in.CustomerID {
			return ErrNotFound // somebody else's is as if there were none
		}
		if no := h.usable(g.now); no != nil {
			return refused(h, no)
		}
		list = append(list, h)
	}
	list = stacked(list)
	savings, bad, no := countAll(list, a.bill, g.s.Zone)
	if no != nil {
		return refused(bad, no)
	}
	order := orderKey(a.in.Bill.Order)
	if g.orders[order] {
		return ErrOrder
	}
	a.parts = a.parts[:0]
	for i, h := range list {
		a.parts = append(a.parts, partOf(h, a.bill, savings[i], i+1, g.budgets.day(h.BatchID, g.day)))
	}
	if !g.budgets.charge(a.parts) {
		return ErrBudget
	}
	g.orders[order] = true
	a.use = &model.CouponUse{
		CustomerID: a.in.CustomerID, State: UseRedeemed, OrderNumber: a.in.Bill.Order, OrderKey: order[:], Shop: a.in.Bill.Shop, APIKeyID: a.in.APIKeyID,
		StaffID: a.in.StaffID, Bill: asJSON(a.in.Bill), TotalFen: a.in.Bill.total(), RedeemedAt: &g.now, CreatedAt: g.now, UpdatedAt: g.now,
	}
	state := Used
	if a.verb == actReserve {
		until := g.now.Add(a.in.TTL)
		a.use.State, a.use.RedeemedAt, a.use.ExpiresAt, state = UseReserved, nil, &until, Reserved
	}
	for i, h := range list {
		off := a.parts[i].OffFen
		a.use.OffFen += off
		if h.offer.terms.FaceFen > 0 {
			h.BalanceFen -= off
		}
		h.State = h.after(state)
		g.note(a, h, a.parts[i], 1)
	}
	return nil
}

// note adds a move to the ledger that charges a budget so many times; less than nothing gives back.
func (g *using) note(a *useAsking, h *held, p *model.CouponUsePart, times int) {
	e := g.moved.add(h.Coupon, a.verb)
	e.StaffID, e.APIKeyID, e.Shop, e.BudgetDay = a.in.StaffID, a.in.APIKeyID, a.use.Shop, p.BudgetDay
	e.Count, e.Fen = times, p.OffFen*model.Fen(times)
	a.entries = append(a.entries, e)
	if a.verb == actRedeem {
		a.facts = append(a.facts, &event.CouponUseFact{CouponFact: factOf(h.Coupon, g.now), Order: a.use.OrderNumber, Shop: a.use.Shop, OffFen: int64(p.OffFen)})
	}
}

// after is the state of a coupon after it went to one; stored value is used up with its balance.
func (h *held) after(state string) string {
	if state == Used && h.BalanceFen > 0 {
		return Usable
	}
	return state
}

// refused says which coupon does not fit, and why.
func refused(h *held, no *Misfit) error {
	f := ErrRefused.With("coupon", no.Zh+" / "+no.En)
	f.Fields = append(f.Fields, fault.Field{Name: "reason", Reason: no.Code})
	return f
}

// partOf is what a coupon saves in a use.
func partOf(h *held, w *weighed, s saving, place int, day string) *model.CouponUsePart {
	var list []share
	for i, off := range s.lines {
		if off > 0 {
			list = append(list, share{Line: w.Lines[i].Line, Off: off})
		}
	}
	if s.shipping > 0 {
		list = append(list, share{Off: s.shipping})
	}
	return &model.CouponUsePart{CouponID: h.ID, BatchID: h.BatchID, Place: place, OffFen: s.total(), BudgetDay: day, Split: asJSON(list)}
}

// settleUse decides about a reservation.
func (g *using) settleUse(a *useAsking) error {
	u := g.uses[a.useID]
	if u == nil || u.APIKeyID != a.in.APIKeyID {
		return ErrNoUse
	}
	switch {
	case u.State != UseReserved:
		return ErrUse
	case a.verb == actRedeem && !g.now.Before(*u.ExpiresAt):
		return ErrOver
	}
	a.use, a.parts = &u.CouponUse, a.parts[:0]
	for i := range u.Parts {
		p := &u.Parts[i]
		h := g.coupons[p.CouponID]
		a.parts = append(a.parts, p)
		if a.verb == actRedeem {
			h.State = h.after(Used)
			g.note(a, h, p, 0)
			continue
		}
		g.giveBack(h, p)
		g.note(a, h, p, -1)
	}
	u.State, u.RedeemedAt, u.UpdatedAt = UseRedeemed, &g.now, g.now
	if a.verb == actRelease {
		u.State, u.RedeemedAt, u.OrderKey = UseReleased, nil, nil
	}
	return nil
}

// giveBack frees a coupon that was reserved.
func (g *using) giveBack(h *held, p *model.CouponUsePart) {
	if h.offer.terms.FaceFen > 0 {
		h.BalanceFen += p.OffFen
	}
	h.State = Usable
	if !g.now.Before(h.ValidUntil) {
		h.State = Expired
		g.expired[h.BatchID]++
	}
	g.budgets.give(p.BatchID, p.BudgetDay, 1, p.OffFen)
}

// write writes what was granted: uses, parts, coupons, ledger, budgets, answers, facts.
func (g *using) write() error {
	if len(g.granted) == 0 {
		return nil
	}
	if err := g.writeUses(); err != nil {
		return err
	}
	var facts []event.Fact
	requests := make([]*model.CouponRequest, len(g.granted))
	for i, a := range g.granted {
		for _, e := range a.entries {
			e.UseID = a.use.ID
		}
		for _, f := range a.facts {
			f.UseID = a.use.ID
			facts = append(facts, event.CouponRedeemed{CouponUseFact: *f})
		}
		body := a.useItem.body()
		a.out.id, a.out.use = a.use.ID, a.after()
		requests[i] = &model.CouponRequest{RequestKey: a.key[:], Body: body[:], Answer: answer{ID: a.use.ID}.text(), CreatedAt: g.now}
	}
	if err := g.moved.write(); err != nil {
		return err
	}
	if err := g.budgets.write(g.tx); err != nil {
		return err
	}
	for _, id := range sortedKeys(g.expired) {
		if err := addEnded(g.tx, id, "expired", g.expired[id]); err != nil {
			return err
		}
	}
	if err := insertRequests(g.tx, requests); err != nil {
		return err
	}
	_, err := g.s.Events.RecordEach(g.tx, facts...)
	return err
}

// after is the use as the caller is told of it.
func (a *useAsking) after() *Use {
	u := &Use{CouponUse: *a.use}
	for _, p := range a.parts {
		u.Parts = append(u.Parts, *p)
	}
	return u
}

// writeUses inserts the uses that are new and updates the others; coupons learn which use has them.
func (g *using) writeUses() error {
	var fresh []*model.CouponUse
	for _, a := range g.granted {
		if a.useID == 0 {
			fresh = append(fresh, a.use)
			continue
		}
		if err := updateUse(g.tx, a.use, UseReserved); err != nil {
			return err
		}
	}
	if err := insertUses(g.tx, fresh); err != nil {
		return err
	}
	var parts []*model.CouponUsePart
	for _, a := range g.granted {
		if a.useID != 0 {
			continue
		}
		for _, p := range a.parts {
			p.UseID = a.use.ID
			g.coupons[p.CouponID].UseID = a.use.ID
			parts = append(parts, p)
		}
	}
	return insertParts(g.tx, parts)
}
