package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
)

// reply is a JSON object on its way out.
type reply map[string]any

// file is a binary answer.
type file struct {
	Type string
	Name string
	Data []byte
}

// apiError is a platform error.
type apiError struct {
	Code int
	Msg  string
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Msg) }

// fail makes a platform error; the detail is only for the person who reads the log.
func fail(code int, detail ...string) error {
	msg := errorTexts[code]
	if msg == "" {
		msg = "request refused"
	}
	if len(detail) > 0 {
		msg += ": " + strings.Join(detail, " ")
	}
	return &apiError{code, msg}
}

func errcode(err error) int {
	var e *apiError
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return -1
	}
	return 0
}

var errorTexts = map[int]string{
	-1: "system busy", 40001: "invalid credential", 40003: "invalid userid or openid", 40004: "invalid media type",
	40006: "invalid media size", 40007: "invalid media_id", 40009: "invalid image size", 40013: "invalid corpid or appid",
	40014: "invalid access_token", 40029: "invalid code", 40035: "invalid parameter", 40058: "invalid request parameter",
	40063: "parameter is empty", 40066: "invalid url", 40068: "invalid tagid", 40071: "tag name already exists", 40072: "invalid tag name length",
	40091: "secret does not belong to this corp", 40096: "invalid external userid", 40123: "invalid upload image format",
	40125: "invalid appsecret", 40126: "too many tags", 40163: "code been used", 40164: "invalid ip, not in whitelist",
	41001: "access_token missing", 41002: "corpid or appid missing", 41004: "secret missing", 41006: "media_id missing",
	41008: "code missing", 41039: "invalid contact way type", 41040: "invalid contact way scene", 41041: "too many members in contact way",
	41042: "invalid contact way style", 41044: "invalid config_id", 41045: "contact way limit reached", 41050: "invalid or expired welcome code",
	41051: "welcome message already sent", 41054: "user not activated or not verified", 41064: "too many attachments",
	41065: "invalid attachment type", 41096: "welcome message being sent",
	42001: "access_token expired", 42003: "code expired", 43001: "require GET method", 43002: "require POST method", 44001: "empty media data",
	44004: "empty text", 45001: "media size exceeds limit", 45002: "content size exceeds limit", 45009: "api freq out of limit",
	45011: "api minute-quota reach limit", 45033: "api concurrent out of limit", 47001: "data format error", 47003: "argument invalid",
	48002: "api forbidden", 50001: "redirect_uri unauthorized", 60003: "department not found", 60011: "no privilege to access user, department or tag",
	60020: "not allow to access from your ip", 60111: "userid not found", 60123: "invalid party id", 81011: "no permission for this tag",
	81013: "all receivers invalid", 81017: "too many users in range", 84014: "user ticket expired", 84015: "invalid user ticket",
	40037: "invalid template_id", 40097: "invalid args", 40169: "invalid length for scene, or the data is not json string", 41030: "invalid page", 43101: "user refuse to accept the msg",
	40129: "invalid scene", 43104: "appid and openid do not match", 44002: "empty post data", 61010: "code is expired",
	95000: "invalid external userid of customer service", 95001: "too many messages for one of the customer's", 95002: "the customer's last message is too old",
	95004: "invalid open_kfid", 95007: "invalid msg token", 95008: "invalid message type", 95009: "invalid content", 95018: "session state does not allow it",
	84061: "not external contact", 86003: "chat not found", 87009: "invalid signature", 91040: "invalid ticket type", 301002: "agentid not match access_token",
}

// encode turns what a handler returned into the bytes of the answer.
func (c *call) encode(v any, err error) []byte {
	r := reply{}
	if v != nil && err == nil {
		r = v.(reply)
		c.thin(r)
	}
	if err != nil {
		r["errcode"], r["errmsg"] = errcode(err), c.hint(err)
	} else if !c.exact {
		r["errcode"], r["errmsg"] = 0, "ok"
	}
	return encodeJSON(r)
}

// hint appends what the platform appends; nobody may parse it.
func (c *call) hint(err error) string {
	msg := err.Error()
	var e *apiError
	if errors.As(err, &e) {
		msg = e.Msg
	}
	if strings.HasPrefix(c.e.api, "weixin/") {
		return msg + " rid: " + c.w.derive(8, "rid", c.now.UnixNano())
	}
	return fmt.Sprintf("%s, hint: [%d], from ip: %s, more info at https://open.work.weixin.qq.com/devtool/query?e=%d",
		msg, c.now.UnixMicro(), remoteIP(c.r), errcode(err))
}

// thin leaves out empty lists and an empty next_cursor in some answers, as the
// platform does. Which ones depends on seed and request only, so a test can repeat it.
func (c *call) thin(r reply) {
	q := c.r.URL.Query()
	q.Del("access_token")
	sum := c.w.digest("thin", c.e.api, q.Encode(), string(c.body))
	if int(sum[0])*100/256 < c.w.Config.AbsentListsPercent {
		dropEmpty(reflect.ValueOf(r))
	}
}

func dropEmpty(v reflect.Value) {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			dropEmpty(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			field := v.MapIndex(k)
			if emptyList(field) || (k.String() == "next_cursor" && field.Elem().Kind() == reflect.String && field.Elem().Len() == 0) {
				v.SetMapIndex(k, reflect.Value{})
				continue
			}
			dropEmpty(field)
		}
	}
}

func emptyList(v reflect.Value) bool {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return v.Kind() == reflect.Slice && v.Len() == 0
}

func encodeJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // only our own types come here
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller may have gone; nothing to do about it
}

// list is xs, but never nil: an empty list leaves as [].
func list[T any](xs []T) []T {
	if xs == nil {
		return []T{}
	}
	return xs
}
