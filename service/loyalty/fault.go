package loyalty

import "zhiyin/service/fault"

// What can go wrong in the club.
var (
	ErrTooFew      = fault.New(fault.Conflict, "loyalty.too_few_points", "积分不足", "there are not enough points")
	ErrInvalid     = fault.New(fault.Invalid, "loyalty.invalid", "设置有误", "that can't be")
	ErrNotFound    = fault.New(fault.NotFound, "loyalty.not_found", "没有这一项", "there is no such thing")
	ErrChanged     = fault.New(fault.Conflict, "loyalty.changed", "内容已被他人修改，请刷新", "somebody has changed it meanwhile")
	ErrOtherBody   = fault.New(fault.Invalid, "loyalty.key_reused", "同一请求编号不能用于另一项操作", "this request id was used for something else")
	ErrNotOffered  = fault.New(fault.Conflict, "loyalty.not_offered", "该商品暂不可兑换", "this reward can't be had now")
	ErrSoldOut     = fault.New(fault.Conflict, "loyalty.sold_out", "已兑完", "there are none left")
	ErrLimit       = fault.New(fault.Conflict, "loyalty.limit", "已达到兑换上限", "you have had as many as one may")
	ErrTier        = fault.New(fault.Conflict, "loyalty.tier", "会员等级不足", "your tier is not high enough")
	ErrCheckedIn   = fault.New(fault.Conflict, "loyalty.checked_in", "今天已经签到", "you have checked in today")
	ErrNotPossible = fault.New(fault.Conflict, "loyalty.state", "当前状态不允许这样做", "its state doesn't allow that")
)
