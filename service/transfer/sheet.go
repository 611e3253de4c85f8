package transfer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// sheet is a table that is read row by row, whatever file it is in.
type sheet interface {
	// next reads the next row; io.EOF ends the sheet. errBadRow: this one can't be read, the next can.
	next() ([]string, error)
	Close() error
}

var errBadRow = errors.New("a row that can't be read")

// format is how a file holds its table.
type format struct {
	Encoding  string // xlsx, utf-8, utf-16, gb18030
	Delimiter string // of a text
}

const (
	inXLSX    = "xlsx"
	inUTF8    = "utf-8"
	inUTF16   = "utf-16"
	inGB18030 = "gb18030" // holds GBK and GB2312
)

var boms = [][]byte{{0xef, 0xbb, 0xbf}, {0xff, 0xfe}, {0xfe, 0xff}}

// detect finds out how a file holds its table, from its content alone.
func detect(f io.ReadSeeker) (format, error) {
	head := make([]byte, 64<<10)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return format{}, err
	}
	head = head[:n]
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return format{}, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return format{Encoding: inXLSX}, nil
	case bytes.HasPrefix(head, []byte{0xd0, 0xcf, 0x11, 0xe0}):
		return format{}, ErrOldExcel
	case bytes.HasPrefix(head, boms[1]), bytes.HasPrefix(head, boms[2]):
		return withDelimiter(f, format{Encoding: inUTF16})
	case bytes.IndexByte(head, 0) >= 0:
		return format{}, ErrNotATable
	}
	_, err = io.Copy(io.Discard, transform.NewReader(f, encoding.UTF8Validator))
	if _, seek := f.Seek(0, io.SeekStart); seek != nil {
		return format{}, seek
	}
	if errors.Is(err, encoding.ErrInvalidUTF8) {
		return withDelimiter(f, format{Encoding: inGB18030})
	}
	if err != nil {
		return format{}, err
	}
	return withDelimiter(f, format{Encoding: inUTF8})
}

// withDelimiter takes what the first line has most of.
func withDelimiter(f io.ReadSeeker, found format) (format, error) {
	first := make([]byte, 64<<10)
	n, err := io.ReadFull(decoder(f, found.Encoding), first)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return format{}, err
	}
	line, _, _ := strings.Cut(string(first[:n]), "\n")
	found.Delimiter = ","
	for _, d := range []string{"\t", ";", "，"} {
		if strings.Count(line, d) > strings.Count(line, found.Delimiter) {
			found.Delimiter = d
		}
	}
	_, err = f.Seek(0, io.SeekStart)
	return found, err
}

// decoder yields a text as UTF-8 without its byte order mark.
func decoder(r io.Reader, enc string) io.Reader {
	fallback := encoding.Nop.NewDecoder()
	if enc == inGB18030 {
		fallback = simplifiedchinese.GB18030.NewDecoder()
	}
	return transform.NewReader(r, unicode.BOMOverride(fallback))
}

// openSheet begins reading a file's table.
func openSheet(f io.ReadSeekCloser, as format) (sheet, error) {
	if as.Encoding == inXLSX {
		return openXLSX(f)
	}
	r := csv.NewReader(decoder(f, as.Encoding))
	r.Comma, _ = utf8.DecodeRuneInString(as.Delimiter)
	r.FieldsPerRecord = -1
	return &textSheet{r: r, c: f}, nil
}

type textSheet struct {
	r *csv.Reader
	c io.Closer
}

func (s *textSheet) next() ([]string, error) {
	cells, err := s.r.Read()
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return nil, errBadRow
	}
	return cells, err
}

func (s *textSheet) Close() error { return s.c.Close() }

// A spreadsheet is a compressed archive, so that a small file may be a huge one.
const (
	mostUnpacked  = 512 << 20 // bytes
	mostInMemory  = 16 << 20  // larger parts are unpacked to the disk
	mostSheetRows = 1_000_000
)

// openXLSX reads the first sheet with what the file says, not how it shows it: dates are numbers then, see
// serial.
func openXLSX(f io.ReadSeekCloser) (sheet, error) {
	book, err := excelize.OpenReader(f, excelize.Options{RawCellValue: true, UnzipSizeLimit: mostUnpacked, UnzipXMLSizeLimit: mostInMemory})
	if err != nil {
		return nil, errors.Join(ErrNotATable, f.Close())
	}
	rows, err := book.Rows(book.GetSheetName(0))
	if err != nil {
		return nil, errors.Join(ErrNotATable, book.Close(), f.Close())
	}
	return &bookSheet{book, rows, f, 0}, nil
}

type bookSheet struct {
	book *excelize.File
	rows *excelize.Rows
	c    io.Closer
	read int
}

func (s *bookSheet) next() ([]string, error) {
	if !s.rows.Next() {
		if err := s.rows.Error(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotATable, err)
		}
		return nil, io.EOF
	}
	if s.read++; s.read > mostSheetRows {
		return nil, ErrTooManyRows
	}
	cells, err := s.rows.Columns()
	if err != nil {
		return nil, errBadRow
	}
	return cells, nil
}

func (s *bookSheet) Close() error { return errors.Join(s.rows.Close(), s.book.Close(), s.c.Close()) }
