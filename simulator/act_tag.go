package simulator

type tagAct struct {
	Corp     string   `json:"corp"`
	Group    string   `json:"group"`
	GroupID  string   `json:"group_id"`
	Names    []string `json:"names"`
	ID       string   `json:"id"`
	IDs      []string `json:"ids"`
	Name     string   `json:"name"`
	Callback handling `json:"callback"`
}

func (s *Simulator) tagAct(c *controlCall) (in tagAct, corp *corp, err error) {
	if err = c.decode(&in); err == nil {
		corp, err = s.world.corpNamed(in.Corp)
	}
	return in, corp, err
}

// actTagCreate creates tags in a group found by id or name, or made.
func (s *Simulator) actTagCreate(c *controlCall) (any, error) {
	in, corp, err := s.tagAct(c)
	if err != nil {
		return nil, err
	}
	g := corp.tagGroup(in.GroupID)
	if g == nil {
		g = corp.tagGroupNamed(in.Group)
	}
	if g == nil && (in.Group == "" || len(in.Names) == 0) {
		return nil, refuse("group and names are needed")
	}
	if g == nil {
		g = s.world.enterTagGroup(corp, in.Group, s.nowLocked().Unix())
		s.emit(corp, tagEvent("create", g.ID, "tag_group"), in.Callback)
	}
	for _, name := range in.Names {
		if g.named(name) != nil {
			return nil, refuse("tag %q exists", name)
		}
		t := s.world.enterTag(g, name, s.nowLocked().Unix())
		s.emit(corp, tagEvent("create", t.ID, "tag"), in.Callback)
	}
	return g, nil
}

func (w *world) enterTagGroup(c *corp, name string, created int64) *tagGroup {
	g := &tagGroup{ID: w.id("et", 32), Name: name, Created: created}
	c.TagGroups = append(c.TagGroups, g)
	return g
}

// enterTag makes a tag of the admin console, which no app may edit.
func (w *world) enterTag(g *tagGroup, name string, created int64) *tag {
	t := &tag{ID: w.id("et", 32), Name: name, Created: created}
	g.Tags = append(g.Tags, t)
	return t
}

func (s *Simulator) actTagRename(c *controlCall) (any, error) {
	in, corp, err := s.tagAct(c)
	if err != nil {
		return nil, err
	}
	if nameFits(in.Name) != nil {
		return nil, refuse("name must have 1 to 30 characters")
	}
	if _, t := corp.tag(in.ID); t != nil {
		t.Name = in.Name
		s.emit(corp, tagEvent("update", t.ID, "tag"), in.Callback)
		return t, nil
	}
	g := corp.tagGroup(in.ID)
	if g == nil {
		return nil, refuse("no tag or group %q", in.ID)
	}
	g.Name = in.Name
	s.emit(corp, tagEvent("update", g.ID, "tag_group"), in.Callback)
	return g, nil
}

func (s *Simulator) actTagDelete(c *controlCall) (any, error) {
	in, corp, err := s.tagAct(c)
	if err != nil {
		return nil, err
	}
	for _, id := range in.IDs {
		g, t := corp.tag(id)
		switch {
		case t != nil:
			s.emit(corp, tagEvent("delete", id, "tag"), in.Callback)
			if corp.deleteTag(id) {
				s.emit(corp, tagEvent("delete", g.ID, "tag_group"), in.Callback)
			}
		case corp.tagGroup(id) != nil:
			corp.deleteTagGroup(corp.tagGroup(id))
			s.emit(corp, tagEvent("delete", id, "tag_group"), in.Callback)
		default:
			return nil, refuse("no tag or group %q", id)
		}
	}
	return reply{"deleted": len(in.IDs)}, nil
}

// actTagShuffle gives new orders: to a group's tags, or without a group to the groups.
func (s *Simulator) actTagShuffle(c *controlCall) (any, error) {
	in, corp, err := s.tagAct(c)
	if err != nil {
		return nil, err
	}
	if in.GroupID == "" {
		for i, n := range s.world.rnd.Perm(len(corp.TagGroups)) {
			corp.TagGroups[i].Order = int64(n)
		}
	} else {
		g := corp.tagGroup(in.GroupID)
		if g == nil {
			return nil, refuse("no group %q", in.GroupID)
		}
		for i, n := range s.world.rnd.Perm(len(g.Tags)) {
			g.Tags[i].Order = int64(n)
		}
	}
	s.emit(corp, tagEvent("shuffle", in.GroupID, ""), in.Callback)
	return reply{"shuffled": true}, nil
}
