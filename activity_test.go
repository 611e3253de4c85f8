package main

import (
	"testing"
	"time"

	"zhiyin/api/console"
	"zhiyin/simulator"
)

// TestStaffActivity: what the platform counts of staff is read by the nightly job, and read again when the platform has corrected it.
func TestStaffActivity(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 3, Customers: 6, Tags: 2, Groups: 2}})
	h.synchronise(30 * time.Second)
	yesterday := time.Now().In(time.FixedZone("", 8*3600)).AddDate(0, 0, -1).Format(time.DateOnly)
	for _, chats := range []int{5, 8} {
		h.sim.post("/act/behaviour", object{"userid": "staff0001", "day": yesterday, "chat_cnt": chats, "message_cnt": 40, "reply_percentage": 87.5, "avg_reply_time": 3}, nil)
		h.job("activity.read")
		rows := list[console.StaffActivity](h.console, "/staff-activity?from="+yesterday+"&to="+yesterday+"&staff_id="+h.members()["staff0001"].ID)
		if len(rows) != 1 || rows[0].Chats != int64(chats) || rows[0].ReplyBP == nil || *rows[0].ReplyBP != 8750 {
			t.Errorf("%d conversations are shown as %+v", chats, rows)
		}
	}
}
