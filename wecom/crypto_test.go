package wecom

import (
	"bytes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/silenceper/wechat/v2/util"
)

const (
	knownToken  = "simtoken"
	knownKey    = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
	knownCorp   = "wwsim0000000000001"
	knownText   = "<xml><Event>ping</Event><N>世界</N></xml>"
	knownSealed = "sKqRbbiSUnDhFHOvPjtUMdJcVs6Iaya7FCcD3uW9OHy5iAIzO3nrDTLBAYoGIr17R++MHTzqJnnB/LVkJHJluok56E0ETCdiLXfCwo1acrEqp8YcW2jQzv2s8YNA/JM7"
	knownSign   = "4050a30e4fdb4377d268151f77ae764f9c090d07"
)

func newKnownCrypto(t testing.TB) *Crypto {
	t.Helper()
	c, err := NewCrypto(knownToken, knownKey, knownCorp)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The vector that two independent implementations agree on.
func TestCryptoKnownAnswer(t *testing.T) {
	c := newKnownCrypto(t)
	if got := c.Sign("1700000000", "n0nce", knownSealed); got != knownSign {
		t.Errorf("signature %s, want %s", got, knownSign)
	}
	if !c.Verify(knownSign, "1700000000", "n0nce", knownSealed) {
		t.Error("the signature is refused")
	}
	if got, err := c.Decrypt(knownSealed); err != nil || string(got) != knownText {
		t.Errorf("got %q, %v", got, err)
	}
	if got := c.encrypt([16]byte([]byte("0123456789abcdef")), []byte(knownText)); got != knownSealed {
		t.Errorf("encrypted to %s", got)
	}
}

// The SDK, which others use against the platform, understands what we write and the reverse.
func TestCryptoAgreesWithSDK(t *testing.T) {
	c := newKnownCrypto(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	for size := range 300 {
		message := make([]byte, size)
		for i := range message {
			message[i] = byte(rnd.Uint32())
		}
		_, theirs, err := util.DecryptMsg(knownCorp, c.Encrypt(message), knownKey)
		if err != nil || !bytes.Equal(theirs, message) {
			t.Fatalf("size %d: the SDK reads %q, %v", size, theirs, err)
		}
		random := make([]byte, 16)
		sealed, err := util.EncryptMsg(random, message, knownCorp, knownKey)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := c.Decrypt(string(sealed))
		if err != nil || !bytes.Equal(ours, message) {
			t.Fatalf("size %d: we read %q, %v", size, ours, err)
		}
		stamp, nonce := hex.EncodeToString(message[:min(5, size)]), "n"+base64.StdEncoding.EncodeToString(message[:min(9, size)])
		if want := util.Signature(knownToken, stamp, nonce, string(sealed)); c.Sign(stamp, nonce, string(sealed)) != want {
			t.Fatalf("size %d: signatures differ", size)
		}
		if !c.VerifyPlain(util.Signature(knownToken, stamp, nonce), stamp, nonce) {
			t.Fatalf("size %d: plain signatures differ", size)
		}
	}
}

func TestS01_EveryFlippedBitIsRefused(t *testing.T) {
	c := newKnownCrypto(t)
	flip := func(s string, check func(string)) {
		for i := range len(s) * 8 {
			b := []byte(s)
			b[i/8] ^= 1 << (i % 8)
			check(string(b))
		}
	}
	refused := func(name string) func(bool) {
		return func(ok bool) {
			if ok {
				t.Errorf("a changed %s was accepted", name)
			}
		}
	}
	flip(knownSign, func(s string) { refused("signature")(c.Verify(s, "1700000000", "n0nce", knownSealed)) })
	flip("1700000000", func(s string) { refused("timestamp")(c.Verify(knownSign, s, "n0nce", knownSealed)) })
	flip("n0nce", func(s string) { refused("nonce")(c.Verify(knownSign, "1700000000", s, knownSealed)) })
	flip(knownSealed, func(s string) { refused("message")(c.Verify(knownSign, "1700000000", "n0nce", s)) })
	other, err := NewCrypto("simtokeN", knownKey, knownCorp)
	if err != nil || other.Verify(knownSign, "1700000000", "n0nce", knownSealed) {
		t.Error("another token accepted the signature")
	}
	for _, s := range []string{"", knownSign[:39], knownSign + "0", strings.ToUpper(knownSign)} {
		refused("form of the signature")(c.Verify(s, "1700000000", "n0nce", knownSealed))
	}
}

// seal encrypts bytes as they are, so that a test can break each rule alone.
func (c *Crypto) seal(plain []byte) string {
	data := bytes.Clone(plain)
	cipher.NewCBCEncrypter(c.block, c.iv[:]).CryptBlocks(data, data)
	return base64.StdEncoding.EncodeToString(data)
}

func TestS03_AllFailuresLookTheSame(t *testing.T) {
	c := newKnownCrypto(t)
	// plain builds 96 bytes: head, message and receiver, then padding.
	plain := func(length uint32, pad func(p []byte)) string {
		p := make([]byte, 96)
		for i := 81; i < 96; i++ {
			p[i] = 15
		}
		p[16], p[17], p[18], p[19] = byte(length>>24), byte(length>>16), byte(length>>8), byte(length)
		copy(p[20:], knownText)
		copy(p[20+len(knownText):], knownCorp)
		if pad != nil {
			pad(p)
		}
		return c.seal(p)
	}
	if _, err := c.Decrypt(plain(uint32(len(knownText)), nil)); err != nil {
		t.Fatal("the unbroken message is refused: the test shows nothing")
	}
	long := uint32(len(knownText))
	tests := map[string]string{
		"empty":                  "",
		"not base64":             "****",
		"base64 without padding": strings.TrimRight(base64.StdEncoding.EncodeToString(make([]byte, 32)), "="),
		"line breaks":            knownSealed[:64] + "\n" + knownSealed[64:],
		"loose last bits":        "AB==",
		"one block of 16":        base64.StdEncoding.EncodeToString(make([]byte, 16)),
		"48 bytes":               base64.StdEncoding.EncodeToString(make([]byte, 48)),
		"padding 0":              plain(long, func(p []byte) { p[95] = 0 }),
		"padding 33":             plain(long, func(p []byte) { p[95] = 33 }),
		"padding 255":            plain(long, func(p []byte) { p[95] = 255 }),
		"uneven padding":         plain(long, func(p []byte) { p[90] = 14 }),
		"length beyond":          plain(1000, nil),
		"length 2^32-1":          plain(1<<32-1, nil),
		"length too small":       plain(long-1, nil),
		"length too large":       plain(long+1, nil),
		"other receiver":         plain(long, func(p []byte) { p[80] ^= 1 }),
		"receiver in other case": plain(long, func(p []byte) { p[20+len(knownText)] = 'W' }),
		"all padding":            c.seal(bytes.Repeat([]byte{32}, 32)),
	}
	for name, sealed := range tests {
		got, err := c.Decrypt(sealed)
		if !errors.Is(err, ErrRefused) || err.Error() != ErrRefused.Error() || got != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for i := range len(knownSealed) * 8 { // whatever bit is wrong
		b := []byte(knownSealed)
		b[i/8] ^= 1 << (i % 8)
		if got, err := c.Decrypt(string(b)); err == nil && string(got) == knownText {
			t.Errorf("bit %d changes nothing", i)
		} else if err != nil && err.Error() != ErrRefused.Error() {
			t.Errorf("bit %d: %v", i, err)
		}
	}
}

func TestCryptoAllPaddings(t *testing.T) {
	c := newKnownCrypto(t)
	pads := map[byte]bool{}
	for size := range 64 {
		message := bytes.Repeat([]byte("x"), size)
		sealed := c.Encrypt(message)
		raw, _ := base64.StdEncoding.DecodeString(sealed)
		cipher.NewCBCDecrypter(c.block, c.iv[:]).CryptBlocks(raw, raw)
		pads[raw[len(raw)-1]] = true
		if got, err := c.Decrypt(sealed); err != nil || !bytes.Equal(got, message) {
			t.Errorf("size %d: %v", size, err)
		}
	}
	if len(pads) != 32 || pads[0] || !pads[32] {
		t.Errorf("paddings seen: %v", pads)
	}
	if first, second := c.Encrypt(nil), c.Encrypt(nil); first == second {
		t.Error("two messages have the same random bytes")
	}
}

func TestNewCryptoRefusesBadKeys(t *testing.T) {
	for _, bad := range []string{"", knownKey[:42], knownKey + "a", strings.Repeat("*", 43), knownKey[:42] + "="} {
		if _, err := NewCrypto(knownToken, bad, knownCorp); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("key %q: %v", bad, err)
		}
	}
	if _, err := NewCrypto("", knownKey, knownCorp); err == nil {
		t.Error("no token was accepted")
	}
	if _, err := NewCrypto(knownToken, knownKey, ""); err == nil {
		t.Error("no receiver was accepted")
	}
}

func FuzzDecrypt(f *testing.F) {
	f.Add(knownSealed)
	f.Add("")
	c := newKnownCrypto(f)
	f.Fuzz(func(t *testing.T, sealed string) {
		if got, err := c.Decrypt(sealed); err != nil && (got != nil || !errors.Is(err, ErrRefused)) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// BenchmarkCallback is what the callback's hot path costs here: ≤ 20 µs for a message of 650 bytes,
// which travels as 950.
func BenchmarkCallback(b *testing.B) {
	c := newKnownCrypto(b)
	sealed := c.Encrypt(bytes.Repeat([]byte("x"), 650))
	sign := c.Sign("1700000000", "n0nce", sealed)
	b.ReportAllocs()
	for b.Loop() {
		if !c.Verify(sign, "1700000000", "n0nce", sealed) {
			b.Fatal("refused")
		}
		if _, err := c.Decrypt(sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCallbackSDK(b *testing.B) {
	c := newKnownCrypto(b)
	sealed := c.Encrypt(bytes.Repeat([]byte("x"), 650))
	b.ReportAllocs()
	for b.Loop() {
		_ = util.Signature(knownToken, "1700000000", "n0nce", sealed)
		if _, _, err := util.DecryptMsg(knownCorp, sealed, knownKey); err != nil {
			b.Fatal(err)
		}
	}
}
