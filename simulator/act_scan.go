package simulator

import (
	"slices"
	"strings"
	"time"
)

type scanRequest struct {
	who
	State    string `json:"state"`
	ConfigID string `json:"config_id"`
	Name     string `json:"name"`
	Type     int    `json:"type"`
	Half     bool   `json:"half"`    // added, but not yet confirmed by the member
	NoCode   bool   `json:"no_code"` // the event carries no WelcomeCode
	AddWay   int    `json:"add_way"`
}

// actScan lets a customer scan a contact way; a person unknown so far is born.
func (s *Simulator) actScan(c *controlCall) (any, error) {
	var in scanRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	return s.scan(in)
}

func (s *Simulator) scan(in scanRequest) (reply, error) {
	corp, err := s.world.corpNamed(in.Corp)
	if err != nil {
		return nil, err
	}
	way := corp.wayFor(in.ConfigID, in.State)
	if way == nil {
		return nil, refuse("no contact way with config_id %q or state %q", in.ConfigID, in.State)
	}
	if way.expired(s.nowLocked()) {
		return nil, refuse("the contact way has expired")
	}
	p, err := s.scanner(in)
	if err != nil {
		return nil, err
	}
	m := s.choose(corp, way, p, in.UserID)
	if m == nil {
		return nil, refuse("no member of the contact way can take a customer")
	}
	in.Half = in.Half || !way.SkipVerify
	return s.befriend(corp, m, p, addition{way: way, state: way.State, addWay: 1, half: in.Half, noCode: in.NoCode}, in.Callback), nil
}

// wayFor finds a way by config_id, else the newest with this state.
func (c *corp) wayFor(id, state string) *contactWay {
	if id != "" {
		return c.Ways[id]
	}
	for _, way := range slices.Backward(c.ways) {
		if way.State == state {
			return way
		}
	}
	return nil
}

// scanner is the person who scans: the one named, or somebody new.
func (s *Simulator) scanner(in scanRequest) (*person, error) {
	p, err := s.person(in.who)
	if p == nil && err == nil {
		p = s.world.born(in.Name, in.Type)
	}
	return p, err
}

// choose picks the member as the platform does: always the same for an exclusive way,
// otherwise any; one who is named and possible wins.
func (s *Simulator) choose(c *corp, way *contactWay, p *person, userid string) *staff {
	can := c.candidates(way)
	if len(can) == 0 {
		return nil
	}
	if i := slices.IndexFunc(can, func(m *staff) bool { return strings.EqualFold(m.UserID, userid) }); i >= 0 {
		return can[i]
	} else if userid != "" {
		return nil
	}
	if cu := c.Customers[s.world.externalID(c, p)]; cu != nil && way.Exclusive {
		for _, m := range can {
			if cu.relation(m.UserID) != nil {
				return m
			}
		}
	}
	return pick(s.world.rnd, can)
}

// addition is how a customer came to a member.
type addition struct {
	way    *contactWay
	state  string
	addWay int
	half   bool
	noCode bool
}

// befriend makes or renews the relation and tells the apps. Somebody who is already
// there only opens the chat: no event, as on the platform.
func (s *Simulator) befriend(c *corp, m *staff, p *person, a addition, how handling) reply {
	r, fresh := s.world.addRelation(c, m, p, s.nowLocked())
	out := reply{
		"corp": c.ID, "userid": m.UserID, "external_userid": r.Customer, "person": p.ID, "name": p.Name, "unionid": p.UnionID, "already": false,
	}
	if !fresh && !r.Left {
		out["already"] = true
		return out
	}
	r.Left, r.Half, r.State, r.AddWay, r.Operator, r.Created = false, a.half, a.state, a.addWay, r.Customer, s.nowLocked().Unix()
	if a.way != nil {
		r.Way = a.way.ID
	}
	change := "add_external_contact"
	if a.half {
		change = "add_half_external_contact"
	}
	more := optional(nil, "State", a.state)
	if p.Type == 1 && !m.ConsoleWelcome && !a.noCode {
		k := s.issueWelcome(c, r)
		more = append(more, text("WelcomeCode", k.Code))
		out["welcome_code"] = k.Code
	}
	s.emit(c, customerEvent(change, m.UserID, r.Customer, more...), how)
	return out
}

// actAdd adds a customer without a contact way; add_way 2 (mobile search) unless said.
func (s *Simulator) actAdd(c *controlCall) (any, error) {
	var in scanRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	corp, err := s.world.corpNamed(in.Corp)
	if err != nil {
		return nil, err
	}
	m := corp.member(in.UserID)
	if m == nil {
		return nil, refuse("no member %q", in.UserID)
	}
	p, err := s.scanner(in)
	if err != nil {
		return nil, err
	}
	if in.AddWay == 0 {
		in.AddWay = 2
	}
	return s.befriend(corp, m, p, addition{state: in.State, addWay: in.AddWay, half: in.Half, noCode: in.NoCode}, in.Callback), nil
}

type bulkRequest struct {
	Corp      string   `json:"corp"`
	States    []string `json:"states"`
	ConfigIDs []string `json:"config_ids"`
	N         int      `json:"n"`
	Rate      float64  `json:"rate"`  // per second; 0 = all at once
	Async     bool     `json:"async"` // answer before it is done
}

// actBulk lets n new people scan, by turns over the ways named, at an even rate.
func (s *Simulator) actBulk(c *controlCall) (any, error) {
	var in bulkRequest
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	if in.N < 1 || in.N > 1_000_000 || len(in.States)+len(in.ConfigIDs) == 0 {
		return nil, refuse("give n and states or config_ids")
	}
	var targets []scanRequest
	for _, state := range in.States {
		targets = append(targets, scanRequest{who: who{Corp: in.Corp}, State: state})
	}
	for _, id := range in.ConfigIDs {
		targets = append(targets, scanRequest{who: who{Corp: in.Corp}, ConfigID: id})
	}
	if !in.Async {
		added, err := s.bulk(in, targets)
		return reply{"external_userids": list(added)}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, refuse("closed")
	}
	s.running.Go(func() { _, _ = s.bulk(in, targets) }) // its outcome is read from /_sim/welcomes
	return reply{"started": in.N}, nil
}

func (s *Simulator) bulk(in bulkRequest, targets []scanRequest) ([]string, error) {
	started := time.Now()
	var added []string
	for i := range in.N {
		if in.Rate > 0 {
			due := started.Add(time.Duration(float64(i) / in.Rate * float64(time.Second)))
			select {
			case <-time.After(time.Until(due)):
			case <-s.done:
				return added, refuse("closed")
			}
		}
		s.mu.Lock()
		out, err := s.scan(targets[i%len(targets)])
		s.mu.Unlock()
		if err != nil {
			return added, err
		}
		added = append(added, out["external_userid"].(string))
	}
	return added, nil
}
