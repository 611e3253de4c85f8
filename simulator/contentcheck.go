package simulator

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// mediaCheck is a picture or sound that a mini-program asked the platform to look at.
type mediaCheck struct {
	Trace  string    `json:"trace_id"`
	OpenID string    `json:"openid"`
	URL    string    `json:"media_url"`
	Type   int       `json:"media_type"`
	At     time.Time `json:"at"`
	Told   string    `json:"told,omitempty"` // the verdict that was pushed last
}

// visitedWithin is how long after a visit the platform judges what a user writes.
const visitedWithin = 2 * time.Hour

// verdictWords decide what the platform finds: the words that a text or the address of a picture contains.
var verdictWords = []struct {
	words   []string
	suggest string
	label   int
}{
	{[]string{"违规", "risky"}, "risky", 20006},
	{[]string{"待审", "review"}, "review", 10001},
}

// verdictOn is what the platform finds in a text or an address.
func verdictOn(text string) (suggest string, label int) {
	for _, v := range verdictWords {
		if slices.ContainsFunc(v.words, func(w string) bool { return strings.Contains(text, w) }) {
			return v.suggest, v.label
		}
	}
	return "pass", 100
}

// authored checks who wrote something, and where.
func (c *call) authored(version, scene int, openid string) error {
	switch {
	case openid == "":
		return fail(44002, "openid")
	case version != 2:
		return fail(40097, "only version 2 is still maintained")
	case scene < 1 || scene > 4:
		return fail(40129)
	}
	if p, m := c.w.wechatUser(openid); p == nil {
		return fail(40003)
	} else if m != c.mini {
		return fail(43104)
	}
	if at := c.mini.Visited[openid]; at.IsZero() || c.now.Sub(at) > visitedWithin {
		return fail(61010)
	}
	return nil
}

type textCheckRequest struct {
	Version   int    `json:"version"`
	OpenID    string `json:"openid"`
	Scene     int    `json:"scene"`
	Content   string `json:"content"`
	Nickname  string `json:"nickname"`
	Title     string `json:"title"`
	Signature string `json:"signature"`
}

// checkText is wxa/msg_sec_check: errcode 0 says that it was looked at, the suggestion what was found.
func checkText(c *call, in *textCheckRequest) (any, error) {
	if err := c.authored(in.Version, in.Scene, in.OpenID); err != nil {
		return nil, err
	}
	switch n := utf8.RuneCountInString(in.Content); {
	case n == 0:
		return nil, fail(44002, "content")
	case n > 2500:
		return nil, fail(45002)
	}
	suggest, label := verdictOn(strings.Join([]string{in.Content, in.Nickname, in.Title, in.Signature}, "\n"))
	return reply{
		"trace_id": c.trace(), "result": reply{"suggest": suggest, "label": label},
		"detail": []reply{{"strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label, "prob": 90}},
	}, nil
}

func (c *call) trace() string {
	id := c.w.derive(24, "trace", c.w.next())
	return id[:8] + "-" + id[8:16] + "-" + id[16:]
}

type mediaCheckRequest struct {
	Version int    `json:"version"`
	OpenID  string `json:"openid"`
	Scene   int    `json:"scene"`
	URL     string `json:"media_url"`
	Type    int    `json:"media_type"`
}

// checkMedia is wxa/media_check_async. The verdict is pushed at once, or by the act media_verdict if config media_wait says so.
func checkMedia(c *call, in *mediaCheckRequest) (any, error) {
	if err := c.authored(in.Version, in.Scene, in.OpenID); err != nil {
		return nil, err
	}
	u, err := url.Parse(in.URL)
	switch {
	case in.Type != 1 && in.Type != 2:
		return nil, fail(40004)
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return nil, fail(40066)
	}
	m := &mediaCheck{Trace: c.trace(), OpenID: in.OpenID, URL: in.URL, Type: in.Type, At: c.now.UTC()}
	c.mini.MediaChecks = append(c.mini.MediaChecks, m)
	if !c.w.Config.MediaWait {
		suggest, label := verdictOn(in.URL)
		c.s.judge(c.mini, m, suggest, label, 0, handling{})
	}
	return reply{"trace_id": m.Trace}, nil
}

// judge pushes a verdict. The push comes from a user of the platform's, not from who sent the picture.
func (s *Simulator) judge(app *miniApp, m *mediaCheck, suggest string, label, errcode int, how handling) {
	m.Told = suggest
	verdict := []field{text("suggest", suggest), {"label", label}}
	s.push(app, "o_platform_media_check", []field{
		text("MsgType", "event"), text("Event", "wxa_media_check"), text("appid", app.AppID), text("trace_id", m.Trace), {"version", 2},
		{"detail", [][]field{append([]field{text("strategy", "content_model"), {"errcode", errcode}, {"prob", 90}}, verdict...)}},
		{"errcode", errcode}, text("errmsg", "ok"), {"result", verdict},
	}, how)
}

type mediaVerdictAct struct {
	who
	Trace   string `json:"trace_id"`
	Suggest string `json:"suggest"`
	Label   int    `json:"label"`
	Errcode int    `json:"errcode"`
}

// actMediaVerdict pushes a verdict about one picture, or about all that wait for theirs.
func (s *Simulator) actMediaVerdict(c *controlCall) (any, error) {
	in := mediaVerdictAct{Suggest: "pass", Label: 100}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	app, err := s.world.miniNamed(in.AppID)
	if err != nil {
		return nil, err
	}
	n := 0
	for _, m := range app.MediaChecks {
		if in.Trace == m.Trace || in.Trace == "" && m.Told == "" {
			s.judge(app, m, in.Suggest, in.Label, in.Errcode, in.Callback)
			n++
		}
	}
	if n == 0 && in.Trace != "" {
		return nil, refuse("no picture with the trace %q", in.Trace)
	}
	return reply{"pushed": n}, nil
}

// controlMediaChecks lists the pictures that the platform was asked to look at.
func (s *Simulator) controlMediaChecks(c *controlCall) (any, error) {
	m, err := s.world.miniNamed(c.r.URL.Query().Get("appid"))
	if err != nil {
		return nil, err
	}
	return reply{"checks": list(m.MediaChecks)}, nil
}
