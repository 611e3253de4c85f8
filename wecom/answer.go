package wecom

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// judge decides what an answer says. Only errcode counts, never errmsg. An answer without errcode
// is a success only where it brings what was asked for: an empty object is not an empty list.
// It returns the body, with errcode as a number even where the platform sent it as text.
func (at *attempt) judge(body []byte) ([]byte, *Error) {
	var env struct {
		Code    json.RawMessage `json:"errcode"`
		Message json.RawMessage `json:"errmsg"`
	}
	if err := json.Unmarshal(body, &env); err != nil || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return nil, at.fail(ClassUnknown, "the answer is not a JSON object")
	}
	if env.Code == nil || at.api.must {
		if err := at.complete(body, env.Code); err != nil {
			return nil, err
		}
	}
	if env.Code == nil {
		return body, nil
	}
	quoted := bytes.HasPrefix(env.Code, []byte(`"`))
	code, err := strconv.Atoi(string(bytes.Trim(env.Code, `"`)))
	if err != nil {
		return nil, at.fail(ClassUnknown, "the answer's errcode is not a number")
	}
	if code != 0 {
		return nil, at.refused(code, env.Message)
	}
	if quoted {
		return withNumber(body, code), nil
	}
	return body, nil
}

// complete insists on the result's field, unless errcode says that there is none.
func (at *attempt) complete(body, code []byte) *Error {
	if code != nil && !isZero(code) {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return at.fail(ClassUnknown, "the answer is not a JSON object")
	}
	if v, ok := fields[at.api.result]; ok && string(v) != "null" && string(v) != `""` {
		return nil
	}
	return at.fail(ClassUnknown, "the answer has neither an errcode nor a result")
}

func isZero(code []byte) bool { return string(bytes.Trim(code, `"`)) == "0" }

// withNumber rewrites an errcode that came as text, for decoders that want a number.
func withNumber(body []byte, code int) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	fields["errcode"] = []byte(strconv.Itoa(code))
	out, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return out
}

func (at *attempt) refused(code int, message json.RawMessage) *Error {
	class := classify(at.api.host, code)
	// Where no token is sent the platform can only mean the secret.
	if class == ClassToken && at.api.open {
		class = ClassCredential
	}
	var text string
	_ = json.Unmarshal(message, &text)
	e := at.fail(class, shorten(text), withCode(code))
	switch code {
	case -1, 6000:
		e.again = true
	case 45011, 44990, 41096:
		e.RetryAfter = time.Second
	}
	return e
}

// shorten keeps what says something: the platform appends a hint id and a link.
func shorten(text string) string {
	text, _, _ = strings.Cut(text, ", more info at")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > 120 {
		text = string(runes[:120])
	}
	return text
}

var secretParam = regexp.MustCompile(`(?i)\b(access_token|corpsecret|secret|js_code|code|session_key|ticket)=[^&\s"]+`)

// redact takes known secrets out of a text, as they are and as in URLs, and whatever stands behind a
// parameter that carries one.
func redact(text string, secrets []string) string {
	for _, s := range secrets {
		if len(s) >= 4 {
			text = strings.ReplaceAll(text, s, redacted)
			text = strings.ReplaceAll(text, url.QueryEscape(s), redacted)
		}
	}
	return secretParam.ReplaceAllString(text, "$1="+redacted)
}
