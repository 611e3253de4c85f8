package simulator

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// contactWay is a 「联系我」 way. Its JSON is the platform's.
type contactWay struct {
	Seq           int64        `json:"seq"`
	ID            string       `json:"config_id"`
	Created       int64        `json:"created"`
	Type          int          `json:"type"`
	Scene         int          `json:"scene"`
	Style         int          `json:"style,omitempty"`
	Remark        string       `json:"remark"`
	SkipVerify    bool         `json:"skip_verify"`
	State         string       `json:"state"`
	Users         []string     `json:"user"`
	Parties       []int64      `json:"party"`
	Temp          bool         `json:"is_temp"`
	ExpiresIn     int64        `json:"expires_in,omitempty"`
	ChatExpiresIn int64        `json:"chat_expires_in,omitempty"`
	UnionID       string       `json:"unionid,omitempty"`
	Exclusive     bool         `json:"is_exclusive"`
	MarkSource    bool         `json:"mark_source"`
	Conclusions   *conclusions `json:"conclusions,omitempty"`
	Agent         int64        `json:"agent"`
}

type conclusions struct {
	Text *struct {
		Content string `json:"content" max:"4000B"`
	} `json:"text,omitempty"`
	Image *struct {
		MediaID string `json:"media_id,omitempty"`
		PicURL  string `json:"pic_url,omitempty"`
	} `json:"image,omitempty"`
	Link        *linkCard        `json:"link,omitempty"`
	MiniProgram *miniProgramCard `json:"miniprogram,omitempty"`
}

// wayRequest is the body of add_contact_way and update_contact_way.
type wayRequest struct {
	ConfigID      string       `json:"config_id"`
	Type          *int         `json:"type"`
	Scene         *int         `json:"scene"`
	Style         *int         `json:"style"`
	Remark        *string      `json:"remark" max:"30ch"`
	SkipVerify    *bool        `json:"skip_verify"`
	State         *string      `json:"state" max:"30ch"`
	Users         *[]string    `json:"user"`
	Parties       *[]int64     `json:"party"`
	Temp          *bool        `json:"is_temp"`
	ExpiresIn     *int64       `json:"expires_in"`
	ChatExpiresIn *int64       `json:"chat_expires_in"`
	UnionID       *string      `json:"unionid"`
	Exclusive     *bool        `json:"is_exclusive"`
	MarkSource    *bool        `json:"mark_source"`
	Conclusions   *conclusions `json:"conclusions"`
}

const fortnight = 14 * day

func wayAdd(c *call, in *wayRequest) (any, error) {
	way := &contactWay{
		Created: c.now.Unix(), SkipVerify: true, MarkSource: true, Agent: c.app.AgentID,
	}
	assign(&way.Type, in.Type)
	assign(&way.Scene, in.Scene)
	assign(&way.Temp, in.Temp)
	in.apply(way)
	way.ExpiresIn, way.ChatExpiresIn = cmp.Or(way.ExpiresIn, 7*day), cmp.Or(way.ChatExpiresIn, day)
	if err := c.checkWay(way); err != nil {
		return nil, err
	}
	if len(c.corp.Ways) >= c.w.Config.MaxContactWays {
		return nil, fail(41045)
	}
	if way.Temp && !c.s.limiter.allow("temp ways "+c.corp.ID, window{Seconds: day, Max: c.w.Config.TempWaysPerDay}, c.now) {
		return nil, fail(45009)
	}
	c.w.enterWay(c.corp, way)
	out := reply{"config_id": way.ID}
	if way.Scene == 2 {
		out["qr_code"] = c.qrURL(way)
	}
	return out, nil
}

func (w *world) enterWay(c *corp, way *contactWay) {
	way.Seq = w.next()
	sum := w.digest("way", way.Seq)
	way.ID = hexOf(sum[:16])
	c.Ways[way.ID] = way
	c.ways = append(c.ways, way)
}

func assign[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// apply writes what an update may change; lists overwrite.
func (in *wayRequest) apply(way *contactWay) {
	assign(&way.Style, in.Style)
	assign(&way.SkipVerify, in.SkipVerify)
	assign(&way.State, in.State)
	assign(&way.Users, in.Users)
	assign(&way.Parties, in.Parties)
	assign(&way.ExpiresIn, in.ExpiresIn)
	assign(&way.ChatExpiresIn, in.ChatExpiresIn)
	assign(&way.UnionID, in.UnionID)
	assign(&way.Exclusive, in.Exclusive)
	assign(&way.MarkSource, in.MarkSource)
	set(&way.Remark, in.Remark, 30)
	if in.Conclusions != nil {
		way.Conclusions = in.Conclusions
	}
}

func (c *call) checkWay(way *contactWay) error {
	switch {
	case way.Type != 1 && way.Type != 2:
		return fail(41039)
	case way.Scene != 1 && way.Scene != 2:
		return fail(41040)
	case way.Style < 0 || way.Style > 3:
		return fail(41042)
	case utf8.RuneCountInString(way.State) > 30:
		return fail(40058, "state")
	case way.Type == 1 && (len(way.Users) != 1 || len(way.Parties) > 0):
		return fail(40058, "a single way has one user")
	case way.Type == 2 && len(way.Users)+len(way.Parties) == 0:
		return fail(40058, "user or party is missing")
	case way.Temp && (way.Type != 1 || way.ExpiresIn < 0 || way.ExpiresIn > fortnight || way.ChatExpiresIn < 0 || way.ChatExpiresIn > fortnight):
		return fail(40058, "temporary ways are single and live at most 14 days")
	case !way.Temp && (way.UnionID != "" || (way.Conclusions != nil && !way.Conclusions.empty())):
		return fail(40058, "unionid and conclusions are for temporary ways")
	}
	if way.Temp && way.Conclusions != nil {
		if err := c.checkConclusions(way.Conclusions); err != nil {
			return err
		}
	}
	return c.checkWayMembers(way)
}

func (k *conclusions) empty() bool {
	return (k.Text == nil || k.Text.Content == "") && (k.Image == nil || k.Image.MediaID+k.Image.PicURL == "") &&
		(k.Link == nil || *k.Link == linkCard{}) && (k.MiniProgram == nil || *k.MiniProgram == miniProgramCard{})
}

func (c *call) checkConclusions(k *conclusions) error {
	if k.Text != nil && len(k.Text.Content) > 4000 {
		return fail(45002)
	}
	if k.Image != nil && k.Image.MediaID != "" {
		if err := c.usableMedia(k.Image.MediaID); err != nil {
			return err
		}
		k.Image.PicURL = c.host() + "/img/" + k.Image.MediaID
	}
	if k.Link != nil && *k.Link != (linkCard{}) {
		if err := k.Link.check(); err != nil {
			return err
		}
	}
	if k.MiniProgram != nil && *k.MiniProgram != (miniProgramCard{}) {
		return k.MiniProgram.check(c)
	}
	return nil
}

// checkWayMembers: every member named must be active, allowed to use customer contact
// and visible; departments count with their members.
func (c *call) checkWayMembers(way *contactWay) error {
	seen := map[string]bool{}
	for _, u := range way.Users {
		m := c.corp.member(u)
		if m == nil || m.Status != staffActive || !m.CustomerRight {
			return fail(41054, u)
		}
		if !c.app.sees(c.corp, m) {
			return fail(60011, u)
		}
		seen[m.UserID] = true
	}
	for _, id := range way.Parties {
		if c.corp.Departments[id] == nil {
			return fail(60123)
		}
		if !c.app.seesDepartment(c.corp, id) {
			return fail(60011)
		}
	}
	for _, m := range c.corp.inDepartments(way.Parties) {
		seen[m.UserID] = true
	}
	if len(seen) > c.w.Config.MembersPerWay {
		return fail(41041)
	}
	return nil
}

// inDepartments lists the members of departments and everything below them.
func (c *corp) inDepartments(roots []int64) []*staff {
	if len(roots) == 0 {
		return nil
	}
	return slices.DeleteFunc(c.members(), func(m *staff) bool {
		return !slices.ContainsFunc(m.Departments, func(d int64) bool {
			return slices.ContainsFunc(roots, func(root int64) bool { return c.under(d, root) })
		})
	})
}

// candidates lists who can take the next customer of a way.
func (c *corp) candidates(way *contactWay) []*staff {
	var out []*staff
	for _, u := range way.Users {
		if m := c.member(u); m != nil {
			out = append(out, m)
		}
	}
	for _, m := range c.inDepartments(way.Parties) {
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return slices.DeleteFunc(out, func(m *staff) bool { return m.Status != staffActive || !m.CustomerRight })
}

func (w *contactWay) expired(now time.Time) bool {
	return w.Temp && now.Unix() >= w.Created+w.ExpiresIn
}

func (c *call) qrURL(way *contactWay) string { return c.host() + "/qr/" + way.ID + ".png" }

func (c *call) way(id string) (*contactWay, error) {
	if way := c.corp.Ways[id]; way != nil {
		return way, nil
	}
	return nil, fail(41044)
}

type wayID struct {
	ConfigID string `json:"config_id"`
}

func wayGet(c *call, in *wayID) (any, error) {
	way, err := c.way(in.ConfigID)
	if err != nil {
		return nil, err
	}
	out := reply{
		"config_id": way.ID, "type": way.Type, "scene": way.Scene, "style": way.Style, "remark": way.Remark,
		"skip_verify": way.SkipVerify, "state": way.State, "user": list(way.Users), "party": list(way.Parties),
		"is_temp": way.Temp, "is_exclusive": way.Exclusive, "mark_source": way.MarkSource,
	}
	if way.Scene == 2 {
		out["qr_code"] = c.qrURL(way)
	}
	if way.Temp {
		out["expires_in"], out["chat_expires_in"], out["unionid"] = way.ExpiresIn, way.ChatExpiresIn, way.UnionID
		if way.Conclusions != nil {
			out["conclusions"] = way.Conclusions
		}
	}
	return reply{"contact_way": out}, nil
}

type wayListRequest struct {
	Start  int64  `json:"start_time"`
	End    int64  `json:"end_time"`
	Cursor string `json:"cursor"`
	Limit  int    `json:"limit"`
}

// wayList shows the permanent ways of a period, by default the last 90 days.
func wayList(c *call, in *wayListRequest) (any, error) {
	limit, err := pageSize(in.Limit, 100, 1000)
	if err != nil {
		return nil, err
	}
	from, err := parseCursor(in.Cursor, 1)
	if err != nil {
		return nil, err
	}
	if in.End == 0 {
		in.End = c.now.Unix()
	}
	if in.Start == 0 {
		in.Start = in.End - 90*day
	}
	ids, next := []any{}, ""
	for _, way := range c.corp.ways {
		if way.Seq <= from[0] || way.Temp || way.Created < in.Start || way.Created > in.End || c.corp.Ways[way.ID] == nil {
			continue
		}
		if len(ids) == limit {
			next = cursor(from[0])
			break
		}
		from[0] = way.Seq
		ids = append(ids, reply{"config_id": way.ID})
	}
	return reply{"contact_way": ids, "next_cursor": next}, nil
}

// wayUpdate refuses to change type, scene and is_temp, and expired temporary ways.
func wayUpdate(c *call, in *wayRequest) (any, error) {
	way, err := c.way(in.ConfigID)
	if err != nil {
		return nil, err
	}
	if (in.Type != nil && *in.Type != way.Type) || (in.Scene != nil && *in.Scene != way.Scene) || (in.Temp != nil && *in.Temp != way.Temp) {
		return nil, fail(40058, "type, scene and is_temp cannot be changed")
	}
	if way.expired(c.now) {
		return nil, fail(41044, "expired")
	}
	next := *way
	in.apply(&next)
	if err := c.checkWay(&next); err != nil {
		return nil, err
	}
	*way = next
	return reply{}, nil
}

func wayDelete(c *call, in *wayID) (any, error) {
	if _, err := c.way(in.ConfigID); err != nil {
		return nil, err
	}
	delete(c.corp.Ways, in.ConfigID)
	c.corp.ways = slices.DeleteFunc(c.corp.ways, func(w *contactWay) bool { return w.ID == in.ConfigID })
	return reply{}, nil
}

// wayNamed finds a way by config_id in any corp.
func (w *world) wayNamed(id string) *contactWay {
	for _, c := range w.Corps {
		if way := c.Ways[id]; way != nil {
			return way
		}
	}
	return nil
}

func (s *Simulator) serveQR(rw http.ResponseWriter, r *http.Request) {
	id := strings.TrimSuffix(r.PathValue("file"), ".png")
	s.mu.Lock()
	way := s.world.wayNamed(id)
	s.mu.Unlock()
	if way == nil {
		http.NotFound(rw, r)
		return
	}
	image, err := qrImage("https://work.weixin.qq.com/ca/" + id)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "image/png")
	_, _ = rw.Write(image)
}
