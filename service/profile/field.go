package profile

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
)

// What definitions may be.
const (
	maxFields  = 100
	maxChoices = 200
	maxChoice  = 64
	maxTitle   = 64
)

// FieldInput is the definition of a custom field.
type FieldInput struct {
	Name     string // a to z, digits, _; it never changes and is never given to another
	Title    string
	Kind     string
	Choices  []string // of a kind that is chosen from
	Required bool     // counts towards completeness
	Sealed   bool     // kept encrypted; rules can't ask for it; never changes
	Asked    bool     // customers see it and answer it themselves
	Position int64
}

var fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// CreateField defines a custom field. It fails with ErrInvalid, ErrNameTaken or ErrTooMany.
func (s *Service) CreateField(ctx context.Context, in FieldInput) (*model.CustomField, error) {
	row, err := in.row()
	if err != nil {
		return nil, err
	}
	row.CreatedAt, row.UpdatedAt = s.Now(), s.Now()
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if err := insertField(tx, row); err != nil {
			return err
		}
		// After the insert: of two who define the last one at once, the later to commit may see both.
		live, err := liveFields(tx)
		if err == nil && len(live) > maxFields {
			return ErrTooMany
		}
		return err
	})
	if model.IsDuplicate(err) {
		return nil, ErrNameTaken.With("name", in.Name)
	}
	if err != nil {
		return nil, err
	}
	return row, nil
}

func (in FieldInput) row() (*model.CustomField, error) {
	var c checker
	if !fieldName.MatchString(in.Name) {
		c.wrong("name", "小写字母开头，由小写字母、数字、下划线组成，至多 40 个 / a to z, digits and _, at most 40")
	}
	k, ok := kindOf(in.Kind)
	if !ok {
		c.wrong("kind", "text, number, date, choice, choices")
	}
	row := &model.CustomField{
		Name: in.Name, Title: c.text("title", in.Title, 1, maxTitle), Kind: in.Kind, Choices: c.choices(k, in.Choices),
		Required: in.Required, Sealed: in.Sealed, Asked: in.Asked, Position: in.Position,
	}
	return row, c.fault()
}

// choices cleans the choices of a field, as JSON.
func (c *checker) choices(k Kind, in []string) string {
	if !k.Chosen {
		if len(in) > 0 {
			c.wrong("choices", "该类型没有可选项 / this kind has no choices")
		}
		return "[]"
	}
	if len(in) == 0 || len(in) > maxChoices {
		c.wrong("choices", fmt.Sprintf("1 … %d", maxChoices))
	}
	out := make([]string, 0, len(in))
	for _, choice := range in {
		choice = c.text("choices", choice, 1, maxChoice)
		if slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, choice) }) {
			c.wrong("choices", "有重复 / one is there twice")
		}
		out = append(out, choice)
	}
	text, err := json.Marshal(out)
	if err != nil {
		panic(err) // texts
	}
	return string(text)
}

// choicesOf are the allowed values of a field, in their order.
func choicesOf(f *model.CustomField) []string {
	var out []string
	_ = json.Unmarshal([]byte(f.Choices), &out) // ours
	return out
}

// Choices are the allowed values of a field, in their order.
func Choices(f *model.CustomField) []string { return choicesOf(f) }

// FieldChange says what to change of a definition; nil stays. Taking a choice away leaves the values that
// customers have; the next quality run reports them.
type FieldChange struct {
	Title    *string
	Choices  []string
	Required *bool
	Asked    *bool
	Position *int64
}

// UpdateField changes a definition. Repeatable. It fails with ErrNoField or ErrInvalid.
func (s *Service) UpdateField(ctx context.Context, id int64, ch FieldChange) (row *model.CustomField, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if row, err = lockField(tx, id); err != nil {
			return err
		}
		var c checker
		if ch.Title != nil {
			row.Title = c.text("title", *ch.Title, 1, maxTitle)
		}
		if ch.Choices != nil {
			k, _ := kindOf(row.Kind)
			row.Choices = c.choices(k, ch.Choices)
		}
		set(&row.Required, ch.Required)
		set(&row.Asked, ch.Asked)
		set(&row.Position, ch.Position)
		if err := c.fault(); err != nil {
			return err
		}
		row.UpdatedAt = s.Now()
		return updateField(tx, row)
	})
	if err != nil {
		return nil, err
	}
	return row, nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// DeleteField ends a field: nobody sees it or its values any more, and PruneValues deletes these.
// Repeatable. It fails with ErrNoField.
func (s *Service) DeleteField(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		ended, err := endField(tx, id, s.Now())
		if err != nil || ended {
			return err
		}
		_, err = fieldByID(tx, id)
		return err
	})
}

// Fields lists the custom fields there are, in their order.
func (s *Service) Fields(ctx context.Context) ([]*model.CustomField, error) {
	return liveFields(s.DB.WithContext(ctx))
}

// PruneValues deletes the values of fields that have ended. It is a job: it may run at any moment, twice,
// or in two replicas.
func (s *Service) PruneValues(ctx context.Context) error {
	for {
		var n int
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
			n, err = pruneValues(tx)
			return err
		})
		if err != nil || n < pruneAtOnce {
			return err
		}
	}
}
