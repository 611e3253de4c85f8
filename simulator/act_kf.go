package simulator

import (
	"cmp"
	"maps"
	"slices"
)

type kfAct struct {
	who
	KfID     string `json:"open_kfid"`
	Text     string `json:"text"`
	ID       string `json:"msgid"`
	FailType int    `json:"fail_type"`
	Refuses  *bool  `json:"refuses"`
}

// kfAct resolves corp and account of an act; the first account unless one is named.
func (s *Simulator) kfAct(c *controlCall) (in kfAct, corp *corp, k *kfAccount, err error) {
	if err = c.decode(&in); err != nil {
		return
	}
	if corp, err = s.world.corpNamed(in.Corp); err != nil {
		return
	}
	id := in.KfID
	if ids := slices.Sorted(maps.Keys(corp.Kf)); id == "" && len(ids) > 0 {
		id = ids[0]
	}
	if k = corp.Kf[id]; k == nil {
		err = refuse("no customer-service account %q", id)
	}
	return
}

// actKfText: somebody writes to a customer-service account, a new person unless one is named.
func (s *Simulator) actKfText(c *controlCall) (any, error) {
	in, corp, k, err := s.kfAct(c)
	if err != nil {
		return nil, err
	}
	p, err := s.person(in.who)
	if err != nil {
		return nil, err
	}
	if p == nil {
		p = s.world.born("", 1)
	}
	external := s.world.externalID(corp, p)
	session := k.Sessions[external]
	if session == nil {
		session = &kfSession{External: external, State: kfEnded}
		k.Sessions[external] = session
	}
	if session.State == kfEnded {
		session.State = kfUnhandled
	}
	session.Last, session.Left = s.nowLocked().UTC(), s.world.Config.KfPerMessage
	if in.Refuses != nil {
		session.Refuses = *in.Refuses
	}
	m := &kfMessage{External: external, Origin: kfFromCustomer, Type: "text", Body: reply{"content": cmp.Or(in.Text, "在吗")}}
	s.kfAppend(corp, k, m, in.Callback)
	return reply{"external_userid": external, "person": p.ID, "open_kfid": k.ID, "msgid": m.ID}, nil
}

// actKfFail: a message that the platform had accepted turns out not to have arrived.
func (s *Simulator) actKfFail(c *controlCall) (any, error) {
	in, corp, k, err := s.kfAct(c)
	if err != nil {
		return nil, err
	}
	for _, m := range k.Messages {
		if m.ID == in.ID && m.Origin == kfFromAPI {
			s.kfFailed(corp, k, m, in.FailType)
			return reply{"failed": m.ID}, nil
		}
	}
	return nil, refuse("no message %q", in.ID)
}

// controlKf lists the customer-service accounts with their messages and sessions.
func (s *Simulator) controlKf(c *controlCall) (any, error) {
	corp, err := c.corp()
	if err != nil {
		return nil, err
	}
	return reply{"accounts": corp.Kf}, nil
}
