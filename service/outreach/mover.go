package outreach

import (
	"encoding/json"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Mover moves deliveries when a customer turns out to be another one. Where both have the same intent, each keeps what became of theirs:
// the one that comes over is told apart by its Occurrence, and is called off if it has not left.
func (s *Service) Mover() *Mover { return &Mover{s} }

// Mover implements customer.Mover.
type Mover struct{ s *Service }

// Name is data.
func (*Mover) Name() string { return "delivery" }

// Owners tells which of many customers have deliveries.
func (*Mover) Owners(db *gorm.DB, among []int64) (ids []int64, err error) {
	err = db.Model(&model.Delivery{}).Where("customer_id IN ?", among).Distinct().Pluck("customer_id", &ids).Error
	if err != nil {
		return nil, fmt.Errorf("find owners of deliveries: %w", err)
	}
	return ids, nil
}

// movedDelivery is what undoing takes.
type movedDelivery struct {
	ID         int64   `json:"id"`
	Occurrence *string `json:"occurrence,omitempty"` // as it was, where it had to change
}

// movePart bounds one part of a journal.
const movePart = 500

// Move gives one customer the deliveries of another.
func (m *Mover) Move(tx *gorm.DB, from, to int64) ([][]byte, error) {
	goes, err := lockOfCustomer(tx, from)
	if err != nil || len(goes) == 0 {
		return nil, err
	}
	stays, err := lockOfCustomer(tx, to)
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for i := range stays {
		taken[nameOf(&stays[i])] = true
	}
	var journal []movedDelivery
	var plain []int64
	var t tally
	for i := range goes {
		row := &goes[i]
		if !taken[nameOf(row)] {
			plain = append(plain, row.ID)
			journal = append(journal, movedDelivery{ID: row.ID})
			continue
		}
		was := row.Occurrence
		journal = append(journal, movedDelivery{row.ID, &was})
		if err := moveTwin(tx, row, to); err != nil {
			return nil, fmt.Errorf("move a delivery: %w", err)
		}
		if State(row.State) == Planned {
			if _, err := m.s.moveTx(tx, &t, []model.Delivery{*row}, Planned, change{to: Cancelled, reason: reasonTwin}); err != nil {
				return nil, err
			}
		}
	}
	if err := giveDeliveries(tx, plain, from, to); err != nil {
		return nil, fmt.Errorf("move deliveries: %w", err)
	}
	var parts [][]byte
	for some := range slices.Chunk(journal, movePart) {
		b, err := json.Marshal(some)
		if err != nil {
			return nil, err
		}
		parts = append(parts, b)
	}
	return parts, t.writeTx(tx)
}

// Undo gives them back.
func (m *Mover) Undo(tx *gorm.DB, from, to int64, journal []byte) error {
	var moved []movedDelivery
	if err := json.Unmarshal(journal, &moved); err != nil {
		return fmt.Errorf("read the journal of deliveries: %w", err)
	}
	var plain []int64
	for _, d := range moved {
		if d.Occurrence == nil {
			plain = append(plain, d.ID)
			continue
		}
		if err := returnTwin(tx, d.ID, to, from, *d.Occurrence); err != nil {
			return fmt.Errorf("give back a delivery: %w", err)
		}
	}
	if err := giveDeliveries(tx, plain, to, from); err != nil {
		return fmt.Errorf("give back deliveries: %w", err)
	}
	return nil
}

// nameOf is what makes an intent one of its kind, but for the customer.
func nameOf(d *model.Delivery) string {
	return fmt.Sprintf("%s|%d|%q|%d|%q", d.Source, d.SourceID, d.Step, d.GroupID, d.Occurrence)
}
