package outreach

import (
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// change is what becomes of a delivery that is in hand.
type change struct {
	to     State
	class  string
	code   int
	reason string
	due    time.Time // of Planned
	free   bool      // of Planned: the attempt is not counted
}

// changes gathers deliveries by what becomes of them, so that many are written by one statement.
type changes struct {
	order []change
	of    map[change]*changed
}

type changed struct {
	lanes       map[int64][]int64 // ids by lane
	platformIDs map[int64]string
}

func (c *changes) add(ch change, r *model.Delivery) { c.addWithID(ch, r.LaneID, r.ID, "") }

func (c *changes) addWithID(ch change, lane, id int64, platformID string) {
	if c.of == nil {
		c.of = map[change]*changed{}
	}
	group := c.of[ch]
	if group == nil {
		group = &changed{lanes: map[int64][]int64{}, platformIDs: map[int64]string{}}
		c.of[ch] = group
		c.order = append(c.order, ch)
	}
	group.lanes[lane] = append(group.lanes[lane], id)
	if platformID != "" {
		group.platformIDs[id] = platformID
	}
}

// writeTx writes what became of deliveries that claimID took and that are in the state from; those that are in another by now are left.
func (c *changes) writeTx(tx *gorm.DB, t *tally, claimID int64, from State, now time.Time) error {
	for _, ch := range c.order {
		group := c.of[ch]
		for lane, ids := range group.lanes {
			n, err := writeChange(tx, claimID, from, ids, ch, group.platformIDs, now)
			if err != nil {
				return err
			}
			t.move(lane, from, ch.to, n)
		}
	}
	return nil
}
