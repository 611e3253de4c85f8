package segment

import (
	"context"
	"maps"
	"slices"
	"strings"

	"zhiyin/model"
	"zhiyin/service/event"
)

// Type says what a field's values are and which questions make sense.
type Type string

// The types. Names are data.
const (
	Text        Type = "text"
	Number      Type = "number"      // whole
	Decimal     Type = "decimal"     // at most four digits after the point
	Money       Type = "money"       // in fen
	Choices     Type = "choice"      // one of a list
	Day         Type = "day"         // yyyy-mm-dd
	Moment      Type = "moment"      // a time, asked about by window
	Reference   Type = "reference"   // any number of things of a kind, by their ids
	Names       Type = "names"       // any number of names
	Anniversary Type = "anniversary" // the same day every year
	Happening   Type = "event"       // how often, when first and last
	Share       Type = "share"       // a part of everybody in basis points
)

// Choice is one of the values that a field may have.
type Choice struct {
	Value  string
	Zh, En string
}

func choiceOf(list []Choice, value string) int {
	for i, c := range list {
		if c.Value == value {
			return i
		}
	}
	return -1
}

// Field is something that rules can ask about. Its name is data, stored in rules: never renamed.
type Field struct {
	Name   string
	Group  string // the heading under which the builder shows it: see [Groups]
	Zh, En string
	Type   Type
	// About: the name goes on after a point, with what it is about: custom.<field>, event.<kind>.
	About bool
	// Choices are the values there are; nil with type Choices: those of the data, as the console lists them.
	Choices []Choice
	Ref     model.Kind // what a Reference's values name
	// Windowed: it may be asked about a stretch of time. (A Moment always is.)
	Windowed bool
	Where    []Property
	// Facts are the kinds of facts after which the answer may be another one for the customer of the fact; of an
	// event field, the kind it is about besides.
	Facts []string

	from table // where it is read
}

// Property is what a condition's filters may ask of the rows behind a field.
type Property struct {
	Name    string
	Zh, En  string
	Type    Type
	Ref     model.Kind
	Choices []Choice
	// Prefix: the name goes on after a point: data.<property of the event>.
	Prefix bool

	column string
	line   bool // asked of the lines of an order
}

// Groups are the headings of the builder.
var Groups = []Choice{
	{"profile", "客户资料", "Profile"}, {"tag", "标签", "Tags"}, {"relation", "跟进关系", "Relations"}, {"group", "客户群", "Groups"},
	{"order", "订单", "Orders"}, {"coupon", "优惠券", "Coupons"}, {"club", "积分与会员等级", "Points and tiers"}, {"message", "触达", "Messages"}, {"event", "行为事件", "Events"}, {"lifecycle", "生命周期与评分", "Stage and scores"},
	{"other", "人群与抽样", "Segments and samples"},
}

// What the facts of others touch, besides those that concern every rule: see aboutEverybody.
var (
	aboutProfile  = []string{event.KindCustomerIdentified, "customer.profile_changed"}
	aboutRelation = []string{event.KindCustomerAdded, event.KindCustomerHalfAdded, event.KindCustomerDeletedByStaff, event.KindCustomerLeft}
	aboutTag      = []string{event.KindTagChanged}
	aboutGroup    = []string{event.KindGroupJoined, event.KindGroupLeft}
	aboutOrder    = []string{event.KindOrderPlaced, event.KindOrderPaid, event.KindOrderCompleted, event.KindOrderCancelled, event.KindOrderRefunded}
	aboutCoupon   = []string{event.KindCouponIssued, event.KindCouponRedeemed, event.KindCouponRolledBack, event.KindCouponExpired, event.KindCouponVoided,
		event.KindCouponExtended, event.KindCouponGiven, event.KindCouponReceived, event.KindGiftOpened, event.KindGiftReturned}
	aboutPoints  = []string{event.KindPointsChanged}
	aboutTier    = []string{event.KindTierChanged}
	aboutStage   = []string{"customer.stage_changed"}                                                    // scores are computed at night, and segments after them
	aboutOpened  = []string{event.KindMessageRead, event.KindMessageClicked, event.KindMessageConverted} // that one was sent is no fact: full builds see it
	aboutSegment = []string{event.KindSegmentEntered, event.KindSegmentLeft}
)

var genders = []Choice{{"unknown", "未知", "unknown"}, {"male", "男", "male"}, {"female", "女", "female"}}

var riskGrades = []Choice{{"high", "高", "high"}, {"medium", "中", "medium"}, {"low", "低", "low"}}

var relationStatuses = []Choice{
	{"active", "跟进中", "followed"}, {"half", "待确认", "not confirmed yet"}, {"left", "客户已删除成员", "the customer left"},
	{"removed", "成员已删除客户", "removed by staff"},
}

var ofRelation = []Property{
	{Name: "staff", Zh: "成员", En: "staff", Type: Reference, Ref: model.KindStaff, column: "relation.staff_id"},
	{Name: "channel_code", Zh: "渠道活码", En: "channel code", Type: Reference, Ref: model.KindChannelCode, column: "relation.channel_code_id"},
	{Name: "add_way", Zh: "添加方式（平台编号）", En: "add way (the platform's number)", Type: Number, column: "relation.add_way"},
	{Name: "status", Zh: "状态", En: "status", Type: Choices, Choices: relationStatuses, column: "relation.status"},
}

var ofOrder = []Property{
	{Name: "product", Zh: "商品", En: "product", Type: Reference, Ref: model.KindProduct, column: "order_line.product_id", line: true},
	{Name: "category", Zh: "商品分类（含下级）", En: "product category and those below", Type: Reference, Ref: model.KindProductCategory, column: "order_line.category_id", line: true},
	{Name: "shop", Zh: "店铺", En: "shop", Type: Text, column: "customer_order.shop"},
	{Name: "amount", Zh: "整单实付", En: "paid for the whole order", Type: Money, column: "customer_order.paid_fen"},
}

// A coupon that is reserved for an order is the customer's as before, until it is redeemed.
var ofCoupon = []Property{
	{Name: "batch", Zh: "券批次", En: "coupon batch", Type: Reference, Ref: model.KindCouponBatch, column: "coupon.batch_id"},
	{Name: "way", Zh: "领取方式", En: "way of getting it", Type: Choices, column: "coupon.source", Choices: []Choice{
		{"claim", "领券中心", "coupon centre"}, {"code", "兑换码", "code"}, {"staff", "成员发放", "staff"}, {"journey", "旅程", "journey"}, {"campaign", "营销活动", "campaign"},
		{"draw", "抽奖", "draw"}, {"points", "积分兑换", "points"}, {"referral", "推荐", "referral"}, {"console", "控制台", "console"},
	}},
	{Name: "state", Zh: "状态", En: "state", Type: Choices, column: "CASE coupon.state WHEN 'reserved' THEN 'usable' ELSE coupon.state END", Choices: []Choice{
		{"usable", "可用", "usable"}, {"used", "已使用", "used"}, {"expired", "已过期", "expired"}, {"void", "已作废", "void"}, {"gifted", "转赠中", "on its way to somebody"},
	}},
}

var ofCouponUse = []Property{
	{Name: "batch", Zh: "券批次", En: "coupon batch", Type: Reference, Ref: model.KindCouponBatch, column: "coupon_use_part.batch_id"},
	{Name: "shop", Zh: "店铺", En: "shop", Type: Text, column: "coupon_use.shop"},
}

var ofMessage = []Property{
	{Name: "source", Zh: "来源", En: "who sent it", Type: Choices, column: "delivery.source", Choices: []Choice{
		{"campaign", "营销活动", "campaign"}, {"journey", "旅程", "journey"}, {"task", "成员待办", "staff task"}, {"sidebar", "侧边栏", "sidebar"},
		{"console", "控制台", "console"}, {"system", "系统", "system"},
	}},
	{Name: "journey", Zh: "旅程", En: "journey", Type: Reference, Ref: model.KindJourney, column: "CASE WHEN delivery.source = 'journey' THEN delivery.source_id ELSE 0 END"},
	{Name: "campaign", Zh: "营销活动", En: "campaign", Type: Reference, Ref: model.KindCampaign, column: "CASE WHEN delivery.source = 'campaign' THEN delivery.source_id ELSE 0 END"},
	{Name: "channel", Zh: "渠道", En: "channel", Type: Text, column: "delivery_lane.channel"},
	{Name: "step", Zh: "步骤", En: "step", Type: Text, column: "delivery.step"},
}

var ofEvent = []Property{
	{Name: "item", Zh: "对象", En: "what it was about", Type: Text, column: "item"},
	{Name: "text", Zh: "文本属性", En: "a property that is a text", Type: Text, Prefix: true},
	{Name: "number", Zh: "数值属性", En: "a property that is a number", Type: Decimal, Prefix: true},
}

// fields is the one table of what rules can ask about.
var fields = []Field{
	{Name: "name", Group: "profile", Zh: "昵称", En: "Name", Type: Text, Facts: aboutProfile, from: customerColumn("name")},
	{Name: "gender", Group: "profile", Zh: "性别", En: "Gender", Type: Choices, Choices: genders, Facts: aboutProfile, from: customerColumn("gender")},
	{Name: "city", Group: "profile", Zh: "城市", En: "City", Type: Text, Facts: aboutProfile, from: customerColumn("city")},
	{Name: "corp_name", Group: "profile", Zh: "所在企业", En: "Company", Type: Text, Facts: aboutProfile, from: customerColumn("corp_name")},
	{Name: "first_source", Group: "profile", Zh: "首次来源", En: "First source", Type: Text, Facts: aboutProfile, from: customerColumn("first_source")},
	{Name: "first_seen", Group: "profile", Zh: "首次接触时间", En: "First seen", Type: Moment, Facts: aboutProfile, from: customerColumn("first_seen_at")},
	{Name: "first_seen_day", Group: "profile", Zh: "相识纪念日", En: "Anniversary of the first contact", Type: Anniversary, Facts: aboutProfile, from: customerColumn("first_seen_at")},
	{Name: "birthday", Group: "profile", Zh: "生日", En: "Birthday", Type: Anniversary, Facts: aboutProfile, from: customerColumn("birth_md")},
	{Name: "identity", Group: "profile", Zh: "已有身份", En: "Known by", Type: Names, Facts: aboutProfile, from: setOf("identity", "identity.kind"),
		Choices: []Choice{{"external_userid", "企业微信客户", "WeCom contact"}, {"unionid", "unionid", "unionid"}, {"openid", "小程序用户", "mini-program user"},
			{"phone", "手机号", "phone number"}, {"member_number", "会员号", "member number"}}},
	{Name: "custom", About: true, Group: "profile", Zh: "自定义字段", En: "Custom field", Type: Text, Facts: aboutProfile, from: table{name: "custom_value"}},

	{Name: "tag", Group: "tag", Zh: "标签", En: "Tags", Type: Reference, Ref: model.KindTag, Facts: aboutTag, from: setOf("customer_tag", "customer_tag.tag_id")},

	{Name: "staff", Group: "relation", Zh: "跟进成员", En: "Followed by", Type: Reference, Ref: model.KindStaff, Facts: aboutRelation,
		from: setOf("relation", "relation.staff_id").with("relation.status = 'active'")},
	{Name: "department", Group: "relation", Zh: "跟进部门（含下级）", En: "Followed by a department or one below", Type: Reference, Ref: model.KindDepartment, Facts: aboutRelation,
		from: setOf("relation JOIN staff_department ON staff_department.staff_id = relation.staff_id", "staff_department.department_id").with("relation.status = 'active'")},
	{Name: "channel_code", Group: "relation", Zh: "来自渠道活码", En: "Came by channel code", Type: Reference, Ref: model.KindChannelCode, Facts: aboutRelation,
		from: setOf("relation", "relation.channel_code_id")},
	{Name: "relation.count", Group: "relation", Zh: "跟进关系数", En: "Number of relations", Type: Number, Windowed: true, Where: ofRelation, Facts: aboutRelation,
		from: rowsOf("relation", "relation.added_at", "COUNT(*)")},
	{Name: "relation.added", Group: "relation", Zh: "添加时间", En: "Added", Type: Moment, Where: ofRelation, Facts: aboutRelation,
		from: rowsOf("relation", "relation.added_at", "")},
	{Name: "relation.lost", Group: "relation", Zh: "流失时间", En: "Lost", Type: Moment, Where: ofRelation, Facts: aboutRelation,
		from: rowsOf("relation", "relation.lost_at", "").with("relation.lost_at IS NOT NULL")},

	{Name: "group", Group: "group", Zh: "所在客户群", En: "In the groups", Type: Reference, Ref: model.KindGroup, Facts: aboutGroup,
		from: setOf("group_member", "group_member.group_id").with("group_member.left_at IS NULL")},
	{Name: "group.count", Group: "group", Zh: "所在客户群数", En: "Number of groups", Type: Number, Windowed: true, Facts: aboutGroup,
		from: rowsOf("group_member", "group_member.joined_at", "COUNT(DISTINCT group_member.group_id)").with("group_member.left_at IS NULL")},
	{Name: "group.joined", Group: "group", Zh: "进群时间", En: "Joined a group", Type: Moment, Facts: aboutGroup, from: rowsOf("group_member", "group_member.joined_at", "")},
	{Name: "group.left", Group: "group", Zh: "退群时间", En: "Left a group", Type: Moment, Facts: aboutGroup,
		from: rowsOf("group_member", "group_member.left_at", "").with("group_member.left_at IS NOT NULL")},

	{Name: "order.count", Group: "order", Zh: "订单数", En: "Orders", Type: Number, Windowed: true, Where: ofOrder, Facts: aboutOrder, from: ordersOf("COUNT(*)", "COUNT(DISTINCT order_line.order_id)", "orders")},
	{Name: "order.sum", Group: "order", Zh: "消费金额（扣除退款）", En: "Spent, less refunds", Type: Money, Windowed: true, Where: ofOrder, Facts: aboutOrder,
		from: ordersOf("SUM(customer_order.paid_fen - customer_order.refunded_fen)", "SUM(order_line.paid_fen - order_line.refunded_fen)", "paid_fen - customer_trade.refunded_fen")},
	{Name: "order.refunded", Group: "order", Zh: "退款金额", En: "Refunded", Type: Money, Windowed: true, Where: ofOrder, Facts: aboutOrder,
		from: ordersOf("SUM(customer_order.refunded_fen)", "SUM(order_line.refunded_fen)", "refunded_fen")},
	{Name: "order.largest", Group: "order", Zh: "最大一单", En: "Largest order", Type: Money, Windowed: true, Where: ofOrder, Facts: aboutOrder,
		from: ordersOf("MAX(customer_order.paid_fen)", "MAX(order_line.paid_fen)", "")},
	{Name: "order.pieces", Group: "order", Zh: "购买件数", En: "Pieces bought", Type: Number, Windowed: true, Where: ofOrder, Facts: aboutOrder,
		from: ordersOf("", "SUM(order_line.quantity)", "")},
	{Name: "order.first", Group: "order", Zh: "首次购买时间", En: "First order", Type: Moment, Facts: aboutOrder, from: oneRow("customer_trade", "first_paid_at")},
	{Name: "order.last", Group: "order", Zh: "最近购买时间", En: "Last order", Type: Moment, Facts: aboutOrder, from: oneRow("customer_trade", "last_paid_at")},
	{Name: "order.product", Group: "order", Zh: "买过商品", En: "Bought the products", Type: Reference, Ref: model.KindProduct, Windowed: true, Facts: aboutOrder, from: linesOf("order_line.product_id")},
	{Name: "order.category", Group: "order", Zh: "买过分类（含下级）", En: "Bought of the categories and those below", Type: Reference, Ref: model.KindProductCategory, Windowed: true, Facts: aboutOrder, from: linesOf("order_line.category_id")},

	{Name: "coupon.batch", Group: "coupon", Zh: "持有可用券", En: "Holds usable coupons of the batches", Type: Reference, Ref: model.KindCouponBatch, Facts: aboutCoupon,
		from: setOf("coupon", "coupon.batch_id").with(usableCoupons)},
	{Name: "coupon.usable", Group: "coupon", Zh: "可用券数", En: "Usable coupons", Type: Number, Where: ofCoupon[:2], Facts: aboutCoupon,
		from: rowsOf("coupon", "", "COUNT(*)").with(usableCoupons)},
	{Name: "coupon.expires", Group: "coupon", Zh: "可用券到期时间", En: "A usable coupon expires", Type: Moment, Where: ofCoupon[:2], Facts: aboutCoupon,
		from: rowsOf("coupon", "coupon.valid_until", "").with(usableCoupons)},
	{Name: "coupon.count", Group: "coupon", Zh: "获得券数", En: "Coupons they got", Type: Number, Where: ofCoupon, Facts: aboutCoupon,
		from: rowsOf("coupon", "", "COUNT(*)").with("coupon.state <> 'review'")},
	{Name: "coupon.used", Group: "coupon", Zh: "用券数", En: "Coupons they used", Type: Number, Windowed: true, Where: ofCouponUse, Facts: aboutCoupon, from: couponUses("COUNT(*)")},
	{Name: "coupon.saved", Group: "coupon", Zh: "用券优惠金额（扣除退回）", En: "Saved by coupons, less what went back", Type: Money, Windowed: true, Where: ofCouponUse, Facts: aboutCoupon,
		from: couponUses("SUM(coupon_use_part.off_fen - coupon_use_part.returned_fen)")},

	{Name: "points.balance", Group: "club", Zh: "可用积分", En: "Points they may spend", Type: Number, Facts: aboutPoints, from: keptIn("points_account", "balance")},
	{Name: "points.expiring", Group: "club", Zh: "将到期积分", En: "Points that expire", Type: Number, Windowed: true, Facts: aboutPoints,
		from: rowsOf("points_lot", "points_lot.expires_at", "SUM(points_lot.remaining)").with("points_lot.remaining > 0 AND points_lot.expires_at IS NOT NULL")},
	{Name: "tier", Group: "club", Zh: "会员等级（第几级，0 为无）", En: "Tier, from 1; 0 is none", Type: Number, Facts: aboutTier, from: keptIn("customer_tier", "level")},
	{Name: "tier.since", Group: "club", Zh: "进入会员等级时间", En: "In the tier since", Type: Moment, Facts: aboutTier,
		from: oneRow("customer_tier", "since").with("customer_tier.level > 0")},

	{Name: "message.got", Group: "message", Zh: "收到触达次数", En: "Messages sent to them", Type: Number, Windowed: true, Where: ofMessage, Facts: aboutOpened, from: messages("accepted_at")},
	{Name: "message.opened", Group: "message", Zh: "阅读触达次数", En: "Messages read", Type: Number, Windowed: true, Where: ofMessage, Facts: aboutOpened, from: messages("read_at")},
	{Name: "message.clicked", Group: "message", Zh: "点击触达次数", En: "Messages clicked", Type: Number, Windowed: true, Where: ofMessage, Facts: aboutOpened, from: messages("clicked_at")},
	{Name: "message.converted", Group: "message", Zh: "带来转化的触达次数", En: "Messages that converted them", Type: Number, Windowed: true, Where: ofMessage, Facts: aboutOpened, from: messages("converted_at")},

	{Name: "event", About: true, Group: "event", Zh: "行为事件", En: "Event", Type: Happening, Windowed: true, Where: ofEvent, from: table{name: "event"}},

	{Name: "stage", Group: "lifecycle", Zh: "生命周期阶段", En: "Stage", Type: Choices, Facts: aboutStage, from: oneRow("customer_lifecycle", "stage")},
	{Name: "stage.since", Group: "lifecycle", Zh: "进入阶段时间", En: "In the stage since", Type: Moment, Facts: aboutStage, from: oneRow("customer_lifecycle", "stage_since")},
	{Name: "rfm.recency", Group: "lifecycle", Zh: "RFM 最近购买 R", En: "RFM recency", Type: Number, Facts: aboutStage, from: oneRow("customer_lifecycle", "recency")},
	{Name: "rfm.frequency", Group: "lifecycle", Zh: "RFM 购买频次 F", En: "RFM frequency", Type: Number, Facts: aboutStage, from: oneRow("customer_lifecycle", "frequency")},
	{Name: "rfm.monetary", Group: "lifecycle", Zh: "RFM 购买金额 M", En: "RFM monetary", Type: Number, Facts: aboutStage, from: oneRow("customer_lifecycle", "monetary")},
	{Name: "value.score", Group: "lifecycle", Zh: "价值分（0–1000）", En: "Value score, 0 to 1000", Type: Number, Facts: aboutStage, from: oneRow("customer_lifecycle", "value_score")},
	{Name: "value.grade", Group: "lifecycle", Zh: "价值等级", En: "Value grade", Type: Choices, Facts: aboutStage, from: oneRow("customer_lifecycle", "value_grade")},
	{Name: "risk.score", Group: "lifecycle", Zh: "流失风险分（0–100）", En: "Risk score, 0 to 100", Type: Number, Facts: aboutStage, from: oneRow("customer_lifecycle", "risk_score")},
	{Name: "risk.grade", Group: "lifecycle", Zh: "流失风险等级", En: "Risk grade", Type: Choices, Choices: riskGrades, Facts: aboutStage, from: oneRow("customer_lifecycle", "risk_grade")},
	{Name: "alive", Group: "lifecycle", Zh: "仍活跃的概率（基点）", En: "Probability of being a customer still, in basis points", Type: Number, Facts: aboutStage,
		from: oneRow("customer_lifecycle", "alive_bp").with("customer_lifecycle.alive_bp >= 0")},
	{Name: "expected", Group: "lifecycle", Zh: "未来 90 天预期消费", En: "Expected in the next 90 days", Type: Money, Facts: aboutStage,
		from: oneRow("customer_lifecycle", "expected_fen").with("customer_lifecycle.expected_fen >= 0")},

	{Name: "segment", Group: "other", Zh: "在人群中", En: "In the segments", Type: Reference, Ref: model.KindSegment, Facts: aboutSegment,
		from: setOf("segment_member", "segment_member.segment_id").with("segment_member.left_at IS NULL")},
	{Name: "share", About: true, Group: "other", Zh: "稳定抽样（基点）", En: "Stable share of everybody, in basis points", Type: Share, from: table{name: "customer"}},
}

// Fields lists what rules can ask about, with a line for each custom field in place of the open one.
func (s *Service) Fields(ctx context.Context) ([]Field, error) {
	words, err := s.Vocabulary(ctx)
	if err != nil {
		return nil, err
	}
	var out []Field
	for _, f := range fields {
		if f.Name != "custom" {
			out = append(out, f)
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(words.custom)) {
			l, why := words.leaf(&Condition{Field: "custom." + name})
			if why == "" {
				own := f
				own.Name, own.About, own.Zh, own.En, own.Type, own.Choices = "custom."+name, false, l.custom.Title, l.custom.Title, l.kind, l.choices
				out = append(out, own)
			}
		}
	}
	return out, nil
}

// Registry lists what rules can ask about, as it is written down here: without what this house has to choose from.
func Registry() []Field { return fields }

// fieldOf finds the entry behind a condition's field, and what it is about.
func fieldOf(name string) (f *Field, about string) {
	for i := range fields {
		if f := &fields[i]; f.About {
			if about, ok := strings.CutPrefix(name, f.Name+"."); ok && about != "" {
				return f, about
			}
		} else if f.Name == name {
			return f, ""
		}
	}
	return nil, ""
}

// property finds a filter's property. The name of a property of events goes on after a point.
func (f *Field) property(name string) *Property {
	for i := range f.Where {
		p := &f.Where[i]
		if _, ok := strings.CutPrefix(name, p.Name+"."); p.Name == name && !p.Prefix || ok && p.Prefix {
			return p
		}
	}
	return nil
}
