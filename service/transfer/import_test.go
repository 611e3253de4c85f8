package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"zhiyin/model"
)

// TestEncodings: the same table in every encoding and with every delimiter that spreadsheets write.
func TestEncodings(t *testing.T) {
	table := "品名,价 格,日期\n碧螺春,12.5,2026/1/2\n龙井,￥1200,20260103\n"
	tests := []struct {
		name      string
		encoding  encoding.Encoding
		delimiter string
	}{
		{"UTF-8", encoding.Nop, ","}, {"UTF-8 with a mark", unicode.UTF8BOM, ","}, {"GBK", simplifiedchinese.GBK, ","},
		{"GB18030", simplifiedchinese.GB18030, ","}, {"UTF-16", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "\t"}, {"semicolons", encoding.Nop, ";"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			content, err := tt.encoding.NewEncoder().String(strings.ReplaceAll(table, ",", tt.delimiter))
			if err != nil {
				t.Fatal(err)
			}
			run := h.upload(content)
			if run.TotalRows != 2 || run.Mapping != `["name","price","day"]` {
				t.Errorf("%d rows, mapping %s, read as %s", run.TotalRows, run.Mapping, run.Encoding)
			}
			h.start(run.ID, StartInput{})
			if run = h.finish(run.ID); run.Status != Done || run.Created != 2 || run.Failed != 0 {
				t.Errorf("%+v", run)
			}
			if f := h.things()["碧螺春"]; f.Title != "1250" || f.Choices != "2026-01-02" {
				t.Errorf("it became %+v", f)
			}
		})
	}
}

// TestProblems: rows that are wrong are told with their numbers and keep no other back.
func TestProblems(t *testing.T) {
	h := newHouse(t)
	run := h.upload("名称,价格,日期,备注\na,1,,x\n,2,,\nb,1.234,,\nbad,1,,\n\nc,1,2026-02-30,\nd,\"1,000\",2026-02-28,\na,1,,again\n")
	if run.TotalRows != 7 {
		t.Errorf("%d rows", run.TotalRows)
	}
	h.start(run.ID, StartInput{})
	run = h.finish(run.ID)
	if run.Created != 2 || run.Unchanged != 1 || run.Failed != 4 || run.Status != Done {
		t.Errorf("%+v", run)
	}
	problems, err := h.Problems(t.Context(), run.ID, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprint(p.Line, p.ColumnName, " ", p.Code))
	}
	// The empty line is none of the table's rows.
	want := "3name import.cell_missing|4price import.cell_invalid|6day import.cell_invalid|5name thing.bad"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}

// TestUnpairedQuote: a row whose quotes don't pair is told, and the rest is read.
func TestUnpairedQuote(t *testing.T) {
	h := newHouse(t)
	run := h.upload("名称,价格\na\"b,1\nc,2\n")
	h.start(run.ID, StartInput{})
	if run = h.finish(run.ID); run.Created != 1 || run.Failed != 1 || run.Problems != 1 {
		t.Errorf("%+v", run)
	}
}

// TestPoisonRow: a row at which the whole batch fails, fails alone.
func TestPoisonRow(t *testing.T) {
	h := newHouse(t)
	h.fail = func(r Row) error {
		if r.Number == 100 {
			return errPoison
		}
		return nil
	}
	run := h.upload(many(450))
	h.start(run.ID, StartInput{})
	run = h.finish(run.ID)
	if run.Created != 449 || run.Failed != 1 || len(h.things()) != 449 {
		t.Errorf("%+v", run)
	}
	if p, _ := h.Problems(t.Context(), run.ID, 0, 9); len(p) != 1 || p[0].Line != 100 || p[0].Code != "import.row_failed" {
		t.Errorf("%+v", p)
	}
}

func many(n int) string {
	var b strings.Builder
	b.WriteString("名称,价格\n")
	for i := range n {
		fmt.Fprintf(&b, "thing %06d,%d\n", i, i)
	}
	return b.String()
}

// TestDryRun says what a real run would do, and does nothing.
func TestS54_DryRun(t *testing.T) {
	h := newHouse(t)
	run := h.upload(many(450) + "bad,1\n,2\n")
	h.start(run.ID, StartInput{Dry: true})
	dry := h.finish(run.ID)
	if dry.Status != Ready || dry.Created != 450 || dry.Failed != 2 || dry.Problems != 2 || len(h.things()) != 0 {
		t.Errorf("dry: %+v, %d things", dry, len(h.things()))
	}
	h.start(run.ID, StartInput{})
	wet := h.finish(run.ID)
	if wet.Status != Done || wet.Created != dry.Created || wet.Failed != dry.Failed || len(h.things()) != 450 {
		t.Errorf("real: %+v, %d things", wet, len(h.things()))
	}
	if _, err := h.Start(t.Context(), run.ID, StartInput{ConsentBasis: "x"}); !errors.Is(err, ErrState) {
		t.Errorf("started once more: %v", err)
	}
}

// TestKilledImport: a run that is broken off again and again, before and after its commits, imports every row once.
func TestKilledImport(t *testing.T) {
	h := newHouse(t)
	breaks := 0
	cancel := func() {}
	h.fail = func(r Row) error {
		if r.Number%311 == 0 && breaks < 9 {
			breaks++
			cancel() // the commit of this chunk fails, or the next chunk does
		}
		return nil
	}
	run := h.upload(many(1500))
	h.start(run.ID, StartInput{})
	for range 40 {
		ctx, stop := context.WithCancel(t.Context())
		cancel = stop
		_ = h.runImport(ctx, nil, runPayload{run.ID})
		cancel()
	}
	run, err := h.ImportRun(t.Context(), run.ID)
	if err != nil || run.Status != Done || run.Created != 1500 || run.Unchanged != 0 || len(h.things()) != 1500 || breaks < 9 {
		t.Errorf("%+v, %v, %d things, %d breaks", run, err, len(h.things()), breaks)
	}
}

// TestTwoWorkers: the same run on two workers at once imports every row once.
func TestTwoWorkers(t *testing.T) {
	h := newHouse(t)
	run := h.upload(many(2000))
	h.start(run.ID, StartInput{})
	ended := make(chan error)
	for range 2 {
		go func() { ended <- h.runImport(t.Context(), nil, runPayload{run.ID}) }()
	}
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	run = h.finish(run.ID)
	if run.Status != Done || run.Created != 2000 || run.Unchanged != 0 {
		t.Errorf("%+v", run)
	}
}

func TestCancelImport(t *testing.T) {
	h := newHouse(t)
	run := h.upload(many(1000))
	h.fail = func(r Row) error {
		if r.Number == 500 && !model.IsSQLite(h.DB) { // SQLite's one writer is the import itself
			if _, err := h.Cancel(t.Context(), run.ID); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	h.start(run.ID, StartInput{})
	if model.IsSQLite(h.DB) {
		if _, err := h.Cancel(t.Context(), run.ID); err != nil {
			t.Fatal(err)
		}
	}
	run = h.finish(run.ID)
	if run.Status != Cancelled || int64(len(h.things())) != run.Created || run.Created > 500 {
		t.Errorf("%+v, %d things", run, len(h.things()))
	}
	if _, err := h.Cancel(t.Context(), run.ID); !errors.Is(err, ErrState) {
		t.Errorf("cancelled twice: %v", err)
	}
}

func TestMapping(t *testing.T) {
	h := newHouse(t)
	run := h.upload("甲,乙\n1,2\n")
	for name, mapping := range map[string][]string{
		"nothing mapped": nil, "required missing": {"price", ""}, "twice": {"name", "name"}, "unknown": {"name", "colour"}, "too few": {"name"},
	} {
		if _, err := h.Start(t.Context(), run.ID, StartInput{Mapping: mapping, ConsentBasis: "x"}); !errors.Is(err, ErrMapping) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.Start(t.Context(), run.ID, StartInput{Mapping: []string{"name", ""}}); !errors.Is(err, ErrBasis) {
		t.Errorf("without a basis: %v", err)
	}
	p, err := h.Preview(t.Context(), run.ID, []string{"price", "name"})
	if err != nil || len(p.Rows) != 1 || p.Rows[0].Cells[1] != "2" || len(p.Rows[0].Problems) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}
