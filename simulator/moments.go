package simulator

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// moment is a post of 客户朋友圈: members publish it in their clients, or don't.
type moment struct {
	Seq         int64         `json:"seq"`
	JobID       string        `json:"jobid"`
	ID          string        `json:"moment_id"`
	Created     time.Time     `json:"created"`
	Text        string        `json:"text,omitempty"`
	Attachments []momentPart  `json:"attachments,omitempty"`
	Tasks       []*momentTask `json:"tasks"`
	BadUsers    []string      `json:"invalid_users,omitempty"`
	BadParties  []int64       `json:"invalid_departments,omitempty"`
	BadTags     []string      `json:"invalid_tags,omitempty"`
	Cancelled   time.Time     `json:"cancelled,omitzero"`
}

// momentTask is one member's part: the customers who may see it, and those it was shown to.
type momentTask struct {
	UserID    string    `json:"userid"`
	Published time.Time `json:"published,omitzero"`
	Visible   []string  `json:"visible"`
	Shown     []string  `json:"shown,omitempty"`
}

type momentPart struct {
	Type  string     `json:"msgtype"`
	Image *mediaCard `json:"image,omitempty"`
	Video *mediaCard `json:"video,omitempty"`
	Link  *struct {
		Title   string `json:"title" max:"64B"`
		URL     string `json:"url" max:"2048B"`
		MediaID string `json:"media_id"`
	} `json:"link,omitempty"`
}

type momentRequest struct {
	Text *struct {
		Content string `json:"content" max:"2000ch"`
	} `json:"text"`
	Attachments []momentPart `json:"attachments"`
	Range       *struct {
		Senders *struct {
			Users   []string `json:"user_list"`
			Parties []int64  `json:"department_list"`
		} `json:"sender_list"`
		Customers *struct {
			Tags []string `json:"tag_list"`
		} `json:"external_contact_list"`
	} `json:"visible_range"`
}

// momentAdd begins a job; the members see the task when it has ended.
func momentAdd(c *call, in *momentRequest) (any, error) {
	if err := in.check(c); err != nil {
		return nil, err
	}
	m := &moment{Seq: c.w.next(), JobID: c.w.id("", 32), ID: c.w.id("mom", 32), Created: c.now.UTC(), Attachments: in.Attachments}
	if in.Text != nil {
		m.Text = in.Text.Content
	}
	tags := in.tags(c, m)
	for _, who := range in.senders(c, m) {
		t := &momentTask{UserID: who.UserID}
		for _, r := range c.corp.relations[strings.ToLower(who.UserID)] {
			if !r.Left && (len(tags) == 0 || slices.ContainsFunc(r.Tags, func(id string) bool { return slices.Contains(tags, id) })) {
				t.Visible = append(t.Visible, r.Customer)
			}
		}
		m.Tasks = append(m.Tasks, t)
	}
	c.corp.Moments = append(c.corp.Moments, m)
	return reply{"jobid": m.JobID}, nil
}

func (in *momentRequest) check(c *call) error {
	hasText := in.Text != nil && in.Text.Content != ""
	switch {
	case !hasText && len(in.Attachments) == 0:
		return fail(40058, "text or attachments")
	case hasText && utf8.RuneCountInString(in.Text.Content) > 2000:
		return fail(45002)
	}
	images := 0
	for _, a := range in.Attachments {
		var media string
		switch {
		case a.Type == "image" && a.Image != nil:
			media = a.Image.MediaID
			images++
		case a.Type == "video" && a.Video != nil:
			media = a.Video.MediaID
		case a.Type == "link" && a.Link != nil && strings.HasPrefix(a.Link.URL, "http"):
			media = a.Link.MediaID
		default:
			return fail(41065, a.Type)
		}
		if err := c.momentMedia(media); err != nil {
			return err
		}
	}
	if images > 9 || (images < len(in.Attachments) && len(in.Attachments) > 1) {
		return fail(41064)
	}
	return nil
}

// momentMedia: material of posts is uploaded as such; other temporary material is refused.
func (c *call) momentMedia(id string) error {
	if err := c.usableMedia(id); err != nil {
		return err
	}
	if c.corp.Media[id].For != momentMaterial {
		return fail(40007, "not uploaded for moments")
	}
	return nil
}

// senders lists the members meant; nobody named is everybody in range with the right.
func (in *momentRequest) senders(c *call, m *moment) []*staff {
	var named []*staff
	some := false
	if in.Range != nil && in.Range.Senders != nil {
		for _, u := range in.Range.Senders.Users {
			some = true
			if who := c.corp.member(u); who != nil && c.app.sees(c.corp, who) && who.CustomerRight {
				named = append(named, who)
			} else {
				m.BadUsers = append(m.BadUsers, u)
			}
		}
		for _, d := range in.Range.Senders.Parties {
			some = true
			if c.corp.Departments[d] == nil || !c.app.seesDepartment(c.corp, d) {
				m.BadParties = append(m.BadParties, d)
				continue
			}
			for _, who := range c.corp.inDepartments([]int64{d}) {
				if !slices.Contains(named, who) && who.CustomerRight {
					named = append(named, who)
				}
			}
		}
	}
	if some {
		return named
	}
	for _, who := range c.corp.members() {
		if who.CustomerRight && c.app.sees(c.corp, who) {
			named = append(named, who)
		}
	}
	return named
}

func (in *momentRequest) tags(c *call, m *moment) []string {
	if in.Range == nil || in.Range.Customers == nil {
		return nil
	}
	var good []string
	for _, id := range in.Range.Customers.Tags {
		if _, t := c.corp.tag(id); t != nil {
			good = append(good, id)
		} else {
			m.BadTags = append(m.BadTags, id)
		}
	}
	return good
}
