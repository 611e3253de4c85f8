package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/simulator"
)

var smallCompany = simulator.Company{Staff: 12, Customers: 300, Tags: 20, Groups: 10}

// TestF33_MissedCallbacksAreHealed: everything that people and platform can change is changed while no
// callback comes through; one synchronisation later there is no drift, and the ends are facts.
func TestF33_MissedCallbacksAreHealed(t *testing.T) {
	h := newHome(t, setting{company: smallCompany})
	db := h.db()
	run := h.synchronise(60 * time.Second)
	h.checkMirrored(db)
	if run.Failed != 0 || run.Created == 0 || run.Vanished != 0 {
		t.Errorf("the first run says %+v", run)
	}
	if again := h.synchronise(60 * time.Second); again.Created != 0 || again.Updated != 0 || again.Vanished != 0 || again.Unchanged == 0 {
		t.Errorf("nothing has changed, and the second run says %+v", again)
	}

	h.sim.post("/callback/rules", object{"drop": true}, nil)
	removed := h.changeEverything()
	if len(h.drift(db)) < 5 {
		t.Fatal("the world has hardly changed")
	}
	run = h.synchronise(60 * time.Second)
	h.settled(20 * time.Second)
	h.checkMirrored(db)
	if run.Failed != 0 || run.Vanished < int64(removed) {
		t.Errorf("%d relations are over, and the run says %+v", removed, run)
	}
	if n := modeltest.Count[model.Event](t, db, "kind = ?", "customer.deleted_by_staff"); n != int64(removed) {
		t.Errorf("%d relations are over, and %d facts say so", removed, n)
	}
	if n := len(h.deliveries("delivered")); n != 0 {
		t.Errorf("%d callbacks came through", n)
	}
}

// changeEverything lets one of everything happen, and returns how many relations are over.
func (h *house) changeEverything() (removed int) {
	h.t.Helper()
	world, customers := h.world(), h.simCustomers()
	act := func(name string, in object) { h.t.Helper(); h.sim.post("/act/"+name, in, nil) }
	tags := world.TagGroups[0].Tags
	// What those who resign do with their customers can't be read any more.
	customers = slices.DeleteFunc(customers, func(c simCustomer) bool {
		return slices.ContainsFunc(c.Customer.Relations, func(r simRelation) bool { return r.UserID == "staff0012" })
	})
	for i, c := range customers[:20] {
		who := object{"userid": c.Customer.Relations[0].UserID, "external_userid": c.Customer.ID}
		switch i % 4 {
		case 0:
			act("staff_deletes", who)
			removed++
		case 1:
			who["remark"], who["description"] = fmt.Sprintf("备注%d", i), "改过的描述"
			act("edit", who)
		case 2:
			who["add_tag"] = []string{tags[0].ID}
			act("edit", who)
		case 3:
			who["remove_tag"] = []string{tags[1].ID}
			act("edit", who)
		}
	}
	for range 5 {
		act("add", object{"userid": "staff0003"})
	}
	act("tag_create", object{"group": "新组", "names": []string{"一", "二"}})
	act("tag_rename", object{"id": tags[0].ID, "name": "改名了"})
	act("tag_delete", object{"ids": []string{tags[2].ID}})
	act("department_create", object{"name": "新部门"})
	act("staff_create", object{"userid": "Newcomer", "departments": []int64{2}})
	act("staff_update", object{"userid": "staff0002", "name": "改名的人"})
	act("staff_resign", object{"userid": "staff0012"})
	groups := slices.DeleteFunc(world.GroupList, func(g simGroup) bool { return g.Owner == "staff0012" })
	act("group_join", object{"chat_id": groups[0].ID, "n": 3})
	act("group_leave", object{"chat_id": groups[1].ID, "ids": []string{groups[1].Members[1].ID}})
	act("group_change", object{"chat_id": groups[2].ID, "name": "改名的群", "owner": "staff0001"})
	act("group_dismiss", object{"chat_id": groups[3].ID})
	act("group_create", object{"owner": "staff0001", "name": "新群"})
	return removed
}

// TestSyncErrorIsNoEmptyList: the customers of somebody whose list can't be read stay, and the account
// of the run says whose it was.
func TestSyncErrorIsNoEmptyList(t *testing.T) {
	h := newHome(t, setting{company: smallCompany})
	db := h.db()
	h.synchronise(60 * time.Second)
	for _, f := range []object{
		{"kind": "errcode", "errcode": 60011, "times": 1}, {"kind": "errcode", "errcode": 48002, "times": 1, "skip": 3},
		{"kind": "silent_drop", "times": 2, "skip": 5},
	} {
		f["api"] = "externalcontact/batch/get_by_user"
		h.fault(f)
	}
	run := h.synchronise(60 * time.Second)
	if run.Failed == 0 || run.Vanished != 0 {
		t.Errorf("the run says %+v", run)
	}
	var detail console.SyncRunDetail
	h.console.get("/sync-runs/"+run.ID, &detail)
	if int64(len(detail.FailedParts)) != run.Failed || detail.FailedParts[0].Error == "" {
		t.Errorf("%d parts failed, told are %+v", run.Failed, detail.FailedParts)
	}
	h.checkMirrored(db)
}

// TestF23_TokenDiesMidSync: each early death of the token costs one fetch and no row.
func TestF23_TokenDiesMidSync(t *testing.T) {
	h := newHome(t, setting{company: smallCompany})
	h.sim.put("/config", object{"latency_ms": 60}, nil)
	run := h.startSync()
	for _, code := range []int{40014, 42001} {
		time.Sleep(500 * time.Millisecond)
		h.sim.post("/tokens/revoke", object{"errcode": code}, nil)
	}
	if now := h.run(run.ID); now.Status != "running" {
		t.Fatalf("the run was over before the tokens died: %+v", now)
	}
	if end := h.syncEnd(run.ID, 60*time.Second); end.Failed != 0 {
		t.Errorf("the run says %+v", end)
	}
	h.checkMirrored(h.db())
	if n := len(h.calls("gettoken")); n != 3 {
		t.Errorf("gettoken was called %d times", n)
	}
}

func (h *house) run(id string) (run console.SyncRun) {
	h.t.Helper()
	h.console.get("/sync-runs/"+id, &run)
	return run
}

// TestF21_RateLimitMidSync: after 45009 the API is left alone for its minute while others go on, and
// the run waits and then ends as if nothing had been.
func TestF21_RateLimitMidSync(t *testing.T) {
	t.Parallel() // it waits for a minute
	h := newHome(t, setting{company: smallCompany})
	const api = "externalcontact/batch/get_by_user"
	limit := func(most int) {
		h.sim.put("/config", object{"limits": object{api: []object{{"per": "corp", "seconds": 3600, "max": most, "block_seconds": 3600}}}}, nil)
	}
	limit(6)
	run := h.startSync()
	limited := func() (at int64, n int) {
		for _, c := range h.calls(api) {
			if c.Errcode == 45009 {
				if at == 0 {
					at = c.Real
				}
				n++
			}
		}
		return at, n
	}
	eventually(t, 20*time.Second, "the platform has had enough", func() bool { _, n := limited(); return n > 0 })
	limit(0) // none
	h.sim.post("/act/add", object{"userid": "staff0001"}, nil)
	h.settledBut(20*time.Second, "intake.sync") // other APIs go on
	if end := h.syncEnd(run.ID, 240*time.Second); end.Failed != 0 {
		t.Errorf("the run says %+v", end)
	}
	first, refused := limited()
	for _, c := range h.calls(api) {
		// Calls that were under way together may all be refused; after that there is silence.
		if since := c.Real - first; since > 1000 && since < 58_000 {
			t.Errorf("%s was called %d ms after it was refused", api, since)
		}
	}
	t.Logf("%d calls refused", refused)
	h.checkMirrored(h.db())
}

// TestSyncKilledAtRandom kills the server again and again while it synchronises; in the end the rows
// equal the world.
func TestSyncKilledAtRandom(t *testing.T) {
	h := newHouse(t, setting{company: smallCompany, env: crashing})
	server := h.spawn()
	h.moveIn()
	h.sim.put("/config", object{"latency_ms": 100}, nil)
	run, kills := h.startSync(), 0
	for range 8 {
		time.Sleep(100*time.Millisecond + rand.N(900*time.Millisecond))
		if h.run(run.ID).Status != "running" {
			break
		}
		server.kill()
		kills++
		server = h.spawn()
	}
	if kills < 3 {
		t.Errorf("the run was over after %d kills", kills)
	}
	if end := h.syncEnd(run.ID, 60*time.Second); end.Failed != 0 {
		t.Errorf("the run says %+v", end)
	}
	t.Logf("%d kills", kills)
	h.checkMirrored(h.db())
	h.checkFacts(len(h.simRelations()))
	if exit := server.terminate(syscall.SIGTERM, 30*time.Second); exit != 0 {
		t.Errorf("exit code %d", exit)
	}
}

// checkFacts: n relations began, each told once.
func (h *house) checkFacts(n int) {
	h.t.Helper()
	if got := modeltest.Count[model.Event](h.t, h.db(), "kind = ?", "customer.added"); got != int64(n) {
		h.t.Errorf("%d relations, and %d facts that they began", n, got)
	}
}

// TestLargeSync measures the first synchronisation of a large corp. It runs only when it is asked for:
// TEST_LARGE=1.
func TestLargeSync(t *testing.T) {
	if os.Getenv("TEST_LARGE") == "" {
		t.Skip("a measurement; ask for it with TEST_LARGE=1")
	}
	h := newHouse(t, setting{company: simulator.Company{Staff: 100, Customers: 10_000, Tags: 60, Groups: 40}})
	server := h.spawn()
	h.moveIn()
	h.sim.put("/config", object{"latency_ms": 100}, nil)
	t.Logf("memory before: peak %d MB", server.peakMemory())
	began := time.Now()
	run := h.synchronise(3 * time.Minute)
	took := time.Since(began)
	rss := server.peakMemory()
	var l ledger
	h.sim.get("/ledger?count=1", &l)
	t.Logf("10,000 customers (%d rows read) in %s; at most %d requests in flight; peak memory %d MB; calls %v", run.Read, took.Round(10*time.Millisecond), l.MaxInFlight, rss, l.ByAPI)
	h.checkMirrored(h.db())
	if n := modeltest.Count[model.Customer](t, h.db()); n != 10_000 {
		t.Errorf("%d customers", n)
	}
	if took > 20*time.Second*slack {
		t.Error("it took longer than 20 s")
	}
	if l.MaxInFlight > 32 {
		t.Error("more than 32 requests were in flight")
	}
	if rss > 150*slack {
		t.Error("it took more than 150 MB")
	}
}

// peakMemory is the most memory that the process has held so far, in MB.
func (p *process) peakMemory() int {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "VmHWM:")
	kb, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		p.t.Fatal(err)
	}
	return kb / 1024
}

// settledBut waits until no work but of some kinds is left.
func (h *house) settledBut(within time.Duration, kinds ...string) {
	h.t.Helper()
	h.waitCallbacks(within)
	eventually(h.t, within, "other works are done", func() bool {
		for _, s := range list[console.WorkCount](h.console, "/work/stats") {
			if (s.State == "ready" || s.State == "leased") && !strings.HasPrefix(s.Kind, "cron:") && !slices.Contains(kinds, s.Kind) {
				return false
			}
		}
		return true
	})
}
