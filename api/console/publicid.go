package console

import (
	"time"

	"zhiyin/api/problem"
	"zhiyin/model"
)

// reader reads several public ids and a cursor, and remembers the first that names nothing.
type reader struct {
	ids     model.PublicIDs
	cursors Cursors
	err     error
}

func (h *Handlers) reader() *reader { return &reader{ids: h.IDs, cursors: h.Cursors} }

func (r *reader) fail(err error) {
	if err != nil && r.err == nil {
		r.err = err
	}
}

func (r *reader) row(kind model.Kind, id string) int64 {
	row, err := r.ids.Row(kind, id)
	r.fail(err)
	return row
}

// optional gives 0 for an absent id.
func (r *reader) optional(kind model.Kind, id string) int64 {
	if id == "" {
		return 0
	}
	return r.row(kind, id)
}

func (r *reader) all(kind model.Kind, ids []string) []int64 {
	rows := make([]int64, 0, len(ids))
	for _, id := range ids {
		rows = append(rows, r.row(kind, id))
	}
	return rows
}

// moments refuses times that some databases don't know; absent ones are fine.
func (r *reader) moments(named map[string]time.Time) {
	for name, at := range named {
		if !at.IsZero() && (at.Year() < 1970 || at.Year() > 9999) {
			r.fail(problem.ErrInvalid.With(name, "1970 年以后 / from 1970 on"))
		}
	}
}

// after reads the cursor of a list whose place is the last row of the page before.
func (r *reader) after(list, cursor string) int64 {
	row, err := unseal[int64](r.cursors, list, cursor)
	r.fail(err)
	return row
}

// text reads the cursor of a list whose service has cursors of its own.
func (r *reader) text(list, cursor string) string {
	place, err := unseal[string](r.cursors, list, cursor)
	r.fail(err)
	return place
}

func (h *Handlers) publicIDs(kind model.Kind, rows []int64) []string {
	return publicIDs(h.IDs, kind, rows)
}

func publicIDs(of model.PublicIDs, kind model.Kind, rows []int64) []string {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = of.Of(kind, row)
	}
	return ids
}
