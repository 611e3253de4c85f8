package api

import "zhiyin/api/console"

// consoleRoutes lists what the console calls: method, path, permission, what it is for, handler.
func (s *Server) consoleRoutes(f face, h *console.Handlers) {
	post(f, "/sign-in", anyone, "登录 · Sign in", h.SignIn)
	post(f, "/sign-out", signedIn, "退出 · Sign out", h.SignOut)
	get(f, "/me", signedIn, "当前用户 · Who is signed in", h.Me)
	put(f, "/me/password", signedIn, "修改自己的密码 · Change one's own password", h.SetPassword)
	get(f, "/me/sessions", signedIn, "自己的会话 · One's own sessions", h.ListSessions)
	remove(f, "/me/sessions/{id}", signedIn, "结束自己的一个会话 · End one of one's sessions", h.RevokeSession)

	get(f, "/accounts", may("account.read"), "平台账号 · Platform accounts", h.ListAccounts)
	post(f, "/accounts", may("account.write"), "新增平台账号 · Register an account", h.CreateAccount)
	put(f, "/accounts/{id}", may("account.write"), "修改平台账号 · Change an account", h.UpdateAccount)
	put(f, "/accounts/{id}/callback-keys", may("account.write"), "更换回调密钥 · Rotate callback keys", h.RotateCallbackKeys)
	get(f, "/accounts/{id}/welcome-statistics", may("channel_code.read"), "欢迎语统计 · How welcomes went", h.WelcomeStatistics)

	get(f, "/staff", may("staff.read"), "成员 · Staff", h.ListStaff)
	post(f, "/staff", may("staff.write"), "新增后台用户 · Create a console user", h.CreateStaff)
	put(f, "/staff/{id}/roles", may("staff.write"), "设置角色 · Set roles", h.SetStaffRoles)
	put(f, "/staff/{id}/login", may("staff.write"), "设置登录名和密码 · Set login and password", h.SetStaffLogin)
	put(f, "/staff/{id}/enabled", may("staff.write"), "停用或启用登录 · Allow or forbid signing in", h.EnableStaff)
	get(f, "/roles", may("staff.read"), "角色 · Roles", h.ListRoles)
	get(f, "/departments", may("staff.read"), "部门 · Departments", h.ListDepartments)
	get(f, "/tasks", may("task.read"), "待办 · Tasks", h.ListTasks)
	put(f, "/tasks/{id}/status", may("task.write"), "完成或放弃待办 · Close a task", h.CloseTask)

	get(f, "/customers", may("customer.read"), "客户列表 · Customers", h.ListCustomers)
	get(f, "/customers/{id}", may("customer.read"), "客户详情 · One customer", h.GetCustomer)
	get(f, "/customers/{id}/events", may("customer.read"), "客户动态 · A customer's timeline", h.CustomerTimeline)
	put(f, "/relations/{id}/note", may("customer.write"), "修改备注和描述 · Change remark and description", h.NoteRelation)
	post(f, "/relations/tags", may("customer.write"), "打标签或去标签 · Add and remove tags", h.AssignTags)

	get(f, "/tag-groups", may("tag.read"), "标签 · Tag groups with their tags", h.ListTagGroups)
	post(f, "/tag-groups", may("tag.write"), "新增标签组 · Create a tag group", h.CreateTagGroup)
	put(f, "/tag-groups/{id}", may("tag.write"), "修改标签组 · Rename or reorder a tag group", h.UpdateTagGroup)
	remove(f, "/tag-groups/{id}", may("tag.write"), "删除标签组 · Delete a tag group", h.DeleteTagGroup)
	post(f, "/tag-groups/{id}/tags", may("tag.write"), "新增标签 · Create a tag", h.CreateTag)
	put(f, "/tags/{id}", may("tag.write"), "修改标签 · Rename or reorder a tag", h.UpdateTag)
	remove(f, "/tags/{id}", may("tag.write"), "删除标签 · Delete a tag", h.DeleteTag)

	get(f, "/channel-codes", may("channel_code.read"), "渠道活码 · Channel codes", h.ListChannelCodes)
	post(f, "/channel-codes", may("channel_code.write"), "新增渠道活码 · Create a channel code", h.CreateChannelCode)
	get(f, "/channel-codes/{id}", may("channel_code.read"), "渠道活码详情 · One channel code", h.GetChannelCode)
	put(f, "/channel-codes/{id}", may("channel_code.write"), "修改渠道活码 · Replace its settings", h.UpdateChannelCode)
	put(f, "/channel-codes/{id}/enabled", may("channel_code.write"), "停用或启用 · Switch off or on", h.EnableChannelCode)
	remove(f, "/channel-codes/{id}", may("channel_code.write"), "删除渠道活码 · End it for good", h.DeleteChannelCode)
	post(f, "/channel-codes/{id}/push", may("channel_code.write"), "重新推送到企业微信 · Tell the platform once more", h.PushChannelCode)
	get(f, "/channel-codes/{id}/statistics", may("channel_code.read"), "渠道统计 · What it brought", h.ChannelCodeStatistics)

	get(f, "/welcomes", may("channel_code.read"), "欢迎语 · Welcome messages", h.ListWelcomes)
	put(f, "/welcomes", may("welcome.write"), "设置欢迎语 · Set the welcome of a scope", h.SaveWelcome)
	remove(f, "/welcomes/{id}", may("welcome.write"), "删除欢迎语 · Delete a welcome", h.DeleteWelcome)
	get(f, "/media", may("channel_code.read"), "素材 · Files", h.ListMedia)
	post(f, "/media", may("welcome.write"), "上传素材 · Upload a file", h.UploadMedia)
	get(f, "/media/{id}/content", may("channel_code.read"), "下载素材 · Download a file", h.GetMediaContent)
	remove(f, "/media/{id}", may("welcome.write"), "删除素材 · Delete a file", h.DeleteMedia)

	get(f, "/groups", may("group.read"), "客户群 · Customer groups", h.ListGroups)
	get(f, "/groups/{id}", may("group.read"), "客户群详情 · One group with its members", h.GetGroup)
	get(f, "/groups/{id}/history", may("group.read"), "退群记录 · Who left a group", h.GroupHistory)

	get(f, "/sync-runs", may("sync.read"), "同步记录 · Synchronisation runs", h.ListSyncRuns)
	post(f, "/sync-runs", may("sync.run"), "立即同步 · Synchronise now", h.StartSync)
	get(f, "/sync-runs/{id}", may("sync.read"), "同步进度 · Progress of a run", h.GetSyncRun)
	post(f, "/sync-runs/{id}/cancel", may("sync.run"), "停止同步 · Stop a run", h.CancelSync)

	get(f, "/inbox", may("inbox.read"), "回调收件箱 · Callbacks as they came", h.ListInbox)
	get(f, "/inbox/{id}", may("inbox.content"), "回调内容 · One callback with its content", h.GetInboxMessage)
	post(f, "/inbox/{id}/replay", may("work.replay"), "重放一条回调 · Act upon one again", h.ReplayInboxMessage)
	post(f, "/inbox/replay", may("work.replay"), "批量重放回调 · Act upon many again", h.ReplayInbox)
	get(f, "/work", may("work.read"), "任务与死信 · Works and dead letters", h.ListWork)
	get(f, "/work/stats", may("work.read"), "任务统计 · Works by kind and state", h.WorkStats)
	post(f, "/work/{id}/replay", may("work.replay"), "重新执行 · Make a dead work ready again", h.ReplayWork)
	post(f, "/work/{id}/cancel", may("work.replay"), "取消任务 · Cancel a work", h.CancelWork)
	get(f, "/cron-jobs", may("cron.read"), "定时任务 · Periodic jobs", h.ListCronJobs)
	post(f, "/cron-jobs/{name}/run", may("cron.run"), "立即执行定时任务 · Run a job now", h.RunCronJob)
	get(f, "/cron-runs", may("cron.read"), "定时任务记录 · Runs of periodic jobs", h.ListCronRuns)
}
