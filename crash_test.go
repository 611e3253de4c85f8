package main

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/simulator"
)

// crashing makes a killed server's works come back soon.
var crashing = []string{"ZHIYIN_WORK__LEASE=2s"}

// furnished is a house with a separate server process and a channel code that tags, remarks and welcomes.
func furnished(t *testing.T, s setting) (*house, *process, console.ChannelCode) {
	t.Helper()
	h := newHouse(t, s)
	server := h.spawn()
	h.moveIn()
	h.synchronise(30 * time.Second)
	return h, server, h.welcomingCode()
}

// TestF04_KilledAtRandom kills the server again and again while customers scan. Whatever was
// acknowledged is there afterwards, and everything that follows from it has happened exactly once.
func TestF04_KilledAtRandom(t *testing.T) {
	const rounds = max(6, 12/slack)
	h, server, code := furnished(t, setting{company: simulator.Company{Staff: 3, Tags: 4}, env: crashing})
	h.sim.put("/config", object{"latency_ms": 20}, nil)
	scans := 0
	for range rounds {
		n := 5 + rand.IntN(10)
		h.sim.post("/act/scan/bulk", object{"states": []string{code.State}, "n": n, "rate": 40, "async": true}, nil)
		scans += n
		time.Sleep(rand.N(600 * time.Millisecond))
		server.kill()
		server = h.spawn()
	}
	eventually(t, 10*time.Second, "everybody has scanned", func() bool { return len(h.simCustomers()) == scans })
	h.waitCallbacks(15 * time.Second)
	h.settled(30 * time.Second)
	db := h.db()
	h.checkDurable(db)
	h.checkWelcomes(db)

	// What the platform gave up telling is found by the next synchronisation.
	lost := len(h.deliveries("failed"))
	h.synchronise(30 * time.Second)
	h.settled(20 * time.Second)
	t.Logf("%d rounds, %d scans, %d callbacks given up by the platform", rounds, scans, lost)
	h.checkOnce(db, code, scans)
	h.checkMirrored(db)
	if exit := server.terminate(syscall.SIGTERM, 30*time.Second); exit != 0 {
		t.Errorf("exit code %d", exit)
	}
}

// checkDurable: each callback that was acknowledged, in any of its tries, is in the inbox and done.
func (h *house) checkDurable(db *gorm.DB) {
	h.t.Helper()
	var rows []model.Inbox
	if err := db.Select("digest", "state").Find(&rows).Error; err != nil {
		h.t.Fatal(err)
	}
	state := map[string]string{}
	for _, r := range rows {
		state[hex.EncodeToString(r.Digest)] = r.State
	}
	acked, cut := 0, 0
	for _, d := range h.deliveries("") {
		sum := sha256.Sum256([]byte(d.Plain))
		got := state[hex.EncodeToString(sum[:])]
		for _, try := range d.Tries {
			if try.Status != 200 {
				cut++
				continue
			}
			if acked++; got != "done" {
				h.t.Errorf("a callback was acknowledged and is %q in the inbox", got)
			}
		}
	}
	if acked == 0 {
		h.t.Error("no callback was acknowledged")
	}
	h.t.Logf("%d callbacks acknowledged, %d tries cut off", acked, cut)
}

// checkWelcomes: nobody was welcomed twice, everybody whose callback arrived was, and what the rows
// say is what happened.
func (h *house) checkWelcomes(db *gorm.DB) {
	h.t.Helper()
	if twice := h.welcomedTwice(); len(twice) > 0 {
		h.t.Errorf("%d customers were welcomed twice", len(twice))
	}
	var rows []model.WelcomeSend
	if err := db.Find(&rows).Error; err != nil {
		h.t.Fatal(err)
	}
	outcome := map[string]string{}
	for _, r := range rows {
		outcome[hex.EncodeToString(r.CodeHash)] = r.Outcome
	}
	for _, w := range h.welcomes().Welcomes {
		sum := sha256.Sum256([]byte(w.Code))
		got, known := outcome[hex.EncodeToString(sum[:])]
		switch {
		case !known && w.SentReal != 0:
			h.t.Error("a welcome was sent of which no row knows")
		case known && (got == "sent") != (w.SentReal != 0):
			h.t.Errorf("a welcome is %q here; the platform sent it: %t", got, w.SentReal != 0)
		case known && got != "sent":
			h.t.Errorf("a welcome whose callback arrived is %q", got)
		}
	}
}

// checkOnce: n customers came through the code, each known, counted, tagged and remarked once.
func (h *house) checkOnce(db *gorm.DB, code console.ChannelCode, n int) {
	h.t.Helper()
	h.checkArrived(db, code, n)
	if got := modeltest.Count[model.TagAssignment](h.t, db, "sync_state = ?", "synced"); got != int64(n) {
		h.t.Errorf("tags: %d, want %d", got, n)
	}
	for _, c := range h.simCustomers() {
		r := c.Customer.Relations[0]
		if want := cutRemark(c.Person.Name + "-" + code.Name); len(r.Tags) != 1 || r.Remark != want {
			h.t.Errorf("the platform has tags %v and the remark %q, want one and %q", r.Tags, r.Remark, want)
		}
	}
}

// checkArrived: n customers came through the code, each known and counted once.
func (h *house) checkArrived(db *gorm.DB, code console.ChannelCode, n int) {
	h.t.Helper()
	for what, got := range map[string]int64{
		"customers":             modeltest.Count[model.Customer](h.t, db),
		"relations":             modeltest.Count[model.Relation](h.t, db, "status = ?", "active"),
		"customer.added facts":  modeltest.Count[model.Event](h.t, db, "kind = ?", "customer.added"),
		"counted by the code":   h.code(code.ID).Added,
		"dead letters, plus n":  modeltest.Count[model.Work](h.t, db, "state = ?", "dead") + int64(n),
		"external_userids":      modeltest.Count[model.Identity](h.t, db, "kind = ?", "external_userid"),
		"customers of the code": modeltest.Count[model.Relation](h.t, db, "channel_code_id <> 0"),
	} {
		if got != int64(n) {
			h.t.Errorf("%s: %d, want %d", what, got, n)
		}
	}
}

// cutRemark: the platform takes 20 characters.
func cutRemark(s string) string {
	if r := []rune(s); len(r) > 20 {
		return string(r[:20])
	}
	return s
}

// TestF06_StoppedUnderLoad asks the server to stop while callbacks come in and works run: whoever got
// in is served, what runs is finished or given back, and the next server goes on at once.
func TestF06_StoppedUnderLoad(t *testing.T) {
	h, server, code := furnished(t, setting{company: simulator.Company{Staff: 3, Tags: 4}})
	h.sim.put("/config", object{"latency_ms": 300}, nil)
	const scans = 60
	h.sim.post("/act/scan/bulk", object{"states": []string{code.State}, "n": scans, "rate": 60, "async": true}, nil)
	eventually(t, 10*time.Second, "callbacks are coming in", func() bool { return len(h.deliveries("delivered")) > 20 })
	began := time.Now()
	if exit := server.terminate(syscall.SIGTERM, 30*time.Second); exit != 0 {
		t.Errorf("exit code %d", exit)
	}
	t.Logf("stopped within %s", time.Since(began).Round(time.Millisecond))
	db := h.db()
	if n := modeltest.Count[model.Work](t, db, "state = ?", "leased"); n != 0 {
		t.Errorf("%d works are still leased to a server that is gone", n)
	}
	h.spawn()
	h.waitCallbacks(20 * time.Second)
	h.settled(20 * time.Second) // less than the lease of 60 s, so nothing waited for one
	for _, d := range h.deliveries("") {
		for _, try := range d.Tries {
			if try.Status != 200 && try.Status != 0 || strings.Contains(try.Error, "deadline") {
				t.Errorf("a callback was answered %d %s", try.Status, try.Error)
			}
		}
	}
	h.checkDurable(db)
	h.checkWelcomes(db)
	if failed := len(h.deliveries("failed")); failed == 0 {
		h.checkOnce(db, code, scans)
	}
}
