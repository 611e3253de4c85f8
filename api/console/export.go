package console

import (
	"context"
	"encoding/json"
	"time"

	"zhiyin/model"
	"zhiyin/service/transfer"
)

// ListExportKinds lists what can be taken out.
func (h *Handlers) ListExportKinds(ctx context.Context, _ *struct{}) (*Page[TableKind], error) {
	var items []TableKind
	for _, e := range h.Transfers.Exports() {
		columns, err := e.Columns(ctx)
		if err != nil {
			return nil, err
		}
		items = append(items, TableKind{e.Kind, e.Zh, e.En, columnsOf(columns)})
	}
	return whole(items), nil
}

// Export is a table on its way out.
type Export struct {
	ID         string     `json:"id"`
	Kind       string     `json:"kind"`
	StaffID    string     `json:"staff_id"`
	Purpose    string     `json:"purpose"`
	Format     string     `json:"format" enum:"csv,xlsx"`
	Columns    []string   `json:"columns" nullable:"false"`
	Status     string     `json:"status" enum:"running,waiting,done,failed,cancelled,refused" doc:"waiting: for a second person, because it is large"`
	Watermark  string     `json:"watermark" doc:"stands in every row"`
	RowCap     int64      `json:"row_cap"`
	Written    int64      `json:"written" doc:"rows so far"`
	Capped     bool       `json:"capped" doc:"there was more"`
	Downloads  int64      `json:"downloads"`
	Error      string     `json:"error,omitempty"`
	DecidedBy  string     `json:"decided_by,omitempty" doc:"the second person"`
	DecidedAt  *time.Time `json:"decided_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty" doc:"when the file is deleted"`
	CreatedAt  time.Time  `json:"created_at"`
}

// exportRuns adds to runs what a second person said of them.
func (h *Handlers) exportRuns(ctx context.Context, runs ...model.ExportRun) (items []Export, err error) {
	ids := make([]int64, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
	}
	approvals, err := h.Transfers.Approvals(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range runs {
		e := h.exportRun(&runs[i])
		if a, ok := approvals[runs[i].ID]; ok {
			e.DecidedBy, e.DecidedAt = h.IDs.Of(model.KindStaff, a.DecidedBy), &a.DecidedAt
		}
		items = append(items, e)
	}
	return items, nil
}

func (h *Handlers) oneExport(ctx context.Context, run *model.ExportRun, err error) (*One[Export], error) {
	if err != nil {
		return nil, err
	}
	items, err := h.exportRuns(ctx, *run)
	if err != nil {
		return nil, err
	}
	return one(items[0]), nil
}

func (h *Handlers) exportRun(r *model.ExportRun) Export {
	return Export{
		ID: h.IDs.Of(model.KindExport, r.ID), Kind: r.Kind, StaffID: h.IDs.Of(model.KindStaff, r.StaffID), Purpose: r.Purpose, Format: r.Format,
		Columns: storedTexts(r.Columns), Status: r.Status, Watermark: r.Watermark, RowCap: r.RowCap, Written: r.Written, Capped: r.Capped, Downloads: r.Downloads,
		Error: r.Error, FinishedAt: r.FinishedAt, ExpiresAt: r.ExpiresAt, CreatedAt: r.CreatedAt,
	}
}

// ListExports lists exports from the newest.
func (h *Handlers) ListExports(ctx context.Context, in *PageQuery) (*Page[Export], error) {
	r := h.reader()
	after := r.after(listExport, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	rows, err := h.Transfers.ExportRuns(ctx, after, in.Limit)
	if err != nil {
		return nil, err
	}
	items, err := h.exportRuns(ctx, rows...)
	if err != nil {
		return nil, err
	}
	return newPage(h, listExport, items, lastOf(rows, in.Limit, func(m model.ExportRun) int64 { return m.ID }))
}

// StartExportInput says what somebody wants to have, and what for.
type StartExportInput struct {
	Body struct {
		Kind     string         `json:"kind" enum:"customers,orders,deliveries,campaign_members"`
		Purpose  string         `json:"purpose" minLength:"1" maxLength:"200" doc:"what it is for"`
		Format   string         `json:"format,omitempty" enum:"csv,xlsx" default:"xlsx"`
		Columns  []string       `json:"columns,omitempty" maxItems:"100" doc:"keys in their order; absent: all"`
		RowCap   int64          `json:"row_cap,omitempty" minimum:"1" doc:"absent: as many as allowed"`
		Customer CustomerExport `json:"customers,omitempty" doc:"which customers"`
		Order    OrderExport    `json:"orders,omitempty" doc:"which orders"`
		Delivery DeliveryExport `json:"deliveries,omitempty" doc:"which deliveries; a source is required"`
		Member   MemberExport   `json:"campaign_members,omitempty" doc:"which members of a campaign's run; both are required"`
	}
}

// CustomerExport selects customers.
type CustomerExport struct {
	StaffIDs  []string   `json:"staff_ids,omitempty" maxItems:"100"`
	TagIDs    []string   `json:"tag_ids,omitempty" maxItems:"100"`
	AddedFrom *time.Time `json:"added_from,omitempty"`
	AddedTo   *time.Time `json:"added_to,omitempty"`
}

// OrderExport selects orders.
type OrderExport struct {
	Shop       string     `json:"shop,omitempty" maxLength:"64"`
	Status     string     `json:"status,omitempty" enum:"placed,paid,shipped,completed,cancelled"`
	PlacedFrom *time.Time `json:"placed_from,omitempty"`
	PlacedTo   *time.Time `json:"placed_to,omitempty"`
}

// DeliveryExport selects the deliveries of one source.
type DeliveryExport struct {
	Source   string   `json:"source,omitempty" enum:"campaign,journey,task,sidebar,console,system"`
	SourceID string   `json:"source_id,omitempty"`
	Step     string   `json:"step,omitempty" maxLength:"64"`
	States   []string `json:"states,omitempty" maxItems:"13" enum:"planned,claimed,accepted,sent,delivered,read,clicked,converted,failed,suppressed,expired,cancelled,in_doubt"`
}

// MemberExport selects members of a campaign's run.
type MemberExport struct {
	CampaignID string `json:"campaign_id,omitempty"`
	RunID      string `json:"run_id,omitempty"`
	VariantID  string `json:"variant_id,omitempty" doc:"absent: all"`
	Outcome    string `json:"outcome,omitempty" enum:"excluded,held_out,none,planned,claimed,accepted,sent,delivered,read,clicked,converted,failed,suppressed,expired,cancelled,in_doubt"`
	Reason     string `json:"reason,omitempty" maxLength:"64"`
}

// StartExport has a table written to a file, of what the person may see.
func (h *Handlers) StartExport(ctx context.Context, in *StartExportInput) (*One[Export], error) {
	filter, err := h.exportFilter(in)
	if err != nil {
		return nil, err
	}
	b := in.Body
	run, err := h.Transfers.StartExport(ctx, ViewerOf(ctx).StaffID, transfer.ExportInput{
		Kind: b.Kind, Purpose: b.Purpose, Format: b.Format, Filter: filter, Columns: b.Columns, RowCap: b.RowCap,
	})
	if err != nil {
		return nil, err
	}
	return one(h.exportRun(run)), nil
}

func (h *Handlers) exportFilter(in *StartExportInput) ([]byte, error) {
	r := h.reader()
	if in.Body.Kind == "orders" {
		o := in.Body.Order
		if r.moments(given(map[string]*time.Time{"body.orders.placed_from": o.PlacedFrom, "body.orders.placed_to": o.PlacedTo})); r.err != nil {
			return nil, r.err
		}
		return json.Marshal(transfer.OrderFilter{Shop: o.Shop, Status: o.Status, PlacedFrom: o.PlacedFrom, PlacedTo: o.PlacedTo})
	}
	if in.Body.Kind == "deliveries" {
		d := in.Body.Delivery
		f := transfer.DeliveryFilter{Step: d.Step, States: statesNamed(d.States)}
		if f.Source, f.SourceID = r.origin(OriginQuery{d.Source, d.SourceID}); r.err != nil {
			return nil, r.err
		}
		return json.Marshal(f)
	}
	if in.Body.Kind == "campaign_members" {
		m := in.Body.Member
		f := transfer.MemberFilter{
			CampaignID: r.row(model.KindCampaign, m.CampaignID), RunID: r.row(model.KindCampaignRun, m.RunID), VariantID: r.optional(model.KindCampaignVariant, m.VariantID),
			Outcome: m.Outcome, Reason: m.Reason,
		}
		if r.err != nil {
			return nil, r.err
		}
		return json.Marshal(f)
	}
	c := in.Body.Customer
	f := transfer.CustomerFilter{AddedFrom: c.AddedFrom, AddedTo: c.AddedTo}
	r.moments(given(map[string]*time.Time{"body.customers.added_from": c.AddedFrom, "body.customers.added_to": c.AddedTo}))
	for _, id := range c.StaffIDs {
		f.StaffIDs = append(f.StaffIDs, r.row(model.KindStaff, id))
	}
	for _, id := range c.TagIDs {
		f.TagIDs = append(f.TagIDs, r.row(model.KindTag, id))
	}
	if r.err != nil {
		return nil, r.err
	}
	return json.Marshal(f)
}

// given leaves out times that are absent.
func given(named map[string]*time.Time) map[string]time.Time {
	there := map[string]time.Time{}
	for name, at := range named {
		if at != nil {
			there[name] = *at
		}
	}
	return there
}

// GetExport tells how an export stands.
func (h *Handlers) GetExport(ctx context.Context, in *IDPath) (*One[Export], error) {
	id, err := h.IDs.Row(model.KindExport, in.ID)
	if err != nil {
		return nil, err
	}
	run, err := h.Transfers.ExportRun(ctx, id)
	return h.oneExport(ctx, run, err)
}

// CancelExport stops an export.
func (h *Handlers) CancelExport(ctx context.Context, in *IDPath) (*One[Export], error) {
	id, err := h.IDs.Row(model.KindExport, in.ID)
	if err != nil {
		return nil, err
	}
	run, err := h.Transfers.CancelExport(ctx, id)
	return h.oneExport(ctx, run, err)
}

// ApproveExportInput is what a second person says of a large export.
type ApproveExportInput struct {
	IDPath
	Body struct {
		Approve bool `json:"approve"`
	}
}

// ApproveExport lets a large export go on, or refuses it. Whoever asked for it may not.
func (h *Handlers) ApproveExport(ctx context.Context, in *ApproveExportInput) (*One[Export], error) {
	id, err := h.IDs.Row(model.KindExport, in.ID)
	if err != nil {
		return nil, err
	}
	run, err := h.Transfers.ApproveExport(ctx, ViewerOf(ctx).StaffID, id, in.Body.Approve)
	return h.oneExport(ctx, run, err)
}

// DownloadExport gives the file to whoever asked for it, while there is one.
func (h *Handlers) DownloadExport(ctx context.Context, in *IDPath) (*FileAnswer, error) {
	id, err := h.IDs.Row(model.KindExport, in.ID)
	if err != nil {
		return nil, err
	}
	file, run, err := h.Transfers.Download(ctx, ViewerOf(ctx).StaffID, id)
	if err != nil {
		return nil, err
	}
	kind := "text/csv; charset=utf-8"
	if run.Format == transfer.XLSX {
		kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	return attached(kind, transfer.FileName(run), file), nil
}
