package simulator

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// controlWorld returns what a client needs to configure itself.
func (s *Simulator) controlWorld(c *controlCall) (any, error) {
	full := c.r.URL.Query().Get("full") != ""
	w := s.world
	corps, minis := []any{}, []any{}
	for _, id := range w.corpIDs() {
		corps = append(corps, w.Corps[id].describe(full))
	}
	for _, id := range w.miniAppIDs() {
		m := *w.MiniApps[id]
		m.Sessions, m.Grants, m.Subscribed = nil, nil, nil // session keys are nobody's business, the others have calls of their own
		minis = append(minis, m)
	}
	base := hostOf(c.r)
	return reply{
		"seed": w.Seed, "corps": corps, "miniapps": minis,
		"qyapi_base": base + "/qyapi", "weixin_base": base + "/weixin", "open_base": base + "/open", "login_base": base + "/login",
		"people": len(w.People), "clock": s.clockReply(),
	}, nil
}

func (c *corp) describe(full bool) reply {
	apps := []any{}
	for _, id := range slices.Sorted(maps.Keys(c.Apps)) {
		apps = append(apps, c.Apps[id])
	}
	relations := 0
	for _, rs := range c.relations {
		relations += len(rs)
	}
	out := reply{
		"id": c.ID, "name": c.Name, "apps": apps, "staff": len(c.members()), "departments": len(c.Departments),
		"customers": len(c.Customers), "relations": relations, "tags": c.tagCount(), "groups": len(c.Groups), "contact_ways": len(c.Ways),
	}
	if full {
		out["staff_list"], out["group_list"], out["department_list"], out["way_list"] = c.members(), c.allGroups(), list(slices.Collect(maps.Values(c.Departments))), list(c.ways)
		out["tag_groups"] = list(c.TagGroups)
	}
	return out
}

func (s *Simulator) controlCorpAdd(c *controlCall) (any, error) {
	var in struct {
		ID      string  `json:"id"`
		Name    string  `json:"name"`
		Company Company `json:"company"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if s.world.Corps[in.ID] != nil {
		return nil, refuse("corp %s exists", in.ID)
	}
	return s.world.seedCorp(in.ID, cmp.Or(in.Name, "新企业"), in.Company, s.nowLocked()).describe(false), nil
}

// controlApp changes the app with this agentid, or makes one; what is not named stays.
func (s *Simulator) controlApp(c *controlCall) (any, error) {
	var key struct {
		Corp    string `json:"corp"`
		AgentID int64  `json:"agentid"`
		Name    string `json:"name"`
	}
	if err := json.Unmarshal(c.body, &key); err != nil {
		return nil, refuse("body: %v", err)
	}
	corp, err := s.world.corpNamed(key.Corp)
	if err != nil {
		return nil, err
	}
	a := corp.Apps[key.AgentID]
	if a == nil {
		a = s.world.newApp(corp, key.AgentID, key.Name)
	}
	next := struct {
		Corp string `json:"corp"`
		app
	}{app: *a}
	next.Rights = slices.Clone(a.Rights)
	if err := c.decode(&next); err != nil {
		return nil, err
	}
	if err := next.Callback.check(); err != nil {
		return nil, err
	}
	next.AgentID = a.AgentID
	*a = next.app
	corp.Apps[a.AgentID] = a
	return a, nil
}

func (s *Simulator) controlMiniAdd(c *controlCall) (any, error) {
	var in struct {
		AppID   string `json:"appid"`
		Name    string `json:"name"`
		Corp    string `json:"corp"`
		Unbound bool   `json:"unbound"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if s.world.MiniApps[in.AppID] != nil {
		return nil, refuse("mini-program %s exists", in.AppID)
	}
	m := s.world.addMiniApp(in.AppID, cmp.Or(in.Name, "小程序"), in.Corp)
	m.Unbound = in.Unbound
	return m, nil
}

// controlCustomers lists customers with their relations as the world holds them.
func (s *Simulator) controlCustomers(c *controlCall) (any, error) {
	corp, err := c.corp()
	if err != nil {
		return nil, err
	}
	userid := c.r.URL.Query().Get("userid")
	rows := []any{}
	for _, id := range slices.Sorted(maps.Keys(corp.Customers)) {
		cu := corp.Customers[id]
		if userid != "" && cu.relation(userid) == nil {
			continue
		}
		rows = append(rows, reply{"customer": cu, "person": s.world.People[cu.Person]})
	}
	return reply{"customers": rows}, nil
}

// controlStateGet exports the world. Ledger, faults and deliveries are not part of it.
func (s *Simulator) controlStateGet(*controlCall) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exportLocked()
}

func (s *Simulator) exportLocked() (json.RawMessage, error) {
	var err error
	if s.world.Random, err = s.world.pcg.MarshalBinary(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(s.world)
	return b, err
}

// controlStatePut replaces the world by an exported one; counts of limits start anew.
func (s *Simulator) controlStatePut(c *controlCall) (any, error) {
	w := newWorld(0)
	if err := json.Unmarshal(c.body, w); err != nil {
		return nil, refuse("state: %v", err)
	}
	if w.Version != 1 || len(w.Corps) == 0 {
		return nil, refuse("not an exported world of version 1")
	}
	if err := w.pcg.UnmarshalBinary(w.Random); err != nil {
		return nil, refuse("state: %v", err)
	}
	if err := w.sound(); err != nil {
		return nil, err
	}
	w.reindex()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world = w
	s.limiter.counts = map[string]*count{}
	s.courier.configure(w.Config.Callback)
	return reply{"corps": len(w.Corps), "people": len(w.People)}, nil
}

// sound refuses states whose parts do not fit, so that handlers need not look twice.
func (w *world) sound() error {
	for id, c := range w.Corps {
		if c == nil || c.ID != id || c.Apps == nil || c.Staff == nil || c.Customers == nil {
			return refuse("state: corp %q is incomplete", id)
		}
		for ext, cu := range c.Customers {
			if cu == nil || cu.ID != ext || w.People[cu.Person] == nil {
				return refuse("state: customer %q has no person", ext)
			}
			for _, r := range cu.Relations {
				if c.Staff[strings.ToLower(r.UserID)] == nil {
					return refuse("state: relation with unknown member %q", r.UserID)
				}
			}
		}
	}
	for _, t := range w.Tokens {
		corp := w.Corps[t.Corp]
		if t.AppID == "" && (corp == nil || (t.Agent != 0 && corp.Apps[t.Agent] == nil)) || t.AppID != "" && w.MiniApps[t.AppID] == nil {
			return refuse("state: token of an unknown owner")
		}
	}
	return nil
}
