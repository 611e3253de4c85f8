package outreach

import (
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// PlanTx writes intended messages into the ledger, in the transaction in which they come to be intended. planned counts those that are
// new: a known intent changes nothing, so planning may be repeated. They leave once the transaction is committed and they are due.
func (s *Service) PlanTx(tx *gorm.DB, in []Intent) (planned int, err error) {
	if len(in) == 0 {
		return 0, nil
	}
	lanes := make([]model.DeliveryLane, len(in))
	for i := range in {
		if err := in[i].check(); err != nil {
			return 0, err
		}
		lanes[i] = in[i].lane()
	}
	ids, err := s.lanesTx(tx, lanes)
	if err != nil {
		return 0, err
	}
	now, notYet := s.now(), model.NotAccepted
	rows := make([]*model.Delivery, len(in))
	for i := range in {
		rows[i] = &model.Delivery{
			Source: in[i].Source, SourceID: in[i].SourceID, Step: in[i].Step, CustomerID: in[i].CustomerID, GroupID: in[i].GroupID,
			Occurrence: in[i].Occurrence, LaneID: ids[lanes[i].Alike], Shelf: shelfPlanned, State: int8(Planned), MessageID: in[i].MessageID,
			DueAt: in[i].DueAt.UTC(), AcceptedAt: &notYet, CreatedAt: now, UpdatedAt: now,
		}
		if in[i].DueAt.IsZero() {
			rows[i].DueAt = now
		}
		if !in[i].ExpiresAt.IsZero() {
			at := in[i].ExpiresAt.UTC()
			rows[i].ExpiresAt = &at
		}
		if rows[i].Vars, err = packValues(in[i].Values); err != nil {
			return 0, err
		}
	}
	isNew, err := model.InsertNew(tx, rows)
	if err != nil {
		return 0, fmt.Errorf("plan deliveries: %w", err)
	}
	var t tally
	for i, row := range rows {
		if isNew[i] {
			planned++
			t.add(row.LaneID, Planned, 1)
		}
	}
	if err := t.writeTx(tx); err != nil {
		return 0, err
	}
	model.AfterCommit(tx, func() { poke(s.wake) })
	return planned, nil
}

// lanesTx gives the rows of lanes by what they have alike; those that are missing are made.
func (s *Service) lanesTx(tx *gorm.DB, lanes []model.DeliveryLane) (map[string]int64, error) {
	ids, missing := map[string]int64{}, map[string]model.DeliveryLane{}
	s.mu.Lock()
	for _, l := range lanes {
		if id := s.laneIDs[l.Alike]; id != 0 {
			ids[l.Alike] = id
		} else {
			missing[l.Alike] = l
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return ids, nil
	}
	made, err := makeLanes(tx, missing, s.now())
	if err != nil {
		return nil, fmt.Errorf("make lanes of deliveries: %w", err)
	}
	for alike, id := range made {
		ids[alike] = id
	}
	model.AfterCommit(tx, func() { // a lane that is rolled back must not be remembered
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.laneIDs) > mostLanes {
			clear(s.laneIDs)
		}
		for alike, id := range made {
			s.laneIDs[alike] = id
		}
	})
	return ids, nil
}

// mostLanes bounds what is remembered of lanes.
const mostLanes = 20_000

func packValues(values map[string]string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	b, err := json.Marshal(values)
	if err == nil && len(b) > mostValues {
		err = fmt.Errorf("%d bytes of values", len(b))
	}
	if err != nil {
		return "", fmt.Errorf("plan: %w", err)
	}
	return string(b), nil
}

func unpackValues(text string) map[string]string {
	if text == "" {
		return nil
	}
	var values map[string]string
	if json.Unmarshal([]byte(text), &values) != nil {
		return nil // written by PlanTx alone, so it can't be
	}
	return values
}
