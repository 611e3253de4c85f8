package transfer

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/outreach"
)

// TestDeliveriesExport: who got it, who did not and why leaves as a table, page after page, of the source asked for alone.
func TestDeliveriesExport(t *testing.T) {
	h := newTown(t)
	lane := &model.DeliveryLane{ID: 1, Alike: "a", Source: "campaign", SourceID: 5, Channel: "sms", CreatedAt: noon}
	other := &model.DeliveryLane{ID: 2, Alike: "b", Source: "campaign", SourceID: 6, Channel: "sms", CreatedAt: noon}
	modeltest.Create(t, h.DB, lane, other, &model.Customer{ID: 9, Name: "周末", FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
	for i := range int64(700) {
		d := &model.Delivery{
			Source: "campaign", SourceID: 5, CustomerID: 9 + i, LaneID: 1, Shelf: 2, State: int8(outreach.Accepted), DueAt: noon, AcceptedAt: &noon, CreatedAt: noon, UpdatedAt: noon,
		}
		switch {
		case i == 0:
			d.State, d.Shelf, d.Class, d.Code, d.AcceptedAt = int8(outreach.Failed), 20, outreach.ClassRelation, 84061, nil
		case i > 650:
			d.SourceID, d.LaneID = 6, 2
		}
		modeltest.Create(t, h.DB, d)
	}
	run := h.take("deliveries", DeliveryFilter{Source: "campaign", SourceID: 5})
	if !strings.Contains(run, "周末") || !strings.Contains(run, "84061") || strings.Count(run, "accepted") != 650 {
		t.Errorf("got %d lines, %d accepted: %.300s", strings.Count(run, "\n"), strings.Count(run, "accepted"), run)
	}
	if _, err := h.StartExport(t.Context(), 7, ExportInput{Kind: "deliveries", Purpose: "x", Format: CSV}); err == nil {
		t.Error("an export without a source was let through")
	}
}

// take exports a table and reads it.
func (h *town) take(kind string, filter any) string {
	h.t.Helper()
	raw, err := json.Marshal(filter)
	if err != nil {
		h.t.Fatal(err)
	}
	run, err := h.StartExport(h.t.Context(), 7, ExportInput{Kind: kind, Purpose: "复盘", Format: CSV, Filter: raw})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.runExport(h.t.Context(), nil, runPayload{run.ID}); err != nil {
		h.t.Fatal(err)
	}
	f, _, err := h.Download(h.t.Context(), 7, run.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	content, err := io.ReadAll(f)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(content)
}
