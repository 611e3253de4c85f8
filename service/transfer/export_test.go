package transfer

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// hostile are names that a spreadsheet would calculate, or that look like what marks a text.
var hostile = []string{
	"=1+1", "+1", "-1", "@SUM(A1)", "\t=2", " =3+1", "\u00a0=4", "＝1+1", "－1", "ok\n=1+1", "'quoted", "''two", `=cmd|'/c calc'!A0`, `a"b`, "plain",
}

// TestF45_Formulas: no cell of an exported file is a formula, and importing the file gives back what was there.
func TestF45_Formulas(t *testing.T) {
	for _, format := range []string{CSV, XLSX} {
		t.Run(format, func(t *testing.T) {
			h := newHouse(t)
			for i, name := range hostile {
				row := model.CustomField{Name: fmt.Sprintf("%02d", i) + "|" + name, Title: "1", Kind: "text", CreatedAt: noon, UpdatedAt: noon}
				if err := h.DB.Create(&row).Error; err != nil {
					t.Fatal(err)
				}
			}
			// Names as they are, without what keeps them apart in the table.
			h.exporters["things"] = stripped(h.exporters["things"])
			content, run := h.export(ExportInput{Format: format, Columns: []string{"name"}})
			cells := firstColumn(t, content, format)
			for i, cell := range cells {
				if format == CSV && strings.ContainsAny(cell[:1], "=+-@\t\r\n ＝－\u00a0") {
					t.Errorf("row %d begins a formula: %q", i, cell)
				}
			}
			if !slices.ContainsFunc(cells, func(c string) bool { return strings.Contains(c, "plain") }) || run.Written != int64(len(hostile)) {
				t.Errorf("%d rows, %v", run.Written, cells)
			}
			again := newHouse(t)
			back, err := again.Upload(t.Context(), 7, "things", "x", bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			again.start(back.ID, StartInput{})
			if done := again.finish(back.ID); done.Created != int64(len(hostile)) {
				t.Fatalf("%+v", done)
			}
			things := again.things()
			for _, name := range hostile {
				want := strings.TrimSpace(name)
				if format == XLSX {
					want = strings.TrimPrefix(want, "'") // a leading apostrophe marks a text in a spreadsheet
				}
				if _, there := things[want]; !there {
					t.Errorf("%q did not come back", name)
				}
			}
		})
	}
}

func stripped(e Exporter) Exporter {
	page := e.Page
	e.Page = func(ctx context.Context, q Query, from string, limit int) ([][]string, string, error) {
		rows, next, err := page(ctx, q, from, limit)
		for _, cells := range rows {
			_, cells[0], _ = strings.Cut(cells[0], "|")
		}
		return rows, next, err
	}
	return e
}

func firstColumn(t *testing.T, content []byte, format string) (cells []string) {
	t.Helper()
	if format == CSV {
		rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\ufeff")))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows[1:] {
			cells = append(cells, r[0])
		}
		return cells
	}
	book, err := excelize.OpenReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	sheet := book.GetSheetName(0)
	rows, err := book.GetRows(sheet)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows[1:] {
		at := fmt.Sprintf("A%d", i+2)
		if formula, err := book.GetCellFormula(sheet, at); err != nil || formula != "" {
			t.Errorf("%s is the formula %q, %v", at, formula, err)
		}
		if kind, err := book.GetCellType(sheet, at); err != nil || kind != excelize.CellTypeInlineString && kind != excelize.CellTypeSharedString {
			t.Errorf("%s is no text but %v, %v", at, kind, err)
		}
		cells = append(cells, r[0])
	}
	return cells
}

func TestS53_Export(t *testing.T) {
	h := newHouse(t)
	run := h.upload(many(1200))
	h.start(run.ID, StartInput{})
	h.finish(run.ID)

	content, export := h.export(ExportInput{Format: CSV, RowCap: 700})
	if export.Written != 700 || !export.Capped || bytes.Count(content, []byte(export.Watermark)) != 700 {
		t.Errorf("%+v: %d rows are marked", export, bytes.Count(content, []byte(export.Watermark)))
	}
	content, export = h.export(ExportInput{Format: XLSX})
	book, err := excelize.OpenReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	about, err := book.GetRows("说明")
	if err != nil || about[0][1] != "盘点" || export.Written != 1200 || export.Capped {
		t.Errorf("%v, %v, %+v", about, err, export)
	}

	if _, _, err := h.Download(t.Context(), 8, export.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	h.now.Advance(25 * time.Hour)
	if _, _, err := h.Download(t.Context(), 7, export.ID); !errors.Is(err, ErrExpired) {
		t.Errorf("after its time: %v", err)
	}
	if err := h.PruneFiles(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := modeltest.Count[model.TransferPart](t, h.DB) + modeltest.Count[model.TransferFile](t, h.DB); n != 0 {
		t.Errorf("%d rows of files are left", n)
	}
	for name, in := range map[string]ExportInput{
		"no purpose": {Kind: "things", Format: CSV}, "kind": {Kind: "x", Purpose: "x", Format: CSV}, "format": {Kind: "things", Purpose: "x", Format: "pdf"},
		"column": {Kind: "things", Purpose: "x", Format: CSV, Columns: []string{"secret"}}, "column twice": {Kind: "things", Purpose: "x", Format: CSV, Columns: []string{"name", "name"}},
	} {
		if _, err := h.StartExport(t.Context(), 7, in); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestCancelExport(t *testing.T) {
	h := newHouse(t)
	run, err := h.StartExport(t.Context(), 7, ExportInput{Kind: "things", Purpose: "盘点", Format: CSV})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.CancelExport(t.Context(), run.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.runExport(t.Context(), nil, runPayload{run.ID}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.Download(t.Context(), 7, run.ID); !errors.Is(err, ErrState) {
		t.Errorf("got %v", err)
	}
}
