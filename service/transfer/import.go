package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// How a run stands. Names are data.
const (
	Ready     = "ready" // an import that waits to be started
	Running   = "running"
	Waiting   = "waiting" // a large export, for a second person
	Done      = "done"
	RunFailed = "failed"
	Cancelled = "cancelled"
	Refused   = "refused" // a large export, by a second person
)

// Imports lists the kinds of tables that can be brought in, by name.
func (s *Service) Imports() []Importer {
	var list []Importer
	for _, i := range s.importers {
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b Importer) int { return strings.Compare(a.Kind, b.Kind) })
	return list
}

// Upload keeps a file that is to be imported, and finds out what it is: its encoding, its columns and which of ours
// they seem to be, how many rows it has. Nothing is imported yet. Fails with ErrKind, ErrTooLarge, ErrNotATable,
// ErrOldExcel, ErrEmpty, ErrTooManyRows.
func (s *Service) Upload(ctx context.Context, staffID int64, kind, name string, r io.Reader) (*model.ImportRun, error) {
	importer, ok := s.importers[kind]
	if !ok {
		return nil, ErrKind
	}
	columns, err := importer.Columns(ctx)
	if err != nil {
		return nil, err
	}
	f, _, err := s.keep(r)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	as, err := detect(f)
	if err != nil {
		return nil, err
	}
	if as.Encoding == inXLSX {
		if err := checkArchive(f); err != nil {
			return nil, err
		}
	}
	header, rows, err := count(f, as)
	if err != nil {
		return nil, err
	}
	run := &model.ImportRun{
		Kind: kind, StaffID: staffID, Status: Ready, Encoding: as.Encoding, Delimiter: as.Delimiter,
		Header: encode(header), Mapping: encode(suggest(header, columns)), TotalRows: rows, NextRow: 2, CreatedAt: s.Now(), UpdatedAt: s.Now(),
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil { // the transaction may run again
			return err
		}
		file, err := s.storeTx(tx, name, as.Encoding, f)
		if err != nil {
			return err
		}
		run.ID, run.FileID = 0, file.ID
		return tx.Create(run).Error
	})
	return run, err
}

// count goes through a whole table: whether it can be read shows before anything is imported.
func count(f io.ReadSeeker, as format) (header []string, rows int64, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, 0, err
	}
	header, r, err := startReading(keepOpen{f}, as)
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	for {
		switch _, err := r.cells(); {
		case errors.Is(err, io.EOF) && rows == 0:
			return nil, 0, ErrEmpty
		case errors.Is(err, io.EOF):
			return header, rows, nil
		case err != nil && !errors.Is(err, errBadRow):
			return nil, 0, err
		}
		if rows++; rows > mostSheetRows {
			return nil, 0, ErrTooManyRows
		}
	}
}

// keepOpen is a file that is read once more after its reader was closed.
type keepOpen struct{ io.ReadSeeker }

func (keepOpen) Close() error { return nil }

// Preview is how the first rows of a file would be understood.
type Preview struct {
	Header  []string
	Columns []Column // that there are
	Mapping []string // by place in the file
	Rows    []PreviewRow
}

// PreviewRow is one of them.
type PreviewRow struct {
	Number   int64
	Cells    []string // as the file has them
	Problems []model.ImportProblem
}

// previewRows is how many rows a preview shows.
const previewRows = 20

// Preview reads the first rows with a mapping; nil: the one that the import has. Fails with ErrMapping.
func (s *Service) Preview(ctx context.Context, id int64, mapping []string) (*Preview, error) {
	run, err := importByID(s.DB.WithContext(ctx), id)
	if err != nil {
		return nil, err
	}
	r, header, err := s.read(ctx, run, mapping)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	p := &Preview{Header: header, Columns: r.columns, Mapping: r.mapping}
	for len(p.Rows) < previewRows {
		row, cells, problems, err := r.rowWithCells()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		shown := PreviewRow{Number: row.Number, Cells: cells}
		for _, wrong := range problems {
			shown.Problems = append(shown.Problems, wrong.of(run))
		}
		p.Rows = append(p.Rows, shown)
	}
	return p, nil
}

// read opens an import's file behind its header.
func (s *Service) read(ctx context.Context, run *model.ImportRun, mapping []string) (*reading, []string, error) {
	importer, ok := s.importers[run.Kind]
	if !ok {
		return nil, nil, ErrKind
	}
	columns, err := importer.Columns(ctx)
	if err != nil {
		return nil, nil, err
	}
	f, err := s.fetch(ctx, run.FileID)
	if err != nil {
		return nil, nil, err
	}
	header, r, err := startReading(f, format{run.Encoding, run.Delimiter})
	if err != nil {
		return nil, nil, err
	}
	if r.mapping = mapping; mapping == nil {
		r.mapping = decodeList(run.Mapping)
	}
	r.columns, r.zone = columns, s.Zone
	if mapping != nil {
		if err := checkMapping(mapping, len(header), columns); err != nil {
			return nil, nil, errors.Join(err, r.Close())
		}
	}
	return r, header, nil
}

// StartInput is how a file is to be imported.
type StartInput struct {
	Mapping      []string // nil: as suggested
	ConsentBasis string   // required: on what ground these persons' data may be kept and used
	// Dry does everything and undoes it: the counts and problems are those of a real run, except that a row sees nothing
	// of the rows far before it.
	Dry bool
}

// Start begins an import, or a dry run, after which the import is ready again. Fails with ErrMapping, ErrBasis, ErrState.
func (s *Service) Start(ctx context.Context, id int64, in StartInput) (*model.ImportRun, error) {
	in.ConsentBasis = strings.TrimSpace(in.ConsentBasis)
	if in.ConsentBasis == "" || len([]rune(in.ConsentBasis)) > 200 {
		return nil, ErrBasis
	}
	run, err := importByID(s.DB.WithContext(ctx), id)
	if err != nil {
		return nil, err
	}
	importer, ok := s.importers[run.Kind]
	if !ok {
		return nil, ErrKind
	}
	columns, err := importer.Columns(ctx)
	if err != nil {
		return nil, err
	}
	if in.Mapping == nil {
		in.Mapping = decodeList(run.Mapping)
	}
	if err := checkMapping(in.Mapping, len(decodeList(run.Header)), columns); err != nil {
		return nil, err
	}
	return s.transition(ctx, id, func(tx *gorm.DB) error {
		return s.startTx(tx, id, in)
	})
}

func (s *Service) startTx(tx *gorm.DB, id int64, in StartInput) error {
	now := s.Now()
	was, err := change[model.ImportRun](tx, id, Ready, map[string]any{
		"status": Running, "dry": in.Dry, "mapping": encode(in.Mapping), "consent_basis": in.ConsentBasis, "next_row": 2,
		"created": 0, "updated": 0, "unchanged": 0, "failed": 0, "problems": 0, "error": "", "started_at": now, "finished_at": nil, "updated_at": now,
	})
	if err != nil {
		return err
	}
	if !was {
		return ErrState
	}
	if err := tx.Delete(&model.ImportProblem{}, "import_id = ?", id).Error; err != nil {
		return err
	}
	return s.Queue.Enqueue(tx, work.Item{Kind: workImport, Lane: work.LaneBulk, OrderKey: fmt.Sprintf("import:%d", id), Payload: runPayload{id}})
}

// Cancel stops an import; what was imported stays. Fails with ErrState when it doesn't run.
func (s *Service) Cancel(ctx context.Context, id int64) (*model.ImportRun, error) {
	return s.transition(ctx, id, func(tx *gorm.DB) error {
		now := s.Now()
		was, err := change[model.ImportRun](tx, id, Running, map[string]any{"status": Cancelled, "finished_at": now, "updated_at": now})
		if err == nil && !was {
			return ErrState
		}
		return err
	})
}

func (s *Service) transition(ctx context.Context, id int64, do func(tx *gorm.DB) error) (run *model.ImportRun, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if run, err = importByID(tx, id); err != nil {
			return err
		}
		if err := do(tx); err != nil {
			return err
		}
		run, err = importByID(tx, id)
		return err
	})
	return run, err
}

// ImportRun is one import as it stands.
func (s *Service) ImportRun(ctx context.Context, id int64) (*model.ImportRun, error) {
	return importByID(s.DB.WithContext(ctx), id)
}

// ImportRuns lists imports from the newest, those before one; 0: from the first.
func (s *Service) ImportRuns(ctx context.Context, after int64, limit int) ([]model.ImportRun, error) {
	return pageOf[model.ImportRun](s.DB.WithContext(ctx), after, limit)
}

// Problems lists what was wrong with an import's rows, in their order.
func (s *Service) Problems(ctx context.Context, id, after int64, limit int) ([]model.ImportProblem, error) {
	return problemsOf(s.DB.WithContext(ctx), id, after, limit)
}

func encode(list []string) string {
	b, _ := json.Marshal(list) // texts always can be
	return string(b)
}

func decodeList(s string) (list []string) {
	_ = json.Unmarshal([]byte(s), &list) // we wrote it
	return list
}

// ProblemsFile is a CSV file of all that was wrong with an import's rows and was kept. Close it.
func (s *Service) ProblemsFile(ctx context.Context, id int64) (f *os.File, err error) {
	if _, err := s.ImportRun(ctx, id); err != nil {
		return nil, err
	}
	if f, err = scratch(); err != nil {
		return nil, err
	}
	if err := s.writeProblems(ctx, id, f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

func (s *Service) writeProblems(ctx context.Context, id int64, f *os.File) error {
	out, err := newTextTable(f)
	if err != nil {
		return err
	}
	if err := out.row([]string{"行号", "列", "代码", "原因"}); err != nil {
		return err
	}
	for after := int64(0); ; {
		page, err := s.Problems(ctx, id, after, 500)
		if err != nil {
			return err
		}
		for _, p := range page {
			if err := out.row([]string{cell(p.Line), p.ColumnName, p.Code, p.Reason}); err != nil {
				return err
			}
			after = p.ID
		}
		if len(page) < 500 {
			return out.finish()
		}
	}
}
