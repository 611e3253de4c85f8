package simulator

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// subscribeTemplate is a 订阅消息 template that the mini-program has chosen.
type subscribeTemplate struct {
	ID      string `json:"priTmplId"`
	Title   string `json:"title"`
	Content string `json:"content"` // lines such as 优惠券:{{thing1.DATA}}
	Example string `json:"example"`
	Type    int    `json:"type"` // 2 one consent one message, 3 long-term
}

// subscribeMessage is a message that a user received.
type subscribeMessage struct {
	ID       int64             `json:"msgid"`
	OpenID   string            `json:"openid"`
	Template string            `json:"template_id"`
	Page     string            `json:"page,omitempty"`
	Data     map[string]string `json:"data"`
	At       time.Time         `json:"at"`
}

// seedTemplates gives a mini-program what a shop usually has.
func (w *world) seedTemplates(m *miniApp) {
	for _, t := range []struct{ title, content, example string }{
		{"优惠券到期提醒", "优惠券:{{thing1.DATA}}\n到期时间:{{time2.DATA}}\n温馨提示:{{thing3.DATA}}\n", "优惠券:满100减20\n到期时间:2026-03-08 12:00\n温馨提示:请尽快使用\n"},
		{"活动开始提醒", "活动名称:{{thing1.DATA}}\n开始时间:{{time2.DATA}}\n", "活动名称:会员日\n开始时间:2026-03-08 12:00\n"},
		{"积分变动通知", "变动数量:{{number1.DATA}}\n当前积分:{{number2.DATA}}\n变动原因:{{thing3.DATA}}\n", "变动数量:10\n当前积分:120\n变动原因:签到\n"},
	} {
		m.Templates = append(m.Templates, &subscribeTemplate{
			ID: w.derive(43, "template", m.AppID, t.title), Title: t.title, Content: t.content, Example: t.example, Type: 2,
		})
	}
}

func (m *miniApp) template(id string) *subscribeTemplate {
	for _, t := range m.Templates {
		if t.ID == id {
			return t
		}
	}
	return nil
}

func templateList(c *call) (any, error) { return reply{"data": list(c.mini.Templates)}, nil }

type subscribeRequest struct {
	ToUser   string `json:"touser"`
	Template string `json:"template_id"`
	Page     string `json:"page"`
	Data     map[string]struct {
		Value string `json:"value"`
	} `json:"data"`
	State string `json:"miniprogram_state"`
	Lang  string `json:"lang"`
}

// subscribeSend uses one consent up. What is refused uses none.
func subscribeSend(c *call, in *subscribeRequest) (any, error) {
	t := c.mini.template(in.Template)
	if t == nil {
		return nil, fail(40037)
	}
	key := in.ToUser + " " + in.Template
	if c.mini.Grants[key] == 0 {
		if p, m := c.w.wechatUser(in.ToUser); p == nil || m != c.mini {
			return nil, fail(40003)
		}
		return nil, fail(43101)
	}
	m := &subscribeMessage{ID: c.w.next() + 1_864_323_726_461_000_000, OpenID: in.ToUser, Template: t.ID, Page: in.Page, Data: map[string]string{}, At: c.now.UTC()}
	for name, v := range in.Data {
		m.Data[name] = v.Value
	}
	if err := t.fits(m.Data); err != nil {
		return nil, err
	}
	if t.Type == 2 {
		c.mini.Grants[key]--
	}
	c.mini.Subscribed = append(c.mini.Subscribed, m)
	c.s.push(c.mini, in.ToUser, c.mini.subscribeEvent("subscribe_msg_sent_event", "SubscribeMsgSentEvent", []field{
		text("TemplateId", t.ID), text("MsgID", strconv.FormatInt(m.ID, 10)), text("ErrorCode", "0"), text("ErrorStatus", "success"),
	}), handling{})
	return reply{"msgid": m.ID}, nil
}

// subscribeEvent has its list in an element of its own in XML, and at the top in JSON.
func (m *miniApp) subscribeEvent(name, wrapper string, items ...[]field) []field {
	out := []field{text("MsgType", "event"), text("Event", name)}
	if m.Push.Format == "json" {
		return append(out, field{"List", items})
	}
	return append(out, field{wrapper, []field{{"List", items}}})
}

var keyword = regexp.MustCompile(`\{\{([a-z_]+)(\d+)\.DATA\}\}`)

// fits holds the values to the template's keywords and their classes; 47003 names the field.
func (t *subscribeTemplate) fits(data map[string]string) error {
	var names []string
	for _, k := range keyword.FindAllStringSubmatch(t.Content, -1) {
		name := k[1] + k[2]
		names = append(names, name)
		if v := data[name]; v == "" || strings.ContainsAny(v, "\r\n") || !fitsClass(k[1], v) {
			return fail(47003, "argument invalid! data."+name+".value invalid")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if !slices.Contains(names, name) {
			return fail(47003, "argument invalid! data."+name+" is not in the template")
		}
	}
	return nil
}

var (
	dateTime = regexp.MustCompile(`^(\d{4}[-年]\d{1,2}[-月]\d{1,2}日? ?)?(\d{1,2}:\d{2})?$`)
	amount   = regexp.MustCompile(`^[¥$€￥]?\d{1,10}(\.\d+)?元?$`)
	digits   = regexp.MustCompile(`^-?[\d.]{1,32}$`)
)

func fitsClass(class, v string) bool {
	n := utf8.RuneCountInString(v)
	switch class {
	case "thing":
		return n <= 20
	case "number":
		return digits.MatchString(v)
	case "letter", "character_string":
		return n <= 32 && n == len(v)
	case "symbol", "phrase":
		return n <= 5
	case "time", "date":
		return dateTime.MatchString(v)
	case "amount":
		return amount.MatchString(v)
	case "phone_number":
		return n <= 17
	case "car_number":
		return n <= 8
	case "name":
		return n <= 10 || (n <= 20 && n == len(v))
	}
	return true
}

// controlSubscribed lists the subscribe messages that users received.
func (s *Simulator) controlSubscribed(c *controlCall) (any, error) {
	m, err := s.world.miniNamed(c.r.URL.Query().Get("appid"))
	if err != nil {
		return nil, err
	}
	return reply{"messages": list(m.Subscribed), "templates": m.Templates, "grants": m.Grants}, nil
}

type subscribeAct struct {
	who
	Accept  []string `json:"accept"`
	Reject  []string `json:"reject"`
	Setting bool     `json:"setting"` // in the settings page, not in a prompt
}

// actSubscribe: a user answers the prompt of wx.requestSubscribeMessage, or changes the setting later.
func (s *Simulator) actSubscribe(c *controlCall) (any, error) {
	var in subscribeAct
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
	var items [][]field
	for _, choice := range []struct {
		ids  []string
		word string
	}{{in.Accept, "accept"}, {in.Reject, "reject"}} {
		for _, id := range choice.ids {
			if m.template(id) == nil {
				return nil, refuse("no template %q", id)
			}
			item := []field{text("TemplateId", id), text("SubscribeStatusString", choice.word)}
			if !in.Setting {
				item = append(item, text("PopupScene", "0"))
			}
			items = append(items, item)
		}
	}
	if len(items) == 0 || (!in.Setting && len(items) > 3) {
		return nil, refuse("between one and three templates")
	}
	m.answer(openid, in)
	if in.Setting {
		s.push(m, openid, m.subscribeEvent("subscribe_msg_change_event", "SubscribeMsgChangeEvent", items...), in.Callback)
	} else {
		s.push(m, openid, m.subscribeEvent("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", items...), in.Callback)
	}
	return reply{"openid": openid, "person": p.ID}, nil
}

// answer counts consents of a prompt; switching a template off in the settings takes them away.
func (m *miniApp) answer(openid string, in subscribeAct) {
	fill(&m.Grants)
	if !in.Setting {
		for _, id := range in.Accept {
			m.Grants[openid+" "+id]++
		}
		return
	}
	for _, id := range in.Reject {
		delete(m.Grants, openid+" "+id)
	}
}
