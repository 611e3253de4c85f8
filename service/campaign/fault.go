package campaign

import "zhiyin/service/fault"

// What can go wrong with campaigns.
var (
	ErrNotFound    = fault.New(fault.NotFound, "campaign.not_found", "没有这个活动", "no such campaign")
	ErrRunNotFound = fault.New(fault.NotFound, "campaign.run_not_found", "没有这次执行", "no such run")
	ErrInvalid     = fault.New(fault.Invalid, "campaign.invalid", "活动设置有误", "this campaign can't be made")
	ErrChanged     = fault.New(fault.Conflict, "campaign.changed", "活动已被他人修改，请刷新", "somebody has changed the campaign meanwhile")
	ErrState       = fault.New(fault.Conflict, "campaign.state", "活动的当前状态不允许这样做", "the campaign's state doesn't allow that")
	ErrOwnApproval = fault.New(fault.Forbidden, "campaign.own_approval", "需要另一位同事审批", "a second person has to approve")
	ErrNoSegment   = fault.New(fault.Invalid, "campaign.no_segment", "人群不存在或还没有计算", "a segment of its audience is gone or not built yet")
	ErrNoLink      = fault.New(fault.NotFound, "campaign.no_link", "没有这个链接", "no such link")
)
