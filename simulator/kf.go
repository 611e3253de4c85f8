package simulator

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"
)

// kfAccount is a customer-service account, 微信客服账号.
type kfAccount struct {
	ID       string                `json:"open_kfid"`
	Name     string                `json:"name"`
	Messages []*kfMessage          `json:"messages,omitempty"` // ascending Seq
	Sessions map[string]*kfSession `json:"sessions"`           // by external_userid
	Tokens   map[string]time.Time  `json:"tokens,omitempty"`   // of callbacks, and when each ends
	Sent     map[string]bool       `json:"sent,omitempty"`     // msgids used through the API
}

// States of a session that sends through the API are allowed in, or not.
const (
	kfUnhandled = 0
	kfByAPI     = 1
	kfEnded     = 4
)

type kfSession struct {
	External string    `json:"external_userid"`
	State    int       `json:"service_state"`
	Last     time.Time `json:"last"` // message of the customer
	Left     int       `json:"left"` // sends that it still allows
	Refuses  bool      `json:"refuses,omitempty"`
}

// Origins of messages.
const (
	kfFromCustomer = 3
	kfFromSystem   = 4
	kfFromAPI      = 0 // never listed
)

type kfMessage struct {
	Seq      int64     `json:"seq"`
	ID       string    `json:"msgid"`
	External string    `json:"external_userid"`
	At       time.Time `json:"at"`
	Origin   int       `json:"origin"`
	Type     string    `json:"msgtype"`
	Body     reply     `json:"body"` // what stands under the type's name
}

// seedKf gives a corp one customer-service account.
func (w *world) seedKf(c *corp) {
	id := "wk" + w.derive(30, "kf", c.ID, 1)
	c.Kf = map[string]*kfAccount{id: {ID: id, Name: "在线客服", Sessions: map[string]*kfSession{}, Tokens: map[string]time.Time{}, Sent: map[string]bool{}}}
}

type kfListRequest struct {
	Offset int `json:"offset"`
	Limit  int `json:"limit"`
}

func kfList(c *call, in *kfListRequest) (any, error) {
	limit, err := pageSize(in.Limit, 100, 100)
	if err != nil || in.Offset < 0 {
		return nil, fail(40058, "offset or limit")
	}
	rows := []any{}
	for i, id := range slices.Sorted(maps.Keys(c.corp.Kf)) {
		if i >= in.Offset && len(rows) < limit {
			rows = append(rows, reply{"open_kfid": id, "name": c.corp.Kf[id].Name, "avatar": c.host() + "/avatar/kf.svg", "manage_privilege": true})
		}
	}
	return reply{"account_list": rows}, nil
}

type kfSendRequest struct {
	ToUser string    `json:"touser"`
	KfID   string    `json:"open_kfid"`
	ID     string    `json:"msgid"`
	Type   string    `json:"msgtype"`
	Text   *textBody `json:"text"`
	Link   *struct {
		Title string `json:"title" max:"128B"`
		Desc  string `json:"desc,omitempty" max:"512B"`
		URL   string `json:"url" max:"2048B"`
		Thumb string `json:"thumb_media_id"`
	} `json:"link"`
	MiniProgram *struct {
		AppID string `json:"appid"`
		Title string `json:"title" max:"64B"`
		Thumb string `json:"thumb_media_id"`
		Page  string `json:"pagepath"`
	} `json:"miniprogram"`
	Image *mediaCard `json:"image"`
}

var kfMessageID = regexp.MustCompile(`^[0-9a-zA-Z_-]{1,32}$`)

// kfSend hands a message to the customer: within the window after his last one, so many for each.
func kfSend(c *call, in *kfSendRequest) (any, error) {
	k := c.corp.Kf[in.KfID]
	if k == nil {
		return nil, fail(95004)
	}
	if in.ID != "" && !kfMessageID.MatchString(in.ID) {
		return nil, fail(40058, "msgid")
	}
	if in.ID != "" && k.Sent[in.ID] {
		if code := c.w.Config.KfRepeatErrcode; code != 0 {
			return nil, fail(code)
		}
		return reply{"msgid": in.ID}, nil
	}
	body, err := in.body(c)
	if err != nil {
		return nil, err
	}
	s := k.Sessions[in.ToUser]
	switch {
	case s == nil:
		return nil, fail(95000)
	case s.State != kfUnhandled && s.State != kfByAPI:
		return nil, fail(95018)
	case c.now.Sub(s.Last) > time.Duration(c.w.Config.KfWindowSeconds)*time.Second:
		return nil, fail(95002)
	case s.Left <= 0:
		return nil, fail(95001)
	}
	s.Left--
	s.State = kfByAPI
	m := &kfMessage{Seq: c.w.next(), ID: cmp.Or(in.ID, c.w.id("", 32)), External: in.ToUser, At: c.now.UTC(), Origin: kfFromAPI, Type: in.Type, Body: body}
	k.Messages = append(k.Messages, m)
	k.Sent[m.ID] = true
	if s.Refuses {
		c.s.kfFailed(c.corp, k, m, 10)
	}
	return reply{"msgid": m.ID}, nil
}

func (in *kfSendRequest) body(c *call) (reply, error) {
	switch {
	case in.Type == "text" && in.Text != nil:
		if in.Text.Content == "" || len(in.Text.Content) > 2048 || !utf8.ValidString(in.Text.Content) {
			return nil, fail(95009)
		}
		return reply{"content": in.Text.Content}, nil
	case in.Type == "link" && in.Link != nil:
		return reply{"title": in.Link.Title, "url": in.Link.URL}, c.usableMedia(in.Link.Thumb)
	case in.Type == "miniprogram" && in.MiniProgram != nil:
		return reply{"title": in.MiniProgram.Title, "appid": in.MiniProgram.AppID, "pagepath": in.MiniProgram.Page}, c.usableMedia(in.MiniProgram.Thumb)
	case in.Type == "image" && in.Image != nil:
		return reply{"media_id": in.Image.MediaID}, c.usableMedia(in.Image.MediaID)
	}
	return nil, fail(95008)
}

type kfSyncRequest struct {
	Cursor string `json:"cursor"`
	Token  string `json:"token"`
	Limit  int    `json:"limit"`
	Voice  int    `json:"voice_format"`
	KfID   string `json:"open_kfid"`
}

const kfHistory = 3 * day * time.Second

// kfSync lists what customers and the system said, not what the API sent. A page may be empty and not the last.
func kfSync(c *call, in *kfSyncRequest) (any, error) {
	k := c.corp.Kf[in.KfID]
	if k == nil {
		return nil, fail(95004)
	}
	limit, err := pageSize(in.Limit, 1000, 1000)
	if err != nil {
		return nil, err
	}
	if until, ok := k.Tokens[in.Token]; in.Token != "" && (!ok || c.now.After(until)) {
		return nil, fail(95007)
	}
	if in.Token == "" && !c.s.limiter.allow("kf sync "+k.ID, window{Seconds: 60, Max: 60, Block: 60}, c.now) {
		return nil, fail(45009)
	}
	at, err := parseCursor(in.Cursor, 1)
	if err != nil {
		return nil, err
	}
	rows, more, looked := []any{}, 0, 0
	for _, m := range k.Messages {
		if m.Seq <= at[0] || c.now.Sub(m.At) > kfHistory {
			continue
		}
		if looked++; looked > limit {
			more = 1
			break
		}
		at[0] = m.Seq
		if m.Origin != kfFromAPI {
			rows = append(rows, m.listed(k))
		}
	}
	return reply{"next_cursor": cursor(at[0]), "has_more": more, "msg_list": rows}, nil
}

// listed is a message as sync_msg shows it: events carry the ids inside.
func (m *kfMessage) listed(k *kfAccount) reply {
	row := reply{"msgid": m.ID, "send_time": m.At.Unix(), "origin": m.Origin, "msgtype": m.Type, m.Type: m.Body}
	if m.Type != "event" {
		row["open_kfid"], row["external_userid"] = k.ID, m.External
	}
	return row
}

// kfFailed tells that a message which was accepted did not arrive.
func (s *Simulator) kfFailed(c *corp, k *kfAccount, m *kfMessage, why int) {
	s.kfAppend(c, k, &kfMessage{
		External: m.External, Origin: kfFromSystem, Type: "event",
		Body: reply{"event_type": "msg_send_fail", "open_kfid": k.ID, "external_userid": m.External, "fail_msgid": m.ID, "fail_type": why},
	}, handling{})
}

// kfAppend adds what sync_msg will list and says that there is something.
func (s *Simulator) kfAppend(c *corp, k *kfAccount, m *kfMessage, how handling) {
	now := s.nowLocked()
	m.Seq, m.At = s.world.next(), now.UTC()
	m.ID = cmp.Or(m.ID, s.world.id("", 32))
	k.Messages = append(k.Messages, m)
	for t, until := range k.Tokens {
		if now.After(until) {
			delete(k.Tokens, t)
		}
	}
	token := "ENC" + random(16)
	k.Tokens[token] = now.Add(10 * time.Minute)
	s.emit(c, event{Name: "kf_msg_or_event", right: rightKf, Fields: []field{text("Token", token), text("OpenKfId", k.ID)}}, how)
}
