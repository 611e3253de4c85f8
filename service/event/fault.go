package event

import "zhiyin/service/fault"

// The failures that callers act on.
var (
	ErrNoFeed       = fault.New(fault.NotFound, "event.no_feed", "没有这个事件订阅", "There is no such feed of events")
	ErrDefinition   = fault.New(fault.Invalid, "event.definition", "事件定义不正确", "The definition of the event is wrong")
	ErrKindExists   = fault.New(fault.Conflict, "event.kind_exists", "已有同名事件", "There is an event of this name already")
	ErrNoKind       = fault.New(fault.NotFound, "event.no_kind", "没有这个自定义事件", "There is no such custom event")
	ErrKindChanged  = fault.New(fault.Conflict, "event.kind_changed", "事件定义已被他人修改，请刷新后重试", "Somebody else has changed the event; look at it again")
	ErrPropertyType = fault.New(fault.Conflict, "event.property_type", "已有属性的类型不能修改", "A property can't change its type")
	ErrTooManyKinds = fault.New(fault.Conflict, "event.too_many_kinds", "自定义事件已达上限", "There are as many custom events as there may be")
	ErrBatch        = fault.New(fault.Invalid, "event.batch", "一次最多上报 100 个事件", "At most 100 events at a time")
	ErrBusy         = fault.New(fault.Unavailable, "event.busy", "系统繁忙，请稍后再报", "Too busy; send them again later")
	ErrDays         = fault.New(fault.Invalid, "event.days", "日期范围不正确", "The range of days is wrong")
)
