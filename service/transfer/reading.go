package transfer

import (
	"errors"
	"io"
	"strings"
	"time"
)

// reading goes through a table's rows behind its header.
type reading struct {
	sheet   sheet
	number  int64 // of the row read last, as people count: the header is row 1
	columns []Column
	mapping []string // by place in the file
	zone    *time.Location
}

// problem is what is wrong with a cell or a row.
type problem struct {
	row          int64
	column       string
	code, reason string
}

// startReading opens a table and reads its header.
func startReading(f io.ReadSeekCloser, as format) (header []string, r *reading, err error) {
	sheet, err := openSheet(f, as)
	if err != nil {
		return nil, nil, err
	}
	header, err = sheet.next()
	if err != nil {
		err = ErrEmpty
		return nil, nil, errors.Join(err, sheet.Close())
	}
	for i := range header {
		header[i] = strings.TrimSpace(literal(header[i]))
	}
	for len(header) > 0 && header[len(header)-1] == "" {
		header = header[:len(header)-1]
	}
	if len(header) == 0 || len(header) > mostColumns {
		return nil, nil, errors.Join(ErrNotATable, sheet.Close())
	}
	return header, &reading{sheet: sheet, number: 1}, nil
}

const mostColumns = 200

func (r *reading) Close() error { return r.sheet.Close() }

// cells reads the next row that is not empty. io.EOF ends the table; errBadRow is one row's.
func (r *reading) cells() ([]string, error) {
	for {
		cells, err := r.sheet.next()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if r.number++; err != nil {
			return nil, err
		}
		for _, cell := range cells {
			if strings.TrimSpace(cell) != "" {
				return cells, nil
			}
		}
	}
}

// row reads the next row with its values. A row with problems has none of its values acted upon.
func (r *reading) row() (Row, []problem, error) {
	row, _, problems, err := r.rowWithCells()
	return row, problems, err
}

// rowWithCells is row with what the file says.
func (r *reading) rowWithCells() (row Row, cells []string, problems []problem, err error) {
	cells, err = r.cells()
	if errors.Is(err, errBadRow) {
		return Row{Number: r.number}, nil, []problem{{r.number, "", "import.row_unreadable", "这一行读不出来，多半是引号不成对 / this row can't be read, perhaps for an unpaired quote"}}, nil
	}
	if err != nil {
		return row, nil, nil, err
	}
	row = Row{Number: r.number, Values: map[string]Value{}}
	for i, key := range r.mapping {
		if key == "" || i >= len(cells) {
			continue
		}
		cell := strings.TrimSpace(literal(cells[i]))
		if cell == "" {
			continue
		}
		v, reason := r.column(key).parse(cell, r.zone)
		if reason != "" {
			problems = append(problems, problem{r.number, key, "import.cell_invalid", reason})
			continue
		}
		row.Values[key] = v
	}
	for _, c := range r.columns {
		if _, there := row.Values[c.Key]; c.Required && !there && len(problems) == 0 {
			problems = append(problems, problem{r.number, c.Key, "import.cell_missing", "不能为空 / must not be empty"})
		}
	}
	return row, cells, problems, nil
}

func (r *reading) column(key string) Column {
	for _, c := range r.columns {
		if c.Key == key {
			return c
		}
	}
	return Column{}
}

// skipTo leaves out the rows before one.
func (r *reading) skipTo(number int64) error {
	for r.number < number-1 {
		if _, err := r.sheet.next(); err != nil && !errors.Is(err, errBadRow) {
			return err
		}
		r.number++
	}
	return nil
}
