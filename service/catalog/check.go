package catalog

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// check gathers every wrong field of one entry, so that its sender sees them all at once.
type check struct{ found *fault.Fault }

func (c *check) that(ok bool, field, reason string) {
	if ok {
		return
	}
	if c.found == nil {
		c.found = ErrInvalid
	}
	c.found = c.found.With(field, reason)
}

func (c *check) err() *fault.Fault { return c.found }

// What amounts and counts may be at most; sums of them stay far from overflowing.
const (
	maxFen      = 1_000_000_000_000 // ten billion yuan
	maxQuantity = 1_000_000
	maxLines    = 200
)

// number is a text that identifies: 1 to 64 printable characters of ASCII.
func (c *check) number(field, s string, required bool) {
	ok := len(s) <= 64 && (s != "" || !required) && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
	c.that(ok, field, "1–64 个可见 ASCII 字符 / 1–64 visible ASCII characters")
}

func (c *check) text(field, s string, most int, required bool) {
	ok := utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && (strings.TrimSpace(s) != "" || !required) &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
	c.that(ok, field, "文字过长、为空或含控制字符 / too long, empty or with control characters")
}

func (c *check) fen(field string, f model.Fen) {
	c.that(f >= 0 && f <= maxFen, field, "0 到 1000000000000 分 / 0 to 1000000000000 fen")
}

func (c *check) oneOf(field, s string, allowed ...string) {
	for _, a := range allowed {
		if s == a {
			return
		}
	}
	c.that(false, field, strings.Join(allowed, ", "))
}

// version is a time in ms. One far ahead would keep out every true one after it.
func (c *check) version(v int64, now time.Time) {
	c.that(v >= earliest.UnixMilli() && v <= now.Add(24*time.Hour).UnixMilli(), "version",
		"修改时间的毫秒数，不能在未来 / the time of the change in ms since 1970, not in the future")
}

var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *check) time(field string, t *time.Time, now time.Time, required bool) {
	if t == nil || t.IsZero() {
		c.that(!required, field, "缺少时间 / the time is missing")
		return
	}
	c.that(!t.Before(earliest) && t.Before(now.Add(24*time.Hour)), field, "2000 年以后，不能在未来 / after 2000 and not in the future")
}

// link is empty or an https or http address without a user name, to be shown and never fetched.
func (c *check) link(field, s string) {
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	ok := err == nil && len(s) <= 1024 && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
	c.that(ok && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }), field, "http(s) 地址 / an http(s) address")
}
