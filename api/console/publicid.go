package console

import "zhiyin/model"

// idReader reads several public ids and remembers the first that names nothing.
type idReader struct {
	ids model.PublicIDs
	err error
}

func (h *Handlers) reader() *idReader { return &idReader{ids: h.IDs} }

func (r *idReader) row(kind model.Kind, id string) int64 {
	row, err := r.ids.Row(kind, id)
	if err != nil && r.err == nil {
		r.err = err
	}
	return row
}

// optional gives 0 for an absent id.
func (r *idReader) optional(kind model.Kind, id string) int64 {
	if id == "" {
		return 0
	}
	return r.row(kind, id)
}

func (r *idReader) all(kind model.Kind, ids []string) []int64 {
	rows := make([]int64, 0, len(ids))
	for _, id := range ids {
		rows = append(rows, r.row(kind, id))
	}
	return rows
}

func (h *Handlers) publicIDs(kind model.Kind, rows []int64) []string {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = h.IDs.Of(kind, row)
	}
	return ids
}

// after reads the cursor of a list whose place is the last row of the page before.
func (r *idReader) after(kind model.Kind, cursor string) int64 {
	row := r.optional(kind, cursor)
	if r.err != nil {
		r.err = ErrBadCursor
	}
	return row
}

// next is the cursor after a page of rows that is full, else empty.
func next[R any](h *Handlers, kind model.Kind, rows []R, limit int, id func(R) int64) string {
	if len(rows) < limit || len(rows) == 0 {
		return ""
	}
	return h.IDs.Of(kind, id(rows[len(rows)-1]))
}
