package campaign

import (
	"context"
	"fmt"
	"slices"

	"zhiyin/model"
	"zhiyin/service/outreach"
)

// What became of a member of a run who has no message in the ledger; of the others the state of their message says it.
const (
	OutcomeExcluded = "excluded" // left out of the audience
	OutcomeHeldOut  = "held_out" // gets nothing, so that the others can be compared with them
	OutcomeNone     = "none"     // not planned: not yet, or the run ended before
)

// MemberFilter chooses members of a run.
type MemberFilter struct {
	VariantID int64  // 0: all
	Outcome   string // excluded, held_out, none or the name of a delivery's state; empty: all
	// Reason is that of an exclusion, that of a message which was not sent, or the class of a failure; empty: all.
	Reason string
	After  MemberPlace
	Limit  int
}

// MemberPlace is where a page of members ended; the zero MemberPlace is the beginning.
type MemberPlace struct{ CustomerID, TargetID int64 }

// Member is somebody in the frozen audience of a run, with what became of them.
type Member struct {
	model.CampaignMember
	Groups   bool   // TargetID is a group
	Variant  string // its name; empty: none
	Outcome  string
	Delivery *model.Delivery // nil: none
}

// has tells whether a reason is why they got nothing.
func (m *Member) has(reason string) bool {
	d := m.Delivery
	return m.Excluded == reason || d != nil && (d.Reason == reason || d.Class == reason)
}

const (
	// memberWindow is how many members are held against a filter at once,
	memberWindow = 2000
	// memberWindows is how many times one page does so: a page of a rare outcome may be short, or empty, and not be the last.
	memberWindows = 50
)

// Members says who was in the audience of a run, who got its message, who did not and why: one page, and where the next
// begins; the zero place after the last. It fails with ErrNotFound or ErrRunNotFound.
func (s *Service) Members(ctx context.Context, id, runID int64, f MemberFilter) (list []Member, next MemberPlace, err error) {
	run, c, err := s.running(ctx, runID)
	if err != nil {
		return nil, next, err
	}
	if run.CampaignID != id {
		return nil, next, ErrRunNotFound
	}
	for range memberWindows {
		size := memberWindow
		if f.Outcome == "" && f.Reason == "" {
			size = f.Limit - len(list)
		}
		rows, err := membersAfter(s.DB.WithContext(ctx), runID, f, size)
		if err != nil {
			return nil, next, err
		}
		window, err := s.became(ctx, c, run, rows)
		if err != nil {
			return nil, next, err
		}
		for i := range window {
			m := &window[i]
			f.After = MemberPlace{m.CustomerID, m.TargetID}
			if f.Outcome != "" && m.Outcome != f.Outcome || f.Reason != "" && !m.has(f.Reason) {
				continue
			}
			if list = append(list, *m); len(list) == f.Limit {
				return list, f.After, nil
			}
		}
		if len(rows) < size {
			return list, next, nil
		}
	}
	return list, f.After, nil
}

// became finds the messages of members.
func (s *Service) became(ctx context.Context, c *Campaign, run *model.CampaignRun, rows []model.CampaignMember) ([]Member, error) {
	names := map[int64]string{}
	byVariant := map[int64][]model.CampaignMember{}
	for _, v := range c.Definition.Variants {
		names[v.ID] = v.Name
	}
	for _, r := range rows {
		if r.VariantID > 0 && r.Excluded == "" {
			byVariant[r.VariantID] = append(byVariant[r.VariantID], r)
		}
	}
	sent := map[MemberPlace]*model.Delivery{}
	for variant, members := range byVariant {
		for part := range slices.Chunk(members, statementPart) {
			found, err := deliveriesTo(s.DB.WithContext(ctx), run, Step(run.Number, names[variant]), c.Definition.Audience.to(), part)
			if err != nil {
				return nil, err
			}
			for i := range found {
				sent[found[i].place] = &found[i].Delivery
			}
		}
	}
	out := make([]Member, len(rows))
	for i, r := range rows {
		m := Member{CampaignMember: r, Groups: c.Definition.Audience.to() == outreach.ToGroups, Variant: names[r.VariantID], Outcome: OutcomeNone}
		switch d := sent[addressee(&r)]; {
		case r.Excluded != "":
			m.Outcome = OutcomeExcluded
		case r.VariantID == 0:
			m.Outcome = OutcomeHeldOut
		case d != nil:
			m.Delivery, m.Outcome = d, outreach.State(d.State).String()
		}
		out[i] = m
	}
	return out, nil
}

// addressee names whom a member's message goes to: of customers it does not matter in whose name.
func addressee(m *model.CampaignMember) MemberPlace {
	if m.CustomerID != 0 {
		return MemberPlace{CustomerID: m.CustomerID}
	}
	return MemberPlace{TargetID: m.TargetID}
}

// staffOccurrence tells the messages of a run by one staff member from those by others, which the ledger could not.
func staffOccurrence(run *model.CampaignRun, staffID int64) string {
	return fmt.Sprintf("%s/%d", Occurrence(run.Number), staffID)
}
