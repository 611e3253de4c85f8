// Package phone brings phone numbers into one form, so that equal numbers are equal texts however people
// typed them.
//
// It is small on purpose: the normal form is what blind indexes are made of, so it must not change when
// a country opens a new range of numbers, as a library's tables of numbers do.
package phone

import "strings"

// Normal gives a number in the form +8613800138000. It takes full-width digits, spaces, dashes, dots and
// brackets, the prefixes + and 00, and Chinese numbers with or without 86: mobile ones and, with their area
// code, landlines. ok is false for what is no phone number.
func Normal(text string) (number string, ok bool) {
	digits, international, ok := clean(text)
	if !ok {
		return "", false
	}
	if !international {
		if rest, is := strings.CutPrefix(digits, "00"); is {
			digits, international = rest, true
		}
	}
	if rest, is := strings.CutPrefix(digits, "86"); is {
		if n := chinese(rest, international); n != "" {
			return "+86" + n, true
		}
	}
	if !international {
		n := chinese(digits, false)
		if n == "" {
			return "", false
		}
		return "+86" + n, true
	}
	// Abroad we know only what the numbering plan of the world says: no country begins with 0.
	if len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.HasPrefix(digits, "86") {
		return "", false
	}
	return "+" + digits, true
}

// clean keeps the digits; international tells whether a plus stood before them.
func clean(text string) (digits string, international, ok bool) {
	if len(text) > 100 {
		return "", false, false
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= '０' && r <= '９':
			b.WriteRune(r - '０' + '0')
		case r == '+' || r == '＋':
			if international || b.Len() > 0 {
				return "", false, false
			}
			international = true
		case strings.ContainsRune(" \t\u00a0\u3000\u200b\u202a\u202c-－‐‑–—.．()（）", r):
			// People and address books put these between digits.
		default:
			return "", false, false
		}
	}
	return b.String(), international, b.Len() > 0
}

// chinese gives a Chinese number without country code and trunk zero; empty when it is none. A landline
// may lack its zero only behind +86: otherwise it can't be told from half a mobile number.
func chinese(digits string, bare bool) string {
	if len(digits) == 11 && digits[0] == '1' && digits[1] >= '3' {
		return digits // mobile
	}
	area := strings.TrimPrefix(digits, "0")
	if area == digits && !bare {
		return ""
	}
	// An area code has two digits (10, 2x) or three, a number in it seven or eight.
	if len(area) >= 9 && len(area) <= 11 && area[0] != '0' && (area[0] != '1' || area[1] == '0') {
		return area
	}
	return ""
}

// Masked shows a number in its normal form with the middle hidden: +86 138****8000 without the country
// code of China.
func Masked(number string) string {
	n := strings.TrimPrefix(number, "+86")
	if len(n) < 8 {
		return "****"
	}
	return n[:3] + "****" + n[len(n)-4:]
}
