package moderation

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Filter selects checks.
type Filter struct {
	State      string // empty: what is not decided
	CustomerID int64  // 0: anybody's
	Before     int64  // the cursor: only rows with a smaller id
	Limit      int
}

// Item is a check with what it speaks of.
type Item struct {
	model.ContentCheck
	CustomerName string
	// Content is the text, or the address of the picture; empty when the customer has taken it away since.
	Content string
	Picture bool
	Version string // tells this content of the field from others; empty without content
}

// List gives a page of checks, the newest first.
func (s *Service) List(ctx context.Context, f Filter) ([]Item, error) {
	db := s.DB.WithContext(ctx)
	rows, err := checksBefore(db, f)
	if err != nil {
		return nil, err
	}
	items := make([]Item, len(rows))
	for i, row := range rows {
		pieces, err := s.contents.WrittenTx(db, row.CustomerID)
		if err != nil {
			return nil, err
		}
		items[i] = Item{ContentCheck: *row}
		for _, p := range pieces {
			if p.Field == "name" {
				items[i].CustomerName = p.Content
			}
		}
		at := slices.IndexFunc(pieces, func(p Piece) bool { return p.Field == row.Field })
		if at >= 0 && (len(row.Hash) == 0 || speaksOf(row, row.Field, pieces[at].Content)) {
			items[i].Content, items[i].Picture = pieces[at].Content, pieces[at].Picture
			items[i].Version = hex.EncodeToString(hashOf(row.Field, pieces[at].Content))
		}
	}
	return items, nil
}

// Decision is what a person says of a content.
type Decision struct {
	ID      int64
	Version string // of what they looked at
	Pass    bool
	Note    string
	StaffID int64
}

// Decide passes or refuses a content, whatever was said of it before; the last word stands. The customer may write something
// else afterwards, and that is looked at anew. Repeatable. It fails with ErrNotFound, and with ErrChanged when the customer has
// written something else since.
func (s *Service) Decide(ctx context.Context, d Decision) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := checkByID(model.ForUpdate(tx), d.ID)
		if err != nil {
			return err
		}
		if row == nil {
			return ErrNotFound
		}
		pieces, err := s.contents.WrittenTx(tx, row.CustomerID)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(pieces, func(p Piece) bool { return p.Field == row.Field })
		if at < 0 || pieces[at].Content == "" {
			return ErrChanged
		}
		hash := hashOf(row.Field, pieces[at].Content)
		if len(row.Hash) == 0 { // written before there were checks
			row.Hash = hash
		}
		if !bytes.Equal(row.Hash, hash) || d.Version != hex.EncodeToString(hash) {
			return ErrChanged
		}
		now := s.Now()
		found := finding{state: Refused, label: row.Label}
		if d.Pass {
			found.state = Passed
		}
		found.apply(row, now)
		row.StaffID, row.DecidedAt, row.Note = d.StaffID, &now, cut(d.Note, 255)
		if err := save(tx, row); err != nil {
			return err
		}
		s.Logger.InfoContext(ctx, "a person decided about a content", "check", row.ID, "customer", row.CustomerID, "field", row.Field, "state", row.State, "staff", d.StaffID)
		return nil
	})
}

func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most])
}
