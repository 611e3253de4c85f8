package simulator

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a simulator behind a real HTTP server.
type bench struct {
	t   *testing.T
	sim *Simulator
	url string
	tok string
}

var noon = time.Date(2026, 3, 5, 4, 0, 0, 0, time.UTC) // 12:00 in Shanghai

func newBench(t *testing.T, o Options) *bench {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	sim := New(o)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	b := &bench{t: t, sim: sim, url: server.URL}
	b.ctl("PUT", "/_sim/config", m{"absent_lists_percent": 0})
	b.tok = b.token(firstAgent)
	return b
}

type m = map[string]any

func (b *bench) corp() *corp { return b.sim.world.Corps["wwsim0000000000001"] }

func (b *bench) token(agent int64) string {
	b.t.Helper()
	r := b.raw("GET", "/qyapi/cgi-bin/gettoken?corpid=wwsim0000000000001&corpsecret="+b.corp().Apps[agent].Secret, nil)
	return r["access_token"].(string)
}

// raw makes a call and decodes the JSON answer.
func (b *bench) raw(method, path string, body any) m {
	b.t.Helper()
	status, out := b.do(method, path, body)
	var r m
	if err := json.Unmarshal(out, &r); err != nil {
		b.t.Fatalf("%s %s: status %d, body %.200s: %v", method, path, status, out, err)
	}
	return r
}

func (b *bench) do(method, path string, body any) (int, []byte) {
	b.t.Helper()
	var reader io.Reader
	switch v := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(v)
	default:
		reader = bytes.NewReader(mustJSON(v))
	}
	req, err := http.NewRequest(method, b.url+path, reader)
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, out
}

// ctl calls the control API and fails the test on a refusal.
func (b *bench) ctl(method, path string, body any) m {
	b.t.Helper()
	status, out := b.do(method, path, body)
	var r m
	if err := json.Unmarshal(out, &r); err != nil || status != http.StatusOK {
		b.t.Fatalf("%s %s: status %d: %.300s", method, path, status, out)
	}
	return r
}

func (b *bench) act(name string, body m) m {
	b.t.Helper()
	return b.ctl("POST", "/_sim/act/"+name, body)
}

// api calls a WeCom endpoint with the first app's token; a nil body is a GET.
func (b *bench) api(path string, body any) m { b.t.Helper(); return b.as(b.tok, path, body) }

func (b *bench) as(token, path string, body any) m {
	b.t.Helper()
	method, sep := "POST", "?"
	if body == nil {
		method = "GET"
	}
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return b.raw(method, "/qyapi/cgi-bin/"+path+sep+"access_token="+token, body)
}

// want fails unless the answer carries this errcode.
func (b *bench) want(code int, r m) m {
	b.t.Helper()
	if got, ok := r["errcode"].(float64); !ok || int(got) != code {
		b.t.Fatalf("got errcode %v (%v), want %d", r["errcode"], r["errmsg"], code)
	}
	return r
}

func (b *bench) advance(d time.Duration) {
	b.t.Helper()
	b.ctl("POST", "/_sim/clock", m{"advance": d.String()})
}

func (b *bench) staff(ids ...string) {
	b.t.Helper()
	for _, id := range ids {
		b.act("staff_create", m{"userid": id, "name": id})
	}
}

// way creates a contact way of these members and returns its config_id.
func (b *bench) way(state string, users ...string) string {
	b.t.Helper()
	r := b.want(0, b.api("externalcontact/add_contact_way", m{"type": 2, "scene": 2, "state": state, "user": users}))
	return r["config_id"].(string)
}

func (b *bench) upload(path, name string, data []byte) m {
	b.t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	part, _ := w.CreateFormFile("media", name)
	_, _ = part.Write(data)
	_ = w.Close()
	res, err := http.Post(b.url+"/qyapi/cgi-bin/"+path+"&access_token="+b.tok, w.FormDataContentType(), &buf)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	var r m
	if err := json.NewDecoder(res.Body).Decode(&r); err != nil {
		b.t.Fatal(err)
	}
	return r
}

// dig digs into an answer: names for objects, numbers for lists.
func dig(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			v, _ = v.(m)[p]
		case int:
			v = v.([]any)[p]
		}
	}
	return v
}

// listener is the server side of callbacks, written independently of the courier.
type listener struct {
	t      *testing.T
	server *httptest.Server
	spec   callbackSpec
	corpID string

	mu     sync.Mutex
	got    []heard
	answer func(n int) int // HTTP status of the n-th request, from 0
	delay  time.Duration
}

type heard struct {
	Plain, Nonce, Timestamp, Cipher string
	At                              time.Time
	Fields                          map[string]string
}

func (b *bench) listen(format string) *listener {
	b.t.Helper()
	l := &listener{t: b.t, corpID: "wwsim0000000000001", answer: func(int) int { return 200 }}
	l.server = httptest.NewServer(l)
	b.t.Cleanup(l.server.Close)
	b.ctl("POST", "/_sim/callback", m{"url": l.server.URL + "/callback", "format": format})
	l.spec = b.corp().Apps[firstAgent].Callback
	return l
}

func (l *listener) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method == http.MethodGet {
		plain, _ := l.open(q, q.Get("echostr"))
		_, _ = io.WriteString(rw, plain)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var outer struct {
		To      string `xml:"ToUserName" json:"tousername"`
		Agent   string `xml:"AgentID" json:"agentid"`
		Encrypt string `xml:"Encrypt" json:"encrypt"`
	}
	var err error
	if bytes.HasPrefix(body, []byte("{")) {
		err = json.Unmarshal(body, &outer)
	} else {
		err = xml.Unmarshal(body, &outer)
	}
	if err != nil || outer.To != l.corpID || outer.Agent == "" {
		l.t.Errorf("envelope %q: %v", body, err)
	}
	plain, err := l.open(q, outer.Encrypt)
	if err != nil {
		l.t.Error(err)
	}
	l.mu.Lock()
	n := len(l.got)
	l.got = append(l.got, heard{plain, q.Get("nonce"), q.Get("timestamp"), outer.Encrypt, time.Now(), flat(plain)})
	answer, delay := l.answer, l.delay
	l.mu.Unlock()
	time.Sleep(delay)
	rw.WriteHeader(answer(n))
}

// open checks the signature and decrypts.
func (l *listener) open(q url.Values, cipherText string) (string, error) {
	if sign(l.spec.Token, q.Get("timestamp"), q.Get("nonce"), cipherText) != q.Get("msg_signature") {
		return "", fmt.Errorf("bad signature")
	}
	plain, receiver, err := unseal(l.spec.AESKey, cipherText)
	if err == nil && receiver != l.corpID {
		err = fmt.Errorf("receiver %q", receiver)
	}
	return plain, err
}

func (l *listener) heard() []heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

// await returns the callbacks once n have arrived.
func (l *listener) await(n int) []heard {
	l.t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if got := l.heard(); len(got) >= n {
			return got
		}
	}
	l.t.Fatalf("heard %d callbacks, want %d", len(l.heard()), n)
	return nil
}

func unseal(aesKey, cipherText string) (message, receiver string, err error) {
	key, err := base64.StdEncoding.DecodeString(aesKey + "=")
	if err != nil {
		return "", "", err
	}
	data, err := base64.StdEncoding.DecodeString(cipherText)
	if err != nil || len(data) == 0 || len(data)%32 != 0 {
		return "", "", fmt.Errorf("cipher text of %d bytes: %v", len(data), err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", "", err
	}
	cipher.NewCBCDecrypter(block, key[:16]).CryptBlocks(data, data)
	pad := int(data[len(data)-1])
	if pad < 1 || pad > 32 {
		return "", "", fmt.Errorf("pad %d", pad)
	}
	data = data[16 : len(data)-pad]
	n := binary.BigEndian.Uint32(data)
	return string(data[4 : 4+n]), string(data[4+n:]), nil
}

// flat reads the top-level elements of a plaintext, XML or JSON, as text.
func flat(plain string) map[string]string {
	out := map[string]string{}
	if strings.HasPrefix(plain, "{") {
		var v m
		_ = json.Unmarshal([]byte(plain), &v)
		for k, x := range v {
			out[k] = fmt.Sprint(x)
		}
		return out
	}
	var doc struct {
		Any []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
			Inner   string `xml:",innerxml"`
		} `xml:",any"`
	}
	_ = xml.Unmarshal([]byte(plain), &doc)
	for _, e := range doc.Any {
		out[e.XMLName.Local] = e.Text
		if strings.Contains(e.Inner, "<Item>") {
			out[e.XMLName.Local] = e.Inner
		}
	}
	return out
}
