package wecom

import (
	"net/url"
	"testing"
)

func TestPicturesComeFromThePlatformAlone(t *testing.T) {
	for _, c := range []struct {
		base, address, from string
	}{
		{"https://" + qyapi, "https://wework.qpic.cn/wwpic/1/0", "https://wework.qpic.cn/wwpic/1/0"},
		{"https://" + qyapi, "http://p.qlogo.cn/x", "https://p.qlogo.cn/x"},
		{"https://" + qyapi, "https://wework.qpic.cn:8443/1", ""},
		{"https://" + qyapi, "https://qpic.cn.example.com/1", ""},
		{"https://" + qyapi, "https://evilqpic.cn/1", ""},
		{"https://" + qyapi, "ftp://wework.qpic.cn/1", ""},
		{"https://" + qyapi, "https://" + qyapi + "/1", ""},
		{"https://" + qyapi, "http://127.0.0.1/qr/1.png", ""},
		{"http://127.0.0.1:99/qyapi", "http://127.0.0.1:99/qr/1.png", "http://127.0.0.1:99/qr/1.png"},
		{"http://127.0.0.1:99/qyapi", "http://127.0.0.1:98/qr/1.png", ""},
	} {
		base, err := url.Parse(c.base)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(c.address)
		if err != nil {
			t.Fatal(err)
		}
		g := &Gateway{bases: map[string]*url.URL{qyapi: base}}
		if ok := g.keepsPictures(u); ok != (c.from != "") || ok && u.String() != c.from {
			t.Errorf("%s at %s: %v, %s", c.address, c.base, ok, u)
		}
	}
}
