package simulator

import (
	"strings"
	"time"
)

// controlMoments lists moments with all that members did.
func (s *Simulator) controlMoments(c *controlCall) (any, error) {
	corp, err := c.corp()
	if err != nil {
		return nil, err
	}
	for _, m := range corp.Moments {
		s.momentPublishDue(corp, m)
	}
	return reply{"moments": list(corp.Moments)}, nil
}

type momentAct struct {
	Corp   string `json:"corp"`
	ID     string `json:"moment_id"`
	UserID string `json:"userid"`
}

// actMomentPublish lets members publish: everybody who has not, or one, all posts or one.
func (s *Simulator) actMomentPublish(c *controlCall) (any, error) {
	var in momentAct
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	corp, err := s.world.corpNamed(in.Corp)
	if err != nil {
		return nil, err
	}
	published := 0
	for _, m := range corp.Moments {
		for _, t := range m.Tasks {
			if (in.ID == "" || in.ID == m.ID) && (in.UserID == "" || strings.EqualFold(in.UserID, t.UserID)) && s.momentPublish(corp, m, t, s.nowLocked()) {
				published++
			}
		}
	}
	return reply{"published": published}, nil
}

// momentPublishDue publishes for those who do so by themselves after a while.
func (s *Simulator) momentPublishDue(c *corp, m *moment) {
	wait := time.Duration(s.world.Config.MassConfirmSeconds) * time.Second
	if due := m.Created.Add(wait); wait > 0 && !s.nowLocked().Before(due) {
		for _, t := range m.Tasks {
			if who := c.member(t.UserID); who != nil && !who.NeverConfirms {
				s.momentPublish(c, m, t, due)
			}
		}
	}
}

// momentPublish shows a post to the member's customers, as far as each may still see one this month.
func (s *Simulator) momentPublish(c *corp, m *moment, t *momentTask, at time.Time) bool {
	if !t.Published.IsZero() || !m.Cancelled.IsZero() || !s.world.momentReady(m, at) {
		return false
	}
	t.Published = at.UTC()
	fill(&c.MomentSeen)
	month := at.In(time.FixedZone("", 8*3600)).Format("2006-01 ")
	for _, id := range t.Visible {
		if key := month + id; c.friends(t.UserID, id) && c.MomentSeen[key] < s.world.Config.MomentsPerMonth {
			c.MomentSeen[key]++
			t.Shown = append(t.Shown, id)
		}
	}
	return true
}
