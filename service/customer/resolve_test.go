package customer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

const (
	alice = "13800138000"
	app   = "wx1"
	corp1 = "wwCORP"
)

func union(v string) Seen  { return Seen{Kind: KindUnionID, Value: v} }
func openid(v string) Seen { return Seen{Kind: KindOpenID, Scope: app, Value: v} }
func extID(v string) Seen  { return Seen{Kind: KindExternalUserID, Scope: corp1, Value: v} }
func member(v string) Seen { return Seen{Kind: KindMemberNumber, Scope: "shop", Value: v} }
func phoneOf(v string, confidence int) Seen {
	return Seen{Kind: KindPhone, Value: v, Confidence: confidence}
}

// resolve brings evidence; somebody unknown is made.
func (h *house) resolve(seen ...Seen) *Resolved {
	h.t.Helper()
	r, err := h.Resolve(context.Background(), Evidence{Identities: seen, Source: "miniapp", Create: true})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) customer(id int64) *model.Customer {
	h.t.Helper()
	var c model.Customer
	if err := h.db.Take(&c, id).Error; err != nil {
		h.t.Fatal(err)
	}
	return &c
}

func TestResolveMakesSomebodyOnceAndRecognisesThem(t *testing.T) {
	h := newHouse(t)
	first := h.resolve(union("u1"), openid("o1"), phoneOf(alice, Verified))
	if !first.Created {
		t.Fatalf("%+v", first)
	}
	for name, seen := range map[string]Seen{
		"unionid": union("u1"), "openid": openid("o1"), "the phone as others write it": phoneOf("+86 138-0013-8000", Stated),
	} {
		if r := h.resolve(seen); r.Created || r.CustomerID != first.CustomerID {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if n := h.facts(event.KindCustomerIdentified); n != 3 {
		t.Errorf("%d facts", n)
	}
	if r := h.resolve(openid("o1"), extID("wm1")); r.CustomerID != first.CustomerID || len(r.Merged) > 0 {
		t.Errorf("one more identity: %+v", r)
	}
	if _, err := h.Resolve(t.Context(), Evidence{Identities: []Seen{union("nobody")}}); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody unknown who is not to be made: %v", err)
	}
	d, err := h.Detail(t.Context(), admin, first.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, i := range d.Identities {
		shown = append(shown, i.Kind+"="+i.Masked)
		if i.Kind == KindPhone && (strings.Contains(i.Value, "138") || i.SealedValue == nil) {
			t.Errorf("the phone is stored as %q", i.Value)
		}
	}
	slices.Sort(shown)
	if want := []string{"external_userid=wm1", "openid=o1", "phone=138****8000", "unionid=u1"}; !slices.Equal(shown, want) {
		t.Errorf("got %v, want %v", shown, want)
	}
}

func TestResolveRefusesWhatIsNoIdentity(t *testing.T) {
	h := newHouse(t)
	for name, seen := range map[string]Seen{
		"unknown kind": {Kind: "face", Value: "x"}, "no value": union(""), "no scope": {Kind: KindOpenID, Value: "o"},
		"a scope too many": {Kind: KindUnionID, Scope: "s", Value: "u"}, "no phone": phoneOf("12", 0), "too long": union(strings.Repeat("x", 129)),
		"confidence": {Kind: KindUnionID, Value: "u", Confidence: 10_001}, "not UTF-8": union("\xff"), "a long scope": {Kind: KindOpenID, Scope: strings.Repeat("s", 65), Value: "o"},
	} {
		if _, err := h.Resolve(t.Context(), Evidence{Identities: []Seen{seen}, Create: true}); !errors.Is(err, ErrIdentity) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := modeltest.Count[model.Customer](t, h.db); n != 0 {
		t.Errorf("%d customers were made", n)
	}
}

// TestRules brings evidence that ties two customers, and says what becomes of them.
func TestRules(t *testing.T) {
	year := 400 * 24 * time.Hour
	tests := []struct {
		name   string
		one    []Seen // known first
		other  []Seen // known second
		edit   func(one, other *model.Customer)
		later  time.Duration
		tie    []Seen
		merged string // by which rule
		review string // by which rule
	}{
		{name: "the platform knows both", one: []Seen{extID("wm1")}, other: []Seen{union("u"), openid("o")}, tie: []Seen{extID("wm1"), union("u")}, merged: "same_person"},
		{name: "not sure enough", one: []Seen{member("7")}, other: []Seen{openid("o")}, tie: []Seen{openid("o"), {Kind: KindMemberNumber, Scope: "shop", Value: "7", Confidence: 8_999}}, review: "weak"},
		{name: "just sure enough", one: []Seen{member("7")}, other: []Seen{openid("o")}, tie: []Seen{openid("o"), {Kind: KindMemberNumber, Scope: "shop", Value: "7", Confidence: 9_000}}, merged: "same_person"},
		{name: "two unionids", one: []Seen{union("u1"), extID("wm1")}, other: []Seen{union("u2"), openid("o")}, tie: []Seen{extID("wm1"), openid("o")}, review: "conflict"},
		{name: "two openids of one app", one: []Seen{openid("o1"), member("7")}, other: []Seen{openid("o2")}, tie: []Seen{openid("o2"), member("7")}, review: "conflict"},
		{name: "both proved the phone", one: []Seen{openid("o"), phoneOf(alice, Verified)}, other: []Seen{extID("wm1")}, tie: []Seen{extID("wm1"), phoneOf(alice, Verified)}, merged: "phone"},
		{name: "a phone that belongs to another account", one: []Seen{union("u1"), openid("o1"), phoneOf(alice, Verified)}, other: []Seen{union("u2"), openid("o2")}, tie: []Seen{openid("o2"), phoneOf(alice, Verified)}, review: "conflict"},
		{name: "a phone that a colleague noted", one: []Seen{extID("wm1"), phoneOf(alice, Noted)}, other: []Seen{openid("o")}, tie: []Seen{openid("o"), phoneOf(alice, Verified)}, review: "weak"},
		{name: "the phone of an order", one: []Seen{member("7"), phoneOf(alice, Stated)}, other: []Seen{openid("o")}, tie: []Seen{openid("o"), phoneOf(alice, Verified)}, merged: "buyer_phone"},
		{name: "the phone of an order, but somebody else's birthday", one: []Seen{member("7"), phoneOf(alice, Stated)}, other: []Seen{openid("o")},
			edit: func(one, other *model.Customer) { one.BirthMD, other.BirthMD = 101, 102 }, tie: []Seen{openid("o"), phoneOf(alice, Verified)}, review: "birthday"},
		{name: "a child with the parent's phone", one: []Seen{openid("o1x"), phoneOf(alice, Verified)}, other: []Seen{extID("wm1")},
			edit: func(one, other *model.Customer) { other.Minor = true }, tie: []Seen{extID("wm1"), phoneOf(alice, Verified)}, review: "child"},
		{name: "a number of a year ago", one: []Seen{extID("wm1"), phoneOf(alice, Verified)}, other: []Seen{openid("o")}, later: year, tie: []Seen{openid("o"), phoneOf(alice, Verified)}, review: "old_phone"},
		{name: "two phones in one breath", one: []Seen{phoneOf(alice, Verified)}, other: []Seen{phoneOf("13900139000", Verified)}, tie: []Seen{phoneOf(alice, Verified), phoneOf("13900139000", Verified)}, review: "weak"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			one, other := h.resolve(tt.one...).CustomerID, h.resolve(tt.other...).CustomerID
			if one == other {
				t.Fatal("they are one from the start")
			}
			if tt.edit != nil {
				a, b := h.customer(one), h.customer(other)
				tt.edit(a, b)
				h.db.Save(a)
				h.db.Save(b)
			}
			minors := modeltest.Count[model.Customer](t, h.db, "minor = ?", true)
			h.clock.Advance(tt.later + time.Hour)
			r := h.resolve(tt.tie...)
			var merges []model.CustomerMerge
			var reviews []model.MergeReview
			h.db.Find(&merges)
			h.db.Where("status = ?", ReviewOpen).Find(&reviews)
			switch {
			case tt.merged != "":
				if len(merges) != 1 || merges[0].Reason != tt.merged || len(reviews) != 0 || r.CustomerID != one || merges[0].CustomerID != one || merges[0].OtherID != other {
					t.Errorf("merges %+v, reviews %+v, resolved %+v", merges, reviews, r)
				}
			case len(merges) != 0 || len(reviews) != 1 || reviews[0].Reason != tt.review || len(r.Elsewhere) != 1:
				t.Errorf("merges %+v, reviews %+v, resolved %+v", merges, reviews, r)
			}
			if n := modeltest.Count[model.Customer](t, h.db, "minor = ?", true); n != minors {
				t.Errorf("%d minors, before %d", n, minors)
			}
			if again := h.resolve(tt.tie...); again.CustomerID != r.CustomerID || len(again.Merged) != 0 {
				t.Errorf("told again: %+v", again)
			}
			if n := modeltest.Count[model.MergeReview](t, h.db); n != int64(len(reviews)) {
				t.Errorf("%d reviews after it was told again", n)
			}
		})
	}
}

// TestResolveRaces: many bring the same and overlapping evidence at once; each identity ends with one owner,
// nobody is left without an identity, and all are told the same person.
func TestResolveRaces(t *testing.T) {
	h := newHouse(t)
	evidence := [][]Seen{
		{union("u"), openid("o")}, {openid("o"), extID("wm1")}, {union("u"), extID("wm1")}, {extID("wm1"), phoneOf(alice, Verified)}, {union("u"), phoneOf(alice, Verified)},
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := h.Resolve(context.Background(), Evidence{Identities: evidence[i%len(evidence)], Source: "miniapp", Create: true})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var standing []model.Customer
	h.db.Where("merged_into = 0").Find(&standing)
	if len(standing) != 1 {
		t.Fatalf("%d customers stand", len(standing))
	}
	for _, e := range evidence {
		if r := h.resolve(e...); r.CustomerID != standing[0].ID {
			t.Errorf("%v is %+v", e, r)
		}
	}
	if n := modeltest.Count[model.Identity](t, h.db, "customer_id = ?", standing[0].ID); n != 4 {
		t.Errorf("%d identities", n)
	}
}
