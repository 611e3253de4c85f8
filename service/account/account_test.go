package account

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/fault"
	"zhiyin/service/vault"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

var (
	key      = bytes.Repeat([]byte{7}, 32)
	otherKey = bytes.Repeat([]byte{8}, 32)
)

const (
	canary = "CANARY-secret-0123456789"
	token1 = "CANARYtoken1"
	token2 = "CANARYtoken2"
)

var (
	aes1 = "CANARY" + strings.Repeat("a", 37)
	aes2 = "CANARY" + strings.Repeat("b", 37)
)

func corp() CreateInput {
	return CreateInput{
		Kind: KindWeCom, Name: "main", Title: "知音茶饮", PlatformID: "ww0123456789abcdef", AgentID: 1000002,
		Secret: canary, CallbackToken: token1, CallbackAESKey: aes1,
	}
}

func mini() CreateInput {
	return CreateInput{Kind: KindMiniApp, Name: "shop", Title: "小程序", PlatformID: "wx0123456789abcdef", Secret: canary}
}

func newService(t *testing.T, db *gorm.DB, now clock.Clock, key []byte) *Service {
	t.Helper()
	v, err := vault.New(key)
	if err != nil {
		t.Fatal(err)
	}
	return New(db, now, v)
}

func create(t *testing.T, s *Service, in CreateInput) *model.Account {
	t.Helper()
	a, err := s.Create(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

func TestCreateChecksEveryField(t *testing.T) {
	s := newService(t, modeltest.DB(t), clock.System, key)
	tests := []struct {
		name   string
		change func(*CreateInput)
		fields string // wrong ones; empty: accepted
	}{
		{"unknown kind", func(in *CreateInput) { in.Kind = "wechat" }, "kind"},
		{"empty name", func(in *CreateInput) { in.Name = "" }, "name"},
		{"upper case in name", func(in *CreateInput) { in.Name = "Main" }, "name"},
		{"separator in name", func(in *CreateInput) { in.Name = "a|b" }, "name"},
		{"name of 33", func(in *CreateInput) { in.Name = strings.Repeat("a", 33) }, "name"},
		{"name of 32", func(in *CreateInput) { in.Name, in.PlatformID = strings.Repeat("a", 32), "ww1111111111111111" }, ""},
		{"title of 65", func(in *CreateInput) { in.Title = strings.Repeat("知", 65) }, "title"},
		{"line break in title", func(in *CreateInput) { in.Title = "a\nb" }, "title"},
		{"corp id too short", func(in *CreateInput) { in.PlatformID = "ww123" }, "platform_id"},
		{"corp id of another shape", func(in *CreateInput) { in.PlatformID = "xx0123456789abcdef" }, "platform_id"},
		{"app id with a corp's beginning", func(in *CreateInput) { *in = mini(); in.PlatformID = "ww0123456789abcdef" }, "platform_id"},
		{"corp without agent", func(in *CreateInput) { in.AgentID = 0 }, "agent_id"},
		{"mini-program with agent", func(in *CreateInput) { *in = mini(); in.AgentID = 1 }, "agent_id"},
		{"no secret", func(in *CreateInput) { in.Secret = "" }, "secret"},
		{"secret pasted with a space", func(in *CreateInput) { in.Secret = canary + " " }, "secret"},
		{"token with punctuation", func(in *CreateInput) { in.CallbackToken = "a-b" }, "callback_token"},
		{"token of 33", func(in *CreateInput) { in.CallbackToken = strings.Repeat("a", 33) }, "callback_token"},
		{"AES key of 42", func(in *CreateInput) { in.CallbackAESKey = aes1[:42] }, "callback_aes_key"},
		{"AES key with base64 punctuation", func(in *CreateInput) { in.CallbackAESKey = aes1[:42] + "+" }, "callback_aes_key"},
		{"token without AES key", func(in *CreateInput) { in.CallbackAESKey = "" }, "callback_aes_key"},
		{"several at once", func(in *CreateInput) { in.Name, in.Secret = "", "" }, "name secret"},
		{"mini-program", func(in *CreateInput) { *in = mini() }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := corp()
			tt.change(&in)
			_, err := s.Create(t.Context(), in)
			if got := wrongFields(err); got != tt.fields || (err == nil) != (tt.fields == "") {
				t.Errorf("got wrong fields %q (error %v), want %q", got, err, tt.fields)
			}
			if err != nil && (strings.Contains(err.Error(), "CANARY") || fault.Of(err).Kind != fault.Invalid) {
				t.Errorf("fault is of kind %v or tells a secret", fault.Of(err).Kind)
			}
		})
	}
}

func wrongFields(err error) string {
	var names []string
	if f := fault.Of(err); f != nil {
		for _, field := range f.Fields {
			names = append(names, field.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestCreateRefusesWhatIsTaken(t *testing.T) {
	s := newService(t, modeltest.DB(t), clock.System, key)
	create(t, s, corp())
	sameName := mini()
	sameName.Name = "main"
	_, err := s.Create(t.Context(), sameName)
	wantErr(t, err, ErrNameTaken)
	sameCorp := corp()
	sameCorp.Name = "again"
	_, err = s.Create(t.Context(), sameCorp)
	wantErr(t, err, ErrPlatformIDTaken)
}

func TestCredentialsComeBackOpened(t *testing.T) {
	s := newService(t, modeltest.DB(t), clock.System, key)
	create(t, s, corp())
	create(t, s, mini())
	c, err := s.Credentials(t.Context(), "main")
	if err != nil || c.Kind != KindWeCom || c.PlatformID != "ww0123456789abcdef" || c.AgentID != 1000002 || c.Secret.Reveal() != canary {
		t.Errorf("got %+v and %v", c, err)
	}
	keys, a, err := s.CallbackKeys(t.Context(), "main")
	if err != nil || len(keys) != 1 || keys[0].Token.Reveal() != token1 || keys[0].AESKey.Reveal() != aes1 || a.Name != "main" {
		t.Errorf("got keys %v of %v and %v", keys, a, err)
	}
	_, _, err = s.CallbackKeys(t.Context(), "shop")
	wantErr(t, err, ErrNoCallbackKeys)
	_, err = s.Credentials(t.Context(), "nobody")
	wantErr(t, err, ErrNotFound)
	if text := fmt.Sprintf("%v %+v %#v %s", c, c, c, keys); strings.Contains(text, "CANARY") {
		t.Error("a credential can be printed")
	}
}

func TestUpdate(t *testing.T) {
	db := modeltest.DB(t)
	s := newService(t, db, clock.System, key)
	a := create(t, s, corp())
	title, secret, off, agent := "新名字", "another-secret-value-1", false, int64(1000009)
	if err := s.Update(t.Context(), a.ID, UpdateInput{Title: &title, Secret: &secret, AgentID: &agent}); err != nil {
		t.Fatal(err)
	}
	c, err := s.Credentials(t.Context(), "main")
	if err != nil || c.Secret.Reveal() != secret || c.AgentID != agent {
		t.Errorf("after the update: %+v and %v", c, err)
	}
	if got, err := s.ByID(t.Context(), a.ID); err != nil || got.Title != title || !got.Enabled {
		t.Errorf("after the update: %+v and %v", got, err)
	}
	if err := s.Update(t.Context(), a.ID, UpdateInput{Enabled: &off}); err != nil {
		t.Fatal(err)
	}
	_, err = s.Credentials(t.Context(), "main")
	wantErr(t, err, ErrDisabled)
	_, _, err = s.CallbackKeys(t.Context(), "main")
	wantErr(t, err, ErrDisabled)
	if _, err := s.ByName(t.Context(), "main"); err != nil {
		t.Errorf("a disabled account can't be found: %v", err)
	}
	wantErr(t, s.Update(t.Context(), 999, UpdateInput{Title: &title}), ErrNotFound)
	empty := ""
	if got := wrongFields(s.Update(t.Context(), a.ID, UpdateInput{Title: &empty, Secret: &empty})); got != "title secret" {
		t.Errorf("got wrong fields %q", got)
	}
}

func TestPlatformIDChangesOnlyUntilStaffIsMirrored(t *testing.T) {
	db := modeltest.DB(t)
	s := newService(t, db, clock.System, key)
	a, other := create(t, s, corp()), "ww2222222222222222"
	taken := create(t, s, mini()).PlatformID
	if err := s.Update(t.Context(), a.ID, UpdateInput{PlatformID: &other}); err != nil {
		t.Fatal(err)
	}
	wantErr(t, s.Update(t.Context(), a.ID, UpdateInput{PlatformID: &taken}), ErrPlatformIDTaken)
	modeltest.Create(t, db, &model.Staff{AccountID: a.ID, UserID: "li"})
	wantErr(t, s.Update(t.Context(), a.ID, UpdateInput{PlatformID: ptr("ww3333333333333333")}), ErrInUse)
	if err := s.Update(t.Context(), a.ID, UpdateInput{PlatformID: &other}); err != nil {
		t.Errorf("the present id is refused: %v", err)
	}
}

func ptr(s string) *string { return &s }

func TestS10_TwoKeySetsDuringRotationAndTheOldOneEnds(t *testing.T) {
	now := clock.NewFake(noon)
	s := newService(t, modeltest.DB(t), now.Now, key)
	a := create(t, s, corp())
	rotate := func(token, aesKey string, overlap time.Duration) {
		t.Helper()
		if err := s.RotateCallbackKeys(t.Context(), a.ID, token, aesKey, overlap); err != nil {
			t.Fatal(err)
		}
	}
	rotate(token2, aes2, time.Hour)
	rotate(token2, aes2, time.Hour) // a retry must not make the new keys the old ones
	if got := tokens(t, s); got != token2+" "+token1 {
		t.Errorf("during rotation: %s", got)
	}
	now.Advance(time.Hour - time.Millisecond)
	if got := tokens(t, s); got != token2+" "+token1 {
		t.Errorf("just before the cut-off: %s", got)
	}
	now.Advance(time.Millisecond)
	if got := tokens(t, s); got != token2 {
		t.Errorf("at the cut-off: %s", got)
	}
	rotate("third", aes1, 0)
	if got := tokens(t, s); got != "third" {
		t.Errorf("after a rotation without overlap: %s", got)
	}
	wantErr(t, s.RotateCallbackKeys(t.Context(), a.ID, "x", aes1, 31*24*time.Hour), ErrInvalid)
	wantErr(t, s.RotateCallbackKeys(t.Context(), 999, "x", aes1, 0), ErrNotFound)
}

func tokens(t *testing.T, s *Service) string {
	t.Helper()
	keys, _, err := s.CallbackKeys(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, k := range keys {
		list = append(list, k.Token.Reveal())
	}
	return strings.Join(list, " ")
}

func TestRotationSetsTheFirstKeys(t *testing.T) {
	s := newService(t, modeltest.DB(t), clock.System, key)
	in := corp()
	in.CallbackToken, in.CallbackAESKey = "", ""
	a := create(t, s, in)
	if err := s.RotateCallbackKeys(t.Context(), a.ID, token1, aes1, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := tokens(t, s); got != token1 {
		t.Errorf("got %s", got)
	}
}

func TestMaskedTellsWhatIsThereAndNothingMore(t *testing.T) {
	now := clock.NewFake(noon)
	db := modeltest.DB(t)
	s := newService(t, db, now.Now, key)
	a := create(t, s, corp())
	if err := s.RotateCallbackKeys(t.Context(), a.ID, token2, aes2, time.Hour); err != nil {
		t.Fatal(err)
	}
	create(t, s, mini())
	list, err := s.List(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("got %d accounts and %v", len(list), err)
	}
	v, m := Masked(&list[0]), Masked(&list[1])
	if !v.HasSecret || !v.HasCallbackKeys || v.OldCallbackUntil == nil || !v.OldCallbackUntil.Equal(noon.Add(time.Hour)) {
		t.Errorf("corp: %+v", v)
	}
	if !m.HasSecret || m.HasCallbackKeys || m.OldCallbackUntil != nil {
		t.Errorf("mini-program: %+v", m)
	}
	if text := fmt.Sprintf("%+v %+v", list, v); strings.Contains(text, "CANARY") {
		t.Error("a row or a view shows a credential")
	}
}

func TestP09_DumpHoldsNoCanary(t *testing.T) {
	dsn := modeltest.DSN(t)
	db := modeltest.Open(t, dsn)
	s := newService(t, db, clock.System, key)
	a := create(t, s, corp())
	if err := s.RotateCallbackKeys(t.Context(), a.ID, token2, aes2, time.Hour); err != nil {
		t.Fatal(err)
	}
	dump := dumpOf(t, db)
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		for _, file := range []string{path, path + "-wal"} {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dump = append(dump, b...)
		}
	}
	if !bytes.Contains(dump, []byte("ww0123456789abcdef")) {
		t.Fatal("the dump doesn't even hold the corp id, so it proves nothing")
	}
	for _, c := range []string{"CANARY", canary[7:], aes1[6:], aes2[6:]} {
		if bytes.Contains(dump, []byte(c)) {
			t.Errorf("the dump holds %q", c)
		}
	}
}

func dumpOf(t *testing.T, db *gorm.DB) []byte {
	t.Helper()
	rows, err := db.Raw("SELECT * FROM account").Rows()
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var dump []byte
	for rows.Next() {
		values := make([]any, len(names))
		for i := range values {
			values[i] = new([]byte)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			dump = append(dump, *v.(*[]byte)...)
		}
	}
	return dump
}

func TestP09_SwappedCiphertextsFail(t *testing.T) {
	db := modeltest.DB(t)
	s := newService(t, db, clock.System, key)
	create(t, s, corp())
	other := corp()
	other.Name, other.PlatformID = "second", "ww2222222222222222"
	create(t, s, other)
	swaps := map[string]string{
		"between columns": "UPDATE account SET sealed_secret = sealed_callback_token WHERE name = 'main'",
		"between rows":    "UPDATE account SET sealed_secret = (SELECT s FROM (SELECT sealed_secret AS s FROM account WHERE name = 'second') o) WHERE name = 'main'",
	}
	for name, sql := range swaps {
		t.Run(name, func(t *testing.T) {
			if err := db.Exec(sql).Error; err != nil {
				t.Fatal(err)
			}
			s.book.forget()
			_, err := s.Credentials(t.Context(), "main")
			wantErr(t, err, ErrUnreadable)
			if c, err := s.Credentials(t.Context(), "second"); err != nil || c.Secret.Reveal() != canary {
				t.Errorf("the other account suffers: %v", err)
			}
		})
	}
}

func TestWrongKeyIsSaidClearly(t *testing.T) {
	db := modeltest.DB(t)
	a := create(t, newService(t, db, clock.System, key), corp())
	s := newService(t, db, clock.System, otherKey)
	_, err := s.Credentials(t.Context(), "main")
	wantErr(t, err, ErrWrongKey)
	_, _, err = s.CallbackKeys(t.Context(), "main")
	wantErr(t, err, ErrWrongKey)
	wantErr(t, s.RotateCallbackKeys(t.Context(), a.ID, token2, aes2, time.Hour), ErrWrongKey)
	if err := s.RotateCallbackKeys(t.Context(), a.ID, token2, aes2, 0); err != nil {
		t.Errorf("entering the keys again is refused: %v", err)
	}
	secret := canary
	if err := s.Update(t.Context(), a.ID, UpdateInput{Secret: &secret}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Credentials(t.Context(), "main"); err != nil {
		t.Errorf("after entering the secret again: %v", err)
	}
}

func TestReadingsByTwoReplicas(t *testing.T) {
	dsn := modeltest.DSN(t)
	now := clock.NewFake(noon)
	here := newService(t, modeltest.Open(t, dsn), now.Now, key)
	there := newService(t, modeltest.Open(t, dsn), now.Now, key)
	a := create(t, here, corp())
	if _, err := there.ByName(context.Background(), "main"); err != nil {
		t.Fatal(err)
	}
	off := false
	if err := here.Update(t.Context(), a.ID, UpdateInput{Enabled: &off}); err != nil {
		t.Fatal(err)
	}
	_, err := here.Credentials(t.Context(), "main")
	wantErr(t, err, ErrDisabled) // at once
	now.Advance(freshFor + time.Millisecond)
	_, err = there.Credentials(t.Context(), "main")
	wantErr(t, err, ErrDisabled) // after at most 5 s
}
