package event

import "zhiyin/service/fault"

// The failures that callers act on.
var (
	ErrNoFeed     = fault.New(fault.NotFound, "event.no_feed", "没有这个事件订阅", "There is no such feed of events")
	ErrDefinition = fault.New(fault.Invalid, "event.definition", "事件定义不正确", "The definition of the event is wrong")
)
