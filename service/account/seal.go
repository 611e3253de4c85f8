package account

import (
	"errors"

	"zhiyin/service/keyring"
	"zhiyin/service/vault"
)

// sealer keeps credentials encrypted, each bound to its column and its account.
type sealer struct{ vault *vault.Vault }

// The columns that hold sealed values.
const (
	colSecret    = "sealed_secret"
	colToken     = "sealed_callback_token"
	colAESKey    = "sealed_callback_aes_key"
	colOldToken  = "sealed_old_callback_token"
	colOldAESKey = "sealed_old_callback_aes_key"
)

// Seals lists where this capability keeps what is sealed, for the rotation of keys.
func Seals() (list []keyring.Place) {
	for _, column := range []string{colSecret, colToken, colAESKey, colOldToken, colOldAESKey} {
		list = append(list, keyring.Column{Table: "account", Column: column, Row: []string{"name"}})
	}
	return list
}

// place is what a sealed value is bound to: an account's short name never changes.
func place(column, account string) vault.Place {
	return vault.Place{Table: "account", Column: column, Row: account}
}

// seal encrypts text for a column of an account's row; an empty text is stored as NULL.
func (s sealer) seal(text, column, account string) []byte {
	return s.vault.Seal(text, place(column, account))
}

// open is the inverse of seal. It fails with ErrWrongKey or ErrUnreadable.
func (s sealer) open(sealed []byte, column, account string) (string, error) {
	text, err := s.vault.Open(sealed, place(column, account))
	switch {
	case errors.Is(err, vault.ErrWrongKey):
		return "", ErrWrongKey.With(column, account)
	case err != nil:
		return "", ErrUnreadable.With(column, account)
	}
	return text, nil
}
