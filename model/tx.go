package model

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"gorm.io/gorm"
)

// maxTries bounds how often InTx runs a transaction that the database asks to repeat.
const maxTries = 5

// InTx runs fn in a transaction: READ COMMITTED on MySQL, the one writer on SQLite. It is the one
// way to open a transaction. When the database breaks it off for a reason that passes (deadlock
// 1213, lock wait 1205, snapshot conflict 1020, busy), fn runs again from its start, so fn may touch
// nothing but the database. If db is a transaction already, fn joins it behind a savepoint.
func InTx(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) error {
	if h := hooksOf(db); h != nil {
		return inSavepoint(db, h, fn)
	}
	return repeated(ctx, func() error { return once(ctx, db, fn) })
}

// repeated runs f again when the database asks to.
func repeated(ctx context.Context, f func() error) (err error) {
	for try := range maxTries {
		if try > 0 {
			if waitErr := sleepJitter(ctx, 10*time.Millisecond<<try); waitErr != nil {
				return err
			}
		}
		if err = f(); err == nil || !IsTransient(err) {
			return err
		}
	}
	return err
}

// AfterCommit runs f once the transaction that tx belongs to is committed, and never when it is
// rolled back. Outside a transaction f runs at once. What f does may be lost in a crash.
func AfterCommit(tx *gorm.DB, f func()) {
	if h := hooksOf(tx); h != nil {
		h.list = append(h.list, f)
		return
	}
	f()
}

type hooks struct{ list []func() }

type hooksKey struct{}

func hooksOf(db *gorm.DB) *hooks {
	if db.Statement == nil || db.Statement.Context == nil {
		return nil
	}
	h, _ := db.Statement.Context.Value(hooksKey{}).(*hooks)
	return h
}

func once(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) error {
	release, err := oneWriter(ctx, db)
	if err != nil {
		return err
	}
	h := &hooks{}
	if err := commit(context.WithValue(ctx, hooksKey{}, h), db, fn, release); err != nil {
		return err
	}
	for _, f := range h.list {
		f()
	}
	return nil
}

func commit(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error, release func()) error {
	defer release()
	return db.WithContext(ctx).Transaction(fn) // READ COMMITTED is set for the connection
}

func inSavepoint(tx *gorm.DB, h *hooks, fn func(tx *gorm.DB) error) error {
	before := len(h.list)
	err := tx.Transaction(fn)
	if err != nil {
		h.list = h.list[:before]
	}
	return err
}

// writers holds, per SQLite pool, the turn to write. Waiting here is fair and cheap; waiting inside
// SQLite is polling. Other processes are still kept apart by SQLite itself.
var writers sync.Map // *sql.DB -> chan struct{}

func oneWriter(ctx context.Context, db *gorm.DB) (release func(), err error) {
	if !IsSQLite(db) {
		return func() {}, nil
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	v, _ := writers.LoadOrStore(pool, make(chan struct{}, 1))
	turn := v.(chan struct{})
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func sleepJitter(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(rand.N(d) + time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func isNetwork(err error) bool {
	var n *net.OpError
	return errors.As(err, &n) || errors.Is(err, io.ErrUnexpectedEOF)
}
