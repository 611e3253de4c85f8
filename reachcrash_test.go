package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/outreach"
	"zhiyin/simulator"
)

// How hard TestF01_CampaignsOutliveKills is: go test -run F01_Campaigns . -reach.customers 100000 -reach.campaigns 1 -reach.rounds 20 -reach.patient
var (
	reachRounds    = flag.Int("reach.rounds", 50, "how often a process is killed or asked to stop")
	reachCampaigns = flag.Int("reach.campaigns", 0, "how many campaigns that happens to; 0: to each once")
	reachCustomers = flag.Int("reach.customers", 80, "how many customers the company has")
	reachPatient   = flag.Bool("reach.patient", false, "wait for leases and for the platform's time to settle, instead of moving them")
)

// pair is two servers of a house that are killed and come back.
type pair struct {
	*house
	colleague string // the session of a second person, who approves what is large
	servers   [2]struct {
		*process
		address string
		console *client
		up      bool
	}
}

// sending is a campaign under way.
type sending struct {
	id, text, channel string
	to                map[string]bool // by external_userid
	launched          time.Time
}

// TestF01_CampaignsOutliveKills: two processes send campaigns, and at random moments one of them is killed or asked to stop. Whatever those
// moments were, every customer is written to once, and given the campaign's coupon once; the platform is the judge, and the coupons' ledger. Nobody waits between the rounds for what the dead have left:
// several campaigns are under way at once, and most claims lapse while others are killed.
func TestF01_CampaignsOutliveKills(t *testing.T) {
	var cut atomic.Int64 // calls that send whose caller was gone before they were answered
	h := &pair{house: newHouse(t, setting{
		company: simulator.Company{Staff: max(6, *reachCustomers/250), Customers: *reachCustomers, Tags: 2}, env: crashing, plain: true,
		platform: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				next.ServeHTTP(w, r)
				if r.Context().Err() != nil && (strings.HasSuffix(r.URL.Path, "/add_msg_template") || strings.HasSuffix(r.URL.Path, "/kf/send_msg")) {
					cut.Add(1)
				}
			})
		},
	})}
	h.furnish()
	db := h.db()
	everybody, all := h.everybody(), map[string]bool{}
	var externals []string
	if err := db.Model(&model.Relation{}).Where("status = 'active'").Distinct().Pluck("external_userid", &externals).Error; err != nil {
		t.Fatal(err)
	}
	for _, external := range externals {
		all[external] = true
	}
	campaigns := *reachCampaigns
	if campaigns == 0 {
		campaigns = *reachRounds
	}
	kf, groups := h.writers((campaigns/2+3)/4 + 1)

	var sent []*sending
	launch := func() *sending {
		n := len(sent)
		c := &sending{text: fmt.Sprintf("第%d次活动", n+1), channel: []string{"mass", "kf"}[n%2], to: all, launched: time.Now()}
		audience := object{"segment_ids": []string{everybody}}
		if c.channel == "kf" {
			group := groups[n/2%len(groups)]
			audience, c.to = object{"customer_ids": group.ids}, group.externals
		}
		variant := object{"name": "A", "share_bp": 10_000, "message_id": h.written(c.text, c.text, c.channel), "batch_id": h.batch(c.text, len(c.to))}
		c.id = h.campaign(c.text, "", audience, object{"channel": c.channel, "variants": []object{variant}}).ID
		var launched console.Campaign
		h.console.post("/campaigns/"+c.id+"/launch", nil, &launched)
		if launched.State == "asked" {
			h.approve("/campaigns/"+c.id, object{"version": launched.Version})
		}
		sent = append(sent, c)
		return c
	}
	over := func(within time.Duration) {
		t.Helper()
		eventually(t, within, "everything has left", func() bool {
			if !*reachPatient {
				doubtsAreDue(t, db)
			}
			return modeltest.Count[model.Delivery](t, db, "state NOT IN ?", []outreach.State{outreach.Planned, outreach.Claimed, outreach.InDoubt}) == intended(sent) &&
				modeltest.Count[model.DeliveryCall](t, db, "state <> 'settled'") == 0
		})
	}

	// How long a campaign takes when nobody is killed: the moments of the kills are drawn from that.
	took := map[string]time.Duration{}
	for range 2 { // one of each channel
		c := launch()
		over(5 * time.Minute)
		took[c.channel] = time.Since(c.launched)
	}
	began, ends, alone := time.Now(), map[string]int{}, 0
	struck, seen := 0, cut.Load()
	count := func() { // at the next kill, what the one before has cut: whoever is asked to stop waits for answers
		if n := cut.Load(); n > seen {
			seen = n
			struck++
		}
	}
	each := max(1, *reachRounds/campaigns)
	for round := range *reachRounds {
		both := rand.IntN(4) > 0 // else one may be struck while the other is still on its way up
		eventually(t, 30*time.Second, "servers are ready", func() bool { n := h.up(); return n == 2 || n == 1 && !both })
		victim := rand.IntN(2)
		if !h.servers[victim].up {
			victim = 1 - victim
		}
		h.console = h.servers[1-victim].console
		if !h.servers[1-victim].up {
			h.console = h.servers[victim].console
			alone++
		}
		if round%each == 0 {
			launch()
		}
		time.Sleep(rand.N(took[sent[len(sent)-1].channel] / time.Duration(each) * time.Duration(min(2, each))))
		count()
		if rand.IntN(3) == 0 {
			ends["asked to stop"]++
			if exit := h.servers[victim].terminate(syscall.SIGTERM, 30*time.Second); exit != 0 {
				t.Errorf("exit code %d", exit)
			}
		} else {
			ends["killed"]++
			h.servers[victim].kill()
		}
		h.servers[victim].process, h.servers[victim].up = h.begin(h.servers[victim].address), false
	}
	count()
	t.Logf("%d campaigns to %d customers in %s, %v; %d kills struck in the middle of calls, %d calls in all; %d times the other was not up either; a campaign takes %v",
		len(sent), len(all), time.Since(began).Round(time.Second), ends, struck, cut.Load(), alone, took)
	if struck < min(3, ends["killed"]/5) {
		t.Errorf("%d of %d kills struck in the middle of calls", struck, ends["killed"])
	}

	if !*reachPatient {
		// All who might still be at it are gone, so what they left may be taken over at once instead of half a minute later.
		for i := range h.servers {
			h.servers[i].kill()
			h.servers[i].process = h.begin(h.servers[i].address)
		}
		leasesEnd(t, db)
	}
	for i := range h.servers {
		eventually(t, 30*time.Second, "both are ready", func() bool { return h.servers[i].ready(h.servers[i].address) })
	}
	last := time.Now()
	over(3 * time.Minute)
	t.Logf("%s later everything has left and nothing is in doubt", time.Since(last).Round(time.Second))
	h.judge(kf, sent)
	if dead := list[console.Work](h.console, "/work?state=dead"); len(dead) > 0 {
		t.Errorf("dead letters: %+v", dead)
	}
}

// furnish starts both servers and lets everything through but what the platform keeps back.
func (h *pair) furnish() {
	h.t.Helper()
	for i, address := range []string{h.address, freeAddress(h.t)} {
		h.servers[i].address, h.servers[i].process = address, h.spawnAt(address)
	}
	h.moveIn()
	h.colleague = h.second().token
	for i := range h.servers {
		h.servers[i].console = newClient(h.t, "http://"+h.servers[i].address+"/api/console")
		h.servers[i].console.token = h.console.token
	}
	h.sim.put("/config", object{"mass_dispatch_ms": 0, "latency_ms": 20}, nil)
	h.synchronise(time.Minute + time.Duration(*reachCustomers)*10*time.Millisecond)
	// Answers are long in coming, so that many a kill strikes between what the platform did and what we know of it.
	h.fault(object{"api": "externalcontact/add_msg_template", "kind": "latency", "ms": 600})
	h.fault(object{"api": "kf/send_msg", "kind": "latency", "ms": 600})
	var rules console.GovernorSetting
	h.console.get("/governor", &rules)
	rules.Caps, rules.Quiet, rules.RepeatDays = []console.Cap{}, []console.QuietHours{}, 0
	h.console.put("/governor", rules, nil)
}

// up notes which servers are ready, and tells how many.
func (h *pair) up() (n int) {
	h.t.Helper()
	for i := range h.servers {
		s := &h.servers[i]
		if s.up = s.up || s.ready(s.address); s.up {
			n++
		}
	}
	return n
}

// batch is an active coupon batch of so many coupons, of which one customer might have several.
func (h *pair) batch(name string, stock int) string {
	h.t.Helper()
	var b console.CouponBatch
	h.console.post("/coupon-batches", object{
		"name": name, "kind": "amount_off", "terms": object{"off_fen": 100}, "rules": object{}, "stock": stock, "valid_until": time.Now().UTC().AddDate(0, 1, 0),
	}, &b)
	h.console.post("/coupon-batches/"+b.ID+"/submit", nil, &b)
	if b.State == "submitted" {
		h.approve("/coupon-batches/"+b.ID, object{"version": b.Version, "approve": true})
	}
	return b.ID
}

// approve says yes as a second person, at the server that is spoken to.
func (h *pair) approve(path string, body object) {
	h.t.Helper()
	colleague := *h.console
	colleague.token = h.colleague
	colleague.post(path+"/approve", body, nil)
}

// askers are customers who may be answered in customer service.
type askers struct {
	ids       []string
	externals map[string]bool
}

// writers has up to 200 customers write to customer service, and gives them in n groups: each may be answered five times.
func (h *pair) writers(n int) (kf string, groups []askers) {
	h.t.Helper()
	kf = slices.Sorted(maps.Keys(h.kf()))[0]
	customers := list[console.Customer](h.console, "/customers?limit=200&status=active")
	groups = make([]askers, min(n, len(customers)))
	for i, c := range customers {
		g, external := &groups[i%len(groups)], h.externalOf(c.ID)
		if g.externals == nil {
			g.externals = map[string]bool{}
		}
		g.ids, g.externals[external] = append(g.ids, c.ID), true
		h.sim.post("/act/kf_text", object{"open_kfid": kf, "external_userid": external, "text": "在吗"}, nil)
	}
	h.waitCallbacks(30 * time.Second)
	db := h.db()
	eventually(h.t, 30*time.Second, "windows are open", func() bool { return modeltest.Count[model.KfWindow](h.t, db) == int64(len(customers)) })
	return kf, groups
}

// intended is how many messages campaigns have to send.
func intended(sent []*sending) (n int64) {
	for _, c := range sent {
		n += int64(len(c.to))
	}
	return n
}

// judge holds what the platform has of each campaign, and what we say of it, against whom it was for.
func (h *pair) judge(kf string, sent []*sending) {
	h.t.Helper()
	times := map[string]map[string]int{} // by text, by customer
	for _, c := range sent {
		times[c.text] = map[string]int{}
	}
	var out simMass
	h.sim.get("/mass", &out)
	for _, m := range out.Mass {
		for _, task := range m.Tasks {
			for _, target := range task.Targets {
				times[m.Text][target.ID]++
			}
		}
	}
	for _, m := range h.kf()[kf].Messages {
		if m.Origin == 0 {
			times[m.Body.Content][m.External]++
		}
	}
	db := h.db()
	var pairs int64
	if err := db.Raw("SELECT COUNT(*) FROM (SELECT DISTINCT campaign_id, customer_id FROM coupon WHERE source = 'campaign') AS p").Scan(&pairs).Error; err != nil {
		h.t.Fatal(err)
	}
	if n := modeltest.Count[model.Coupon](h.t, db, "source = 'campaign'"); n != intended(sent) || pairs != n {
		h.t.Errorf("%d coupons given, to %d customers of campaigns; %d messages", n, pairs, intended(sent))
	}
	h.console.post("/coupon-balances", nil, nil)
	if b := list[console.CouponBalance](h.console, "/coupon-balances")[0]; b.Wrong != 0 {
		h.t.Errorf("coupons don't reconcile: %+v", b)
	}
	for _, c := range sent {
		if s := h.states(c.id); len(s) != 1 || s["accepted"] != len(c.to) {
			h.t.Errorf("%s (%s): %v", c.text, c.channel, s)
		}
		lost, doubled := 0, 0
		for external := range c.to {
			switch n := times[c.text][external]; {
			case n == 0:
				lost++
			case n > 1:
				doubled++
			}
		}
		if lost > 0 || doubled > 0 || len(times[c.text]) > len(c.to) {
			h.t.Errorf("%s (%s): %d lost, %d doubled, %d written to", c.text, c.channel, lost, doubled, len(times[c.text]))
		}
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
	err := model.InTx(t.Context(), db, func(tx *gorm.DB) error { // the processes write these rows too, and the database may ask to repeat
		return tx.Model(&model.DeliveryCall{}).Where("state = 'doubt' AND ask_at > ?", past).UpdateColumn("ask_at", past).Error
	})
	if err != nil {
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
