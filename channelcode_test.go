package main

import (
	"time"

	"zhiyin/api/console"
)

// member is a staff member as the console lists them.
func (h *house) members() map[string]console.StaffMember {
	h.t.Helper()
	out := map[string]console.StaffMember{}
	for _, m := range list[console.StaffMember](h.console, "/staff?limit=200&account_id="+h.account) {
		out[m.UserID] = m
	}
	return out
}

// synchronise reads the whole corp and returns the finished run.
func (h *house) synchronise(within time.Duration) console.SyncRun {
	h.t.Helper()
	run := h.startSync()
	return h.syncEnd(run.ID, within)
}

func (h *house) startSync() console.SyncRun {
	h.t.Helper()
	var run console.SyncRun
	h.console.post("/sync-runs", object{"account_id": h.account}, &run)
	return run
}

func (h *house) syncEnd(id string, within time.Duration) console.SyncRun {
	h.t.Helper()
	var run console.SyncRun
	eventually(h.t, within, "the synchronisation has ended", func() bool {
		h.console.get("/sync-runs/"+id, &run)
		return run.Status != "running"
	})
	if run.Status != "done" {
		h.t.Fatalf("the synchronisation ended %s: %s", run.Status, run.Error)
	}
	return run
}

// newCode makes a channel code for staff by user id and waits until the platform has it; more are
// other settings.
func (h *house) newCode(name string, more object, userids ...string) console.ChannelCode {
	h.t.Helper()
	members := h.members()
	var serving []object
	for _, id := range userids {
		m, ok := members[id]
		if !ok {
			h.t.Fatalf("no member %s", id)
		}
		serving = append(serving, object{"staff_id": m.ID})
	}
	in := object{"account_id": h.account, "name": name, "skip_verify": true, "staff": serving}
	for k, v := range more {
		in[k] = v
	}
	var code console.ChannelCode
	h.console.post("/channel-codes", in, &code)
	eventually(h.t, 20*time.Second, "the channel code has its picture and stands at the platform", func() bool {
		code = h.code(code.ID)
		return code.QRCode != "" && code.PushedAt != nil
	})
	return code
}

func (h *house) code(id string) (code console.ChannelCode) {
	h.t.Helper()
	h.console.get("/channel-codes/"+id, &code)
	return code
}

// welcomingCode is a channel code that tags, remarks and welcomes.
func (h *house) welcomingCode(userids ...string) console.ChannelCode {
	h.t.Helper()
	if len(userids) == 0 {
		userids = []string{"staff0001", "staff0002", "staff0003"}
	}
	group := list[console.TagGroup](h.console, "/tag-groups?account_id="+h.account)[0]
	return h.newCode("包裹卡", object{
		"remark_pattern": "{{客户昵称}}-{{渠道}}", "tag_ids": []string{group.Tags[0].ID}, "welcome": object{"text": "{{客户昵称}}您好"},
	}, userids...)
}
