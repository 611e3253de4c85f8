package coupon

import "zhiyin/service/fault"

// What can go wrong for the caller.
var (
	ErrNoBatch    = fault.New(fault.NotFound, "coupon.no_batch", "没有这个券批次", "no such coupon batch")
	ErrNotFound   = fault.New(fault.NotFound, "coupon.not_found", "没有这张券", "no such coupon")
	ErrNoUse      = fault.New(fault.NotFound, "coupon.no_use", "没有这笔用券记录", "no such use of coupons")
	ErrNoCustomer = fault.New(fault.NotFound, "coupon.no_customer", "没有这个客户", "no such customer")
	ErrNoRun      = fault.New(fault.NotFound, "coupon.no_run", "没有这个批量任务", "no such bulk work")

	ErrBatch    = fault.New(fault.Invalid, "coupon.bad_batch", "券批次的设置有误", "a setting of the batch is wrong")
	ErrChanged  = fault.New(fault.Conflict, "coupon.batch_changed", "券批次已被他人修改，请刷新后再试", "somebody else has changed the batch; look again")
	ErrState    = fault.New(fault.Conflict, "coupon.batch_state", "券批次当前状态不能这样操作", "the state of the batch does not allow this")
	ErrFixed    = fault.New(fault.Conflict, "coupon.batch_fixed", "已发放的券批次不能修改券面和规则", "what a coupon is worth does not change once coupons are out")
	ErrOwn      = fault.New(fault.Forbidden, "coupon.second_person", "需要另一位同事审批", "somebody else has to approve this")
	ErrApproval = fault.New(fault.Conflict, "coupon.approval_needed", "数量或金额较大，请先提交审批", "this is large; submit it for approval first")

	ErrClosed    = fault.New(fault.Conflict, "coupon.closed", "该券当前不可领取", "this coupon can't be had now")
	ErrSoldOut   = fault.New(fault.Conflict, "coupon.sold_out", "优惠券已领完", "all coupons are gone")
	ErrLimit     = fault.New(fault.Conflict, "coupon.limit", "您已达到领取上限", "you have had as many as one may")
	ErrDayLimit  = fault.New(fault.Conflict, "coupon.day_limit", "今天已达到领取上限，请明天再来", "you have had as many as one may today")
	ErrDevice    = fault.New(fault.Conflict, "coupon.device_limit", "此设备已达到领取上限", "this device has had as many as one may")
	ErrAudience  = fault.New(fault.Conflict, "coupon.not_for_you", "您不在该券的领取范围内", "this coupon is for others")
	ErrAllowance = fault.New(fault.Conflict, "coupon.allowance", "今天的发券额度已用完", "you have given as many as you may today")
	ErrMayNot    = fault.New(fault.Forbidden, "coupon.staff_may_not", "您不能发放该券", "you may not give this coupon")

	// ErrCode is the one answer to every code that makes no coupon, whatever the reason, so that nobody
	// learns which codes there are.
	ErrCode    = fault.New(fault.NotFound, "coupon.code", "兑换码无效或已失效", "the code is not valid, or not any more")
	ErrGuesses = fault.New(fault.TooMany, "coupon.guesses", "输入错误次数过多，请稍后再试", "too many wrong codes; try again later")
	ErrPass    = fault.New(fault.Conflict, "coupon.pass", "券码已过期，请刷新后再出示", "the code has changed; show the present one")

	ErrKey      = fault.New(fault.Invalid, "coupon.key", "缺少有效的幂等键", "an idempotency key of 8 to 64 characters is needed")
	ErrOther    = fault.New(fault.Invalid, "coupon.key_reused", "同一幂等键已用于不同的请求", "this key was used for another request")
	ErrInFlight = fault.New(fault.Conflict, "coupon.in_flight", "相同的请求正在处理中", "the same request is being dealt with")

	ErrBill    = fault.New(fault.Invalid, "coupon.bill", "订单内容有误", "something in the bill is wrong")
	ErrRefused = fault.New(fault.Conflict, "coupon.refused", "该券不能用于此订单", "a coupon does not fit this order")
	ErrBudget  = fault.New(fault.Conflict, "coupon.budget", "该券的使用额度已用完", "the budget of this coupon is used up")
	ErrOrder   = fault.New(fault.Conflict, "coupon.order_taken", "该订单已经用过券", "coupons are reserved for, or used on, this order already")
	ErrOver    = fault.New(fault.Conflict, "coupon.reservation_over", "预占已超时，请重新下单", "the reservation is over")
	ErrUse     = fault.New(fault.Conflict, "coupon.use_state", "这笔用券当前状态不能这样操作", "the state of the use does not allow this")
	ErrRefund  = fault.New(fault.Invalid, "coupon.refund", "退回的内容有误", "something in what is to be taken back is wrong")
	ErrMove    = fault.New(fault.Conflict, "coupon.state", "券当前状态不能这样操作", "the state of the coupon does not allow this")
	ErrFixedTo = fault.New(fault.Conflict, "coupon.not_transferable", "该券不可转赠", "this coupon can't be given away")
	ErrHops    = fault.New(fault.Conflict, "coupon.hops", "该券已达到转赠次数上限", "this coupon has changed hands as often as it may")
	ErrRun     = fault.New(fault.Invalid, "coupon.bad_run", "批量任务的内容有误", "this bulk work can't be done")
	ErrEnded   = fault.New(fault.Conflict, "coupon.run_ended", "批量任务已经结束", "the bulk work has ended")

	ErrNoGift    = fault.New(fault.NotFound, "coupon.no_gift", "没有这份赠礼", "no such gift")
	ErrGift      = fault.New(fault.Invalid, "coupon.bad_gift", "赠送的内容有误", "this can't be given so")
	ErrGiftTaken = fault.New(fault.Conflict, "coupon.gift_taken", "礼物已被领取", "somebody has taken this gift")
	ErrGiftOver  = fault.New(fault.Conflict, "coupon.gift_over", "礼物已失效", "this gift was taken back, or its time is over")
	ErrOwnGift   = fault.New(fault.Conflict, "coupon.gift_own", "不能领取自己送出的券", "you can't take what you give away yourself")
)
