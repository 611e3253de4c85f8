package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What the simulator, which is the judge, tells of its world and of the calls it has had.

type simRelation struct {
	UserID      string   `json:"userid"`
	External    string   `json:"external_userid"`
	Created     int64    `json:"created"`
	Remark      string   `json:"remark"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
	State       string   `json:"state"`
	Left        bool     `json:"left"`
	Half        bool     `json:"half"`
}

type simCustomer struct {
	Customer struct {
		ID        string        `json:"external_userid"`
		Relations []simRelation `json:"relations"`
	} `json:"customer"`
	Person struct {
		Name    string `json:"name"`
		UnionID string `json:"unionid"`
	} `json:"person"`
}

func (h *house) simCustomers() []simCustomer {
	h.t.Helper()
	var out struct {
		Customers []simCustomer `json:"customers"`
	}
	h.sim.get("/customers", &out)
	return out.Customers
}

func (h *house) simCustomer(external string) simCustomer {
	h.t.Helper()
	all := h.simCustomers()
	i := slices.IndexFunc(all, func(c simCustomer) bool { return c.Customer.ID == external })
	if i < 0 {
		h.t.Fatalf("the platform has no customer %s", external)
	}
	return all[i]
}

// scanned is a customer who has just scanned a code.
type scanned struct {
	UserID   string `json:"userid"`
	External string `json:"external_userid"`
	Person   string `json:"person"`
	Name     string `json:"name"`
	UnionID  string `json:"unionid"`
	Code     string `json:"welcome_code"`
}

// scan lets a customer scan the code of a state; more are fields of the act.
func (h *house) scan(state string, more object) scanned {
	h.t.Helper()
	in := object{"state": state}
	for k, v := range more {
		in[k] = v
	}
	var out scanned
	h.sim.post("/act/scan", in, &out)
	return out
}

type simWelcome struct {
	Code     string `json:"code"`
	UserID   string `json:"userid"`
	External string `json:"external_userid"`
	State    string `json:"state"`
	Text     string `json:"text"`
	SentReal int64  `json:"sent_real"`
	Real     int64  `json:"issued_real"`
	Refused  int    `json:"refused"`
}

type simWelcomes struct {
	Sent     int          `json:"sent"`
	Missed   int          `json:"missed"`
	Waiting  int          `json:"waiting"`
	Welcomes []simWelcome `json:"welcomes"`
	Latency  struct {
		Count int     `json:"count"`
		P50   float64 `json:"p50_ms"`
		P99   float64 `json:"p99_ms"`
		Max   float64 `json:"max_ms"`
	} `json:"latency"`
}

func (h *house) welcomes() simWelcomes {
	h.t.Helper()
	var w simWelcomes
	h.sim.get("/welcomes", &w)
	return w
}

type ledger struct {
	Matched     int            `json:"matched"`
	Entries     []call         `json:"entries"`
	ByAPI       map[string]int `json:"by_api"`
	MaxInFlight int            `json:"max_in_flight"`
}

type call struct {
	Seq     int64     `json:"seq"`
	Time    time.Time `json:"time"`
	Real    int64     `json:"real"`
	API     string    `json:"api"`
	Errcode int       `json:"errcode"`
	Effect  bool      `json:"effect"`
	Fault   string    `json:"fault"`
	Body    struct {
		WelcomeCode string `json:"welcome_code"`
	} `json:"body"`
}

// calls are the platform calls whose API fits a pattern, oldest first.
func (h *house) calls(api string) []call {
	h.t.Helper()
	var l ledger
	h.sim.get("/ledger?limit=100000&api="+url.QueryEscape(api), &l)
	return l.Entries
}

// welcomedTwice lists the welcome codes with which the platform was successfully called more than once.
func (h *house) welcomedTwice() (codes []string) {
	h.t.Helper()
	sent := map[string]int{}
	for _, c := range h.calls("externalcontact/send_welcome_msg") {
		if c.Effect {
			sent[c.Body.WelcomeCode]++
		}
	}
	for code, n := range sent {
		if n > 1 {
			codes = append(codes, code)
		}
	}
	return codes
}

type delivery struct {
	ID     int64  `json:"id"`
	Event  string `json:"event"`
	Change string `json:"change_type"`
	Plain  string `json:"plain"`
	Status string `json:"status"`
	Tries  []struct {
		Status int       `json:"status"`
		MS     float64   `json:"ms"`
		Error  string    `json:"error"`
		At     time.Time `json:"at"`
	} `json:"tries"`
}

// deliveries are callbacks by how they ended: delivered, failed, dropped, queued, or "" for all.
func (h *house) deliveries(status string) []delivery {
	h.t.Helper()
	var out struct {
		Deliveries []delivery `json:"deliveries"`
	}
	h.sim.get("/callbacks?limit=100000&status="+status, &out)
	return out.Deliveries
}

// waitCallbacks waits until no callback is on its way.
func (h *house) waitCallbacks(within time.Duration) {
	h.t.Helper()
	var out struct {
		Idle bool `json:"idle"`
	}
	eventually(h.t, within, "all callbacks have found their end", func() bool {
		h.sim.post("/callbacks/wait", object{"timeout_ms": 1000}, &out)
		return out.Idle
	})
}

// fault plans misbehaviour of the platform.
func (h *house) fault(f object) { h.t.Helper(); h.sim.post("/faults", f, nil) }

// percentile of values, p from 0 to 1.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(p*float64(len(sorted)-1))]
}

// differences tells how two maps differ, at most ten of them.
func differences[V comparable](want, got map[string]V) []string {
	var out []string
	for k, w := range want {
		if g, ok := got[k]; !ok {
			out = append(out, fmt.Sprintf("%s is missing, want %v", k, w))
		} else if g != w {
			out = append(out, fmt.Sprintf("%s is %v, want %v", k, g, w))
		}
	}
	for k, g := range got {
		if _, ok := want[k]; !ok {
			out = append(out, fmt.Sprintf("%s is %v, want none", k, g))
		}
	}
	slices.SortFunc(out, cmp.Compare[string])
	return out[:min(len(out), 10)]
}

func sortedJoin(list []string) string {
	return strings.Join(slices.Sorted(slices.Values(list)), " ")
}

// effects counts the calls that changed the simulated world, or could have.
func effects(calls []call) (n int) {
	for _, c := range calls {
		if c.Effect {
			n++
		}
	}
	return n
}
