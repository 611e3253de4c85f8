package privacy

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Holding is one kind of things that are kept about a customer, counted.
type Holding struct {
	Name           string // stable
	Zh, En         string
	KeptZh, KeptEn string // for how long
	Times          int64
}

// Until when things are kept, in the words of more than one line.
const (
	untilErasedZh = "直到您申请删除"
	untilErasedEn = "until you ask us to erase them"
	byLawZh       = "依法不少于 3 年"
	byLawEn       = "three years, as the law demands"
	asProofEn     = "three years, as proof"
)

// holdings is the one table of what is kept about customers, as they are told, and for how long. Each is counted in tables with a
// customer_id. Every such table is here or in untold: a test sees to that.
var holdings = []struct {
	Holding
	rows []any
}{
	{Holding{Name: "identity", Zh: "身份标识（微信、手机号等）", En: "identifiers: WeChat, phone number and the like", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.Identity{}}},
	{Holding{Name: "answer", Zh: "偏好与其他资料", En: "preferences and other answers", KeptZh: "直到您删除", KeptEn: "until you clear them"}, []any{&model.CustomValue{}}},
	{Holding{Name: "tag", Zh: "标签", En: "labels", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.CustomerTag{}}},
	{Holding{Name: "event", Zh: "互动与浏览记录", En: "what happened and what you looked at", KeptZh: "13 个月", KeptEn: "13 months"}, []any{&model.Event{}, &model.EventAside{}}},
	{Holding{Name: "order", Zh: "订单与退款", En: "orders and refunds", KeptZh: byLawZh, KeptEn: byLawEn}, []any{&model.CustomerOrder{}, &model.Refund{}}},
	{Holding{Name: "coupon", Zh: "优惠券与用券记录", En: "coupons and their use", KeptZh: byLawZh, KeptEn: byLawEn}, []any{&model.Coupon{}, &model.CouponUse{}, &model.CouponGift{}}},
	{Holding{Name: "points", Zh: "积分明细、签到与兑换", En: "points earned and spent, check-ins and redemptions", KeptZh: byLawZh, KeptEn: byLawEn}, []any{&model.PointsEntry{}, &model.CheckIn{}, &model.Redemption{}}},
	{Holding{Name: "tier", Zh: "会员等级变化", En: "changes of your membership tier", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.TierChange{}}},
	{Holding{Name: "draw", Zh: "抽奖记录", En: "lucky draws", KeptZh: byLawZh, KeptEn: byLawEn}, []any{&model.DrawTry{}}},
	{Holding{Name: "referral", Zh: "邀请码与邀请奖励", En: "your invitation code and rewards for inviting", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.ReferralCode{}, &model.ReferralReward{}}},
	{Holding{Name: "message", Zh: "发送给您的消息", En: "messages sent to you", KeptZh: "750 天", KeptEn: "750 days"}, []any{&model.Delivery{}}},
	{Holding{Name: "letter", Zh: "站内信", En: "messages in your inbox here", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.Letter{}}},
	{Holding{Name: "subscription", Zh: "订阅消息授权", En: "permissions for subscribe messages", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.SubscribeGrant{}}},
	{Holding{Name: "standing", Zh: "生命周期、价值与流失风险评分", En: "your stage, and scores of value and risk computed from the above", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.CustomerLifecycle{}, &model.StageChange{}}},
	{Holding{Name: "audience", Zh: "所在人群与自动化旅程", En: "audiences and automated journeys you are or were in", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.SegmentMember{}, &model.Enrolment{}}},
	{Holding{Name: "relation", Zh: "添加过的企业成员", En: "staff members you added", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.Relation{}}},
	{Holding{Name: "group", Zh: "加入过的客户群", En: "groups you joined", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.GroupMember{}}},
	{Holding{Name: "source", Zh: "来源（首次与最近一次）", En: "where you came from, first and last", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.CustomerTouch{}}},
	{Holding{Name: "note", Zh: "服务备注", En: "notes by our staff", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.CustomerNote{}}},
	{Holding{Name: "task", Zh: "为您安排的服务待办", En: "things our staff are to do for you", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.Task{}}},
	{Holding{Name: "change", Zh: "资料变更记录", En: "changes of your data", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.CustomerChange{}}},
	{Holding{Name: "check", Zh: "您所填内容的审核记录", En: "checks of what you wrote", KeptZh: untilErasedZh, KeptEn: untilErasedEn}, []any{&model.ContentCheck{}}},
	{Holding{Name: "visit", Zh: "登录记录", En: "sign-ins", KeptZh: "7 天", KeptEn: "7 days"}, []any{&model.Visit{}}},
	{Holding{Name: "reveal", Zh: "工作人员查看您完整资料的记录", En: "when our staff were shown your data unmasked", KeptZh: byLawZh, KeptEn: asProofEn}, []any{&model.Reveal{}}},
	{Holding{Name: "consent", Zh: "同意与拒绝的记录", En: "what you agreed to and refused", KeptZh: byLawZh, KeptEn: asProofEn}, []any{&model.Consent{}, &model.ContactChoice{}}},
	{Holding{Name: "request", Zh: "您的隐私申请", En: "what you asked for about your data", KeptZh: byLawZh, KeptEn: asProofEn}, []any{&model.PrivacyRequest{}}},
}

// untold are the tables with a customer_id that say nothing about a customer which a holding does not, and why.
var untold = map[string]string{
	"event_day":       "sums of events",
	"order_line":      "part of an order",
	"customer_trade":  "sums of orders",
	"coupon_entry":    "the ledger behind coupons",
	"points_account":  "sums of the entries",
	"points_lot":      "what is left of the entries",
	"customer_tier":   "where the changes of tier have led",
	"tag_assignment":  "what WeCom shows of the labels",
	"tag_grant":       "why a label is borne",
	"tag_rule_member": "whom a rule of labels fits now",
	"tag_rule_act":    "what a rule did last",
	"id_conversion":   "a question of one id to the platform, under way",
	"customer_merge":  "which of our ids became which",
	"merge_review":    "which of our ids may be the same person",
	"quality_finding": "what a night found odd in the data above",
	"visit_count":     "tries of one day, against misuse",
	"mass_quota":      "counts messages against the platform's limit",
	"kf_window":       "counts messages against the platform's limit",
	"contact_book":    "counts messages against our own limits",
	"task_message":    "the message of a task, which becomes a message to them when it is sent",
	"campaign_member": "who was meant to be sent a message, which is counted when it was",
}

// Holdings counts what is kept about a customer. It fails with ErrNoCustomer.
func (s *Service) Holdings(ctx context.Context, customerID int64) ([]Holding, error) {
	db := s.db.WithContext(ctx)
	if _, err := person(db, customerID); err != nil {
		return nil, err
	}
	all, _, err := family(db, []int64{customerID})
	if err != nil {
		return nil, err
	}
	out := make([]Holding, len(holdings))
	for i, h := range holdings {
		out[i] = h.Holding
		for _, row := range h.rows {
			n, err := countOf(db, row, all)
			if err != nil {
				return nil, err
			}
			out[i].Times += n
		}
	}
	return out, nil
}

func countOf(tx *gorm.DB, row any, customerIDs []int64) (n int64, err error) {
	if err := tx.Model(row).Where("customer_id IN ?", customerIDs).Count(&n).Error; err != nil {
		return 0, fmt.Errorf("count %T: %w", row, err)
	}
	return n, nil
}
