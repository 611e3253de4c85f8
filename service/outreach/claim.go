package outreach

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach/governor"
)

// grip is how a process holds a claim. Whatever is written about its deliveries is written under both numbers, so a process that lost
// them to another writes nothing.
type grip struct {
	id    int64
	token string
	fence int64
}

// errLost says that another process has taken the claim over.
var errLost = errors.New("the claim has been taken over")

// chunk is claimed deliveries of one lane.
type chunk struct {
	grip
	lane *model.DeliveryLane
	rows []model.Delivery // that may leave, by id
	// found counts what was due and taken, whatever became of it.
	found int
}

// spot is where the next look into a lane begins. Rows that were claimed before it are still passed by indexes until they are cleaned up.
type spot struct {
	dueAt time.Time
	id    int64
}

// claim takes up to n due deliveries of a lane and asks the governor about them, in one transaction: what it allows is reserved exactly
// when it is claimed.
func (s *Service) claim(ctx context.Context, lane *model.DeliveryLane, ch Description, n int, from spot) (c *chunk, next spot, err error) {
	now := s.now()
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		c, next = &chunk{lane: lane}, spot{}
		// One process at a time looks into a lane, so that none waits for rows only to find them taken.
		if err := lockLane(tx, lane.ID); err != nil {
			return err
		}
		due, err := dueInLane(tx, lane, now, from, n)
		if err != nil || len(due) == 0 {
			return err
		}
		if len(due) == n {
			next = spot{due[n-1].DueAt, due[n-1].ID}
		}
		ids := idsOf(due)
		row := model.DeliveryClaim{
			LaneID: lane.ID, Token: s.token, Fence: 1, LeaseUntil: now.Add(leaseTime), Deliveries: packIDs(ids), CreatedAt: now,
		}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		c.grip = grip{row.ID, row.Token, row.Fence}
		rows, err := takeDue(tx, lane, row.ID, due, ids, now)
		if err != nil {
			return err
		}
		c.found = len(rows)
		var t tally
		t.move(lane.ID, Planned, Claimed, int64(len(rows)))
		if err := s.ruleTx(tx, &t, c, ch, rows, now); err != nil {
			return err
		}
		if len(c.rows) == 0 {
			if err := dropClaim(tx, c.id); err != nil {
				return err
			}
		}
		return t.writeTx(tx)
	})
	if err != nil {
		return nil, from, fmt.Errorf("claim deliveries: %w", err)
	}
	return c, next, nil
}

// ruleTx leaves in the chunk what may leave now, and writes of the others why not.
func (s *Service) ruleTx(tx *gorm.DB, t *tally, c *chunk, ch Description, rows []model.Delivery, now time.Time) error {
	var outs changes
	var back []governor.Reservation // of an earlier claim, when the platform had no time
	over := func(to State, reason string, r *model.Delivery) {
		outs.add(change{to: to, reason: reason}, r)
		if r.CustomerID != 0 {
			back = append(back, governor.Reservation{Ref: r.ID, CustomerID: r.CustomerID})
		}
	}
	live := rows[:0]
	for i := range rows {
		if r := &rows[i]; r.ExpiresAt != nil && !now.Before(*r.ExpiresAt) {
			over(Expired, governor.ReasonExpired, r)
			continue
		}
		live = append(live, rows[i])
	}
	rulings, err := s.rulings(tx, c.lane, ch, live)
	if err != nil {
		return err
	}
	c.rows = live[:0]
	for i := range live {
		r := &live[i]
		switch ruling := rulings[i]; ruling.Verdict {
		case governor.Allow:
			c.rows = append(c.rows, *r)
		case governor.Later:
			outs.add(change{to: Planned, reason: ruling.Reason, due: ruling.At.UTC(), free: true}, r)
		default:
			over(Suppressed, ruling.Reason, r)
		}
	}
	if len(back) > 0 {
		if err := s.Governor.ReturnTx(tx, back); err != nil {
			return err
		}
	}
	return outs.writeTx(tx, t, c.id, Claimed, now)
}

// rulings asks the governor about deliveries of a lane. What is for no customer and in nobody's name needs no answer.
func (s *Service) rulings(tx *gorm.DB, lane *model.DeliveryLane, ch Description, rows []model.Delivery) ([]governor.Ruling, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	asks, err := s.asksTx(tx, lane, ch, rows)
	if err != nil {
		return nil, err
	}
	rulings, err := s.Governor.RuleTx(tx, asks)
	if err != nil {
		return nil, err
	}
	if len(rulings) != len(asks) {
		return nil, fmt.Errorf("the governor answered %d of %d asks", len(rulings), len(asks))
	}
	return rulings, s.giveTx(tx, lane, rows, rulings)
}

// asksTx is what the governor is asked about deliveries of a lane.
func (s *Service) asksTx(tx *gorm.DB, lane *model.DeliveryLane, ch Description, rows []model.Delivery) ([]governor.Ask, error) {
	hashes, err := s.contentHashes(tx, rows)
	if err != nil {
		return nil, err
	}
	asks := make([]governor.Ask, len(rows))
	for i := range rows {
		r := &rows[i]
		asks[i] = governor.Ask{
			Ref: r.ID, CustomerID: r.CustomerID, Channel: lane.Channel, Topic: lane.Topic, Source: lane.Source, SourceID: lane.SourceID,
			Purpose: ch.Consent, Targeted: lane.Targeted, Transactional: lane.Transactional, Priority: lane.Priority, DueAt: r.DueAt,
		}
		if h, known := hashes[r.MessageID]; known {
			asks[i].Content = said(h, r.Vars)
		}
		if r.ExpiresAt != nil {
			asks[i].ExpiresAt = *r.ExpiresAt
		}
	}
	return asks, nil
}

func (s *Service) contentHashes(tx *gorm.DB, rows []model.Delivery) (map[int64][32]byte, error) {
	if s.Contents == nil {
		return nil, nil
	}
	seen := map[int64]bool{}
	var ids []int64
	for _, r := range rows {
		if r.MessageID != 0 && !seen[r.MessageID] {
			seen[r.MessageID] = true
			ids = append(ids, r.MessageID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return s.Contents.HashesTx(tx, ids)
}

// said tells messages apart by what they say: the content, and the values filled in.
func said(content [32]byte, vars string) [32]byte {
	if vars == "" {
		return content
	}
	return sha256.Sum256(append(content[:], vars...))
}

// Said tells messages apart as the ledger does when it asks the governor, by their content's hash and the values filled in.
func Said(content [32]byte, values map[string]string) [32]byte {
	vars, err := packValues(values)
	if err != nil {
		vars = "" // they could not be planned either
	}
	return said(content, vars)
}

func idsOf(rows []model.Delivery) []int64 {
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	return ids
}
