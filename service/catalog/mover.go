package catalog

import "gorm.io/gorm"

// Mover is what the customer capability calls when customers are merged, and when that is undone, after
// it has moved the orders themselves: totals are counted anew, because refunds that came between a merge
// and its undoing can't be told apart in sums.
type Mover struct{ s *Service }

// Mover gives the service's Mover.
func (s *Service) Mover() Mover { return Mover{s} }

// Name is data.
func (Mover) Name() string { return "catalog_totals" }

// Move counts anew what the one who stands bought; the other's totals are gone with the rows.
func (m Mover) Move(tx *gorm.DB, _, to int64) (journal [][]byte, err error) {
	found, err := totalsOf(tx, []int64{to})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return [][]byte{[]byte("{}")}, m.s.RecountTx(tx, []int64{to})
}

// Undo counts anew what each of them bought.
func (m Mover) Undo(tx *gorm.DB, from, to int64, _ []byte) error {
	return m.s.RecountTx(tx, []int64{from, to})
}
