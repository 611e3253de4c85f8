package account

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"fmt"
)

// A sealed value is version (1 byte) · key id (4) · nonce (12) · cipher text and tag. The key id tells
// a wrong key from a damaged value, and lets a later version read what an earlier key has sealed.
const (
	sealVersion = 1
	keyIDSize   = 4
	sealHeader  = 1 + keyIDSize
)

// sealer encrypts credentials with AES-256-GCM under a fresh random nonce, bound to where they stand.
type sealer struct {
	header [sealHeader]byte
	aead   cipher.AEAD
}

func newSealer(key []byte) (*sealer, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("account: the key must have 32 bytes, not %d", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	s := &sealer{aead: aead}
	id := sha256.Sum256(append([]byte("zhiyin account key id "), key...))
	s.header[0] = sealVersion
	copy(s.header[1:], id[:keyIDSize])
	return s, nil
}

// The columns that hold sealed values.
const (
	colSecret    = "sealed_secret"
	colToken     = "sealed_callback_token"
	colAESKey    = "sealed_callback_aes_key"
	colOldToken  = "sealed_old_callback_token"
	colOldAESKey = "sealed_old_callback_aes_key"
)

// place is what a sealed value is bound to. No part can contain the separator.
func place(column, account string) []byte {
	return []byte("account|" + column + "|" + account)
}

// seal encrypts text for a column of an account's row; an empty text is stored as NULL.
func (s *sealer) seal(text, column, account string) []byte {
	if text == "" {
		return nil
	}
	return s.aead.Seal(s.header[:], nil, []byte(text), place(column, account))
}

// open is the inverse of seal. It fails with ErrWrongKey or ErrUnreadable.
func (s *sealer) open(sealed []byte, column, account string) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	if len(sealed) < sealHeader || sealed[0] != sealVersion {
		return "", ErrUnreadable.With(column, account)
	}
	if [sealHeader]byte(sealed[:sealHeader]) != s.header {
		return "", ErrWrongKey.With(column, account)
	}
	text, err := s.aead.Open(nil, nil, sealed[sealHeader:], place(column, account))
	if err != nil {
		return "", ErrUnreadable.With(column, account)
	}
	return string(text), nil
}
