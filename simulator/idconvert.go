package simulator

import "time"

// pendingLife is how long a pending id is good for.
const pendingLife = 90 * day * time.Second

// pending is a name for somebody who was nobody's customer when it was given out.
type pending struct {
	Person string    `json:"person"`
	Until  time.Time `json:"until"`
}

type unionRequest struct {
	UnionID     string `json:"unionid"`
	OpenID      string `json:"openid"`
	SubjectType int    `json:"subject_type"`
}

// unionToExternal tells who a WeChat user is among the corp's customers.
func unionToExternal(c *call, in *unionRequest) (any, error) {
	if in.UnionID == "" || in.OpenID == "" || in.SubjectType < 0 || in.SubjectType > 1 {
		return nil, fail(40058, "unionid, openid or subject_type")
	}
	p, m := c.w.wechatUser(in.OpenID)
	switch {
	case p == nil || p.UnionID != in.UnionID:
		return nil, fail(610018, "unionid and openid are not one person's")
	case m.Unbound || m.Corp != c.corp.ID:
		return nil, fail(610014, "the mini-program is not bound to this corp")
	}
	if cu := c.corp.Customers[c.w.externalID(c.corp, p)]; cu != nil && len(cu.Relations) > 0 {
		return reply{"external_userid": cu.ID, "pending_id": ""}, nil
	}
	return reply{"external_userid": "", "pending_id": c.corp.pend(c.w, p.ID, c.now)}, nil
}

// wechatUser finds a person by openid, and the mini-program it belongs to.
func (w *world) wechatUser(openid string) (*person, *miniApp) {
	for _, app := range w.miniAppIDs() {
		for id, p := range w.People {
			if w.openID(app, id) == openid {
				return p, w.MiniApps[app]
			}
		}
	}
	return nil, nil
}

// pendingOf is the id under which a person waits, empty when there is none that is still good.
func (c *corp) pendingOf(person string, now time.Time) string {
	for id, p := range c.Pending {
		if p.Person == person && now.Before(p.Until) {
			return id
		}
	}
	return ""
}

func (c *corp) pend(w *world, person string, now time.Time) string {
	if id := c.pendingOf(person, now); id != "" {
		return id
	}
	if c.Pending == nil {
		c.Pending = map[string]pending{}
	}
	id := w.id("pd", 32)
	c.Pending[id] = pending{person, now.Add(pendingLife)}
	return id
}

type pendingRequest struct {
	ChatID string   `json:"chat_id"`
	IDs    []string `json:"external_userid"`
}

// externalToPending tells under which ids customers waited before they were customers.
func externalToPending(c *call, in *pendingRequest) (any, error) {
	if len(in.IDs) == 0 || len(in.IDs) > 100 {
		return nil, fail(40058, "external_userid")
	}
	result := []any{}
	for _, id := range in.IDs {
		if cu := c.corp.Customers[id]; cu != nil {
			if pd := c.corp.pendingOf(cu.Person, c.now); pd != "" {
				result = append(result, reply{"external_userid": id, "pending_id": pd})
			}
		}
	}
	return reply{"result": result}, nil
}
