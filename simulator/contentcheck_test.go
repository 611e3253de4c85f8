package simulator

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// visitor is somebody who has the mini-program open.
func (b *bench) visitor() string {
	b.t.Helper()
	mini := b.sim.world.MiniApps["wxsim0000000000001"]
	login := b.act("login", m{})
	b.raw("GET", "/weixin/sns/jscode2session?grant_type=authorization_code&appid="+mini.AppID+"&secret="+mini.Secret+"&js_code="+login["code"].(string), nil)
	return login["openid"].(string)
}

func TestContentOfTexts(t *testing.T) {
	b := newBench(t, Options{})
	tok, openid := b.miniToken(), b.visitor()
	check := func(change m) m {
		body := m{"version": 2, "openid": openid, "scene": 1, "content": "你好"}
		for k, v := range change {
			body[k] = v
		}
		return b.raw("POST", "/weixin/wxa/msg_sec_check?access_token="+tok, body)
	}
	for content, want := range map[string]string{"你好": "pass", "这是违规内容": "risky", "这条待审": "review", strings.Repeat("长", 2500): "pass"} {
		if r := b.want(0, check(m{"content": content})); dig(r, "result", "suggest") != want || r["trace_id"] == "" {
			t.Errorf("%.20s: %v, want %s", content, r, want)
		}
	}
	if r := b.want(0, check(m{"nickname": "违规"})); dig(r, "result", "suggest") != "risky" {
		t.Errorf("a risky nickname beside a text: %v", r)
	}
	nobodyHere := dig(b.act("person", m{}), "openids", "wxsim0000000000001").(string)
	for name, c := range map[string]struct {
		change m
		want   int
	}{
		"empty":           {m{"content": ""}, 44002},
		"too long":        {m{"content": strings.Repeat("长", 2501)}, 45002},
		"version 1":       {m{"version": 1}, 40097},
		"no scene":        {m{"scene": 0}, 40129},
		"a fifth scene":   {m{"scene": 5}, 40129},
		"nobody":          {m{"openid": ""}, 44002},
		"somebody else's": {m{"openid": "onobody"}, 40003},
		"never visited":   {m{"openid": nobodyHere}, 61010},
	} {
		if r := check(c.change); r["errcode"] != float64(c.want) {
			t.Errorf("%s: %v, want %d", name, r, c.want)
		}
	}
	b.advance(visitedWithin - time.Minute)
	tok = b.miniToken()
	b.want(0, check(nil))
	b.advance(2 * time.Minute)
	tok = b.miniToken()
	b.want(61010, check(nil))
}

func TestContentOfPictures(t *testing.T) {
	b := newBench(t, Options{})
	var mu sync.Mutex
	var pushed []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		pushed = append(pushed, string(body))
	}))
	defer server.Close()
	saw := func(parts ...string) bool {
		b.ctl("POST", "/_sim/callbacks/wait", m{})
		mu.Lock()
		defer mu.Unlock()
		return slices.ContainsFunc(pushed, func(body string) bool {
			return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(body, p) })
		})
	}
	b.ctl("POST", "/_sim/callback", m{"appid": "wxsim0000000000001", "url": server.URL, "plain": true})
	tok, openid := b.miniToken(), b.visitor()
	ask := func(change m) m {
		body := m{"version": 2, "openid": openid, "scene": 1, "media_url": "https://wx.qlogo.cn/a", "media_type": 2}
		for k, v := range change {
			body[k] = v
		}
		return b.raw("POST", "/weixin/wxa/media_check_async?access_token="+tok, body)
	}
	b.want(40004, ask(m{"media_type": 3}))
	b.want(40066, ask(m{"media_url": "ftp://x/y"}))
	b.want(40066, ask(m{"media_url": ""}))
	b.want(61010, ask(m{"openid": dig(b.act("person", m{}), "openids", "wxsim0000000000001")}))
	pass := b.want(0, ask(nil))["trace_id"].(string)
	risky := b.want(0, ask(m{"media_url": "https://wx.qlogo.cn/risky"}))["trace_id"].(string)
	if pass == risky {
		t.Fatalf("one trace of two questions: %s", pass)
	}
	b.ctl("PUT", "/_sim/config", m{"media_wait": true})
	later := b.want(0, ask(m{"media_url": "https://wx.qlogo.cn/b"}))["trace_id"].(string)
	want := map[string]string{pass: "pass", risky: "risky"}
	for trace, suggest := range want {
		if !saw("<trace_id><![CDATA["+trace+"]]></trace_id>", "<result><suggest><![CDATA["+suggest+"]]></suggest>") {
			t.Errorf("%s was not told to be %s: %q", trace, suggest, pushed)
		}
	}
	if saw(later) {
		t.Error("a picture that waits for an act was judged")
	}
	if n := b.act("media_verdict", m{"suggest": "review", "label": 20002})["pushed"]; n != 1.0 {
		t.Errorf("%v pictures were judged by the act", n)
	}
	if !saw(later, "review", "<label>20002</label>") {
		t.Errorf("the act's verdict was not told: %q", pushed)
	}
	if list := b.ctl("GET", "/_sim/media_checks", nil)["checks"].([]any); len(list) != 3 || dig(list, 2, "told") != "review" {
		t.Errorf("checks %v", list)
	}
}
