package channel

import "zhiyin/service/fault"

// What can go wrong for the caller.
var (
	ErrNoOpenID      = fault.New(fault.Conflict, "subscribe.no_openid", "该客户没有在这个小程序登录过", "This customer has not signed in to this mini-program")
	ErrSettings      = fault.New(fault.Invalid, "channel.invalid_settings", "渠道设置有误", "The channel's settings are not right")
	ErrTaskNotFound  = fault.New(fault.NotFound, "sender_task.not_found", "没有这个待确认任务", "No such task")
	ErrTaskOver      = fault.New(fault.Conflict, "sender_task.over", "任务已经结束", "The task is over")
	ErrNothingToSend = fault.New(fault.NotFound, "task.nothing_to_send", "这个待办没有要发送的内容", "This task asks for nothing to be sent")
	ErrUnwanted      = fault.New(fault.Conflict, "task.unwanted", "这条消息不应再发给客户，请勿发送，待办已关闭", "The customer is not to get this any more; don't send it. The task is closed")
	ErrNotYet        = fault.New(fault.Conflict, "task.not_yet", "现在不宜给客户发这条消息，请晚些再发", "The customer is not to get this now; send it later")
	ErrReminded      = fault.New(fault.Conflict, "sender_task.reminded", "24 小时内最多提醒 3 次", "At most 3 reminders in 24 hours")
)
