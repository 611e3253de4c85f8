package apikey

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// The headers of a signed request.
const (
	HeaderKey       = "X-Zhiyin-Key"       // the key's id
	HeaderTime      = "X-Zhiyin-Time"      // when it was sent, in seconds since 1970
	HeaderNonce     = "X-Zhiyin-Nonce"     // what the sender calls this request: 8 to 64 letters, digits, - or _
	HeaderSignature = "X-Zhiyin-Signature" // see Request.Sign
)

// scheme begins what is signed, so that a signature of another scheme is none of this.
const scheme = "ZHIYIN-HMAC-SHA256"

// Request is a request as far as it is signed, and how it was signed.
type Request struct {
	Method string
	Path   string // as it was sent, escapes included
	Query  string // as it was sent, without the question mark
	Body   []byte

	Key, Time, Nonce, Signature string
	IP                          string // where it came from
}

// Text is what is signed: seven lines, the last one without an end.
func (r Request) Text() string {
	body := sha256.Sum256(r.Body)
	return strings.Join([]string{scheme, r.Method, r.Path, r.Query, r.Time, r.Nonce, hex.EncodeToString(body[:])}, "\n")
}

// Sign gives the signature: HMAC-SHA-256 of Text under the secret, in hex.
func (r Request) Sign(secret string) string { return hex.EncodeToString(r.mac(secret)) }

func (r Request) mac(secret string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(r.Text()))
	return mac.Sum(nil)
}
