package catalog

import (
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/work"
)

// workAdopt looks for the customers of waiting orders.
const workAdopt = "catalog.adopt"

type adoption struct {
	OrderIDs []int64 `json:"order_ids"`
}

// errMerging: customers are being merged faster than their orders find out.
var errMerging = errors.New("catalog: the buyers are being merged; try again")

// holdBuyers finds the customers behind identities and holds their rows, so that none of them is merged
// into another while orders are written to it. Unknown identities are absent.
func holdBuyers(tx *gorm.DB, asked []Buyer) (map[Buyer]int64, error) {
	for range 5 {
		people, err := customersBehind(tx, asked)
		if err != nil || len(people) == 0 {
			return people, err
		}
		ids := make([]int64, 0, len(people))
		for _, id := range people {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		standing, err := holdCustomers(tx, ids)
		if err != nil {
			return nil, err
		}
		// One who was merged while we waited for the row has given the identity away: ask again.
		if standing == len(ids) {
			return people, nil
		}
	}
	return nil, errMerging
}

// AdoptTx gives orders that waited for these customers to them. Call it when a customer gets an
// identity; it may be repeated.
func (s *Service) AdoptTx(tx *gorm.DB, customerIDs []int64) error {
	for {
		ids, err := waitingFor(tx, customerIDs, adoptStep)
		if err != nil || len(ids) == 0 {
			return err
		}
		adopted, err := s.adoptTx(tx, ids)
		if err != nil || adopted == 0 {
			return err
		}
	}
}

// Adopt is AdoptTx in a transaction of its own for each hundred orders.
func (s *Service) Adopt(ctx context.Context, customerIDs ...int64) error {
	for {
		ids, err := waitingFor(s.db.WithContext(ctx), customerIDs, adoptStep)
		if err != nil || len(ids) == 0 {
			return err
		}
		var adopted int
		err = s.inTx(ctx, func(tx *gorm.DB) (err error) {
			adopted, err = s.adoptTx(tx, ids)
			return err
		})
		if err != nil || adopted == 0 {
			return err
		}
	}
}

// OnIdentified hears that a customer got an identity and gives them the orders that waited for it.
func (s *Service) OnIdentified(ctx context.Context, f event.Recorded) error {
	if f.CustomerID == 0 {
		return nil
	}
	return s.Adopt(ctx, f.CustomerID)
}

// adoptStep is how many orders find their customers in one transaction.
const adoptStep = 100

// adoptThese is the work that UpsertOrders leaves behind.
func (s *Service) adoptThese(ctx context.Context, _ *work.Lease, p adoption) error {
	return s.inTx(ctx, func(tx *gorm.DB) error {
		_, err := s.adoptTx(tx, p.OrderIDs)
		return err
	})
}

// adoptTx gives those of the orders that still wait, and whose buyer is known, to their customers.
func (s *Service) adoptTx(tx *gorm.DB, orderIDs []int64) (adopted int, err error) {
	asked, err := waitingBuyers(tx, orderIDs)
	if err != nil || len(asked) == 0 {
		return 0, err
	}
	people, err := holdBuyers(tx, asked) // before the orders, like everybody who takes both
	if err != nil || len(people) == 0 {
		return 0, err
	}
	orders, err := holdOrders(tx, orderIDs)
	if err != nil {
		return 0, err
	}
	var settled []*model.CustomerOrder
	for _, o := range orders {
		id := people[Buyer{o.BuyerKind, o.BuyerScope, o.BuyerValue}]
		if o.CustomerID != 0 || id == 0 {
			continue
		}
		o.CustomerID = id
		if err := updateRow(tx, &model.CustomerOrder{}, o.ID, map[string]any{"customer_id": id, "updated_at": s.now()}); err != nil {
			return 0, err
		}
		settled = append(settled, o)
	}
	return len(settled), s.settle(tx, settled, nil)
}

// Reconcile finds what was left behind by bad luck: orders whose customer is known by now, and lines
// whose product has another category. A nightly job; it may be stopped and run at any moment.
func (s *Service) Reconcile(ctx context.Context) error {
	db := s.db.WithContext(ctx)
	last, err := lastOrder(db)
	if err != nil {
		return err
	}
	const step = 5000 // rows that one statement looks at
	for from := int64(0); from < last; from += step {
		ids, err := adoptable(db, from, from+step)
		if err != nil {
			return err
		}
		for part := range slices.Chunk(ids, adoptStep) {
			if err := s.adoptThese(ctx, nil, adoption{part}); err != nil {
				return err
			}
		}
	}
	return s.relabelAll(ctx)
}

func (s *Service) relabelAll(ctx context.Context) error {
	db := s.db.WithContext(ctx)
	last, err := lastLine(db)
	if err != nil {
		return err
	}
	const step = 5000
	for from := int64(0); from < last; from += step {
		products, err := mislabelled(db, from, from+step)
		if err != nil {
			return err
		}
		for _, id := range products {
			if err := s.relabel(ctx, nil, relabelling{id}); err != nil {
				return err
			}
		}
	}
	return nil
}
