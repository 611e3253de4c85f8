package console

import (
	"context"
	"time"

	"zhiyin/model"
	"zhiyin/service/intake"
)

// SyncRun is one synchronisation of an account with its platform.
type SyncRun struct {
	ID         string     `json:"id"`
	AccountID  string     `json:"account_id"`
	Status     string     `json:"status" doc:"running, done, failed, cancelled"`
	Trigger    string     `json:"trigger" doc:"first, clock, person"`
	Stage      string     `json:"stage" doc:"departments, staff, tags, customers, groups, finish"`
	Total      int64      `json:"total" doc:"parts of this stage; 0: not known yet"`
	Finished   int64      `json:"finished" doc:"of them"`
	Read       int64      `json:"read"`
	Created    int64      `json:"created"`
	Updated    int64      `json:"updated"`
	Unchanged  int64      `json:"unchanged"`
	Vanished   int64      `json:"vanished"`
	Failed     int64      `json:"failed" doc:"parts that could not be read"`
	Error      string     `json:"error,omitempty"`
	StartedAt  time.Time  `json:"started_at"`
	UpdatedAt  time.Time  `json:"updated_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

func (h *Handlers) syncRun(r *model.SyncRun) SyncRun {
	return SyncRun{
		h.IDs.Of(model.KindSyncRun, r.ID), h.IDs.Of(model.KindAccount, r.AccountID), r.Status, r.Trigger, r.Stage, r.Total, r.Finished,
		r.ReadCount, r.Created, r.Updated, r.Unchanged, r.Vanished, r.Failed, r.Error, r.StartedAt, r.UpdatedAt, r.FinishedAt,
	}
}

// ListSyncRunsInput selects runs.
type ListSyncRunsInput struct {
	PageQuery
	AccountID string `query:"account_id" maxLength:"26"`
}

// ListSyncRuns lists synchronisations, newest first.
func (h *Handlers) ListSyncRuns(ctx context.Context, in *ListSyncRunsInput) (*Page[SyncRun], error) {
	r := h.reader()
	f := intake.RunFilter{AccountID: r.optional(model.KindAccount, in.AccountID), Before: r.after(listSyncRun, in.Cursor), Limit: in.Limit}
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Intake.Runs(ctx, f)
	if err != nil {
		return nil, err
	}
	var items []SyncRun
	for i := range rows {
		items = append(items, h.syncRun(&rows[i]))
	}
	return newPage(h, listSyncRun, items, lastOf(rows, in.Limit, func(r model.SyncRun) int64 { return r.ID }))
}

// StartSyncInput says which account to synchronise.
type StartSyncInput struct {
	Body struct {
		AccountID string `json:"account_id" minLength:"26" maxLength:"26"`
	}
}

// StartSync has an account synchronised in full.
func (h *Handlers) StartSync(ctx context.Context, in *StartSyncInput) (*One[SyncRun], error) {
	account, err := h.IDs.Row(model.KindAccount, in.Body.AccountID)
	if err != nil {
		return nil, err
	}
	run, err := h.Intake.Start(ctx, account, intake.TriggerPerson)
	if err != nil {
		return nil, err
	}
	return one(h.syncRun(run)), nil
}

// SyncPart is a part of a run that could not be read.
type SyncPart struct {
	Stage string `json:"stage"`
	Key   string `json:"key" doc:"the staff member or group it is about"`
	Error string `json:"error"`
}

// SyncRunDetail is a run with what could not be read.
type SyncRunDetail struct {
	SyncRun
	FailedParts []SyncPart `json:"failed_parts" nullable:"false" doc:"at most 200"`
}

// GetSyncRun tells how far a run is, also while it runs.
func (h *Handlers) GetSyncRun(ctx context.Context, in *IDPath) (*One[SyncRunDetail], error) {
	id, err := h.IDs.Row(model.KindSyncRun, in.ID)
	if err != nil {
		return nil, err
	}
	run, err := h.Intake.Progress(ctx, id)
	if err != nil {
		return nil, err
	}
	parts, err := h.Intake.FailedParts(ctx, id)
	if err != nil {
		return nil, err
	}
	out := SyncRunDetail{h.syncRun(run), []SyncPart{}}
	for _, p := range parts {
		out.FailedParts = append(out.FailedParts, SyncPart{p.Stage, p.PartKey, p.Error})
	}
	return one(out), nil
}

// CancelSync ends a run; what it has read stays.
func (h *Handlers) CancelSync(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindSyncRun, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Intake.Cancel(ctx, id)
}
