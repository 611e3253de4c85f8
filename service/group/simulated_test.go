package group

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/simulator"
	"zhiyin/wecom"
)

// TestSimulatedGroup follows a group of the simulator's, over HTTP, through its life.
func TestSimulatedGroup(t *testing.T) {
	sim := simulator.New(simulator.Options{Seed: 5, Strict: true, Company: simulator.Company{Staff: 3}})
	server := httptest.NewServer(sim.Handler())
	control := func(method, path string, body, out any) {
		t.Helper()
		text, _ := json.Marshal(body)
		req, err := http.NewRequest(method, server.URL+path, bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s", method, path, answer)
		}
		if out != nil {
			if err := json.Unmarshal(answer, out); err != nil {
				t.Fatal(err)
			}
		}
	}
	var world struct {
		Corps []struct {
			ID   string
			Apps []struct {
				AgentID int64
				Secret  string
			}
		}
	}
	control("GET", "/_sim/world", nil, &world)
	app := world.Corps[0].Apps[0]
	gateway, err := wecom.New(wecom.Config{
		BaseURL: server.URL + "/qyapi", WeixinURL: server.URL + "/weixin", Logger: slog.New(slog.DiscardHandler),
		Accounts: func(context.Context, string) (wecom.Credential, error) {
			return wecom.Credential{CorpID: world.Corps[0].ID, AgentID: app.AgentID, Secret: wecom.Secret(app.Secret)}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = gateway.Close()
		server.Close()
		sim.Close()
	})
	h := newHouse(t)
	h.corp = func(a string) Platform { return gateway.Corp(a) }
	for _, id := range []string{"anna", "bob"} {
		control("POST", "/_sim/act/staff_create", map[string]any{"userid": id, "name": id, "departments": []int{1}}, nil)
	}
	var group struct {
		ID      string `json:"chat_id"`
		Members []struct {
			ID string `json:"userid"`
		} `json:"member_list"`
	}
	refresh := func() Counts {
		t.Helper()
		c, err := h.Refresh(t.Context(), h.account, group.ID, 0, event.SourceSync)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	control("POST", "/_sim/act/group_create", map[string]any{"owner": "anna", "name": "茶友", "n": 2}, &group)
	if group.ID == "" {
		t.Fatal("the simulator's answer names no group")
	}
	if c := refresh(); c.Created != 1 {
		t.Errorf("first: %+v", c)
	}
	h.wantFacts(2, 0)
	control("POST", "/_sim/act/group_join", map[string]any{"chat_id": group.ID, "n": 3, "scene": 3, "state": "door"}, nil)
	refresh()
	h.wantFacts(5, 0)
	leaver := slices.DeleteFunc(h.present(), func(id string) bool { return id == "anna" })[0]
	control("POST", "/_sim/act/group_leave", map[string]any{"chat_id": group.ID, "ids": []string{leaver}}, nil)
	for range 3 {
		refresh()
	}
	h.wantFacts(5, 1)
	control("POST", "/_sim/act/group_change", map[string]any{"chat_id": group.ID, "name": "新名字"}, nil)
	refresh()
	if g := h.row(); g.Name != "新名字" || g.MemberCount != 5 || g.CustomerCount != 4 || g.OwnerStaffID != h.anna.ID {
		t.Errorf("row: %+v", g)
	}
	control("POST", "/_sim/act/group_dismiss", map[string]any{"chat_id": group.ID}, nil)
	if c := refresh(); c.Vanished != 1 {
		t.Errorf("dismissed: %+v", c)
	}
	var g model.CustomerGroup
	if err := h.db.Take(&g, "dismissed_at IS NOT NULL").Error; err != nil {
		t.Error(err)
	}
}
