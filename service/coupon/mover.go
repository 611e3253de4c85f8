package coupon

import (
	"encoding/json"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Mover is what the customer capability calls when customers are merged, besides moving the coupons
// themselves: what the one who goes was given counts from then on towards the limits of the one who stands.
type Mover struct{}

// Mover gives the service's Mover.
func (s *Service) Mover() Mover { return Mover{} }

// Name is data.
func (Mover) Name() string { return "coupon_claims" }

// claimed is one coupon whose claimer changed.
type claimed struct {
	CouponID int64 `json:"coupon_id"`
	Number   int   `json:"number"` // it had
}

// Move counts the coupons of one to the other's, numbered after those.
func (Mover) Move(tx *gorm.DB, from, to int64) (journal [][]byte, err error) {
	rows, err := claimsOf(tx, from)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	next, err := lastNumbers(tx, to)
	if err != nil {
		return nil, err
	}
	var moved []claimed
	for _, c := range rows {
		next[c.BatchID]++
		if err := reclaim(tx, c.ID, to, next[c.BatchID]); err != nil {
			return nil, err
		}
		moved = append(moved, claimed{c.ID, c.Number})
	}
	b, err := json.Marshal(moved)
	return [][]byte{b}, err
}

// Undo gives them back.
func (Mover) Undo(tx *gorm.DB, from, _ int64, journal []byte) error {
	var moved []claimed
	if err := json.Unmarshal(journal, &moved); err != nil {
		return err
	}
	for _, c := range moved {
		if err := reclaim(tx, c.CouponID, from, c.Number); err != nil {
			return err
		}
	}
	return nil
}

func reclaim(tx *gorm.DB, id, claimer int64, number int) error {
	return tx.Model(&model.Coupon{}).Where("id = ?", id).UpdateColumns(map[string]any{"claimer_id": claimer, "number": number}).Error
}
