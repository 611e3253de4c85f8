package profile

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/customer"
	"zhiyin/service/fault"
	"zhiyin/service/vault"
	"zhiyin/service/vault/vaulttest"
)

// withSecrets gives customer 1, of the seller, a phone number, a birthday and a sealed answer.
func withSecrets(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	v := vaulttest.New(t)
	index := v.Index("identity.phone", "", "13800138000")
	modeltest.Create(t, h.db,
		&model.Identity{
			CustomerID: 1, Kind: customer.KindPhone, Value: index, Source: "wecom", CreatedAt: noon,
			SealedValue: v.Seal("13800138000", vault.Place{Table: "identity", Column: "sealed_value", Row: index}),
		},
		&model.Relation{AccountID: 1, StaffID: seller.StaffID, CustomerID: 1, ExternalUserID: "wm1", Status: "active", AddedAt: noon, RemarkState: "synced", DescriptionState: "synced", Fingerprint: []byte{}, CreatedAt: noon, UpdatedAt: noon})
	h.field(FieldInput{Name: "id_card", Kind: KindText, Sealed: true})
	h.field(FieldInput{Name: "hobby", Kind: KindText})
	day := "1990-01-31"
	if err := h.edit(1, Edit{Birthday: &day, Answers: Answers{"id_card": {"110101199001310000"}, "hobby": {"茶"}}}); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestS40_Reveal(t *testing.T) {
	h := withSecrets(t)
	ctx := t.Context()
	for i, tt := range []struct{ what, want string }{
		{RevealPhone, "13800138000"}, {RevealBirthday, "1990-01-31"}, {"field.id_card", "110101199001310000"},
	} {
		got, err := h.Reveal(ctx, seller, RevealInput{1, tt.what, " 预约回访 "})
		if err != nil || !slices.Equal(got.Values, []string{tt.want}) || got.Left != RevealsADay-1-i {
			t.Errorf("%s: got %+v, %v", tt.what, got, err)
		}
	}
	for name, tt := range map[string]struct {
		in   RevealInput
		want error
	}{
		"out of sight": {RevealInput{2, RevealPhone, "预约回访"}, ErrNoCustomer}, "nobody": {RevealInput{99, RevealPhone, "预约回访"}, ErrNoCustomer},
		"no purpose": {RevealInput{1, RevealPhone, "  啊 "}, ErrInvalid}, "a long purpose": {RevealInput{1, RevealPhone, strings.Repeat("长", 201)}, ErrInvalid},
		"not sealed": {RevealInput{1, "field.hobby", "预约回访"}, ErrNotHidden}, "no such field": {RevealInput{1, "field.x", "预约回访"}, ErrNotHidden}, "nothing": {RevealInput{1, "password", "预约回访"}, ErrNotHidden},
	} {
		if _, err := h.Reveal(ctx, seller, tt.in); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	var kept []model.Reveal
	if err := h.db.Order("id").Find(&kept).Error; err != nil {
		t.Fatal(err)
	}
	if len(kept) != 3 || kept[0].StaffID != seller.StaffID || kept[0].CustomerID != 1 || kept[0].What != RevealPhone || kept[0].Purpose != "预约回访" ||
		kept[0].Day != 20261122 || kept[2].Ordinal != 3 {
		t.Errorf("kept: %+v", kept)
	}
}

// TestS40_NobodyIsShownMoreThanTheQuota asks from all sides at once.
func TestS40_NobodyIsShownMoreThanTheQuota(t *testing.T) {
	h := withSecrets(t)
	rows := make([]model.Reveal, RevealsADay-3)
	for i := range rows {
		rows[i] = model.Reveal{CustomerID: 1, StaffID: seller.StaffID, What: RevealPhone, Purpose: "预约回访", Day: 20261122, Ordinal: i + 1, RevealedAt: noon}
	}
	modeltest.Create(t, h.db, &rows)
	var shown atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := h.Reveal(t.Context(), seller, RevealInput{1, RevealPhone, "预约回访"})
			if err == nil {
				shown.Add(1)
			} else if !errors.Is(err, ErrQuota) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if shown.Load() != 3 {
		t.Errorf("%d were shown, 3 were left", shown.Load())
	}
	_, err := h.Reveal(t.Context(), seller, RevealInput{1, RevealPhone, "预约回访"})
	var f *fault.Fault
	if !errors.As(err, &f) || f.Kind != fault.TooMany || f.RetryAfter != 12*time.Hour { // until midnight in Shanghai
		t.Errorf("got %v after %s", err, f.RetryAfter)
	}
	if _, err := h.Reveal(t.Context(), boss, RevealInput{1, RevealPhone, "核对资料"}); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	h.clock.Advance(12 * time.Hour)
	if got, err := h.Reveal(t.Context(), seller, RevealInput{1, RevealPhone, "预约回访"}); err != nil || got.Left != RevealsADay-1 {
		t.Errorf("the next day: %+v, %v", got, err)
	}
}
