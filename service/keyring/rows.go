package keyring

import (
	"reflect"

	"gorm.io/gorm"

	"zhiyin/service/vault"
)

// Rows is a Place: a column of sealed values, bound to what only its owner can tell of a row.
type Rows[Row any] struct {
	Table, Column string
	Value         func(*Row) []byte
	At            func(*Row) vault.Place
}

// Name implements Place.
func (p Rows[Row]) Name() string { return p.column().Name() }

// Sealed implements Place.
func (p Rows[Row]) Sealed(tx *gorm.DB, header []byte) (int64, error) {
	return p.column().Sealed(tx, header)
}

func (p Rows[Row]) column() Column { return Column{Table: p.Table, Column: p.Column} }

// Reseal implements Place.
func (p Rows[Row]) Reseal(tx *gorm.DB, v *vault.Vault, after int64, limit int) (r Result, last int64, err error) {
	rows, err := rowsOf[Row](tx, p.column(), after, limit)
	if err != nil {
		return r, 0, err
	}
	for _, row := range rows {
		last = reflect.ValueOf(row).Elem().FieldByName("ID").Int()
		sealed := p.Value(row)
		if v.Current(sealed) {
			continue
		}
		text, err := v.Open(sealed, p.At(row))
		if err != nil {
			r.Unreadable++
			continue
		}
		done, err := replaceSealed(tx, p.column(), last, sealed, v.Seal(text, p.At(row)))
		if err != nil {
			return r, 0, err
		}
		if done {
			r.Changed++
		}
	}
	if len(rows) < limit {
		last = 0
	}
	return r, last, nil
}
