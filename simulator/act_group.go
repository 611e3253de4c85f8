package simulator

import (
	"slices"
	"strings"
)

type groupAct struct {
	Corp      string   `json:"corp"`
	ChatID    string   `json:"chat_id"`
	Name      *string  `json:"name"`
	Owner     *string  `json:"owner"`
	Notice    *string  `json:"notice"`
	Persons   []string `json:"persons"`
	Externals []string `json:"external_userids"`
	UserIDs   []string `json:"userids"`
	IDs       []string `json:"ids"` // who leaves
	N         int      `json:"n"`   // so many new people
	Scene     int      `json:"scene"`
	State     string   `json:"state"`
	Removed   bool     `json:"removed"` // by the owner, not by themselves
	Callback  handling `json:"callback"`
}

func (s *Simulator) groupAct(c *controlCall, exists bool) (in groupAct, corp *corp, g *group, err error) {
	if err = c.decode(&in); err != nil {
		return
	}
	if corp, err = s.world.corpNamed(in.Corp); err != nil || !exists {
		return
	}
	if g = corp.Groups[in.ChatID]; g == nil {
		err = refuse("no group %q", in.ChatID)
	}
	return
}

// joiners lists the members that an act names.
func (s *Simulator) joiners(c *corp, in groupAct) ([]groupMember, error) {
	now := s.nowLocked().Unix()
	var out []groupMember
	external := func(p *person) {
		m := groupMember{ID: s.world.externalID(c, p), Type: 2, Person: p.ID, Joined: now, Scene: 3, State: in.State}
		if in.Scene == 1 || in.Scene == 2 {
			m.Scene = in.Scene
		}
		out = append(out, m)
	}
	for _, id := range in.Persons {
		p := s.world.People[id]
		if p == nil {
			return nil, refuse("no person %q", id)
		}
		external(p)
	}
	for _, id := range in.Externals {
		cu := c.Customers[id]
		if cu == nil {
			return nil, refuse("no customer %q", id)
		}
		external(s.world.People[cu.Person])
	}
	for _, id := range in.UserIDs {
		m := c.member(id)
		if m == nil {
			return nil, refuse("no member %q", id)
		}
		out = append(out, groupMember{ID: m.UserID, Type: 1, Joined: now, Scene: 1})
	}
	for range in.N {
		external(s.world.born("", 1))
	}
	return out, nil
}

func (s *Simulator) actGroupCreate(c *controlCall) (any, error) {
	in, corp, _, err := s.groupAct(c, false)
	if err != nil {
		return nil, err
	}
	if in.Owner == nil || corp.member(*in.Owner) == nil {
		return nil, refuse("owner must be a member")
	}
	in.Scene = 1
	joiners, err := s.joiners(corp, in)
	if err != nil {
		return nil, err
	}
	name := ""
	assign(&name, in.Name)
	g := s.createGroup(corp, corp.member(*in.Owner), name, joiners)
	s.emit(corp, groupEvent(g, "create"), in.Callback)
	return g, nil
}

func (s *Simulator) createGroup(c *corp, owner *staff, name string, members []groupMember) *group {
	w, now := s.world, s.nowLocked()
	return w.enterGroup(c, owner, name, members, now.Unix())
}

func (w *world) enterGroup(c *corp, owner *staff, name string, members []groupMember, created int64) *group {
	g := &group{Seq: w.next(), Name: name, Owner: owner.UserID, Created: created}
	g.ID = w.id("wr", 32)
	g.Members = append([]groupMember{{ID: owner.UserID, Type: 1, Joined: created, Scene: 1}}, members...)
	c.Groups[g.ID] = g
	w.bump(g)
	return g
}

func (s *Simulator) actGroupJoin(c *controlCall) (any, error) {
	in, corp, g, err := s.groupAct(c, true)
	if err != nil {
		return nil, err
	}
	joiners, err := s.joiners(corp, in)
	if err != nil {
		return nil, err
	}
	return g, s.join(corp, g, joiners, in.Callback)
}

// join adds who is not in the group yet and tells the apps.
func (s *Simulator) join(c *corp, g *group, joiners []groupMember, how handling) error {
	joiners = slices.DeleteFunc(joiners, func(m groupMember) bool { return g.index(m.ID) >= 0 })
	if len(joiners) == 0 {
		return refuse("nobody new")
	}
	if len(g.Members)+len(joiners) > s.world.Config.GroupMax {
		return refuse("the group is full")
	}
	for i := range joiners {
		if joiners[i].Scene == 1 && joiners[i].Inviter == "" {
			joiners[i].Inviter = g.Owner
		}
	}
	g.Members = append(g.Members, joiners...)
	scene := 0
	if joiners[0].Scene == 3 {
		scene = 3
	}
	s.emit(c, s.memberEvent(g, "add_member", "JoinScene", scene, joiners), how)
	return nil
}

func (s *Simulator) memberEvent(g *group, detail, sceneName string, scene int, who []groupMember) event {
	last := s.world.bump(g)
	var ids []string
	for _, m := range who {
		ids = append(ids, m.ID)
	}
	return groupEvent(g, "update", text("UpdateDetail", detail), field{sceneName, scene}, field{"MemChangeCnt", len(ids)},
		field{"MemChangeList", ids}, text("LastMemVer", last), text("CurMemVer", g.Version))
}

func (s *Simulator) actGroupLeave(c *controlCall) (any, error) {
	in, corp, g, err := s.groupAct(c, true)
	if err != nil {
		return nil, err
	}
	scene := 0
	if in.Removed {
		scene = 1
	}
	return g, s.leaveGroup(corp, g, in.IDs, scene, in.Callback)
}

func (s *Simulator) leaveGroup(c *corp, g *group, ids []string, scene int, how handling) error {
	var gone []groupMember
	g.Members = slices.DeleteFunc(g.Members, func(m groupMember) bool {
		out := slices.Contains(ids, m.ID) && !strings.EqualFold(m.ID, g.Owner)
		if out {
			gone = append(gone, m)
		}
		return out
	})
	if len(gone) == 0 {
		return refuse("nobody of these is in the group, or it is the owner")
	}
	s.emit(c, s.memberEvent(g, "del_member", "QuitScene", scene, gone), how)
	return nil
}

// actGroupChange renames, hands over or sets the notice; each is an event of its own.
func (s *Simulator) actGroupChange(c *controlCall) (any, error) {
	in, corp, g, err := s.groupAct(c, true)
	if err != nil {
		return nil, err
	}
	change := func(detail string) { s.emit(corp, groupEvent(g, "update", text("UpdateDetail", detail)), in.Callback) }
	if in.Owner != nil {
		m := corp.member(*in.Owner)
		if m == nil {
			return nil, refuse("no member %q", *in.Owner)
		}
		g.Owner, g.Status = m.UserID, 0
		if g.index(m.UserID) < 0 {
			g.Members = append(g.Members, groupMember{ID: m.UserID, Type: 1, Joined: s.nowLocked().Unix(), Scene: 1})
			s.world.bump(g)
		}
		change("change_owner")
	}
	if in.Name != nil {
		g.Name = *in.Name
		change("change_name")
	}
	if in.Notice != nil {
		g.Notice = *in.Notice
		change("change_notice")
	}
	return g, nil
}

func (s *Simulator) actGroupDismiss(c *controlCall) (any, error) {
	in, corp, g, err := s.groupAct(c, true)
	if err != nil {
		return nil, err
	}
	delete(corp.Groups, g.ID)
	s.emit(corp, groupEvent(g, "dismiss"), in.Callback)
	return reply{"dismissed": g.ID}, nil
}
