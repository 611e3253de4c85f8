package wecom

import (
	"context"
	"time"
)

// Bounds of statistics.
const (
	StatisticsDays   = 30  // days of one question, at most; 180 back
	statisticsOwners = 100 // owners of one question
	statisticsPage   = 1000
)

// Behaviour is what one staff member did on one day, as the platform counts it.
type Behaviour struct {
	Day           Time   `json:"stat_time"` // its first second, by the clock of China
	Chats         Number `json:"chat_cnt"`  // single conversations
	Messages      Number `json:"message_cnt"`
	NegativeFeeds Number `json:"negative_feedback_cnt"` // customers who deleted or blocked the member
	Applied       Number `json:"new_apply_cnt"`         // friendships asked for
	Met           Number `json:"new_contact_cnt"`       // new customers
	// ReplyPercent is the share of conversations that were answered, and ReplyMinutes how long the first answer took on average;
	// nil on days without conversations.
	ReplyPercent *float64 `json:"reply_percentage"`
	ReplyMinutes *Number  `json:"avg_reply_time"`
}

// Behaviours tells what a staff member did, day by day, on days that are over: from and until are both included and at most
// StatisticsDays apart. Of several members the platform would answer the sum, so they are asked for one by one. It fails with
// ErrNotFound when there is no such member. Platform documentation, 客户联系 · 获取「联系客户统计」数据.
func (c *Corp) Behaviours(ctx context.Context, userID string, from, until time.Time) ([]Behaviour, error) {
	const api = "externalcontact/get_user_behavior_data"
	if userID == "" || until.Before(from) || until.Sub(from) > StatisticsDays*24*time.Hour {
		return nil, c.bad(api, "one member and at most 30 days")
	}
	body := struct {
		UserIDs []string `json:"userid"`
		From    int64    `json:"start_time"`
		Until   int64    `json:"end_time"`
	}{[]string{userID}, from.Unix(), until.Unix()}
	var out struct {
		Data []Behaviour `json:"behavior_data"`
	}
	if err := c.post(ctx, api, body, &out); err != nil {
		return nil, err
	}
	return out.Data, nil
}

// OwnedGroups is what happened on one day in the customer groups of one owner.
type OwnedGroups struct {
	OwnerID string `json:"owner"`
	Data    struct {
		NewGroups  Number `json:"new_chat_cnt"`
		Groups     Number `json:"chat_total"`
		Talking    Number `json:"chat_has_msg"` // groups in which somebody said something
		NewMembers Number `json:"new_member_cnt"`
		Members    Number `json:"member_total"`
		Talkers    Number `json:"member_has_msg"` // members who said something
		Messages   Number `json:"msg_total"`
	} `json:"data"`
}

// GroupDay tells of up to 100 owners what happened in their groups on a day that is over. Owners without groups may be missing.
// Platform documentation, 客户联系 · 获取「群聊数据统计」数据.
func (c *Corp) GroupDay(ctx context.Context, ownerIDs []string, day time.Time) (all []OwnedGroups, err error) {
	const api = "externalcontact/groupchat/statistic"
	if len(ownerIDs) == 0 || len(ownerIDs) > statisticsOwners {
		return nil, c.bad(api, "1 to 100 owners")
	}
	type owners struct {
		UserIDs []string `json:"userid_list"`
	}
	for offset := 0; ; {
		body := struct {
			Day    int64  `json:"day_begin_time"`
			Owners owners `json:"owner_filter"`
			Offset int    `json:"offset"`
			Limit  int    `json:"limit"`
		}{day.Unix(), owners{ownerIDs}, offset, statisticsPage}
		var out struct {
			Total Number        `json:"total"`
			Next  Number        `json:"next_offset"`
			Items []OwnedGroups `json:"items"`
		}
		if err := c.post(ctx, api, body, &out); err != nil {
			return nil, err
		}
		all = append(all, out.Items...)
		if len(out.Items) == 0 || int(out.Next) >= int(out.Total) {
			return all, nil
		}
		if int(out.Next) <= offset {
			return nil, c.doubt(api, "the pages do not end")
		}
		offset = int(out.Next)
	}
}
