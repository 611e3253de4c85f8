package webhook

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"zhiyin/service/event"
)

func TestV14_AddressesThatAreRefusedWhenTyped(t *testing.T) {
	r := rigWith(t, false)
	name := "shop"
	for _, url := range []string{
		"", "example.com", "//example.com/", "/path", "http://example.com/", "ftp://example.com/", "gopher://example.com/", "file:///etc/passwd", "https:example.com",
		"https://", "https://user@example.com/", "https://user:pass@example.com/", "https://example.com@127.0.0.1/", "https://example.com/#a", "https://127.0.0.1#@example.com/",
		"https://example.com:22/", "https://example.com:80/", "https://example.com:3306/", "https://example.com:6379/",
		"https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://0/", "https://0.0.0.0/", "https://[::]/", "https://[::1]/",
		"https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[fe80::1]/", "https://[fd00::1]/", "https://[fec0::1]/",
		"https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://224.0.0.1/", "https://255.255.255.255/",
		"https://localhost/", "https://LOCALHOST/", "https://a.localhost/", "https://printer.local/", "https://db.internal/", "https://intranet/", "https://example.com./", "https://exa mple.com/",
		"https://例子.com/", "https://example.com\\@127.0.0.1/", "https://example.com/\r\nX: 1", "https://" + strings.Repeat("a", 1024) + ".com/",
	} {
		if _, _, err := r.Create(t.Context(), 1, Input{Name: &name, URL: &url}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, url := range []string{"https://example.com/", "https://hooks.example.com.cn:8443/a/b?token=c", "https://93.184.216.34/", "https://[2606:4700::1111]/"} {
		if _, _, err := r.Create(t.Context(), 1, Input{Name: &name, URL: &url}); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
	list, err := r.List(t.Context())
	if err != nil || strings.Contains(list[2].Address, "token") {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestV14_AddressesThatAreNeverDialled(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1": false, "127.255.255.254": false, "0.0.0.0": false, "10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false, "172.32.0.1": true, "192.168.0.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "100.128.0.1": true, "192.0.0.8": false, "192.0.2.1": false, "198.18.0.1": false, "198.19.255.255": false, "198.20.0.1": true,
		"198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.1.1.1": false, "240.0.0.1": false, "255.255.255.255": false, "8.8.8.8": true, "1.1.1.1": true,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true, "::127.0.0.1": false, "64:ff9b::808:808": false, "64:ff9b:1::1": false, "100::1": false,
		"2001::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "3fff::1": false, "fc00::1": false, "fd12::1": false, "fe80::1": false, "fe80::1%eth0": false,
		"fec0::1": false, "ff02::1": false, "2606:4700:4700::1111": true, "2400:3200::1": true, "2606:4700::1%eth0": false,
	} {
		if got := isPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: public is %v", text, got)
		}
	}
}

// TestV14_TheAddressIsCheckedWhenItIsDialled has rows and names that lead inside: whatever was checked
// when they were typed, the listener inside must not see a connection.
func TestV14_TheAddressIsCheckedWhenItIsDialled(t *testing.T) {
	var seen atomic.Int64
	inside := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	inside.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			seen.Add(1)
		}
	}
	inside.StartTLS()
	t.Cleanup(inside.Close)
	_, port, err := net.SplitHostPort(inside.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := rigWith(t, false)
	w, _ := r.hook("https://example.com/", event.KindOrderPaid)
	for i, host := range []string{"127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]", "127.1", "2130706433"} {
		for _, scheme := range []string{"https://", "http://"} {
			if err := r.db.Exec("UPDATE webhook SET url = ?", scheme+host+":"+port+"/").Error; err != nil {
				t.Fatal(err)
			}
			if _, err := r.Test(t.Context(), w.ID); err != nil {
				t.Fatal(err)
			}
			r.work()
			rows := r.deliveries()
			l, err := r.Log(t.Context(), rows[len(rows)-1].ID)
			if err != nil || len(l.Tries) != 1 {
				t.Fatalf("%+v, %v", l, err)
			}
			if got := l.Tries[0].Outcome; got != OutcomeBlocked && (got != OutcomeUnreachable || i < 4) {
				t.Errorf("%s: %s", host, got)
			}
		}
	}
	if seen.Load() != 0 {
		t.Errorf("%d connections inside", seen.Load())
	}
}

func TestV14_RedirectsAreNotFollowed(t *testing.T) {
	r, v := newRig(t), newReceiver(t)
	w, _ := r.hook(v.URL)
	v.answers(302, "")
	if _, err := r.Test(t.Context(), w.ID); err != nil {
		t.Fatal(err)
	}
	r.work()
	d := r.deliveries()[0]
	if len(v.all()) != 1 || d.LastStatus != 302 || d.State != StatePending {
		t.Errorf("%d requests, %+v", len(v.all()), d)
	}
}

// TestV14_NoProxyOfTheEnvironment: a proxy would dial in our stead.
func TestV14_NoProxyOfTheEnvironment(t *testing.T) {
	transport := Guard{}.Client().Transport.(*http.Transport)
	if transport.Proxy != nil || transport.TLSClientConfig.InsecureSkipVerify {
		t.Error("the client trusts a proxy, or anybody")
	}
}
