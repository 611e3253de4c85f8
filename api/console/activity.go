package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/activity"
)

// StaffActivity is what a staff member did on one day, as the platform counts it.
type StaffActivity struct {
	StaffID       string    `json:"staff_id"`
	AccountID     string    `json:"account_id"`
	Day           string    `json:"day" doc:"by the clock of China"`
	Chats         int64     `json:"chats" doc:"single conversations"`
	Messages      int64     `json:"messages"`
	Negative      int64     `json:"negative" doc:"customers who deleted or blocked the member"`
	Applied       int64     `json:"applied" doc:"friendships asked for"`
	Met           int64     `json:"met" doc:"new customers"`
	ReplyBP       *int64    `json:"reply_bp,omitempty" doc:"basis points of the conversations that were answered; absent: there were none"`
	ReplyMinutes  *int64    `json:"reply_minutes,omitempty" doc:"until the first answer, on average"`
	NewGroups     int64     `json:"new_groups" doc:"of the customer groups that the member owns, as all that follows"`
	Groups        int64     `json:"groups"`
	TalkingGroups int64     `json:"talking_groups" doc:"in which somebody said something"`
	NewMembers    int64     `json:"new_members"`
	Members       int64     `json:"members"`
	Talkers       int64     `json:"talkers" doc:"members who said something"`
	GroupMessages int64     `json:"group_messages"`
	ReadAt        time.Time `json:"read_at" doc:"when the platform was asked last: it corrects its figures for some days"`
}

// ListStaffActivityInput selects days of staff.
type ListStaffActivityInput struct {
	PageQuery
	AccountID string `query:"account_id" maxLength:"26"`
	StaffID   string `query:"staff_id" maxLength:"26"`
	From      string `query:"from" required:"true" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"first day, 2006-01-02"`
	To        string `query:"to" required:"true" pattern:"^\\d{4}-\\d{2}-\\d{2}$" doc:"last day; at most 92 days"`
}

// ListStaffActivity tells what those did whom the viewer may see, day by day.
func (h *Handlers) ListStaffActivity(ctx context.Context, in *ListStaffActivityInput) (*Page[StaffActivity], error) {
	r := h.reader()
	f := activity.Filter{
		AccountID: r.optional(model.KindAccount, in.AccountID), StaffID: r.optional(model.KindStaff, in.StaffID), From: in.From, To: in.To,
		After: r.after(listActivity, in.Cursor), Limit: in.Limit,
	}
	if r.err != nil {
		return nil, r.err
	}
	if only, bound := ViewerOf(ctx).Corp(); bound {
		if f.AccountID != 0 && f.AccountID != only {
			return nil, model.ErrNoSuchID
		}
		f.AccountID = only
	}
	rows, err := h.Activity.List(ctx, ViewerOf(ctx), f)
	if err != nil {
		return nil, err
	}
	var items []StaffActivity
	for _, a := range rows {
		items = append(items, StaffActivity{
			h.IDs.Of(model.KindStaff, a.StaffID), h.IDs.Of(model.KindAccount, a.AccountID), a.Day, a.Chats, a.Messages, a.Negative, a.Applied, a.Met,
			a.ReplyBP, a.ReplyMin, a.NewGroups, a.GroupsOwned, a.TalkingGroups, a.NewMembers, a.Members, a.Talkers, a.GroupMessages, a.UpdatedAt,
		})
	}
	return newPage(h, listActivity, items, lastOf(rows, in.Limit, func(a model.StaffActivity) int64 { return a.ID }))
}
