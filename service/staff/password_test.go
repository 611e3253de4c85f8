package staff

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestS44_PasswordRules(t *testing.T) {
	tests := []struct {
		name, password string
		ok             bool
	}{
		{"eleven characters", "tea-and-sev", false},
		{"twelve characters", "tea-and-seve", true},
		{"twelve Chinese characters", "春江潮水连海平海上明月共", true},
		{"eleven Chinese characters of 33 bytes", "春江潮水连海平海上明月", false},
		{"equal to the login", "li.lei@teashop", false},
		{"equal to the login but for case", "Li.Lei@TeaShop", false},
		{"a common one", "1qaz2wsx3edc", false},
		{"a common one in other case", "1QAZ2wsx3edc", false},
		{"a common word with digits", "password2026", false},
		{"a common word between signs", "!!2026Passw0rd!!", false},
		{"one character", strings.Repeat("a", 20), false},
		{"four characters", "abababcdcdcd", false},
		{"a sentence around a common word", "the password is plum", true},
		{"too long", strings.Repeat("long enough ", 100), false},
		{"not text", "tea-and-seven\xff-plums", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := checkPassword(tt.password, "li.lei@teashop")
			if tt.ok != (err == nil) || err != nil && !errors.Is(err, ErrWeakPassword) {
				t.Errorf("got error %v", err)
			}
			if err != nil && strings.Contains(err.Error(), tt.password) {
				t.Error("the error holds the password")
			}
		})
	}
}

func TestCommonPasswordsAreUsable(t *testing.T) {
	if n := len(common()); n < 200 {
		t.Errorf("only %d entries", n)
	}
	for p := range common() {
		if p != strings.ToLower(p) {
			t.Errorf("%q is not lower case, so it never matches", p)
		}
	}
}

func TestHashesOfOnePasswordDifferAndMatch(t *testing.T) {
	h := newHasher(cheap)
	first, err := h.make(t.Context(), goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.make(t.Context(), goodPassword)
	if err != nil || first == second {
		t.Errorf("two hashes with one salt, or error %v", err)
	}
	for password, want := range map[string]bool{goodPassword: true, goodPassword + " ": false, "": false} {
		if got, err := h.matches(t.Context(), password, first); err != nil || got != want {
			t.Errorf("%q: got %v and %v", password, got, err)
		}
	}
	if strings.Contains(first, goodPassword) || !strings.HasPrefix(first, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("got %s", first)
	}
}

// TestKnownHash holds ours against a test vector of the reference implementation.
func TestKnownHash(t *testing.T) {
	h := newHasher(cheap)
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := h.matches(t.Context(), "password", known); err != nil || !ok {
		t.Errorf("got %v and %v", ok, err)
	}
}

func TestTheRealCostIsWhatIsPromised(t *testing.T) {
	if argonCost.memory != 64<<10 || argonCost.passes < 1 || argonCost.passes > 3 || argonCost.threads != 2 {
		t.Errorf("cost is %+v", argonCost)
	}
	h := newHasher(argonCost)
	begun := time.Now()
	text, err := h.make(t.Context(), goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("one password takes %v", time.Since(begun))
	if ok, err := h.matches(t.Context(), goodPassword, text); err != nil || !ok {
		t.Errorf("got %v and %v", ok, err)
	}
}

func TestUnreadableHashes(t *testing.T) {
	h := newHasher(cheap)
	good, err := h.make(t.Context(), goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":            "",
		"another function": strings.Replace(good, "argon2id", "argon2i", 1),
		"another version":  strings.Replace(good, "v=19", "v=16", 1),
		"too much memory":  strings.Replace(good, "m=64", "m=4294967295", 1),
		"too many passes":  strings.Replace(good, "t=1", "t=1000000", 1),
		"no thread":        strings.Replace(good, "p=1", "p=0", 1),
		"too many threads": strings.Replace(good, "p=1", "p=256", 1),
		"cut":              good[:len(good)-4],
	} {
		before := h.computed.Load()
		if ok, err := h.matches(t.Context(), goodPassword, text); ok || err == nil {
			t.Errorf("%s: got %v and %v", name, ok, err)
		}
		if h.computed.Load() != before {
			t.Errorf("%s: computed nevertheless", name)
		}
	}
}

func TestAStormOfSignInsIsBounded(t *testing.T) {
	h := newHasher(cheap)
	h.wait = 20 * time.Millisecond
	for range hashSlots {
		h.slots <- struct{}{} // as many are computing as may
	}
	_, err := h.matches(t.Context(), goodPassword, h.decoy)
	wantErr(t, err, ErrBusy)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = h.matches(ctx, goodPassword, h.decoy)
	wantErr(t, err, context.Canceled)
	if n := h.computed.Load(); n != 0 {
		t.Errorf("%d passwords computed beyond the bound", n)
	}
	<-h.slots
	h.wait = time.Minute
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := h.matches(t.Context(), goodPassword, h.decoy); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n, taken := h.computed.Load(), len(h.slots); n != 20 || taken != hashSlots-1 {
		t.Errorf("%d computed, %d slots taken at the end", n, taken)
	}
}
