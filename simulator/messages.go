package simulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// message is an app message that reached at least one member.
type message struct {
	ID       string        `json:"msgid"`
	Agent    int64         `json:"agentid"`
	At       time.Time     `json:"at"`
	Type     string        `json:"msgtype"`
	To       []string      `json:"to"`
	Text     *textBody     `json:"text,omitempty"`
	Card     *cardBody     `json:"textcard,omitempty"`
	Template *templateCard `json:"template_card,omitempty"`
	Key      string        `json:"-"` // content, for the duplicate check
}

type textBody struct {
	Content string `json:"content"`
}

type cardBody struct {
	Title       string `json:"title" max:"128ch"`
	Description string `json:"description" max:"512ch"`
	URL         string `json:"url" max:"2048B"`
	Button      string `json:"btntxt,omitempty" max:"4ch"`
}

type messageRequest struct {
	ToUser    string        `json:"touser"`
	ToParty   string        `json:"toparty"`
	ToTag     string        `json:"totag"`
	Type      string        `json:"msgtype"`
	AgentID   number        `json:"agentid"`
	Safe      int           `json:"safe"`
	IDTrans   int           `json:"enable_id_trans"`
	Duplicate int           `json:"enable_duplicate_check"`
	Interval  int           `json:"duplicate_check_interval"`
	Text      *textBody     `json:"text"`
	Card      *cardBody     `json:"textcard"`
	Template  *templateCard `json:"template_card"`
}

// messageSend delivers texts and cards to members. Receivers over their limits are
// dropped without a word, as are repeats within the duplicate-check interval.
func messageSend(c *call, in *messageRequest) (any, error) {
	if int64(in.AgentID) != c.app.AgentID {
		return nil, fail(301002)
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	to, badUsers, badParties, err := c.receivers(in)
	if err != nil {
		return nil, err
	}
	out := reply{
		"invaliduser": strings.ToLower(strings.Join(badUsers, "|")), "invalidparty": strings.Join(badParties, "|"),
		"invalidtag": in.ToTag, "unlicenseduser": "", "msgid": c.w.id("", 40),
	}
	key := string(mustJSON([]any{c.app.AgentID, in.ToUser, in.ToParty, in.Type, in.Text, in.Card, in.Template}))
	if in.Duplicate == 1 && c.repeats(key, in.Interval) {
		return out, nil
	}
	if in.Template != nil {
		if err := in.Template.check(c); err != nil {
			return nil, err
		}
		if in.Template.CardType == "button_interaction" {
			out["response_code"] = c.w.id("", 43)
		}
	}
	to = slices.DeleteFunc(to, func(u string) bool { return c.overMessaged(u) })
	if len(to) == 0 {
		return out, nil
	}
	m := &message{ID: out["msgid"].(string), Agent: c.app.AgentID, At: c.now.UTC(), Type: in.Type, To: to, Text: in.Text, Card: in.Card, Template: in.Template, Key: key}
	if m.Text != nil && len(m.Text.Content) > 2048 {
		m.Text = &textBody{strings.ToValidUTF8(m.Text.Content[:2048], "")}
	}
	c.corp.Messages = append(c.corp.Messages, m)
	if n := len(c.corp.Messages); n > 20_000 {
		c.corp.Messages = slices.Clone(c.corp.Messages[n-10_000:])
	}
	return out, nil
}

func (in *messageRequest) check() error {
	switch {
	case in.Type == "text" && (in.Text == nil || in.Text.Content == ""):
		return fail(44004)
	case in.Type == "textcard" && (in.Card == nil || in.Card.Title == "" || in.Card.Description == "" || in.Card.URL == ""):
		return fail(40058, "textcard needs title, description and url")
	case in.Type == "textcard" && (exceeds(in.Card.URL, "2048B")):
		return fail(45002)
	case in.Type == "template_card" && in.Template == nil:
		return fail(40058, "template_card")
	case in.Type != "text" && in.Type != "textcard" && in.Type != "template_card":
		return fail(40058, "msgtype "+in.Type)
	case in.Interval < 0 || in.Interval > 4*3600:
		return fail(40058, "duplicate_check_interval")
	}
	return nil
}

// receivers resolves touser and toparty; member tags are not kept, so totag is always invalid.
func (c *call) receivers(in *messageRequest) (to, badUsers, badParties []string, err error) {
	users := split(in.ToUser)
	parties := split(in.ToParty)
	if len(users) > 1000 || len(parties) > 100 || len(split(in.ToTag)) > 100 {
		return nil, nil, nil, fail(40058, "too many receivers")
	}
	add := func(m *staff) {
		if !slices.Contains(to, m.UserID) {
			to = append(to, m.UserID)
		}
	}
	for _, u := range users {
		m := c.corp.member(u)
		switch {
		case in.ToUser == "@all":
			for _, m := range c.corp.members() {
				if c.app.sees(c.corp, m) {
					add(m)
				}
			}
		case m == nil || m.Status != staffActive || !c.app.sees(c.corp, m):
			badUsers = append(badUsers, u)
		default:
			add(m)
		}
	}
	for _, p := range parties {
		id, _ := strconv.ParseInt(p, 10, 64)
		if c.corp.Departments[id] == nil || !c.app.seesDepartment(c.corp, id) {
			badParties = append(badParties, p)
			continue
		}
		for _, m := range c.corp.inDepartments([]int64{id}) {
			add(m)
		}
	}
	if len(to) == 0 {
		return nil, nil, nil, fail(81013)
	}
	return to, badUsers, badParties, nil
}

func split(s string) []string {
	return slices.DeleteFunc(strings.Split(s, "|"), func(x string) bool { return x == "" })
}

func (c *call) repeats(key string, interval int) bool {
	if interval == 0 {
		interval = 1800
	}
	for _, m := range slices.Backward(c.corp.Messages) {
		if c.now.Sub(m.At) > time.Duration(interval)*time.Second {
			return false
		}
		if m.Key == key {
			return true
		}
	}
	return false
}

func (c *call) overMessaged(userid string) bool {
	who := fmt.Sprint("message ", c.corp.ID, " ", c.app.AgentID, " ", userid, " ")
	minute := c.s.limiter.allow(who+"m", window{Seconds: 60, Max: c.w.Config.MessagesPerMinute}, c.now)
	hour := c.s.limiter.allow(who+"h", window{Seconds: 3600, Max: c.w.Config.MessagesPerHour}, c.now)
	return !minute || !hour
}

// controlMessages lists app messages, oldest first.
func (s *Simulator) controlMessages(c *controlCall) (any, error) {
	corp, err := c.corp()
	if err != nil {
		return nil, err
	}
	return reply{"messages": list(corp.Messages)}, nil
}
