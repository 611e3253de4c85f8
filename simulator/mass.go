package simulator

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// massMessage is a mass message: tasks that members confirm in their clients, or never.
type massMessage struct {
	Seq         int64        `json:"seq"`
	ID          string       `json:"msgid"`
	Agent       int64        `json:"agentid"`
	Chat        string       `json:"chat_type"` // single or group
	Created     time.Time    `json:"created"`
	Text        string       `json:"text,omitempty"`
	Attachments []attachment `json:"attachments,omitempty"`
	Tasks       []*massTask  `json:"tasks"` // ascending userid
	Cancelled   time.Time    `json:"cancelled,omitzero"`
	Reminded    []time.Time  `json:"reminded,omitempty"`
}

// massTask is one member's part of a mass message.
type massTask struct {
	UserID  string       `json:"userid"`
	Sent    time.Time    `json:"sent,omitzero"`
	Targets []massTarget `json:"targets"`
}

// What became of a mass message for one customer or group.
const (
	massUnsent    = 0
	massSent      = 1
	massNoFriend  = 2
	massOverQuota = 3
)

// massTarget is a customer or a customer group.
type massTarget struct {
	ID     string    `json:"id"`
	Status int       `json:"status"`
	Sent   time.Time `json:"sent,omitzero"`
}

type tagFilter struct {
	Groups []tagAny `json:"group_list"`
}

// tagAny is fulfilled by one of its tags.
type tagAny struct {
	Tags []string `json:"tag_list"`
}

type massRequest struct {
	Chat        string       `json:"chat_type"`
	Externals   []string     `json:"external_userid"`
	Chats       []string     `json:"chat_id_list"`
	Tags        *tagFilter   `json:"tag_filter"`
	Sender      string       `json:"sender"`
	AllowSelect bool         `json:"allow_select"`
	Text        *longText    `json:"text"`
	Attachments []attachment `json:"attachments"`
}

// massAdd creates the tasks and says whom it left out. Nothing reaches a customer yet.
func massAdd(c *call, in *massRequest) (any, error) {
	in.Chat = cmp.Or(in.Chat, "single")
	if err := in.check(); err != nil {
		return nil, err
	}
	if err := c.checkParts(in.Text, in.Attachments); err != nil {
		return nil, err
	}
	var tasks map[string][]string
	var failed []string
	var err error
	if in.Chat == "group" {
		tasks, failed, err = c.massGroups(in)
	} else {
		tasks, failed, err = c.massCustomers(in)
	}
	if err != nil {
		return nil, err
	}
	if len(tasks) == 0 {
		return nil, fail(41048)
	}
	m := &massMessage{
		Seq: c.w.next(), ID: c.w.id("msg", 32), Agent: c.app.AgentID, Chat: in.Chat, Created: c.now.UTC(), Attachments: in.Attachments,
	}
	if in.Text != nil {
		m.Text = in.Text.Content
	}
	for userid, ids := range tasks {
		t := &massTask{UserID: userid}
		for _, id := range ids {
			t.Targets = append(t.Targets, massTarget{ID: id})
		}
		m.Tasks = append(m.Tasks, t)
	}
	slices.SortFunc(m.Tasks, func(a, b *massTask) int { return cmp.Compare(a.UserID, b.UserID) })
	c.corp.Mass = append(c.corp.Mass, m)
	return reply{"msgid": m.ID, "fail_list": list(failed)}, nil
}

func (in *massRequest) check() error {
	switch {
	case in.Chat != "single" && in.Chat != "group":
		return fail(40058, "chat_type")
	case len(in.Externals) > 10_000 || len(in.Chats) > 2_000:
		return fail(40058, "too many receivers")
	case in.Chat == "group" && in.Sender == "":
		return fail(40058, "a message to groups needs a sender")
	case in.Chat == "single" && in.Sender == "" && len(in.Externals) == 0 && in.Tags == nil:
		return fail(40058, "sender, external_userid or tag_filter")
	case in.Tags != nil && slices.ContainsFunc(in.Tags.Groups, func(g tagAny) bool { return len(g.Tags) == 0 || len(g.Tags) > 100 }):
		return fail(40058, "tag_filter")
	}
	return nil
}

// massCustomers shares the customers out among members: the sender, or whoever met each last.
func (c *call) massCustomers(in *massRequest) (tasks map[string][]string, failed []string, err error) {
	var sender *staff
	if in.Sender != "" {
		if sender, err = c.visible(in.Sender); err != nil {
			return nil, nil, err
		}
	}
	tasks = map[string][]string{}
	if len(in.Externals) == 0 {
		for _, m := range c.corp.members() {
			if (sender != nil && m != sender) || !c.app.sees(c.corp, m) {
				continue
			}
			for _, r := range c.corp.relations[strings.ToLower(m.UserID)] {
				if !r.Left && in.Tags.fits(r) {
					tasks[m.UserID] = append(tasks[m.UserID], r.Customer)
				}
			}
		}
		return tasks, nil, nil
	}
	known := map[string]bool{}
	for _, id := range in.Externals {
		r := c.lastRelation(id, sender)
		if r == nil || known[id] || !in.Tags.fits(r) {
			failed = append(failed, id)
			continue
		}
		known[id] = true
		tasks[r.UserID] = append(tasks[r.UserID], id)
	}
	return tasks, failed, nil
}

// lastRelation is the one by which a message would reach the customer; nil when there is none.
func (c *call) lastRelation(external string, sender *staff) *relation {
	cu := c.corp.Customers[external]
	if cu == nil {
		return nil
	}
	if sender != nil {
		return cu.relation(sender.UserID)
	}
	var last *relation
	for _, r := range cu.Relations {
		m := c.corp.member(r.UserID)
		if m != nil && c.app.sees(c.corp, m) && !r.Left && (last == nil || r.Created > last.Created) {
			last = r
		}
	}
	return last
}

// fits: one tag of each group is enough, but every group has to have one.
func (f *tagFilter) fits(r *relation) bool {
	if f == nil {
		return true
	}
	return !slices.ContainsFunc(f.Groups, func(g tagAny) bool {
		return !slices.ContainsFunc(g.Tags, func(t string) bool { return slices.Contains(r.Tags, t) })
	})
}

func (c *call) massGroups(in *massRequest) (tasks map[string][]string, failed []string, err error) {
	sender, err := c.visible(in.Sender)
	if err != nil {
		return nil, nil, err
	}
	ids := in.Chats
	if len(ids) == 0 {
		for _, g := range c.corp.allGroups() {
			if strings.EqualFold(g.Owner, sender.UserID) {
				ids = append(ids, g.ID)
			}
		}
	}
	tasks = map[string][]string{}
	for _, id := range ids {
		g := c.corp.Groups[id]
		if g == nil || !strings.EqualFold(g.Owner, sender.UserID) || slices.Contains(tasks[sender.UserID], id) {
			failed = append(failed, id)
			continue
		}
		tasks[sender.UserID] = append(tasks[sender.UserID], id)
	}
	return tasks, failed, nil
}

// dispatched finds a mass message that members have been told of.
func (c *call) dispatched(id string) (*massMessage, error) {
	if id == "" {
		return nil, fail(41046)
	}
	for _, m := range c.corp.Mass {
		if m.ID != id {
			continue
		}
		if !c.w.massReady(m, c.now) {
			return nil, fail(41063)
		}
		c.s.massConfirmDue(c.corp, m)
		return m, nil
	}
	return nil, fail(41047)
}

// massReady: the platform takes a moment to spread a new message.
func (w *world) massReady(m *massMessage, now time.Time) bool {
	return now.Sub(m.Created) >= time.Duration(w.Config.MassDispatchMS)*time.Millisecond
}

func (m *massMessage) task(userid string) *massTask {
	for _, t := range m.Tasks {
		if strings.EqualFold(t.UserID, userid) {
			return t
		}
	}
	return nil
}
