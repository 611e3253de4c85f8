package profile

import (
	"cmp"
	"context"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/staff"
)

// maxNote is how many characters a note has at most.
const maxNote = 2000

// Note is a note beside its author's name.
type Note struct {
	model.CustomerNote
	StaffName string
}

// AddNote writes something down about a customer whom the viewer may see. It fails with ErrInvalid or
// ErrNoCustomer.
func (s *Service) AddNote(ctx context.Context, v *staff.Viewer, customerID int64, body string) (*Note, error) {
	body, err := noteText(body)
	if err != nil {
		return nil, err
	}
	if err := s.Persons.Sees(ctx, v, customerID); err != nil {
		return nil, err
	}
	row := &model.CustomerNote{CustomerID: customerID, StaffID: v.StaffID, Body: body, CreatedAt: s.Now(), UpdatedAt: s.Now()}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if err := insertNote(tx, row); err != nil {
			return err
		}
		_, err := s.Events.Record(tx, event.Noted{
			CustomerID: customerID, StaffID: v.StaffID, NoteID: row.ID, Source: cmp.Or(v.Face, event.SourceConsole), At: row.CreatedAt,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Note{*row, v.Name}, nil
}

func noteText(body string) (string, error) {
	var c checker
	out, ok := clean(body, true)
	if n := len([]rune(out)); !ok || n == 0 || n > maxNote {
		c.wrong("body", "1 … 2000 个字，不含控制字符 / characters, without control characters")
	}
	return out, c.fault()
}

// EditNote changes a note that the viewer wrote. Repeatable. It fails with ErrInvalid, ErrNoNote when it is
// not there or about a customer out of sight, or ErrNotYours.
func (s *Service) EditNote(ctx context.Context, v *staff.Viewer, id int64, body string) error {
	body, err := noteText(body)
	if err != nil {
		return err
	}
	return s.changeNote(ctx, v, id, map[string]any{"body": body, "updated_at": s.Now()})
}

// DeleteNote deletes a note that the viewer wrote, its text included. It fails as EditNote does.
func (s *Service) DeleteNote(ctx context.Context, v *staff.Viewer, id int64) error {
	return s.changeNote(ctx, v, id, map[string]any{"body": "", "gone_at": s.Now(), "updated_at": s.Now()})
}

func (s *Service) changeNote(ctx context.Context, v *staff.Viewer, id int64, columns map[string]any) error {
	row, err := noteByID(s.DB.WithContext(ctx), id)
	if err != nil {
		return err
	}
	if err := s.Persons.Sees(ctx, v, row.CustomerID); err != nil {
		return ErrNoNote
	}
	if row.StaffID != v.StaffID {
		return ErrNotYours
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		// The row is locked instead of counting what the UPDATE changed: MySQL counts none when the text is the same.
		if _, err := noteByID(model.ForUpdate(tx), id); err != nil {
			return err
		}
		return updateNote(tx, id, columns)
	})
}

// Notes lists the notes about a customer whom the viewer may see, newest first: those before the row
// after, or from the newest when that is 0. It fails with ErrNoCustomer.
func (s *Service) Notes(ctx context.Context, v *staff.Viewer, customerID, after int64, limit int) ([]Note, error) {
	if err := s.Persons.Sees(ctx, v, customerID); err != nil {
		return nil, err
	}
	return notesOf(s.DB.WithContext(ctx), customerID, after, limit)
}
