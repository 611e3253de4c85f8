package console

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"zhiyin/model"
	"zhiyin/service/transfer"
)

// Column is something that a table's row can say.
type Column struct {
	Key      string `json:"key"`
	Title    string `json:"title"`
	English  string `json:"english"`
	Kind     string `json:"kind" enum:"text,date,time,number,count,money,choice,list"`
	Required bool   `json:"required"`
}

func columnsOf(list []transfer.Column) []Column {
	out := make([]Column, 0, len(list))
	for _, c := range list {
		out = append(out, Column{c.Key, c.Zh, c.En, string(c.Kind), c.Required})
	}
	return out
}

// TableKind is a kind of table that can be brought in or taken out.
type TableKind struct {
	Kind    string   `json:"kind"`
	Title   string   `json:"title"`
	English string   `json:"english"`
	Columns []Column `json:"columns" nullable:"false"`
}

// ListImportKinds lists what can be brought in.
func (h *Handlers) ListImportKinds(ctx context.Context, _ *struct{}) (*Page[TableKind], error) {
	var items []TableKind
	for _, i := range h.Transfers.Imports() {
		columns, err := i.Columns(ctx)
		if err != nil {
			return nil, err
		}
		items = append(items, TableKind{i.Kind, i.Zh, i.En, columnsOf(columns)})
	}
	return whole(items), nil
}

// Import is a table on its way in.
type Import struct {
	ID           string     `json:"id"`
	Kind         string     `json:"kind"`
	StaffID      string     `json:"staff_id"`
	Status       string     `json:"status" enum:"ready,running,done,failed,cancelled"`
	Dry          bool       `json:"dry" doc:"the counts are those of a dry run: nothing was kept"`
	Encoding     string     `json:"encoding"`
	Header       []string   `json:"header" nullable:"false"`
	Mapping      []string   `json:"mapping" nullable:"false" doc:"a column's key by its place in the file; empty leaves it out"`
	ConsentBasis string     `json:"consent_basis,omitempty"`
	Total        int64      `json:"total" doc:"rows"`
	Read         int64      `json:"read" doc:"rows acted upon so far"`
	Created      int64      `json:"created"`
	Updated      int64      `json:"updated"`
	Unchanged    int64      `json:"unchanged"`
	Failed       int64      `json:"failed"`
	Problems     int64      `json:"problems"`
	Error        string     `json:"error,omitempty"`
	StartedAt    *time.Time `json:"started_at,omitempty"`
	FinishedAt   *time.Time `json:"finished_at,omitempty"`
	CreatedAt    time.Time  `json:"created_at"`
}

func (h *Handlers) importRun(r *model.ImportRun) Import {
	return Import{
		ID: h.IDs.Of(model.KindImport, r.ID), Kind: r.Kind, StaffID: h.IDs.Of(model.KindStaff, r.StaffID), Status: r.Status, Dry: r.Dry, Encoding: r.Encoding,
		Header: storedTexts(r.Header), Mapping: storedTexts(r.Mapping), ConsentBasis: r.ConsentBasis, Total: r.TotalRows, Read: r.Created + r.Updated + r.Unchanged + r.Failed,
		Created: r.Created, Updated: r.Updated, Unchanged: r.Unchanged, Failed: r.Failed, Problems: r.Problems, Error: r.Error,
		StartedAt: r.StartedAt, FinishedAt: r.FinishedAt, CreatedAt: r.CreatedAt,
	}
}

// storedTexts reads a list that is stored as JSON.
func storedTexts(stored string) []string {
	list := []string{}
	_ = json.Unmarshal([]byte(stored), &list) // we wrote it
	return list
}

// ListImports lists imports from the newest.
func (h *Handlers) ListImports(ctx context.Context, in *PageQuery) (*Page[Import], error) {
	r := h.reader()
	after := r.after(listImport, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Transfers.ImportRuns(ctx, after, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []Import
	for i := range rows {
		items = append(items, h.importRun(&rows[i]))
	}
	return newPage(h, listImport, items, lastOf(rows, in.Limit, func(m model.ImportRun) int64 { return m.ID }))
}

// UploadImportInput is a table as a form sends it.
type UploadImportInput struct {
	RawBody huma.MultipartFormFiles[struct {
		Kind string        `form:"kind" required:"true" enum:"customers,lists,orders,tags"`
		File huma.FormFile `form:"file" required:"true"`
	}]
}

// UploadImport keeps a file that is to be imported and says what it seems to be.
func (h *Handlers) UploadImport(ctx context.Context, in *UploadImportInput) (*One[Import], error) {
	form := in.RawBody.Data()
	defer form.File.Close()
	if err := onlyFields(in.RawBody.Form, "kind", "file"); err != nil {
		return nil, err
	}
	run, err := h.Transfers.Upload(ctx, ViewerOf(ctx).StaffID, form.Kind, form.File.Filename, form.File)
	if err != nil {
		return nil, err
	}
	return one(h.importRun(run)), nil
}

// GetImport tells how an import stands.
func (h *Handlers) GetImport(ctx context.Context, in *IDPath) (*One[Import], error) {
	id, err := h.IDs.Row(model.KindImport, in.ID)
	if err != nil {
		return nil, err
	}
	run, err := h.Transfers.ImportRun(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.importRun(run)), nil
}

// ImportPreview is how the first rows of a file would be understood.
type ImportPreview struct {
	Columns []Column           `json:"columns" nullable:"false" doc:"that rows of this kind can say"`
	Header  []string           `json:"header" nullable:"false"`
	Mapping []string           `json:"mapping" nullable:"false"`
	Rows    []ImportPreviewRow `json:"rows" nullable:"false"`
}

// ImportPreviewRow is one of them.
type ImportPreviewRow struct {
	Line     int64           `json:"line" doc:"the header is 1"`
	Cells    []string        `json:"cells" nullable:"false"`
	Problems []ImportProblem `json:"problems" nullable:"false"`
}

// ImportProblem is what is wrong with a row.
type ImportProblem struct {
	Line   int64  `json:"line"`
	Column string `json:"column,omitempty"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// PreviewImportInput tries a mapping.
type PreviewImportInput struct {
	IDPath
	Body struct {
		Mapping []string `json:"mapping,omitempty" maxItems:"200" doc:"absent: the one that the import has"`
	}
}

// PreviewImport shows the first rows with what would be wrong with them.
func (h *Handlers) PreviewImport(ctx context.Context, in *PreviewImportInput) (*One[ImportPreview], error) {
	id, err := h.IDs.Row(model.KindImport, in.ID)
	if err != nil {
		return nil, err
	}
	p, err := h.Transfers.Preview(ctx, id, in.Body.Mapping)
	if err != nil {
		return nil, err
	}
	out := ImportPreview{Columns: columnsOf(p.Columns), Header: p.Header, Mapping: p.Mapping, Rows: []ImportPreviewRow{}}
	for _, row := range p.Rows {
		out.Rows = append(out.Rows, ImportPreviewRow{row.Number, append([]string{}, row.Cells...), problemsOf(row.Problems)})
	}
	return one(out), nil
}

func problemsOf(rows []model.ImportProblem) []ImportProblem {
	out := []ImportProblem{}
	for _, p := range rows {
		out = append(out, ImportProblem{p.Line, p.ColumnName, p.Code, p.Reason})
	}
	return out
}

// StartImportInput says how a file is to be imported.
type StartImportInput struct {
	IDPath
	Body struct {
		Mapping      []string `json:"mapping,omitempty" maxItems:"200" doc:"absent: as suggested"`
		ConsentBasis string   `json:"consent_basis" minLength:"1" maxLength:"200" doc:"on what ground these persons' data may be kept and used"`
		Dry          bool     `json:"dry,omitempty" doc:"do everything and undo it"`
	}
}

// StartImport begins an import or a dry run.
func (h *Handlers) StartImport(ctx context.Context, in *StartImportInput) (*One[Import], error) {
	id, err := h.IDs.Row(model.KindImport, in.ID)
	if err != nil {
		return nil, err
	}
	run, err := h.Transfers.Start(ctx, id, transfer.StartInput{Mapping: in.Body.Mapping, ConsentBasis: in.Body.ConsentBasis, Dry: in.Body.Dry})
	if err != nil {
		return nil, err
	}
	return one(h.importRun(run)), nil
}

// CancelImport stops an import; what was imported stays.
func (h *Handlers) CancelImport(ctx context.Context, in *IDPath) (*One[Import], error) {
	id, err := h.IDs.Row(model.KindImport, in.ID)
	if err != nil {
		return nil, err
	}
	run, err := h.Transfers.Cancel(ctx, id)
	if err != nil {
		return nil, err
	}
	return one(h.importRun(run)), nil
}

// ListImportProblemsInput asks for a page of an import's problems.
type ListImportProblemsInput struct {
	IDPath
	PageQuery
}

// ListImportProblems lists what was wrong with rows, in their order.
func (h *Handlers) ListImportProblems(ctx context.Context, in *ListImportProblemsInput) (*Page[ImportProblem], error) {
	r := h.reader()
	id, after := r.row(model.KindImport, in.ID), r.after(listImportProblem, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	if _, err := h.Transfers.ImportRun(ctx, id); err != nil {
		return nil, err
	}
	rows, err := h.Transfers.Problems(ctx, id, after, in.Limit)
	if err != nil {
		return nil, err
	}
	return newPage(h, listImportProblem, problemsOf(rows), lastOf(rows, in.Limit, func(m model.ImportProblem) int64 { return m.ID }))
}

// FileAnswer is a file's bytes, to be saved and not shown as a page.
type FileAnswer struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	Body               func(huma.Context)
}

// attached sends a file and closes it.
func attached(contentType, name string, file io.ReadCloser) *FileAnswer {
	return &FileAnswer{contentType, `attachment; filename="` + name + `"`, func(ctx huma.Context) {
		defer file.Close()
		_, _ = io.Copy(ctx.BodyWriter(), file) // whoever reads has gone
	}}
}

// DownloadImportProblems gives what was wrong with rows as a table.
func (h *Handlers) DownloadImportProblems(ctx context.Context, in *IDPath) (*FileAnswer, error) {
	id, err := h.IDs.Row(model.KindImport, in.ID)
	if err != nil {
		return nil, err
	}
	file, err := h.Transfers.ProblemsFile(ctx, id)
	if err != nil {
		return nil, err
	}
	return attached("text/csv; charset=utf-8", "import-problems.csv", file), nil
}
