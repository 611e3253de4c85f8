package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decode reads the JSON body. Fields may carry max:"20ch" or max:"4000B"; in strict
// mode those and unknown fields are errors, otherwise they are only logged.
func (c *call) decode(in any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		c.body = []byte("{}")
	}
	if err := json.Unmarshal(c.body, in); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return fail(40058, wrong.Field)
		}
		return fail(47001)
	}
	strict := json.NewDecoder(bytes.NewReader(c.body))
	strict.DisallowUnknownFields()
	if err := strict.Decode(reflect.New(reflect.TypeOf(in).Elem()).Interface()); err != nil {
		c.notes = append(c.notes, strings.TrimPrefix(err.Error(), "json: "))
	}
	overlong(reflect.ValueOf(in), "", &c.notes)
	if c.w.Config.Strict && len(c.notes) > 0 {
		return fail(40058, c.notes...)
	}
	return nil
}

// overlong collects the fields whose text exceeds their max tag.
func overlong(v reflect.Value, path string, notes *[]string) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			overlong(v.Elem(), path, notes)
		}
	case reflect.Slice:
		for i := range v.Len() {
			overlong(v.Index(i), fmt.Sprintf("%s[%d]", path, i), notes)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			overlong(v.Field(i), strings.TrimPrefix(path+"."+name, "."), notes)
			if text, ok := textOf(v.Field(i)); ok && exceeds(text, f.Tag.Get("max")) {
				*notes = append(*notes, path+name+" longer than "+f.Tag.Get("max"))
			}
		}
	}
}

func textOf(v reflect.Value) (string, bool) {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.String {
		return "", false
	}
	return v.String(), true
}

// exceeds compares text with a limit such as "20ch" (characters) or "4000B" (bytes).
func exceeds(text, limit string) bool {
	if n, ok := strings.CutSuffix(limit, "ch"); ok {
		max, _ := strconv.Atoi(n)
		return utf8.RuneCountInString(text) > max
	}
	if n, ok := strings.CutSuffix(limit, "B"); ok {
		max, _ := strconv.Atoi(n)
		return len(text) > max
	}
	return false
}

// cut shortens text to n characters.
func cut(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n])
	}
	return text
}

// number is an integer that callers also send as a string.
type number int64

// UnmarshalJSON accepts 7 and "7".
func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil {
		return &json.UnmarshalTypeError{Value: string(b), Type: reflect.TypeFor[number]()}
	}
	*n = number(v)
	return nil
}

// cursor makes an opaque cursor of numbers; parseCursor reads it back.
func cursor(parts ...int64) string {
	text := "c"
	for _, p := range parts {
		text += "." + strconv.FormatInt(p, 36)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func parseCursor(text string, n int) ([]int64, error) {
	out := make([]int64, n)
	if text == "" {
		return out, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	parts := strings.Split(string(raw), ".")
	if err != nil || len(parts) != n+1 || parts[0] != "c" {
		return nil, fail(40058, "cursor")
	}
	for i := range out {
		if out[i], err = strconv.ParseInt(parts[i+1], 36, 64); err != nil || out[i] < 0 {
			return nil, fail(40058, "cursor")
		}
	}
	return out, nil
}

// pageSize checks a limit: 0 means def, more than max is an error.
func pageSize(limit, def, max int) (int, error) {
	if limit == 0 {
		return def, nil
	}
	if limit < 0 || limit > max {
		return 0, fail(40058, "limit")
	}
	return limit, nil
}

func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
