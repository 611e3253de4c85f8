package staff

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/fault"
)

// try signs in from an address and gives only the error.
func (h house) try(login, password, ip string) error {
	_, _, err := h.SignIn(context.Background(), SignInInput{Login: login, Password: password, IP: ip})
	return err
}

const (
	here  = "192.0.2.1"
	there = "198.51.100.7"
)

func TestSignIn(t *testing.T) {
	h := newHouse(t)
	row := h.user(t, "Li.Lei", RoleSales, RoleManager, RoleSales)
	token, v, err := h.SignIn(t.Context(), SignInInput{Login: " LI.lei ", Password: goodPassword, IP: here, UserAgent: strings.Repeat("浏", 300)})
	if err != nil {
		t.Fatal(err)
	}
	if v.StaffID != row.ID || v.Name != "Li.Lei" || fmt.Sprint(v.Roles) != "[manager sales]" || v.Face != FaceConsole || !v.ExpiresAt.Equal(noon.Add(7*24*time.Hour)) {
		t.Errorf("got %+v", v)
	}
	again, err := h.Authenticate(t.Context(), token)
	if err == nil {
		again.sight = nil // a request's own
	}
	if err != nil || fmt.Sprint(again) != fmt.Sprint(v) {
		t.Errorf("got %+v and %v, want %+v", again, err, v)
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 32 {
		t.Errorf("the token holds %d random bytes (%v)", len(raw), err)
	}
	var s model.Session
	if err := h.db.Take(&s).Error; err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(s.TokenHash, []byte(token)) || bytes.Contains(s.TokenHash, raw) || len(s.TokenHash) != 32 {
		t.Error("the token itself is stored")
	}
}

func TestV13_UnknownAndWrongAreAnsweredAlike(t *testing.T) {
	h := newHouse(t)
	h.user(t, "known", RoleAdmin)
	h.user(t, "disabled", RoleAdmin)
	off, err := h.ByLogin(t.Context(), "disabled")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Disable(t.Context(), off.ID); err != nil {
		t.Fatal(err)
	}
	all, _ := statements(t, h.db)
	var first string
	for i, c := range []struct{ login, password string }{
		{"known", "wrong-password-1"}, {"unknown", "wrong-password-1"}, {"disabled", "wrong-password-1"}, {"", ""},
		{"known", strings.Repeat("x", 5000)}, {strings.Repeat("y", 5000), "z"}, {"' OR 1=1 --", "z"},
	} {
		all.Store(0)
		computed := h.hash.computed.Load()
		err := h.try(c.login, c.password, fmt.Sprintf("203.0.113.%d", i)) // each from an address of its own
		wantErr(t, err, ErrWrongLogin)
		if n := h.hash.computed.Load() - computed; n != 1 {
			t.Errorf("case %d: %d computations, want 1", i, n)
		}
		if first == "" {
			first = fmt.Sprint(err, all.Load())
		}
		if c.login != "known" || i == 0 { // the second time "known" has its rows already
			if got := fmt.Sprint(err, all.Load()); got != first {
				t.Errorf("case %d: answer and statements %q, want %q", i, got, first)
			}
		}
	}
	computed := h.hash.computed.Load()
	wantErr(t, h.try("disabled", goodPassword, here), ErrWrongLogin)
	if n := h.hash.computed.Load() - computed; n != 1 {
		t.Errorf("disabled with the right password: %d computations", n)
	}
}

func TestS45_FiveFaultsSlowDownOneNetwork(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	for i := range pairLimit {
		h.clock.Advance(time.Minute)
		if err := h.try("boss", "wrong-password-1", here); !errors.Is(err, ErrWrongLogin) {
			t.Fatalf("fault %d: %v", i+1, err)
		}
	}
	computed := h.hash.computed.Load()
	err := h.try("boss", goodPassword, here)
	wantErr(t, err, ErrTooMany)
	if f := fault.Of(err); f == nil || f.RetryAfter != faultWindow {
		t.Errorf("retry after %v, want %v", f, faultWindow)
	}
	if h.hash.computed.Load() != computed {
		t.Error("a refused attempt was computed")
	}
	if err := h.try("boss", goodPassword, there); err != nil {
		t.Errorf("strangers have locked the owner out: %v", err)
	}
	wantErr(t, h.try("nobody", "wrong-password-1", here), ErrWrongLogin) // another login from there
	restarted := newService(h.db, h.clock.Now)
	_, _, err = restarted.SignIn(t.Context(), SignInInput{Login: "boss", Password: goodPassword, IP: here})
	wantErr(t, err, ErrTooMany)
	h.clock.Advance(faultWindow - time.Millisecond)
	wantErr(t, h.try("boss", goodPassword, here), ErrTooMany)
	h.clock.Advance(time.Millisecond)
	if err := h.try("boss", goodPassword, here); err != nil {
		t.Errorf("after the slow-down: %v", err)
	}
}

func TestS45_UnknownLoginsAreLimitedAlike(t *testing.T) {
	h := newHouse(t)
	for range pairLimit {
		wantErr(t, h.try("nobody", "wrong-password-1", here), ErrWrongLogin)
	}
	wantErr(t, h.try("nobody", "wrong-password-1", here), ErrTooMany)
}

func TestS45_OneNetworkAgainstManyLogins(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	for i := range networkLimit {
		if err := h.try(fmt.Sprintf("guess%d", i), "wrong-password-1", here); !errors.Is(err, ErrWrongLogin) {
			t.Fatalf("fault %d: %v", i+1, err)
		}
	}
	wantErr(t, h.try("guess-more", "wrong-password-1", here), ErrTooMany)
	wantErr(t, h.try("boss", goodPassword, "::ffff:"+here), ErrTooMany) // the same address, written otherwise
	if err := h.try("boss", goodPassword, there); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
}

func TestS45_ManyNetworksAgainstOneLoginOnlyDelay(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	var delays []time.Duration
	h.pause = func(_ context.Context, d time.Duration) error {
		delays = append(delays, d)
		return nil
	}
	for i := range 40 {
		if err := h.try("boss", "wrong-password-1", fmt.Sprintf("203.0.113.%d", i)); !errors.Is(err, ErrWrongLogin) {
			t.Fatalf("fault %d: %v", i+1, err)
		}
	}
	if len(delays) != 40-delayFrom || delays[0] != time.Second || delays[len(delays)-1] != maxDelay {
		t.Errorf("delays are %v", delays)
	}
	if err := h.try("boss", goodPassword, there); err != nil {
		t.Errorf("strangers have locked the owner out: %v", err)
	}
}

func TestS45_ParallelGuessesDoNotPassTheLimit(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	h.hash.wait = time.Minute
	var wrong, refused atomic.Int64
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			switch err := h.try("boss", "wrong-password-1", here); {
			case errors.Is(err, ErrWrongLogin):
				wrong.Add(1)
			case errors.Is(err, ErrTooMany):
				refused.Add(1)
			default:
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if wrong.Load() != pairLimit || refused.Load() != 40-pairLimit {
		t.Errorf("%d guesses were judged and %d refused, want %d and %d", wrong.Load(), refused.Load(), pairLimit, 40-pairLimit)
	}
}

func TestV27_OwnSignInsDoNotFeedTheLimit(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	h.user(t, "insider", RoleSales)
	for range networkLimit + 5 {
		if err := h.try("boss", goodPassword, here); err != nil {
			t.Fatal(err)
		}
	}
	// Nor may an insider's own successes make room for guesses at others.
	for i := range networkLimit {
		if err := h.try(fmt.Sprintf("guess%d", i/pairLimit), "wrong-password-1", here); !errors.Is(err, ErrWrongLogin) {
			t.Fatalf("guess %d: %v", i+1, err)
		}
		if i%pairLimit == pairLimit-1 {
			wantErr(t, h.try(fmt.Sprintf("guess%d", i/pairLimit), "wrong-password-1", here), ErrTooMany)
		}
		if err := h.try("insider", goodPassword, here); err != nil && i < networkLimit-1 {
			t.Fatal(err)
		}
	}
	wantErr(t, h.try("one-more", "wrong-password-1", here), ErrTooMany)
}

func TestASuccessForgetsEarlierFaults(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	for range 3 {
		for range pairLimit - 1 {
			wantErr(t, h.try("boss", "wrong-password-1", here), ErrWrongLogin)
		}
		if err := h.try("boss", goodPassword, here); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnAttemptThatIsNotJudgedDoesNotCount(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	h.hash.wait = time.Millisecond
	for range hashSlots {
		h.hash.slots <- struct{}{}
	}
	for range pairLimit * 2 {
		wantErr(t, h.try("boss", goodPassword, here), ErrBusy)
	}
	for range hashSlots {
		<-h.hash.slots
	}
	h.hash.wait = time.Minute
	if err := h.try("boss", goodPassword, here); err != nil {
		t.Error(err)
	}
	if n := modeltest.Count[model.SignInFailure](t, h.db, "failures <> 0"); n != 0 {
		t.Errorf("%d counts are not zero", n)
	}
}

func TestNetworks(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"2001:db8::1", "2001:db8::ffff:2", true}, // one /64
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"", "192.0.2.1", false},
	}
	for _, tt := range tests {
		if got := network(tt.a) == network(tt.b); got != tt.same {
			t.Errorf("%q and %q: got %v", tt.a, tt.b, got)
		}
	}
	if a, b := bucketsOf("a", "b"), bucketsOf("b", "a"); bytes.Equal(a.pair, b.pair) || bytes.Equal(a.login, a.network) {
		t.Error("different buckets are one")
	}
}

func TestWhatIsTypedAsLoginIsNotStored(t *testing.T) {
	h := newHouse(t)
	wantErr(t, h.try("my-secret-canary", "x", here), ErrWrongLogin)
	var rows []model.SignInFailure
	if err := h.db.Find(&rows).Error; err != nil || len(rows) != 3 {
		t.Fatalf("%d rows and %v", len(rows), err)
	}
	for _, r := range rows {
		if len(r.Bucket) != 32 || bytes.Contains(r.Bucket, []byte("canary")) {
			t.Errorf("bucket %q", r.Bucket)
		}
	}
}

func TestASignInUnderWayDoesNotSurviveANewPassword(t *testing.T) {
	for _, change := range []struct {
		name string
		do   func(h house, id int64) error
	}{
		{"password", func(h house, id int64) error { return h.SetPassword(context.Background(), id, "another-good-one") }},
		{"disable", func(h house, id int64) error { return h.Disable(context.Background(), id) }},
	} {
		t.Run(change.name, func(t *testing.T) {
			h := newHouse(t)
			row := h.user(t, "boss", RoleAdmin)
			proven, err := h.judge(t.Context(), bucketsOf("boss", here), "boss", goodPassword)
			if err != nil || proven == nil {
				t.Fatal(err)
			}
			if err := change.do(h, row.ID); err != nil {
				t.Fatal(err)
			}
			_, _, err = h.open(t.Context(), proven, SignInInput{}, bucketsOf("boss", here))
			wantErr(t, err, ErrWrongLogin)
			if n := modeltest.Count[model.Session](t, h.db); n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

func TestSignInsAndNewPasswordsAtOnce(t *testing.T) {
	h := newHouse(t)
	row := h.user(t, "boss", RoleAdmin)
	h.hash.wait = time.Minute
	const next = "another-good-one"
	tokens := make([]string, 12)
	var all sync.WaitGroup
	for i := range tokens {
		all.Go(func() {
			var err error
			tokens[i], _, err = h.SignIn(context.Background(), SignInInput{Login: "boss", Password: goodPassword, IP: fmt.Sprintf("203.0.113.%d", i)})
			if err != nil && !errors.Is(err, ErrWrongLogin) {
				t.Error(err)
			}
		})
		if i%4 == 3 {
			all.Go(func() {
				if err := h.SetPassword(context.Background(), row.ID, next); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for _, token := range tokens {
		if token != "" && h.alive(t, token) {
			t.Error("a session with the former password is alive")
		}
	}
	if err := h.try("boss", next, there); err != nil {
		t.Errorf("the last password: %v", err)
	}
}

func TestChangePassword(t *testing.T) {
	h := newHouse(t)
	row := h.user(t, "boss", RoleAdmin)
	token, _ := h.signIn(t, "boss")
	change := func(present, password string) error {
		return h.ChangePassword(t.Context(), row.ID, present, password, here)
	}
	wantErr(t, change("wrong-password-1", "another-good-one"), ErrWrongPassword)
	wantErr(t, change(goodPassword, "short"), ErrWeakPassword)
	if err := change(goodPassword, "another-good-one"); err != nil {
		t.Fatal(err)
	}
	_, err := h.Authenticate(t.Context(), token)
	wantErr(t, err, ErrSessionEnded)
	wantErr(t, h.try("boss", goodPassword, there), ErrWrongLogin)
	if err := h.try("boss", "another-good-one", there); err != nil {
		t.Error(err)
	}
	for range pairLimit {
		wantErr(t, change("wrong-password-1", "one-more-good-one"), ErrWrongPassword)
	}
	wantErr(t, change("another-good-one", "one-more-good-one"), ErrTooMany)
	modeltest.Create(t, h.db, &model.Staff{AccountID: 1, UserID: "mirrored"})
	wantErr(t, h.ChangePassword(t.Context(), row.ID+1, "x", "one-more-good-one", here), ErrNoLogin)
}

func TestPruneForgetsVoidCounts(t *testing.T) {
	h := newHouse(t)
	h.user(t, "boss", RoleAdmin)
	wantErr(t, h.try("boss", "wrong-password-1", here), ErrWrongLogin)
	h.clock.Advance(faultWindow - time.Millisecond)
	for i, want := range []int64{3, 0, 0} {
		if err := h.PruneSessions(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := modeltest.Count[model.SignInFailure](t, h.db); n != want {
			t.Errorf("run %d: %d counts, want %d", i, n, want)
		}
		h.clock.Advance(time.Millisecond)
	}
}

// replicas gives two services over one database, as two processes would have.
func replicas(t *testing.T) (a, b house) {
	t.Helper()
	c := clock.NewFake(noon)
	dsn := modeltest.DSN(t)
	open := func() house {
		db := modeltest.Open(t, dsn)
		return house{newService(db, c.Now), db, c}
	}
	return open(), open()
}
