package audience

import (
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"zhiyin/service/segment"
)

// text compares texts as the database does, as far as that is the same everywhere: Chinese and ASCII, whose letters
// are equal in both cases.
func (q *question) text(c *segment.Condition, op string) (test, bool) {
	set := q.texts[c.Field]
	if op == "filled" {
		return test{fit: others(set, "")}, true
	}
	matches := map[string]func(value, part string) bool{
		"is": func(value, part string) bool { return value == part }, "contains": strings.Contains, "begins": strings.HasPrefix,
	}[op]
	if matches == nil {
		return test{}, false
	}
	var parts []string
	for _, v := range c.Values {
		if !plain(v.Text) {
			return test{}, false
		}
		parts = append(parts, strings.ToLower(v.Text))
	}
	var of []*roaring.Bitmap
	for value, b := range set {
		if !plain(value) {
			return test{}, false
		}
		value = strings.ToLower(value)
		for _, part := range parts {
			if matches(value, part) {
				of = append(of, b)
				break
			}
		}
	}
	return test{fit: either(of)}, true
}

// plain tells whether every database compares the text alike.
func plain(s string) bool {
	for _, r := range s {
		if (r < ' ' || r > '~') && (r < 0x4e00 || r > 0x9fa5) {
			return false
		}
	}
	return strings.TrimSpace(s) == s
}
