package wecom_test

import (
	"testing"
	"time"

	"zhiyin/wecom"
)

func TestSimulatedStatistics(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	users := must[[]string](t)(p.corp.FollowUsers(ctx))
	china := time.FixedZone("", 8*3600)
	yesterday := time.Now().In(china).AddDate(0, 0, -1)
	yesterday = time.Date(yesterday.Year(), yesterday.Month(), yesterday.Day(), 0, 0, 0, 0, china)
	p.act("behaviour", object{"userid": users[0], "day": yesterday.Format(time.DateOnly), "chat_cnt": 5, "message_cnt": 40, "reply_percentage": 87.5, "avg_reply_time": 3, "group_messages": 2})
	days := must[[]wecom.Behaviour](t)(p.corp.Behaviours(ctx, users[0], yesterday.AddDate(0, 0, -2), yesterday))
	if len(days) != 3 || !days[2].Day.Equal(yesterday) || days[2].Chats != 5 || *days[2].ReplyPercent != 87.5 || *days[2].ReplyMinutes != 3 || days[0].ReplyPercent != nil {
		t.Errorf("got %+v", days)
	}
	_, err := p.corp.Behaviours(ctx, "nobody", yesterday, yesterday)
	refused(t, "a member who is none", err, wecom.ErrNotFound)
	_, err = p.corp.Behaviours(ctx, users[0], yesterday, yesterday.AddDate(0, 0, 1))
	refused(t, "a day that is not over", err, wecom.ErrBadInput)
	if _, err = p.corp.Behaviours(ctx, users[0], yesterday.AddDate(0, 0, -31), yesterday); err == nil {
		t.Error("a month and a day")
	}
	groups, members := 0, 0
	for _, o := range must[[]wecom.OwnedGroups](t)(p.corp.GroupDay(ctx, users, yesterday)) {
		groups, members = groups+int(o.Data.Groups), members+int(o.Data.Members)
	}
	if listed, _, err := p.corp.Groups(ctx, wecom.GroupsQuery{OwnerIDs: users}); err != nil || groups == 0 || groups > len(listed) || members < groups {
		t.Errorf("%d groups with %d members of %d listed, %v", groups, members, len(listed), err)
	}
}
