package transfer

import (
	"bufio"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"
)

// table is a file that is written row by row.
type table interface {
	row(cells []string) error
	finish() error
}

func newTable(w io.Writer, format, sheet string, about [][]string) (table, error) {
	if format == CSV {
		return newTextTable(w)
	}
	return newBookTable(w, sheet, about)
}

// textTable is CSV as spreadsheets open it without asking: UTF-8 with a mark, every cell quoted, and none of
// them a formula.
type textTable struct{ w *bufio.Writer }

func newTextTable(w io.Writer) (*textTable, error) {
	t := &textTable{bufio.NewWriterSize(w, 1<<16)}
	_, err := t.w.WriteString("\ufeff")
	return t, err
}

func (t *textTable) row(cells []string) error {
	for i, cell := range cells {
		if i > 0 {
			_ = t.w.WriteByte(',') // a bufio.Writer keeps its first error for Flush
		}
		_, _ = t.w.WriteString(`"` + strings.ReplaceAll(neutral(cell), `"`, `""`) + `"`)
	}
	_, err := t.w.WriteString("\r\n")
	return err
}

func (t *textTable) finish() error { return t.w.Flush() }

// bookTable is XLSX: every cell is a text, which no spreadsheet calculates.
type bookTable struct {
	w     io.Writer
	book  *excelize.File
	rows  *excelize.StreamWriter
	about [][]string
	at    int
}

func newBookTable(w io.Writer, sheet string, about [][]string) (*bookTable, error) {
	book := excelize.NewFile()
	if err := book.SetSheetName("Sheet1", sheet); err != nil {
		return nil, err
	}
	rows, err := book.NewStreamWriter(sheet)
	return &bookTable{w: w, book: book, rows: rows, about: about}, err
}

func (t *bookTable) row(cells []string) error {
	t.at++
	at, err := excelize.CoordinatesToCellName(1, t.at)
	if err != nil {
		return err
	}
	values := make([]any, len(cells))
	for i, cell := range cells {
		values[i] = inXML(cell)
	}
	return t.rows.SetRow(at, values)
}

// inXML leaves out what XML can't hold.
func inXML(cell string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(cell, "\r\n", "\n"), "\ufffd"))
}

// finish adds a sheet that says what the file is.
func (t *bookTable) finish() error {
	defer t.book.Close()
	if err := t.rows.Flush(); err != nil {
		return err
	}
	const sheet = "说明"
	if _, err := t.book.NewSheet(sheet); err != nil {
		return err
	}
	for i, line := range t.about {
		for j, cell := range line {
			at, err := excelize.CoordinatesToCellName(j+1, i+1)
			if err != nil {
				return err
			}
			if err := t.book.SetCellStr(sheet, at, inXML(cell)); err != nil {
				return err
			}
		}
	}
	_, err := t.book.WriteTo(t.w)
	return err
}
