package wecom_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"zhiyin/simulator"
	"zhiyin/wecom"
)

// platform is the simulator, in its strict mode, and a gateway that speaks to it.
type platform struct {
	t    *testing.T
	url  string
	http *http.Client // for the control API
	g    *wecom.Gateway
	corp *wecom.Corp
	mini *wecom.MiniApp
	cred map[string]wecom.Credential
	make func() *wecom.Gateway
}

// newPlatform begins a small company of 12 staff, 60 customers, 20 tags and 6 groups. change alters the
// gateway's configuration.
func newPlatform(t *testing.T, change func(*wecom.Config)) *platform {
	t.Helper()
	sim := simulator.New(simulator.Options{Seed: 1, Strict: true, Company: simulator.Company{Staff: 12, Customers: 60, Tags: 20, Groups: 6}})
	server := httptest.NewServer(sim.Handler())
	wire := &http.Transport{}
	p := &platform{t: t, url: server.URL, http: &http.Client{Transport: wire}, cred: map[string]wecom.Credential{}}
	p.learn()
	m := miniredis.RunT(t)
	p.make = func() *wecom.Gateway {
		rdb := redis.NewClient(&redis.Options{Addr: m.Addr()})
		cfg := wecom.Config{
			BaseURL: server.URL + "/qyapi", WeixinURL: server.URL + "/weixin", Redis: rdb, Logger: slog.New(slog.DiscardHandler),
			Accounts: func(_ context.Context, name string) (wecom.Credential, error) {
				c, ok := p.cred[name]
				if !ok {
					return c, errors.New("no such account")
				}
				return c, nil
			},
		}
		if change != nil {
			change(&cfg)
		}
		g, err := wecom.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = g.Close()
			_ = rdb.Close()
		})
		return g
	}
	// The gateway ends before the server, else the server waits for its idle connections.
	t.Cleanup(func() {
		wire.CloseIdleConnections()
		server.Close()
		sim.Close()
	})
	p.g = p.make()
	p.corp, p.mini = p.g.Corp("corp"), p.g.MiniApp("mini")
	return p
}

// learn reads the credentials of the world.
func (p *platform) learn() {
	var world struct {
		Corps []struct {
			ID   string
			Apps []struct {
				AgentID int64
				Secret  string
			}
		}
		MiniApps []struct{ AppID, Secret string }
	}
	p.control("GET", "/_sim/world", nil, &world)
	app := world.Corps[0].Apps[0]
	p.cred["corp"] = wecom.Credential{CorpID: world.Corps[0].ID, AgentID: app.AgentID, Secret: wecom.Secret(app.Secret)}
	mini := world.MiniApps[0]
	p.cred["mini"] = wecom.Credential{AppID: mini.AppID, Secret: wecom.Secret(mini.Secret)}
}

type object = map[string]any

// control calls the simulator's control API.
func (p *platform) control(method, path string, body, out any) {
	p.t.Helper()
	text, _ := json.Marshal(body)
	req, err := http.NewRequest(method, p.url+path, bytes.NewReader(text))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s %s: %s %s %v", method, path, resp.Status, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			p.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

// act lets somebody do something and returns what the simulator tells of it.
func (p *platform) act(name string, body object) object {
	p.t.Helper()
	var out object
	p.control("POST", "/_sim/act/"+name, body, &out)
	return out
}

func (p *platform) fault(body object) {
	p.t.Helper()
	p.control("POST", "/_sim/faults", body, nil)
}

func (p *platform) advance(d time.Duration) {
	p.t.Helper()
	p.control("POST", "/_sim/clock", object{"advance": d.String()}, nil)
}

// effects counts the calls of an API that had an effect at the platform, calls all of them.
func (p *platform) effects(api string) int { return p.matched(api, "&effect=true") }
func (p *platform) calls(api string) int   { return p.matched(api, "") }

func (p *platform) matched(api, more string) int {
	p.t.Helper()
	var out struct{ Matched int }
	p.control("GET", "/_sim/ledger?count=1&api="+api+more, nil, &out)
	return out.Matched
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused checks that a call failed as it should.
func refused(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func ptr[T any](v T) *T { return &v }
