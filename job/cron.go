// Package job is what runs without being asked: the one list of all periodic work, the scheduler that
// turns it into queued work, and the list of who does which kind of queued work.
package job

import (
	"context"
	"time"
)

// Job is one piece of periodic work. Its name is data: stored in rows, never renamed.
type Job struct {
	Name string
	// Schedule is a cron expression of five fields in the business zone, or "@every 30s" (aligned to
	// whole multiples, so that all replicas mean the same moments).
	Schedule string
	Zh, En   string        // what it does, for the console
	Max      time.Duration // how long one run may take
	// CatchUp: when ticks were missed, the latest of them is run late; otherwise it is only recorded.
	CatchUp bool
	// Run does it. It may be run at any moment, twice, and by any replica; what is due is a
	// condition in its queries.
	Run func(ctx context.Context) error
}

// Deps is what the periodic work calls; main fills it in. Every field is needed.
type Deps struct {
	LifecycleNightly   func(ctx context.Context) error
	PointsExpire       func(ctx context.Context) error
	PointsVerify       func(ctx context.Context) error
	DrawEnd            func(ctx context.Context) error
	TierLook           func(ctx context.Context) error
	ReferralTick       func(ctx context.Context) error
	ReferralWays       func(ctx context.Context) error
	ModerationTick     func(ctx context.Context) error
	CampaignTick       func(ctx context.Context) error
	CampaignCount      func(ctx context.Context) error
	WorkPrune          func(ctx context.Context) error
	CronWatch          func(ctx context.Context) error
	CronPrune          func(ctx context.Context) error
	SessionPrune       func(ctx context.Context) error
	InboxPrune         func(ctx context.Context) error
	EventPrune         func(ctx context.Context) error
	MediaRenew         func(ctx context.Context) error
	ChannelCodePush    func(ctx context.Context) error
	ChannelCodeOrphans func(ctx context.Context) error
	WelcomeSweep       func(ctx context.Context) error
	TagExpire          func(ctx context.Context) error
	TagVerify          func(ctx context.Context) error
	TagRuleTick        func(ctx context.Context) error
	TagRulePrune       func(ctx context.Context) error
	JourneyTick        func(ctx context.Context) error
	ActivityRead       func(ctx context.Context) error
	SyncFull           func(ctx context.Context) error
	SegmentTick        func(ctx context.Context) error
	SegmentRebuild     func(ctx context.Context) error
	SyncSchedule       string // config sync.schedule
	CallbackIPsRefresh func(ctx context.Context) error
	MergeSweep         func(ctx context.Context) error
	ConversionRenew    func(ctx context.Context) error
	CatalogReconcile   func(ctx context.Context) error
	OpenPrune          func(ctx context.Context) error
	WebhookPrune       func(ctx context.Context) error
	QualityCheck       func(ctx context.Context) error
	ValuePrune         func(ctx context.Context) error
	VisitPrune         func(ctx context.Context) error
	GovernorPrune      func(ctx context.Context) error
	ChannelPoll        func(ctx context.Context) error
	ChannelRemind      func(ctx context.Context) error
	ChannelGiveUp      func(ctx context.Context) error
	ChannelTasks       func(ctx context.Context) error
	ChannelTemplates   func(ctx context.Context) error
	ChannelKf          func(ctx context.Context) error
	ChannelPrune       func(ctx context.Context) error
	TransferPrune      func(ctx context.Context) error
	DeliveryExpire     func(ctx context.Context) error
	DeliveryFold       func(ctx context.Context) error
	DeliveryVerify     func(ctx context.Context) error
	DeliveryPrune      func(ctx context.Context) error
	KeysReseal         func(ctx context.Context) error
	CouponTick         func(ctx context.Context) error
	CouponReconcile    func(ctx context.Context) error
	CouponPrune        func(ctx context.Context) error
	CouponGivers       func(ctx context.Context) error
}

// All lists every periodic job; operators see it and can start one from the console.
func All(d Deps) []Job {
	return []Job{
		{
			Name: "sync.full", Schedule: d.SyncSchedule, Max: 6 * time.Hour, CatchUp: true, Run: d.SyncFull,
			Zh: "与企业微信全量同步成员、标签、客户和客户群", En: "synchronises staff, tags, customers and groups with the platform in full",
		}, {
			Name: "channel_code.push", Schedule: "* * * * *", Max: 5 * time.Minute, Run: d.ChannelCodePush,
			Zh: "班次变化时更新渠道活码的接待成员", En: "updates the staff of channel codes whose shift has changed",
		}, {
			Name: "channel_code.orphans", Schedule: "37 4 * * *", Max: 30 * time.Minute, CatchUp: true, Run: d.ChannelCodeOrphans,
			Zh: "清理企业微信里重复创建的联系我", En: "deletes contact ways that were made twice at the platform",
		}, {
			Name: "welcome.sweep", Schedule: "@every 10s", Max: time.Minute, Run: d.WelcomeSweep,
			Zh: "为没能及时发出的欢迎语提醒成员", En: "asks staff to say hello where a welcome could not be sent in time",
		}, {
			Name: "tag.expire", Schedule: "@every 10s", Max: 10 * time.Minute, Run: d.TagExpire,
			Zh: "去掉到期的标签", En: "takes off tags whose time has come",
		}, {
			Name: "tag.verify", Schedule: "53 4 * * *", Max: 2 * time.Hour, CatchUp: true, Run: d.TagVerify,
			Zh: "核对客户标签与打标记录", En: "holds the tags of customers against who gave them",
		}, {
			Name: "keys.reseal", Schedule: "* * * * *", Max: 30 * time.Minute, Run: d.KeysReseal,
			Zh: "密钥轮换时重新加密数据", En: "seals data anew while keys are being changed",
		}, {
			Name: "segment.tick", Schedule: "* * * * *", Max: 10 * time.Minute, Run: d.SegmentTick,
			Zh: "让只因时间推移而变化的人群成员进入或离开", En: "has customers enter and leave segments where time alone changes the answer",
		}, {
			Name: "segment.rebuild", Schedule: "47 4 * * *", Max: 10 * time.Minute, CatchUp: true, Run: d.SegmentRebuild,
			Zh: "全量重算动态人群", En: "plans a full build of every dynamic segment",
		}, {
			Name: "tag_rule.tick", Schedule: "*/5 * * * *", Max: 30 * time.Minute, Run: d.TagRuleTick,
			Zh: "时间推移使自动标签规则成立或不再成立时打标或去标", En: "tags those for whom the passing of time makes an automatic rule hold, or not",
		}, {
			Name: "tag_rule.prune", Schedule: "17 4 * * *", Max: 30 * time.Minute, Run: d.TagRulePrune,
			Zh: "清理旧的自动标签记录", En: "deletes old records of what automatic rules did",
		}, {
			Name: "journey.tick", Schedule: "* * * * *", Max: 10 * time.Minute, Run: d.JourneyTick,
			Zh: "按日期和定时让客户进入旅程，结束已走空的旅程", En: "has dates and schedules start journeys, and ends those that have run empty",
		}, {
			Name: "media.renew", Schedule: "*/10 * * * *", Max: 10 * time.Minute, CatchUp: true, Run: d.MediaRenew,
			Zh: "在到期前重新上传欢迎语素材", En: "uploads welcome media again before they expire",
		}, {
			Name: "activity.read", Schedule: "37 5 * * *", Max: 6 * time.Hour, CatchUp: true, Run: d.ActivityRead,
			Zh: "重新读取最近三天的成员联系统计和客户群统计", En: "reads again what the platform counts of staff and their groups, of the last three days",
		}, {
			Name: "channel.poll", Schedule: "* * * * *", Max: 30 * time.Minute, Run: d.ChannelPoll,
			Zh: "查询群发和朋友圈的执行结果", En: "asks what became of mass messages and moments",
		}, {
			Name: "channel.remind", Schedule: "*/5 * * * *", Max: 10 * time.Minute, Run: d.ChannelRemind,
			Zh: "提醒还没有确认群发的成员", En: "reminds staff of mass messages that they have not confirmed",
		}, {
			Name: "channel.give_up", Schedule: "*/5 * * * *", Max: 10 * time.Minute, Run: d.ChannelGiveUp,
			Zh: "收回逾期未确认的群发，改由其他成员或渠道发送", En: "takes back mass messages that were not confirmed in time, and finds another way",
		}, {
			Name: "channel.tasks", Schedule: "* * * * *", Max: 10 * time.Minute, Run: d.ChannelTasks,
			Zh: "把成员任务的结果记入触达记录", En: "tells the ledger how tasks of staff ended",
		}, {
			Name: "channel.templates", Schedule: "23 * * * *", Max: 10 * time.Minute, CatchUp: true, Run: d.ChannelTemplates,
			Zh: "同步小程序订阅消息模板", En: "mirrors the subscribe templates of mini-programs",
		}, {
			Name: "channel.kf", Schedule: "*/10 * * * *", Max: 10 * time.Minute, Run: d.ChannelKf,
			Zh: "同步微信客服账号，补读漏掉的消息", En: "mirrors customer-service accounts and reads what no callback told of",
		}, {
			Name: "channel.prune", Schedule: "27 4 * * *", Max: 30 * time.Minute, Run: d.ChannelPrune,
			Zh: "清理旧的群发额度和回执", En: "forgets quotas of past months and old receipts",
		}, {
			Name: "callback_ips.refresh", Schedule: "29 5 * * *", Max: 5 * time.Minute, CatchUp: true, Run: d.CallbackIPsRefresh,
			Zh: "更新企业微信回调服务器的地址列表", En: "refreshes the list of addresses the platform calls back from",
		}, {
			Name: "customer.merge_sweep", Schedule: "*/2 * * * *", Max: 5 * time.Minute, Run: d.MergeSweep,
			Zh: "把合并后才写到旧客户名下的数据移过来", En: "moves what was written under merged customers after they were merged",
		}, {
			Name: "customer.conversion_renew", Schedule: "17 3 * * *", Max: 30 * time.Minute, CatchUp: true, Run: d.ConversionRenew,
			Zh: "重新查询待定 ID 已到期的客户是哪位外部联系人", En: "asks anew who customers are whose pending ids have run out",
		}, {
			Name: "catalog.reconcile", Schedule: "53 2 * * *", Max: time.Hour, CatchUp: true, Run: d.CatalogReconcile,
			Zh: "为等待中的订单查找客户，校正订单行的分类", En: "finds customers of waiting orders, and corrects the categories of order lines",
		}, {
			Name: "open.prune", Schedule: "*/10 * * * *", Max: 5 * time.Minute, Run: d.OpenPrune,
			Zh: "清理开放接口的过期 nonce", En: "forgets signed requests that are too old to be repeated",
		}, {
			Name: "webhook.prune", Schedule: "47 4 * * *", Max: 30 * time.Minute, Run: d.WebhookPrune,
			Zh: "清理 30 天前的推送记录", En: "deletes records of webhooks older than 30 days",
		}, {
			Name: "points.expire", Schedule: "13 * * * *", Max: 30 * time.Minute, Run: d.PointsExpire,
			Zh: "扣除到期的积分", En: "takes points whose time is over",
		}, {
			Name: "points.verify", Schedule: "37 5 * * *", Max: time.Hour, CatchUp: true, Run: d.PointsVerify,
			Zh: "核对积分账户与流水", En: "holds the accounts of points against their entries",
		}, {
			Name: "draw.end", Schedule: "* * * * *", Max: 5 * time.Minute, Run: d.DrawEnd,
			Zh: "结束到期的抽奖并公布种子", En: "ends draws whose time is over, and publishes their seeds",
		}, {
			Name: "tier.look", Schedule: "43 0 * * *", Max: time.Hour, CatchUp: true, Run: d.TierLook,
			Zh: "会员等级到期复核", En: "looks at customers for whose tier the time is over",
		}, {
			Name: "referral.tick", Schedule: "* * * * *", Max: 10 * time.Minute, Run: d.ReferralTick,
			Zh: "计入冷静期已过的好友，发放邀请奖励", En: "counts friends whose cool-off is over, and gives rewards",
		}, {
			Name: "referral.ways", Schedule: "27 4 * * *", Max: 30 * time.Minute, CatchUp: true, Run: d.ReferralWays,
			Zh: "删除已结束邀请活动的专属二维码", En: "deletes inviters' contact ways of programmes that are over",
		}, {
			Name: "moderation.tick", Schedule: "*/10 * * * *", Max: 10 * time.Minute, Run: d.ModerationTick,
			Zh: "再次检查一天内没有审核结果的内容", En: "looks again at what customers wrote and nobody has judged within a day",
		}, {
			Name: "campaign.tick", Schedule: "* * * * *", Max: 10 * time.Minute, Run: d.CampaignTick,
			Zh: "开始到期的活动，结束已发完的活动", En: "begins campaigns that are due, and ends those whose messages have all left",
		}, {
			Name: "campaign.count", Schedule: "*/15 * * * *", Max: 5 * time.Minute, Run: d.CampaignCount,
			Zh: "统计活动的转化", En: "has the conversions of campaigns counted",
		}, {
			Name: "lifecycle.nightly", Schedule: "17 2 * * *", Max: 5 * time.Minute, CatchUp: true, Run: d.LifecycleNightly,
			Zh: "重新计算所有客户的生命周期、RFM、价值与流失风险", En: "starts the computation of everybody's stage, RFM, value and churn risk",
		}, {
			Name: "profile.quality", Schedule: "13 2 * * *", Max: 2 * time.Hour, CatchUp: true, Run: d.QualityCheck,
			Zh: "检查客户资料的重复、异常与缺失", En: "looks through customers for duplicates, impossible values and what is missing",
		}, {
			Name: "profile.value_prune", Schedule: "43 4 * * *", Max: 30 * time.Minute, Run: d.ValuePrune,
			Zh: "清理已删除的自定义字段的值", En: "deletes the values of custom fields that have ended",
		}, {
			Name: "transfer.prune", Schedule: "7 * * * *", Max: 10 * time.Minute, Run: d.TransferPrune,
			Zh: "删除过期的导入导出文件", En: "deletes files of imports and exports whose time is over",
		}, {
			Name: "delivery.expire", Schedule: "*/5 * * * *", Max: 10 * time.Minute, Run: d.DeliveryExpire,
			Zh: "结束已过期而未能发出的触达", En: "ends planned messages that have lost their sense",
		}, {
			Name: "delivery.fold", Schedule: "* * * * *", Max: 5 * time.Minute, Run: d.DeliveryFold,
			Zh: "合并触达计数", En: "folds the changes that the counts of deliveries are kept in",
		}, {
			Name: "delivery.verify", Schedule: "37 3 * * *", Max: 2 * time.Hour, CatchUp: true, Run: d.DeliveryVerify,
			Zh: "核对触达计数与明细", En: "holds the counts of deliveries against the rows",
		}, {
			Name: "delivery.prune", Schedule: "57 4 * * *", Max: time.Hour, Run: d.DeliveryPrune,
			Zh: "清理过了保留期的触达记录", En: "deletes deliveries that are older than they are kept",
		}, {
			Name: "coupon.tick", Schedule: "@every 30s", Max: 10 * time.Minute, Run: d.CouponTick,
			Zh: "释放超时预占的券、处理到期的券、提醒即将到期", En: "ends reservations and coupons whose time is over, and tells of those about to expire",
		}, {
			Name: "coupon.reconcile", Schedule: "27 3 * * *", Max: 2 * time.Hour, CatchUp: true, Run: d.CouponReconcile,
			Zh: "核对券的流水、数量与预算", En: "holds coupons, counters and budgets against the ledger",
		}, {
			Name: "coupon.givers", Schedule: "47 3 * * *", Max: 30 * time.Minute, CatchUp: true, Run: d.CouponGivers,
			Zh: "检查成员前一天发券是否异常", En: "looks whether staff gave unusually many coupons the day before",
		}, {
			Name: "coupon.prune", Schedule: "37 * * * *", Max: 30 * time.Minute, Run: d.CouponPrune,
			Zh: "清理过期的幂等键和兑换码错误记录", En: "forgets old keys of requests, and wrong codes that count no more",
		}, {
			Name: "visit.prune", Schedule: "27 * * * *", Max: 10 * time.Minute, Run: d.VisitPrune,
			Zh: "清理小程序的过期登录", En: "deletes visits of the mini-program that have ended",
		}, {
			Name: "governor.prune", Schedule: "43 4 * * *", Max: 30 * time.Minute, CatchUp: true, Run: d.GovernorPrune,
			Zh: "清理过期的触达记录和拦截统计", En: "forgets contacts that count no more and old counts of what was held back",
		}, {
			Name: "session.prune", Schedule: "7 * * * *", Max: 5 * time.Minute, Run: d.SessionPrune,
			Zh: "清理过期的登录会话", En: "deletes sessions that have ended",
		}, {
			Name: "inbox.prune", Schedule: "11 4 * * *", Max: 30 * time.Minute, Run: d.InboxPrune,
			Zh: "清理已处理的旧回调", En: "deletes old callbacks that were dealt with",
		}, {
			Name: "event.prune", Schedule: "33 3 * * *", Max: 3 * time.Hour, CatchUp: true, Run: d.EventPrune,
			Zh: "按保留期限清理行为事件", En: "forgets behaviour that is older than its retention",
		}, {
			Name: "work.prune", Schedule: "41 * * * *", Max: 30 * time.Minute, Run: d.WorkPrune,
			Zh: "清理已结束的旧任务", En: "deletes old works that have ended",
		}, {
			Name: "cron.watch", Schedule: "*/5 * * * *", Max: time.Minute, Run: d.CronWatch,
			Zh: "检查没有正常结束的定时任务", En: "finds runs of periodic jobs that did not come to an end",
		}, {
			Name: "cron.prune", Schedule: "23 4 * * *", Max: 10 * time.Minute, Run: d.CronPrune,
			Zh: "清理旧的定时任务记录", En: "deletes old records of periodic jobs",
		},
	}
}
