package transfer

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// approving is the permission of those who may let a large export go on.
const approving = "export.approve"

// errLarge stops an export that needs a second person.
var errLarge = errors.New("the export is larger than one person may take out")

// mayAlone is how many rows an export may hold as it stands: any number once somebody has approved it, or where there is nobody to ask.
func (s *Service) mayAlone(ctx context.Context, run *model.ExportRun) (rows int64, err error) {
	db := s.DB.WithContext(ctx)
	said, err := approvalOf(db, run.ID)
	if err != nil {
		return 0, err
	}
	if said == nil {
		others, err := s.Colleagues.HoldersTx(db, approving)
		if err != nil || slices.ContainsFunc(others, func(id int64) bool { return id != run.StaffID }) {
			return s.ApprovalAbove, err
		}
	}
	return math.MaxInt64, nil
}

// ApproveExport lets a large export go on, from its beginning, or refuses it, as somebody who did not ask for it. The person who asked gets the
// file; what it holds is what they may see. It fails with ErrNotFound, ErrOwn, ErrExpired, or ErrState when it does not wait.
func (s *Service) ApproveExport(ctx context.Context, by, id int64, approve bool) (run *model.ExportRun, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		run, err = exportByID(tx, id)
		now := s.Now()
		switch {
		case err != nil:
			return err
		case run.StaffID == by:
			return ErrOwn
		case run.ExpiresAt != nil && !now.Before(*run.ExpiresAt):
			return ErrExpired
		}
		columns := map[string]any{"status": Refused, "finished_at": now, "updated_at": now}
		if approve {
			columns = map[string]any{"status": Running, "written": 0, "updated_at": now}
		}
		waited, err := change[model.ExportRun](tx, id, Waiting, columns)
		if err != nil {
			return err
		}
		if !waited {
			return ErrState
		}
		if err := tx.Create(&model.ExportApproval{ExportID: id, Approved: approve, DecidedBy: by, DecidedAt: now}).Error; err != nil {
			return fmt.Errorf("keep approval of export %d: %w", id, err)
		}
		if approve {
			err = s.Queue.Enqueue(tx, work.Item{Kind: workExport, Lane: work.LaneBulk, Payload: runPayload{id}})
		}
		if err == nil {
			run, err = exportByID(tx, id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return run, nil
}

// Approvals tells of exports what a second person said, by the exports' ids.
func (s *Service) Approvals(ctx context.Context, exportIDs []int64) (map[int64]model.ExportApproval, error) {
	return approvalsOf(s.DB.WithContext(ctx), exportIDs)
}
