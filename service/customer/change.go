package customer

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/vault"
)

// Where changes of customers come from, besides the sources of facts.
const (
	SourceMerge = "merge"
	SourceSplit = "split" // a merge was undone
)

// field is a column of customer whose changes are kept.
type field struct {
	column string // data: stored with changes
	get    func(*model.Customer) string
	put    func(*model.Customer, string)
	sealed bool
}

// fields lists them. What is not here has no history.
var fields = []field{
	text("name", func(c *model.Customer) *string { return &c.Name }),
	text("avatar", func(c *model.Customer) *string { return &c.Avatar }),
	whole("gender", func(c *model.Customer) *int { return &c.Gender }),
	whole("type", func(c *model.Customer) *int { return &c.Type }),
	text("corp_name", func(c *model.Customer) *string { return &c.CorpName }),
	text("city", func(c *model.Customer) *string { return &c.City }),
	text("first_source", func(c *model.Customer) *string { return &c.FirstSource }),
	{
		column: "first_seen_at",
		get:    func(c *model.Customer) string { return c.FirstSeenAt.UTC().Format(time.RFC3339Nano) },
		put:    func(c *model.Customer, s string) { c.FirstSeenAt, _ = time.Parse(time.RFC3339Nano, s) },
	},
	{
		column: "sealed_birthday", sealed: true,
		get: func(c *model.Customer) string { return base64.StdEncoding.EncodeToString(c.SealedBirthday) },
		put: func(c *model.Customer, s string) {
			c.SealedBirthday = nil
			if s != "" {
				c.SealedBirthday, _ = base64.StdEncoding.DecodeString(s)
			}
		},
	},
	whole("birth_md", func(c *model.Customer) *int { return &c.BirthMD }),
	{
		column: "minor",
		get:    func(c *model.Customer) string { return strconv.FormatBool(c.Minor) },
		put:    func(c *model.Customer, s string) { c.Minor = s == "true" },
	},
}

func text(column string, of func(*model.Customer) *string) field {
	return field{column: column, get: func(c *model.Customer) string { return *of(c) }, put: func(c *model.Customer, s string) { *of(c) = s }}
}

func whole(column string, of func(*model.Customer) *int) field {
	return field{
		column: column,
		get:    func(c *model.Customer) string { return strconv.Itoa(*of(c)) },
		put:    func(c *model.Customer, s string) { *of(c), _ = strconv.Atoi(s) },
	}
}

func (f field) same(a, b *model.Customer) bool { return f.get(a) == f.get(b) }
func (f field) copy(to, from *model.Customer)  { f.put(to, f.get(from)) }

// placeOfBirthday is where a customer's birthday is sealed.
func placeOfBirthday(customerID int64) vault.Place {
	return vault.Place{Table: "customer", Column: "sealed_birthday", Row: number(customerID)}
}

// SealBirthday seals a day of birth, yyyy-mm-dd, for a customer's row; empty is none.
func (s *Service) SealBirthday(customerID int64, day string) []byte {
	return s.vault.Seal(day, placeOfBirthday(customerID))
}

// Birthday opens a customer's day of birth, yyyy-mm-dd; empty when none is known. Whoever shows it to people
// decides whether they may see it.
func (s *Service) Birthday(c *model.Customer) (string, error) {
	return s.vault.Open(c.SealedBirthday, placeOfBirthday(c.ID))
}

// EditTx lets edit change what is known of a customer, with history: name, avatar, gender, type, corp name,
// city, where and when first seen, birthday with its month and day, minor; whatever else edit changes is
// not stored. Whoever stands for the customer now is edited. Nothing changed, nothing is written. It fails
// with ErrNotFound and with what edit fails with.
func (s *Service) EditTx(tx *gorm.DB, id int64, source string, staffID int64, edit func(*model.Customer) error) error {
	c, err := lockStanding(tx, id)
	if err != nil {
		return err
	}
	after := *c
	if err := edit(&after); err != nil {
		return err
	}
	return s.alter(tx, c, &after, source, staffID)
}

// alter writes what differs between two states of one customer, and the history of it.
func (s *Service) alter(tx *gorm.DB, before, after *model.Customer, source string, staffID int64) error {
	now := s.now()
	var rows []*model.CustomerChange
	columns := []string{"updated_at"}
	for _, f := range fields {
		if f.same(before, after) {
			continue
		}
		row := &model.CustomerChange{CustomerID: before.ID, Field: f.column, Source: source, StaffID: staffID, ChangedAt: now}
		if err := s.say(row, f, before, after); err != nil {
			return err
		}
		rows, columns = append(rows, row), append(columns, f.column)
	}
	if len(rows) == 0 {
		return nil
	}
	if err := tx.Create(rows).Error; err != nil {
		return fmt.Errorf("keep the history of a customer: %w", err)
	}
	set := *after
	set.UpdatedAt = now
	if err := tx.Model(&set).Select(columns).UpdateColumns(&set).Error; err != nil {
		return fmt.Errorf("update customer %d: %w", before.ID, err)
	}
	return nil
}

// say fills in what a field was and is; what is sealed in the customer's row is sealed here too.
func (s *Service) say(row *model.CustomerChange, f field, before, after *model.Customer) error {
	if !f.sealed {
		row.OldValue, row.NewValue = f.get(before), f.get(after)
		return nil
	}
	row.SealRef = rand.Text()
	for _, v := range []struct {
		of *model.Customer
		to *string
	}{{before, &row.OldValue}, {after, &row.NewValue}} {
		day, err := s.Birthday(v.of)
		if err != nil {
			return fmt.Errorf("open a birthday: %w", err)
		}
		*v.to = base64.StdEncoding.EncodeToString(s.vault.Seal(day, placeOfChange(row.SealRef)))
	}
	return nil
}

func placeOfChange(ref string) vault.Place {
	return vault.Place{Table: "customer_change", Column: "value", Row: ref}
}

// unchange makes a customer what they were before a change.
func (s *Service) unchange(c *model.Customer, row *model.CustomerChange) error {
	for _, f := range fields {
		if f.column != row.Field {
			continue
		}
		if !f.sealed {
			f.put(c, row.OldValue)
			return nil
		}
		sealed, err := base64.StdEncoding.DecodeString(row.OldValue)
		if err != nil {
			return fmt.Errorf("read a change: %w", err)
		}
		day, err := s.vault.Open(sealed, placeOfChange(row.SealRef))
		if err != nil {
			return fmt.Errorf("open a change: %w", err)
		}
		c.SealedBirthday = s.SealBirthday(c.ID, day)
	}
	return nil
}

// takeOver is the customer who stands with what is known of the other alone.
func (s *Service) takeOver(kept, gone *model.Customer) (*model.Customer, error) {
	out := *kept
	out.Name, out.Avatar, out.CorpName = cmp.Or(kept.Name, gone.Name), cmp.Or(kept.Avatar, gone.Avatar), cmp.Or(kept.CorpName, gone.CorpName)
	out.City, out.Gender, out.Type = cmp.Or(kept.City, gone.City), cmp.Or(kept.Gender, gone.Gender), cmp.Or(kept.Type, gone.Type)
	if kept.FirstSource == "" || gone.FirstSource != "" && gone.FirstSeenAt.Before(kept.FirstSeenAt) {
		out.FirstSource = gone.FirstSource
	}
	if gone.FirstSeenAt.Before(kept.FirstSeenAt) {
		out.FirstSeenAt = gone.FirstSeenAt
	}
	// If either is a child, the one who stands is treated as one until somebody knows better.
	out.Minor = kept.Minor || gone.Minor
	if len(kept.SealedBirthday) > 0 || len(gone.SealedBirthday) == 0 {
		return &out, nil
	}
	day, err := s.Birthday(gone)
	if err != nil {
		return nil, fmt.Errorf("open a birthday: %w", err)
	}
	out.SealedBirthday, out.BirthMD = s.SealBirthday(kept.ID, day), gone.BirthMD
	return &out, nil
}
