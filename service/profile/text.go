package profile

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"zhiyin/service/fault"
)

// clean brings a text into the form in which it is kept: composed (NFC), without space at its ends. It
// refuses what nobody types and what makes a text look like another: control signs, signs that turn the
// direction, and lines where there is to be one.
func clean(text string, lines bool) (string, bool) {
	if !utf8.ValidString(text) {
		return "", false
	}
	text = strings.TrimSpace(norm.NFC.String(text))
	for _, r := range text {
		switch {
		case lines && (r == '\n' || r == '\t'):
		case lines && r == '\r':
			return clean(strings.ReplaceAll(text, "\r\n", "\n"), true)
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Noncharacter_Code_Point, r),
			r == '\u2028', r == '\u2029', r == '\ufeff', r == utf8.RuneError:
			return "", false
		}
	}
	return text, true
}

// checker gathers everything that is wrong in an input.
type checker struct{ err *fault.Fault }

func (c *checker) wrong(field, reason string) {
	if c.err == nil {
		c.err = ErrInvalid
	}
	c.err = c.err.With(field, reason)
}

func (c *checker) fault() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

// text cleans a text and holds it to a number of characters.
func (c *checker) text(field, text string, least, most int) string {
	out, ok := clean(text, false)
	switch n := utf8.RuneCountInString(out); {
	case !ok:
		c.wrong(field, "含有控制字符 / it holds control characters")
	case n < least:
		c.wrong(field, "不能为空 / it is empty")
	case n > most:
		c.wrong(field, "过长 / it is too long")
	}
	return out
}
