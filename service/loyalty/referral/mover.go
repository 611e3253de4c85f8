package referral

import (
	"encoding/json"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Mover moves edges when customers are merged: an edge between two who are one falls away, and of two edges by which one person
// was invited in a programme the earlier touch stands.
type Mover struct{}

// Mover gives the service's Mover.
func (s *Service) Mover() Mover { return Mover{} }

// Name is data.
func (Mover) Name() string { return "referral_edge" }

// Owners tells which of many customers have edges.
func (Mover) Owners(db *gorm.DB, among []int64) ([]int64, error) { return edgeOwners(db, among) }

// ends is what a merge may change in an edge.
type ends struct {
	Inviter int64  `json:"inviter"`
	Invitee int64  `json:"invitee"`
	Spare   int64  `json:"spare,omitempty"`
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
}

// movedEdge is an edge before and after a merge.
type movedEdge struct {
	ID     int64 `json:"id"`
	Before ends  `json:"before"`
	After  ends  `json:"after"`
}

func endsOf(e *model.ReferralEdge) ends {
	return ends{e.InviterID, e.InviteeID, e.Spare, e.State, e.Reason}
}

// void ends an edge and frees the place of its invitee.
func void(e *model.ReferralEdge, reason string) {
	e.State, e.Reason, e.Spare = Void, reason, e.ID
}

// Move implements customer.Mover.
func (Mover) Move(tx *gorm.DB, from, to int64) ([][]byte, error) {
	rows, err := edgesOfPair(tx, from, to)
	if err != nil {
		return nil, err
	}
	standing := map[int64]*model.ReferralEdge{} // by programme, of those who invited the one who stands
	before := make([]ends, len(rows))
	for i, e := range rows {
		before[i] = endsOf(e)
		if e.InviterID == from {
			e.InviterID = to
		}
		if e.InviteeID == from {
			e.InviteeID = to
		}
		switch {
		case e.State == Void:
		case e.InviterID == e.InviteeID:
			void(e, ReasonSelf)
		case e.InviteeID == to:
			stands := standing[e.ProgrammeID]
			if stands == nil {
				standing[e.ProgrammeID] = e
				continue
			}
			if e.TouchedAt.Before(stands.TouchedAt) {
				stands, e = e, stands
			}
			void(e, ReasonOther)
			standing[e.ProgrammeID] = stands
		}
	}
	var moved []movedEdge
	for i, e := range rows {
		if after := endsOf(e); after != before[i] {
			moved = append(moved, movedEdge{e.ID, before[i], after})
		}
	}
	if len(moved) == 0 {
		return nil, nil
	}
	// Those first that free a place.
	slices.SortStableFunc(moved, func(a, b movedEdge) int { return int(min(b.After.Spare, 1) - min(a.After.Spare, 1)) })
	for _, m := range moved {
		if err := writeEnds(tx, m.ID, m.After); err != nil {
			return nil, err
		}
	}
	var parts [][]byte
	for some := range slices.Chunk(moved, 500) {
		b, err := json.Marshal(some)
		if err != nil {
			return nil, err
		}
		parts = append(parts, b)
	}
	return parts, nil
}

// Undo implements customer.Mover: what became of an edge since then stays.
func (Mover) Undo(tx *gorm.DB, _, _ int64, journal []byte) error {
	var moved []movedEdge
	if err := json.Unmarshal(journal, &moved); err != nil {
		return err
	}
	slices.SortStableFunc(moved, func(a, b movedEdge) int { return int(min(a.After.Spare, 1) - min(b.After.Spare, 1)) })
	for _, m := range moved {
		now, err := edgeByID(tx, m.ID)
		if err != nil {
			return err
		}
		back := m.Before
		if now.State != m.After.State {
			back.State, back.Reason, back.Spare = now.State, now.Reason, now.Spare
		}
		if err := writeEnds(tx, m.ID, back); err != nil {
			return err
		}
	}
	return nil
}
