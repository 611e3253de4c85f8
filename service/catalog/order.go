package catalog

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// UpsertOrders takes orders as a shop tells them, in any order, and says what became of each. An order
// may come before its customer, its products, and after its refunds. It may be repeated. It fails with
// ErrTooMany.
func (s *Service) UpsertOrders(ctx context.Context, in []OrderInput) (outcomes []Outcome, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) (err error) {
		outcomes, err = s.UpsertOrdersTx(tx, in)
		return err
	})
	return outcomes, err
}

// UpsertOrdersTx is UpsertOrders as part of a larger change the caller is making.
func (s *Service) UpsertOrdersTx(tx *gorm.DB, in []OrderInput) ([]Outcome, error) {
	if len(in) > MaxBatch {
		return nil, ErrTooMany
	}
	b := &orderBatch{s: s, tx: tx, in: in}
	b.read()
	for _, step := range []func() error{b.findBuyers, b.mentionProducts, b.claim, b.write} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return b.outcomes, nil
}

// orderBatch is one call's orders on their way into the rows.
type orderBatch struct {
	s        *Service
	tx       *gorm.DB
	in       []OrderInput
	entries  []entry
	told     []string   // each buyer's value as it was told
	forms    [][]string // of each buyer's value, see Buyers
	people   map[Buyer]int64
	products map[string]sold
	held     map[string]*model.CustomerOrder
	isNew    map[string]bool
	outcomes []Outcome
}

// sold is what an order's line repeats of its product.
type sold struct{ id, categoryID int64 }

// read checks every order and puts its buyer into the form that is stored. The fingerprint holds no
// phone number, or that could be guessed from it.
func (b *orderBatch) read() {
	b.entries, b.forms, b.told = make([]entry, len(b.in)), make([][]string, len(b.in)), make([]string, len(b.in))
	for i := range b.in {
		in := b.in[i]
		in.PlacedAt, in.PaidAt, in.CompletedAt = ms(in.PlacedAt), msOrNil(in.PaidAt), msOrNil(in.CompletedAt)
		in.Lines = slices.SortedFunc(slices.Values(in.Lines), func(x, y LineInput) int { return x.Line - y.Line })
		wrong := in.check(b.s.now())
		if wrong == nil && in.Buyer != (Buyer{}) {
			forms, err := b.s.buyers.StoredIdentity(in.Buyer.Kind, in.Buyer.Scope, in.Buyer.Value)
			if err != nil || len(forms) == 0 {
				wrong = ErrInvalid.With("buyer.value", "不是有效的"+in.Buyer.Kind+" / not a valid "+in.Buyer.Kind)
			} else {
				b.told[i], b.forms[i], in.Buyer.Value = in.Buyer.Value, forms, forms[0]
			}
		}
		b.in[i], b.entries[i] = in, entry{number: in.Number, version: in.Version, wrong: wrong}
		if wrong == nil {
			b.entries[i].tell(in, b.forms[i])
		}
	}
}

// tell fingerprints an order. A phone number's index is left out, because it changes with the keys.
func (e *entry) tell(in OrderInput, forms []string) {
	if in.Buyer.Kind != "phone" {
		e.fingerprint = fingerprintOf(in)
		return
	}
	e.phones = forms
	for _, form := range forms {
		in.Buyer.Value = form
		e.older = append(e.older, fingerprintOf(in))
	}
	in.Buyer.Value = ""
	e.fingerprint = fingerprintOf(in)
}

func (b *orderBatch) findBuyers() (err error) {
	var asked []Buyer
	for i, in := range b.in {
		for _, form := range b.forms[i] {
			asked = append(asked, Buyer{in.Buyer.Kind, in.Buyer.Scope, form})
		}
	}
	b.people, err = holdBuyers(b.tx, asked)
	return err
}

// customerOf is who placed an order; 0: nobody known.
func (b *orderBatch) customerOf(i int) int64 {
	for _, form := range b.forms[i] {
		if id := b.people[Buyer{b.in[i].Buyer.Kind, b.in[i].Buyer.Scope, form}]; id != 0 {
			return id
		}
	}
	return 0
}

func (b *orderBatch) mentionProducts() (err error) {
	names := map[string]string{}
	for i, in := range b.in {
		if b.entries[i].wrong != nil {
			continue
		}
		for _, l := range in.Lines {
			names[l.Product] = strings.TrimSpace(l.Name)
		}
	}
	numbers := make([]string, 0, len(names))
	for n := range names {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	b.products, err = mention(b.tx, numbers, productNumber, func(number string) *model.Product {
		name := names[number]
		if name == "" {
			name = number
		}
		return &model.Product{Number: number, Name: name, Status: ProductMentioned, CreatedAt: b.s.now(), UpdatedAt: b.s.now()}
	}, func(p *model.Product) sold { return sold{p.ID, p.CategoryID} })
	return err
}

func (b *orderBatch) claim() (err error) {
	first := newest(b.entries)
	b.held, b.isNew, err = claim(b.tx, numbersOf(b.entries), orderNumber, func(number string) *model.CustomerOrder {
		row := &model.CustomerOrder{Number: number, CreatedAt: b.s.now()}
		b.fill(row, first[number])
		return row
	})
	return err
}

// fill makes a row say what was told.
func (b *orderBatch) fill(row *model.CustomerOrder, i int) {
	in := b.in[i]
	row.Shop, row.Status = in.Shop, in.Status
	row.BuyerKind, row.BuyerScope, row.BuyerValue = in.Buyer.Kind, in.Buyer.Scope, in.Buyer.Value
	row.TotalFen, row.DiscountFen, row.PaidFen = in.TotalFen, in.DiscountFen, in.PaidFen
	row.PlacedAt, row.PaidAt, row.CompletedAt = in.PlacedAt, in.PaidAt, in.CompletedAt
	row.Version, row.Fingerprint, row.UpdatedAt = in.Version, b.entries[i].fingerprint, b.s.now()
	row.CustomerID = b.customerOf(i)
}

func (b *orderBatch) write() error {
	stored := map[string]standing{}
	for n, row := range b.held {
		if !b.isNew[n] {
			stored[n] = standing{version: row.Version, fingerprint: row.Fingerprint, buyer: row.BuyerValue}
		}
	}
	for i, e := range b.entries {
		row := b.held[e.number]
		if e.wrong == nil && !b.isNew[e.number] && row.Version > 0 && row.Shop != b.in[i].Shop {
			b.entries[i].wrong = ErrOtherShop
		}
	}
	var prevails map[string]int
	b.outcomes, prevails = judgeAll(b.entries, stored)
	var changed []*model.CustomerOrder
	var lines []*model.OrderLine
	var before []int64 // whose totals change besides those of the orders' present customers
	for _, n := range numbersOf(b.entries) {
		i, ok := prevails[n]
		if !ok {
			continue
		}
		row := b.held[n]
		if !b.isNew[n] {
			before = append(before, row.CustomerID)
			b.fill(row, i)
			if err := updateOrder(b.tx, row); err != nil {
				return err
			}
		}
		if row.CustomerID == 0 && row.BuyerKind != "" { // may wait longer than the key of its form lasts
			if err := b.s.buyers.KeepIdentityTx(b.tx, row.BuyerKind, b.told[i]); err != nil {
				return err
			}
		}
		changed = append(changed, row)
		lines = append(lines, b.linesOf(row, i)...)
	}
	if err := replaceLines(b.tx, changed, lines); err != nil {
		return err
	}
	if err := b.s.lookAgain(b.tx, changed); err != nil {
		return err
	}
	return b.s.settle(b.tx, changed, before)
}

func (b *orderBatch) linesOf(row *model.CustomerOrder, i int) []*model.OrderLine {
	var lines []*model.OrderLine
	for _, l := range b.in[i].Lines {
		p := b.products[l.Product]
		lines = append(lines, &model.OrderLine{
			OrderID: row.ID, Line: l.Line, CustomerID: row.CustomerID, ProductID: p.id, CategoryID: p.categoryID, Name: strings.TrimSpace(l.Name),
			Quantity: l.Quantity, PriceFen: l.PriceFen, PaidFen: l.PaidFen, PaidAt: row.PaidAt,
		})
	}
	return lines
}

// lookAgain has the buyers of orders that are nobody's looked for once more after the commit: one who
// becomes known at this very moment does not see these orders yet, and we do not see them.
func (s *Service) lookAgain(tx *gorm.DB, orders []*model.CustomerOrder) error {
	var waiting adoption
	for _, o := range orders {
		if o.CustomerID == 0 && o.BuyerKind != "" {
			waiting.OrderIDs = append(waiting.OrderIDs, o.ID)
		}
	}
	if len(waiting.OrderIDs) == 0 {
		return nil
	}
	return s.queue.Enqueue(tx, work.Item{Kind: workAdopt, Payload: waiting})
}
