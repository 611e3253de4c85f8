package simulator

import "cmp"

type personAct struct {
	Name      string `json:"name"`
	Phone     string `json:"phone"`
	Type      int    `json:"type"`
	NoUnionID bool   `json:"no_unionid"`
}

// actPerson creates somebody who is nobody's customer yet.
func (s *Simulator) actPerson(c *controlCall) (any, error) {
	var in personAct
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	p := s.world.born(in.Name, in.Type)
	if in.Phone != "" {
		p.Phone = in.Phone
	}
	if in.NoUnionID {
		p.UnionID = ""
	}
	openids := map[string]string{}
	for _, id := range s.world.miniAppIDs() {
		openids[id] = s.world.openID(id, p.ID)
	}
	return reply{"person": p, "openids": openids}, nil
}

type loginAct struct {
	who
	Phone       string `json:"phone"`
	Scope       string `json:"scope"`
	SessionFrom string `json:"session_from"`
}

// loginAct resolves mini-program and person; somebody new when nobody is named.
func (s *Simulator) loginAct(c *controlCall) (in loginAct, m *miniApp, p *person, err error) {
	if err = c.decode(&in); err != nil {
		return
	}
	if m, err = s.world.miniNamed(in.AppID); err != nil {
		return
	}
	if p, err = s.person(in.who); p == nil && err == nil {
		p = s.world.born("", 1)
	}
	return
}

func (s *Simulator) actLogin(c *controlCall) (any, error) {
	_, m, p, err := s.loginAct(c)
	if err != nil {
		return nil, err
	}
	value := s.world.issueCode(code{Kind: "login", AppID: m.AppID, Person: p.ID}, s.nowLocked())
	return reply{"code": value, "appid": m.AppID, "person": p.ID, "openid": s.world.openID(m.AppID, p.ID), "unionid": p.UnionID}, nil
}

func (s *Simulator) actPhone(c *controlCall) (any, error) {
	in, m, p, err := s.loginAct(c)
	if err != nil {
		return nil, err
	}
	if in.Phone != "" {
		p.Phone = in.Phone
	}
	value := s.world.issueCode(code{Kind: "phone", AppID: m.AppID, Person: p.ID}, s.nowLocked())
	return reply{"code": value, "phone": p.Phone, "person": p.ID, "openid": s.world.openID(m.AppID, p.ID)}, nil
}

func (s *Simulator) actQyLogin(c *controlCall) (any, error) {
	var in who
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	m, err := s.world.miniNamed(in.AppID)
	if err != nil {
		return nil, err
	}
	corp, err := s.world.corpNamed(cmp.Or(in.Corp, m.Corp))
	if err != nil {
		return nil, err
	}
	member := corp.member(in.UserID)
	if member == nil || m.Corp != corp.ID {
		return nil, refuse("no member %q, or the mini-program is not associated with the corp", in.UserID)
	}
	return reply{"code": s.world.issueCode(code{Kind: "qylogin", Corp: corp.ID, AppID: m.AppID, UserID: member.UserID}, s.nowLocked())}, nil
}

func (s *Simulator) actOAuth(c *controlCall) (any, error) {
	var in loginAct
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	corp, err := s.world.corpNamed(in.Corp)
	if err != nil {
		return nil, err
	}
	k := code{Kind: "oauth", Corp: corp.ID, Scope: cmp.Or(in.Scope, "snsapi_base")}
	if m := corp.member(in.UserID); m != nil {
		k.UserID = m.UserID
	} else {
		p, err := s.person(in.who)
		if err != nil || p == nil {
			return nil, refuse("no such member or person")
		}
		k.Person = p.ID
	}
	return reply{"code": s.world.issueCode(k, s.nowLocked())}, nil
}

func (s *Simulator) actEnterSession(c *controlCall) (any, error) {
	in, m, p, err := s.loginAct(c)
	if err != nil {
		return nil, err
	}
	openid := s.world.openID(m.AppID, p.ID)
	s.push(m, openid, []field{text("MsgType", "event"), text("Event", "user_enter_tempsession"), text("SessionFrom", cmp.Or(in.SessionFrom, "wxapp"))}, in.Callback)
	return reply{"openid": openid, "person": p.ID}, nil
}

type authorizationAct struct {
	who
	Event      string `json:"event"`
	RevokeInfo string `json:"revoke_info"`
}

// actAuthorization pushes that a user took back what a mini-program was allowed, had their data cleaned up
// by the platform, or closed their account.
func (s *Simulator) actAuthorization(c *controlCall) (any, error) {
	var in authorizationAct
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	m, err := s.world.miniNamed(in.AppID)
	if err != nil {
		return nil, err
	}
	p, err := s.person(in.who)
	if err != nil || p == nil {
		return nil, refuse("no such person")
	}
	openid := s.world.openID(m.AppID, p.ID)
	fields := []field{text("MsgType", "event"), text("Event", cmp.Or(in.Event, "user_authorization_revoke")), text("OpenID", openid), text("AppID", m.AppID)}
	s.push(m, m.Original, optional(fields, "RevokeInfo", in.RevokeInfo), in.Callback)
	return reply{"openid": openid, "person": p.ID}, nil
}
