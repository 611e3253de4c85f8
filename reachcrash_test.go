package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/simulator"
)

// reachRounds is how many campaigns TestF01_CampaignsOutliveKills lives through: go test -run F01_Campaigns . -reach.rounds 50
var reachRounds = flag.Int("reach.rounds", max(4, 8/slack), "campaigns with a process killed in each")

// TestF01_CampaignsOutliveKills: two processes send campaigns, and at a random moment of each one of them is killed or asked to stop.
// Whatever that moment was, every customer is written to once; the platform is the judge.
func TestF01_CampaignsOutliveKills(t *testing.T) {
	h := newHouse(t, setting{company: simulator.Company{Staff: 8, Customers: 40, Tags: 2}, env: crashing})
	addresses := []string{h.address, freeAddress(t)}
	var servers [2]*process
	for i := range servers {
		servers[i] = h.spawnAt(addresses[i])
	}
	h.moveIn()
	h.sim.put("/config", object{"mass_dispatch_ms": 0, "latency_ms": 20}, nil)
	// Answers are long in coming, so that many a kill strikes between what the platform did and what we know of it.
	h.fault(object{"api": "externalcontact/add_msg_template", "kind": "latency", "ms": 400})
	h.fault(object{"api": "kf/send_msg", "kind": "latency", "ms": 100})
	h.synchronise(30 * time.Second)
	var rules console.GovernorSetting
	h.console.get("/governor", &rules)
	rules.Caps, rules.Quiet, rules.RepeatDays = []console.Cap{}, []console.QuietHours{}, 0
	h.console.put("/governor", rules, nil)
	everybody, all := h.everybody(), map[string]bool{}
	for _, c := range list[console.Customer](h.console, "/customers?limit=200&status=active") {
		all[h.externalOf(c.ID)] = true
	}
	db := h.db()
	kf := slices.Sorted(maps.Keys(h.kf()))[0]

	said, campaigns := map[string]string{}, map[string]string{} // channel by text; text by campaign
	ends := map[string]int{}
	for round := range *reachRounds {
		channel := []string{"mass", "kf"}[round%2]
		if channel == "kf" { // a customer who has written may be answered
			began := time.Now().UTC().Truncate(time.Second)
			for external := range all {
				h.sim.post("/act/kf_text", object{"open_kfid": kf, "external_userid": external, "text": "在吗"}, nil)
			}
			h.waitCallbacks(10 * time.Second)
			eventually(t, 10*time.Second, "windows are open", func() bool {
				return modeltest.Count[model.KfWindow](t, db, "last_at >= ?", began) == int64(len(all))
			})
		}
		text := fmt.Sprintf("第%d次活动", round+1)
		said[text] = channel
		c := h.campaign(text, h.written(text, text, channel), object{"segment_ids": []string{everybody}}, object{"channel": channel})
		campaigns[c.ID] = text
		h.console.post("/campaigns/"+c.ID+"/launch", nil, nil)
		time.Sleep(rand.N(1200 * time.Millisecond))
		i := rand.IntN(2)
		if rand.IntN(3) == 0 {
			ends["asked to stop"]++
			if exit := servers[i].terminate(syscall.SIGTERM, 30*time.Second); exit != 0 {
				t.Errorf("exit code %d", exit)
			}
		} else {
			ends["killed"]++
			servers[i].kill()
		}
		servers[i] = h.spawnAt(addresses[i])
	}
	// All who might still be at it are gone, so what they left may be taken over at once instead of half a minute later.
	for _, s := range servers {
		s.kill()
	}
	left := modeltest.Count[model.DeliveryClaim](t, db)
	leasesEnd(t, db)
	h.spawnAt(addresses[0])
	h.signIn()
	doubts := int64(0)
	eventually(t, 30*time.Second, "everything has left", func() bool {
		doubts = max(doubts, modeltest.Count[model.DeliveryCall](t, db, "state = 'doubt'"))
		doubtsAreDue(t, db)
		return modeltest.Count[model.CampaignRun](t, db, "planned = ?", len(all)) == int64(*reachRounds) &&
			modeltest.Count[model.Delivery](t, db, "state < ?", 3) == 0 && modeltest.Count[model.DeliveryCall](t, db, "state <> 'settled'") == 0
	})
	t.Logf("%d campaigns, %v; at the end %d claims of the dead, at most %d calls in doubt at once", *reachRounds, ends, left, doubts)

	for id, text := range campaigns {
		if s := h.states(id); len(s) != 1 || s["accepted"] != len(all) {
			t.Errorf("%s (%s): %v", text, said[text], s)
		}
		times, _ := h.meant(text)
		if said[text] == "kf" {
			times = h.answered(kf, text)
		}
		lost, doubled := 0, 0
		for external := range all {
			switch n := times[external]; {
			case n == 0:
				lost++
			case n > 1:
				doubled++
			}
		}
		if lost > 0 || doubled > 0 || len(times) > len(all) {
			t.Errorf("%s (%s): %d lost, %d doubled, %d written to", text, said[text], lost, doubled, len(times))
		}
	}
	if dead := list[console.Work](h.console, "/work?state=dead"); len(dead) > 0 {
		t.Errorf("dead letters: %+v", dead)
	}
}

// leasesEnd makes what dead processes held be taken over now.
func leasesEnd(t testing.TB, db *gorm.DB) {
	t.Helper()
	if err := db.Model(&model.DeliveryClaim{}).Where("id > 0").UpdateColumn("lease_until", time.Now().UTC().Add(-time.Second)).Error; err != nil {
		t.Fatal(err)
	}
}

// doubtsAreDue lets the time come at which the platform is asked about calls in doubt.
func doubtsAreDue(t testing.TB, db *gorm.DB) {
	t.Helper()
	past := time.Now().UTC().Add(-time.Second)
	if err := db.Model(&model.DeliveryCall{}).Where("state = 'doubt' AND ask_at > ?", past).UpdateColumn("ask_at", past).Error; err != nil {
		t.Fatal(err)
	}
}

// simKf is a customer-service account at the platform.
type simKf struct {
	Messages []struct {
		External string `json:"external_userid"`
		Origin   int    `json:"origin"`
		Body     struct {
			Content string `json:"content"`
		} `json:"body"`
	} `json:"messages"`
}

// kf lists the corp's customer-service accounts.
func (h *house) kf() map[string]simKf {
	h.t.Helper()
	var out struct {
		Accounts map[string]simKf `json:"accounts"`
	}
	h.sim.get("/kf", &out)
	return out.Accounts
}

// answered counts how often each customer was sent a text in customer service.
func (h *house) answered(kf, text string) map[string]int {
	h.t.Helper()
	times := map[string]int{}
	for _, m := range h.kf()[kf].Messages {
		if m.Origin == 0 && m.Body.Content == text {
			times[m.External]++
		}
	}
	return times
}
