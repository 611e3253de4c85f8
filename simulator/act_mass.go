package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

type massAct struct {
	Corp    string   `json:"corp"`
	ID      string   `json:"msgid"`
	UserID  string   `json:"userid"`
	Skip    []string `json:"skip"`            // customers or groups that the member takes off the list
	Targets []string `json:"external_userid"` // of a personal mass message
	Times   int      `json:"times"`
}

// actMassConfirm lets members press send: everybody who has not, or one, for all messages or one.
func (s *Simulator) actMassConfirm(c *controlCall) (any, error) {
	var in massAct
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	corp, err := s.world.corpNamed(in.Corp)
	if err != nil {
		return nil, err
	}
	confirmed := 0
	for _, m := range corp.Mass {
		if in.ID != "" && m.ID != in.ID {
			continue
		}
		for _, t := range m.Tasks {
			if (in.UserID == "" || strings.EqualFold(t.UserID, in.UserID)) && s.massConfirm(corp, m, t, s.nowLocked(), in.Skip) {
				confirmed++
			}
		}
	}
	if confirmed == 0 && (in.ID != "" || in.UserID != "") {
		return nil, refuse("nothing to confirm")
	}
	return reply{"confirmed": confirmed}, nil
}

// massConfirmDue confirms for those who do so by themselves after a while.
func (s *Simulator) massConfirmDue(c *corp, m *massMessage) {
	wait := time.Duration(s.world.Config.MassConfirmSeconds) * time.Second
	if due := m.Created.Add(wait); wait > 0 && !s.nowLocked().Before(due) {
		for _, t := range m.Tasks {
			if who := c.member(t.UserID); who != nil && !who.NeverConfirms {
				s.massConfirm(c, m, t, due, nil)
			}
		}
	}
}

// massConfirm sends one member's part and reports whether there was anything to send.
func (s *Simulator) massConfirm(c *corp, m *massMessage, t *massTask, at time.Time, skip []string) bool {
	if !t.Sent.IsZero() || !m.Cancelled.IsZero() || c.member(t.UserID) == nil {
		return false
	}
	t.Sent = at.UTC()
	for i := range t.Targets {
		x := &t.Targets[i]
		switch {
		case slices.Contains(skip, x.ID):
			continue
		case m.Chat == "single" && !c.friends(t.UserID, x.ID):
			x.Status = massNoFriend
		case m.Chat == "group" && c.Groups[x.ID] == nil:
			continue
		case !s.world.massAllowed(c, x.ID, at):
			x.Status = massOverQuota
		default:
			x.Status, x.Sent = massSent, at.UTC()
		}
	}
	return true
}

func (c *corp) friends(userid, external string) bool {
	cu := c.Customers[external]
	if cu == nil {
		return false
	}
	r := cu.relation(userid)
	return r != nil && !r.Left
}

// massAllowed counts one mass message against what a customer or group may receive: as many a month as the
// month has days, or by the admin's rule seven a week or one a day.
func (w *world) massAllowed(c *corp, id string, at time.Time) bool {
	period, most := w.massPeriod(at)
	fill(&c.MassUsed)
	key := period + " " + id
	if c.MassUsed[key] >= most {
		return false
	}
	c.MassUsed[key]++
	return true
}

func (w *world) massPeriod(at time.Time) (string, int) {
	local := at.In(time.FixedZone("", 8*3600))
	switch w.Config.MassRule {
	case "week":
		year, week := local.ISOWeek()
		return fmt.Sprintf("%d-W%d", year, week), 7
	case "day":
		return local.Format(time.DateOnly), 1
	}
	return local.Format("2006-01"), time.Date(local.Year(), local.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// actMassPersonal: a member sends a mass message by himself, which uses the customers' quota.
func (s *Simulator) actMassPersonal(c *controlCall) (any, error) {
	var in massAct
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	corp, err := s.world.corpNamed(in.Corp)
	if err != nil {
		return nil, err
	}
	used := 0
	for range max(in.Times, 1) {
		for _, id := range in.Targets {
			if s.world.massAllowed(corp, id, s.nowLocked()) {
				used++
			}
		}
	}
	return reply{"used": used}, nil
}
