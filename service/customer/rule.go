package customer

import (
	"time"

	"zhiyin/model"
)

// link is a finding that two customers may be one person.
type link struct {
	a, b   person
	kind   identityKind // of the identity that b has and somebody says is a's
	scope  string
	source string
	// confidence is the lesser of what was said now and what was known before.
	confidence int
	// known is when b's identity was last confirmed.
	known time.Time
	at    time.Time
}

// person is a customer with the ways to recognise them.
type person struct {
	*model.Customer
	identities []model.Identity
}

// conflict tells whether both have an identity of which a person can have but one.
func (l link) conflict() bool {
	for _, x := range l.a.identities {
		if k, _ := kindOf(x.Kind); !k.single {
			continue
		}
		for _, y := range l.b.identities {
			if x.Kind == y.Kind && x.Scope == y.Scope && x.Value != y.Value {
				return true
			}
		}
	}
	return false
}

func (l link) differentBirthdays() bool {
	return l.a.BirthMD != 0 && l.b.BirthMD != 0 && l.a.BirthMD != l.b.BirthMD
}

// unmet tells whether the house knows a customer from papers alone: orders, lists, cards.
func (p person) unmet() bool {
	for _, i := range p.identities {
		if k, _ := kindOf(i.Kind); k.wechat {
			return false
		}
	}
	return true
}

func (l link) byPhone() bool { return l.kind.name == KindPhone }

// phoneLife is how long a number is taken to be the same person's without a new sign of it: operators give
// numbers to others some months after they were given up.
const phoneLife = 365 * 24 * time.Hour

// rule says what becomes of a link. The first that applies decides.
type rule struct {
	name    string // data: stored with merges and reviews
	merges  bool   // otherwise a person decides
	applies func(link) bool
}

// rules is the one table of what makes two customers one.
var rules = []rule{
	// Two unionids, two openids of one app …: whatever ties them, they are two WeChat accounts.
	{"conflict", false, link.conflict},
	// The platform, or the shop of its own account, says that both identities are one person's.
	{"same_person", true, func(l link) bool { return l.kind.strong && l.confidence >= 9_000 }},
	// A family with one phone looks like this.
	{"birthday", false, link.differentBirthdays},
	{"child", false, func(l link) bool { return l.byPhone() && (l.a.Minor || l.b.Minor) }},
	{"old_phone", false, func(l link) bool { return l.byPhone() && l.at.Sub(l.known) > phoneLife }},
	// Both have proved that the number is theirs.
	{"phone", true, func(l link) bool { return l.byPhone() && l.confidence >= 9_000 }},
	// The number of an order or a card, and nobody in WeChat claims it.
	{"buyer_phone", true, func(l link) bool {
		return l.byPhone() && l.confidence >= Stated && (l.a.unmet() || l.b.unmet())
	}},
	{"weak", false, func(link) bool { return true }},
}

func (l link) rule() rule {
	for _, r := range rules {
		if r.applies(l) {
			return r
		}
	}
	panic("customer: the last rule applies to everything")
}
