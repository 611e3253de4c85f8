package callback

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"zhiyin/model"
	"zhiyin/service/account"
	"zhiyin/service/fault"
	"zhiyin/wecom"
)

// opened is an account with everything that opens its messages.
type opened struct {
	row  *model.Account
	keys []*wecom.Crypto
}

// open finds an account and its valid keys. One that does not exist, is disabled or is of another
// kind gets keys that nobody has, so that it can't be told from one whose signature is wrong.
func (f *Face) open(ctx context.Context, kind, name string) (*opened, error) {
	sets, row, err := f.accounts.CallbackKeys(ctx, name)
	if known := fault.Of(err); known != nil && known.Kind == fault.NotFound || err == nil && row.Kind != kind {
		return &opened{keys: f.keys.nobody()}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find callback keys: %w", err)
	}
	o := &opened{row: row, keys: make([]*wecom.Crypto, 0, 2)}
	for _, set := range sets {
		if !set.ValidUntil.IsZero() && !f.now().Before(set.ValidUntil) {
			continue
		}
		key, err := f.keys.of(set, row.PlatformID)
		if err != nil {
			return nil, err
		}
		o.keys = append(o.keys, key)
	}
	return o, nil
}

// decrypt tries each set of keys; a rotation may have changed the token, the AES key, or both.
func (o *opened) decrypt(q *query, sealed string) (message []byte, ok bool) {
	for _, key := range o.keys {
		if !key.Verify(q.msgSignature, q.timestamp, q.nonce, sealed) {
			continue
		}
		if message, err := key.Decrypt(sealed); err == nil {
			return message, true
		}
	}
	return nil, false
}

func (o *opened) verifyPlain(q *query) bool {
	for _, key := range o.keys {
		if key.VerifyPlain(q.signature, q.timestamp, q.nonce) {
			return true
		}
	}
	return false
}

// keyring keeps ciphers that are set up; setting one up costs more than a message.
type keyring struct {
	mu     sync.RWMutex
	known  map[keyID]*wecom.Crypto
	decoys []*wecom.Crypto
}

type keyID struct{ token, aesKey, receiver string }

// maxKeys bounds what rotations leave behind.
const maxKeys = 256

func (k *keyring) of(set account.KeySet, receiver string) (*wecom.Crypto, error) {
	id := keyID{set.Token.Reveal(), set.AESKey.Reveal(), receiver}
	k.mu.RLock()
	key := k.known[id]
	k.mu.RUnlock()
	if key != nil {
		return key, nil
	}
	key, err := wecom.NewCrypto(id.token, id.aesKey, id.receiver)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxKeys {
		k.known = map[keyID]*wecom.Crypto{}
	}
	k.known[id] = key
	return key, nil
}

// nobody is a set of keys that this process forgets when it ends.
func (k *keyring) nobody() []*wecom.Crypto {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.decoys == nil {
		aesKey := (rand.Text() + rand.Text())[:43]
		key, err := wecom.NewCrypto(rand.Text(), aesKey, rand.Text())
		if err != nil {
			return nil // not reached: the key has the right shape
		}
		k.decoys = []*wecom.Crypto{key}
	}
	return k.decoys
}
