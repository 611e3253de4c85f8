package transfer

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"zhiyin/service/fault"
)

// TestV16_SpreadsheetBombs: files made to exhaust whoever opens them are refused quickly and without much memory.
func TestV16_SpreadsheetBombs(t *testing.T) {
	tests := []struct {
		name  string
		bytes []byte
		want  error // nil: whatever becomes of it, the process bears it
	}{
		{"row number beyond the sheet", book(t, `<row r="1"><c r="A1" t="inlineStr"><is><t>名称</t></is></c></row><row r="1048577"><c r="A1048577"><v>1</v></c></row>`), nil},
		{"row number of 31 bits", book(t, `<row r="1"><c r="A1" t="inlineStr"><is><t>名称</t></is></c></row><row r="2147483647"><c r="A2147483647"><v>1</v></c></row>`), nil},
		{"column number", book(t, `<row r="1"><c r="ZZZZZZ1" t="inlineStr"><is><t>名称</t></is></c></row>`), nil},
		{"a gigabyte", bookOf(t, func(to *zip.Writer, name string) { declared(t, to, name, 1<<30) }), ErrTooLarge},
		{"a gigabyte that says it is small", bookOf(t, func(to *zip.Writer, name string) { declared(t, to, name, 1<<10) }), nil},
		{"an archive of something else", archive(t, map[string]string{"hello.txt": "hello"}), ErrNotATable},
		{"half an archive", book(t, "")[:200], ErrNotATable},
		{"an old spreadsheet", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), ErrOldExcel},
		{"a program", []byte("\x7fELF\x00\x00\x01"), ErrNotATable},
		{"nothing", nil, ErrEmpty},
		{"a header alone", []byte("名称,价格\n"), ErrEmpty},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			h.MaxFile = 64 << 20
			began, before := time.Now(), allocated()
			_, err := h.Upload(t.Context(), 7, "things", "bomb.xlsx", bytes.NewReader(tt.bytes))
			if took := time.Since(began); took > 10*time.Second { // a tenth of that on an idle machine
				t.Errorf("it took %v", took)
			}
			if held := allocated() - before; held > 100<<20 {
				t.Errorf("%d MB are held", held>>20)
			}
			if tt.want != nil && !errors.Is(err, tt.want) || err != nil && fault.Of(err) == nil {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	h := newHouse(t)
	if _, err := h.Upload(t.Context(), 7, "things", "x.csv", io.LimitReader(endless{}, 9<<20)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = "a,b\n"[i%4]
	}
	return len(p), nil
}

func allocated() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}

const (
	sheetHead = `<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`
	sheetTail = `</sheetData></worksheet>`
)

func book(t *testing.T, rows string) []byte {
	return bookOf(t, func(to *zip.Writer, name string) {
		w, err := to.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, sheetHead+rows+sheetTail)
	})
}

// declared writes an entry of 32 MB under any size.
func declared(t *testing.T, to *zip.Writer, name string, size uint64) {
	t.Helper()
	var packed bytes.Buffer
	deflate, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	content := sheetHead + strings.Repeat(`<row><c><v>1</v></c></row>`, 32<<20/26) + sheetTail
	io.WriteString(deflate, content)
	deflate.Close()
	w, err := to.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(content)), CompressedSize64: uint64(packed.Len()), UncompressedSize64: size,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(packed.Bytes())
}

// bookOf is a spreadsheet whose sheet is what write writes.
func bookOf(t *testing.T, write func(to *zip.Writer, name string)) []byte {
	t.Helper()
	empty := excelize.NewFile()
	var plain, out bytes.Buffer
	if _, err := empty.WriteTo(&plain); err != nil {
		t.Fatal(err)
	}
	from, err := zip.NewReader(bytes.NewReader(plain.Bytes()), int64(plain.Len()))
	if err != nil {
		t.Fatal(err)
	}
	to := zip.NewWriter(&out)
	for _, entry := range from.File {
		if entry.Name == "xl/worksheets/sheet1.xml" {
			write(to, entry.Name)
			continue
		}
		r, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		w, err := to.Create(entry.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, r); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, content := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, content)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
