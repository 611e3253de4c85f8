package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// miniApp is a mini-program.
type miniApp struct {
	AppID      string            `json:"appid"`
	Name       string            `json:"name"`
	Secret     string            `json:"secret"`
	Original   string            `json:"gh_id"`
	Corp       string            `json:"corp,omitempty"`        // associated with, for wx.qy.login
	Unbound    bool              `json:"unbound,omitempty"`     // no open-platform account, so no unionid
	TrustedIPs []string          `json:"trusted_ips,omitempty"` // 40164 for others
	Push       callbackSpec      `json:"push"`
	Sessions   map[string]string `json:"sessions"` // openid → session_key
	Forced     time.Time         `json:"forced,omitzero"`

	Templates  []*subscribeTemplate `json:"templates,omitempty"`
	Grants     map[string]int       `json:"grants,omitempty"` // by "openid template"
	Subscribed []*subscribeMessage  `json:"subscribed,omitempty"`

	Visited     map[string]time.Time `json:"visited,omitempty"` // openid → when they opened it last
	MediaChecks []*mediaCheck        `json:"media_checks,omitempty"`
}

// addMiniApp creates a mini-program; an empty appid gets the next free one.
func (w *world) addMiniApp(appid, name, corp string) *miniApp {
	for n := 1; appid == "" || w.MiniApps[appid] != nil; n++ {
		appid = fmt.Sprintf("wxsim%013d", n)
	}
	m := &miniApp{
		AppID: appid, Name: name, Corp: corp, Secret: hexOf(digestSlice(w, "mini secret", appid)), Original: "gh_" + w.derive(12, "gh", appid),
		Push:     callbackSpec{Token: w.derive(24, "push token", appid), AESKey: w.aesKey("push", appid)},
		Sessions: map[string]string{},
	}
	w.seedTemplates(m)
	w.MiniApps[appid] = m
	return m
}

func digestSlice(w *world, parts ...any) []byte {
	sum := w.digest(parts...)
	return sum[:16]
}

// aesKey derives an EncodingAESKey: 43 letters and digits that decode to 32 bytes exactly.
func (w *world) aesKey(parts ...any) string {
	for n := 0; ; n++ {
		sum := w.digest("aes", fmt.Sprint(parts...), n)
		key := strings.TrimSuffix(base64.StdEncoding.EncodeToString(sum[:]), "=")
		if !strings.ContainsAny(key, "+/") {
			return key
		}
	}
}

// codeSession is sns/jscode2session: each login changes the session key.
func codeSession(c *call) (any, error) {
	m := c.w.MiniApps[c.arg("appid")]
	switch {
	case m == nil:
		return nil, fail(40013)
	case m.Secret != c.arg("secret"):
		return nil, fail(40125)
	case c.arg("grant_type") != "authorization_code":
		return nil, fail(40035, "grant_type")
	}
	k, err := c.redeem(c.arg("js_code"), "login", 40029)
	if err != nil {
		return nil, err
	}
	if k.AppID != m.AppID {
		return nil, fail(40029)
	}
	openid := c.w.openID(m.AppID, k.Person)
	if !c.s.limiter.allow("login "+openid, window{Seconds: 60, Max: c.w.Config.LoginsPerMinute}, c.now) {
		return nil, fail(45011)
	}
	k.Used = true
	m.visited(openid, c.now)
	out := reply{"openid": openid, "session_key": m.session(openid)}
	if p := c.w.People[k.Person]; !m.Unbound && p.UnionID != "" {
		out["unionid"] = p.UnionID
	}
	c.exact = true
	return out, nil
}

// visited notes that somebody has the mini-program open.
func (m *miniApp) visited(openid string, at time.Time) {
	fill(&m.Visited)
	m.Visited[openid] = at
}

func (m *miniApp) session(openid string) string {
	raw, _ := hex.DecodeString(random(16))
	m.Sessions[openid] = base64.StdEncoding.EncodeToString(raw)
	return m.Sessions[openid]
}

// corpCodeSession is the login of a mini-program opened inside WeCom.
func corpCodeSession(c *call) (any, error) {
	k, err := c.redeem(c.arg("js_code"), "qylogin", 40029)
	if err != nil {
		return nil, err
	}
	m := c.w.MiniApps[k.AppID]
	if m == nil || k.Corp != c.corp.ID {
		return nil, fail(40029)
	}
	k.Used = true
	return reply{"corpid": c.corp.ID, "userid": k.UserID, "session_key": m.session("qy:" + k.UserID)}, nil
}

type phoneRequest struct {
	Code string `json:"code"`
}

func phoneNumber(c *call, in *phoneRequest) (any, error) {
	k, err := c.redeem(in.Code, "phone", 40029)
	if err != nil {
		return nil, err
	}
	if k.AppID != c.mini.AppID {
		return nil, fail(40029)
	}
	k.Used = true
	p := c.w.People[k.Person]
	return reply{"phone_info": reply{
		"phoneNumber": p.Phone, "purePhoneNumber": p.Phone, "countryCode": "86",
		"watermark": reply{"timestamp": c.now.Unix(), "appid": c.mini.AppID},
	}}, nil
}

// checkSession compares signature with hmac_sha256(session_key, "").
func checkSession(c *call) (any, error) {
	key, ok := c.mini.Sessions[c.arg("openid")]
	if !ok {
		return nil, fail(40003)
	}
	mac := hmac.New(sha256.New, []byte(key))
	if c.arg("sig_method") != "hmac_sha256" || hex.EncodeToString(mac.Sum(nil)) != c.arg("signature") {
		return nil, fail(87009)
	}
	return reply{}, nil
}

// push hands an event to a mini-program's server.
func (s *Simulator) push(m *miniApp, openid string, fields []field, how handling) {
	if m.Push.URL == "" {
		return
	}
	now := s.nowLocked()
	plain := render(append([]field{
		text("ToUserName", m.Original), text("FromUserName", openid), {"CreateTime", int(now.Unix())},
	}, fields...), m.Push.Format)
	name, _ := peek(plain)
	s.courier.deliver(&delivery{AppID: m.AppID, Event: name, Created: now.UTC(), Plain: plain, envelope: m.envelope(openid, now)}, how)
}

func (m *miniApp) envelope(openid string, now time.Time) envelope {
	return envelope{spec: m.Push, receiver: m.AppID, to: m.Original, openid: openid, mini: true, at: now}
}
