package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"zhiyin/api/console"
	"zhiyin/demo"
	"zhiyin/model/modeltest"
)

// demoEnv is the environment of a demo of a test's own.
func demoEnv(t *testing.T, server, simulator string) []string {
	t.Helper()
	env := []string{"ZHIYIN_SERVER__LISTEN=" + server, "ZHIYIN_SERVER__METRICS_LISTEN=", "SIMULATOR_LISTEN=" + simulator}
	if modeltest.OnMySQL() {
		env = append(env, "ZHIYIN_DATABASE__DSN="+modeltest.DSN(t), "ZHIYIN_REDIS__ADDR="+os.Getenv("TEST_REDIS_ADDR"), "ZHIYIN_REDIS__KEY_PREFIX=test:"+t.Name()+":"+server)
	}
	return env
}

// live starts a demo and waits until life goes on in it.
func live(t *testing.T, dir string, env []string) (*process, *words) {
	t.Helper()
	said := &words{}
	p := run(t, dir, said, env, "demo", "--per-minute", "240")
	eventually(t, 120*time.Second*min(slack, 3), "life goes on in the demo", func() bool {
		if p.over() {
			t.Fatalf("the demo ended:\n%s", said)
		}
		return strings.Contains(said.String(), "Life goes on")
	})
	return p, said
}

// TestDemo is the first thing that a visitor does: start it, look around, stop it, start it again.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir, server, simulator := t.TempDir(), freeAddress(t), freeAddress(t)
	env := demoEnv(t, server, simulator)
	began := time.Now()
	p, said := live(t, dir, env)
	t.Logf("first start: %s", time.Since(began).Round(100*time.Millisecond))
	for _, want := range []string{"http://" + server, "http://" + simulator + "/_sim/", demo.Login + " / " + demo.Password} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("the demo doesn't say %q:\n%s", want, said)
		}
	}
	h := &house{t: t, sim: newClient(t, "http://"+simulator+"/_sim"), console: newClient(t, "http://"+server+"/api/console")}
	h.visit()
	if c := h.world(); len(c.StaffList) != 30 || len(h.simCustomers()) < 2000 || len(c.GroupList) < 40 || len(simTags(c)) < 60 {
		t.Errorf("the company has %d staff, %d customers, %d groups, %d tags", len(c.StaffList), len(h.simCustomers()), len(c.GroupList), len(simTags(c)))
	}
	codes := list[console.ChannelCode](h.console, "/channel-codes")
	eventually(t, 60*time.Second, "somebody new scans a code", func() bool {
		added := int64(0)
		for _, c := range list[console.ChannelCode](h.console, "/channel-codes") {
			added += c.Added
		}
		return added > 0
	})
	if exit := p.terminate(os.Interrupt, 40*time.Second); exit != 0 {
		t.Errorf("Ctrl-C: exit code %d:\n%s", exit, said)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "simulator.json")); err != nil {
		t.Error(err)
	}

	began = time.Now()
	p, said = live(t, dir, env)
	t.Logf("second start: %s", time.Since(began).Round(100*time.Millisecond))
	h.visit()
	if runs := list[console.SyncRun](h.console, "/sync-runs"); len(runs) != 1 {
		t.Errorf("the second start has synchronised anew: %d runs", len(runs))
	}
	again := list[console.ChannelCode](h.console, "/channel-codes")
	if len(again) != len(codes) || again[0].ID != codes[0].ID || again[0].State != codes[0].State {
		t.Errorf("%d channel codes became %d", len(codes), len(again))
	}
	if accounts := list[console.Account](h.console, "/accounts"); len(accounts) != 2 {
		t.Errorf("there are %d accounts", len(accounts))
	}
	before := h.code(codes[0].ID).Added
	h.scan(codes[0].State, nil)
	eventually(t, 30*time.Second, "the second start goes on where the first was", func() bool { return h.code(codes[0].ID).Added > before })
	if exit := p.terminate(syscall.SIGTERM, 40*time.Second); exit != 0 {
		t.Errorf("SIGTERM: exit code %d:\n%s", exit, said)
	}
}

// visit signs in as the demo's visitor.
func (h *house) visit() {
	h.t.Helper()
	var reply struct {
		Token string `json:"token"`
	}
	h.console.post("/sign-in", object{"login": demo.Login, "password": demo.Password}, &reply)
	h.console.token = reply.Token
}

// TestDemoSaysThatAPortIsTaken, in one sentence that names the port and the way out.
func TestDemoSaysThatAPortIsTaken(t *testing.T) {
	for _, taken := range []string{"server", "simulator"} {
		t.Run(taken, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			server, simulator := freeAddress(t), freeAddress(t)
			if taken == "server" {
				server = l.Addr().String()
			} else {
				simulator = l.Addr().String()
			}
			said := &words{}
			p := run(t, t.TempDir(), said, demoEnv(t, server, simulator), "demo")
			if exit := p.finish(30 * time.Second); exit != 1 {
				t.Errorf("exit code %d", exit)
			}
			text := strings.TrimSpace(said.String())
			if !strings.Contains(text, l.Addr().String()+" is taken by another program") || strings.Count(text, "\n") > 0 {
				t.Errorf("it says:\n%s", text)
			}
		})
	}
}
