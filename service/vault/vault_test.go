package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

var (
	oldKey  = bytes.Repeat([]byte("o"), 32)
	nextKey = bytes.Repeat([]byte("n"), 32)
	here    = Place{"identity", "sealed_value", "17"}
)

func mustNew(t *testing.T, keys ...[]byte) *Vault {
	t.Helper()
	v, err := New(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSealAndOpen(t *testing.T) {
	v := mustNew(t, nextKey)
	for _, text := range []string{"a", "+8613800138000", strings.Repeat("知音", 500)} {
		sealed := v.Seal(text, here)
		if len(sealed) != len(text)+33 || bytes.Contains(sealed, []byte(text)) && len(text) > 1 {
			t.Errorf("sealed %q has %d bytes", text, len(sealed))
		}
		if got, err := v.Open(sealed, here); got != text || err != nil {
			t.Errorf("opened %q: %v", got, err)
		}
	}
	if v.Seal("", here) != nil {
		t.Error("an empty text is not NULL")
	}
	if got, err := v.Open(nil, here); got != "" || err != nil {
		t.Errorf("NULL opens as %q: %v", got, err)
	}
	if bytes.Equal(v.Seal("x", here), v.Seal("x", here)) {
		t.Error("a nonce was used twice")
	}
}

// TestP9_ASealedValueOpensOnlyWhereItStands: moved to another row, column or table, cut or changed, it
// is refused.
func TestP9_ASealedValueOpensOnlyWhereItStands(t *testing.T) {
	v := mustNew(t, nextKey)
	sealed := v.Seal("+8613800138000", here)
	for name, at := range map[string]Place{
		"another row": {"identity", "sealed_value", "18"}, "another column": {"identity", "value", "17"}, "another table": {"customer", "sealed_value", "17"},
	} {
		if _, err := v.Open(sealed, at); !errors.Is(err, ErrUnreadable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := v.Open(changed, here); err == nil {
			t.Errorf("byte %d changed, and it opens", i)
		}
		if _, err := v.Open(sealed[:i], here); err == nil && i > 0 {
			t.Errorf("cut to %d bytes, it opens", i)
		}
	}
}

func TestSeveralKeysOpenAndOneSeals(t *testing.T) {
	before := mustNew(t, oldKey)
	sealed := before.Seal("x", here)
	during := mustNew(t, nextKey, oldKey)
	if got, err := during.Open(sealed, here); got != "x" || err != nil {
		t.Errorf("the older key's value: %q, %v", got, err)
	}
	if during.Current(sealed) || !during.Current(during.Seal("x", here)) || !during.Current(nil) {
		t.Error("wrong about what is to be sealed anew")
	}
	if _, err := mustNew(t, nextKey).Open(sealed, here); !errors.Is(err, ErrWrongKey) {
		t.Errorf("without the older key: %v", err)
	}
	all := during.Indexes("phone", "", "x")
	if len(all) != 2 || all[0] != during.Index("phone", "", "x") || all[1] != before.Index("phone", "", "x") {
		t.Errorf("indexes %v", all)
	}
	for _, bad := range [][]byte{nil, oldKey[:31], append(oldKey, 'x')} {
		if _, err := New(bad); err == nil {
			t.Errorf("a key of %d bytes was taken", len(bad))
		}
	}
	if _, err := New(); err == nil {
		t.Error("no key was taken")
	}
}

// TestP10_IndexNeedsItsKey: equal values have equal indexes within a column and a scope and nowhere else,
// and whoever has the index alone finds no number by trying numbers.
func TestP10_IndexNeedsItsKey(t *testing.T) {
	v := mustNew(t, nextKey)
	const number = "+8613800138000"
	index := v.Index("phone", "ww1", number)
	if index != v.Index("phone", "ww1", number) || len(index) != 43 {
		t.Errorf("index %q", index)
	}
	for name, other := range map[string]string{
		"another number": v.Index("phone", "ww1", "+8613800138001"), "another scope": v.Index("phone", "ww2", number),
		"another column": v.Index("member_number", "ww1", number), "another key": mustNew(t, oldKey).Index("phone", "ww1", number),
	} {
		if other == index {
			t.Errorf("%s: the same index", name)
		}
	}
	// A million plain hashes of the numbers around it, as a thief of the database would try.
	buf := []byte("+8613800000000")
	for n := range 1_000_000 {
		for i, rest := len(buf)-1, n; i >= len(buf)-6; i, rest = i-1, rest/10 {
			buf[i] = byte('0' + rest%10)
		}
		sum := sha256.Sum256(buf)
		if base64.RawURLEncoding.EncodeToString(sum[:]) == index {
			t.Fatal("the index is a plain hash")
		}
	}
}
