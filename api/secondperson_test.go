package api

import (
	"encoding/json"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestS52_ASecondPersonThroughTheConsole: large exports and greater rights wait for somebody else than who asked.
func TestS52_ASecondPersonThroughTheConsole(t *testing.T) {
	c := newCompany(t)
	const mine = 1 << 30
	approve := func(role string) request {
		return request{method: "POST", path: "/api/console/exports/" + c.ids.Of(model.KindExport, mine) + "/approve", token: c.tokens[role], body: map[string]any{"approve": true}}
	}
	modeltest.Create(t, c.db, &model.ExportRun{ID: mine, Kind: "orders", StaffID: operatorID, Purpose: "回访", Watermark: "ABF", Format: "xlsx", Columns: `["number"]`, Status: "waiting", CreatedAt: noon, UpdatedAt: noon},
		&model.StaffRole{StaffID: targetID, Role: "admin", CreatedAt: noon}) // a second administrator
	problemOf(t, "the operator who asked", c.do(approve("operator")), 403, "transfer.second_person")
	rec := c.do(approve("admin"))
	var run struct {
		Status    string `json:"status"`
		DecidedBy string `json:"decided_by"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &run); err != nil || rec.Code != 200 || run.Status != "running" || run.DecidedBy != c.ids.Of(model.KindStaff, adminID) {
		t.Errorf("approved: %d %s", rec.Code, rec.Body)
	}

	rec = c.do(request{method: "PUT", path: "/api/console/staff/" + c.ids.Of(model.KindStaff, salesID) + "/roles", token: c.tokens["admin"], body: map[string]any{"roles": []string{"operator"}}})
	var set struct {
		Roles   []string `json:"roles"`
		Request *struct {
			ID    string `json:"id"`
			State string `json:"state"`
		} `json:"request"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &set); err != nil || rec.Code != 200 || len(set.Roles) != 1 || set.Roles[0] != "sales" || set.Request == nil || set.Request.State != "waiting" {
		t.Fatalf("roles: %d %s", rec.Code, rec.Body)
	}
	decide := request{method: "POST", path: "/api/console/role-requests/" + set.Request.ID + "/decide", token: c.tokens["admin"], body: map[string]any{"approve": true}}
	problemOf(t, "the administrator who asked", c.do(decide), 403, "staff.second_person")
}
