package transfer

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// Formats of files.
const (
	CSV  = "csv"
	XLSX = "xlsx"
)

// Exports lists the kinds of tables that can be taken out, by name.
func (s *Service) Exports() []Exporter {
	var list []Exporter
	for _, e := range s.exporters {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Exporter) int { return strings.Compare(a.Kind, b.Kind) })
	return list
}

// ExportInput is what somebody wants to have.
type ExportInput struct {
	Kind    string
	Purpose string // required: what it is for
	Format  string // CSV or XLSX
	Filter  []byte // JSON, of the kind; nil: everything that the person may see
	Columns []string
	RowCap  int64 // 0: as many as allowed
}

// StartExport has a table written to a file, for one who may see these rows. Fails with ErrKind, ErrPurpose, ErrColumns, or
// as the kind's filter does.
func (s *Service) StartExport(ctx context.Context, staffID int64, in ExportInput) (*model.ExportRun, error) {
	in.Purpose = strings.TrimSpace(in.Purpose)
	exporter, ok := s.exporters[in.Kind]
	switch {
	case !ok || in.Format != CSV && in.Format != XLSX:
		return nil, ErrKind
	case in.Purpose == "" || len([]rune(in.Purpose)) > 200:
		return nil, ErrPurpose
	}
	columns, err := exporter.Columns(ctx)
	if err != nil {
		return nil, err
	}
	if len(in.Columns) == 0 {
		for _, c := range columns {
			in.Columns = append(in.Columns, c.Key)
		}
	}
	if _, err := chosen(columns, in.Columns); err != nil {
		return nil, err
	}
	if err := exporter.Check(ctx, in.Filter); err != nil {
		return nil, err
	}
	now := s.Now()
	expires := now.Add(s.KeepFiles)
	run := &model.ExportRun{
		Kind: in.Kind, StaffID: staffID, Purpose: in.Purpose, Watermark: rand.Text()[:12], Format: in.Format, Filter: string(in.Filter), Columns: encode(in.Columns),
		Status: Running, RowCap: s.ExportRows, StartedAt: &now, ExpiresAt: &expires, CreatedAt: now, UpdatedAt: now,
	}
	if in.RowCap > 0 {
		run.RowCap = min(in.RowCap, s.ExportRows)
	}
	return run, model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		run.ID = 0
		if err := tx.Create(run).Error; err != nil {
			return err
		}
		return s.Queue.Enqueue(tx, work.Item{Kind: workExport, Lane: work.LaneBulk, Payload: runPayload{run.ID}})
	})
}

// chosen are columns by their keys, in the order asked for.
func chosen(columns []Column, keys []string) (list []Column, err error) {
	for i, key := range keys {
		at := slices.IndexFunc(columns, func(c Column) bool { return c.Key == key })
		if at < 0 || slices.Contains(keys[:i], key) {
			return nil, ErrColumns
		}
		list = append(list, columns[at])
	}
	return list, nil
}

// CancelExport stops an export that runs or waits. Fails with ErrState when it does neither.
func (s *Service) CancelExport(ctx context.Context, id int64) (*model.ExportRun, error) {
	run, err := exportByID(s.DB.WithContext(ctx), id)
	if err != nil {
		return nil, err
	}
	from := Running
	if run.Status == Waiting {
		from = Waiting
	}
	now := s.Now()
	was, err := change[model.ExportRun](s.DB.WithContext(ctx), id, from, map[string]any{"status": Cancelled, "finished_at": now, "updated_at": now})
	if err == nil && !was {
		err = ErrState
	}
	if err != nil {
		return nil, err
	}
	return exportByID(s.DB.WithContext(ctx), id)
}

// ExportRun is one export as it stands.
func (s *Service) ExportRun(ctx context.Context, id int64) (*model.ExportRun, error) {
	return exportByID(s.DB.WithContext(ctx), id)
}

// ExportRuns lists exports from the newest, those before one; 0: from the first.
func (s *Service) ExportRuns(ctx context.Context, after int64, limit int) ([]model.ExportRun, error) {
	return pageOf[model.ExportRun](s.DB.WithContext(ctx), after, limit)
}

// Download opens the file of an export, for the person who asked for it, and counts that. Close it. Fails with ErrNotFound
// also when it is another's, with ErrState before it is done, with ErrExpired after its time.
func (s *Service) Download(ctx context.Context, staffID, id int64) (f *os.File, run *model.ExportRun, err error) {
	run, err = exportByID(s.DB.WithContext(ctx), id)
	switch {
	case err != nil:
		return nil, nil, err
	case run.StaffID != staffID:
		return nil, nil, ErrNotFound
	case run.Status != Done:
		return nil, nil, ErrState
	case run.ExpiresAt != nil && !s.Now().Before(*run.ExpiresAt):
		return nil, nil, ErrExpired
	}
	if f, err = s.fetch(ctx, run.FileID); err != nil {
		return nil, nil, err
	}
	return f, run, countDownload(s.DB.WithContext(ctx), id)
}

// FileName is what an export's file is called.
func FileName(run *model.ExportRun) string {
	return fmt.Sprintf("%s-%s-%s.%s", run.Kind, run.CreatedAt.Format("20060102"), run.Watermark, run.Format)
}

// PruneFiles deletes files whose time is over, and gives up exports that waited as long; what is said of their runs stays. A job.
func (s *Service) PruneFiles(ctx context.Context) error {
	if err := giveUp(s.DB.WithContext(ctx), s.Now()); err != nil {
		return err
	}
	for {
		ids, err := expired(s.DB.WithContext(ctx), s.Now(), 20)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return deleteFile(tx, id) }); err != nil {
				return err
			}
		}
	}
}
