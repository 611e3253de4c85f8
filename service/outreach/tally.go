package outreach

import (
	"cmp"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// tally gathers how the numbers of deliveries by lane and state change in a transaction. The zero tally is empty.
type tally struct{ changed map[place]int64 }

type place struct {
	lane  int64
	state State
}

func (t *tally) add(lane int64, s State, n int64) {
	if n == 0 {
		return
	}
	if t.changed == nil {
		t.changed = map[place]int64{}
	}
	t.changed[place{lane, s}] += n
}

// move notes that n deliveries of a lane went from one state to another.
func (t *tally) move(lane int64, from, to State, n int64) {
	t.add(lane, from, -n)
	t.add(lane, to, n)
}

// writeTx appends the changes: nobody waits for anybody, and they hold exactly when the transaction does.
func (t *tally) writeTx(tx *gorm.DB) error {
	var rows []model.DeliveryTally
	for p, n := range t.changed {
		if n != 0 {
			rows = append(rows, model.DeliveryTally{LaneID: p.lane, State: int8(p.state), Changed: n})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b model.DeliveryTally) int {
		return cmp.Or(cmp.Compare(a.LaneID, b.LaneID), cmp.Compare(a.State, b.State))
	})
	if err := tx.CreateInBatches(rows, 500).Error; err != nil {
		return fmt.Errorf("write the tally of deliveries: %w", err)
	}
	return nil
}
