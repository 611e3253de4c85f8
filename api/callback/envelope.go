package callback

import (
	"bytes"
	"io"
	"net/http"

	"zhiyin/service/intake/document"
)

// readBody takes the whole body, up to the limit. A body that breaks off is taken as it is: it can't
// be a document.
func readBody(r *http.Request, limit int) (body []byte, ok bool) {
	if r.ContentLength > int64(limit) {
		return nil, false
	}
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		n, _ := io.ReadFull(r.Body, body)
		return body[:n], true
	}
	body, _ = io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	return body, len(body) <= limit
}

// readEnvelope gives the encrypted message in an envelope, empty when there is none. It fails on
// anything that is not strictly an envelope.
func readEnvelope(body []byte) (sealed string, ok bool) {
	found := 0
	err := document.Read(body, document.Envelope, func(name, text []byte) {
		if bytes.EqualFold(name, []byte("Encrypt")) {
			sealed = string(text)
			found++
		}
	})
	// XML tells Encrypt from encrypt; two of them are still one too many.
	return sealed, err == nil && found <= 1
}
