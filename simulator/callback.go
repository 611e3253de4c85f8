package simulator

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// delivery is one plaintext on its way to one receiver.
type delivery struct {
	ID       int64     `json:"id"`
	Corp     string    `json:"corp,omitempty"`
	AgentID  int64     `json:"agentid,omitempty"`
	AppID    string    `json:"appid,omitempty"`
	Event    string    `json:"event"`
	Change   string    `json:"change_type,omitempty"`
	Plain    string    `json:"plain"`
	Status   string    `json:"status"` // queued, delivered, failed, dropped
	Tries    []try     `json:"tries"`
	Created  time.Time `json:"created"` // virtual
	Done     time.Time `json:"done,omitzero"`
	envelope envelope
	made     int // tries so far
	first    time.Time
}

// try is one POST.
type try struct {
	At        time.Time `json:"at"` // of the machine
	Status    int       `json:"status,omitempty"`
	MS        float64   `json:"ms"`
	Error     string    `json:"error,omitempty"`
	Timestamp string    `json:"timestamp"`
	Nonce     string    `json:"nonce"`
}

// envelope is what is needed to seal a plaintext.
type envelope struct {
	spec     callbackSpec
	receiver string // corpid or appid, inside the cipher text
	to       string // ToUserName outside
	agent    string
	openid   string // mini-program push: signature and openid are added to the query
	mini     bool
	at       time.Time // timestamp of the first try
}

// tampering is what a test may want to be wrong about one POST.
type tampering struct {
	WrongReceiver string `json:"wrong_receiver"` // encrypt for somebody else
	Skew          string `json:"skew"`           // Go duration added to the timestamp
	Flip          string `json:"flip"`           // signature, cipher, nonce, timestamp: change one character after signing
}

// sealed is one POST, ready to send and to send again.
type sealed struct {
	URL       string `json:"url"`
	Body      string `json:"body"`
	Timestamp string `json:"timestamp"`
	Nonce     string `json:"nonce"`
}

// seal encrypts and signs with a fresh nonce and fresh random bytes.
func (e envelope) seal(plain string, at time.Time, t tampering) (sealed, error) {
	var salt [16]byte
	_, _ = rand.Read(salt[:])
	skew, err := time.ParseDuration(cmp.Or(t.Skew, "0s"))
	if err != nil {
		return sealed{}, err
	}
	out := sealed{Timestamp: strconv.FormatInt(at.Add(skew).Unix(), 10), Nonce: random(8)}
	if e.mini && e.spec.Plain {
		out.Body = plain
		out.URL = e.address(out, "", t)
		return out, nil
	}
	cipherText, err := sealMessage(e.spec.AESKey, salt, plain, cmp.Or(t.WrongReceiver, e.receiver))
	if err != nil {
		return out, err
	}
	signature := sign(e.spec.Token, out.Timestamp, out.Nonce, cipherText)
	if t.Flip == "cipher" {
		cipherText = flip(cipherText)
	}
	out.Body = e.wrap(cipherText)
	out.URL = e.address(out, signature, t)
	return out, nil
}

// wrap puts the cipher text into the outer document.
func (e envelope) wrap(cipherText string) string {
	if e.spec.Format == "json" {
		if e.mini {
			return string(encodeJSON(map[string]string{"ToUserName": e.to, "Encrypt": cipherText}))
		}
		return string(encodeJSON(map[string]string{"tousername": e.to, "encrypt": cipherText, "agentid": e.agent}))
	}
	fields := []field{text("ToUserName", e.to)}
	if !e.mini {
		fields = append(fields, text("AgentID", e.agent))
	}
	return render(append(fields, text("Encrypt", cipherText)), "xml")
}

func (e envelope) address(s sealed, signature string, t tampering) string {
	q := url.Values{"timestamp": {s.Timestamp}, "nonce": {s.Nonce}}
	if signature != "" {
		q.Set("msg_signature", signature)
	}
	if e.mini {
		q.Set("signature", sign(e.spec.Token, s.Timestamp, s.Nonce))
		q.Set("openid", e.openid)
		if !e.spec.Plain {
			q.Set("encrypt_type", "aes")
		}
	}
	switch t.Flip {
	case "signature":
		for _, k := range []string{"msg_signature", "signature"} {
			if q.Has(k) {
				q.Set(k, flip(q.Get(k)))
			}
		}
	case "nonce", "timestamp":
		q.Set(t.Flip, flip(q.Get(t.Flip)))
	}
	return join(e.spec.URL, q)
}

func join(base string, q url.Values) string {
	if strings.Contains(base, "?") {
		return base + "&" + q.Encode()
	}
	return base + "?" + q.Encode()
}

// flip changes the character in the middle.
func flip(s string) string {
	b := []byte(s)
	if len(b) == 0 {
		return "x"
	}
	m := len(b) / 2
	if b[m] == '1' {
		b[m] = '2'
	} else {
		b[m] = '1'
	}
	return string(b)
}

// emit hands an event to every app of the corp that listens, may know and sees the
// member. The caller holds the lock; nothing is sent here.
func (s *Simulator) emit(c *corp, e event, how handling) {
	now := s.nowLocked()
	for _, id := range slices.Sorted(maps.Keys(c.Apps)) {
		a := c.Apps[id]
		if a.Callback.URL == "" || !slices.Contains(a.Rights, e.right) || !a.Callback.listens(e.Name) {
			continue
		}
		if m := c.Staff[strings.ToLower(e.Staff)]; e.Staff != "" && m != nil && !a.sees(c, m) {
			continue
		}
		s.courier.deliver(&delivery{
			Corp: c.ID, AgentID: id, Event: e.Name, Change: e.Change, Created: now.UTC(),
			Plain: render(e.elements(c.ID, "sys", now), a.Callback.Format), envelope: c.envelope(a, now),
		}, how)
	}
}

func (c *corp) envelope(a *app, now time.Time) envelope {
	return envelope{spec: a.Callback, receiver: c.ID, to: c.ID, agent: strconv.FormatInt(a.AgentID, 10), at: now}
}

func (k callbackSpec) listens(event string) bool {
	return len(k.Events) == 0 || slices.Contains(k.Events, event)
}

// check refuses settings that could not be sealed with.
func (k callbackSpec) check() error {
	if k.URL == "" {
		return nil
	}
	if u, err := url.Parse(k.URL); err != nil || u.Host == "" {
		return refuse("url must be absolute")
	}
	if k.Format != "" && k.Format != "xml" && k.Format != "json" {
		return refuse("format must be xml or json")
	}
	if k.Plain {
		return nil
	}
	if _, err := sealMessage(k.AESKey, [16]byte{}, "", ""); err != nil || k.Token == "" {
		return refuse("token and a 43-character aes_key are needed")
	}
	return nil
}

func (d *delivery) label() string { return fmt.Sprintf("%s/%s", d.Event, d.Change) }

// withoutURL is an error of the HTTP client without the address, which carries signatures.
func withoutURL(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err.Error()
	}
	return err.Error()
}
