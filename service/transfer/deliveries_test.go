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

// TestMembersExport: everybody who was in the audience of a campaign's run leaves as a table, page after page, with what they got or
// why they got nothing; and of one outcome, those alone.
func TestMembersExport(t *testing.T) {
	h := newTown(t)
	modeltest.Create(t, h.DB,
		&model.Campaign{ID: 5, Name: "双十一", Code: "c5", State: "running", Channel: "sms", Audience: "{}", Schedule: "{}", Version: 1, CreatedAt: noon, UpdatedAt: noon},
		&model.CampaignVariant{ID: 8, CampaignID: 5, Name: "A", ShareBP: 10000, MessageID: 1},
		&model.CampaignRun{ID: 6, CampaignID: 5, Number: 1, PlannedFor: noon, State: "sending", StartedAt: noon, UpdatedAt: noon},
		&model.Customer{ID: 9, Name: "周末", FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon},
	)
	for i := range int64(700) {
		m := &model.CampaignMember{RunID: 6, CustomerID: 9 + i, VariantID: 8}
		if i == 1 {
			m.VariantID, m.Excluded = 0, "excepted"
		} else if i == 2 {
			m.VariantID = 0
		}
		modeltest.Create(t, h.DB, m)
	}
	modeltest.Create(t, h.DB, &model.Delivery{
		Source: "campaign", SourceID: 5, Step: "1/A", Occurrence: "1", CustomerID: 9, LaneID: 1, Shelf: 20, State: int8(outreach.Failed), Class: outreach.ClassRelation, Code: 84061,
		DueAt: noon, CreatedAt: noon, UpdatedAt: noon,
	})
	all := h.take("campaign_members", MemberFilter{CampaignID: 5, RunID: 6})
	if !strings.Contains(all, `"周末","A","failed","","relation","84061"`) || strings.Count(all, `"none"`) != 697 || strings.Count(all, "held_out") != 1 || strings.Count(all, `"excluded","excepted"`) != 1 {
		t.Errorf("%d lines: %.500s", strings.Count(all, "\n"), all)
	}
	if failed := h.take("campaign_members", MemberFilter{CampaignID: 5, RunID: 6, Outcome: "failed"}); !strings.Contains(failed, "84061") || strings.Contains(failed, `"none"`) {
		t.Errorf("of the failed: %.500s", failed)
	}
	if _, err := h.StartExport(t.Context(), 7, ExportInput{Kind: "campaign_members", Purpose: "x", Format: CSV, Filter: []byte(`{"campaign_id":4,"run_id":6}`)}); err == nil {
		t.Error("the run of another campaign was let through")
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
