package journey

import (
	"context"
	"slices"

	"zhiyin/service/segment"
)

// Template is a journey to begin with. What only the business knows is left open in it: which messages, segments, tags.
type Template struct {
	Name       string // stable
	Zh, En     string
	AboutZh    string // what it does and when it fits
	AboutEn    string
	definition string
	Plan       *Definition
	Open       []Problem // what is to be filled in
}

// Templates lists the journeys that come with the product, with what is to be filled in.
func (s *Service) Templates(ctx context.Context) ([]Template, error) {
	out := slices.Clone(templates)
	for i := range out {
		d, err := s.Read(ctx, []byte(out[i].definition), segment.RowIDs)
		if err != nil {
			return nil, err
		}
		out[i].Plan, out[i].Open = d, d.check()
	}
	return out, nil
}

// templates is the one table of ready journeys.
var templates = []Template{
	{
		Name: "new_friend", Zh: "新好友培育（考察期）", En: "Nurturing a new friend",
		AboutZh: "加好友后十四天：先自我介绍，再按有没有看过商品分别跟进，首单即达成目标。", AboutEn: "Fourteen days after becoming a contact: introduction, then by interest; the first order is the goal.",
		definition: `{"trigger":{"kind":"event","with":{"event":{"kind":"customer.added"}}},"entry":{"again":"once"},"holdout":500,
			"goal":{"when":{"event":{"kind":"order.paid"}},"within":"14d"},"start":"settle","nodes":[
			{"id":"settle","title":"先不打扰","step":"wait","with":{"for":"1d"},"next":{"next":"morning"}},
			{"id":"morning","step":"wait_clock","with":{"at":"10:00"},"next":{"next":"introduce"}},
			{"id":"introduce","title":"我是谁、能帮什么","step":"message","with":{"channel":"task","expires":"2d"},"next":{"next":"look"}},
			{"id":"look","title":"看过商品吗","step":"wait_for","with":{"when":{"event":{"kind":"product.viewed"}},"timeout":"3d"},"next":{"happened":"recommend","timeout":"story"}},
			{"id":"recommend","title":"推荐合适的","step":"message","with":{"channel":"task","expires":"2d"},"next":{"next":"rest"}},
			{"id":"story","title":"讲个老客户的故事","step":"message","with":{"channel":"task","expires":"2d"},"next":{"next":"rest"}},
			{"id":"rest","step":"wait","with":{"for":"5d"},"next":{"next":"offer"}},
			{"id":"offer","title":"首单礼","step":"message","with":{"channel":"task","expires":"3d"},"next":{"next":"end"}},
			{"id":"end","step":"exit"}]}`,
	}, {
		Name: "first_week", Zh: "新客七日 SOP", En: "Seven days with a new customer",
		AboutZh: "加好友后第 1、2、4、7 天各跟进一次，由成员在侧边栏确认发送。", AboutEn: "A word on the first, second, fourth and seventh day, confirmed by staff in the sidebar.",
		definition: `{"trigger":{"kind":"event","with":{"event":{"kind":"customer.added"}}},"entry":{"again":"once"},
			"exits":[{"event":{"kind":"order.paid"}}],"start":"day1","nodes":[
			{"id":"day1","title":"第一天：问好","step":"message","with":{"channel":"task","expires":"1d"},"next":{"next":"to2"}},
			{"id":"to2","step":"wait","with":{"for":"1d"},"next":{"next":"ten2"}},
			{"id":"ten2","step":"wait_clock","with":{"at":"10:30"},"next":{"next":"day2"}},
			{"id":"day2","title":"第二天：了解需要","step":"message","with":{"channel":"task","expires":"1d"},"next":{"next":"to4"}},
			{"id":"to4","step":"wait","with":{"for":"2d"},"next":{"next":"day4"}},
			{"id":"day4","title":"第四天：给一个建议","step":"message","with":{"channel":"task","expires":"1d"},"next":{"next":"to7"}},
			{"id":"to7","step":"wait","with":{"for":"3d"},"next":{"next":"day7"}},
			{"id":"day7","title":"第七天：邀请试用或首购","step":"message","with":{"channel":"task","expires":"2d"},"next":{"next":"end"}},
			{"id":"end","step":"exit"}]}`,
	}, {
		Name: "first_purchase", Zh: "促成首购", En: "Towards the first purchase",
		AboutZh: "加了购物车没买：两小时后提醒，三天后再看一次。", AboutEn: "Something was put into the cart and not bought: a reminder after two hours, another look after three days.",
		definition: `{"trigger":{"kind":"event","with":{"event":{"kind":"cart.added"}}},"entry":{"again":"after_days","days":14},"holdout":500,
			"goal":{"when":{"event":{"kind":"order.paid"}},"within":"7d"},"start":"who","nodes":[
			{"id":"who","title":"买过吗","step":"split","with":{"branches":[{"name":"bought","rule":{"field":"order.count","op":"at_least","values":[1]}}]},"next":{"bought":"end","otherwise":"bide"}},
			{"id":"bide","step":"wait","with":{"for":"2h"},"next":{"next":"remind"}},
			{"id":"remind","title":"购物车里还有东西","step":"message","with":{"channel":"inbox","expires":"1d"},"next":{"next":"rest"}},
			{"id":"rest","step":"wait","with":{"for":"3d"},"next":{"next":"help"}},
			{"id":"help","title":"有什么顾虑吗","step":"message","with":{"channel":"task","expires":"2d"},"next":{"next":"end"}},
			{"id":"end","step":"exit"}]}`,
	}, {
		Name: "repurchase", Zh: "复购提醒", En: "Buying again",
		AboutZh: "付款后二十五天未再次购买的，提醒一次；再次购买即达成目标。", AboutEn: "Whoever has not bought again after twenty-five days is reminded once.",
		definition: `{"trigger":{"kind":"event","with":{"event":{"kind":"order.paid"}}},"entry":{"again":"after_exit"},"holdout":1000,
			"goal":{"when":{"event":{"kind":"order.paid"}},"within":"45d"},"start":"use","nodes":[
			{"id":"use","title":"用得怎么样","step":"wait","with":{"for":"7d"},"next":{"next":"care"}},
			{"id":"care","title":"使用回访","step":"message","with":{"channel":"task","expires":"3d"},"next":{"next":"cycle"}},
			{"id":"cycle","step":"wait","with":{"for":"18d"},"next":{"next":"clock"}},
			{"id":"clock","step":"wait_clock","with":{"at":"19:30"},"next":{"next":"remind"}},
			{"id":"remind","title":"该补货了","step":"message","with":{"channel":"inbox","expires":"3d"},"next":{"next":"end"}},
			{"id":"end","step":"exit"}]}`,
	}, {
		Name: "birthday", Zh: "生日关怀", En: "Birthday",
		AboutZh: "生日前三天提醒成员准备，当天上午祝福。", AboutEn: "Staff is told three days before; the wishes go out in the morning of the day.",
		definition: `{"trigger":{"kind":"date","with":{"of":"birthday","before":3,"at":"09:00"}},"entry":{"again":"after_days","days":300},"start":"prepare","nodes":[
			{"id":"prepare","title":"准备祝福","step":"task","with":{"title":"三天后是客户生日，想想送什么祝福","due":"3d"},"next":{"next":"bide"}},
			{"id":"bide","step":"wait","with":{"for":"3d"},"next":{"next":"wish"}},
			{"id":"wish","title":"生日快乐","step":"message","with":{"channel":"task","expires":"12h"},"next":{"next":"end"}},
			{"id":"end","step":"exit"}]}`,
	}, {
		Name: "silence", Zh: "沉默唤醒", En: "Waking who went silent",
		AboutZh: "进入「沉默」人群的客户：先发一条有用的内容，没反应再由成员联系。", AboutEn: "Those who come into a segment of the silent: something useful first, then a person.",
		definition: `{"trigger":{"kind":"segment_entered","with":{"whom":"both"}},"entry":{"again":"after_days","days":60,"most_a_day":2000},"holdout":1000,
			"goal":{"when":{"event":{"kind":"page.viewed"}},"within":"14d"},"start":"clock","nodes":[
			{"id":"clock","step":"wait_clock","with":{"at":"12:15"},"next":{"next":"useful"}},
			{"id":"useful","title":"一条有用的内容","step":"message","with":{"channel":"inbox","expires":"2d"},"next":{"next":"back"}},
			{"id":"back","title":"回来看看了吗","step":"wait_for","with":{"when":{"event":{"kind":"page.viewed"}},"timeout":"5d"},"next":{"happened":"end","timeout":"person"}},
			{"id":"person","title":"成员问候","step":"message","with":{"channel":"task","expires":"3d"},"next":{"next":"end"}},
			{"id":"end","step":"exit"}]}`,
	}, {
		Name: "at_risk", Zh: "流失挽回", En: "Winning back who is at risk",
		AboutZh: "生命周期变为「流失风险」时，三天内由熟悉的成员主动关怀；高价值客户先打电话。", AboutEn: "When the stage turns to at risk, the member who knows them gets in touch; those of high value are called.",
		definition: `{"trigger":{"kind":"event","with":{"event":{"kind":"customer.stage_changed","where":[{"property":"to","op":"is","value":"at_risk"}]}}},
			"entry":{"again":"after_days","days":90},"holdout":1000,"goal":{"when":{"event":{"kind":"order.paid"}},"within":"30d"},"start":"worth","nodes":[
			{"id":"worth","title":"价值高吗","step":"split","with":{"branches":[{"name":"high","rule":{"field":"value.score","op":"at_least","values":[700]}}]},"next":{"high":"call","otherwise":"clock"}},
			{"id":"call","title":"打个电话","step":"task","with":{"title":"老客户可能要流失，请电话关怀，了解近况与不满","due":"3d"},"next":{"next":"rest"}},
			{"id":"clock","step":"wait_clock","with":{"at":"10:00","weekdays":[2,3,4]},"next":{"next":"care"}},
			{"id":"care","title":"关怀","step":"message","with":{"channel":"task","expires":"3d"},"next":{"next":"rest"}},
			{"id":"rest","step":"wait","with":{"for":"7d"},"next":{"next":"benefit"}},
			{"id":"benefit","title":"老客户专属权益","step":"message","with":{"channel":"inbox","expires":"5d"},"next":{"next":"end"}},
			{"id":"end","step":"exit"}]}`,
	}, {
		Name: "coupon_expiry", Zh: "优惠券到期提醒", En: "A coupon is about to expire",
		AboutZh: "按券批次设的「到期前几天提醒」提醒每张券，两天后没用的再提醒一次（批次设三天时是最后一天）。用掉、转赠、作废、延期的不再提醒。", AboutEn: "Of each coupon, as many days before its end as its batch says, and once more two days later: on the last day where the batch says three. Not of those that are used, given away, void or good for longer.",
		definition: `{"trigger":{"kind":"event","with":{"event":{"kind":"coupon.expiring"}}},"entry":{"again":"after_exit","key":"coupon_id"},
			"goal":{"when":{"event":{"kind":"coupon.redeemed","key":"coupon_id"}},"within":"4d"},
			"exits":[{"event":{"kind":"coupon.expired","key":"coupon_id"}},{"event":{"kind":"coupon.voided","key":"coupon_id"}},{"event":{"kind":"coupon.given","key":"coupon_id"}},
			{"event":{"kind":"coupon.gift_opened","key":"coupon_id"}},{"event":{"kind":"coupon.extended","key":"coupon_id"}}],"start":"morning","nodes":[
			{"id":"morning","step":"wait_clock","with":{"at":"10:00"},"next":{"next":"first"}},
			{"id":"first","title":"快到期了","step":"message","with":{"channel":"inbox","expires":"1d"},"next":{"next":"bide"}},
			{"id":"bide","step":"wait","with":{"for":"2d"},"next":{"next":"last"}},
			{"id":"last","title":"最后一天","step":"message","with":{"channel":"inbox","expires":"12h"},"next":{"next":"end"}},
			{"id":"end","step":"exit"}]}`,
	}, {
		Name: "group_to_purchase", Zh: "入群到首购", En: "From the group to a purchase",
		AboutZh: "进群三天内介绍群里的好处，一周内没有下单的由成员跟进。", AboutEn: "What the group is good for within three days; who has not ordered within a week hears from staff.",
		definition: `{"trigger":{"kind":"event","with":{"event":{"kind":"group.joined"}}},"entry":{"again":"once"},
			"goal":{"when":{"event":{"kind":"order.paid"}},"within":"14d"},"exits":[{"event":{"kind":"group.left"}}],"start":"evening","nodes":[
			{"id":"evening","step":"wait_clock","with":{"at":"20:00"},"next":{"next":"welcome"}},
			{"id":"welcome","title":"群里有什么","step":"message","with":{"channel":"inbox","expires":"1d"},"next":{"next":"rest"}},
			{"id":"rest","step":"wait","with":{"for":"6d"},"next":{"next":"bought"}},
			{"id":"bought","title":"下过单吗","step":"split","with":{"branches":[{"name":"yes","rule":{"field":"order.count","op":"at_least","values":[1]}}]},"next":{"yes":"end","otherwise":"follow"}},
			{"id":"follow","title":"成员跟进","step":"message","with":{"channel":"task","expires":"3d"},"next":{"next":"end"}},
			{"id":"end","step":"exit"}]}`,
	}, {
		Name: "vip_care", Zh: "VIP 关怀（稳定期）", En: "Caring for the best",
		AboutZh: "成为忠诚客户后，每月由专人问候一次，直到离开忠诚阶段。", AboutEn: "Those who became loyal hear from their own contact once a month, until they are loyal no more.",
		definition: `{"trigger":{"kind":"event","with":{"event":{"kind":"customer.stage_changed","where":[{"property":"to","op":"is","value":"loyal"}]}}},
			"entry":{"again":"after_exit"},"exits":[{"event":{"kind":"customer.stage_changed","where":[{"property":"from","op":"is","value":"loyal"}]}}],"start":"thanks","nodes":[
			{"id":"thanks","title":"专属感谢","step":"message","with":{"channel":"task","expires":"3d"},"next":{"next":"month"}},
			{"id":"month","step":"wait","with":{"for":"30d"},"next":{"next":"clock"}},
			{"id":"clock","step":"wait_clock","with":{"at":"15:00","weekdays":[3]},"next":{"next":"care"}},
			{"id":"care","title":"每月问候","step":"task","with":{"title":"VIP 每月问候","due":"2d"},"next":{"next":"month"}}]}`,
	},
}
