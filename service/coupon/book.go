package coupon

import (
	"sync"

	"gorm.io/gorm"
)

// book keeps batches as they were read last, for those who know from the counters which version is meant.
type book struct {
	mu     sync.Mutex
	offers map[int64]*offer
}

// maxOffers bounds the book; it begins anew when there are more.
const maxOffers = 1000

// offer gives a batch at a version. A batch that has changed since is read anew.
func (b *book) offer(tx *gorm.DB, id, version int64) (*offer, error) {
	b.mu.Lock()
	o := b.offers[id]
	b.mu.Unlock()
	if o != nil && o.Version == version {
		return o, nil
	}
	row, err := batchByID(tx, id)
	if err != nil {
		return nil, err
	}
	if o, err = offerOf(row); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.offers == nil || len(b.offers) >= maxOffers {
		b.offers = map[int64]*offer{}
	}
	b.offers[id] = o
	return o, nil
}
