package simulator

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// welcome is a welcome code and what became of it.
type welcome struct {
	Seq         int64        `json:"seq"`
	Code        string       `json:"code"`
	UserID      string       `json:"userid"`
	External    string       `json:"external_userid"`
	State       string       `json:"state,omitempty"`
	Issued      time.Time    `json:"issued"` // virtual
	Real        int64        `json:"issued_real"`
	Sent        time.Time    `json:"sent,omitzero"`
	SentReal    int64        `json:"sent_real,omitempty"`
	Agent       int64        `json:"agent,omitempty"` // that sent it
	Text        string       `json:"text,omitempty"`
	Attachments []attachment `json:"attachments,omitempty"`
	Refused     int          `json:"refused,omitempty"` // calls with this code that failed
}

type attachment struct {
	Type        string           `json:"msgtype"`
	Image       *imageCard       `json:"image,omitempty"`
	Link        *linkCard        `json:"link,omitempty"`
	MiniProgram *miniProgramCard `json:"miniprogram,omitempty"`
	Video       *mediaCard       `json:"video,omitempty"`
	File        *mediaCard       `json:"file,omitempty"`
}

type imageCard struct {
	MediaID string `json:"media_id,omitempty"`
	PicURL  string `json:"pic_url,omitempty"`
}

type mediaCard struct {
	MediaID string `json:"media_id"`
}

type linkCard struct {
	Title       string `json:"title" max:"128B"`
	Picture     string `json:"picurl,omitempty" max:"2048B"`
	Description string `json:"desc,omitempty" max:"512B"`
	URL         string `json:"url" max:"2048B"`
}

type miniProgramCard struct {
	Title   string `json:"title" max:"64B"`
	Picture string `json:"pic_media_id"`
	AppID   string `json:"appid"`
	Page    string `json:"page" max:"1024B"`
}

func (l *linkCard) check() error {
	if l.Title == "" || !strings.HasPrefix(l.URL, "http") {
		return fail(40058, "link needs title and url")
	}
	if len(l.Title) > 128 || len(l.Description) > 512 || len(l.URL) > 2048 {
		return fail(45002, "link")
	}
	return nil
}

func (m *miniProgramCard) check(c *call) error {
	if m.Title == "" || m.AppID == "" || m.Page == "" {
		return fail(40058, "miniprogram needs title, appid and page")
	}
	if len(m.Title) > 64 {
		return fail(45002, "miniprogram title")
	}
	return c.usableMedia(m.Picture)
}

type welcomeRequest struct {
	Code        string       `json:"welcome_code"`
	Text        *longText    `json:"text"`
	Attachments []attachment `json:"attachments"`
}

type longText struct {
	Content string `json:"content" max:"4000B"`
}

// welcomeSend sends within the code's life, once. A refused body does not use the code up.
func welcomeSend(c *call, in *welcomeRequest) (any, error) {
	k := c.corp.Welcomes[in.Code]
	if k == nil {
		return nil, fail(41050)
	}
	err := c.welcomeUsable(k)
	if err == nil {
		err = c.checkParts(in.Text, in.Attachments)
	}
	if err != nil {
		k.Refused++
		return nil, err
	}
	k.Sent, k.SentReal, k.Agent, k.Attachments = c.now.UTC(), time.Now().UnixMilli(), c.app.AgentID, in.Attachments
	if in.Text != nil {
		k.Text = in.Text.Content
	}
	return reply{}, nil
}

func (c *call) welcomeUsable(k *welcome) error {
	if !k.Sent.IsZero() {
		if c.now.Sub(k.Sent) < time.Duration(c.w.Config.WelcomeSendingMS)*time.Millisecond {
			return fail(41096)
		}
		return fail(41051)
	}
	if c.now.Sub(k.Issued) > time.Duration(c.w.Config.WelcomeSeconds)*time.Second {
		return fail(41050)
	}
	m := c.corp.member(k.UserID)
	if m == nil || !c.app.sees(c.corp, m) {
		return fail(60011)
	}
	return nil
}

// checkParts holds for welcomes and mass messages alike.
func (c *call) checkParts(text *longText, attachments []attachment) error {
	hasText := text != nil && text.Content != ""
	if !hasText && len(attachments) == 0 {
		return fail(40058, "text or attachments")
	}
	if hasText && len(text.Content) > 4000 {
		return fail(45002)
	}
	if len(attachments) > 9 {
		return fail(41064)
	}
	for _, a := range attachments {
		if err := a.check(c); err != nil {
			return err
		}
	}
	return nil
}

func (a attachment) check(c *call) error {
	switch {
	case a.Type == "image" && a.Image != nil:
		if a.Image.MediaID == "" && a.Image.PicURL != "" {
			return c.knownImage(a.Image.PicURL)
		}
		return c.usableMedia(a.Image.MediaID)
	case a.Type == "link" && a.Link != nil:
		return a.Link.check()
	case a.Type == "miniprogram" && a.MiniProgram != nil:
		return a.MiniProgram.check(c)
	case a.Type == "video" && a.Video != nil:
		return c.usableMedia(a.Video.MediaID)
	case a.Type == "file" && a.File != nil:
		return c.usableMedia(a.File.MediaID)
	}
	return fail(41065, a.Type)
}

// issueWelcome makes a code for a new relation and forgets codes older than two days.
func (s *Simulator) issueWelcome(c *corp, r *relation) *welcome {
	now := s.nowLocked()
	if len(c.Welcomes) > 0 && len(c.Welcomes)%1024 == 0 {
		for code, k := range c.Welcomes {
			if now.Sub(k.Issued) > 48*time.Hour {
				delete(c.Welcomes, code)
			}
		}
	}
	k := &welcome{
		Seq: s.world.next(), Code: s.world.id("", 43), UserID: r.UserID, External: r.Customer, State: r.State,
		Issued: now.UTC(), Real: time.Now().UnixMilli(),
	}
	c.Welcomes[k.Code] = k
	return k
}

// controlWelcomes lists welcome codes, oldest first, with how long each took to be
// used; sent, missed (expired unused) and waiting are counted. ?count=1 leaves the list out.
func (s *Simulator) controlWelcomes(c *controlCall) (any, error) {
	corp, err := c.corp()
	if err != nil {
		return nil, err
	}
	now := s.nowLocked()
	all := make([]*welcome, 0, len(corp.Welcomes))
	var ms []float64
	sent, missed, waiting := 0, 0, 0
	for _, k := range corp.Welcomes {
		all = append(all, k)
		switch {
		case !k.Sent.IsZero():
			sent++
			ms = append(ms, float64(k.SentReal-k.Real))
		case now.Sub(k.Issued) > time.Duration(s.world.Config.WelcomeSeconds)*time.Second:
			missed++
		default:
			waiting++
		}
	}
	slices.SortFunc(all, func(a, b *welcome) int { return cmp.Compare(a.Seq, b.Seq) })
	out := reply{"sent": sent, "missed": missed, "waiting": waiting, "latency": percentiles(ms)}
	if c.r.URL.Query().Get("count") == "" {
		out["welcomes"] = all
	}
	return out, nil
}
