package profile

import (
	"strings"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

func TestNotes(t *testing.T) {
	h := newHouse(t)
	modeltest.Create(t, h.db,
		&model.Staff{ID: seller.StaffID, AccountID: 1, UserID: "li", Name: "小李", CreatedAt: noon, UpdatedAt: noon},
		&model.Relation{AccountID: 1, StaffID: seller.StaffID, CustomerID: 1, ExternalUserID: "wm1", Status: "active", AddedAt: noon, RemarkState: "synced", DescriptionState: "synced", Fingerprint: []byte{}, CreatedAt: noon, UpdatedAt: noon})
	ctx := t.Context()
	n := must(h.AddNote(ctx, seller, 1, " 喜欢<b>茶</b>\r\n周末联系 "))(t)
	if n.Body != "喜欢<b>茶</b>\n周末联系" || n.StaffName != "小李" {
		t.Errorf("got %+v", n)
	}
	must(h.AddNote(ctx, boss, 1, "重要客户"))(t)
	list := must(h.Notes(ctx, seller, 1, 0, 10))(t)
	if len(list) != 2 || list[0].Body != "重要客户" || list[1].StaffName != "小李" {
		t.Errorf("listed: %+v", list)
	}
	if page := must(h.Notes(ctx, boss, 1, list[0].ID, 10))(t); len(page) != 1 || page[0].ID != n.ID {
		t.Errorf("next page: %+v", page)
	}
	if h.facts(event.KindNoted) != 2 || modeltest.Count[model.Event](t, h.db, "payload LIKE '%喜欢%'") != 0 {
		t.Error("the timeline must know of a note, and not hold its text")
	}
	h.wantErr("another's note", h.EditNote(ctx, boss, n.ID, "x"), ErrNotYours)
	h.wantErr("another's note", h.DeleteNote(ctx, boss, n.ID), ErrNotYours)
	if err := h.EditNote(ctx, seller, n.ID, "改过"); err != nil {
		t.Fatal(err)
	}
	if err := h.EditNote(ctx, seller, n.ID, "改过"); err != nil {
		t.Error("the same text once more:", err)
	}
	if err := h.DeleteNote(ctx, seller, n.ID); err != nil {
		t.Fatal(err)
	}
	h.wantErr("a deleted note", h.EditNote(ctx, seller, n.ID, "x"), ErrNoNote)
	if modeltest.Count[model.CustomerNote](t, h.db, "body LIKE '%改过%'") != 0 {
		t.Error("a deleted note's text is still there")
	}
	for _, bad := range []string{"", " \n ", "a\x00", "a\u202e", strings.Repeat("长", 2001)} {
		_, err := h.AddNote(ctx, seller, 1, bad)
		h.wantErr("text "+bad, err, ErrInvalid)
	}
	_, err := h.AddNote(ctx, seller, 2, "x")
	h.wantErr("V-5 a customer out of sight", err, ErrNoCustomer)
	_, err = h.Notes(ctx, seller, 2, 0, 10)
	h.wantErr("V-5 a customer out of sight", err, ErrNoCustomer)
	m := must(h.AddNote(ctx, boss, 2, "x"))(t)
	h.wantErr("V-5 a note about a customer out of sight", h.EditNote(ctx, seller, m.ID, "y"), ErrNoNote)
}
