package referral

import "zhiyin/service/fault"

// What can go wrong with invitations.
var (
	ErrNotFound = fault.New(fault.NotFound, "referral.not_found", "没有这个邀请活动", "no such referral programme")
	ErrInvalid  = fault.New(fault.Invalid, "referral.invalid", "邀请活动设置有误", "this programme can't be")
	ErrChanged  = fault.New(fault.Conflict, "referral.changed", "邀请活动已被他人修改，请刷新", "somebody has changed the programme meanwhile")
	ErrState    = fault.New(fault.Conflict, "referral.state", "当前状态不允许这样做", "the state doesn't allow that")
	ErrFixed    = fault.New(fault.Conflict, "referral.fixed", "已发布的活动不能修改规则和奖励", "rules and rewards don't change once customers have been told of them")
	ErrUnread   = fault.New(fault.Conflict, "referral.warnings_unread", "发布前请阅读并确认平台规则提示", "read the warnings about the platform's rules and acknowledge them first")
	ErrClosed   = fault.New(fault.Conflict, "referral.closed", "活动未开始或已结束", "the programme has not begun, or is over")
	ErrAudience = fault.New(fault.Conflict, "referral.audience", "您不在活动范围内", "this programme is not for you")
	ErrWaysFull = fault.New(fault.Conflict, "referral.codes_full", "本活动的专属二维码已发完", "all inviters' codes of this programme are taken")
	// ErrCode is the one answer to every text that is no code.
	ErrCode   = fault.New(fault.NotFound, "referral.code", "邀请码无效", "the code is not valid")
	ErrSelf   = fault.New(fault.Conflict, "referral.self", "不能邀请自己", "nobody invites themself")
	ErrPoster = fault.New(fault.Unavailable, "referral.poster", "海报暂时无法生成，请稍后再试", "the poster can't be drawn now; try again in a moment")
)
