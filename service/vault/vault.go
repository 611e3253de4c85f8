// Package vault keeps what is secret or personal out of the database's sight: values are sealed with
// AES-256-GCM, and those that must be found by their value get a blind index, a keyed hash. Keys come
// from outside the database, so that a dump of it gives away neither values nor their indexes.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// What can be wrong with a sealed value.
var (
	// ErrWrongKey: none of the keys at hand has sealed it.
	ErrWrongKey = errors.New("vault: sealed with another key")
	// ErrUnreadable: it was damaged, or it stood in another place when it was sealed.
	ErrUnreadable = errors.New("vault: the sealed value is damaged or misplaced")
)

// A sealed value is version (1 byte) · key id (4) · nonce (12) · cipher text and tag. The key id tells
// a wrong key from a damaged value, and lets several keys be in use while values are sealed anew.
const (
	version    = 1
	keyIDSize  = 4
	headerSize = 1 + keyIDSize
)

// Vault seals, opens and indexes. Safe for concurrent use.
type Vault struct {
	keys atomic.Pointer[[]key] // the first one writes
	// Missing, when set before first use, is told that a value came whose key isn't at hand, and brings
	// keys up to date if it can.
	Missing func()
}

type key struct {
	header [headerSize]byte
	aead   cipher.AEAD
	index  []byte // the key from which those of the indexes are derived
}

// New takes keys of 32 bytes, used for nothing else: the first seals, all of them open.
func New(keys ...[]byte) (*Vault, error) {
	v := &Vault{}
	return v, v.Use(keys...)
}

// Use puts other keys in the place of those at hand.
func (v *Vault) Use(keys ...[]byte) error {
	if len(keys) == 0 {
		return errors.New("vault: no key")
	}
	list := make([]key, len(keys))
	for i, secret := range keys {
		k, err := newKey(secret)
		if err != nil {
			return err
		}
		list[i] = k
	}
	v.keys.Store(&list)
	return nil
}

func newKey(secret []byte) (k key, err error) {
	if len(secret) != 32 {
		return k, fmt.Errorf("vault: a key must have 32 bytes, not %d", len(secret))
	}
	block, err := aes.NewCipher(derive(secret, "seal"))
	if err != nil {
		return k, fmt.Errorf("vault: %w", err)
	}
	if k.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return k, fmt.Errorf("vault: %w", err)
	}
	k.index = derive(secret, "index")
	k.header[0] = version
	copy(k.header[1:], derive(secret, "key id"))
	return k, nil
}

// derive makes a key for one purpose.
func derive(secret []byte, purpose string) []byte {
	out, err := hkdf.Key(sha256.New, secret, nil, "zhiyin vault "+purpose, 32)
	if err != nil {
		panic(err) // only for lengths that SHA-256 can't give
	}
	return out
}

// Place is where a sealed value stands: elsewhere it can't be opened. Table and Column have no '|'.
type Place struct {
	Table, Column string
	Row           string // an id, or another name that the row never loses
}

func (p Place) bytes() []byte { return []byte(p.Table + "|" + p.Column + "|" + p.Row) }

// Seal encrypts a text for its place under a fresh random nonce: 33 bytes more than the text has. An
// empty text is nil, which is stored as NULL.
func (v *Vault) Seal(text string, at Place) []byte {
	if text == "" {
		return nil
	}
	k := v.writes()
	return k.aead.Seal(k.header[:], nil, []byte(text), at.bytes())
}

// Open is the inverse of Seal. It fails with ErrWrongKey or ErrUnreadable.
func (v *Vault) Open(sealed []byte, at Place) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	if len(sealed) < headerSize || sealed[0] != version {
		return "", ErrUnreadable
	}
	k, ok := v.keyOf(sealed)
	if !ok && v.Missing != nil {
		v.Missing()
		k, ok = v.keyOf(sealed)
	}
	if !ok {
		return "", ErrWrongKey
	}
	text, err := k.aead.Open(nil, nil, sealed[headerSize:], at.bytes())
	if err != nil {
		return "", ErrUnreadable
	}
	return string(text), nil
}

func (v *Vault) writes() key { return (*v.keys.Load())[0] }

func (v *Vault) keyOf(sealed []byte) (key, bool) {
	keys := *v.keys.Load()
	i := slices.IndexFunc(keys, func(k key) bool { return [headerSize]byte(sealed[:headerSize]) == k.header })
	if i < 0 {
		return key{}, false
	}
	return keys[i], true
}

// Header is what every value begins with that the key seals: by it a database finds what a key is still
// needed for. It tells nothing of the key.
func Header(secret []byte) ([]byte, error) {
	k, err := newKey(secret)
	return k.header[:], err
}

// Current tells whether a value is sealed with the key that seals now; if not, open it and seal it anew
// before the older key is taken away.
func (v *Vault) Current(sealed []byte) bool {
	k := v.writes()
	return len(sealed) == 0 || len(sealed) >= headerSize && [headerSize]byte(sealed[:headerSize]) == k.header
}

// Index is the blind index of a value that is in its normal form: 43 characters, equal for equal values,
// and without the key neither to be reversed nor guessed. Column and scope have a key of their own, so
// that indexes of different columns or corps can't be compared. Only for values that are hard to guess:
// an index of a gender would tell the genders by their frequency.
func (v *Vault) Index(column, scope, value string) string {
	return v.writes().indexOf(column, scope, value)
}

// Indexes are the indexes of a value under all keys, the present one first, for finding what was written
// under an older key.
func (v *Vault) Indexes(column, scope, value string) []string {
	keys := *v.keys.Load()
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.indexOf(column, scope, value)
	}
	return out
}

func (k key) indexOf(column, scope, value string) string {
	mac := hmac.New(sha256.New, derive(k.index, column+"|"+scope))
	mac.Write([]byte(value))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
