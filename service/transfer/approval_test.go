package transfer

import (
	"errors"
	"testing"
	"time"

	"zhiyin/model"
)

// TestS52_LargeExportsNeedASecondPerson: an export that turns out large holds no file until somebody else than who asked has agreed.
func TestS52_LargeExportsNeedASecondPerson(t *testing.T) {
	h := newHouse(t)
	h.ApprovalAbove = 600
	run := h.upload(many(601))
	h.start(run.ID, StartInput{})
	h.finish(run.ID)
	start := func(by int64, rows int64) *model.ExportRun {
		t.Helper()
		e, err := h.StartExport(t.Context(), by, ExportInput{Kind: "things", Purpose: "回访", Format: CSV, RowCap: rows})
		if err != nil {
			t.Fatal(err)
		}
		return h.exported(e.ID)
	}
	if small := start(7, 600); small.Status != Done || small.Written != 600 || !small.Capped {
		t.Fatalf("small: %+v", small)
	}
	large := start(7, 0)
	if large.Status != Waiting || large.FileID != 0 || large.Written != 600 {
		t.Fatalf("large: %+v", large)
	}
	if _, _, err := h.Download(t.Context(), 7, large.ID); !errors.Is(err, ErrState) {
		t.Errorf("downloaded: %v", err)
	}
	if _, err := h.ApproveExport(t.Context(), 7, large.ID, true); !errors.Is(err, ErrOwn) {
		t.Errorf("approved by who asked: %v", err)
	}
	if _, err := h.ApproveExport(t.Context(), 8, large.ID, true); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ApproveExport(t.Context(), 8, large.ID, true); !errors.Is(err, ErrState) {
		t.Errorf("approved twice: %v", err)
	}
	if done := h.exported(large.ID); done.Status != Done || done.Written != 601 || done.Capped {
		t.Errorf("approved: %+v", done)
	}
	if _, _, err := h.Download(t.Context(), 8, large.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("who approves has got the file: %v", err)
	}
	said, err := h.Approvals(t.Context(), []int64{large.ID})
	if err != nil || !said[large.ID].Approved || said[large.ID].DecidedBy != 8 {
		t.Errorf("%+v, %v", said, err)
	}

	refused := start(7, 0)
	if row, err := h.ApproveExport(t.Context(), 8, refused.ID, false); err != nil || row.Status != Refused {
		t.Errorf("%+v, %v", row, err)
	}
	if row := h.exported(refused.ID); row.Status != Refused || row.FileID != 0 {
		t.Errorf("refused: %+v", row)
	}
	stopped := start(7, 0)
	if row, err := h.CancelExport(t.Context(), stopped.ID); err != nil || row.Status != Cancelled {
		t.Errorf("%+v, %v", row, err)
	}
	late := start(7, 0)
	h.now.Advance(25 * time.Hour)
	if _, err := h.ApproveExport(t.Context(), 8, late.ID, true); !errors.Is(err, ErrExpired) {
		t.Errorf("approved after its time: %v", err)
	}
	if err := h.PruneFiles(t.Context()); err != nil {
		t.Fatal(err)
	}
	if row := h.exported(late.ID); row.Status != RunFailed || row.Error != ErrExpired.Code {
		t.Errorf("late: %+v", row)
	}

	h.Colleagues = colleagues{7}
	if alone := start(7, 0); alone.Status != Done || alone.Written != 601 {
		t.Errorf("with nobody to ask: %+v", alone)
	}
}

// exported does an export's work, and gives how it stands then.
func (h *house) exported(id int64) *model.ExportRun {
	h.t.Helper()
	if err := h.runExport(h.t.Context(), nil, runPayload{id}); err != nil {
		h.t.Fatal(err)
	}
	run, err := h.ExportRun(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return run
}
