package staff

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/wecom"
)

// oauth stands for the platform: a code is somebody's user id, once.
type oauth struct {
	mu   sync.Mutex
	used map[string]bool
	err  error
}

func (o *oauth) UserFromCode(_ context.Context, code string) (*wecom.User, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.err != nil:
		return nil, o.err
	case o.used[code]:
		return nil, wecom.ErrLoginCode
	case strings.HasPrefix(code, "guest"):
		return &wecom.User{OpenID: "o1", ExternalUserID: "wm1"}, nil
	}
	o.used[code] = true
	userID, _, _ := strings.Cut(code, "-")
	return &wecom.User{UserID: userID}, nil
}

// door is a house with a corp whose members sign in by WeCom.
type door struct {
	house
	platform *oauth
}

func newDoor(t *testing.T) door {
	t.Helper()
	d := door{newHouse(t), &oauth{used: map[string]bool{}}}
	d.options.Corp = func(string) Corp { return d.platform }
	modeltest.Create(t, d.db, &model.Staff{ID: 7, AccountID: 1, UserID: "ann", Name: "安", PlatformStatus: 1, CreatedAt: noon, UpdatedAt: noon})
	return d
}

func (d door) begin(t *testing.T, browser string) *Begun {
	t.Helper()
	b, err := d.Begin(t.Context(), BeginInput{AccountID: 1, Face: FaceSidebar, Page: "customer", Browser: browser})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (d door) back(b *Begun, code string) (string, *Viewer, string, error) {
	return d.Return(context.Background(), ReturnInput{
		State: b.State, Browser: b.Browser, Code: code, Face: FaceSidebar, UserAgent: "wxwork",
		Account: func(_ context.Context, id int64) (*model.Account, error) {
			return &model.Account{ID: id, Name: "acme"}, nil
		},
	})
}

func TestS33_S34_SignInByWeCom(t *testing.T) {
	d := newDoor(t)
	b := d.begin(t, "")
	token, v, page, err := d.back(b, "Ann-1") // the platform ignores case
	if err != nil {
		t.Fatal(err)
	}
	if v.StaffID != 7 || v.AccountID != 1 || v.Face != FaceSidebar || page != "customer" || len(token) != 43 {
		t.Errorf("got %+v, page %q", v, page)
	}
	again, err := d.Authenticate(t.Context(), token)
	if err != nil || again.StaffID != 7 || again.Face != FaceSidebar {
		t.Errorf("authenticated: %+v, %v", again, err)
	}
	_, _, _, err = d.back(b, "ann-2")
	wantErr(t, err, ErrState) // once
	_, _, _, err = d.back(d.begin(t, ""), "Ann-1")
	wantErr(t, err, ErrCode)
	_, _, _, err = d.back(d.begin(t, ""), "guest")
	wantErr(t, err, ErrNotMember)
	_, _, _, err = d.back(d.begin(t, ""), "stranger-1")
	wantErr(t, err, ErrNotSynced)
	_, _, _, err = d.back(d.begin(t, ""), strings.Repeat("c", 513))
	wantErr(t, err, ErrCode)
}

func TestS33_TheStateIsBound(t *testing.T) {
	d := newDoor(t)
	mine, other := d.begin(t, ""), d.begin(t, "")
	if mine.State == other.State || mine.Browser == other.Browser || len(mine.State) < 32 {
		t.Errorf("not random: %+v, %+v", mine, other)
	}
	for name, b := range map[string]*Begun{
		"of another browser": {other.State, mine.Browser}, "without a browser": {mine.State, ""}, "invented": {"abc", mine.Browser}, "none": {"", ""},
	} {
		if _, _, _, err := d.back(b, "ann-1"); !errors.Is(err, ErrState) {
			t.Errorf("a state %s: %v", name, err)
		}
	}
	if len(d.platform.used) != 0 {
		t.Error("the platform was asked about a code that came with a wrong state")
	}
	_, _, _, err := d.Return(t.Context(), ReturnInput{State: mine.State, Browser: mine.Browser, Code: "ann-1", Face: FaceConsole})
	wantErr(t, err, ErrState)
	// Two pages of one browser begin side by side.
	second := d.begin(t, mine.Browser)
	if second.Browser != mine.Browser {
		t.Error("the browser got another name")
	}
	if third := d.begin(t, "short"); third.Browser == "short" {
		t.Error("an invented browser was kept")
	}
	for _, b := range []*Begun{mine, second} {
		if _, _, _, err := d.back(b, "ann-"+b.State); err != nil {
			t.Error(err)
		}
	}
	d.clock.Advance(5*time.Minute - time.Millisecond)
	if _, _, _, err := d.back(other, "ann-late"); err != nil {
		t.Errorf("just in time: %v", err)
	}
	late := d.begin(t, "")
	d.clock.Advance(5 * time.Minute)
	_, _, _, err = d.back(late, "ann-5")
	wantErr(t, err, ErrState)
	if err := d.PruneSessions(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := modeltest.Count[model.SignInState](t, d.db); n != 0 {
		t.Errorf("%d states are left", n)
	}
}

func TestS33_ARacedStateSignsInOnce(t *testing.T) {
	d := newDoor(t)
	b := d.begin(t, "")
	var entered atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, _, _, err := d.back(b, "ann-"+strings.Repeat("x", i+1)); err == nil {
				entered.Add(1)
			}
		})
	}
	all.Wait()
	if entered.Load() != 1 {
		t.Errorf("%d came in by one state", entered.Load())
	}
}

func TestS38_WhoMayNotSignInByWeCom(t *testing.T) {
	d := newDoor(t)
	b := d.begin(t, "")
	token, _, _, err := d.back(b, "ann-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Disable(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	if d.alive(t, token) {
		t.Error("the session outlived the right to sign in")
	}
	_, _, _, err = d.back(d.begin(t, ""), "ann-2")
	wantErr(t, err, ErrNoSignIn)
	for platform, want := range map[error]error{
		wecom.ErrBusy: ErrPlatform, wecom.ErrInDoubt: ErrPlatform, wecom.ErrRateLimited: ErrPlatform, wecom.ErrCredentials: ErrRefused, wecom.ErrNoPermission: ErrRefused,
	} {
		d.platform.err = platform
		_, _, _, err = d.back(d.begin(t, ""), "ann-3")
		wantErr(t, err, want)
	}
}
