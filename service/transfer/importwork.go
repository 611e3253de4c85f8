package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/work"
)

const (
	chunkRows    = 200
	mostProblems = 10_000 // are kept of one import; more are counted
)

// counts is what became of some rows.
type counts struct {
	of       [4]int64 // by Result
	problems int64
}

// errStopped says that the run is no longer ours to go on with.
var errStopped = errors.New("the run was stopped or is worked on elsewhere")

// runImport goes through an import from where it stands to its end. It may be stopped anywhere and run again.
func (s *Service) runImport(ctx context.Context, _ *work.Lease, p runPayload) error {
	run, err := importByID(s.DB.WithContext(ctx), p.ID)
	if errors.Is(err, ErrNotFound) {
		return work.Cancel("the import is gone")
	}
	if err != nil || run.Status != Running {
		return err
	}
	err = s.importAll(ctx, run)
	switch cause := context.Cause(ctx); {
	case errors.Is(err, errStopped):
		return nil
	case cause != nil && !errors.Is(cause, work.ErrCancelAsked):
		if errors.Is(cause, context.DeadlineExceeded) {
			return work.Snooze(0) // a long file, not a failure
		}
		return err
	case fault.Of(err) != nil: // trying again would end the same
		return s.endImport(context.WithoutCancel(ctx), run, RunFailed, fault.Of(err).Code)
	}
	return err
}

func (s *Service) importAll(ctx context.Context, run *model.ImportRun) error {
	r, _, err := s.read(ctx, run, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.skipTo(run.NextRow); err != nil {
		return err
	}
	for {
		rows, problems, err := nextChunk(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(rows)+len(problems) > 0 {
			if err := s.importChunk(ctx, run, rows, problems, r.number+1); err != nil {
				return err
			}
			run.NextRow = r.number + 1
		}
		if errors.Is(err, io.EOF) {
			end := Done
			if run.Dry {
				end = Ready
			}
			return s.endImport(ctx, run, end, "")
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func nextChunk(r *reading) (rows []Row, problems []problem, err error) {
	for range chunkRows {
		row, wrong, err := r.row()
		if err != nil {
			return rows, problems, err
		}
		if len(wrong) > 0 {
			problems = append(problems, wrong...)
			continue
		}
		rows = append(rows, row)
	}
	return rows, problems, nil
}

// importChunk acts upon some rows and moves the run over them, in one transaction. When the whole fails for
// a reason that is not the database's, each row is tried alone, so that a bad one fails alone.
func (s *Service) importChunk(ctx context.Context, run *model.ImportRun, rows []Row, unreadable []problem, next int64) error {
	err := s.importRows(ctx, run, [][]Row{rows}, unreadable, next)
	if err == nil || errors.Is(err, errStopped) || ctx.Err() != nil || model.IsTransient(err) || model.IsUnavailable(err) {
		return err
	}
	s.Logger.WarnContext(ctx, "a chunk of an import fails; its rows are tried one by one", "import", run.ID, "row", run.NextRow, "error", err)
	var alone [][]Row
	for i := range rows {
		alone = append(alone, rows[i:i+1])
	}
	return s.importRows(ctx, run, alone, unreadable, next)
}

func (s *Service) importRows(ctx context.Context, run *model.ImportRun, parts [][]Row, unreadable []problem, next int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		problems := append([]problem(nil), unreadable...)
		var c counts
		c.of[Failed] = rowsOf(unreadable)
		for _, part := range parts {
			outcomes, err := s.apply(tx, run, part)
			if err != nil && len(parts) == 1 && len(part) > 1 || model.IsTransient(err) || model.IsUnavailable(err) {
				return err
			}
			if err != nil {
				s.Logger.Error("a row can't be imported", "import", run.ID, "row", part[0].Number, "error", err)
				outcomes = []Outcome{{Failed, "", "import.row_failed", "这一行没能导入，原因见日志 / this row could not be imported; the log says why"}}
			}
			for i, o := range outcomes {
				if c.of[o.Result]++; o.Result == Failed {
					problems = append(problems, problem{part[i].Number, o.Column, o.Code, o.Reason})
				}
			}
		}
		c.problems = int64(len(problems))
		if err := keepProblems(tx, run, problems); err != nil {
			return err
		}
		ours, err := advance(tx, run, next, c, s.Now())
		if err == nil && !ours {
			return errStopped
		}
		if err == nil {
			run.Problems += c.problems
		}
		return err
	})
}

// apply acts upon rows behind a savepoint, to which a failure or a dry run goes back.
func (s *Service) apply(tx *gorm.DB, run *model.ImportRun, rows []Row) (outcomes []Outcome, err error) {
	if len(rows) == 0 {
		return nil, nil
	}
	if err := tx.SavePoint("import_rows").Error; err != nil {
		return nil, err
	}
	outcomes, err = s.importers[run.Kind].Apply(tx, Batch{run.ID, run.StaffID, run.ConsentBasis, rows})
	if err == nil && len(outcomes) != len(rows) {
		err = fmt.Errorf("%d outcomes for %d rows of %s", len(outcomes), len(rows), run.Kind)
	}
	if err != nil || run.Dry {
		return outcomes, errors.Join(err, tx.RollbackTo("import_rows").Error)
	}
	return outcomes, nil
}

func rowsOf(problems []problem) int64 {
	rows := map[int64]bool{}
	for _, p := range problems {
		rows[p.row] = true
	}
	return int64(len(rows))
}

func keepProblems(tx *gorm.DB, run *model.ImportRun, problems []problem) error {
	room := max(mostProblems-run.Problems, 0)
	var rows []model.ImportProblem
	for _, p := range problems[:min(int64(len(problems)), room)] {
		rows = append(rows, p.of(run))
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.CreateInBatches(rows, 200).Error
}

func (p problem) of(run *model.ImportRun) model.ImportProblem {
	return model.ImportProblem{ImportID: run.ID, Line: p.row, ColumnName: p.column, Code: p.code, Reason: p.reason}
}

func (s *Service) endImport(ctx context.Context, run *model.ImportRun, status, reason string) error {
	now := s.Now()
	_, err := change[model.ImportRun](s.DB.WithContext(ctx), run.ID, Running, map[string]any{
		"status": status, "error": reason, "finished_at": now, "updated_at": now,
	})
	return err
}
