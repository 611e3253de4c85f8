package privacy

import "slices"

// Purpose is what customers' data is used for. Its name is data: never rename one.
type Purpose struct {
	Name   string
	Zh, En string
	// Collects: data is taken from the customer for it, so there must be a yes before. For the others a
	// customer who has said nothing is taken to agree, unless the notice in effect asks for an explicit
	// yes; refusing takes one step in either case.
	Collects bool
}

// The names of purposes.
const (
	Profile   = "profile"
	Phone     = "phone"
	Behaviour = "behaviour"
	Marketing = "marketing"
	Targeting = "targeting"
)

// purposes is the one table of what data is used for beyond what the customer themselves asked for:
// carrying out an order or an answer to a question needs no consent.
var purposes = []Purpose{
	{Name: Profile, Zh: "完善会员资料", En: "keeping your profile", Collects: true},
	{Name: Phone, Zh: "绑定手机号", En: "keeping your phone number", Collects: true},
	{Name: Behaviour, Zh: "记录小程序内的浏览行为", En: "recording what you look at in the mini-program", Collects: true},
	{Name: Marketing, Zh: "发送营销消息", En: "sending you marketing messages"},
	{Name: Targeting, Zh: "个性化推荐", En: "personal recommendations"},
}

// Purposes lists what customers may agree to and refuse.
func Purposes() []Purpose { return slices.Clone(purposes) }

func purposeOf(name string) (Purpose, bool) {
	i := slices.IndexFunc(purposes, func(p Purpose) bool { return p.Name == name })
	if i < 0 {
		return Purpose{}, false
	}
	return purposes[i], true
}
