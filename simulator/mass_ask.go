package simulator

import (
	"cmp"
	"slices"
	"time"
)

type massListRequest struct {
	Chat    string `json:"chat_type"`
	Start   int64  `json:"start_time"`
	End     int64  `json:"end_time"`
	Creator string `json:"creator"`
	Filter  *int   `json:"filter_type"` // 0 corp, 1 personal, 2 all
	Limit   int    `json:"limit"`
	Cursor  string `json:"cursor"`
}

// massList lists messages by age. All of ours are made through the API, so none has a creator. A limit beyond the
// platform's falls back to the default in this family.
func massList(c *call, in *massListRequest) (any, error) {
	if in.Chat != "single" && in.Chat != "group" {
		return nil, fail(40058, "chat_type")
	}
	if in.Start <= 0 || in.End < in.Start || in.End-in.Start > 31*day {
		return nil, fail(40058, "start_time or end_time")
	}
	after, err := parseCursor(in.Cursor, 1)
	if err != nil {
		return nil, err
	}
	rows, next := []any{}, ""
	for _, m := range c.corp.Mass {
		at := m.Created.Unix()
		if m.Seq <= after[0] || m.Chat != in.Chat || at < in.Start || at > in.End || !c.w.massReady(m, c.now) {
			continue
		}
		if in.Creator != "" || (in.Filter != nil && *in.Filter == 1) {
			continue // made by nobody in particular
		}
		if len(rows) == orDefault(in.Limit, 50, 100) {
			next = cursor(after[0])
			break
		}
		after[0] = m.Seq
		row := reply{"msgid": m.ID, "create_time": at, "create_type": 0, "attachments": list(m.Attachments)}
		if m.Text != "" {
			row["text"] = reply{"content": m.Text}
		}
		rows = append(rows, row)
	}
	return reply{"group_msg_list": rows, "next_cursor": next}, nil
}

func orDefault(limit, def, max int) int {
	if limit <= 0 || limit > max {
		return def
	}
	return limit
}

type massAskRequest struct {
	ID     string `json:"msgid"`
	UserID string `json:"userid"`
	Limit  int    `json:"limit"`
	Cursor string `json:"cursor"`
}

// massTasks says who has confirmed.
func massTasks(c *call, in *massAskRequest) (any, error) {
	m, err := c.dispatched(in.ID)
	if err != nil {
		return nil, err
	}
	from, err := parseCursor(in.Cursor, 1)
	if err != nil {
		return nil, err
	}
	page, next := pageOf(m.Tasks, from[0], orDefault(in.Limit, 500, 1000))
	rows := []any{}
	for _, t := range page {
		row := reply{"userid": t.UserID, "status": 0}
		if !t.Sent.IsZero() {
			row["status"], row["send_time"] = 2, t.Sent.Unix()
		}
		rows = append(rows, row)
	}
	return reply{"task_list": rows, "next_cursor": next}, nil
}

// massResults says what became of one member's part; of groups only those that were sent to.
func massResults(c *call, in *massAskRequest) (any, error) {
	m, err := c.dispatched(in.ID)
	if err != nil {
		return nil, err
	}
	t := m.task(in.UserID)
	if t == nil {
		return nil, fail(40058, "userid")
	}
	from, err := parseCursor(in.Cursor, 1)
	if err != nil {
		return nil, err
	}
	targets, key := t.Targets, "external_userid"
	if m.Chat == "group" {
		key = "chat_id"
		targets = slices.DeleteFunc(slices.Clone(targets), func(x massTarget) bool { return x.Status == massUnsent })
	}
	page, next := pageOf(targets, from[0], orDefault(in.Limit, 500, 1000))
	rows := []any{}
	for _, x := range page {
		row := reply{key: x.ID, "userid": t.UserID, "status": x.Status}
		if !x.Sent.IsZero() {
			row["send_time"] = x.Sent.Unix()
		}
		rows = append(rows, row)
	}
	return reply{"send_list": rows, "next_cursor": next}, nil
}

// pageOf cuts n items from position from, and the cursor of what follows.
func pageOf[T any](all []T, from int64, n int) ([]T, string) {
	if from >= int64(len(all)) {
		return nil, ""
	}
	all = all[from:]
	if len(all) > n {
		return all[:n], cursor(from + int64(n))
	}
	return all, ""
}

type massIDRequest struct {
	ID string `json:"msgid"`
}

func massRemind(c *call, in *massIDRequest) (any, error) {
	m, err := c.dispatched(in.ID)
	if err != nil {
		return nil, err
	}
	if !m.Cancelled.IsZero() {
		return nil, fail(41093)
	}
	recent := slices.DeleteFunc(slices.Clone(m.Reminded), func(t time.Time) bool { return c.now.Sub(t) >= 24*time.Hour })
	if len(recent) >= c.w.Config.MassRemindersPerDay {
		return nil, fail(41094)
	}
	m.Reminded = append(m.Reminded, c.now.UTC())
	return reply{}, nil
}

// massCancel stops what is not sent yet. Repeating it says that it has been done.
func massCancel(c *call, in *massIDRequest) (any, error) {
	m, err := c.dispatched(in.ID)
	if err != nil {
		return nil, err
	}
	if !m.Cancelled.IsZero() {
		return nil, fail(41093)
	}
	m.Cancelled = c.now.UTC()
	return reply{}, nil
}

// controlMass lists mass messages with all that members did, oldest first; ?msgid= one of them, ?count=1 only how many.
func (s *Simulator) controlMass(c *controlCall) (any, error) {
	corp, err := c.corp()
	if err != nil {
		return nil, err
	}
	q := c.r.URL.Query()
	all := []*massMessage{}
	sent := map[int]int{}
	for _, m := range corp.Mass {
		if id := q.Get("msgid"); id != "" && id != m.ID {
			continue
		}
		s.massConfirmDue(corp, m)
		all = append(all, m)
		for _, t := range m.Tasks {
			for _, x := range t.Targets {
				sent[x.Status]++
			}
		}
	}
	out := reply{"messages": len(all), "unsent": sent[massUnsent], "sent": sent[massSent], "not_friend": sent[massNoFriend], "over_quota": sent[massOverQuota]}
	if q.Get("count") == "" {
		slices.SortFunc(all, func(a, b *massMessage) int { return cmp.Compare(a.Seq, b.Seq) })
		out["mass"] = all
	}
	return out, nil
}
