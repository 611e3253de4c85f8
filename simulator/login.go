package simulator

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// code is a one-time code: OAuth (oauth), wx.login (login), wx.qy.login (qylogin),
// the phone button (phone), or a user ticket (ticket).
type code struct {
	Kind   string    `json:"kind"`
	Corp   string    `json:"corp,omitempty"`
	AppID  string    `json:"appid,omitempty"`
	UserID string    `json:"userid,omitempty"`
	Person string    `json:"person,omitempty"`
	Scope  string    `json:"scope,omitempty"`
	Issued time.Time `json:"issued"`
	Used   bool      `json:"used,omitempty"`
}

func (w *world) issueCode(k code, now time.Time) string {
	for value, old := range w.Codes {
		if now.Sub(old.Issued) > 24*time.Hour {
			delete(w.Codes, value)
		}
	}
	k.Issued = now.UTC()
	value := random(24)
	w.Codes[value] = &k
	return value
}

// redeem uses a code up: unknown or another's 40029, used 40029 (mini-program login 40163), too old late.
func (c *call) redeem(value, kind string, late int) (*code, error) {
	k := c.w.Codes[value]
	switch {
	case value == "":
		return nil, fail(41008)
	case k == nil || k.Kind != kind:
		return nil, fail(40029)
	case k.Used && kind == "login":
		return nil, fail(40163)
	case k.Used:
		return nil, fail(40029)
	case c.now.Sub(k.Issued) > time.Duration(c.w.Config.CodeSeconds)*time.Second:
		return nil, fail(late)
	}
	return k, nil
}

func (c *call) oauth() (*code, error) {
	k, err := c.redeem(c.arg("code"), "oauth", 42003)
	if err != nil {
		return nil, err
	}
	if k.Corp != c.corp.ID {
		return nil, fail(40029)
	}
	k.Used = true
	return k, nil
}

func authUserInfo(c *call) (any, error) {
	k, err := c.oauth()
	if err != nil {
		return nil, err
	}
	if k.UserID == "" {
		return c.outsider(k, "openid", "external_userid"), nil
	}
	out := reply{"userid": k.UserID}
	if k.Scope == "snsapi_privateinfo" {
		out["user_ticket"] = c.w.issueCode(code{Kind: "ticket", Corp: k.Corp, UserID: k.UserID}, c.now)
	}
	return out, nil
}

// oldUserInfo is the alias with the older field names.
func oldUserInfo(c *call) (any, error) {
	k, err := c.oauth()
	if err != nil {
		return nil, err
	}
	if k.UserID == "" {
		return c.outsider(k, "OpenId", "external_userid"), nil
	}
	return reply{"UserId": k.UserID, "DeviceId": ""}, nil
}

func (c *call) outsider(k *code, openid, external string) reply {
	p := c.w.People[k.Person]
	out := reply{openid: c.w.openID(c.corp.ID, p.ID)}
	if id := c.w.externalID(c.corp, p); c.corp.Customers[id] != nil {
		out[external] = id
	}
	return out
}

type ticketRequest struct {
	Ticket string `json:"user_ticket"`
}

func authUserDetail(c *call, in *ticketRequest) (any, error) {
	k := c.w.Codes[in.Ticket]
	if k == nil || k.Kind != "ticket" || k.Corp != c.corp.ID {
		return nil, fail(84015)
	}
	if c.now.Sub(k.Issued) > 1800*time.Second {
		return nil, fail(84014)
	}
	m, err := c.visible(k.UserID)
	if err != nil {
		return nil, err
	}
	return reply{"userid": m.UserID, "gender": fmt.Sprint(m.Gender), "mobile": m.Mobile}, nil
}

var pickPage = template.Must(template.New("pick").Parse(`<!DOCTYPE html><html lang="zh-CN"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>选择成员 · 平台模拟器</title>
<style>body{font:16px/1.6 sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}li{margin:.3rem 0}small{color:#777}</style>
<h1>选择成员登录 <small>Pick a member</small></h1><p>{{.Corp}}（模拟 / simulated）</p><ul>
{{range .Members}}<li><a href="{{.Link}}">{{.Name}}</a> <small>{{.Position}} · {{.UserID}}</small></li>{{end}}</ul></html>`))

// authorize serves the in-app and the QR authorize page: pick a member, be redirected
// with a code. ?sim_user= or a cookie of that name picks without asking;
// ?sim_person= comes back as somebody who is no member.
func (s *Simulator) authorize(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	c := s.world.Corps[q.Get("appid")]
	if c == nil {
		http.Error(rw, "40013 invalid corpid", http.StatusBadRequest)
		return
	}
	to, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || to.Host == "" || !c.trusts(q.Get("agentid"), to.Hostname()) {
		http.Error(rw, "50001 redirect_uri 与配置的可信域名不一致 / redirect_uri unauthorized", http.StatusBadRequest)
		return
	}
	k := code{Kind: "oauth", Corp: c.ID, Scope: q.Get("scope"), UserID: q.Get("sim_user"), Person: q.Get("sim_person")}
	if cookie, err := r.Cookie("sim_user"); err == nil && k.UserID+k.Person == "" {
		k.UserID = cookie.Value
	}
	if m := c.member(k.UserID); m != nil {
		k.UserID = m.UserID
	} else if s.world.People[k.Person] == nil {
		s.pick(rw, r, c)
		return
	}
	back := to.Query()
	back.Set("code", s.world.issueCode(k, s.nowLocked()))
	back.Set("state", q.Get("state"))
	to.RawQuery = back.Encode()
	http.Redirect(rw, r, to.String(), http.StatusFound)
}

// trusts reports whether the app, or any app when none is named, trusts the host. Subdomains count.
func (c *corp) trusts(agent, host string) bool {
	for id, a := range c.Apps {
		if agent != "" && agent != fmt.Sprint(id) {
			continue
		}
		if len(a.TrustedDomains) == 0 || slices.ContainsFunc(a.TrustedDomains, func(d string) bool {
			return d == host || strings.HasSuffix(host, "."+d)
		}) {
			return true
		}
	}
	return false
}

func (s *Simulator) pick(rw http.ResponseWriter, r *http.Request, c *corp) {
	type row struct{ Name, UserID, Position, Link string }
	var rows []row
	for _, m := range c.members() {
		q := r.URL.Query()
		q.Set("sim_user", m.UserID)
		rows = append(rows, row{m.Name, m.UserID, m.Position, "?" + q.Encode()})
	}
	rw.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = pickPage.Execute(rw, map[string]any{"Corp": c.Name, "Members": rows}) // the reader may have gone
}
