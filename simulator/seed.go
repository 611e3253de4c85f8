package simulator

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const firstAgent = 1000002

// seedCorp makes a corp with its first app and a company of the given size. An empty
// id gets the next free one.
func (w *world) seedCorp(id, name string, size Company, now time.Time) *corp {
	for n := 1; id == "" || w.Corps[id] != nil; n++ {
		id = fmt.Sprintf("wwsim%013d", n)
	}
	c := newCorp(id, name)
	w.Corps[id] = c
	c.Apps[firstAgent] = w.newApp(c, firstAgent, "知音")
	c.Departments[1] = &department{ID: 1, Name: name}
	w.seedKf(c)
	w.seedStaff(c, size.Staff)
	w.seedTags(c, size.Tags, now)
	w.seedCustomers(c, size.Customers, now)
	w.seedGroups(c, size.Groups, now)
	return c
}

// newApp prepares an app with derived credentials; agentid 0 takes the next number.
func (w *world) newApp(c *corp, agent int64, name string) *app {
	for agent == 0 || c.Apps[agent] != nil {
		agent = max(agent, firstAgent) + 1
	}
	return &app{
		AgentID: agent, Name: cmp.Or(name, "应用"), Secret: w.derive(43, "secret", c.ID, agent), Rights: append([]string(nil), ownRights...),
		Callback: callbackSpec{Token: w.derive(24, "token", c.ID, agent), AESKey: w.aesKey("callback", c.ID, agent), Format: "xml"},
	}
}

func (w *world) personName() string {
	return string(pick(w.rnd, surnames)) + pick(w.rnd, givenNames)
}

// born adds a person: a nickname, a phone, for most a unionid. Type 2 is a WeCom user of another corp.
func (w *world) born(name string, kind int) *person {
	n := w.next()
	if name == "" && w.rnd.IntN(3) == 0 {
		name = w.personName()
	}
	if name == "" {
		name = pick(w.rnd, nicknames) + pick(w.rnd, nickTails)
	}
	p := &person{
		ID: "p" + strconv.FormatInt(n, 10), Name: name, Gender: w.rnd.IntN(3), Type: 1,
		Phone: fmt.Sprintf("1%d%09d", pick(w.rnd, []int{3, 5, 7, 8, 9}), w.rnd.IntN(1_000_000_000)),
	}
	if w.rnd.IntN(100) < 85 {
		p.UnionID = "oU" + w.derive(26, "unionid", n)
	}
	if kind == 2 {
		p.Type, p.UnionID, p.Corp, p.Job = 2, "", string(pick(w.rnd, surnames))+"氏贸易", "采购经理"
	}
	w.People[p.ID] = p
	return p
}

func (w *world) seedStaff(c *corp, n int) {
	if n == 0 {
		return
	}
	for i, d := range departmentTree {
		parent := int64(1)
		if d.parent >= 0 {
			parent = int64(d.parent) + 2
		}
		id := int64(i) + 2
		c.Departments[id] = &department{ID: id, Name: d.name, Parent: parent, Order: int64(1000 - i)}
	}
	for i := range n {
		id := int64(i%len(departmentTree)) + 2
		m := &staff{
			Seq: w.next(), UserID: fmt.Sprintf("staff%04d", i+1), Name: w.personName(), Departments: []int64{id},
			Position: pick(w.rnd, positions), Gender: 1 + w.rnd.IntN(2), Status: staffActive, CustomerRight: true,
			Mobile: fmt.Sprintf("138%08d", w.rnd.IntN(100_000_000)),
		}
		if i%10 == 9 {
			m.Departments = append(m.Departments, 1+int64(w.rnd.IntN(2))) // some serve in two
		}
		if d := c.Departments[id]; len(d.Leaders) == 0 {
			m.Leader, d.Leaders = true, []string{m.UserID}
		}
		c.Staff[strings.ToLower(m.UserID)] = m
	}
}

func (w *world) seedTags(c *corp, n int, now time.Time) {
	created := now.AddDate(0, -6, 0).Unix()
	for _, sg := range seedTags {
		if n <= 0 {
			return
		}
		g := w.enterTagGroup(c, sg.group, created)
		for _, name := range sg.tags[:min(n, len(sg.tags))] {
			w.enterTag(g, name, created)
		}
		n -= len(sg.tags)
	}
	if n <= 0 {
		return
	}
	g := w.enterTagGroup(c, "自定义", created)
	for i := range n {
		w.enterTag(g, fmt.Sprintf("标签%03d", i+1), created)
	}
}

// seedCustomers gives every customer one to three relations within the last half year.
func (w *world) seedCustomers(c *corp, n int, now time.Time) {
	members := c.members()
	if len(members) == 0 {
		return
	}
	var tags []string
	c.livingTags(func(_ *tagGroup, t *tag) { tags = append(tags, t.ID) })
	for i := range n {
		kind := 1
		if i%50 == 49 {
			kind = 2
		}
		p := w.born("", kind)
		for range 1 + max(0, w.rnd.IntN(6)-3) { // mostly one
			w.seedRelation(c, pick(w.rnd, members), p, tags, now)
		}
	}
}

func (w *world) seedRelation(c *corp, m *staff, p *person, tags []string, now time.Time) {
	at := now.Add(-time.Duration(1+w.rnd.IntN(180*24)) * time.Hour)
	r, fresh := w.addRelation(c, m, p, at)
	if !fresh {
		return
	}
	r.AddWay = pick(w.rnd, []int{1, 1, 1, 1, 2, 3, 4, 16})
	r.Operator = r.Customer
	if note := pick(w.rnd, remarkNotes); note != "" {
		r.Remark = cut(p.Name+"-"+note, 20)
	}
	r.Description = pick(w.rnd, descriptions)
	for range w.rnd.IntN(4) {
		if len(tags) > 0 {
			r.retag([]string{pick(w.rnd, tags)}, nil)
		}
	}
	if w.rnd.IntN(10) == 0 {
		r.Mobiles = []string{p.Phone}
	}
	if w.rnd.IntN(20) == 0 {
		r.OwnTags = []string{"我的重点客户"}
	}
	r.Left = w.rnd.IntN(25) == 0
}

func (w *world) seedGroups(c *corp, n int, now time.Time) {
	members := c.members()
	if len(members) == 0 {
		return
	}
	for i := range n {
		owner := members[i%len(members)]
		at := now.Add(-time.Duration(1+w.rnd.IntN(150*24)) * time.Hour).Unix()
		var in []groupMember
		rs := c.relations[strings.ToLower(owner.UserID)]
		for _, k := range w.rnd.Perm(len(rs))[:min(len(rs), 5+w.rnd.IntN(40))] {
			cu := c.Customers[rs[k].Customer]
			in = append(in, groupMember{ID: cu.ID, Type: 2, Person: cu.Person, Joined: at + int64(w.rnd.IntN(86400)), Scene: pick(w.rnd, []int{1, 2, 3, 3})})
		}
		if other := pick(w.rnd, members); other != owner {
			in = append(in, groupMember{ID: other.UserID, Type: 1, Joined: at, Scene: 1, Inviter: owner.UserID})
		}
		name := fmt.Sprintf("%s%d群", groupThemes[i%len(groupThemes)], i/len(groupThemes)+1)
		g := w.enterGroup(c, owner, name, in, at)
		g.Notice = "欢迎入群，请文明交流。"
	}
}
