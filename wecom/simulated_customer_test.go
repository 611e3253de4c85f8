package wecom_test

import (
	"fmt"
	"slices"
	"testing"

	"zhiyin/wecom"
)

func TestSimulatedCustomers(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	users := must[[]string](t)(p.corp.FollowUsers(ctx))
	listed := map[string][]string{}
	relations := 0
	for _, u := range users {
		listed[u] = must[[]string](t)(p.corp.CustomerIDs(ctx, u))
		relations += len(listed[u])
	}
	got, cursor, pages := map[string]bool{}, "", 0
	for {
		page := must[*wecom.CustomerPage](t)(p.corp.CustomersOf(ctx, users, cursor, 10))
		for _, row := range page.Customers {
			got[row.Relation.UserID+row.Contact.ExternalUserID] = true
			if !slices.Contains(listed[row.Relation.UserID], row.Contact.ExternalUserID) || row.Contact.Name == "" || row.Relation.CreatedAt.IsZero() {
				t.Errorf("row: %+v", row)
			}
		}
		if pages++; page.Next == "" || pages > 1000 {
			break
		}
		cursor = page.Next
	}
	if len(got) != relations || relations < 60 {
		t.Errorf("%d relations in pages, %d in lists", len(got), relations)
	}
	c := must[*wecom.Customer](t)(p.corp.Customer(ctx, listed[users[0]][0]))
	if c.Contact.ExternalUserID != listed[users[0]][0] || !slices.ContainsFunc(c.Relations, func(r wecom.Relation) bool { return r.UserID == users[0] }) {
		t.Errorf("customer: %+v", c)
	}
	_, err := p.corp.Customer(ctx, "wmnobody")
	refused(t, "an unknown customer", err, wecom.ErrNoSuchCustomer)
	_, err = p.corp.CustomersOf(ctx, make([]string, 101), "", 0)
	refused(t, "too many staff", err, wecom.ErrBadInput)
}

func TestSimulatedStaffWithoutCustomers(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	p.act("staff_create", object{"userid": "lonely", "name": "x"})
	if ids := must[[]string](t)(p.corp.CustomerIDs(ctx, "lonely")); len(ids) != 0 {
		t.Errorf("got %v", ids)
	}
	if page := must[*wecom.CustomerPage](t)(p.corp.CustomersOf(ctx, []string{"lonely"}, "", 0)); len(page.Customers) != 0 || page.Next != "" {
		t.Errorf("got %+v", page)
	}
	_, err := p.corp.CustomerIDs(ctx, "nobody")
	refused(t, "a member that is none", err, wecom.ErrNotFound)
}

// A customer with more than 500 followers comes in several pages.
func TestSimulatedCustomerOfMany(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	person := p.act("person", object{})["person"].(object)["id"].(string)
	var id string
	for i := range 1_005 {
		user := fmt.Sprintf("extra%d", i)
		p.act("staff_create", object{"userid": user, "name": user})
		id = p.act("add", object{"userid": user, "person": person})["external_userid"].(string)
	}
	c := must[*wecom.Customer](t)(p.corp.Customer(ctx, id))
	users := map[string]bool{}
	for _, r := range c.Relations {
		users[r.UserID] = true
	}
	if len(users) != 1_005 || len(c.Relations) != 1_005 || p.calls("externalcontact/get") != 3 {
		t.Errorf("%d followers in %d calls", len(c.Relations), p.calls("externalcontact/get"))
	}
}

func TestSimulatedRemarkAndTags(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	user := must[[]string](t)(p.corp.FollowUsers(ctx))[0]
	id := must[[]string](t)(p.corp.CustomerIDs(ctx, user))[0]
	relation := func() wecom.Relation {
		t.Helper()
		c := must[*wecom.Customer](t)(p.corp.Customer(ctx, id))
		return c.Relations[slices.IndexFunc(c.Relations, func(r wecom.Relation) bool { return r.UserID == user })]
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(p.corp.Remark(ctx, user, id, wecom.RemarkChange{Remark: ptr("老王 & <Sons>"), Description: ptr("d"), Mobiles: &[]string{"13800000000"}}))
	do(p.corp.Remark(ctx, user, id, wecom.RemarkChange{Description: ptr("e")})) // and nothing else
	if r := relation(); r.Remark != "老王 & <Sons>" || r.Description != "e" || len(r.RemarkMobiles) != 1 {
		t.Errorf("relation: %+v", r)
	}
	do(p.corp.Remark(ctx, user, id, wecom.RemarkChange{Mobiles: &[]string{}}))
	if r := relation(); len(r.RemarkMobiles) != 0 || r.Remark == "" {
		t.Errorf("mobiles not cleared: %+v", r)
	}
	before := p.calls("externalcontact/remark")
	do(p.corp.Remark(ctx, user, id, wecom.RemarkChange{}))
	if p.calls("externalcontact/remark") != before {
		t.Error("a change of nothing was sent")
	}
	refused(t, "somebody else's customer", p.corp.Remark(ctx, user, "wmnobody", wecom.RemarkChange{Remark: ptr("x")}), wecom.ErrNotCustomer)

	groups := must[[]wecom.TagGroup](t)(p.corp.CorpTags(ctx))
	count := 0
	for _, g := range groups {
		count += len(g.Tags)
	}
	if count != 20 {
		t.Errorf("%d tags, want 20", count)
	}
	made := must[*wecom.TagGroup](t)(p.corp.AddCorpTags(ctx, wecom.NewTags{GroupName: "渠道来源", Order: ptr(uint32(7)), Tags: []wecom.NewTag{{Name: "门店"}, {Name: "网店", Order: ptr(uint32(3))}}}))
	if len(made.Tags) != 2 || made.Order != 7 || made.Name != "渠道来源" {
		t.Fatalf("made %+v", made)
	}
	more := must[*wecom.TagGroup](t)(p.corp.AddCorpTags(ctx, wecom.NewTags{GroupID: made.ID, Tags: []wecom.NewTag{{Name: "展会"}}}))
	do(p.corp.EditCorpTag(ctx, more.Tags[0].ID, wecom.TagEdit{Name: ptr("会展")}))
	do(p.corp.EditCorpTag(ctx, made.Tags[1].ID, wecom.TagEdit{Name: ptr("网购")}))
	refused(t, "a taken name", p.corp.EditCorpTag(ctx, made.Tags[1].ID, wecom.TagEdit{Name: ptr("会展")}), wecom.ErrNameTaken)
	refused(t, "an unknown tag", p.corp.EditCorpTag(ctx, "etnothing", wecom.TagEdit{Name: ptr("x")}), wecom.ErrTagGone)
	refused(t, "a tag of the admin", p.corp.EditCorpTag(ctx, groups[0].Tags[0].ID, wecom.TagEdit{Name: ptr("x")}), wecom.ErrNoPermission)
	now := must[[]wecom.TagGroup](t)(p.corp.CorpTagGroups(ctx, made.ID))
	for _, g := range now {
		for _, tag := range g.Tags {
			if tag.ID == made.Tags[1].ID && (tag.Name != "网购" || tag.Order != 3) {
				t.Errorf("renaming changed %+v", tag)
			}
		}
	}

	do(p.corp.MarkTags(ctx, user, id, []string{made.Tags[0].ID, made.Tags[1].ID}, nil))
	do(p.corp.MarkTags(ctx, user, id, nil, []string{made.Tags[1].ID}))
	if r := relation(); !slices.Contains(r.CorpTagIDs(), made.Tags[0].ID) || slices.Contains(r.CorpTagIDs(), made.Tags[1].ID) {
		t.Errorf("tags: %+v", r.Tags)
	}
	page := must[*wecom.CustomerPage](t)(p.corp.CustomersOf(ctx, []string{user}, "", 100))
	for _, row := range page.Customers {
		if row.Contact.ExternalUserID == id && !slices.Contains(row.Relation.CorpTagIDs(), made.Tags[0].ID) {
			t.Errorf("tags in the batch: %+v", row.Relation)
		}
	}
	refused(t, "marking an unknown tag", p.corp.MarkTags(ctx, user, id, []string{"etnothing"}, nil), wecom.ErrTagGone)
	refused(t, "marking somebody else's customer", p.corp.MarkTags(ctx, user, "wmnobody", []string{made.Tags[0].ID}, nil), wecom.ErrNotCustomer)

	do(p.corp.DeleteCorpTags(ctx, []string{more.Tags[0].ID}, nil))
	do(p.corp.DeleteCorpTags(ctx, []string{more.Tags[0].ID}, nil)) // gone already
	do(p.corp.DeleteCorpTags(ctx, nil, []string{made.ID}))
	for _, g := range must[[]wecom.TagGroup](t)(p.corp.CorpTags(ctx)) {
		if g.ID == made.ID {
			t.Error("the group is still there")
		}
	}
}
