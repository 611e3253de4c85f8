package catalog

import (
	"context"
	"slices"
	"time"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Place is where a page of orders ended; the zero Place is before the first page and after the last.
type Place struct {
	At int64 `json:"at"` // when it was placed, in ms
	ID int64 `json:"id"`
}

// OrderFilter selects orders. Zero values select all.
type OrderFilter struct {
	CustomerID           int64
	Number, Shop, Status string
	Waiting              bool // only those whose customer is not known yet
	PlacedFrom, PlacedTo time.Time
	After                Place
	Limit                int // at most 200
}

// OrderItem is an order of a list.
type OrderItem struct {
	model.CustomerOrder
	CustomerName string
}

// scope is whose orders may be seen.
type scope struct {
	all      bool
	staffIDs []int64
}

func (s *Service) scopeOf(ctx context.Context, v *staff.Viewer) (scope, error) {
	all, ids, err := s.viewers.VisibleStaff(ctx, v)
	return scope{all, ids}, err
}

// Orders lists the orders of the customers that the viewer may see, the last placed first. Those whose
// customer is not known are seen by whoever sees everybody.
func (s *Service) Orders(ctx context.Context, v *staff.Viewer, f OrderFilter) (list []OrderItem, end Place, err error) {
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, end, err
	}
	list, err = listOrders(s.db.WithContext(ctx), sc, f) // one more than fits
	if err == nil && len(list) > f.Limit {
		list = list[:f.Limit]
		last := list[f.Limit-1]
		end = Place{last.PlacedAt.UnixMilli(), last.ID}
	}
	return list, end, err
}

// OrderDetail is an order with its lines and refunds.
type OrderDetail struct {
	OrderItem
	Lines   []DetailLine
	Refunds []model.Refund
}

// DetailLine is a line with what it speaks of.
type DetailLine struct {
	model.OrderLine
	ProductNumber string
	ProductName   string
}

// Order gives an order of a customer that the viewer may see, or fails with ErrNotFound.
func (s *Service) Order(ctx context.Context, v *staff.Viewer, id int64) (*OrderDetail, error) {
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, err
	}
	return s.detail(ctx, sc, "customer_order.id = ?", id)
}

// OrderByNumber gives an order to whoever may see them all, or fails with ErrNotFound.
func (s *Service) OrderByNumber(ctx context.Context, number string) (*OrderDetail, error) {
	return s.detail(ctx, scope{all: true}, "customer_order.number = ?", number)
}

func (s *Service) detail(ctx context.Context, sc scope, cond string, arg any) (*OrderDetail, error) {
	db := s.db.WithContext(ctx)
	o, err := findOrder(db, sc, cond, arg)
	if err != nil {
		return nil, err
	}
	d := &OrderDetail{OrderItem: *o}
	if d.Lines, err = detailLines(db, o.ID); err != nil {
		return nil, err
	}
	refunds, err := refundsOf(db, []int64{o.ID})
	for _, r := range refunds[o.ID] {
		d.Refunds = append(d.Refunds, *r)
	}
	return d, err
}

// RefundFilter selects refunds. Zero values select all.
type RefundFilter struct {
	CustomerID            int64
	Number, Order, Status string
	After                 int64 // the last row of the page before
	Limit                 int
}

// RefundItem is a refund of a list.
type RefundItem struct {
	model.Refund
	CustomerName string
}

// Refunds lists the refunds of the customers that the viewer may see, the last told first.
func (s *Service) Refunds(ctx context.Context, v *staff.Viewer, f RefundFilter) ([]RefundItem, error) {
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return nil, err
	}
	return listRefunds(s.db.WithContext(ctx), sc, f)
}

// ProductFilter selects products. Zero values select all.
type ProductFilter struct {
	Number, NamePrefix, Status string
	CategoryID                 int64 // of it or of one below it
	After                      int64
	Limit                      int
}

// ProductItem is a product of a list.
type ProductItem struct {
	model.Product
	CategoryName string
}

// Products lists products, the last told of first.
func (s *Service) Products(ctx context.Context, f ProductFilter) ([]ProductItem, error) {
	db := s.db.WithContext(ctx)
	var within []int64
	if f.CategoryID != 0 {
		var err error
		if within, err = s.CategoriesBelow(ctx, f.CategoryID); err != nil {
			return nil, err
		}
	}
	return listProducts(db, f, within)
}

// CategoriesBelow gives a category and all those below it.
func (s *Service) CategoriesBelow(ctx context.Context, id int64) ([]int64, error) {
	rows, err := allCategories(s.db.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	t := make(tree, len(rows))
	for _, r := range rows {
		t[r.ID] = r.ParentID
	}
	ids := []int64{id}
	for _, r := range rows {
		if r.ID != id && t.isBelow(r.ID, id) {
			ids = append(ids, r.ID)
		}
	}
	return ids, nil
}

// Totals gives what a customer bought in all; zeros for one who bought nothing.
func (s *Service) Totals(ctx context.Context, customerID int64) (model.CustomerTrade, error) {
	found, err := totalsOf(s.db.WithContext(ctx), []int64{customerID})
	t := found[customerID]
	t.CustomerID = customerID
	return t, err
}

// CustomerBehind finds who is recognised by an identity, as orders name buyers; ErrNotFound for nobody.
func (s *Service) CustomerBehind(ctx context.Context, b Buyer) (int64, error) {
	if !slices.Contains(buyerKinds, b.Kind) {
		return 0, ErrInvalid.With("kind", "没有这种身份 / there is no such kind of identity")
	}
	forms, err := s.buyers.StoredIdentity(b.Kind, b.Scope, b.Value)
	if err != nil {
		return 0, ErrInvalid.With("value", "不是有效的"+b.Kind+" / not a valid "+b.Kind)
	}
	asked := make([]Buyer, len(forms))
	for i, f := range forms {
		asked[i] = Buyer{b.Kind, b.Scope, f}
	}
	found, err := customersBehind(s.db.WithContext(ctx), asked)
	if err != nil {
		return 0, err
	}
	for _, a := range asked {
		if id := found[a]; id != 0 {
			return id, nil
		}
	}
	return 0, ErrNotFound
}
