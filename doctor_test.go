package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model/modeltest"
	"zhiyin/simulator"
)

// TestDoctor breaks one thing after the other: the report names it, and says in a sentence what to do.
func TestDoctor(t *testing.T) {
	var off atomic.Int64 // of the platform's clock, in ns
	h := newHome(t, setting{
		company: simulator.Company{Staff: 3, Tags: 2},
		platform: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", time.Now().Add(time.Duration(off.Load())).UTC().Format(http.TimeFormat))
				next.ServeHTTP(w, r)
			})
		},
	})
	app := h.corp.Apps[0]
	change := func(with object) func() func() {
		return func() func() {
			with["agentid"] = app.AgentID
			h.sim.post("/apps", with, nil)
			return func() {
				h.sim.post("/apps", object{"agentid": app.AgentID, "secret": app.Secret, "trusted_ips": []string{}, "rights": []string{"contacts", "customer", "message", "media", "login"}}, nil)
			}
		}
	}
	away := "sqlite:/dev/null/zhiyin.db"
	if modeltest.OnMySQL() {
		away = "mysql://root@tcp(127.0.0.1:1)/zhiyin"
	}
	tests := []struct {
		name   string
		env    []string
		spoil  func() (mend func())
		fails  string // what the first line that is no good begins with
		remedy string
	}{
		{name: "all is well"},
		{name: "database away", env: []string{"ZHIYIN_DATABASE__DSN=" + away}, fails: "database:", remedy: "ZHIYIN_DATABASE__DSN"},
		{name: "schema old", env: []string{"ZHIYIN_DATABASE__DSN=sqlite:" + filepath.Join(t.TempDir(), "new.db")}, fails: "database schema:", remedy: "run: zhiyin migrate"},
		{name: "Redis away", env: []string{"ZHIYIN_REDIS__ADDR=127.0.0.1:1"}, fails: "Redis:", remedy: "redis.addr"},
		{name: "platform unreachable", env: []string{"ZHIYIN_PLATFORM__WECOM_URL=http://127.0.0.1:1/qyapi"}, fails: "platform reachable", remedy: "firewall"},
		{name: "clock off", spoil: func() func() { off.Store(int64(time.Hour)); return func() { off.Store(0) } }, fails: "clock against the platform: this machine is", remedy: "NTP"},
		{name: "wrong secret", spoil: change(object{"secret": "another"}), fails: "account main: access token:", remedy: "Secret"},
		{name: "address not trusted", spoil: change(object{"trusted_ips": []string{"10.9.8.7"}}), fails: "account main: access token:", remedy: "企业可信IP"},
		{name: "right missing", spoil: change(object{"rights": []string{"contacts", "login"}}), fails: "account main: right to externalcontact/", remedy: "可调用接口的应用"},
		{name: "range too narrow", spoil: change(object{"rights": []string{"customer", "login"}}), fails: "account main: right to department/list", remedy: "可见范围"},
		{name: "no tickets", spoil: change(object{"rights": []string{"contacts", "customer", "message", "media"}}), fails: "account main: JS-SDK tickets", remedy: "可信域名"},
		{name: "nobody at the callback address", env: []string{"ZHIYIN_SERVER__PUBLIC_URL=http://127.0.0.1:1"}, fails: "callback address http://127.0.0.1:1/callback/wecom/main:", remedy: "server.public_url"},
		{name: "somebody else at the callback address", env: []string{"ZHIYIN_SERVER__PUBLIC_URL=" + strings.TrimSuffix(h.sim.base, "/_sim")}, fails: "callback address", remedy: "server.public_url"},
		{name: "another key", env: []string{"ZHIYIN_SECRET_KEY=bm90IHRoZSBrZXkgdGhhdCBzZWFsZWQgdGhlIHJvd3M="}, fails: "account main:", remedy: "ZHIYIN_SECRET_KEY"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.spoil != nil {
				defer tt.spoil()()
			}
			said := &words{}
			p := run(t, t.TempDir(), said, append(append(h.env[:len(h.env):len(h.env)], h.at(h.address)...), tt.env...), "doctor")
			exit := p.finish(30 * time.Second)
			report := said.String()
			if tt.fails == "" {
				if exit != 0 || strings.Contains(report, "FAIL") || strings.Count(report, "ok ") < 7 {
					t.Errorf("exit code %d:\n%s", exit, report)
				}
				return
			}
			_, first, found := strings.Cut(report, "FAIL  ")
			lines := strings.SplitN(first, "\n", 3)
			if exit != 1 || !found || len(lines) < 2 || !strings.HasPrefix(lines[0], tt.fails) || !strings.Contains(lines[1], tt.remedy) {
				t.Errorf("exit code %d:\n%s", exit, report)
			}
			if strings.Count(report, "FAIL  ") != strings.Count(report, "\n      → ") {
				t.Errorf("a failure has no remedy:\n%s", report)
			}
			if strings.Contains(report, app.Secret) || strings.Contains(report, app.Callback.Token) {
				t.Error("the report tells a secret")
			}
		})
	}
}
