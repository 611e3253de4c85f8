package simulator

import (
	"cmp"
	"strings"
	"sync"
	"time"
)

// life makes things happen by itself. Its choices come from the world's random source
// alone, so the same world lives the same life.
type life struct {
	perMinute float64
	stop      chan struct{}
	done      sync.WaitGroup
}

type lifeRequest struct {
	Corp      string  `json:"corp"`
	On        *bool   `json:"on"`
	PerMinute float64 `json:"per_minute"`
	Steps     int     `json:"steps"` // live so many steps now
}

func (s *Simulator) controlLifeGet(*controlCall) (any, error) { return s.lifeReply(), nil }

func (s *Simulator) lifeReply() reply {
	if s.life == nil {
		return reply{"on": false}
	}
	return reply{"on": true, "per_minute": s.life.perMinute}
}

func (s *Simulator) controlLife(c *controlCall) (any, error) {
	var in lifeRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	_, err := s.world.corpNamed(in.Corp)
	var did []string
	for range in.Steps {
		if err == nil {
			did = append(did, s.live(in.Corp))
		}
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if in.On != nil {
		s.stopLife()
		if *in.On {
			s.startLife(in)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.lifeReply()
	out["did"] = list(did)
	return out, nil
}

func (s *Simulator) stopLife() {
	s.mu.Lock()
	l := s.life
	s.life = nil
	s.mu.Unlock()
	if l != nil {
		close(l.stop)
		l.done.Wait()
	}
}

func (s *Simulator) startLife(in lifeRequest) {
	if in.PerMinute <= 0 {
		in.PerMinute = 6
	}
	l := &life{perMinute: in.PerMinute, stop: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.life != nil {
		return
	}
	s.life = l
	l.done.Add(1)
	s.running.Go(func() {
		defer l.done.Done()
		tick := time.NewTicker(time.Duration(float64(time.Minute) / l.perMinute))
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.mu.Lock()
				s.live(in.Corp)
				s.mu.Unlock()
			case <-l.stop:
				return
			case <-s.done:
				return
			}
		}
	})
}

// live lets one thing happen and names it; "" when the world has nobody to do it.
func (s *Simulator) live(corpID string) string {
	c, err := s.world.corpNamed(corpID)
	if err != nil || len(c.members()) == 0 {
		return ""
	}
	switch n := s.world.rnd.IntN(100); {
	case n < 45:
		return s.liveArrival(c)
	case n < 70:
		return s.liveRelation(c)
	default:
		return s.liveGroup(c)
	}
}

// liveArrival: somebody scans a contact way that takes customers, or finds a member's number.
func (s *Simulator) liveArrival(c *corp) string {
	if len(c.ways) > 0 {
		way := pick(s.world.rnd, c.ways)
		if _, err := s.scan(scanRequest{who: who{Corp: c.ID}, ConfigID: way.ID}); err == nil {
			return "scan"
		}
	}
	s.befriend(c, pick(s.world.rnd, c.members()), s.world.born("", 1), addition{addWay: 2}, handling{})
	return "add"
}

func (s *Simulator) liveRelation(c *corp) string {
	rs := c.relations[strings.ToLower(pick(s.world.rnd, c.members()).UserID)]
	if len(rs) == 0 {
		return ""
	}
	r := pick(s.world.rnd, rs)
	var tags []string
	c.livingTags(func(_ *tagGroup, t *tag) { tags = append(tags, t.ID) })
	switch n := s.world.rnd.IntN(10); {
	case n < 2 && !r.Left:
		s.leaves(c, r, handling{})
		return "customer_deletes"
	case n < 7 && len(tags) > 0:
		s.edit(c, r, editRequest{Add: []string{pick(s.world.rnd, tags)}})
		return "tag"
	default:
		remark := cut(s.world.People[c.Customers[r.Customer].Person].Name+"-"+cmp.Or(pick(s.world.rnd, remarkNotes), "已回访"), 20)
		s.edit(c, r, editRequest{Remark: &remark})
		return "remark"
	}
}

func (s *Simulator) liveGroup(c *corp) string {
	groups := c.allGroups()
	if len(groups) == 0 || s.world.rnd.IntN(20) == 0 {
		owner := pick(s.world.rnd, c.members())
		g := s.createGroup(c, owner, pick(s.world.rnd, groupThemes)+"·新", nil)
		s.emit(c, groupEvent(g, "create"), handling{})
		return "group_create"
	}
	g := pick(s.world.rnd, groups)
	if n := len(g.Members); s.world.rnd.IntN(3) == 0 && n > 3 {
		if m := g.Members[1+s.world.rnd.IntN(n-1)]; m.Type == 2 && s.leaveGroup(c, g, []string{m.ID}, 0, handling{}) == nil {
			return "group_leave"
		}
	}
	p := s.world.born("", 1)
	m := groupMember{ID: s.world.externalID(c, p), Type: 2, Person: p.ID, Joined: s.nowLocked().Unix(), Scene: 3}
	if s.join(c, g, []groupMember{m}, handling{}) != nil {
		return ""
	}
	return "group_join"
}
