package staff

import "slices"

// Scope says whose customers a role sees.
type Scope int

// The data scopes, from the narrowest.
const (
	ScopeOwn         Scope = iota // those one follows
	ScopeDepartments              // and those followed in departments one leads, and below them
	ScopeAll
)

// Role is a set of permissions and a data scope. Its name is data: never rename one.
type Role struct {
	Name        string
	Zh, En      string
	Scope       Scope
	Permissions []string
}

// The names of roles.
const (
	RoleAdmin    = "admin"
	RoleOperator = "operator"
	RoleManager  = "manager"
	RoleSales    = "sales"
	RoleService  = "service"
	RoleAuditor  = "auditor"
)

var (
	reading = []string{
		"customer.read", "tag.read", "segment.read", "channel_code.read", "group.read", "sync.read", "work.read", "inbox.read",
		"cron.read", "account.read", "staff.read", "task.read", "product.read", "order.read", "api_key.read", "webhook.read", "tag_rule.read",
		"lifecycle.read", "loyalty.read", "import.read", "export.read", "journey.read", "merge.read", "coupon.read", "campaign.read", "draw.read", "referral.read", "moderation.read",
		"event.read",
		"field.read", "quality.read", "privacy.read",
		"delivery.read",
		"message.read", "governor.read",
	}
	operating = []string{
		"customer.write", "tag.write", "segment.write", "channel_code.write", "welcome.write", "sync.run", "work.replay", "inbox.content", "cron.run", "task.write",
		"tag.batch", "tag_rule.write", "journey.write", "lifecycle.write", "loyalty.write", "points.adjust", "import.write", "export.write", "export.approve", "merge.write", "coupon.write", "coupon.issue", "coupon.approve", "coupon.give", "campaign.write", "campaign.approve", "draw.write", "referral.write", "moderation.write",
		"event.write",
		"field.write", "customer.sensitive", "customer.reveal",
		"delivery.write",
		"message.write", "governor.write",
	}
	administering = []string{"account.write", "staff.write", "api_key.write", "webhook.write", "privacy.write"}
	auditing      = []string{"reveal.read"} // who was shown what is masked: not for those who run the business
	serving       = []string{"customer.read", "customer.write", "tag.read", "task.read", "task.write", "product.read", "order.read", "coupon.give", "field.read", "customer.reveal"}
)

// roles is the one table of who may do what.
var roles = []Role{
	{RoleAdmin, "管理员", "Administrator", ScopeAll, slices.Concat(reading, operating, administering, auditing)},
	{RoleOperator, "运营", "Operator", ScopeAll, slices.Concat(reading, operating)},
	{RoleManager, "主管", "Manager", ScopeDepartments, slices.Concat(serving, []string{"channel_code.read", "group.read", "staff.read", "tag.batch"})},
	{RoleSales, "销售", "Sales", ScopeOwn, serving},
	{RoleService, "客服", "Customer service", ScopeOwn, serving},
	{RoleAuditor, "审计", "Auditor", ScopeAll, slices.Concat(reading, auditing)},
}

// Roles lists all roles, from the most powerful.
func Roles() []Role { return slices.Clone(roles) }

// Permissions lists every permission there is: those of the administrator.
func Permissions() []string { return slices.Clone(roles[0].Permissions) }

// roleOf finds a role; a name that this version doesn't know gives nothing.
func roleOf(name string) (Role, bool) {
	i := slices.IndexFunc(roles, func(r Role) bool { return r.Name == name })
	if i < 0 {
		return Role{}, false
	}
	return roles[i], true
}
