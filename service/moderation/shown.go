package moderation

import (
	"bytes"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Saying is what one customer's field holds.
type Saying struct {
	CustomerID int64
	Content    string
}

// Shown gives what other customers may see of a field, name or avatar, in the order in which it was asked: the content, or
// nothing while it has not passed. What customers did not write themselves in a mini-program, such as a name that WeCom told,
// is shown; what they wrote and nobody has checked is not.
func Shown(tx *gorm.DB, field string, sayings ...Saying) ([]string, error) {
	out := make([]string, len(sayings))
	ids := make([]int64, 0, len(sayings))
	for _, w := range sayings {
		if w.Content != "" {
			ids = append(ids, w.CustomerID)
		}
	}
	if len(ids) == 0 {
		return out, nil
	}
	checks, err := checksOfField(tx, field, ids)
	if err != nil {
		return nil, err
	}
	unchecked := ids[:0]
	for i, w := range sayings {
		switch c := checks[w.CustomerID]; {
		case w.Content == "":
		case !speaksOf(c, field, w.Content):
			unchecked = append(unchecked, w.CustomerID)
			out[i] = w.Content
		case c.State == Passed:
			out[i] = w.Content
		}
	}
	if len(unchecked) == 0 {
		return out, nil
	}
	wrote, err := writtenByThemselves(tx, field, unchecked)
	if err != nil {
		return nil, err
	}
	for i, w := range sayings {
		if !speaksOf(checks[w.CustomerID], field, w.Content) && wrote[w] {
			out[i] = ""
		}
	}
	return out, nil
}

func speaksOf(c *model.ContentCheck, field, content string) bool {
	return c != nil && bytes.Equal(c.Hash, hashOf(field, content))
}

// Held is a field whose content other customers don't see.
type Held struct {
	Field  string
	State  string // waiting, review, refused
	Reason string
}

// HeldOf tells which of a customer's pieces other customers don't see.
func HeldOf(tx *gorm.DB, customerID int64, pieces []Piece) (held []Held, err error) {
	checks, err := checksOf(tx, customerID)
	if err != nil {
		return nil, err
	}
	for _, p := range pieces {
		c := checks[p.Field]
		if c == nil || c.State == Passed || len(c.Hash) > 0 && !speaksOf(c, p.Field, p.Content) {
			continue
		}
		held = append(held, Held{c.Field, c.State, c.Reason})
	}
	return held, nil
}
