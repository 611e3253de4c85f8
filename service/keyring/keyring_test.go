package keyring

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/vault"
)

var (
	noon   = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	first  = bytes.Repeat([]byte("1"), 32)
	second = bytes.Repeat([]byte("2"), 32)
	at     = vault.Place{Table: "webhook", Column: "sealed_secret", Row: "1"}
)

func open(t *testing.T, db *gorm.DB, c *clock.Fake, secret, before []byte) (*Ring, error) {
	t.Helper()
	r, err := Open(t.Context(), db, c.Now, slog.New(slog.DiscardHandler), secret, before)
	if err != nil {
		t.Fatal(err)
	}
	r.Seals(OtherSystems, Column{Table: "webhook", Column: "sealed_secret"})
	return r, r.Load(t.Context())
}

func mustOpen(t *testing.T, db *gorm.DB, c *clock.Fake, secret, before []byte) *Ring {
	t.Helper()
	r, err := open(t, db, c, secret, before)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func opens(t *testing.T, r *Ring, sealed []byte) {
	t.Helper()
	if text, err := r.Vault(OtherSystems).Open(sealed, at); err != nil || text != "hush" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestP11_WhatWasSealedBeforeThereWereDataKeysOpens(t *testing.T) {
	v, err := vault.New(derived(first, OtherSystems))
	if err != nil {
		t.Fatal(err)
	}
	r := mustOpen(t, modeltest.DB(t), clock.NewFake(noon), first, nil)
	opens(t, r, v.Seal("hush", at))
	if !bytes.Equal(r.Key(PublicIDs), derived(first, PublicIDs)) {
		t.Error("public ids have another key than before")
	}
}

func TestP11_ANewSecretKeyTouchesNoData(t *testing.T) {
	db, c := modeltest.DB(t), clock.NewFake(noon)
	r := mustOpen(t, db, c, first, nil)
	sealed, ids := r.Vault(OtherSystems).Seal("hush", at), r.Key(PublicIDs)
	if _, err := open(t, db, c, second, nil); !errors.Is(err, ErrSecretKey) {
		t.Errorf("with a foreign secret key: %v", err)
	}
	for _, want := range []int{len(purposes), 0} { // repeatable
		r = mustOpen(t, db, c, second, first)
		opens(t, r, sealed)
		if n, err := r.Rewrap(t.Context()); err != nil || n != want {
			t.Errorf("rewrapped %d, %v, want %d", n, err, want)
		}
	}
	r = mustOpen(t, db, c, second, nil)
	opens(t, r, sealed)
	if !bytes.Equal(r.Key(PublicIDs), ids) {
		t.Error("public ids have changed")
	}
	if _, err := open(t, db, c, first, nil); !errors.Is(err, ErrSecretKey) {
		t.Errorf("with the secret key before: %v", err)
	}
}

func TestP11_AnOldKeyStaysWhileItIsNeeded(t *testing.T) {
	db, c := modeltest.DB(t), clock.NewFake(noon)
	r := mustOpen(t, db, c, first, nil)
	hook := &model.Webhook{ID: 1, Name: "n", URL: "https://example.com", Kinds: "[]", SealedSecret: r.Vault(OtherSystems).Seal("hush", at), CreatedAt: noon, UpdatedAt: noon}
	modeltest.Create(t, db, hook)
	if n, err := r.Drop(t.Context(), OtherSystems); n != 0 || err != nil {
		t.Errorf("dropped the only key: %d, %v", n, err)
	}
	if _, err := r.Rotate(t.Context(), PublicIDs); !errors.Is(err, ErrPurpose) {
		t.Errorf("rotating public ids: %v", err)
	}
	if _, err := r.Rotate(t.Context(), OtherSystems); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Drop(t.Context(), OtherSystems); !errors.Is(err, ErrRunning) {
		t.Errorf("dropping while it runs: %v", err)
	}
	old := r.Vault(OtherSystems).Seal("hush", at)
	if !r.Vault(OtherSystems).Current(hook.SealedSecret) {
		t.Error("the new key seals before its time")
	}
	c.Advance(ActiveAfter)
	if err := r.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	opens(t, r, old)
	if err := db.Take(hook).Error; err != nil || !r.Vault(OtherSystems).Current(hook.SealedSecret) {
		t.Errorf("not sealed anew: %v", err)
	}
	opens(t, r, hook.SealedSecret)
	// A straggler wrote with the old key after all.
	write := func(sealed []byte) { db.Model(&model.Webhook{}).Where("id = 1").Update("sealed_secret", sealed) }
	write(old)
	if _, err := r.Drop(t.Context(), OtherSystems); !errors.Is(err, ErrInUse) {
		t.Errorf("dropping what is needed: %v", err)
	}
	write(hook.SealedSecret)
	if n, err := r.Drop(t.Context(), OtherSystems); n != 1 || err != nil {
		t.Errorf("dropped %d, %v", n, err)
	}
	if _, err := r.Vault(OtherSystems).Open(old, at); !errors.Is(err, vault.ErrWrongKey) {
		t.Errorf("what the dropped key sealed: %v", err)
	}
}
