package coupon

import (
	"encoding/json"

	"gorm.io/gorm"
)

// GiftMover has gifts that somebody took count to the limits of who stands for them.
type GiftMover struct{}

// Name is data.
func (GiftMover) Name() string { return "coupon_gift_taken" }

// Move lays what one took to the other.
func (GiftMover) Move(tx *gorm.DB, from, to int64) (journal [][]byte, err error) {
	ids, err := giftsTakenBy(tx, from)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	b, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	return [][]byte{b}, setTaker(tx, ids, to)
}

// Undo gives it back.
func (GiftMover) Undo(tx *gorm.DB, from, _ int64, journal []byte) error {
	var ids []int64
	if err := json.Unmarshal(journal, &ids); err != nil {
		return err
	}
	return setTaker(tx, ids, from)
}
