package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// strike plans a fault for one call of get_corp_tag_list's neighbour add_corp_tag, makes
// the call and reports what the client saw and whether the tag exists.
func (b *bench) strike(fault m) (status int, body []byte, err error, effect bool) {
	b.t.Helper()
	fault["api"] = "externalcontact/add_*"
	fault["times"] = 1
	b.ctl("POST", "/_sim/faults", fault)
	name := fmt.Sprint(fault["kind"])
	patience := 30 * time.Second
	if k := fault["kind"]; k == faultHang || k == faultHangAfter || k == faultSlowBody {
		patience = time.Second
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Post(b.url+"/qyapi/cgi-bin/externalcontact/add_corp_tag?access_token="+b.tok, "application/json",
		strings.NewReader(`{"group_name":"`+name+`","tag":[{"name":"x"}]}`))
	if err == nil {
		status = res.StatusCode
		body, err = io.ReadAll(res.Body)
		res.Body.Close()
	}
	b.sim.mu.Lock()
	effect = b.corp().tagGroupNamed(name) != nil
	b.sim.mu.Unlock()
	return status, body, err, effect
}

func TestFaults(t *testing.T) {
	b := newBench(t, Options{})
	var timeout interface{ Timeout() bool }
	valid := func(s int, body []byte, err error) bool { return err == nil && s == 200 && json.Valid(body) }
	tests := []struct {
		fault  m
		effect bool
		saw    func(status int, body []byte, err error) bool
	}{
		{m{"kind": "errcode", "errcode": -1}, false, func(s int, body []byte, err error) bool { return strings.Contains(string(body), `"errcode":-1`) }},
		{m{"kind": "hang"}, false, func(s int, _ []byte, err error) bool { return errors.As(err, &timeout) && timeout.Timeout() }},
		{m{"kind": "hang_after"}, true, func(s int, _ []byte, err error) bool { return errors.As(err, &timeout) && timeout.Timeout() }},
		{m{"kind": "http_status", "status": 502}, false, func(s int, _ []byte, err error) bool { return s == 502 }},
		{m{"kind": "drop_before"}, false, func(s int, _ []byte, err error) bool { return err != nil && s == 0 }},
		{m{"kind": "drop_after"}, true, func(s int, _ []byte, err error) bool { return err != nil && s == 0 }},
		{m{"kind": "silent_drop"}, false, func(s int, body []byte, err error) bool { return strings.Contains(string(body), `"errcode":0`) }},
		{m{"kind": "latency", "ms": 60}, true, valid},
		{m{"kind": "half_body"}, true, func(s int, body []byte, err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) && len(body) > 0 }},
		{m{"kind": "malformed"}, true, func(s int, body []byte, err error) bool { return err == nil && !json.Valid(body) }},
		{m{"kind": "wrong_types"}, true, func(s int, body []byte, err error) bool { return strings.Contains(string(body), `"errcode":"0"`) }},
		{m{"kind": "missing_errcode"}, true, func(s int, body []byte, err error) bool {
			return valid(s, body, err) && !strings.Contains(string(body), "errcode")
		}},
		{m{"kind": "html"}, true, func(s int, body []byte, err error) bool {
			return s == 200 && strings.HasPrefix(string(body), "<!DOCTYPE")
		}},
		{m{"kind": "huge_body", "mb": 3}, true, func(s int, body []byte, err error) bool { return len(body) > 3<<20 }},
		{m{"kind": "gzip_bomb", "mb": 3}, true, func(s int, body []byte, err error) bool { return len(body) > 3<<20 }},
		{m{"kind": "slow_body", "ms": 20}, true, func(s int, body []byte, err error) bool { return s == 200 && err != nil && len(body) > 0 }},
		{m{"kind": "redirect", "location": "https://elsewhere.example/"}, true, func(s int, _ []byte, err error) bool { return s == 302 }},
	}
	seen := map[string]bool{}
	for _, tt := range tests {
		kind := tt.fault["kind"].(string)
		seen[kind] = true
		t.Run(kind, func(t *testing.T) {
			started := time.Now()
			status, body, err, effect := b.strike(tt.fault)
			if !tt.saw(status, body, err) {
				t.Errorf("client saw status %d, %d bytes %.80q, error %v", status, len(body), body, err)
			}
			if effect != tt.effect {
				t.Errorf("effect %v, want %v", effect, tt.effect)
			}
			if kind == "latency" && time.Since(started) < 60*time.Millisecond {
				t.Error("no latency")
			}
			last := dig(b.ctl("GET", "/_sim/ledger?api=externalcontact/add_corp_tag&limit=1", nil), "entries", 0).(m)
			if last["fault"] != kind || last["effect"] != tt.effect {
				t.Errorf("ledger says %v", last)
			}
		})
	}
	for _, kind := range faultKinds {
		if !seen[kind] {
			t.Errorf("kind %s has no test", kind)
		}
	}
}

func TestFaultCountsAndPatterns(t *testing.T) {
	b := newBench(t, Options{})
	b.ctl("POST", "/_sim/faults", m{"api": "get*ip", "kind": "errcode", "errcode": 45033, "skip": 1, "times": 2})
	for i, want := range []int{0, 45033, 45033, 0} {
		t.Logf("call %d", i)
		b.want(want, b.api("getcallbackip", nil))
	}
	b.ctl("POST", "/_sim/faults", m{"api": "*", "kind": "errcode", "errcode": -1})
	b.want(-1, b.api("getcallbackip", nil))
	b.want(-1, b.api("department/list", nil))
	b.ctl("DELETE", "/_sim/faults", nil)
	b.want(0, b.api("getcallbackip", nil))
	for _, bad := range []m{{"api": "*", "kind": "dance"}, {"kind": "hang"}, {"api": "*", "kind": "errcode"}, {"api": "*", "kind": "hang", "tmes": 1}} {
		if status, _ := b.do("POST", "/_sim/faults", bad); status != 400 {
			t.Errorf("%v accepted", bad)
		}
	}
}

func TestCloseReleasesAHang(t *testing.T) {
	b := newBench(t, Options{})
	b.ctl("POST", "/_sim/faults", m{"api": "getcallbackip", "kind": "hang"})
	done := make(chan error, 1)
	go func() {
		res, err := http.Get(b.url + "/qyapi/cgi-bin/getcallbackip?access_token=" + b.tok)
		if err == nil {
			res.Body.Close()
		}
		done <- err
	}()
	for b.ctl("GET", "/_sim/ledger?api=getcallbackip&count=1", nil)["matched"].(float64) == 0 {
		time.Sleep(time.Millisecond)
	}
	_ = b.sim.Close()
	select {
	case err := <-done:
		if err == nil {
			t.Error("the hanging call was answered")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Close did not release the hang")
	}
}
