package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/work"
)

const exportPage = 500

// runExport writes an export's file, from the beginning whenever it is run again.
func (s *Service) runExport(ctx context.Context, _ *work.Lease, p runPayload) error {
	run, err := exportByID(s.DB.WithContext(ctx), p.ID)
	if errors.Is(err, ErrNotFound) {
		return work.Cancel("the export is gone")
	}
	if err != nil || run.Status != Running {
		return err
	}
	err = s.writeExport(ctx, run)
	switch {
	case errors.Is(err, errStopped):
		return nil
	case errors.Is(err, errLarge):
		_, err = change[model.ExportRun](s.DB.WithContext(ctx), run.ID, Running, map[string]any{"status": Waiting, "written": run.Written, "updated_at": s.Now()})
		return err
	}
	if f := fault.Of(err); f != nil && ctx.Err() == nil {
		now := s.Now()
		_, err = change[model.ExportRun](s.DB.WithContext(ctx), run.ID, Running, map[string]any{"status": RunFailed, "error": f.Code, "finished_at": now, "updated_at": now})
	}
	return err
}

func (s *Service) writeExport(ctx context.Context, run *model.ExportRun) error {
	f, err := scratch()
	if err != nil {
		return err
	}
	defer f.Close()
	if err := s.writeTable(ctx, run, f); err != nil {
		return err
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		file, err := s.storeTx(tx, FileName(run), run.Format, f)
		if err != nil {
			return err
		}
		now := s.Now()
		ours, err := change[model.ExportRun](tx, run.ID, Running, map[string]any{
			"status": Done, "file_id": file.ID, "written": run.Written, "capped": run.Capped, "expires_at": file.ExpiresAt, "finished_at": now, "updated_at": now,
		})
		if err == nil && !ours {
			return errStopped
		}
		return err
	})
}

func (s *Service) writeTable(ctx context.Context, run *model.ExportRun, f *os.File) error {
	exporter, ok := s.exporters[run.Kind]
	if !ok {
		return ErrKind
	}
	all, err := exporter.Columns(ctx)
	if err != nil {
		return err
	}
	keys := decodeList(run.Columns)
	columns, err := chosen(all, keys)
	if err != nil {
		return err
	}
	out, err := newTable(f, run.Format, exporter.Zh, [][]string{
		{"用途 · purpose", run.Purpose}, {"导出编号 · export", run.Watermark}, {"导出时间 · exported at", run.CreatedAt.In(s.Zone).Format("2006-01-02 15:04:05")},
		{"提示 · notice", "含个人信息，请按用途使用并及时删除 · holds personal data: use it for its purpose only and delete it in time"},
	})
	if err != nil {
		return err
	}
	header := make([]string, 0, len(columns)+1)
	for _, c := range columns {
		header = append(header, c.Zh)
	}
	if err := out.row(append(header, "导出编号")); err != nil {
		return err
	}
	if err := s.writeRows(ctx, run, exporter, keys, out); err != nil {
		return err
	}
	return out.finish()
}

func (s *Service) writeRows(ctx context.Context, run *model.ExportRun, exporter Exporter, keys []string, out table) error {
	run.Written, run.Capped = 0, false
	alone, err := s.mayAlone(ctx, run)
	if err != nil {
		return err
	}
	q := Query{StaffID: run.StaffID, Filter: []byte(run.Filter), Columns: keys}
	for from := ""; ; {
		rows, next, err := exporter.Page(ctx, q, from, exportPage)
		if err != nil {
			return err
		}
		for _, cells := range rows {
			if run.Written == run.RowCap {
				run.Capped = true
				return nil
			}
			if run.Written == alone {
				return errLarge
			}
			if len(cells) != len(keys) {
				return fmt.Errorf("export %s: %d cells for %d columns", run.Kind, len(cells), len(keys))
			}
			if err := out.row(append(cells, run.Watermark)); err != nil {
				return err
			}
			run.Written++
		}
		ours, err := progressed(s.DB.WithContext(ctx), run, s.Now())
		if err != nil {
			return err
		}
		if !ours {
			return errStopped
		}
		if from = next; next == "" {
			return nil
		}
	}
}
