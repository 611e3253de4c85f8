package tag_test

import (
	"slices"
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/tag"
	"zhiyin/wecom"
)

// TestMirrorBothWaysThroughTheSimulator: local tags become corp tags, their bearers are marked, and what staff
// and administrators do at the platform comes back.
func TestMirrorBothWaysThroughTheSimulator(t *testing.T) {
	e := newEnterprise(t)
	ctx := t.Context()
	relations := e.read()
	e.refresh()
	r := relations[0]
	made, err := e.tags.CreateGroup(ctx, tag.NewGroup{Name: "兴趣爱好", Tags: []string{"露营", "钓鱼"}})
	if err != nil {
		t.Fatal(err)
	}
	camping, fishing := made.Tags[0].ID, made.Tags[1].ID
	if _, err := e.tags.Give(ctx, e.viewer, tag.GiveInput{CustomerIDs: []int64{r.CustomerID}, Add: []int64{camping}}); err != nil {
		t.Fatal(err)
	}
	e.post("/_sim/faults", map[string]any{"api": "externalcontact/add_corp_tag", "kind": "drop_after", "times": 1})
	if err := e.tags.SetMirror(ctx, tag.GroupRef(made.ID), e.acct.ID, true); err != nil {
		t.Fatal(err)
	}
	shown := func(local int64) string {
		var m model.Tag
		if err := e.db.Where("mirror_of = ? AND gone_at IS NULL", local).Take(&m).Error; err != nil || m.PlatformID == nil {
			return ""
		}
		return *m.PlatformID
	}
	e.eventually("the customer is marked", func() bool {
		id, f := shown(camping), e.there(r)
		return id != "" && slices.Contains(f.CorpTagIDs(), id)
	})
	e.settled()
	facts := modeltest.Count[model.Event](t, e.db)
	e.read()
	e.refresh()
	e.settled()
	if n := modeltest.Count[model.Event](t, e.db); n != facts {
		t.Errorf("our own echo was recorded as %d events", n-facts)
	}

	// The staff member gives the other and takes this one.
	e.post("/_sim/act/edit", map[string]any{"userid": e.there(r).UserID, "external_userid": r.ExternalUserID,
		"add_tag": []string{shown(fishing)}, "remove_tag": []string{shown(camping)}})
	e.read()
	e.eventually("as it is there", func() bool { return e.bearsHere(r.CustomerID, fishing) && !e.bearsHere(r.CustomerID, camping) })
	e.settled()

	// An administrator deletes one: the customer keeps it here.
	e.post("/_sim/act/tag_delete", map[string]any{"ids": []string{shown(fishing)}})
	e.read()
	e.refresh()
	e.settled()
	if !e.bearsHere(r.CustomerID, fishing) {
		t.Error("the customer lost the local tag with its mirror")
	}
	if err := e.tags.SetMirror(ctx, tag.GroupRef(made.ID), e.acct.ID, false); err != nil {
		t.Fatal(err)
	}
	e.eventually("the group is gone there", func() bool {
		all, err := e.corp.CorpTags(ctx)
		return err == nil && !slices.ContainsFunc(all, func(g wecom.TagGroup) bool { return g.Name == "兴趣爱好" })
	})
	e.settled()
	if wrong, err := e.tags.Rebuild(ctx); err != nil || wrong != 0 {
		t.Errorf("rebuild: %d customers were wrong, %v", wrong, err)
	}
}

func (e *enterprise) settled() {
	e.t.Helper()
	e.eventually("all is done", func() bool {
		return modeltest.Count[model.Work](e.t, e.db, "state NOT IN ('done', 'cancelled')") == 0
	})
}

func (e *enterprise) bearsHere(customerID, tagID int64) bool {
	return modeltest.Count[model.CustomerTag](e.t, e.db.Session(&gorm.Session{}), "customer_id = ? AND tag_id = ?", customerID, tagID) == 1
}
