package profile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zhiyin/model"
)

// Kind is a kind of custom fields. Its name is data: never rename one.
type Kind struct {
	Name   string
	Zh, En string
	// Chosen: values come from the field's choices.
	Chosen bool
	// Many: a customer may have several values.
	Many bool
	// read brings one value into the form in which it is kept, with its number where rules compare one.
	// Empty reason: it is good.
	read func(f *model.CustomField, text string) (value string, number *int64, reason string)
}

// The names of kinds.
const (
	KindText    = "text"
	KindNumber  = "number"
	KindDate    = "date"
	KindChoice  = "choice"
	KindChoices = "choices"
)

// kinds is the one table of what custom fields may hold.
var kinds = []Kind{
	{Name: KindText, Zh: "文本", En: "text", read: readText},
	{Name: KindNumber, Zh: "数字", En: "number", read: readNumber},
	{Name: KindDate, Zh: "日期", En: "date", read: readDate},
	{Name: KindChoice, Zh: "单选", En: "one of several", Chosen: true, read: readChoice},
	{Name: KindChoices, Zh: "多选", En: "some of several", Chosen: true, Many: true, read: readChoice},
}

// Kinds lists what custom fields may hold.
func Kinds() []Kind { return slices.Clone(kinds) }

func kindOf(name string) (Kind, bool) {
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

// maxValue is how many characters the column of values holds.
const maxValue = 255

func readText(_ *model.CustomField, text string) (string, *int64, string) {
	value, ok := clean(text, false)
	switch {
	case !ok:
		return "", nil, "含有控制字符 / it holds control characters"
	case len([]rune(value)) > maxValue:
		return "", nil, "至多 255 个字符 / at most 255 characters"
	}
	return value, nil, ""
}

// What numbers may be: up to a million million, with four places.
const (
	decimals  = 4
	perOne    = 10_000
	maxNumber = 1_000_000_000_000
)

// readNumber reads a decimal number exactly: no floating point, no exponent.
func readNumber(_ *model.CustomField, text string) (string, *int64, string) {
	const reason = "应为数字，至多四位小数 / a number with up to four decimals"
	whole, part, _ := strings.Cut(strings.TrimSpace(text), ".")
	digits := strings.TrimPrefix(strings.TrimPrefix(whole, "-"), "+")
	if digits == "" || len(digits) > 13 || len(part) > decimals || strings.Trim(digits+part, "0123456789") != "" || strings.HasSuffix(text, ".") {
		return "", nil, reason
	}
	n, err := strconv.ParseInt(digits+part+strings.Repeat("0", decimals-len(part)), 10, 64)
	if err != nil || n > maxNumber*perOne {
		return "", nil, reason
	}
	if strings.HasPrefix(whole, "-") {
		n = -n
	}
	return decimal(n), &n, ""
}

// decimal writes ten-thousandths without needless zeros.
func decimal(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	text := fmt.Sprintf("%s%d.%04d", sign, n/perOne, n%perOne)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// readDate reads a day that there is, between 1900 and 2200.
func readDate(_ *model.CustomField, text string) (string, *int64, string) {
	day, err := time.Parse(time.DateOnly, strings.TrimSpace(text))
	if err != nil || day.Year() < 1900 || day.Year() > 2200 {
		return "", nil, "应为存在的日期，如 2026-01-31 / a day that there is, such as 2026-01-31"
	}
	n := int64(day.Year()*10000 + int(day.Month())*100 + day.Day())
	return day.Format(time.DateOnly), &n, ""
}

func readChoice(f *model.CustomField, text string) (string, *int64, string) {
	value, ok := clean(text, false)
	if !ok || !slices.Contains(choicesOf(f), value) {
		return "", nil, "不在可选项中 / it is none of the choices"
	}
	return value, nil, ""
}
