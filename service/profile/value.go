package profile

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/customer"
	"zhiyin/service/keyring"
	"zhiyin/service/vault"
)

// Answers are values by the names of custom fields: one text, or several for choices; none clears a field.
type Answers map[string][]string

// Answer is a custom field beside a customer's values.
type Answer struct {
	Field  *model.CustomField
	Values []string // empty: not answered
	Source string   // of the last change
}

// maxMany bounds how many values a field of choices may have.
const maxMany = 50

// Answers gives every custom field with a customer's values, sealed ones opened.
func (s *Service) Answers(ctx context.Context, customerID int64) ([]Answer, error) {
	return s.answers(s.DB.WithContext(ctx), customerID)
}

func (s *Service) answers(tx *gorm.DB, customerID int64) ([]Answer, error) {
	fields, err := liveFields(tx)
	if err != nil {
		return nil, err
	}
	rows, err := valuesOf(tx, []int64{customerID})
	if err != nil {
		return nil, err
	}
	out := make([]Answer, len(fields))
	for i, f := range fields {
		out[i].Field = f
		for _, r := range rows {
			if r.FieldID != f.ID {
				continue
			}
			value, err := s.valueOf(r)
			if err != nil {
				return nil, err
			}
			out[i].Values, out[i].Source = append(out[i].Values, value), r.Source
		}
	}
	return out, nil
}

func (s *Service) valueOf(r *model.CustomValue) (string, error) {
	if len(r.SealedValue) == 0 {
		return r.Value, nil
	}
	text, err := s.Vault.Open(r.SealedValue, valuePlace(r.ID))
	if err != nil {
		return "", fmt.Errorf("open custom value %d: %w", r.ID, err)
	}
	return text, nil
}

// Seals lists where this capability keeps what is sealed, for the rotation of keys.
func Seals() []keyring.Place {
	return []keyring.Place{keyring.Column{Table: "custom_value", Column: "sealed_value"}}
}

// valuePlace binds a sealed value to its row, which stays when customers are merged.
func valuePlace(row int64) vault.Place {
	return vault.Place{Table: "custom_value", Column: "sealed_value", Row: strconv.FormatInt(row, 10)}
}

// answerTx writes answers and tells which fields they changed. asked: only what customers are asked.
func (s *Service) answerTx(tx *gorm.DB, customerID int64, in Answers, asked bool, by By) (changes []customer.AnswerChange, err error) {
	if len(in) == 0 {
		return nil, nil
	}
	before, err := s.answers(tx, customerID)
	if err != nil {
		return nil, err
	}
	var c checker
	read := map[int64][]*model.CustomValue{}
	for name, texts := range in {
		i := slices.IndexFunc(before, func(a Answer) bool { return a.Field.Name == name && (a.Field.Asked || !asked) })
		if i < 0 {
			c.wrong("fields."+name, "没有这个字段 / no such field")
			continue
		}
		read[before[i].Field.ID] = c.values(before[i].Field, texts)
	}
	if err := c.fault(); err != nil {
		return nil, err
	}
	for _, a := range before {
		rows, answered := read[a.Field.ID]
		if !answered || slices.EqualFunc(rows, a.Values, func(r *model.CustomValue, v string) bool { return r.Value == v }) {
			continue
		}
		changes = append(changes, customer.AnswerChange{Name: a.Field.Name, Old: joined(a.Values), New: joinedRows(rows), Sealed: a.Field.Sealed})
		if err := s.replace(tx, customerID, a.Field, rows, by.Source); err != nil {
			return nil, err
		}
	}
	return changes, nil
}

// values reads the texts of one answer.
func (c *checker) values(f *model.CustomField, texts []string) (rows []*model.CustomValue) {
	k, _ := kindOf(f.Kind)
	if len(texts) > 1 && !k.Many || len(texts) > maxMany {
		c.wrong("fields."+f.Name, "值太多 / too many values")
		return nil
	}
	for _, text := range texts {
		value, number, reason := k.read(f, text)
		switch {
		case reason != "":
			c.wrong("fields."+f.Name, reason)
		case value == "" && k.Name == KindText:
			// An emptied text is no answer.
		case !slices.ContainsFunc(rows, func(r *model.CustomValue) bool { return r.Value == value }):
			rows = append(rows, &model.CustomValue{FieldID: f.ID, Ordinal: len(rows), Value: value, Number: number})
		}
	}
	return rows
}

// replace makes rows a customer's values of a field. Sealed ones are sealed once their row is known.
func (s *Service) replace(tx *gorm.DB, customerID int64, f *model.CustomField, rows []*model.CustomValue, source string) error {
	if err := dropValues(tx, customerID, f.ID); err != nil {
		return err
	}
	plain := make([]string, len(rows))
	for i, r := range rows {
		r.CustomerID, r.Source, r.UpdatedAt = customerID, source, s.Now()
		if f.Sealed {
			plain[i], r.Value, r.Number = r.Value, "", nil
		}
	}
	if err := insertValues(tx, rows); err != nil || !f.Sealed {
		return err
	}
	for i, r := range rows {
		if err := sealValue(tx, r.ID, s.Vault.Seal(plain[i], valuePlace(r.ID))); err != nil {
			return err
		}
	}
	return nil
}

func joined(values []string) string {
	if len(values) == 0 {
		return ""
	}
	if len(values) == 1 {
		return values[0]
	}
	return fmt.Sprintf("%q", values)
}

func joinedRows(rows []*model.CustomValue) string {
	values := make([]string, len(rows))
	for i, r := range rows {
		values[i] = r.Value
	}
	return joined(values)
}

// TextsOf gives customers' values of a custom field by its name; who has none is absent, as all are when there is no such
// field. Of several values it is the first.
func (s *Service) TextsOf(ctx context.Context, field string, customerIDs []int64) (map[int64]string, error) {
	db := s.DB.WithContext(ctx)
	fields, err := liveFields(db)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(fields, func(f *model.CustomField) bool { return f.Name == field })
	out := make(map[int64]string, len(customerIDs))
	if i < 0 {
		return out, nil
	}
	for part := range slices.Chunk(customerIDs, 500) {
		rows, err := valuesOfField(db, fields[i].ID, part)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if _, had := out[r.CustomerID]; had {
				continue
			}
			if out[r.CustomerID], err = s.valueOf(r); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
