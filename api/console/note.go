package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/profile"
)

// Note is what a staff member wrote down about a customer.
type Note struct {
	ID        string    `json:"id"`
	StaffID   string    `json:"staff_id"`
	StaffName string    `json:"staff_name"`
	Body      string    `json:"body"`
	Mine      bool      `json:"mine" doc:"only who wrote a note may change or delete it"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (h *Handlers) note(ctx context.Context, n *profile.Note) Note {
	return Note{
		h.IDs.Of(model.KindNote, n.ID), h.IDs.Of(model.KindStaff, n.StaffID), n.StaffName, n.Body, n.StaffID == ViewerOf(ctx).StaffID, n.CreatedAt, n.UpdatedAt,
	}
}

// ListNotesInput selects the notes about a customer.
type ListNotesInput struct {
	IDPath
	PageQuery
}

// ListNotes lists the notes about a customer, newest first.
func (h *Handlers) ListNotes(ctx context.Context, in *ListNotesInput) (*Page[Note], error) {
	r := h.reader()
	id, after := r.row(model.KindCustomer, in.ID), r.after(listNote, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	notes, err := h.Profiles.Notes(ctx, ViewerOf(ctx), id, after, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []Note
	for i := range notes {
		items = append(items, h.note(ctx, &notes[i]))
	}
	return newPage(h, listNote, items, lastOf(notes, in.Limit, func(n profile.Note) int64 { return n.ID }))
}

// NoteBody is the text of a note.
type NoteBody struct {
	IDPath
	Body struct {
		Body string `json:"body" minLength:"1" maxLength:"2000"`
	}
}

// AddNote writes something down about a customer.
func (h *Handlers) AddNote(ctx context.Context, in *NoteBody) (*One[Note], error) {
	id, err := h.IDs.Row(model.KindCustomer, in.ID)
	if err != nil {
		return nil, err
	}
	n, err := h.Profiles.AddNote(ctx, ViewerOf(ctx), id, in.Body.Body)
	if err != nil {
		return nil, err
	}
	return one(h.note(ctx, n)), nil
}

// EditNote changes a note of one's own.
func (h *Handlers) EditNote(ctx context.Context, in *NoteBody) (*None, error) {
	id, err := h.IDs.Row(model.KindNote, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Profiles.EditNote(ctx, ViewerOf(ctx), id, in.Body.Body)
}

// DeleteNote deletes a note of one's own.
func (h *Handlers) DeleteNote(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindNote, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Profiles.DeleteNote(ctx, ViewerOf(ctx), id)
}
