package simulator

import (
	"testing"
	"time"
)

func TestStatistics(t *testing.T) {
	b := newBench(t, Options{Company: Company{Staff: 3, Customers: 20, Groups: 3}})
	now := b.sim.now()
	yesterday := now.In(statisticsZone).AddDate(0, 0, -1)
	ask := func(from, to time.Time, users ...string) m {
		return b.api("externalcontact/get_user_behavior_data", m{"userid": users, "start_time": from.Unix(), "end_time": to.Unix()})
	}
	b.act("behaviour", m{"userid": "staff0001", "day": yesterday.Format(time.DateOnly), "chat_cnt": 5, "message_cnt": 40, "reply_percentage": 87.5, "avg_reply_time": 3})
	b.act("behaviour", m{"userid": "staff0002", "day": yesterday.Format(time.DateOnly), "chat_cnt": 2, "group_messages": 9})
	rows := b.want(0, ask(yesterday.AddDate(0, 0, -2), yesterday, "staff0001"))["behavior_data"].([]any)
	if len(rows) != 3 || dig(rows[2], "chat_cnt") != 5.0 || dig(rows[2], "reply_percentage") != 87.5 || dig(rows[0], "reply_percentage") != nil {
		t.Errorf("got %v", rows)
	}
	if both := b.want(0, ask(yesterday, yesterday, "staff0001", "staff0002"))["behavior_data"].([]any); len(both) != 1 || dig(both[0], "chat_cnt") != 7.0 {
		t.Errorf("two members: %v", both)
	}
	met := 0.0
	for _, r := range b.want(0, ask(yesterday.AddDate(0, 0, -30), yesterday, "staff0001", "staff0002", "staff0003"))["behavior_data"].([]any) {
		met += dig(r, "new_contact_cnt").(float64)
	}
	t.Logf("%v met in 30 days", met)
	b.want(40058, ask(yesterday, now, "staff0001")) // today is not over
	b.want(40058, ask(yesterday.AddDate(0, 0, -31), yesterday, "staff0001"))
	b.want(40058, ask(yesterday, yesterday))
	b.want(60111, ask(yesterday, yesterday, "nobody"))

	groups := func(in m) m { return b.api("externalcontact/groupchat/statistic", in) }
	all := b.want(0, groups(m{"day_begin_time": yesterday.Unix(), "owner_filter": m{"userid_list": []string{"staff0001", "staff0002", "staff0003"}}, "limit": 2}))
	if all["total"] != 3.0 || all["next_offset"] != 2.0 || len(all["items"].([]any)) != 2 || dig(all["items"], 0, "data", "chat_total") != 1.0 {
		t.Errorf("groups: %v", all)
	}
	rest := b.want(0, groups(m{"day_begin_time": yesterday.Unix(), "owner_filter": m{"userid_list": []string{"staff0001", "staff0002", "staff0003"}}, "offset": 2}))
	if len(rest["items"].([]any)) != 1 {
		t.Errorf("the rest: %v", rest)
	}
	b.want(40058, groups(m{"day_begin_time": now.Unix()}))
}
