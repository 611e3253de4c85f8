package main

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/api/console"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/simulator"
)

// TestG06_Welcomes: customers who come at a steady rate, and a thousand who come at once, are all
// welcomed, once, in time; by one server and by two.
func TestG06_Welcomes(t *testing.T) {
	for name, servers := range map[string]int{"one server": 1, "two servers": 2} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, setting{company: simulator.Company{Staff: 3, Tags: 4}})
			addresses := []string{h.address}
			h.start()
			if servers == 2 {
				addresses = append(addresses, freeAddress(t))
				h.startAt(addresses[1])
			}
			h.moveIn()
			h.callBackTo(balanced(t, addresses))
			h.synchronise(30 * time.Second)
			// Without tags and remarks, which take their time: the platform wants no more than 50 a second.
			code := h.newCode("门店海报", object{"welcome": object{"text": "{{客户昵称}}您好"}}, "staff0001", "staff0002", "staff0003")
			steady, burst := 200, 1000
			if slack > 1 {
				steady, burst = 100, 300
			}
			// The goals are one second and three, on a machine with nothing else to do.
			h.arrive(code, steady, 20, 2*time.Second*slack)
			h.arrive(code, burst, 0, 12*time.Second*min(slack, 2))
			h.settled(60 * time.Second)
			h.checkWelcomes(h.db())
			h.checkArrived(h.db(), code, steady+burst)
		})
	}
}

// arrive lets n customers come at a rate (0: at once) and holds their welcomes to a bound.
func (h *house) arrive(code console.ChannelCode, n, rate int, bound time.Duration) {
	h.t.Helper()
	before := len(h.welcomes().Welcomes)
	h.sim.post("/act/scan/bulk", object{"states": []string{code.State}, "n": n, "rate": rate}, nil)
	eventually(h.t, 25*time.Second, "all are welcomed", func() bool {
		time.Sleep(100 * time.Millisecond) // looking takes time from those who are looked at
		var w simWelcomes
		h.sim.get("/welcomes?count=1", &w)
		return w.Waiting == 0
	})
	var took []float64
	for _, w := range h.welcomes().Welcomes[before:] {
		if w.SentReal == 0 {
			h.t.Error("a welcome was missed")
			continue
		}
		took = append(took, float64(w.SentReal-w.Real))
	}
	p99 := percentile(took, .99)
	h.t.Logf("%d customers at %d/s (0: at once): welcomed after p50 %.0f ms, p99 %.0f ms, at most %.0f ms", n, rate, percentile(took, .5), p99, percentile(took, 1))
	if p99 > float64(bound.Milliseconds()) {
		h.t.Errorf("p99 is over %s", bound)
	}
}

// balanced hands requests to several servers by turns and returns where it listens.
func balanced(t testing.TB, addresses []string) string {
	t.Helper()
	if len(addresses) == 1 {
		return addresses[0]
	}
	var n atomic.Int64
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: addresses[int(n.Add(1))%len(addresses)]})
	}})
	t.Cleanup(front.Close)
	return strings.TrimPrefix(front.URL, "http://")
}

// TestWelcomeTooLate: while the platform can't be reached until the code is dead, the welcome is
// missed, recorded as such, and the staff member is asked to say hello.
func TestWelcomeTooLate(t *testing.T) {
	t.Parallel() // it waits out the code's life
	h := newHome(t, setting{company: simulator.Company{Staff: 3, Tags: 4}})
	h.synchronise(30 * time.Second)
	code := h.welcomingCode()
	h.fault(object{"api": "externalcontact/send_welcome_msg", "kind": "http_status", "status": 503})
	who := h.scan(code.State, nil)
	expired := h.scan(code.State, object{"callback": object{"delay_ms": 21_000}})
	h.settledBut(40*time.Second, "welcome.send") // the customer is known and tagged all the same
	var tasks []console.Task
	eventually(t, 60*time.Second, "both members are asked to say hello", func() bool {
		tasks = list[console.Task](h.console, "/tasks")
		return len(tasks) == 2
	})
	for _, task := range tasks {
		if task.Kind != "welcome.missed" || task.Status != "open" || task.CustomerID == "" {
			t.Errorf("the task is %+v", task)
		}
	}
	if w := h.welcomes(); w.Sent != 0 {
		t.Errorf("%d welcomes were sent", w.Sent)
	}
	day := businessDay()
	var statistics console.ChannelCodeStatistics
	h.console.get("/channel-codes/"+code.ID+"/statistics?from="+day+"&to="+day, &statistics)
	if missed := statistics.Days[0].Welcomes.Missed; missed != 2 {
		t.Errorf("%d welcomes are counted as missed", missed)
	}
	for _, s := range []scanned{who, expired} {
		if n := modeltest.Count[model.Relation](t, h.db(), "external_userid = ? AND status = ?", s.External, "active"); n != 1 {
			t.Error("the customer is not known")
		}
	}
}

// TestF31_StaleCallback: a captured callback that is played hours later, or arrives that late, is
// kept, sends no message and changes nothing that the platform does not say now.
func TestF31_StaleCallback(t *testing.T) {
	h := newHome(t, setting{company: simulator.Company{Staff: 3, Tags: 4}})
	h.synchronise(30 * time.Second)
	code := h.welcomingCode()
	who := h.scan(code.State, object{"callback": object{"drop": true}})
	plain := h.deliveries("dropped")[0].Plain
	var out struct {
		Results []struct{ Status int }
	}
	h.sim.post("/callback/raw", object{"plain": plain, "skew": "-1h"}, &out)
	if out.Results[0].Status != 200 {
		t.Fatalf("answered %d", out.Results[0].Status)
	}
	h.settled(20 * time.Second)
	inbox := list[console.InboxMessage](h.console, "/inbox")
	if len(inbox) != 1 || !inbox[0].Stale || inbox[0].State != "done" {
		t.Fatalf("the inbox holds %+v", inbox)
	}
	if n := len(h.calls("externalcontact/send_welcome_msg")); n != 0 {
		t.Errorf("%d welcomes were sent", n)
	}
	if n := modeltest.Count[model.Relation](t, h.db(), "external_userid = ? AND status = ?", who.External, "active"); n != 1 {
		t.Error("the truth was not read")
	}
	// The same message again, fresh this time: it has been dealt with.
	h.sim.post("/callback/raw", object{"plain": plain}, &out)
	h.settled(20 * time.Second)
	if n := len(h.calls("externalcontact/send_welcome_msg")); n != 0 {
		t.Errorf("%d welcomes were sent for a message that was stale before", n)
	}
	if c := h.code(code.ID); c.Added != 1 {
		t.Errorf("counted %d times", c.Added)
	}
}
