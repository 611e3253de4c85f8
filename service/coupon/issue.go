package coupon

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/fault"
)

// IssueInput asks for one coupon for one customer.
type IssueInput struct {
	BatchID    int64
	CustomerID int64
	Key        Key
	// Source says how it comes about, SourceID the row that it comes from (an enrolment, a draw, a
	// points entry, a run); the others what else it is to be judged by.
	Source        string
	SourceID      int64
	CampaignID    int64
	JourneyID     int64
	Step          string
	ChannelCodeID int64
	StaffID       int64 // who gives it, or whose customer it was; 0: nobody
	// Device and Address are where a customer takes it from; only hashes are kept.
	Device, Address string
	// Code is what makes it, instead of BatchID.
	Code string
	// Reason is for people who read the ledger.
	Reason string
}

// taken tells whether a customer takes it themself.
func (in *IssueInput) taken() bool { return in.Source == SourceClaim || in.Source == SourceCode }

// body is what makes two requests the same. Where a request comes from is no part of what it asks, and of what a customer
// takes neither is what brought them.
func (in *IssueInput) body() hash {
	if in.taken() {
		return bodyOf(actIssue, []any{in.BatchID, in.CustomerID, in.Source, normalCode(in.Code)})
	}
	return bodyOf(actIssue, []any{in.BatchID, in.CustomerID, in.Source, in.SourceID, in.CampaignID, in.JourneyID, in.Step, in.ChannelCodeID, in.StaffID, normalCode(in.Code)})
}

// issued is what became of one IssueInput.
type issued struct {
	coupon *model.Coupon
	again  bool // it was answered before
	err    error
}

// Issue gives a customer a coupon, after the commit that it shares with whoever asks at the same moment.
// Repeating a Key gives the coupon of the first time. It fails with ErrKey, ErrOther, ErrInFlight,
// ErrNoBatch, ErrClosed, ErrSoldOut, ErrLimit, ErrDayLimit, ErrDevice, ErrAudience, ErrMayNot or
// ErrAllowance.
func (s *Service) Issue(ctx context.Context, in IssueInput) (*model.Coupon, error) {
	release, err := s.flight.take(in.Key)
	if err != nil {
		return nil, err
	}
	defer release()
	if in.Code == "" && s.goneLately(in.BatchID, s.Now()) {
		return s.tooLate(ctx, &in)
	}
	out, err := s.claims.Do(ctx, in)
	if errors.Is(err, model.ErrTooManyWaiting) {
		return nil, ErrBusy
	}
	if err == nil {
		err = out.err
	}
	return out.coupon, err
}

// tooLate answers who asks for what is known to be sold out: as before who was answered before, else ErrSoldOut. It takes a part in one
// query, and no transaction.
func (s *Service) tooLate(ctx context.Context, in *IssueInput) (*model.Coupon, error) {
	row, err := s.earlier.Do(ctx, in.Key.hash())
	switch {
	case errors.Is(err, model.ErrTooManyWaiting):
		return nil, ErrBusy
	case err != nil:
		return nil, err
	case row == nil:
		return nil, ErrSoldOut
	}
	a, err := known{hash(row.RequestKey): row}.before(hash(row.RequestKey), in.body)
	if err != nil {
		return nil, err
	}
	return couponByID(s.DB.WithContext(ctx), a.ID)
}

// earlierGathered finds what was answered under keys; nil: nothing.
func earlierGathered(db *gorm.DB, keys []hash) ([]*model.CouponRequest, error) {
	found, err := requestsOf(db, keys)
	if err != nil {
		return nil, err
	}
	rows := make([]*model.CouponRequest, len(keys))
	for i, k := range keys {
		rows[i] = found[k]
	}
	return rows, nil
}

// ErrBusy is for a rush beyond what waits in line.
var ErrBusy = fault.New(fault.Unavailable, "coupon.busy", "领取人数较多，请稍后再试", "many are asking; try again in a moment").After(time.Second)

// IssueTx is Issue as part of a larger change the caller is making. It locks the batch's counters until the
// caller commits, so let it be the last that the change does.
func (s *Service) IssueTx(tx *gorm.DB, in IssueInput) (*model.Coupon, error) {
	outs, err := s.issueGathered(tx, []IssueInput{in})
	if err != nil {
		return nil, err
	}
	return outs[0].coupon, outs[0].err
}

// Outcome is what became of one request: a coupon, or why there is none.
type Outcome struct {
	Coupon *model.Coupon
	Err    error
}

// IssueEachTx is IssueTx for many at once, which are decided in their order and written together. Some hundreds to a thousand are a good
// number.
func (s *Service) IssueEachTx(tx *gorm.DB, ins []IssueInput) ([]Outcome, error) {
	outs, err := s.issueGathered(tx, ins)
	if err != nil {
		return nil, err
	}
	each := make([]Outcome, len(outs))
	for i, o := range outs {
		each[i] = Outcome{o.coupon, o.err}
	}
	return each, nil
}

// issueGathered decides about requests in the order in which they came and writes what is granted. It is
// the one way in which coupons come about.
func (s *Service) issueGathered(tx *gorm.DB, ins []IssueInput) ([]issued, error) {
	g := s.newIssuing(tx, ins)
	for _, step := range g.steps() {
		if err := step(); err != nil {
			return nil, err
		}
	}
	outs := make([]issued, len(ins))
	for i := range g.all {
		outs[i] = g.all[i].out
	}
	return outs, nil
}

func (s *Service) newIssuing(tx *gorm.DB, ins []IssueInput) *issuing {
	g := &issuing{s: s, tx: tx, now: s.Now(), all: make([]asking, len(ins)), batches: map[int64]*batchIssue{}}
	g.day, g.began = s.day(g.now)
	for i := range ins {
		g.all[i] = asking{in: &ins[i], key: ins[i].Key.hash(), batchID: ins[i].BatchID, late: s.goneLately(ins[i].BatchID, g.now)}
		g.open = append(g.open, &g.all[i])
	}
	return g
}

func (g *issuing) steps() []func() error {
	return []func() error{g.repeats, g.codes, g.lock, g.ask, g.decide, g.meanwhile, g.write}
}

// asking is one request on its way to a coupon.
type asking struct {
	in      *IssueInput
	key     hash
	batchID int64
	code    *model.CouponCode // that it comes by
	late    bool              // what it asks for was known to be sold out before its key was looked for
	out     issued
}

// issuing is a handful of requests that are decided together.
type issuing struct {
	s     *Service
	tx    *gorm.DB
	now   time.Time
	day   string    // today
	began time.Time // and since when it is

	all     []asking
	open    []*asking // who has no answer yet, in their order
	batches map[int64]*batchIssue
	granted []*asking
	refused []*asking // by what rows say
}

// batchIssue is what is known of one of the batches asked for.
type batchIssue struct {
	*offer
	count   *model.CouponCount
	members map[int64]bool   // who is in its audience
	taken   map[int64]*taken // by customer
	given   map[int64]int64  // by staff, today
	origins origins
	spent   bool          // its budget is used up: asked for campaigns alone
	n       int           // granted here
	gave    map[int64]int // granted here, by staff
}

// settle leaves those in open who have no answer yet.
func (g *issuing) settle() {
	g.open = slices.DeleteFunc(g.open, func(a *asking) bool { return a.out.err != nil || a.out.coupon != nil })
}

// repeats answers those who were answered before.
func (g *issuing) repeats() error {
	keys := make([]hash, 0, len(g.open))
	here := map[hash]bool{}
	for _, a := range g.open {
		if a.out.err = a.in.Key.wellFormed(); a.out.err != nil {
			continue
		}
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
func (g *issuing) meanwhile() error {
	keys := make([]hash, len(g.refused))
	for i, a := range g.refused {
		keys[i] = a.key
	}
	return g.answerAgain(g.refused, keys)
}

// answerAgain answers those of some who were answered before.
func (g *issuing) answerAgain(list []*asking, keys []hash) error {
	answered, err := requestsOf(g.tx, keys)
	if err != nil || len(answered) == 0 {
		return err
	}
	earlier := map[int64]*asking{}
	for _, a := range list {
		ans, err := answered.before(a.key, a.in.body)
		if err != nil {
			a.out.err = err
		} else if ans != nil {
			earlier[ans.ID] = a
		}
	}
	rows, err := couponsByID(g.tx, sortedKeys(earlier))
	for _, c := range rows {
		earlier[c.ID].out = issued{coupon: c, again: true}
	}
	return err
}

// lock takes hold of the counters of the batches and reads what these say.
func (g *issuing) lock() error {
	var ids []int64
	for _, a := range g.open {
		if a.late {
			a.out.err = ErrSoldOut // whoever got the last ones had their answers by then
		} else if g.s.goneLately(a.batchID, g.now) {
			g.refuse(a, ErrSoldOut)
		} else if !slices.Contains(ids, a.batchID) {
			ids = append(ids, a.batchID)
		}
	}
	g.settle()
	if len(ids) == 0 {
		return nil
	}
	counts, err := lockCounts(g.tx, ids)
	if err != nil {
		return err
	}
	for id, n := range counts {
		o, err := g.s.book.offer(g.tx, id, n.Version)
		if err != nil {
			return err
		}
		g.batches[id] = &batchIssue{offer: o, count: n, gave: map[int64]int{}}
	}
	return nil
}

// ask reads what the decisions follow from: all of it after the locks, so that it holds until the commit.
func (g *issuing) ask() (err error) {
	for id, b := range g.batches {
		if b.count.State != BatchActive || b.left() == 0 {
			continue // whatever else is so, they are refused
		}
		var list []*asking
		var customers []int64
		for _, a := range g.open {
			if a.batchID == id {
				list, customers = append(list, a), append(customers, a.in.CustomerID)
			}
		}
		if b.SegmentID != 0 {
			if b.members, err = membersAmong(g.tx, b.SegmentID, customers); err != nil {
				return err
			}
		}
		if b.taken, err = takenBy(g.tx, id, customers, g.began); err != nil {
			return err
		}
		if b.Transferable {
			if err = g.received(b, customers); err != nil {
				return err
			}
		}
		if b.given, err = g.allowances(b, list); err != nil {
			return err
		}
		if b.origins, err = g.origins(b, list); err != nil {
			return err
		}
		if b.spent, err = g.spent(b, list); err != nil {
			return err
		}
	}
	return nil
}

// left is how many of the stock are left; -1: any number.
func (b *batchIssue) left() int64 {
	if b.count.Stock == 0 {
		return -1
	}
	return max(0, b.count.Stock-b.count.Issued-int64(b.n))
}

// decide goes through the requests in their order.
func (g *issuing) decide() error {
	for _, a := range g.open {
		b := g.batches[a.batchID]
		if b == nil {
			a.out.err = ErrNoBatch
			continue
		}
		err := g.issuable(a, b)
		if err == nil {
			a.out.coupon = g.make(a.in, b)
			g.granted = append(g.granted, a)
			continue
		}
		if errors.Is(err, ErrSoldOut) { // once it is committed who took the last: else there are some left after all
			model.AfterCommit(g.tx, func() { g.s.gone(b.ID, g.now) })
		}
		g.refuse(a, err)
	}
	return nil
}

func (g *issuing) refuse(a *asking, err error) {
	a.out.err = err
	g.hide(a)
	g.refused = append(g.refused, a)
}

// hide keeps from who came by a code what became of the batch behind it: a code that makes no coupon is
// like one that there never was. What is so of the customer they may know.
func (g *issuing) hide(a *asking) {
	if a.in.Source == SourceCode && !errors.Is(a.out.err, ErrLimit) && !errors.Is(a.out.err, ErrDayLimit) && !errors.Is(a.out.err, ErrDevice) {
		a.out.err = ErrCode
	}
}

// make makes the coupon of a request that is granted, and counts it among what was taken.
func (g *issuing) make(in *IssueInput, b *batchIssue) *model.Coupon {
	had := b.taken[in.CustomerID]
	if had == nil {
		had = &taken{ClaimerID: in.CustomerID}
		b.taken[in.CustomerID] = had
	}
	had.Number, had.Had, had.Today = had.Number+1, had.Had+1, had.Today+1
	b.n++
	if in.Source == SourceStaff {
		b.given[in.StaffID]++
		b.gave[in.StaffID]++
	}
	c := &model.Coupon{
		BatchID: b.ID, CustomerID: in.CustomerID, ClaimerID: in.CustomerID, Number: had.Number, State: Usable, Version: 1, BalanceFen: b.terms.FaceFen,
		Source: in.Source, SourceID: in.SourceID, CampaignID: in.CampaignID, JourneyID: in.JourneyID, Step: in.Step, ChannelCodeID: in.ChannelCodeID,
		StaffID: in.StaffID, CreatedAt: g.now, MovedAt: g.now,
	}
	c.ValidFrom, c.ValidUntil = b.validity(g.now, g.s.Zone)
	if c.Score = b.origins.score(in, g.s.Key); b.ReviewAt > 0 && c.Score >= b.ReviewAt {
		c.State = InReview
	}
	c.RemindAt = b.remindAt(c, g.now, g.s.Zone)
	b.origins.add(in, g.s.Key)
	return c
}

// write writes what was granted: coupons, ledger, answers, counters, facts.
func (g *issuing) write() error {
	if len(g.granted) == 0 {
		return nil
	}
	coupons := make([]*model.Coupon, len(g.granted))
	for i, a := range g.granted {
		coupons[i] = a.out.coupon
	}
	if err := insertCoupons(g.tx, coupons); err != nil {
		return err
	}
	requests := make([]*model.CouponRequest, len(coupons))
	var facts []event.Fact
	for i, a := range g.granted {
		c, body := coupons[i], a.in.body()
		requests[i] = &model.CouponRequest{RequestKey: a.key[:], Body: body[:], Answer: answer{ID: c.ID}.text(), CreatedAt: g.now}
		if c.State == Usable {
			facts = append(facts, event.CouponIssued{CouponFact: factOf(c, g.now), ValidUntil: c.ValidUntil})
		}
	}
	if err := g.beginLedger(coupons); err != nil {
		return err
	}
	if err := insertRequests(g.tx, requests); err != nil {
		return err
	}
	if err := g.count(); err != nil {
		return err
	}
	_, err := g.s.Events.RecordEach(g.tx, facts...)
	return err
}

// beginLedger writes the first entries of coupons. Where one statement inserted them, for one reason, the database makes their
// entries of them, which spares sending all of it twice.
func (g *issuing) beginLedger(coupons []*model.Coupon) error {
	first, last, reason := coupons[0].ID, coupons[len(coupons)-1].ID, g.granted[0].in.Reason
	alike := last-first == int64(len(coupons))-1 && !slices.ContainsFunc(g.granted, func(a *asking) bool { return a.in.Reason != reason })
	if alike {
		return insertFirstEntries(g.tx, first, last, reason)
	}
	entries := make([]*model.CouponEntry, len(coupons))
	for i, a := range g.granted {
		entries[i] = entryOf(coupons[i], actIssue, g.now)
		entries[i].StaffID, entries[i].Reason = a.in.StaffID, a.in.Reason
	}
	return insertEntries(g.tx, entries)
}

// count lowers what the coupons were taken from: stocks, allowances, codes.
func (g *issuing) count() error {
	for _, id := range sortedKeys(g.batches) {
		b := g.batches[id]
		if b.n == 0 {
			continue
		}
		if err := addIssued(g.tx, id, b.n); err != nil {
			return err
		}
		for _, who := range sortedKeys(b.gave) {
			if err := addGiven(g.tx, id, who, g.day, b.gave[who]); err != nil {
				return err
			}
		}
	}
	var from []*model.CouponOrigin
	for _, a := range g.granted {
		if a.code != nil && a.code.Single {
			if err := takeCode(g.tx, a.code.ID, a.out.coupon, g.now); err != nil {
				return err
			}
		}
		if o := g.batches[a.batchID].origins.row(a, g.now, g.s.Key); o != nil {
			from = append(from, o)
		}
	}
	return insertOrigins(g.tx, from)
}

// entryOf begins the ledger's entry of a move after which a coupon is as given.
func entryOf(c *model.Coupon, act string, at time.Time) *model.CouponEntry {
	return &model.CouponEntry{CouponID: c.ID, Version: c.Version, BatchID: c.BatchID, CustomerID: c.CustomerID, Act: act, State: c.State, At: at}
}

// factOf is what the facts about a coupon share.
func factOf(c *model.Coupon, at time.Time) event.CouponFact {
	return event.CouponFact{
		CouponID: c.ID, BatchID: c.BatchID, CustomerID: c.CustomerID, Way: c.Source, CampaignID: c.CampaignID, JourneyID: c.JourneyID, Step: c.Step,
		ChannelCodeID: c.ChannelCodeID, StaffID: c.StaffID, Version: c.Version, At: at,
	}
}
