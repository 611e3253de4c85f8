package outreach

import (
	"sync"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach/governor"
)

// strict is a governor that answers as the test says, and keeps count of what it reserved.
type strict struct {
	rule func(a governor.Ask) governor.Ruling

	mu       sync.Mutex // a lane settles while the next one claims
	reserved map[int64]bool
}

func (g *strict) RuleTx(_ *gorm.DB, asks []governor.Ask) ([]governor.Ruling, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]governor.Ruling, len(asks))
	for i, a := range asks {
		if out[i] = g.rule(a); out[i].Verdict == governor.Allow {
			g.reserved[a.Ref] = true
		}
	}
	return out, nil
}

func (g *strict) ReturnTx(_ *gorm.DB, did []governor.Reservation) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range did {
		delete(g.reserved, d.Ref)
	}
	return nil
}

// in runs f in a transaction.
func (r *rig) in(f func(tx *gorm.DB) error) {
	r.Helper()
	if err := model.InTx(r.Context(), r.db, f); err != nil {
		r.Fatal(err)
	}
}

// drain sends, one chunk after another, all that may leave now.
func (r *rig) drain(s *Service) {
	r.Helper()
	d := s.newDispatcher()
	for range 200 {
		n, err := d.round(r.Context(), r.Context())
		d.work.Wait()
		if err != nil {
			r.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
	r.Fatal("there is no end of what is due")
}

// deliveries are all rows by id.
func (r *rig) deliveries() (rows []model.Delivery) {
	r.Helper()
	if err := r.db.Order("id").Find(&rows).Error; err != nil {
		r.Fatal(err)
	}
	return rows
}
