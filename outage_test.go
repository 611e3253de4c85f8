package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	sqldriver "github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/simulator"
)

// proxied puts a proxy before a server.
func proxied(t testing.TB, upstream string) *toxiproxy.Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "proxy", "127.0.0.1:0", upstream)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	return proxy
}

// poison adds a toxic to a proxy and returns how to take it away.
func poison(t testing.TB, p *toxiproxy.Proxy, kind string, attributes object) (cure func()) {
	t.Helper()
	b, _ := json.Marshal(object{"name": kind, "type": kind, "stream": "downstream", "attributes": attributes})
	if _, err := p.Toxics.AddToxicJson(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := p.Toxics.RemoveToxic(context.Background(), kind); err != nil {
			t.Error(err)
		}
	}
}

// privateMySQL starts a database server that no other test uses and returns its address and the
// command that stops, kills and starts it.
func privateMySQL(t *testing.T) (address string, ctl func(verb string)) {
	t.Helper()
	cmd := exec.Command("scripts/services", "run", "--", "sh", "-c", "env; exec cat")
	cmd.Env = append(without(os.Environ(), "TEST_MYSQL_"), "TEST_REDIS_ADDR=none")
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	said, buf := "", make([]byte, 4096)
	value := func(name string) string {
		m := regexp.MustCompile(`(?m)^` + name + `=(.*)\n`).FindStringSubmatch(said)
		if m == nil {
			return ""
		}
		return m[1]
	}
	for value("TEST_MYSQL_DSN") == "" || value("TEST_MYSQL_CTL") == "" {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("the private database server did not start: %v", err)
		}
		said += string(buf[:n])
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	c, err := sqldriver.ParseDSN(value("TEST_MYSQL_DSN"))
	if err != nil {
		t.Fatal(err)
	}
	command := value("TEST_MYSQL_CTL")
	return c.Addr, func(verb string) {
		t.Helper()
		if out, err := exec.Command(command, verb).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", verb, err, out)
		}
	}
}

// newDatabase makes a migrated database on a server.
func newDatabase(t *testing.T, address string) (dsn string) {
	t.Helper()
	server := "mysql://root@tcp(" + address + ")/"
	db, err := model.Open(t.Context(), model.Options{DSN: server})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close(db)
	if err := db.Exec("CREATE DATABASE zhiyin CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci").Error; err != nil {
		t.Fatal(err)
	}
	house, err := model.Open(t.Context(), model.Options{DSN: server + "zhiyin"})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close(house)
	if _, err := model.Migrate(t.Context(), house); err != nil {
		t.Fatal(err)
	}
	return server + "zhiyin"
}

// TestF09_DatabaseAway takes the database away in the middle of callbacks: none is acknowledged that is
// not stored, the platform tries again, and soon after it is back everything has happened once.
func TestF09_DatabaseAway(t *testing.T) {
	company := simulator.Company{Staff: 3, Tags: 4}
	if !modeltest.OnMySQL() {
		t.Run("locked", func(t *testing.T) {
			h := newHome(t, setting{company: company})
			judge := h.db()
			databaseAway(t, h, func() (back func()) {
				tx := judge.Begin() // takes the one write lock there is
				if tx.Error != nil {
					t.Fatal(tx.Error)
				}
				return func() { tx.Rollback() }
			})
		})
		return
	}
	t.Run("killed", func(t *testing.T) {
		address, ctl := privateMySQL(t)
		h := newHome(t, setting{company: company, dsn: newDatabase(t, address)})
		databaseAway(t, h, func() (back func()) {
			ctl("kill9")
			return func() { ctl("start") }
		})
	})
	t.Run("hangs", func(t *testing.T) {
		dsn := modeltest.DSN(t)
		c, err := sqldriver.ParseDSN(strings.TrimPrefix(dsn, "mysql://"))
		if err != nil {
			t.Fatal(err)
		}
		proxy := proxied(t, c.Addr)
		c.Addr = proxy.Listen
		h := newHome(t, setting{company: company, dsn: "mysql://" + c.FormatDSN()})
		databaseAway(t, h, func() (back func()) { return poison(t, proxy, "timeout", object{"timeout": 0}) })
	})
}

func databaseAway(t *testing.T, h *house, away func() (back func())) {
	h.synchronise(30 * time.Second)
	code := h.welcomingCode()
	const scans = 80
	h.sim.post("/act/scan/bulk", object{"states": []string{code.State}, "n": scans, "rate": 16, "async": true}, nil)
	eventually(t, 10*time.Second, "callbacks are coming in", func() bool { return len(h.deliveries("delivered")) > 10 })

	back := away()
	time.Sleep(3500 * time.Millisecond)
	back()
	began := time.Now()
	eventually(t, 10*time.Second, "callbacks are stored again", func() bool {
		var out struct {
			Results []struct{ Status int }
		}
		h.sim.post("/callback/raw", object{"plain": fmt.Sprintf("<xml><Event>probe</Event><N>%d</N></xml>", time.Now().UnixNano())}, &out)
		return out.Results[0].Status == 200
	})
	t.Logf("callbacks are stored again %s after the database was back", time.Since(began).Round(time.Millisecond))

	h.waitCallbacks(30 * time.Second)
	h.settled(40 * time.Second)
	db := h.db()
	refused, slowest := 0, 0.0
	for _, d := range h.deliveries("") {
		for _, try := range d.Tries {
			slowest = max(slowest, try.MS)
			if try.Status >= 500 {
				refused++
			} else if try.Status != 200 {
				t.Errorf("a callback was answered %d %s", try.Status, try.Error)
			}
		}
	}
	if refused == 0 {
		t.Error("the database was away and no callback was refused")
	}
	if slowest > 3200*slack {
		t.Errorf("the slowest answer took %.0f ms", slowest)
	}
	t.Logf("%d tries refused, slowest answer %.0f ms", refused, slowest)
	h.checkDurable(db)
	if twice := h.welcomedTwice(); len(twice) > 0 {
		t.Errorf("%d customers were welcomed twice", len(twice))
	}
	h.synchronise(30 * time.Second) // for what the platform gave up
	h.settled(20 * time.Second)
	h.checkOnce(db, code, scans)
}

// TestF17_RedisAway wipes Redis, then slows it down, then takes it away: nothing is lost, callbacks are
// answered as ever, and the platform is asked for a token at most once a minute.
func TestF17_RedisAway(t *testing.T) {
	h := newHouse(t, setting{company: simulator.Company{Staff: 3, Tags: 4}})
	cfg := h.config()
	proxy := proxied(t, cfg.Redis.Addr)
	h.env = append(h.env, "ZHIYIN_REDIS__ADDR="+proxy.Listen)
	h.start()
	h.moveIn()
	h.synchronise(30 * time.Second)
	code := h.welcomingCode()
	fetched := len(h.calls("gettoken"))
	if fetched != 1 {
		t.Errorf("%d tokens were fetched to begin with", fetched)
	}
	scans := 0
	stream := func(n int) {
		h.sim.post("/act/scan/bulk", object{"states": []string{code.State}, "n": n, "rate": 20}, nil)
		scans += n
	}

	stream(10)
	wipe(t, cfg.Redis.Addr, cfg.Redis.KeyPrefix) // F-18
	stream(20)
	cure := poison(t, proxy, "latency", object{"latency": 2000}) // F-19
	stream(20)
	cure()
	proxy.Stop() // F-17
	stream(20)
	h.sim.post("/tokens/revoke", object{"errcode": 42001}, nil)
	stream(20)
	h.sim.post("/tokens/revoke", object{"errcode": 40014}, nil)
	stream(10)
	if n := len(h.calls("gettoken")) - fetched; n > 1 {
		t.Errorf("%d tokens were fetched within a minute without Redis", n)
	}
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}

	h.waitCallbacks(10 * time.Second)
	var took []float64
	for _, d := range h.deliveries("") {
		for _, try := range d.Tries {
			took = append(took, try.MS)
			if try.Status != 200 {
				t.Errorf("a callback was answered %d %s", try.Status, try.Error)
			}
		}
	}
	if p99 := percentile(took, .99); p99 > 250*slack {
		t.Errorf("the p99 of callbacks was %.0f ms", p99)
	}
	h.settled(90 * time.Second) // the second revoked token is replaced when its minute is over
	db := h.db()
	h.checkDurable(db)
	h.checkOnce(db, code, scans)
	if n := len(h.calls("gettoken")) - fetched; n > 2 {
		t.Errorf("%d tokens were fetched in all", n)
	}
}

// wipe forgets everything under a prefix, as a Redis that was restarted would.
func wipe(t *testing.T, address, prefix string) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: address})
	defer c.Close()
	keys, err := c.Keys(t.Context(), prefix+"*").Result()
	if err == nil && len(keys) > 0 {
		err = c.Del(t.Context(), keys...).Err()
	}
	if err != nil || len(keys) == 0 {
		t.Fatalf("wiped %d keys: %v", len(keys), err)
	}
}

// TestSlowPlatformLeavesCallbacksQuick has the platform's API answer after eight seconds: callbacks are
// acknowledged as quickly as ever, while what follows from them waits.
func TestSlowPlatformLeavesCallbacksQuick(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 3, Tags: 4}, env: []string{"ZHIYIN_SERVER__STOP_TIMEOUT=10s"}})
	h.synchronise(30 * time.Second)
	code := h.welcomingCode()
	h.fault(object{"api": "*", "kind": "latency", "ms": 8000})
	h.sim.post("/act/scan/bulk", object{"states": []string{code.State}, "n": 240, "rate": 40}, nil)
	h.waitCallbacks(10 * time.Second)
	h.sim.must("DELETE", "/faults", nil, nil)
	var took []float64
	for _, d := range h.deliveries("") {
		for _, try := range d.Tries {
			took = append(took, try.MS)
			if try.Status != 200 {
				t.Errorf("a callback was answered %d %s", try.Status, try.Error)
			}
		}
	}
	p99 := percentile(took, .99)
	t.Logf("%d callbacks, p50 %.1f ms, p99 %.1f ms", len(took), percentile(took, .5), p99)
	if p99 > 50*slack {
		t.Errorf("the p99 of callbacks was %.0f ms", p99)
	}
	// One customer is enough to see that the rest goes on.
	eventually(t, 40*time.Second, "customers are known", func() bool {
		return len(list[console.Customer](h.console, "/customers?channel_code_id="+code.ID)) >= 50
	})
}

// TestF27_BrokenAnswers has the platform answer each call wrongly in every way: none is taken for a
// success, all are repeated, and in the end everything is as it should be.
func TestF27_BrokenAnswers(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 3, Tags: 4}})
	h.synchronise(30 * time.Second)
	code := h.welcomingCode()
	kinds := []object{
		{"kind": "malformed"}, {"kind": "html"}, {"kind": "half_body"}, {"kind": "missing_errcode"}, {"kind": "drop_before"}, {"kind": "drop_after"},
		{"kind": "http_status", "status": 502}, {"kind": "errcode", "errcode": -1}, {"kind": "redirect", "location": "http://127.0.0.1:1/"}, {"kind": "huge_body", "mb": 6}, {"kind": "wrong_types"},
	}
	for _, f := range kinds {
		for _, api := range []string{"externalcontact/get", "externalcontact/mark_tag", "externalcontact/remark", "externalcontact/send_welcome_msg"} {
			f["api"], f["times"] = api, 1
			h.fault(f)
		}
	}
	for range kinds {
		h.scan(code.State, nil)
	}
	h.settled(60 * time.Second)
	db := h.db()
	h.checkDurable(db)
	h.checkOnce(db, code, len(kinds))
	h.checkWelcomes(db)
	struck := 0
	for _, api := range []string{"externalcontact/get", "externalcontact/mark_tag", "externalcontact/remark", "externalcontact/send_welcome_msg"} {
		for _, c := range h.calls(api) {
			if c.Fault != "" {
				struck++
			}
		}
	}
	if want := 4 * len(kinds); struck != want {
		t.Errorf("%d of %d faults struck", struck, want)
	}
}

// TestF24_WrongSecret: the platform freezes an app that goes on asking with a wrong secret, so nobody
// does, and the work waits until somebody has set the right one.
func TestF24_WrongSecret(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 3, Tags: 4}})
	h.synchronise(30 * time.Second)
	code := h.welcomingCode()
	fetched := len(h.calls("gettoken"))
	a := h.corp.Apps[0]
	h.sim.post("/apps", object{"agentid": a.AgentID, "secret": a.Secret + "-new"}, nil)
	h.sim.post("/tokens/revoke", object{}, nil)
	h.sim.post("/act/scan/bulk", object{"states": []string{code.State}, "n": 40, "rate": 10}, nil)
	h.waitCallbacks(10 * time.Second)
	for _, d := range h.deliveries("") {
		if d.Status != "delivered" {
			t.Errorf("a callback is %s", d.Status)
		}
	}
	if n := len(h.calls("gettoken")) - fetched; n < 1 || n > 2 {
		t.Errorf("gettoken was called %d times with a wrong secret", n)
	}
	if dead := list[console.Work](h.console, "/work?state=dead&kind=intake.event"); len(dead) > 0 {
		t.Errorf("%d messages were given up", len(dead))
	}
	if failed := list[console.InboxMessage](h.console, "/inbox?state=failed"); len(failed) > 0 {
		t.Errorf("%d messages failed", len(failed))
	}

	h.console.put("/accounts/"+h.account, object{"title": h.corp.Name, "agent_id": a.AgentID, "enabled": true, "secret": a.Secret + "-new"}, nil)
	h.scan(code.State, nil)
	eventually(t, 20*time.Second, "with the right secret the next customer is known", func() bool {
		return len(list[console.Customer](h.console, "/customers?channel_code_id="+code.ID)) > 0
	})
}
