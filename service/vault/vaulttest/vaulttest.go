// Package vaulttest gives tests a vault.
package vaulttest

import (
	"bytes"
	"testing"

	"zhiyin/service/vault"
)

// New makes a vault whose key is always the same, so that several may open what one has sealed.
func New(t testing.TB) *vault.Vault {
	t.Helper()
	v, err := vault.New(bytes.Repeat([]byte("v"), 32))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
