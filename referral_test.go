package main

import (
	"bytes"
	"image/png"
	"log/slog"
	"testing"
	"time"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/simulator"
)

// inviterState makes an inviter's poster, as a replica beside the server does, and gives the key of their contact way.
func (h *house) inviterState(p *parts, inviterID, programmeID int64) string {
	h.t.Helper()
	poster, err := p.referrals.Poster(h.t.Context(), inviterID, programmeID)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(poster.PNG)); err != nil {
		h.t.Fatal(err)
	}
	var way model.ReferralWay
	var code model.ChannelCode
	if err := p.db.Joins("JOIN referral_code c ON c.id = referral_way.code_id AND c.customer_id = ?", inviterID).Order("referral_way.id DESC").Take(&way).Error; err != nil {
		h.t.Fatal(err)
	}
	if err := p.db.Where("id = ?", way.ID).Take(&code).Error; err != nil {
		h.t.Fatal(err)
	}
	return code.State
}

// ways are the contact ways that the platform has, by key.
func (h *house) ways() map[string]simWay {
	h.t.Helper()
	out := map[string]simWay{}
	for _, w := range h.world().Ways {
		out[w.State] = w
	}
	return out
}

// TestInvitersCodesLeadToStaff: an inviter's poster carries a contact way of their own; who adds a staff member by it is
// welcomed, tagged and counted as one who came by the channel code, and is the inviter's friend until they leave.
func TestInvitersCodesLeadToStaff(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 3, Tags: 4}})
	h.synchronise(30 * time.Second)
	code := h.welcomingCode("staff0001", "staff0002")
	h.sim.post("/act/scan", object{"state": code.State, "name": "邀请人"}, nil)
	var inviter model.Customer
	eventually(t, 30*time.Second, "the inviter is a customer", func() bool {
		return h.db().Where("name = ?", "邀请人").Take(&inviter).Error == nil
	})
	var made console.Referral
	h.console.post("/referrals", object{
		"name": "任务宝", "from": time.Now().Add(-time.Hour), "until": time.Now().Add(24 * time.Hour), "ask": "relation", "cool_off_days": 0, "subtract_leavers": true, "budget": object{},
		"steps":      []object{{"friends": 1, "kind": "points", "name": "30 积分", "points": 30}},
		"staff_code": object{"channel_code_id": code.ID, "most": 2},
	}, &made)
	h.console.put("/referrals/"+made.ID+"/state", object{"state": "active", "acknowledged": true}, nil)

	p, err := assemble(t.Context(), h.config(h.at(freeAddress(t))...), slog.New(slog.DiscardHandler))
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err == nil {
		err = p.bringUpToDate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	var programme model.ReferralProgramme
	if err := p.db.Take(&programme).Error; err != nil {
		t.Fatal(err)
	}
	state := h.inviterState(p, inviter.ID, programme.ID)
	if again := h.inviterState(p, inviter.ID, programme.ID); again != state {
		t.Errorf("another contact way: %s, %s", state, again)
	}
	if way := h.ways()[state]; len(way.Users) != 2 {
		t.Fatalf("at the platform: %+v", way)
	}
	if n := len(list[console.ChannelCode](h.console, "/channel-codes?account_id="+h.account)); n != 1 {
		t.Errorf("operators see %d channel codes", n)
	}

	var came struct {
		UserID     string `json:"userid"`
		ExternalID string `json:"external_userid"`
	}
	h.sim.post("/act/scan", object{"state": state, "name": "新朋友"}, &came)
	edges := func(want string) func() bool {
		return func() bool {
			all := list[console.ReferralEdge](h.console, "/referrals/"+made.ID+"/edges")
			return len(all) == 1 && all[0].State == want
		}
	}
	eventually(t, 30*time.Second, "the friend has joined", edges("cooling"))
	if err := p.referrals.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "the friend counts", edges("counted"))
	var relation model.Relation
	if err := p.db.Where("external_userid = ?", came.ExternalID).Take(&relation).Error; err != nil {
		t.Fatal(err)
	}
	if got := h.code(code.ID); relation.State != state || got.Added != 2 {
		t.Errorf("the relation says %s, the channel code brought %d", relation.State, got.Added)
	}
	eventually(t, 30*time.Second, "the friend is welcomed and tagged as by the channel code", func() bool {
		return modeltest.Count[model.TagAssignment](t, p.db, "relation_id = ?", relation.ID) == 1 &&
			modeltest.Count[model.WelcomeSend](t, p.db, "external_userid = ? AND outcome = 'sent'", came.ExternalID) == 1
	})

	h.sim.post("/act/customer_deletes", object{"userid": came.UserID, "external_userid": came.ExternalID}, nil)
	eventually(t, 30*time.Second, "the friend is subtracted", edges("left"))

	// Staff who change are changed in inviters' codes too, and the end of the programme ends these.
	h.console.put("/channel-codes/"+code.ID, object{"name": "包裹卡", "skip_verify": true, "staff": []object{{"staff_id": h.members()["staff0003"].ID}}}, nil)
	eventually(t, 30*time.Second, "the inviter's code leads to the new staff member", func() bool {
		if err := p.acquisition.PushDueCodes(t.Context()); err != nil {
			t.Fatal(err)
		}
		users := h.ways()[state].Users
		return len(users) == 1 && users[0] == "staff0003"
	})
	h.console.put("/referrals/"+made.ID+"/state", object{"state": "ended"}, nil)
	if err := p.referrals.EndWays(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "the platform has the inviter's code no more", func() bool {
		_, there := h.ways()[state]
		return !there
	})
}
