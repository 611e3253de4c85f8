package draw

import "zhiyin/service/fault"

// What can go wrong with draws.
var (
	ErrNotFound  = fault.New(fault.NotFound, "draw.not_found", "没有这个抽奖", "no such draw")
	ErrInvalid   = fault.New(fault.Invalid, "draw.invalid", "抽奖设置有误", "this draw can't be")
	ErrChanged   = fault.New(fault.Conflict, "draw.changed", "抽奖已被他人修改，请刷新", "somebody has changed the draw meanwhile")
	ErrState     = fault.New(fault.Conflict, "draw.state", "抽奖的当前状态不允许这样做", "the draw's state doesn't allow that")
	ErrClosed    = fault.New(fault.Conflict, "draw.closed", "抽奖未开始或已结束", "the draw has not begun, or is over")
	ErrDayLimit  = fault.New(fault.Conflict, "draw.day_limit", "今天的次数已用完", "no tries are left today")
	ErrLimit     = fault.New(fault.Conflict, "draw.limit", "次数已用完", "no tries are left")
	ErrAudience  = fault.New(fault.Conflict, "draw.audience", "您不在活动范围内", "this draw is not for you")
	ErrCheckIn   = fault.New(fault.Conflict, "draw.check_in", "请先签到", "check in first")
	ErrOrder     = fault.New(fault.Conflict, "draw.order", "近期没有消费", "there is no order of late")
	ErrOtherBody = fault.New(fault.Invalid, "draw.key_reused", "同一请求编号不能用于另一个抽奖", "this request id was used for another draw")
)
