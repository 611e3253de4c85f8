package api

import (
	"encoding/json"
	"fmt"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/outreach"
)

// TestMembersOfACampaign: page by page and by what became of them an operator sees who was in a run's audience, with the reason and
// the class of a failure; and takes the same out as an export, of a run that is the campaign's.
func TestMembersOfACampaign(t *testing.T) {
	c := newCompany(t)
	var variant model.CampaignVariant
	if err := c.db.Take(&variant, "campaign_id = ?", runningID).Error; err != nil {
		t.Fatal(err)
	}
	modeltest.Create(t, c.db,
		&model.CampaignMember{RunID: campaignRunID, CustomerID: ownCustomer, VariantID: variant.ID},
		&model.CampaignMember{RunID: campaignRunID, CustomerID: careCustomer, Excluded: "excepted"},
		&model.Delivery{
			Source: "campaign", SourceID: runningID, Step: "1/A", Occurrence: "1", CustomerID: ownCustomer, LaneID: 1, Shelf: 20, State: int8(outreach.Failed), Class: outreach.ClassRelation,
			Code: 84061, DueAt: noon, CreatedAt: noon, UpdatedAt: noon,
		},
	)
	id, run := c.ids.Of(model.KindCampaign, runningID), c.ids.Of(model.KindCampaignRun, campaignRunID)
	type page struct {
		Items []struct {
			CustomerID string `json:"customer_id"`
			Variant    string
			Outcome    string
			Reason     string
			Class      string
			Code       int
		}
		NextCursor string `json:"next_cursor"`
	}
	read := func(query string) (p page) {
		t.Helper()
		rec := c.do(request{method: "GET", path: "/api/console/campaigns/" + id + "/runs/" + run + "/members?" + query, token: c.tokens["operator"]})
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || rec.Code != 200 {
			t.Fatalf("%s: %d %s", query, rec.Code, rec.Body)
		}
		return p
	}
	own, care := c.ids.Of(model.KindCustomer, ownCustomer), c.ids.Of(model.KindCustomer, careCustomer)
	want := map[string]string{own: "{" + own + " A failed  relation 84061}", care: "{" + care + "  excluded excepted  0}"}
	for cursor := ""; ; {
		p := read("limit=1&cursor=" + cursor)
		for _, m := range p.Items {
			if got := fmt.Sprint(m); got != want[m.CustomerID] {
				t.Errorf("got %s, want %s", got, want[m.CustomerID])
			}
			delete(want, m.CustomerID)
		}
		if cursor = p.NextCursor; cursor == "" {
			break
		}
	}
	if len(want) != 0 {
		t.Errorf("not listed: %v", want)
	}
	for query, who := range map[string]string{"outcome=failed": own, "reason=relation": own, "outcome=excluded": care, "variant_id=" + c.ids.Of(model.KindCampaignVariant, variant.ID): own} {
		if p := read(query); len(p.Items) != 1 || p.Items[0].CustomerID != who {
			t.Errorf("%s: %+v", query, p.Items)
		}
	}
	for campaign, code := range map[string]int{id: 200, c.ids.Of(model.KindCampaign, pausedID): 404} {
		body := fmt.Sprintf(`{"kind":"campaign_members","purpose":"复盘","format":"csv","campaign_members":{"campaign_id":%q,"run_id":%q,"outcome":"failed"}}`, campaign, run)
		if rec := c.do(request{method: "POST", path: "/api/console/exports", token: c.tokens["operator"], body: body}); rec.Code != code {
			t.Errorf("an export: %d %s, want %d", rec.Code, rec.Body, code)
		}
	}
}
