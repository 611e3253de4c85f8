package wecom_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/wecom"
)

func TestSimulatedTokenLife(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	other := p.make()
	for round := range 3 {
		var wg sync.WaitGroup
		var failed atomic.Int32
		for i := range 40 {
			wg.Go(func() {
				g := p.g
				if i%2 == 0 {
					g = other
				}
				if _, err := g.Corp("corp").FollowUsers(ctx); err != nil {
					failed.Add(1)
				}
			})
		}
		wg.Wait()
		if failed.Load() != 0 || p.calls("gettoken") != round+1 {
			t.Fatalf("round %d: %d calls failed, %d fetches", round, failed.Load(), p.calls("gettoken"))
		}
		p.control("POST", "/_sim/tokens/revoke", object{}, nil)
	}
}

// Every fault that strikes an answer leaves a harmless call failed or repeated, never half done.
func TestSimulatedFaults(t *testing.T) {
	p, ctx := newPlatform(t, func(c *wecom.Config) { c.Timeouts.Call = 500 * time.Millisecond }), t.Context()
	want := len(must[[]string](t)(p.corp.FollowUsers(ctx)))
	for _, f := range []struct {
		kind string
		more object
		err  error // nil: repeated, and then it works
	}{
		{"errcode", object{"errcode": -1}, nil},
		{"http_status", object{"status": 502}, nil},
		{"drop_before", nil, nil},
		{"drop_after", nil, nil},
		{"latency", object{"ms": 100}, nil},
		{"hang", nil, wecom.ErrInDoubt},
		{"hang_after", nil, wecom.ErrInDoubt},
		{"half_body", nil, wecom.ErrInDoubt},
		{"malformed", nil, wecom.ErrInDoubt},
		{"html", nil, wecom.ErrInDoubt},
		{"huge_body", object{"mb": 20}, wecom.ErrInDoubt},
		{"gzip_bomb", object{"mb": 20}, wecom.ErrInDoubt},
		{"slow_body", object{"ms": 100}, wecom.ErrInDoubt},
		{"redirect", object{"location": "http://127.0.0.1:1/"}, wecom.ErrInDoubt},
		{"errcode", object{"errcode": 48002}, wecom.ErrNoPermission},
	} {
		body := object{"api": "externalcontact/get_follow_user_list", "kind": f.kind, "times": 1}
		for k, v := range f.more {
			body[k] = v
		}
		p.fault(body)
		list, err := p.corp.FollowUsers(ctx)
		if !errors.Is(err, f.err) || err == nil && len(list) != want || err != nil && len(list) != 0 {
			t.Errorf("%s: got %d, %v, want %v", f.kind, len(list), err, f.err)
		}
		p.control("DELETE", "/_sim/faults", nil, nil)
	}
}

// An app whose rights the operator forgot, one whose address is not trusted, one with a wrong secret.
func TestSimulatedProbe(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	health := must[*wecom.Health](t)(p.g.Probe(ctx, "corp"))
	if health.Token != nil || len(health.Rights) < 5 {
		t.Fatalf("health: %+v", health)
	}
	for _, r := range health.Rights {
		if r.Err != nil {
			t.Errorf("%s: %v", r.API, r.Err)
		}
	}
	if h := must[*wecom.Health](t)(p.g.Probe(ctx, "mini")); h.Token != nil {
		t.Errorf("mini-program: %v", h.Token)
	}
	if _, err := p.g.Probe(ctx, "nothing"); err == nil {
		t.Error("an unknown account is healthy")
	}

	app := func(agent int, body object) {
		body["agentid"] = agent
		var made struct{ Secret string }
		p.control("POST", "/_sim/apps", body, &made)
		p.cred["bad"] = wecom.Credential{CorpID: p.cred["corp"].CorpID, AgentID: int64(agent), Secret: wecom.Secret(made.Secret)}
	}
	app(1000010, object{"rights": []string{"contacts", "login"}})
	health = must[*wecom.Health](t)(p.g.Probe(ctx, "bad"))
	for _, r := range health.Rights {
		lacks := len(r.API) > 15 && r.API[:15] == "externalcontact"
		if lacks != (wecom.CodeOf(r.Err) == 48002) {
			t.Errorf("rights forgotten: %s: %v", r.API, r.Err)
		}
	}
	app(1000011, object{"trusted_ips": []string{"192.0.2.1"}})
	health = must[*wecom.Health](t)(p.g.Probe(ctx, "bad"))
	untrusted := errors.Is(health.Token, wecom.ErrIPNotTrusted)
	for _, r := range health.Rights {
		untrusted = untrusted || errors.Is(r.Err, wecom.ErrIPNotTrusted)
	}
	if !untrusted {
		t.Errorf("address not trusted: %+v", health)
	}
	p.cred["bad"] = wecom.Credential{CorpID: p.cred["corp"].CorpID, AgentID: 1, Secret: "wrong"}
	health = must[*wecom.Health](t)(p.g.Probe(ctx, "bad"))
	if !errors.Is(health.Token, wecom.ErrCredentials) || len(health.Rights) != 0 {
		t.Errorf("wrong secret: %+v", health)
	}
}

// A full reading of all customers by many workers stays within the bounds and misses nothing.
func TestSimulatedManyReaders(t *testing.T) {
	p, ctx := newPlatform(t, nil), t.Context()
	p.control("PUT", "/_sim/config", object{"latency_ms": 5}, nil)
	users := must[[]string](t)(p.corp.FollowUsers(ctx))
	var mu sync.Mutex
	got := map[string]bool{}
	var wg sync.WaitGroup
	for range 10 {
		for _, u := range users {
			wg.Go(func() {
				page, err := p.corp.CustomersOf(ctx, []string{u}, "", 100)
				if err != nil {
					t.Error(err)
					return
				}
				for _, row := range page.Customers {
					c, err := p.corp.Customer(ctx, row.Contact.ExternalUserID)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					got[c.Contact.ExternalUserID] = true
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	var ledger struct {
		Max int `json:"max_in_flight"`
	}
	p.control("GET", "/_sim/ledger?count=1", nil, &ledger)
	if len(got) != 60 || ledger.Max > 32 {
		t.Errorf("%d customers, %d calls in flight", len(got), ledger.Max)
	}
}
