package simulator

import (
	"encoding/base64"
	"strings"
	"testing"
)

// The vector of the platform contract, on which two independent implementations agree.
func TestKnownAnswer(t *testing.T) {
	const key = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
	got, err := sealMessage(key, [16]byte([]byte("0123456789abcdef")), "<xml><Event>ping</Event><N>世界</N></xml>", "wwsim0000000000001")
	if err != nil {
		t.Fatal(err)
	}
	want := "sKqRbbiSUnDhFHOvPjtUMdJcVs6Iaya7FCcD3uW9OHy5iAIzO3nrDTLBAYoGIr17R++MHTzqJnnB/LVkJHJluok56E0ETCdiLXfCwo1acrEqp8YcW2jQzv2s8YNA/JM7"
	if got != want {
		t.Errorf("Encrypt = %s\nwant      %s", got, want)
	}
	if s := sign("simtoken", "1700000000", "n0nce", want); s != "4050a30e4fdb4377d268151f77ae764f9c090d07" {
		t.Errorf("msg_signature = %s", s)
	}
}

// Every pad from 1 to 32 occurs and comes back, also those that a 16-byte unpadder refuses.
func TestEveryPad(t *testing.T) {
	w := newWorld(1)
	key := w.aesKey("pads")
	pads := map[int]bool{}
	for n := range 64 {
		msg := strings.Repeat("x", n)
		sealed, err := sealMessage(key, [16]byte{}, msg, "wwsim0000000000001")
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := base64.StdEncoding.DecodeString(sealed)
		if len(raw)%32 != 0 {
			t.Fatalf("length %d: cipher text of %d bytes", n, len(raw))
		}
		got, receiver, err := unseal(key, sealed)
		if err != nil || got != msg || receiver != "wwsim0000000000001" {
			t.Fatalf("length %d: got %q for %q, %v", n, got, receiver, err)
		}
		pads[len(raw)-(16+4+n+18)] = true
	}
	for pad := 1; pad <= 32; pad++ {
		if !pads[pad] {
			t.Errorf("pad %d never occurred", pad)
		}
	}
}

func TestBadKeyIsRefused(t *testing.T) {
	for _, key := range []string{"", "short", strings.Repeat("!", 43), strings.Repeat("A", 44)} {
		if _, err := sealMessage(key, [16]byte{}, "x", "y"); err == nil {
			t.Errorf("key %q accepted", key)
		}
	}
}
