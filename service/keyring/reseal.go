package keyring

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/vault"
)

// Place is where values of a purpose stand, sealed or indexed. A place whose values are also kept by
// others, such as in the journal of a merge, stands before what those others belong to.
type Place interface {
	// Reseal seals anew, with the key that seals now, what an older one has sealed in the next rows behind
	// one, at most limit of them. last is the last row that it looked at, 0 when there are no more.
	Reseal(tx *gorm.DB, v *vault.Vault, after int64, limit int) (r Result, last int64, err error)
	// Name says to people where that is.
	Name() string
	// Sealed counts the values that begin as those of a key do, see vault.Header.
	Sealed(tx *gorm.DB, header []byte) (int64, error)
}

// Places lists where values of all purposes stand.
func (r *Ring) Places() (list []Place) {
	for _, places := range r.places {
		list = append(list, places...)
	}
	return list
}

// Result counts values.
type Result struct {
	Changed    int64
	Unreadable int64 // none of the keys opens them, or they can't be moved; they stay as they are
}

// Seals says where values of a purpose stand. Call it before anything runs.
func (r *Ring) Seals(purpose string, places ...Place) {
	r.places[purpose] = append(r.places[purpose], places...)
}

// Column is a Place: a column of sealed values, each bound to its table, a column and its row.
type Column struct {
	Table, Column string
	// As is the column of the values' places if that is another one.
	As string
	// Row are the columns that name the row in the values' places; none: id.
	Row []string
	// Base64: the column is a text, and holds sealed values where seal_ref is not empty.
	Base64 bool
}

// Name implements Place.
func (c Column) Name() string { return c.Table + "." + c.Column }

// rowOf is the SQL of what names a row.
func (c Column) rowOf(tx *gorm.DB) string {
	switch {
	case len(c.Row) == 0:
		return "id"
	case len(c.Row) == 1:
		return c.Row[0]
	case model.IsSQLite(tx):
		return strings.Join(c.Row, " || '/' || ")
	}
	return "CONCAT_WS('/', " + strings.Join(c.Row, ", ") + ")"
}

// Sealed implements Place.
func (c Column) Sealed(tx *gorm.DB, header []byte) (int64, error) {
	return countSealedWith(tx, c, header)
}

// Reseal implements Place.
func (c Column) Reseal(tx *gorm.DB, v *vault.Vault, after int64, limit int) (r Result, last int64, err error) {
	rows, err := sealedRows(tx, c, after, limit)
	if err != nil {
		return r, 0, err
	}
	for _, row := range rows {
		sealed := row.Value
		if c.Base64 {
			if sealed, err = base64.StdEncoding.DecodeString(string(row.Value)); err != nil {
				r.Unreadable++
				continue
			}
		}
		if v.Current(sealed) {
			continue
		}
		at := vault.Place{Table: c.Table, Column: c.Column, Row: row.Place}
		if c.As != "" {
			at.Column = c.As
		}
		text, err := v.Open(sealed, at)
		if err != nil {
			r.Unreadable++
			continue
		}
		var old, fresh any = row.Value, v.Seal(text, at)
		if c.Base64 {
			old, fresh = string(row.Value), base64.StdEncoding.EncodeToString(v.Seal(text, at))
		}
		done, err := replaceSealed(tx, c, row.ID, old, fresh)
		if err != nil {
			return r, 0, err
		}
		if done {
			r.Changed++
		}
	}
	if len(rows) < limit {
		return r, 0, nil
	}
	return r, rows[len(rows)-1].ID, nil
}

// TextHeader is what the base64 of a key's values begins with, as far as the header decides it.
func TextHeader(header []byte) string {
	return base64.StdEncoding.EncodeToString(header)[:len(header)*8/6]
}

// resealBatch is how many rows are looked at in one transaction, which holds those that it changes.
const resealBatch = 200

// Reseal carries the rotations on from where they stand until they have ended or ctx does. It is a job: it
// may be run at any moment, twice, by two replicas, and be killed; a batch and the note of it are one
// transaction. A rotation has ended when a whole pass found nothing left to do.
func (r *Ring) Reseal(ctx context.Context) error {
	for purpose := range r.places {
		for {
			more, err := r.step(ctx, purpose)
			if err != nil {
				return fmt.Errorf("seal %s anew: %w", purpose, err)
			}
			if !more {
				break
			}
		}
	}
	return nil
}

// step does one batch; more is false when there is nothing to do now.
func (r *Ring) step(ctx context.Context, purpose string) (more bool, err error) {
	at, err := runningRotation(r.db.WithContext(ctx), purpose)
	if err != nil || at == nil {
		return false, err
	}
	if active, err := r.sealsWith(ctx, purpose, at.Generation); err != nil || !active {
		return false, err
	}
	err = model.InTx(ctx, r.db, func(tx *gorm.DB) error {
		places, to := r.places[purpose], *at
		to.UpdatedAt = r.now()
		if at.Stage < len(places) {
			result, last, err := places[at.Stage].Reseal(tx, r.vaults[purpose], at.AfterID, resealBatch)
			if err != nil {
				return err
			}
			to.AfterID = last
			to.Changed, to.Resealed, to.Unreadable = at.Changed+result.Changed, at.Resealed+result.Changed, at.Unreadable+result.Unreadable
			if last == 0 {
				to.Stage++
			}
		}
		if to.Stage >= len(places) {
			if to.Changed == 0 {
				to.FinishedAt = &to.UpdatedAt
			} else {
				to.Pass, to.Stage, to.Changed, to.Unreadable = at.Pass+1, 0, 0, 0
			}
		}
		moved, err := advance(tx, at, &to)
		if err == nil && !moved {
			return errMoved
		}
		return err
	})
	if err == errMoved { // another replica does this batch
		return true, nil
	}
	return true, err
}

var errMoved = fmt.Errorf("keyring: somebody else has carried the rotation on")

// sealsWith tells whether this replica seals with a generation by now.
func (r *Ring) sealsWith(ctx context.Context, purpose string, generation int) (bool, error) {
	last, err := newest(r.db.WithContext(ctx), purpose)
	if err != nil || last.Generation != generation || last.ActiveAt.After(r.now()) {
		return false, err
	}
	key, err := r.unwrap(*last)
	if err != nil {
		return false, err
	}
	if !slices.Equal(r.Key(purpose), key) {
		if err := r.Refresh(ctx); err != nil {
			return false, err
		}
	}
	return slices.Equal(r.Key(purpose), key), nil
}

// Drop deletes the keys of a purpose that nothing is sealed with any more, and tells how many. It fails with
// ErrRunning while a rotation has not ended, and with ErrInUse, which says where values are left.
func (r *Ring) Drop(ctx context.Context, purpose string) (n int64, err error) {
	db := r.db.WithContext(ctx)
	running, err := runningRotation(db, purpose)
	if err != nil {
		return 0, err
	}
	if running != nil {
		return 0, ErrRunning
	}
	rows, err := keys(db.Where("purpose = ?", purpose))
	if err != nil || len(rows) < 2 {
		return 0, err
	}
	for _, row := range rows[1:] {
		key, err := r.unwrap(row)
		if err != nil {
			return 0, err
		}
		header, err := vault.Header(key)
		if err != nil {
			return 0, err
		}
		for _, p := range r.places[purpose] {
			left, err := p.Sealed(db, header)
			if err != nil {
				return 0, err
			}
			if left > 0 {
				return 0, ErrInUse.With(p.Name(), strconv.FormatInt(left, 10))
			}
		}
	}
	err = model.InTx(ctx, r.db, func(tx *gorm.DB) (err error) {
		n, err = deleteOlder(tx, purpose, rows[0].Generation, r.now())
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, r.Refresh(ctx)
}

// Standing is how the keys of a purpose stand.
type Standing struct {
	Purpose  string
	Keys     []model.DataKey
	Rotation *model.KeyRotation // the last one; nil: none
}

// List tells how the keys stand.
func (r *Ring) List(ctx context.Context) (list []Standing, err error) {
	db := r.db.WithContext(ctx)
	rows, err := keys(db)
	if err != nil {
		return nil, err
	}
	last, err := rotations(db)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if len(list) == 0 || list[len(list)-1].Purpose != row.Purpose {
			s := Standing{Purpose: row.Purpose}
			if i := slices.IndexFunc(last, func(k model.KeyRotation) bool { return k.Purpose == row.Purpose }); i >= 0 {
				s.Rotation = &last[i]
			}
			list = append(list, s)
		}
		s := &list[len(list)-1]
		s.Keys = append(s.Keys, row)
	}
	return list, nil
}
