package event

import "slices"

// Kind describes a kind of event: what it says, what is counted, how long it is kept.
type Kind struct {
	Name   string // stored in rows, never renamed
	Zh, En string
	Class  Class
	// Tracked: clients may send it; what is not tracked is recorded by this house alone.
	Tracked bool
	// Custom: operators defined it and may change it.
	Custom bool
	// Properties are what an event of this kind may say. Of an internal fact only those are listed
	// that people may ask about.
	Properties []Property
	// Item and Value name the properties that an event's Item and Value are taken from; empty: none.
	// Both are counted per day: how often, and the sum of the values.
	Item, Value string
	// Version rises with every change of a custom kind.
	Version int64
}

// Property is something that an event may say.
type Property struct {
	Name     string       `json:"name"`
	Zh       string       `json:"zh"`
	En       string       `json:"en"`
	Type     PropertyType `json:"type"`
	Required bool         `json:"required,omitempty"`
}

// PropertyType says what values a property takes. Names are data.
type PropertyType string

// The types of properties.
const (
	Text    PropertyType = "text"    // up to 512 characters, without control characters
	Integer PropertyType = "integer" // within ±2⁵³, which every client can write
	Number  PropertyType = "number"
	Boolean PropertyType = "boolean"
	Time    PropertyType = "time"  // RFC 3339
	Money   PropertyType = "money" // whole fen
	RowID   PropertyType = "id"    // a row of ours; internal facts only
)

// Property finds a property by its name.
func (k *Kind) Property(name string) (Property, bool) {
	i := slices.IndexFunc(k.Properties, func(p Property) bool { return p.Name == name })
	if i < 0 {
		return Property{}, false
	}
	return k.Properties[i], true
}

// The kinds that clients may track without anybody defining them. Names are data.
const (
	KindPageViewed     = "page.viewed"
	KindElementClicked = "element.clicked"
	KindProductViewed  = "product.viewed"
	KindCartAdded      = "cart.added"
	KindShared         = "content.shared"
	KindSearched       = "search.made"
)

var (
	staffProperty   = Property{Name: "staff_id", Zh: "成员", En: "Staff member", Type: RowID}
	channelProperty = Property{Name: "channel_code_id", Zh: "渠道活码", En: "Channel code", Type: RowID}
	stateProperty   = Property{Name: "state", Zh: "渠道参数", En: "State", Type: Text}
	segmentProperty = Property{Name: "segment_id", Zh: "人群", En: "Segment", Type: RowID}
	groupProperty   = Property{Name: "group_id", Zh: "客户群", En: "Group", Type: RowID}
	journeyProperty = Property{Name: "journey_id", Zh: "旅程", En: "Journey", Type: RowID}
	dwellProperty   = Property{Name: "dwell_ms", Zh: "停留毫秒数", En: "Dwell time in ms", Type: Integer}
	pageProperty    = Property{Name: "page", Zh: "页面", En: "Page", Type: Text}
	productProperty = Property{Name: "product", Zh: "商品编号", En: "Product number", Type: Text, Required: true}
	titleProperty   = Property{Name: "title", Zh: "标题", En: "Title", Type: Text}
)

// messageProperties are what all facts about messages say.
var messageProperties = []Property{
	{Name: "origin", Zh: "来源", En: "Origin", Type: Text}, {Name: "origin_id", Zh: "来源编号", En: "Origin's row", Type: RowID},
	{Name: "step", Zh: "步骤", En: "Step", Type: Text}, {Name: "channel", Zh: "渠道", En: "Channel", Type: Text},
}

// orderProperties are what all facts about orders say.
var orderProperties = []Property{
	{Name: "number", Zh: "订单号", En: "Order number", Type: Text}, {Name: "shop", Zh: "店铺", En: "Shop", Type: Text},
	{Name: "amount_fen", Zh: "金额", En: "Amount", Type: Money},
}

// couponProperties are what all facts about coupons say.
var couponProperties = []Property{
	{Name: "coupon_id", Zh: "券", En: "Coupon", Type: RowID}, {Name: "batch_id", Zh: "券批次", En: "Coupon batch", Type: RowID}, {Name: "way", Zh: "领取方式", En: "Way of getting it", Type: Text},
	channelProperty, staffProperty,
}

// couponUseProperties are what facts about the use of coupons say.
var couponUseProperties = append(slices.Clone(couponProperties),
	Property{Name: "order", Zh: "订单号", En: "Order number", Type: Text}, Property{Name: "shop", Zh: "店铺", En: "Shop", Type: Text},
	Property{Name: "off_fen", Zh: "优惠金额", En: "Saved", Type: Money})

var referralProperty = Property{Name: "referral_id", Zh: "邀请活动", En: "Referral", Type: RowID}

// referralProperties are what facts about invitations say.
var referralProperties = []Property{
	referralProperty, {Name: "inviter_id", Zh: "邀请人", En: "Inviter", Type: RowID}, {Name: "invitee_id", Zh: "被邀请人", En: "Invitee", Type: RowID},
}

// builtIn is the one table of the kinds that come with the product. Custom kinds are rows.
var builtIn = []Kind{
	{
		Name: KindPageViewed, Zh: "浏览页面", En: "Viewed a page", Class: ClassBehaviour, Tracked: true, Item: "page", Value: "dwell_ms",
		Properties: []Property{required(pageProperty), titleProperty, dwellProperty, {Name: "referrer", Zh: "来源页面", En: "Referrer", Type: Text}, {Name: "scene", Zh: "场景值", En: "Scene", Type: Integer}},
	}, {
		Name: KindElementClicked, Zh: "点击", En: "Clicked", Class: ClassBehaviour, Tracked: true, Item: "element",
		Properties: []Property{{Name: "element", Zh: "元素", En: "Element", Type: Text, Required: true}, pageProperty},
	}, {
		Name: KindProductViewed, Zh: "浏览商品", En: "Viewed a product", Class: ClassBehaviour, Tracked: true, Item: "product", Value: "dwell_ms",
		Properties: []Property{productProperty, titleProperty, dwellProperty, {Name: "category", Zh: "类目", En: "Category", Type: Text}, {Name: "price", Zh: "价格", En: "Price", Type: Money}},
	}, {
		Name: KindCartAdded, Zh: "加入购物车", En: "Added to the cart", Class: ClassBehaviour, Tracked: true, Item: "product", Value: "amount",
		Properties: []Property{productProperty, {Name: "quantity", Zh: "数量", En: "Quantity", Type: Integer}, {Name: "amount", Zh: "金额", En: "Amount", Type: Money}},
	}, {
		Name: KindShared, Zh: "分享", En: "Shared", Class: ClassBehaviour, Tracked: true, Item: "target",
		Properties: []Property{{Name: "target", Zh: "分享的内容", En: "What was shared", Type: Text, Required: true}, {Name: "to", Zh: "分享到", En: "Shared to", Type: Text}, titleProperty},
	}, {
		Name: KindSearched, Zh: "搜索", En: "Searched", Class: ClassBehaviour, Tracked: true, Item: "keyword",
		Properties: []Property{{Name: "keyword", Zh: "关键词", En: "Keyword", Type: Text, Required: true}, {Name: "results", Zh: "结果数", En: "Results", Type: Integer}},
	}, {
		Name: KindCustomerAdded, Zh: "添加客户", En: "Became a contact", Class: ClassRelation, Item: "channel_code_id",
		Properties: []Property{staffProperty, {Name: "add_way", Zh: "添加方式", En: "Way of adding", Type: Integer}, stateProperty, channelProperty},
	}, {
		Name: KindCustomerHalfAdded, Zh: "客户申请添加", En: "Asked to become a contact", Class: ClassRelation, Item: "channel_code_id",
		Properties: []Property{staffProperty, stateProperty, channelProperty},
	}, {
		Name: KindCustomerDeletedByStaff, Zh: "成员删除客户", En: "Removed by the staff member", Class: ClassRelation,
		Properties: []Property{staffProperty, {Name: "by_transfer", Zh: "因转接", En: "By a transfer", Type: Boolean}},
	}, {
		Name: KindCustomerLeft, Zh: "客户删除成员", En: "Left the staff member", Class: ClassRelation,
		Properties: []Property{staffProperty},
	}, {
		Name: KindTagChanged, Zh: "标签变化", En: "Tags changed", Class: ClassRelation,
		Properties: []Property{staffProperty},
	}, {
		Name: KindSamePersonFound, Zh: "发现疑似同一人", En: "May be the same person", Class: ClassRelation,
	}, {
		Name: KindCustomerIdentified, Zh: "识别身份", En: "Recognised by one more identity", Class: ClassRelation,
		Properties: []Property{{Name: "identity", Zh: "身份种类", En: "Kind of identity", Type: Text}, {Name: "confidence", Zh: "可信度", En: "Confidence", Type: Integer}},
	}, {
		Name: KindCustomerImported, Zh: "导入", En: "Imported", Class: ClassRelation, Item: "import_id",
		Properties: []Property{staffProperty, {Name: "import_id", Zh: "导入批次", En: "Import", Type: RowID}},
	}, {
		Name: KindCustomerMerged, Zh: "客户合并", En: "Merged with another customer", Class: ClassRelation,
		Properties: []Property{{Name: "reason", Zh: "原因", En: "Reason", Type: Text}},
	}, {
		Name: KindCustomerSplit, Zh: "撤销合并", En: "A merge was undone", Class: ClassRelation,
	}, {
		Name: KindStageChanged, Zh: "生命周期阶段变化", En: "Went to another stage", Class: ClassRelation, Item: "to",
		Properties: []Property{{Name: "from", Zh: "原阶段", En: "From", Type: Text}, {Name: "to", Zh: "新阶段", En: "To", Type: Text}},
	}, {
		Name: KindGroupJoined, Zh: "加入客户群", En: "Joined a group", Class: ClassRelation, Item: "group_id",
		Properties: []Property{groupProperty, {Name: "join_scene", Zh: "入群方式", En: "Way of joining", Type: Integer}, stateProperty},
	}, {
		Name: KindGroupLeft, Zh: "退出客户群", En: "Left a group", Class: ClassRelation, Item: "group_id",
		Properties: []Property{groupProperty, {Name: "quit_scene", Zh: "退群方式", En: "Way of leaving", Type: Integer}},
	},
	{
		Name: KindMessageRead, Zh: "阅读消息", En: "Read a message", Class: ClassBehaviour, Item: "origin", Properties: messageProperties,
	}, {
		Name: KindMessageClicked, Zh: "点击消息", En: "Clicked in a message", Class: ClassBehaviour, Item: "origin", Properties: messageProperties,
	}, {
		Name: KindMessageConverted, Zh: "消息带来转化", En: "Did what a message was for", Class: ClassBehaviour, Item: "origin", Properties: messageProperties,
	}, {
		Name: KindMessageFailed, Zh: "消息发送失败", En: "A message could not be sent", Class: ClassBehaviour, Item: "origin",
		Properties: append(slices.Clone(messageProperties), Property{Name: "class", Zh: "失败类别", En: "Class of failure", Type: Text}),
	}, {
		Name: KindConsentChanged, Zh: "同意或撤回", En: "Consented or withdrew", Class: ClassRecord, Item: "purpose",
		Properties: []Property{{Name: "purpose", Zh: "用途", En: "Purpose", Type: Text}, {Name: "given", Zh: "同意", En: "Given", Type: Boolean}, {Name: "version", Zh: "告知书版本", En: "Version of the notice", Type: Integer}},
	}, {
		Name: KindContactChosen, Zh: "选择接收方式", En: "Chose how to be contacted", Class: ClassRecord, Item: "channel",
		Properties: []Property{{Name: "channel", Zh: "渠道", En: "Channel", Type: Text}, {Name: "choice", Zh: "选择", En: "Choice", Type: Text}},
	}, {
		Name: KindPrivacyRequested, Zh: "提出个人信息请求", En: "Asked about their data", Class: ClassRecord, Item: "kind",
		Properties: []Property{{Name: "kind", Zh: "请求", En: "Request", Type: Text}},
	}, {
		Name: KindNoted, Zh: "成员写备注", En: "A note was written", Class: ClassRelation, Properties: []Property{staffProperty},
	}, {
		Name: KindProfileChanged, Zh: "资料变化", En: "The profile changed", Class: ClassRelation, Properties: []Property{staffProperty},
	}, {
		Name: KindProfileCompleted, Zh: "资料完善", En: "The profile became complete", Class: ClassRelation, Properties: []Property{staffProperty},
	}, {
		Name: KindSegmentEntered, Zh: "进入人群", En: "Entered a segment", Class: ClassRelation, Item: "segment_id",
		Properties: []Property{segmentProperty, {Name: "stay", Zh: "第几次", En: "Which stay", Type: Integer}},
	}, {
		Name: KindSegmentLeft, Zh: "离开人群", En: "Left a segment", Class: ClassRelation, Item: "segment_id",
		Properties: []Property{segmentProperty, {Name: "stay", Zh: "第几次", En: "Which stay", Type: Integer}},
	},
	{
		Name: KindJourneyEntered, Zh: "进入旅程", En: "Entered a journey", Class: ClassRelation, Item: "journey_id",
		Properties: []Property{journeyProperty, {Name: "held", Zh: "对照组", En: "In the hold-out", Type: Boolean}},
	}, {
		Name: KindJourneyExited, Zh: "离开旅程", En: "Left a journey", Class: ClassRelation, Item: "journey_id",
		Properties: []Property{journeyProperty, {Name: "reason", Zh: "原因", En: "Reason", Type: Text}},
	}, {
		Name: KindJourneyGoal, Zh: "达成旅程目标", En: "Reached a journey's goal", Class: ClassRelation, Item: "journey_id",
		Properties: []Property{journeyProperty, {Name: "held", Zh: "对照组", En: "In the hold-out", Type: Boolean}},
	}, {
		Name: KindJourneyCalled, Zh: "旅程通知", En: "A journey told other systems", Class: ClassRelation, Item: "journey_id",
		Properties: []Property{journeyProperty, {Name: "label", Zh: "标识", En: "Label", Type: Text}},
	},
	{Name: KindOrderPlaced, Zh: "下单", En: "Placed an order", Class: ClassTrade, Item: "shop", Value: "amount_fen", Properties: orderProperties},
	{Name: KindOrderPaid, Zh: "支付订单", En: "Paid an order", Class: ClassTrade, Item: "shop", Value: "amount_fen", Properties: orderProperties},
	{Name: KindOrderCompleted, Zh: "订单完成", En: "An order was completed", Class: ClassTrade, Item: "shop", Value: "amount_fen", Properties: orderProperties},
	{Name: KindOrderCancelled, Zh: "订单取消", En: "An order was cancelled", Class: ClassTrade, Item: "shop", Value: "amount_fen", Properties: orderProperties},
	{Name: KindTierChanged, Zh: "会员等级变化", En: "Went to another tier", Class: ClassTrade, Item: "to", Properties: []Property{{Name: "from", Zh: "原等级", En: "From", Type: Integer}, {Name: "to", Zh: "新等级", En: "To", Type: Integer}}},
	{Name: KindPointsChanged, Zh: "积分变动", En: "Points changed", Class: ClassTrade, Value: "change", Properties: []Property{
		{Name: "change", Zh: "变动", En: "Change", Type: Integer}, {Name: "balance", Zh: "变动后余额", En: "Balance after it", Type: Integer},
	}},
	{Name: KindRefundAsked, Zh: "申请退款", En: "Asked for money back", Class: ClassTrade, Item: "shop", Value: "amount_fen", Properties: orderProperties},
	{Name: KindRefundRefused, Zh: "退款被拒", En: "Was refused money back", Class: ClassTrade, Item: "shop", Value: "amount_fen", Properties: orderProperties},
	{Name: KindOrderRefunded, Zh: "退款", En: "Got money back", Class: ClassTrade, Item: "shop", Value: "amount_fen", Properties: orderProperties},
	{Name: KindCouponIssued, Zh: "领券", En: "Got a coupon", Class: ClassTrade, Item: "batch_id", Properties: couponProperties},
	{Name: KindCouponRedeemed, Zh: "用券", En: "Used a coupon", Class: ClassTrade, Item: "batch_id", Value: "off_fen", Properties: couponUseProperties},
	{Name: KindCouponRolledBack, Zh: "退券", En: "A coupon was taken back from an order", Class: ClassTrade, Item: "batch_id", Value: "off_fen", Properties: couponUseProperties},
	{Name: KindCouponExpiring, Zh: "券即将过期", En: "A coupon is about to expire", Class: ClassTrade, Item: "batch_id", Properties: couponProperties},
	{Name: KindCouponExpired, Zh: "券过期", En: "A coupon expired", Class: ClassTrade, Item: "batch_id", Properties: couponProperties},
	{Name: KindReferralTouched, Zh: "接受邀请", En: "Came by an invitation", Class: ClassRelation, Item: "referral_id", Properties: referralProperties},
	{Name: KindReferralJoined, Zh: "受邀成功", En: "Joined by an invitation", Class: ClassRelation, Item: "referral_id", Properties: referralProperties},
	{Name: KindReferralCounted, Zh: "邀请的好友有效", En: "A friend who was invited counts", Class: ClassRelation, Item: "referral_id", Properties: referralProperties},
	{Name: KindReferralLeft, Zh: "邀请的好友流失", En: "A friend who was invited left", Class: ClassRelation, Item: "referral_id", Properties: referralProperties},
	{
		Name: KindReferralRewarded, Zh: "获得邀请奖励", En: "Got a reward of an invitation", Class: ClassRelation, Item: "referral_id",
		Properties: []Property{referralProperty, {Name: "role", Zh: "身份", En: "Role", Type: Text}, {Name: "friends", Zh: "好友数", En: "Friends", Type: Integer}, {Name: "kind", Zh: "奖励种类", En: "Kind of reward", Type: Text}},
	},
	{Name: KindCouponVoided, Zh: "券作废", En: "A coupon was voided", Class: ClassTrade, Item: "batch_id", Properties: couponProperties},
	{Name: KindCouponExtended, Zh: "券延期", En: "A coupon is good for longer", Class: ClassTrade, Item: "batch_id", Properties: couponProperties},
	{Name: KindCouponGiven, Zh: "券转出", En: "Gave a coupon away", Class: ClassTrade, Item: "batch_id", Properties: couponProperties},
	{Name: KindCouponReceived, Zh: "券转入", En: "Received somebody's coupon", Class: ClassTrade, Item: "batch_id", Properties: couponProperties},
	{Name: KindGiftOpened, Zh: "转赠券", En: "Offered a coupon to somebody", Class: ClassTrade, Item: "batch_id", Properties: couponProperties},
	{Name: KindGiftReturned, Zh: "转赠退回", En: "A coupon that nobody took came back", Class: ClassTrade, Item: "batch_id", Properties: append(slices.Clone(couponProperties),
		Property{Name: "why", Zh: "原因", En: "Why", Type: Text})},
}

func required(p Property) Property {
	p.Required = true
	return p
}

// builtInKinds finds a kind of the table by its name.
var builtInKinds = func() map[string]*Kind {
	m := make(map[string]*Kind, len(builtIn))
	for i := range builtIn {
		m[builtIn[i].Name] = &builtIn[i]
	}
	return m
}()

// BuiltIn lists the kinds that come with the product.
func BuiltIn() []Kind { return slices.Clone(builtIn) }

// Class says how long events of a kind are kept. Names are data.
type Class string

// The classes of retention.
const (
	ClassBehaviour Class = "behaviour" // what people did in the mini-program
	ClassRelation  Class = "relation"  // contacts, tags, groups
	ClassTrade     Class = "trade"     // orders and refunds, which law wants kept
	ClassRecord    Class = "record"    // decisions and consents that must be proved later
)

// classes is the one table of classes, with what the console shows.
var classes = []struct {
	Class  Class
	Zh, En string
}{
	{ClassBehaviour, "行为", "Behaviour"},
	{ClassRelation, "关系", "Relations"},
	{ClassTrade, "交易", "Trade"},
	{ClassRecord, "凭证", "Records"},
}

func knownClass(c Class) bool {
	for _, k := range classes {
		if k.Class == c {
			return true
		}
	}
	return false
}
