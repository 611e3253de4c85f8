package simulator

import (
	"bytes"
	"image"
	"image/png"
	"strings"
	"testing"
	"time"
)

func pngOf(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func hello(code any) m { return m{"welcome_code": code, "text": m{"content": "你好"}} }

func TestWelcomeCode(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	b.way("s", "ann")
	code := func() any { b.t.Helper(); return b.act("scan", m{"state": "s"})["welcome_code"] }
	send := func(body m) m { return b.api("externalcontact/send_welcome_msg", body) }

	t.Run("once", func(t *testing.T) {
		k := code()
		b.want(0, send(hello(k)))
		b.want(41051, send(hello(k)))
	})
	t.Run("within 20 s", func(t *testing.T) {
		k, late := code(), code()
		b.advance(20 * time.Second)
		b.want(0, send(hello(k)))
		b.advance(time.Millisecond)
		b.want(41050, send(hello(late)))
	})
	t.Run("unknown", func(t *testing.T) { b.want(41050, send(hello("nonsense"))) })
	t.Run("another app is sending", func(t *testing.T) {
		other := b.token(int64(b.ctl("POST", "/_sim/apps", m{})["agentid"].(float64)))
		b.ctl("PUT", "/_sim/config", m{"welcome_sending_ms": 500})
		k := code()
		b.want(0, send(hello(k)))
		b.want(41096, b.as(other, "externalcontact/send_welcome_msg", hello(k)))
		b.advance(500 * time.Millisecond)
		b.want(41051, b.as(other, "externalcontact/send_welcome_msg", hello(k)))
	})
	t.Run("a refused body does not use the code up", func(t *testing.T) {
		k := code()
		b.want(40058, send(m{"welcome_code": k}))
		b.want(45002, send(m{"welcome_code": k, "text": m{"content": strings.Repeat("a", 4001)}}))
		b.want(41064, send(m{"welcome_code": k, "attachments": make([]m, 10)}))
		b.want(41065, send(m{"welcome_code": k, "attachments": []m{{"msgtype": "dance"}}}))
		b.want(40007, send(m{"welcome_code": k, "attachments": []m{{"msgtype": "image", "image": m{"media_id": "x"}}}}))
		b.want(40058, send(m{"welcome_code": k, "attachments": []m{{"msgtype": "link", "link": m{"title": "t"}}}}))
		media := b.want(0, b.upload("media/upload?type=image", "a.png", pngOf(t)))["media_id"]
		b.want(0, send(m{"welcome_code": k, "text": m{"content": strings.Repeat("a", 4000)}, "attachments": []m{
			{"msgtype": "image", "image": m{"media_id": media}},
			{"msgtype": "link", "link": m{"title": "t", "url": "https://example.com"}},
			{"msgtype": "miniprogram", "miniprogram": m{"title": "t", "pic_media_id": media, "appid": "wx1", "page": "pages/index"}},
		}}))
	})
	r := b.ctl("GET", "/_sim/welcomes?count=1", nil)
	if r["sent"].(float64) != 4 || r["missed"].(float64) != 1 {
		t.Errorf("judged %v", r)
	}
}

func TestNoWelcomeCode(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	b.way("s", "ann")
	first := b.act("scan", m{"state": "s"})
	for name, body := range map[string]m{
		"already a customer": {"person": first["person"]},
		"a WeCom user":       {"type": 2},
		"said so":            {"no_code": true},
	} {
		body["state"] = "s"
		if r := b.act("scan", body); r["welcome_code"] != nil {
			t.Errorf("%s: got a code", name)
		}
	}
	b.act("staff_update", m{"userid": "ann", "console_welcome": true})
	if r := b.act("scan", m{"state": "s"}); r["welcome_code"] != nil {
		t.Error("console welcome: got a code")
	}
}

func TestMedia(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	picture := pngOf(t)
	r := b.want(0, b.upload("media/upload?type=image", "a.png", picture))
	if _, ok := r["created_at"].(string); !ok {
		t.Errorf("created_at is %T, the platform says a string here", r["created_at"])
	}
	id := r["media_id"].(string)
	get := "/qyapi/cgi-bin/media/get?access_token=" + b.tok + "&media_id="
	if status, out := b.do("GET", get+id, nil); status != 200 || !bytes.Equal(out, picture) {
		t.Errorf("status %d, %d bytes", status, len(out))
	}
	b.want(40007, b.raw("GET", get+"x", nil))
	b.want(40004, b.upload("media/upload?type=poem", "a.png", picture))
	b.want(40123, b.upload("media/upload?type=image", "a.png", []byte("not an image")))
	b.want(44001, b.upload("media/upload?type=file", "a.txt", []byte("12345")))
	b.want(45001, b.upload("media/upload?type=voice", "a.amr", append([]byte("#!AMR"), make([]byte, 2<<20)...)))
	link := b.want(0, b.upload("media/uploadimg?x=1", "a.png", picture))["url"].(string)
	if status, out := b.do("GET", strings.TrimPrefix(link, b.url), nil); status != 200 || !bytes.Equal(out, picture) {
		t.Errorf("image url: status %d", status)
	}
	ext := b.befriended("ann")
	mark := func() m {
		return b.api("externalcontact/remark", m{"userid": "ann", "external_userid": ext, "remark_pic_mediaid": id})
	}
	b.advance(3*24*time.Hour - time.Second)
	b.tok = b.token(firstAgent)
	b.want(0, mark())
	b.advance(time.Second)
	b.want(40007, mark())
}
