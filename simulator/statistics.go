package simulator

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// behaviour is what members did on a day besides meeting customers and groups, which the world knows by itself.
type behaviour struct {
	Chats    int     `json:"chat_cnt,omitempty"`
	Messages int     `json:"message_cnt,omitempty"`
	Replied  float64 `json:"reply_percentage,omitempty"`
	ReplyMin int     `json:"avg_reply_time,omitempty"`
	Negative int     `json:"negative_feedback_cnt,omitempty"`
	// GroupMessages are said in groups that the member owns.
	GroupMessages int `json:"group_messages,omitempty"`
}

// statisticsZone is where the platform's days begin.
var statisticsZone = time.FixedZone("UTC+8", 8*3600)

const (
	statisticsSpan = 30 * day
	statisticsPast = 180 * day
)

// dayOf is the first second of the day that a second falls into.
func dayOf(unix int64) int64 {
	y, m, d := time.Unix(unix, 0).In(statisticsZone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, statisticsZone).Unix()
}

// statisticsDays are the days of a span, both ends included, which must be over.
func (c *call) statisticsDays(from, to int64) (days []int64, err error) {
	from, to = dayOf(from), dayOf(to)
	today := dayOf(c.now.Unix())
	if to < from || to-from > statisticsSpan || from < today-statisticsPast || to >= today {
		return nil, fail(40058, "time span")
	}
	for d := from; d <= to; d += day {
		days = append(days, d)
	}
	return days, nil
}

type behaviourRequest struct {
	Users   []string `json:"userid"`
	Parties []int64  `json:"partyid"`
	Start   int64    `json:"start_time"`
	End     int64    `json:"end_time"`
}

// behaviourGet sums what members did, day by day.
func behaviourGet(c *call, in *behaviourRequest) (any, error) {
	if len(in.Users) == 0 && len(in.Parties) == 0 || len(in.Users) > 100 || len(in.Parties) > 100 {
		return nil, fail(40058, "userid or partyid")
	}
	days, err := c.statisticsDays(in.Start, in.End)
	if err != nil {
		return nil, err
	}
	users := map[string]bool{}
	for _, u := range in.Users {
		m, err := c.visible(u)
		if err != nil {
			return nil, err
		}
		users[strings.ToLower(m.UserID)] = true
	}
	for _, m := range c.corp.members() {
		if slices.ContainsFunc(m.Departments, func(d int64) bool { return slices.Contains(in.Parties, d) }) && c.app.sees(c.corp, m) {
			users[strings.ToLower(m.UserID)] = true
		}
	}
	rows := []any{}
	for _, d := range days {
		var sum behaviour
		met := 0
		for u := range users {
			b := c.corp.Behaviour[behaviourKey(d, u)]
			sum.Chats, sum.Messages, sum.Negative = sum.Chats+b.Chats, sum.Messages+b.Messages, sum.Negative+b.Negative
			sum.Replied, sum.ReplyMin = max(sum.Replied, b.Replied), max(sum.ReplyMin, b.ReplyMin)
			for _, r := range c.corp.relations[u] {
				if dayOf(r.Created) == d {
					met++
				}
			}
		}
		row := reply{
			"stat_time": d, "chat_cnt": sum.Chats, "message_cnt": sum.Messages, "negative_feedback_cnt": sum.Negative, "new_apply_cnt": met, "new_contact_cnt": met,
		}
		if sum.Chats > 0 { // absent on days without conversations
			row["reply_percentage"], row["avg_reply_time"] = sum.Replied, sum.ReplyMin
		}
		rows = append(rows, row)
	}
	return reply{"behavior_data": rows}, nil
}

func behaviourKey(dayStart int64, userid string) string {
	return time.Unix(dayStart, 0).In(statisticsZone).Format(time.DateOnly) + " " + strings.ToLower(userid)
}

type groupStatisticRequest struct {
	Begin int64 `json:"day_begin_time"`
	End   int64 `json:"day_end_time"`
	Owner *struct {
		Users []string `json:"userid_list"`
	} `json:"owner_filter"`
	OrderBy int  `json:"order_by"`
	Asc     int  `json:"order_asc"`
	Offset  int  `json:"offset"`
	Limit   *int `json:"limit"`
}

// groupStatistic tells of each owner what happened in their groups in a span of days, ordered by new groups.
func groupStatistic(c *call, in *groupStatisticRequest) (any, error) {
	limit := 500
	if in.Limit != nil {
		limit = *in.Limit
	}
	if limit < 1 || limit > 1000 || in.Offset < 0 || in.OrderBy < 0 || in.OrderBy > 4 {
		return nil, fail(40058, "limit, offset or order_by")
	}
	days, err := c.statisticsDays(in.Begin, cmp.Or(in.End, in.Begin))
	if err != nil {
		return nil, err
	}
	var owners []string
	if in.Owner != nil {
		owners = in.Owner.Users
	}
	if err := c.checkOwners(owners); err != nil {
		return nil, err
	}
	first, end := days[0], days[len(days)-1]+day
	data := map[string]*groupFigures{}
	for _, g := range c.corp.allGroups() {
		owned := len(owners) == 0 || slices.ContainsFunc(owners, func(u string) bool { return strings.EqualFold(u, g.Owner) })
		if !owned || !c.ownerVisible(g) || g.Created >= end {
			continue
		}
		f := data[g.Owner]
		if f == nil {
			f = &groupFigures{}
			data[g.Owner] = f
			for _, d := range days {
				f.Messages += c.corp.Behaviour[behaviourKey(d, g.Owner)].GroupMessages
			}
		}
		f.add(g, first, end)
	}
	names := slices.SortedFunc(maps.Keys(data), func(a, b string) int {
		return cmp.Or(cmp.Compare(data[b].NewChats, data[a].NewChats), cmp.Compare(a, b))
	})
	rows := []any{}
	for _, name := range names[min(in.Offset, len(names)):min(in.Offset+limit, len(names))] {
		rows = append(rows, reply{"owner": name, "data": data[name]})
	}
	return reply{"total": len(names), "next_offset": min(in.Offset+limit, len(names)), "items": rows}, nil
}

type groupFigures struct {
	NewChats   int `json:"new_chat_cnt"`
	Chats      int `json:"chat_total"`
	Talking    int `json:"chat_has_msg"`
	NewMembers int `json:"new_member_cnt"`
	Members    int `json:"member_total"`
	Talkers    int `json:"member_has_msg"`
	Messages   int `json:"msg_total"`
}

func (f *groupFigures) add(g *group, first, end int64) {
	f.Chats++
	if g.Created >= first {
		f.NewChats++
	}
	if f.Messages > 0 {
		f.Talking, f.Talkers = 1, 1
	}
	for _, m := range g.Members {
		if m.Joined < end {
			f.Members++
		}
		if m.Joined >= first && m.Joined < end {
			f.NewMembers++
		}
	}
}

type behaviourAct struct {
	Corp   string `json:"corp"`
	UserID string `json:"userid"`
	Day    string `json:"day"`
	behaviour
}

// actBehaviour says what a member did on a day, also later: the platform corrects its figures for some days.
func (s *Simulator) actBehaviour(c *controlCall) (any, error) {
	var in behaviourAct
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	corp, err := s.world.corpNamed(in.Corp)
	if err != nil {
		return nil, err
	}
	at, err := time.ParseInLocation(time.DateOnly, in.Day, statisticsZone)
	if err != nil || corp.member(in.UserID) == nil {
		return nil, refuse("day or userid")
	}
	fill(&corp.Behaviour)
	corp.Behaviour[behaviourKey(at.Unix(), in.UserID)] = in.behaviour
	return reply{"day": in.Day}, nil
}
