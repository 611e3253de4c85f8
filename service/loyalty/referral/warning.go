package referral

// Warning is something that operators read before they publish. Its code is data.
type Warning struct{ Code, Zh, En string }

// warnings is the one table of them.
var warnings = []struct {
	Warning
	applies func(p *Programme) bool
}{
	{Warning{
		"inducing_shares",
		"微信《外部链接内容管理规范》和小程序运营规范禁止以利益诱导分享、助力、集赞、集卡等行为。违规的链接会被屏蔽，域名、小程序或企业微信可能被限制功能。请勿要求客户转发到朋友圈或群，奖励只应与真实的新客户有关。",
		"WeChat's rules on external links and on mini-programs forbid to induce sharing, 助力, collecting likes or cards by benefits. Links that do are blocked; domain, mini-program or WeCom may be restricted. Don't ask customers to forward to Moments or groups; reward real new customers only.",
	}, func(p *Programme) bool { return len(p.Steps) > 0 || p.InviteeKind != "" }},
	{Warning{
		"inducing_follows",
		"以奖励要求新客户添加企业微信成员，可能被认定为诱导关注或骚扰；请让客户能够不添加成员也正常使用服务。",
		"To reward newcomers for adding a staff member may be held to be an inducement to follow; let customers use the service without it too.",
	}, func(p *Programme) bool { return p.Ask == AskRelation || p.Adding != nil }},
	{Warning{
		"no_ceiling", "没有设置任何预算上限，奖励会一直发放。", "There is no ceiling to the budget: rewards go on for ever.",
	}, func(p *Programme) bool {
		return p.Budget.LimitRewards == 0 && p.Budget.LimitPoints == 0 && p.Budget.LimitCoupons == 0 && p.Budget.LimitFen == 0
	}},
	{Warning{
		"no_cool_off", "没有冷静期，好友领完奖励立即离开也会被计入。", "There is no cool-off: friends who leave right after count.",
	}, func(p *Programme) bool { return p.CoolOffDays == 0 }},
}

// Warnings lists what an operator has to know of a programme before it is published.
func (p *Programme) Warnings() (list []Warning) {
	for _, w := range warnings {
		if w.applies(p) {
			list = append(list, w.Warning)
		}
	}
	return list
}
