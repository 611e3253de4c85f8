package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const goodKey = "ZHIYIN_SECRET_KEY=Jv1m8Y2r0QbqfW3Zx7nTgk5uLhEoCdPaRs9iXyBwM4c="

func load(t *testing.T, yaml string, environ ...string) (Config, error) {
	t.Helper()
	path := ""
	if yaml != "" {
		path = filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(path, append(environ, "PATH=/bin"))
}

func TestEnvironmentGoesBeforeFileBeforeDefaults(t *testing.T) {
	c, err := load(t, "server:\n  listen: 127.0.0.1:1111\n  stop_timeout: 7s\nwork:\n  concurrency: 5\n",
		goodKey, "ZHIYIN_SERVER__LISTEN=127.0.0.1:2222", "ZHIYIN_SERVER__TRUSTED_PROXIES=10.0.0.0/8,192.168.1.1", "ZHIYIN_REDIS__TLS=true")
	if err != nil {
		t.Fatal(err)
	}
	if c.Server.Listen != "127.0.0.1:2222" || c.Server.StopTimeout != 7*time.Second || c.Work.Concurrency != 5 {
		t.Errorf("got %+v %+v", c.Server, c.Work)
	}
	if len(c.Server.TrustedProxies) != 2 || !c.Redis.TLS || c.Zone != "Asia/Shanghai" || len(c.Key()) != 32 {
		t.Errorf("got proxies %v, tls %v, zone %q", c.Server.TrustedProxies, c.Redis.TLS, c.Zone)
	}
}

func TestSecretFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	_, key, _ := strings.Cut(goodKey, "=")
	if err := os.WriteFile(path, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, "", "ZHIYIN_SECRET_KEY_FILE="+path)
	if err != nil || c.SecretKey != key {
		t.Errorf("got %q, %v", c.SecretKey, err)
	}
}

// TestV22_StartIsRefused: each refusal names the setting and says what to do.
func TestV22_StartIsRefused(t *testing.T) {
	production := []string{goodKey, "ZHIYIN_MODE=production", "ZHIYIN_SERVER__PUBLIC_URL=https://scrm.example.com", "ZHIYIN_REDIS__PASSWORD=kX9vPq2LmZ7w"}
	with := func(more ...string) []string { return append(append([]string{}, production...), more...) }
	if _, err := load(t, "", production...); err != nil {
		t.Fatalf("the base case is refused: %v", err)
	}
	tests := []struct {
		name, yaml string
		environ    []string
		want       string
	}{
		{"no key", "", nil, "secret_key is missing"},
		{"short key", "", []string{"ZHIYIN_SECRET_KEY=c2hvcnQ="}, "secret_key is not 32 bytes"},
		{"weak key", "", []string{"ZHIYIN_SECRET_KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "secret_key is not random"},
		{"sample key", "", []string{"ZHIYIN_SECRET_KEY=" + SampleSecretKey}, "sample"},
		{"secret in YAML", "secret_key: abc\n", []string{goodKey}, "secrets come only from the environment"},
		{"password in YAML", "redis:\n  password: abc\n", []string{goodKey}, "redis.password stands in"},
		{"unknown key in YAML", "sevrer:\n  listen: x\n", []string{goodKey}, "sevrer"},
		{"unknown variable", "", []string{goodKey, "ZHIYIN_SERVER__LISTNE=1"}, "names no setting"},
		{"bad duration", "", []string{goodKey, "ZHIYIN_WORK__POLL=soon"}, "poll"},
		{"bad mode", "", []string{goodKey, "ZHIYIN_MODE=prod"}, "mode is"},
		{"bad zone", "", []string{goodKey, "ZHIYIN_ZONE=Mars/Olympus"}, "zone is"},
		{"bad address", "", []string{goodKey, "ZHIYIN_SERVER__LISTEN=8080"}, "host:port"},
		{"metrics on the public address", "", []string{goodKey, "ZHIYIN_SERVER__METRICS_LISTEN=127.0.0.1:8080"}, "metrics belong"},
		{"callback deadline past the platform's", "", []string{goodKey, "ZHIYIN_CALLBACK__DEADLINE=6s"}, "under 5s"},
		{"embedded Redis beside MySQL", "", []string{goodKey, "ZHIYIN_DATABASE__DSN=mysql://u:p@tcp(h:1)/d"}, "share a Redis"},
		{"sessions contradict", "", []string{goodKey, "ZHIYIN_SIGN_IN__IDLE_TIMEOUT=400h"}, "idle_timeout is longer"},
		{"production over http", "", with("ZHIYIN_SERVER__PUBLIC_URL=http://scrm.example.com"), "needs https"},
		{"production against the simulator", "", with("ZHIYIN_PLATFORM__WECOM_URL=http://127.0.0.1:8090/qyapi"), "real platform"},
		{"production signing in at the simulator", "", with("ZHIYIN_PLATFORM__OPEN_URL=http://127.0.0.1:8090/open"), "real platform"},
		{"a sidebar over http", "", with("ZHIYIN_SIDEBAR__PAGE_URL=http://scrm.example.com/sidebar/"), "sidebar.page_url"},
		{"a sidebar's part", "", with("ZHIYIN_SIDEBAR__PAGE_URL=https://scrm.example.com/#/a"), "sidebar.page_url"},
		{"an origin with a path", "", with("ZHIYIN_SIDEBAR__ORIGINS=https://scrm.example.com/"), "sidebar.origins"},
		{"no origin", "", with("ZHIYIN_SIDEBAR__ORIGINS=scrm.example.com"), "sidebar.origins"},
		{"production with a sample password", "", with("ZHIYIN_DATABASE__DSN=mysql://root:root@tcp(h:1)/d", "ZHIYIN_REDIS__ADDR=h:1"), "database password"},
		{"production Redis without password", "", []string{goodKey, "ZHIYIN_MODE=production", "ZHIYIN_SERVER__PUBLIC_URL=https://a.example.com", "ZHIYIN_REDIS__ADDR=h:1"}, "redis.password is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.yaml, tt.environ...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want a sentence with %q", err, tt.want)
			}
		})
	}
}

func TestRefusalsHoldNoSecret(t *testing.T) {
	_, err := load(t, "", "ZHIYIN_SECRET_KEY=canary-secret-value", "ZHIYIN_MODE=x", "ZHIYIN_DATABASE__DSN=canary-dsn")
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}

func TestExampleFileIsCurrentAndLoads(t *testing.T) {
	var want bytes.Buffer
	if err := WriteExample(&want); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("config.example.yaml is not what WriteExample writes; run: make example-config")
	}
	c, err := load(t, want.String(), goodKey)
	if err != nil {
		t.Fatal(err)
	}
	d := Default()
	d.SecretKey = c.SecretKey
	d.Server.TrustedProxies, c.Server.TrustedProxies = nil, nil
	if c.Server.Listen != d.Server.Listen || c.Work != d.Work || c.Database != d.Database {
		t.Errorf("the example differs from the defaults:\n%+v\n%+v", c, d)
	}
}

func TestEveryKeyIsDocumented(t *testing.T) {
	for _, f := range fields() {
		if len(f.doc) < 10 {
			t.Errorf("%s says too little: %q", f.key, f.doc)
		}
	}
}
