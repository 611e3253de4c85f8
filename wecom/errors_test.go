package wecom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestClassify(t *testing.T) {
	tests := []struct {
		host  string
		class Class
		codes []int
	}{
		{qyapi, ClassBusy, []int{-1, 6000, 41096}},
		{qyapi, ClassToken, []int{40014, 42001, 41001}},
		{weixin, ClassToken, []int{40001, 40014, 42001}},
		{qyapi, ClassCredential, []int{40001, 40013, 40091, 45031}},
		{weixin, ClassCredential, []int{40125, 40164, 40013}},
		{qyapi, ClassRate, []int{45009, 45033, 45011, 44990}},
		{qyapi, ClassPermission, []int{48002, 60011, 301002, 60020, 50001, 50003, 95017, 84074, 81011}},
		{qyapi, ClassBadInput, []int{40058, 40035, 40063, 40068, 40071, 40072, 40096, 40003, 40031, 41002, 41004, 47001, 47003, 45029, 40206}},
		{qyapi, ClassNotFound, []int{60111, 60003, 60123, 86003, 41044, 41047, 41060, 41070, 41075, 95004, 40007}},
		{qyapi, ClassRelation, []int{84061, 84083, 84084}},
		{qyapi, ClassBusiness, []int{41050, 41051, 41053, 41045, 41048, 40029, 90501, 99999}},
	}
	for _, tt := range tests {
		for _, code := range tt.codes {
			if got := classify(tt.host, code); got != tt.class {
				t.Errorf("%s %d: got %s, want %s", tt.host, code, got, tt.class)
			}
		}
	}
}

func TestErrorIs(t *testing.T) {
	for code, want := range map[int]error{
		84061: ErrNotCustomer, 41050: ErrCodeExpired, 41051: ErrAlreadyWelcomed, 41096: ErrWelcomeInFlight, 41044: ErrNotFound,
		60020: ErrIPNotTrusted, 40071: ErrNameTaken, 40029: ErrLoginCode, 45009: ErrRateLimited, 40068: ErrTagGone, 40007: ErrMediaGone,
	} {
		err := fmt.Errorf("wrapped: %w", &Error{API: "x", Code: code, Class: classify(qyapi, code)})
		if !errors.Is(err, want) || CodeOf(err) != code {
			t.Errorf("%d is not %q", code, want)
		}
		if errors.Is(err, ErrInDoubt) {
			t.Errorf("%d is in doubt", code)
		}
	}
	if CodeOf(nil) != 0 || CodeOf(errors.New("x")) != 0 {
		t.Error("a code where there is none")
	}
}

func TestErrorRetryable(t *testing.T) {
	for class, want := range map[Class]bool{
		ClassBusy: true, ClassRate: true, ClassToken: true, ClassUnknown: false, ClassBusiness: false,
		ClassPermission: false, ClassCredential: false, ClassBadInput: false, ClassNotFound: false, ClassRelation: false,
	} {
		if got := (&Error{Class: class}).Retryable(); got != want {
			t.Errorf("%s: %v", class, got)
		}
	}
	if !(&Error{Class: ClassUnknown, repeatable: true}).Retryable() {
		t.Error("a call that does no harm twice may be repeated when in doubt")
	}
}

func TestSecretShowsNothing(t *testing.T) {
	s := Secret("canary-secret")
	var log bytes.Buffer
	newTextLogger(&log).Info("x", "secret", s, "in", Credential{CorpID: "ww", Secret: s}, "any", slog.AnyValue(&s))
	encoded, err := json.Marshal(map[string]any{"a": s, "b": Credential{Secret: s}, "c": Session{SessionKey: s}})
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		shown += fmt.Sprintf(verb+verb, s, Credential{Secret: s})
	}
	shown += s.String()
	for _, hidden := range []string{"canary", fmt.Sprintf("%x", "canary"), fmt.Sprintf("%X", "canary")} {
		if strings.Contains(shown, hidden) {
			t.Errorf("%q is shown in %s", hidden, shown)
		}
	}
	if s.Reveal() != "canary-secret" {
		t.Error("the secret cannot be read on purpose")
	}
}

func TestMessagesAreShortAndClean(t *testing.T) {
	long := "invalid userid\n, hint: [123], from ip: 1.2.3.4, more info at https://open.work.weixin.qq.com/x" + strings.Repeat("x", 500)
	if got := shorten(long); got != "invalid userid, hint: [123], from ip: 1.2.3.4" {
		t.Errorf("got %q", got)
	}
	if got := shorten(strings.Repeat("世", 500)); got != strings.Repeat("世", 120) {
		t.Errorf("got %d bytes", len(got))
	}
	if got := redact("see access_token=abc&js_code=d+e&x=1 secret=s", nil); got != "see access_token=[redacted]&js_code=[redacted]&x=1 secret=[redacted]" {
		t.Errorf("got %q", got)
	}
}

func TestTimeAndNumber(t *testing.T) {
	for text, want := range map[string]time.Time{
		"1700000000": time.Unix(1700000000, 0).UTC(), `"1700000000"`: time.Unix(1700000000, 0).UTC(), "0": {}, `""`: {}, "null": {},
	} {
		var got Time
		if err := json.Unmarshal([]byte(text), &got); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{`"x"`, "1.5", "{}", "true"} {
		var n Number
		if err := json.Unmarshal([]byte(bad), &n); err == nil {
			t.Errorf("%s was read as %d", bad, n)
		}
	}
	if b, err := json.Marshal([]Time{{}, {time.Unix(7, 0)}}); err != nil || string(b) != "[0,7]" {
		t.Errorf("got %s, %v", b, err)
	}
}
