package wecom

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// Time is a moment as the platform writes it: whole seconds since 1970, sometimes as text. The
// platform's 0 and absent values are the zero time.
type Time struct{ time.Time }

// UnmarshalJSON accepts a number, a number as text, and null.
func (t *Time) UnmarshalJSON(text []byte) error {
	var n Number
	if err := n.UnmarshalJSON(text); err != nil {
		return err
	}
	*t = Time{}
	if n != 0 {
		t.Time = time.Unix(int64(n), 0).UTC()
	}
	return nil
}

// MarshalJSON writes whole seconds, 0 for the zero time.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("0"), nil
	}
	return strconv.AppendInt(nil, t.Unix(), 10), nil
}

// Number is a whole number that the platform writes as a number on one page and as text on another.
type Number int64

// UnmarshalJSON accepts a number, a number as text, an empty text, and null.
func (n *Number) UnmarshalJSON(text []byte) error {
	text = bytes.Trim(text, `"`)
	if len(text) == 0 || string(text) == "null" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("not a whole number")
	}
	*n = Number(v)
	return nil
}
