package catalog

import "zhiyin/service/fault"

// What can go wrong for the caller.
var (
	ErrInvalid  = fault.New(fault.Invalid, "catalog.invalid", "资料有误", "something in it is wrong")
	ErrTooMany  = fault.New(fault.Invalid, "catalog.too_many", "一次最多提交 100 条", "at most 100 entries a call")
	ErrNotFound = fault.New(fault.NotFound, "catalog.not_found", "没有找到", "there is no such thing")
	// ErrVersionReused: the version is known, with another content. Send it with a higher one.
	ErrVersionReused = fault.New(fault.Conflict, "catalog.version_reused", "同一版本号已有不同内容，请用更大的版本号重新提交",
		"this version was sent before with another content; send it again with a higher version")
	ErrOtherShop = fault.New(fault.Conflict, "catalog.other_shop", "该订单号已属于另一家店铺", "the order number belongs to another shop")
	// ErrOtherOrder: a refund belongs to one order for good.
	ErrOtherOrder = fault.New(fault.Conflict, "catalog.other_order", "该退款单号已属于另一订单", "the refund number belongs to another order")
	ErrCycle      = fault.New(fault.Conflict, "catalog.category_cycle", "上级分类不能是自己或自己的下级", "a category can't be below itself")
	// WarnExceedsPaid comes with a refund that was stored: no more than was paid counts.
	WarnExceedsPaid = fault.New(fault.Conflict, "catalog.refund_exceeds_paid", "退款合计超过实付金额，只按实付金额计算",
		"the refunds exceed what was paid; only as much as was paid counts")
)
