package customer

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// AnswerChange is a change of a customer's answer to a custom field.
type AnswerChange struct {
	Name     string // of the field
	Old, New string
	Sealed   bool // the field is kept encrypted, and so is its history
}

// AnswersChangedTx keeps the history of a customer's answers, which the caller has written.
func (s *Service) AnswersChangedTx(tx *gorm.DB, id int64, source string, staffID int64, changes ...AnswerChange) error {
	var rows []*model.CustomerChange
	for _, ch := range changes {
		row := &model.CustomerChange{
			CustomerID: id, Field: "custom:" + ch.Name, OldValue: ch.Old, NewValue: ch.New, Source: source, StaffID: staffID, ChangedAt: s.now(),
		}
		if ch.Sealed {
			row.SealRef = rand.Text()
			at := placeOfChange(row.SealRef)
			row.OldValue = base64.StdEncoding.EncodeToString(s.vault.Seal(row.OldValue, at))
			row.NewValue = base64.StdEncoding.EncodeToString(s.vault.Seal(row.NewValue, at))
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil
	}
	if err := tx.Create(rows).Error; err != nil {
		return fmt.Errorf("keep the history of answers: %w", err)
	}
	return nil
}

// Sees fails with ErrNotFound unless there is such a customer and the viewer may see them.
func (s *Service) Sees(ctx context.Context, v *staff.Viewer, id int64) error {
	sc, err := s.scopeOf(ctx, v)
	if err != nil {
		return err
	}
	_, err = visibleCustomer(s.db.WithContext(ctx), sc, id)
	return err
}
