package customer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/phone"
	"zhiyin/service/vault"
)

// The kinds of identities.
const (
	KindExternalUserID = "external_userid" // scope: the corp id
	KindUnionID        = "unionid"         // no scope
	KindOpenID         = "openid"          // scope: the app id
	KindMemberNumber   = "member_number"   // scope: whose members, such as a shop
	KindBuyer          = "buyer"           // an account in a shop system; scope: the shop
	KindPhone          = "phone"           // no scope
)

// How sure one may be that an identity is a person's, in basis points.
const (
	Certain  = 10_000 // the platform says so, or the system whose own identity it is
	Verified = 9_500  // the person has proved it, as a phone number by the platform's button
	Stated   = 7_000  // somebody who ought to know says so: a shop's order, an imported list
	Noted    = 5_000  // somebody wrote it down
)

// ErrIdentity is what an identity gets that can't be one.
var ErrIdentity = fault.New(fault.Invalid, "customer.bad_identity", "身份信息无效", "An identity is not valid")

// identityKind is what the house knows of a kind of identities.
type identityKind struct {
	name   string
	strong bool // names one person and nobody else, now and later
	single bool // within a scope a person has one: two different ones are two persons
	scoped bool
	wechat bool // is given by the platform
}

// identityKinds lists the kinds, those by which a person is recognised first coming first.
var identityKinds = []identityKind{
	{name: KindUnionID, strong: true, single: true, wechat: true},
	{name: KindExternalUserID, strong: true, single: true, scoped: true, wechat: true},
	{name: KindOpenID, strong: true, single: true, scoped: true, wechat: true},
	{name: KindMemberNumber, strong: true, single: true, scoped: true},
	{name: KindBuyer, strong: true, scoped: true},
	// Families share one, and a number that is given up belongs to somebody else a year later.
	{name: KindPhone},
}

func kindOf(name string) (k identityKind, rank int) {
	rank = slices.IndexFunc(identityKinds, func(k identityKind) bool { return k.name == name })
	if rank < 0 {
		return identityKind{}, len(identityKinds)
	}
	return identityKinds[rank], rank
}

// Seen is one identity that somebody tells of a person.
type Seen struct {
	Kind  string
	Scope string
	// Value as it was told: a phone number in any form.
	Value string
	// Confidence is how sure that is, in basis points; 0: Certain.
	Confidence int
}

// claim is a Seen made fit for our columns.
type claim struct {
	identityKind
	rank       int
	scope      string
	value      string   // as stored
	values     []string // as it may be stored: of a phone number an index by every key
	sealed     []byte
	confidence int
}

// claimOf fails with ErrIdentity.
func (s *Service) claimOf(in Seen) (c claim, err error) {
	c.identityKind, c.rank = kindOf(in.Kind)
	c.scope, c.value, c.confidence = in.Scope, in.Value, in.Confidence
	if c.confidence == 0 {
		c.confidence = Certain
	}
	switch {
	case c.name == "":
		return c, ErrIdentity.With("kind", "unknown")
	case c.confidence < 0 || c.confidence > Certain:
		return c, ErrIdentity.With("confidence", "0 … 10000")
	case c.scoped != (c.scope != "") || len(c.scope) > 64 || !utf8.ValidString(c.scope):
		return c, ErrIdentity.With(in.Kind, "scope")
	}
	if in.Kind == KindPhone {
		number, ok := phone.Normal(in.Value)
		if !ok {
			return c, ErrIdentity.With("phone", "不是电话号码 / not a phone number")
		}
		c.values = s.vault.Indexes("identity.phone", "", number)
		c.value = c.values[0]
		c.sealed = s.vault.Seal(number, placeOfPhone(c.value))
		return c, nil
	}
	if in.Value == "" || len(in.Value) > 128 || !utf8.ValidString(in.Value) || strings.TrimSpace(in.Value) != in.Value {
		return c, ErrIdentity.With(in.Kind, "value")
	}
	c.values = []string{in.Value}
	return c, nil
}

// placeOfPhone is bound to the index, which moves with the row when customers are merged.
func placeOfPhone(index string) vault.Place {
	return vault.Place{Table: "identity", Column: "sealed_value", Row: index}
}

// PhoneIndexes are the values under which an identity of a phone number may be stored, the present one
// first; ok is false when text is no phone number.
func (s *Service) PhoneIndexes(text string) (values []string, ok bool) {
	c, err := s.claimOf(Seen{Kind: KindPhone, Value: text})
	return c.values, err == nil
}

// Phone opens the number of an identity of KindPhone. Whoever shows it to people decides whether they
// may see it.
func (s *Service) Phone(i *model.Identity) (string, error) {
	return s.vault.Open(i.SealedValue, placeOfPhone(i.Value))
}

// StoredIdentity gives the forms under which an identity's value may be stored, the present one first: of a phone number
// its indexes, of anything else itself. It fails with ErrIdentity.
func (s *Service) StoredIdentity(kind, _, value string) ([]string, error) {
	if kind != KindPhone {
		return []string{value}, nil
	}
	values, ok := s.PhoneIndexes(value)
	if !ok {
		return nil, ErrIdentity.With(KindPhone, "不是电话号码 / not a phone number")
	}
	return values, nil
}

// MaskedPhones gives the phone numbers of customers as lists show them, see Masked.
func (s *Service) MaskedPhones(ctx context.Context, customerIDs []int64) (map[int64][]string, error) {
	rows, err := phonesOf(s.db.WithContext(ctx), customerIDs)
	masked := map[int64][]string{}
	for i := range rows {
		masked[rows[i].CustomerID] = append(masked[rows[i].CustomerID], s.Masked(&rows[i]))
	}
	return masked, err
}

// Phones gives the phone numbers of a customer in full. Whoever shows them to people decides whether they
// may see them.
func (s *Service) Phones(ctx context.Context, customerID int64) ([]string, error) {
	rows, err := phonesOf(s.db.WithContext(ctx), []int64{customerID})
	if err != nil {
		return nil, err
	}
	numbers := make([]string, len(rows))
	for i := range rows {
		if numbers[i], err = s.Phone(&rows[i]); err != nil {
			return nil, fmt.Errorf("open a phone number of customer %d: %w", customerID, err)
		}
	}
	return numbers, nil
}

// Masked is an identity's value as everybody may see it who may see the customer: of a phone number only
// both its ends.
func (s *Service) Masked(i *model.Identity) string {
	if i.Kind != KindPhone {
		return i.Value
	}
	number, err := s.Phone(i)
	if err != nil { // sealed with a key that is gone: there is nothing to show
		return "****"
	}
	return phone.Masked(number)
}

// row is the claim as an identity of a customer.
func (c claim) row(customerID int64, source string, now time.Time) *model.Identity {
	return &model.Identity{
		CustomerID: customerID, Kind: c.name, Scope: c.scope, Value: c.value, SealedValue: c.sealed,
		Source: source, Confidence: c.confidence, SeenAt: &now, CreatedAt: now,
	}
}

// is tells whether an identity is the one claimed.
func (c claim) is(i *model.Identity) bool {
	return c.name == i.Kind && c.scope == i.Scope && slices.Contains(c.values, i.Value)
}
