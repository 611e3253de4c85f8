package transfer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/width"

	"zhiyin/model"
)

// Kind is what a column holds.
type Kind string

// The kinds of columns.
const (
	Text   Kind = "text"
	Date   Kind = "date"   // a day: 2026-11-22, 2026/11/22, 2026年11月22日, 20261122
	Time   Kind = "time"   // a day and a time in the zone of the business
	Number Kind = "number" // with at most four decimals
	Count  Kind = "count"  // a whole number from 0
	Money  Kind = "money"  // yuan with at most two decimals
	Choice Kind = "choice"
	List   Kind = "list" // texts between commas
)

// Column is something a row can say.
type Column struct {
	Key      string // stable
	Zh, En   string
	Aliases  []string // other headings that mean it
	Kind     Kind
	Required bool
	Choices  []Option // of a Choice
}

// Option is one answer of a choice: any of Names in a file means Value.
type Option struct {
	Value string
	Names []string
}

// Value is a cell that was read. Which field holds it follows from the column's kind.
type Value struct {
	Text string // of Text, Choice
	Day  string // of Date: yyyy-mm-dd
	Time time.Time
	// Number is a Number in ten-thousandths, a Count, or Money in fen.
	Number int64
	List   []string
}

// Fen is the value of a Money column.
func (v Value) Fen() model.Fen { return model.Fen(v.Number) }

const (
	longestCell = 2000 // characters
	longestList = 50
)

// parse reads a cell that is not empty. The reason of a failure is for people.
func (c Column) parse(cell string, zone *time.Location) (v Value, reason string) {
	if utf8.RuneCountInString(cell) > longestCell {
		return v, fmt.Sprintf("超过 %d 个字符 / more than %d characters", longestCell, longestCell)
	}
	if strings.ContainsRune(cell, utf8.RuneError) {
		return v, "有无法识别的字符，请检查文件编码 / holds characters that can't be read; check the file's encoding"
	}
	plain := strings.TrimSpace(width.Narrow.String(cell))
	ok := true
	switch c.Kind {
	case Text:
		v.Text = cell
	case Choice:
		if v.Text, ok = c.choose(plain); !ok {
			return v, "不在可选值中 / is none of the choices"
		}
	case List:
		if v.List = split(cell); len(v.List) > longestList {
			return v, fmt.Sprintf("超过 %d 项 / more than %d entries", longestList, longestList)
		}
	case Date:
		if v.Day, ok = parseDay(plain); !ok {
			return v, "不是日期，例如 2026-11-22 / is no date like 2026-11-22"
		}
	case Time:
		if v.Time, ok = parseTime(plain, zone); !ok {
			return v, "不是时间，例如 2026-11-22 15:04:05 / is no time like 2026-11-22 15:04:05"
		}
	case Number, Money, Count:
		if v.Number, ok = parseDecimal(plain, decimals[c.Kind]); !ok || c.Kind != Number && v.Number < 0 {
			return v, fmt.Sprintf("不是数字，最多 %d 位小数 / is no number with at most %d decimals", decimals[c.Kind], decimals[c.Kind])
		}
	}
	return v, ""
}

var decimals = map[Kind]int{Number: 4, Money: 2, Count: 0}

func (c Column) choose(cell string) (string, bool) {
	for _, o := range c.Choices {
		if strings.EqualFold(cell, o.Value) || slices.ContainsFunc(o.Names, func(n string) bool { return strings.EqualFold(cell, n) }) {
			return o.Value, true
		}
	}
	return "", false
}

func split(cell string) (list []string) {
	for _, part := range strings.FieldsFunc(cell, func(r rune) bool { return strings.ContainsRune(",，、;；|\n", r) }) {
		if part = strings.TrimSpace(part); part != "" && !slices.Contains(list, part) {
			list = append(list, part)
		}
	}
	return list
}

var dayLayouts = []string{"2006-1-2", "2006/1/2", "2006.1.2", "2006年1月2日", "20060102"}

func parseDay(s string) (string, bool) {
	for _, layout := range dayLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.DateOnly), true
		}
	}
	if t, ok := serial(s); ok {
		return t.Format(time.DateOnly), true
	}
	return "", false
}

func parseTime(s string, zone *time.Location) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), true
	}
	for _, day := range dayLayouts {
		for _, layout := range []string{day + " 15:4:5", day + " 15:4", day} {
			if t, err := time.ParseInLocation(layout, s, zone); err == nil {
				return t.UTC(), true
			}
		}
	}
	if t, ok := serial(s); ok {
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone).UTC(), true
	}
	return time.Time{}, false
}

// serial reads a spreadsheet's number of a day: days since 1899-12-30, from 1954 to 2119. Ordinary numbers
// in a column of dates are refused by that range.
func serial(s string) (time.Time, bool) {
	days, err := strconv.ParseFloat(s, 64)
	if err != nil || days < 20000 || days > 80000 {
		return time.Time{}, false
	}
	return time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Add(time.Duration(days * 24 * float64(time.Hour)).Round(time.Second)), true
}

// parseDecimal reads an exact number in units of 10^-places. Nothing is rounded, except what a spreadsheet's
// floating point adds behind the fifteenth digit.
func parseDecimal(s string, places int) (int64, bool) {
	s = strings.NewReplacer(",", "", "¥", "", "￥", "", "元", "", " ", "").Replace(s)
	if strings.ContainsAny(s, "eE") || len(s) > 16 {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return 0, false
		}
		if s = strconv.FormatFloat(f, 'f', -1, 64); len(s) > 16 {
			s = strconv.FormatFloat(f, 'f', places, 64)
		}
	}
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > places || whole == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(whole+fraction+strings.Repeat("0", places-len(fraction)), 10, 62)
	if err != nil {
		return 0, false
	}
	if negative {
		return -int64(n), true
	}
	return int64(n), true
}
