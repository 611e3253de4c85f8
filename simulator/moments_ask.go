package simulator

import (
	"strings"
	"time"
)

// momentResult tells how the job went: 1 begun, 3 ended.
func momentResult(c *call) (any, error) {
	for _, m := range c.corp.Moments {
		if m.JobID != c.arg("jobid") || c.now.Sub(m.Created) > day*time.Second {
			continue
		}
		if !c.w.momentReady(m, c.now) {
			return reply{"status": 1, "type": "add_moment_task"}, nil
		}
		result := reply{"errcode": 0, "errmsg": "ok", "moment_id": m.ID}
		if len(m.Tasks) == 0 {
			result = reply{"errcode": 41067, "errmsg": "nobody can publish"}
		}
		if len(m.BadUsers)+len(m.BadParties) > 0 {
			result["invalid_sender_list"] = reply{"user_list": list(m.BadUsers), "department_list": list(m.BadParties)}
		}
		if len(m.BadTags) > 0 {
			result["invalid_external_contact_list"] = reply{"tag_list": m.BadTags}
		}
		return reply{"status": 3, "type": "add_moment_task", "result": result}, nil
	}
	return nil, fail(40058, "jobid")
}

func (w *world) momentReady(m *moment, now time.Time) bool {
	return now.Sub(m.Created) >= time.Duration(w.Config.MomentJobMS)*time.Millisecond
}

func (c *call) moment(id string) (*moment, error) {
	for _, m := range c.corp.Moments {
		if m.ID == id && c.w.momentReady(m, c.now) && len(m.Tasks) > 0 {
			c.s.momentPublishDue(c.corp, m)
			return m, nil
		}
	}
	return nil, fail(41060)
}

type momentListRequest struct {
	Start   int64  `json:"start_time"`
	End     int64  `json:"end_time"`
	Creator string `json:"creator"`
	Filter  *int   `json:"filter_type"`
	Cursor  string `json:"cursor"`
	Limit   int    `json:"limit"`
}

func momentList(c *call, in *momentListRequest) (any, error) {
	if in.Start <= 0 || in.End < in.Start || in.End-in.Start > 30*day {
		return nil, fail(40058, "start_time or end_time")
	}
	after, err := parseCursor(in.Cursor, 1)
	if err != nil {
		return nil, err
	}
	rows, next := []any{}, ""
	for _, m := range c.corp.Moments {
		at := m.Created.Unix()
		if m.Seq <= after[0] || at < in.Start || at > in.End || !c.w.momentReady(m, c.now) || len(m.Tasks) == 0 {
			continue
		}
		if in.Creator != "" || (in.Filter != nil && *in.Filter == 1) {
			continue
		}
		if len(rows) == orDefault(in.Limit, 20, 20) {
			next = cursor(after[0])
			break
		}
		after[0] = m.Seq
		row := reply{"moment_id": m.ID, "create_time": at, "create_type": 0, "visible_type": 1}
		if m.Text != "" {
			row["text"] = reply{"content": m.Text}
		}
		var images []mediaCard
		for _, a := range m.Attachments {
			switch {
			case a.Image != nil:
				images = append(images, *a.Image)
			case a.Video != nil:
				row["video"] = a.Video
			case a.Link != nil:
				row["link"] = reply{"title": a.Link.Title, "url": a.Link.URL}
			}
		}
		if images != nil {
			row["image"] = images
		}
		rows = append(rows, row)
	}
	return reply{"moment_list": rows, "next_cursor": next}, nil
}

type momentAskRequest struct {
	ID     string `json:"moment_id"`
	UserID string `json:"userid"`
	Cursor string `json:"cursor"`
	Limit  int    `json:"limit"`
}

func momentTasks(c *call, in *momentAskRequest) (any, error) {
	m, from, err := c.momentAsked(in)
	if err != nil {
		return nil, err
	}
	page, next := pageOf(m.Tasks, from, orDefault(in.Limit, 500, 1000))
	rows := []any{}
	for _, t := range page {
		status := 0
		if !t.Published.IsZero() {
			status = 1
		}
		rows = append(rows, reply{"userid": t.UserID, "publish_status": status})
	}
	return reply{"task_list": rows, "next_cursor": next}, nil
}

func (c *call) momentAsked(in *momentAskRequest) (*moment, int64, error) {
	m, err := c.moment(in.ID)
	if err != nil {
		return nil, 0, err
	}
	from, err := parseCursor(in.Cursor, 1)
	if err != nil {
		return nil, 0, err
	}
	return m, from[0], nil
}

// momentCustomers lists the customers who may see one member's post, momentShown those whom it reached.
func momentCustomers(c *call, in *momentAskRequest) (any, error) {
	return c.momentPeople(in, 1000, func(t *momentTask) []string { return t.Visible })
}

func momentShown(c *call, in *momentAskRequest) (any, error) {
	return c.momentPeople(in, 5000, func(t *momentTask) []string { return t.Shown })
}

func (c *call) momentPeople(in *momentAskRequest, most int, of func(*momentTask) []string) (any, error) {
	m, from, err := c.momentAsked(in)
	if err != nil {
		return nil, err
	}
	for _, t := range m.Tasks {
		if !strings.EqualFold(t.UserID, in.UserID) {
			continue
		}
		page, next := pageOf(of(t), from, orDefault(in.Limit, most, most))
		rows := []any{}
		for _, id := range page {
			rows = append(rows, reply{"userid": t.UserID, "external_userid": id})
		}
		return reply{"customer_list": rows, "next_cursor": next}, nil
	}
	return nil, fail(40058, "userid")
}

type momentIDRequest struct {
	ID string `json:"moment_id"`
}

// momentCancel stops the members who have not published yet.
func momentCancel(c *call, in *momentIDRequest) (any, error) {
	m, err := c.moment(in.ID)
	if err != nil {
		return nil, err
	}
	if !m.Cancelled.IsZero() {
		return nil, fail(41089)
	}
	m.Cancelled = c.now.UTC()
	return reply{}, nil
}
