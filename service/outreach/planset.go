package outreach

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Set is one message to every customer of a frozen audience.
type Set struct {
	Intent   // what all have in common; CustomerID, GroupID and Values stay empty
	Audience Audience
}

// Audience names the rows that hold a frozen audience: a table with a column customer_id and an index on (KeyColumn, customer_id). All names
// come from code, never from people.
type Audience struct {
	Table     string
	KeyColumn string
	Key       int64
	// Only is a further condition on the rows, such as "variant <> ''"; it has no parameters. Empty: none.
	Only string
	// Columns that say of each customer what the Set's Intent says of all; empty: the Intent's counts.
	StepColumn, StaffColumn, DueColumn string
}

var identifier = regexp.MustCompile(`^[a-z_]*$`)

func (a *Audience) check() error {
	for _, name := range []string{a.Table, a.KeyColumn, a.StepColumn, a.StaffColumn, a.DueColumn} {
		if !identifier.MatchString(name) {
			return fmt.Errorf("plan: %q is no name of a table or column", name)
		}
	}
	if a.Table == "" || a.KeyColumn == "" {
		return fmt.Errorf("plan: the audience has no table or no key")
	}
	return nil
}

// mark tells sets apart; planning the same one again goes on where it stopped.
func (set *Set) mark() string {
	in := &set.Intent
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v %q %q %d", set.Audience, in.lane().Alike, in.Occurrence, in.MessageID))
	return hex.EncodeToString(sum[:])
}

// setChunk is how many customers are planned in one transaction.
const setChunk = 10_000

// PlanSet plans a message for every customer of an audience, in transactions of some thousand each, so that memory stays flat and whoever
// has been planned may be sent to meanwhile (pause the source where that is not wanted). told, which may be nil, hears after each how many
// there are so far. Broken off, it goes on where it stopped when it is called again with the same set; a set that is done is left as it is,
// and two calls at once share the customers. It tells how many were planned in all.
func (s *Service) PlanSet(ctx context.Context, set Set, told func(planned int64)) (planned int64, err error) {
	if err := set.check(); err != nil {
		return 0, err
	}
	if err := set.Audience.check(); err != nil {
		return 0, err
	}
	now := s.now()
	if set.DueAt.IsZero() {
		set.DueAt = now
	}
	plan, err := startPlan(s.DB.WithContext(ctx), model.DeliveryPlan{
		Source: set.Source, SourceID: set.SourceID, Mark: set.mark(), CreatedAt: now, UpdatedAt: now,
	})
	if err != nil {
		return 0, fmt.Errorf("start planning: %w", err)
	}
	if plan.Done {
		return plan.Planned, nil
	}
	lanes, err := s.lanesOfSet(ctx, &set)
	if err != nil {
		return 0, fmt.Errorf("find the senders of an audience: %w", err)
	}
	for ctx.Err() == nil {
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
			plan, err = s.planChunk(tx, plan.ID, &set, lanes)
			return err
		})
		if err != nil {
			return plan.Planned, fmt.Errorf("plan an audience: %w", err)
		}
		poke(s.wake)
		if told != nil {
			told(plan.Planned)
		}
		if plan.Done {
			return plan.Planned, nil
		}
	}
	return plan.Planned, ctx.Err()
}

// lanesOfSet makes the lanes that the set's customers go in, before any row is written: one a step and sender.
func (s *Service) lanesOfSet(ctx context.Context, set *Set) (lanes map[laneKey]int64, err error) {
	keys, err := laneKeys(s.DB.WithContext(ctx), set)
	if err != nil {
		return nil, err
	}
	list, byAlike := make([]model.DeliveryLane, len(keys)), map[string]laneKey{}
	for i, k := range keys {
		in := set.Intent
		in.Step, in.StaffID = k.Step, k.StaffID
		if err := in.check(); err != nil {
			return nil, err
		}
		list[i] = in.lane()
		byAlike[list[i].Alike] = k
	}
	lanes = map[laneKey]int64{}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		ids, err := s.lanesTx(tx, list)
		for alike, id := range ids {
			lanes[byAlike[alike]] = id
		}
		return err
	})
	return lanes, err
}

type laneKey struct {
	Step    string
	StaffID int64
}

// planChunk plans the next customers. The plan's row is locked first, so that nobody plans the same ones at the same time.
func (s *Service) planChunk(tx *gorm.DB, planID int64, set *Set, lanes map[laneKey]int64) (plan model.DeliveryPlan, err error) {
	if plan, err = lockPlan(tx, planID); err != nil || plan.Done {
		return plan, err
	}
	upTo, more, err := chunkEnd(tx, set, plan.AfterID)
	if err != nil {
		return plan, err
	}
	now := s.now()
	if !more {
		upTo = math.MaxInt64
	}
	var t tally
	if len(lanes) == 1 {
		for _, lane := range lanes {
			n, err := insertSet(tx, set, lane, plan.AfterID, upTo, now)
			if err != nil {
				return plan, err
			}
			t.add(lane, Planned, n)
			plan.Planned += n
		}
	} else if len(lanes) > 1 {
		counts, err := newBySet(tx, set, plan.AfterID, upTo)
		if err != nil {
			return plan, err
		}
		n, err := insertSet(tx, set, 0, plan.AfterID, upTo, now)
		if err != nil {
			return plan, err
		}
		for lane, c := range counts {
			t.add(lane, Planned, c)
		}
		plan.Planned += n
	}
	plan.AfterID, plan.Done, plan.UpdatedAt = upTo, !more, now
	if err := keepPlan(tx, &plan); err != nil {
		return plan, err
	}
	return plan, t.writeTx(tx)
}
