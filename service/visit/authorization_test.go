package visit

import (
	"errors"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/privacy"
)

// told is a visitor of whom the mini-program has told everything that it can.
func (h *house) told(number string) (token string, v *Visitor, openid string) {
	h.t.Helper()
	login := h.act("login", nil)
	token, v, err := h.signIn(login["code"])
	if err != nil {
		h.t.Fatal(err)
	}
	h.tell(v.CustomerID, Source, "小明", "https://wx.qlogo.cn/1")
	if _, err := h.BindPhone(h.t.Context(), v, h.act("phone", object{"openid": login["openid"], "phone": number})["code"].(string)); err != nil {
		h.t.Fatal(err)
	}
	return token, v, login["openid"].(string)
}

func (h *house) tell(customerID int64, source, name, avatar string) {
	h.t.Helper()
	err := model.InTx(h.t.Context(), h.db, func(tx *gorm.DB) error {
		return h.persons.EditTx(tx, customerID, source, 0, func(c *model.Customer) error {
			c.Name, c.Avatar = name, avatar
			return nil
		})
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// kept tells what is known of a customer that the mini-program told.
func (h *house) kept(customerID int64) (kept []string) {
	h.t.Helper()
	var c model.Customer
	if err := h.db.Take(&c, customerID).Error; err != nil {
		h.t.Fatal(err)
	}
	if c.Avatar != "" {
		kept = append(kept, "avatar")
	}
	if c.Name != "" {
		kept = append(kept, "name")
	}
	if modeltest.Count[model.Identity](h.t, h.db, "customer_id = ? AND kind = ?", customerID, customer.KindPhone) > 0 {
		kept = append(kept, customer.KindPhone)
	}
	return kept
}

func (h *house) requested(customerID int64) (kinds []string) {
	h.t.Helper()
	err := h.db.Model(&model.PrivacyRequest{}).Where("customer_id = ? AND state = ? AND source = ?", customerID, privacy.StateRecorded, privacy.ByPlatform).
		Order("kind").Pluck("kind", &kinds).Error
	if err != nil {
		h.t.Fatal(err)
	}
	return kinds
}

func (h *house) change(kind, openid string, codes ...string) {
	h.t.Helper()
	for range 2 { // the platform repeats itself
		err := h.ChangeAuthorization(h.t.Context(), AuthorizationChange{
			Account: h.mini(), Kind: kind, OpenID: openid, Codes: codes, At: h.clock.Now().Truncate(time.Second),
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *house) mini() *model.Account {
	h.t.Helper()
	a, err := h.Accounts.ByName(h.t.Context(), "mini")
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func TestP8_WhatUsersTakeBackIsForgotten(t *testing.T) {
	h := newHouse(t)
	all := []string{"avatar", "name", customer.KindPhone}
	type push struct {
		kind      string
		codes     []string
		forgotten []string
		requests  []string
	}
	tests := map[string]push{
		"the account is closed":  {Cancelled, nil, all, []string{privacy.RequestErase}},
		"cleaned up":             {Modified, nil, []string{"avatar", "name"}, nil},
		"several at once":        {Revoked, []string{"8", "19", "7"}, []string{"name", customer.KindPhone}, []string{privacy.RequestErasePhone, privacy.RequestEraseProfile}},
		"a code that is unknown": {Revoked, []string{"4711"}, nil, []string{privacy.RequestEraseProfile}},
		"no code":                {Revoked, nil, nil, nil},
	}
	forgets := map[string][]string{"6": {"avatar", "name"}, "8": {customer.KindPhone}, "19": {"name"}, "20": {"avatar"}}
	for _, a := range Authorizations() {
		p := push{Revoked, []string{a.Code}, forgets[a.Code], nil}
		switch {
		case a.Code == "8":
			p.requests = []string{privacy.RequestErasePhone}
		case p.forgotten != nil:
			p.requests = []string{privacy.RequestEraseProfile}
		}
		tests[a.Code+" "+a.En] = p
	}
	if len(tests) != 5+16 {
		t.Errorf("%d codes are known", len(tests)-5)
	}
	n := 0
	for name, want := range tests {
		n++
		token, v, openid := h.told("1380013" + string(rune('0'+n/10)) + string(rune('0'+n%10)) + "00")
		h.clock.Advance(time.Minute)
		h.change(want.kind, openid, want.codes...)
		var keeps []string
		for _, k := range all {
			if !slices.Contains(want.forgotten, k) {
				keeps = append(keeps, k)
			}
		}
		if got := h.kept(v.CustomerID); !slices.Equal(got, keeps) {
			t.Errorf("%s: kept %q, want %q", name, got, keeps)
		}
		if got := h.requested(v.CustomerID); !slices.Equal(got, want.requests) {
			t.Errorf("%s: requests %q, want %q", name, got, want.requests)
		}
		if left := modeltest.Count[model.CustomerChange](t, h.db, "customer_id = ? AND (old_value = '小明' OR new_value = '小明')", v.CustomerID); (left == 0) != slices.Contains(want.forgotten, "name") {
			t.Errorf("%s: the history has the name %d times", name, left)
		}
		if _, err := h.Authenticate(t.Context(), token); (want.kind == Cancelled) != errors.Is(err, ErrEnded) {
			t.Errorf("%s: S-18: the session: %v", name, err)
		}
		facts := modeltest.Count[model.Event](t, h.db, "customer_id = ? AND kind = ?", v.CustomerID, event.KindProfileChanged)
		if (facts == 1) != (len(want.forgotten) > 0) {
			t.Errorf("%s: %d facts", name, facts)
		}
		if no := modeltest.Count[model.Consent](t, h.db, "customer_id = ? AND purpose = ? AND given = ?", v.CustomerID, privacy.Phone, false); (no == 1) != slices.Contains(want.forgotten, customer.KindPhone) {
			t.Errorf("%s: withdrawn %d times", name, no)
		}
	}
}

func TestP8_OnlyWhatTheMiniProgramToldIsForgotten(t *testing.T) {
	h := newHouse(t)
	_, v, openid := h.told("13900139000")
	h.tell(v.CustomerID, event.SourceCallback, "明总", "https://wx.qlogo.cn/1") // from WeCom; the avatar is the same
	h.change(Revoked, openid, "19")
	if got := h.kept(v.CustomerID); !slices.Contains(got, "name") {
		t.Errorf("a name that WeCom told is gone; kept %q", got)
	}
	if n := modeltest.Count[model.CustomerChange](t, h.db, "old_value = '小明' OR new_value = '小明'"); n != 0 {
		t.Errorf("what the mini-program told before is in the history %d times", n)
	}

	// A push that comes late takes back nothing that was given since.
	before := h.clock.Now()
	h.clock.Advance(time.Hour)
	h.tell(v.CustomerID, Source, "小明二世", "https://wx.qlogo.cn/2")
	err := h.ChangeAuthorization(t.Context(), AuthorizationChange{Account: h.mini(), Kind: Revoked, OpenID: openid, Codes: []string{"6"}, At: before})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.kept(v.CustomerID); len(got) != 3 {
		t.Errorf("kept %q", got)
	}
	err = h.ChangeAuthorization(t.Context(), AuthorizationChange{Account: h.mini(), Kind: Revoked, OpenID: "nobody's", Codes: []string{"6"}, At: before})
	h.wantErr("somebody unknown", err, ErrNobody)
}
