package callback

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// query is the parameters of a callback that count.
type query struct {
	signature    string // of mini-programs; covers timestamp and nonce only
	msgSignature string
	timestamp    string
	nonce        string
	echo         string
	encryptType  string
}

const (
	maxQuery      = 4096
	maxParameters = 16
	maxValue      = 1024
)

// readQuery takes each parameter at most once: of two, one would be checked and the other used. A
// missing one is empty, and fails with the signature.
func readQuery(raw string) (*query, bool) {
	if len(raw) > maxQuery || strings.Count(raw, "&") >= maxParameters {
		return nil, false
	}
	q := &query{}
	seen := 0
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, false
		}
		at, bit := q.place(name)
		if at == nil {
			continue
		}
		if seen&bit != 0 || len(value) > maxValue {
			return nil, false
		}
		seen |= bit
		if *at, err = url.QueryUnescape(value); err != nil {
			return nil, false
		}
	}
	return q, true
}

func (q *query) place(name string) (at *string, bit int) {
	switch name {
	case "signature":
		return &q.signature, 1
	case "msg_signature":
		return &q.msgSignature, 2
	case "timestamp":
		return &q.timestamp, 4
	case "nonce":
		return &q.nonce, 8
	case "echostr":
		return &q.echo, 16
	case "encrypt_type":
		return &q.encryptType, 32
	}
	return nil, 0
}

// age tells whether a timestamp is one at all, and whether it is near enough to now.
func (f *Face) age(timestamp string) (known, fresh bool) {
	seconds, err := strconv.ParseUint(timestamp, 10, 40)
	if err != nil {
		return false, false
	}
	age := f.now().Sub(time.Unix(int64(seconds), 0))
	return true, age.Abs() <= f.maxAge
}
