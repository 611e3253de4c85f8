package customer

import (
	"encoding/json"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/keyring"
	"zhiyin/service/phone"
	"zhiyin/service/vault"
)

// Seals lists where this capability keeps what is sealed, for the rotation of keys. Merges stand before the
// customers, because undoing one compares the two.
func (s *Service) Seals() []keyring.Place {
	return []keyring.Place{
		merges{}, journals{}, keyring.Column{Table: "customer", Column: "sealed_birthday"},
		keyring.Column{Table: "customer_change", Column: "old_value", As: "value", Row: []string{"seal_ref"}, Base64: true},
		keyring.Column{Table: "customer_change", Column: "new_value", As: "value", Row: []string{"seal_ref"}, Base64: true},
		numbers{s}, phones{s},
	}
}

// Rekeyed has fn called in the transaction in which a phone number gets another blind index, so that
// whoever else has stored that follows. Call it before anything runs.
func (s *Service) Rekeyed(fn func(tx *gorm.DB, old, fresh string) error) {
	s.rekeyed = append(s.rekeyed, fn)
}

func (s *Service) rekey(tx *gorm.DB, old, fresh string) error {
	for _, fn := range s.rekeyed {
		if err := fn(tx, old, fresh); err != nil {
			return err
		}
	}
	return nil
}

// KeepIdentityTx keeps the number behind a phone number's blind index, for what waits for whoever has it:
// of an index alone no other can be made. Repeatable; other kinds need nothing kept.
func (s *Service) KeepIdentityTx(tx *gorm.DB, kind, value string) error {
	number, ok := phone.Normal(value)
	if kind != KindPhone || !ok {
		return nil
	}
	index := s.vault.Index("identity.phone", "", number)
	return keepNumber(tx, &model.PhoneNumber{Value: index, SealedNumber: s.vault.Seal(number, placeOfNumber(index)), CreatedAt: s.now()})
}

func placeOfNumber(index string) vault.Place {
	return vault.Place{Table: "phone_number", Column: "sealed_number", Row: index}
}

// numbers are those kept for what waits.
type numbers struct{ s *Service }

func (numbers) Name() string { return "phone_number" }

func (p numbers) Sealed(tx *gorm.DB, header []byte) (int64, error) {
	return keyring.Column{Table: "phone_number", Column: "sealed_number"}.Sealed(tx, header)
}

// Reseal implements keyring.Place.
func (p numbers) Reseal(tx *gorm.DB, v *vault.Vault, after int64, limit int) (r keyring.Result, last int64, err error) {
	rows, err := numbersAfter(tx, after, limit)
	if err != nil {
		return r, 0, err
	}
	for _, row := range rows {
		if v.Current(row.SealedNumber) {
			continue
		}
		number, err := v.Open(row.SealedNumber, placeOfNumber(row.Value))
		if err != nil {
			r.Unreadable++
			continue
		}
		index := v.Index("identity.phone", "", number)
		// Kept under the present key already: the older row is of no use any more.
		if err := replaceNumber(tx, row, index, v.Seal(number, placeOfNumber(index))); err != nil {
			return r, 0, err
		}
		if err := p.s.rekey(tx, row.Value, index); err != nil {
			return r, 0, err
		}
		r.Changed++
	}
	return r, lastID(rows, limit, func(row *model.PhoneNumber) int64 { return row.ID }), nil
}

// phones are the identities that are phone numbers.
type phones struct{ s *Service }

func (phones) Name() string { return "identity" }

func (phones) Sealed(tx *gorm.DB, header []byte) (int64, error) {
	return keyring.Column{Table: "identity", Column: "sealed_value"}.Sealed(tx, header)
}

// Reseal implements keyring.Place.
func (p phones) Reseal(tx *gorm.DB, v *vault.Vault, after int64, limit int) (r keyring.Result, last int64, err error) {
	rows, err := phonesAfter(tx, after, limit)
	if err != nil {
		return r, 0, err
	}
	for _, row := range rows {
		if v.Current(row.SealedValue) {
			continue
		}
		number, err := v.Open(row.SealedValue, placeOfPhone(row.Value))
		if err != nil {
			r.Unreadable++
			continue
		}
		index := v.Index("identity.phone", "", number)
		done, err := rekeyPhone(tx, row, index, v.Seal(number, placeOfPhone(index)))
		if err != nil {
			return r, 0, err
		}
		if !done { // two have it, from the moment of the change: people see to it, see the data-quality report
			r.Unreadable++
			continue
		}
		if err := p.s.rekey(tx, row.Value, index); err != nil {
			return r, 0, err
		}
		r.Changed++
	}
	return r, lastID(rows, limit, func(row *model.Identity) int64 { return row.ID }), nil
}

// merges are the customers in merges that may be undone, who have sealed birthdays.
type merges struct{}

func (merges) Name() string { return "customer_merge" }

func (merges) Sealed(tx *gorm.DB, header []byte) (int64, error) {
	return countJSON[model.CustomerMerge](tx.Where("undone_at IS NULL"), header, "kept_before", "kept_after")
}

// Reseal implements keyring.Place.
func (merges) Reseal(tx *gorm.DB, v *vault.Vault, after int64, limit int) (r keyring.Result, last int64, err error) {
	rows, err := mergesAfter(tx, after, limit)
	if err != nil {
		return r, 0, err
	}
	for _, row := range rows {
		var before, then model.Customer
		if json.Unmarshal([]byte(row.KeptBefore), &before) != nil || json.Unmarshal([]byte(row.KeptAfter), &then) != nil {
			r.Unreadable++
			continue
		}
		if v.Current(before.SealedBirthday) && v.Current(then.SealedBirthday) {
			continue
		}
		was := then.SealedBirthday
		if !anew(v, &before) || !anew(v, &then) {
			r.Unreadable++
			continue
		}
		// A birthday that is still the one of then must stay recognisable as that.
		if err := sameBirthday(tx, then.ID, was, then.SealedBirthday); err != nil {
			return r, 0, err
		}
		if err := putKept(tx, row.ID, string(mustJSON(before)), string(mustJSON(then))); err != nil {
			return r, 0, err
		}
		r.Changed++
	}
	return r, lastID(rows, limit, func(row *model.CustomerMerge) int64 { return row.ID }), nil
}

func anew(v *vault.Vault, c *model.Customer) bool {
	day, err := v.Open(c.SealedBirthday, placeOfBirthday(c.ID))
	c.SealedBirthday = v.Seal(day, placeOfBirthday(c.ID))
	return err == nil
}

// journals are the sealed answers that merges have joined, and would bring back.
type journals struct{}

func (journals) Name() string { return "merge_move" }

func (journals) Sealed(tx *gorm.DB, header []byte) (int64, error) {
	return countJSON[model.MergeMove](tx.Where("owner = ?", "custom_value"), header, "journal")
}

// Reseal implements keyring.Place.
func (journals) Reseal(tx *gorm.DB, v *vault.Vault, after int64, limit int) (r keyring.Result, last int64, err error) {
	rows, err := journalsAfter(tx, "custom_value", after, limit)
	if err != nil {
		return r, 0, err
	}
	for _, row := range rows {
		var m moved[model.CustomValue]
		if json.Unmarshal([]byte(row.Journal), &m) != nil {
			r.Unreadable++
			continue
		}
		changed := false
		for i := range m.Joined {
			j := &m.Joined[i]
			same := equal(j.Before, j.After)
			for _, value := range []*model.CustomValue{&j.Gone, &j.Before, &j.After} {
				if v.Current(value.SealedValue) {
					continue
				}
				at := vault.Place{Table: "custom_value", Column: "sealed_value", Row: number(value.ID)} // as profile seals it
				text, err := v.Open(value.SealedValue, at)
				if err != nil {
					r.Unreadable++
					continue
				}
				value.SealedValue, changed = v.Seal(text, at), true
			}
			if same {
				j.After = j.Before
			}
		}
		if !changed {
			continue
		}
		if err := putJournal(tx, row.ID, string(mustJSON(m))); err != nil {
			return r, 0, err
		}
		r.Changed++
	}
	return r, lastID(rows, limit, func(row *model.MergeMove) int64 { return row.ID }), nil
}

// lastID is the id of the last row, or 0 when there are no rows behind it.
func lastID[Row any](rows []*Row, limit int, id func(*Row) int64) int64 {
	if len(rows) < limit {
		return 0
	}
	return id(rows[len(rows)-1])
}
