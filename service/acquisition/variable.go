package acquisition

import (
	"strings"
	"unicode/utf8"
)

// variable is something a text may name in double braces. The list is closed: a text is no program.
type variable struct {
	name     string // data: stored in texts, never renamed
	fallback string // when the value is not known
	value    func(values) string
}

// values are what variables stand for in one message.
type values struct {
	customer, staff, alias, channel, corp string
}

const customerName = "客户昵称"

var variables = []variable{
	{customerName, "朋友", func(v values) string { return v.customer }},
	{"员工姓名", "我", func(v values) string { return firstOf(v.staff, v.alias) }},
	{"员工别名", "我", func(v values) string { return firstOf(v.alias, v.staff) }},
	{"渠道", "", func(v values) string { return v.channel }},
	{"企业", "我们", func(v values) string { return v.corp }},
}

// maxValueBytes bounds what a variable may add to a text, so that a text that was accepted never
// grows past the platform's limit.
const maxValueBytes = 128

// piece is a stretch of a text: as it stands, or a variable.
type piece struct {
	literal  string
	variable *variable
}

// parse splits a text at its variables. It fails with ErrUnknownVariable on one that is not in the
// list and on braces that are not closed.
func parse(text string) ([]piece, error) {
	var pieces []piece
	for {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			pieces = append(pieces, piece{literal: before})
		}
		if !found {
			return pieces, nil
		}
		name, after, closed := strings.Cut(rest, "}}")
		v := variableNamed(strings.TrimSpace(name))
		if !closed || v == nil {
			return nil, ErrUnknownVariable.With("text", "{{"+cutRunes(name, 32)+"}}: only "+variableNames())
		}
		pieces = append(pieces, piece{variable: v})
		text = after
	}
}

// variableNames lists what a text may name, for those who write it.
func variableNames() string {
	list := make([]string, len(variables))
	for i, v := range variables {
		list[i] = "{{" + v.name + "}}"
	}
	return strings.Join(list, " ")
}

func variableNamed(name string) *variable {
	for i := range variables {
		if variables[i].name == name {
			return &variables[i]
		}
	}
	return nil
}

// names tells whether a text asks for a variable.
func names(pieces []piece, name string) bool {
	for _, p := range pieces {
		if p.variable != nil && p.variable.name == name {
			return true
		}
	}
	return false
}

// longest is the length in bytes that a text can reach.
func longest(pieces []piece) int {
	n := 0
	for _, p := range pieces {
		if p.variable != nil {
			n += maxValueBytes
			continue
		}
		n += len(p.literal)
	}
	return n
}

// fill puts values into a text. Values are put in as they are: braces in them mean nothing.
func fill(pieces []piece, v values) string {
	var b strings.Builder
	for _, p := range pieces {
		if p.variable == nil {
			b.WriteString(p.literal)
			continue
		}
		b.WriteString(cutBytes(firstOf(p.variable.value(v), p.variable.fallback), maxValueBytes))
	}
	return b.String()
}

// maxRemark is how many characters the platform keeps of a remark; platform documentation, 客户联系,
// 修改客户备注信息.
const maxRemark = 20

// fillRemark puts values into a remark pattern and keeps to maxRemark: the customer's name gives way,
// so that what the operator added is still to be seen. It is empty when nothing is known of the customer.
func fillRemark(pieces []piece, v values) string {
	if v.customer == "" && names(pieces, customerName) {
		return ""
	}
	fixed, times := 0, 0
	for _, p := range pieces {
		switch {
		case p.variable == nil:
			fixed += utf8.RuneCountInString(p.literal)
		case p.variable.name == customerName:
			times++
		default:
			fixed += utf8.RuneCountInString(p.variable.value(v))
		}
	}
	if times > 0 {
		v.customer = cutRunes(v.customer, max((maxRemark-fixed)/times, 1))
	}
	var b strings.Builder
	for _, p := range pieces {
		if p.variable == nil {
			b.WriteString(p.literal)
			continue
		}
		b.WriteString(p.variable.value(v)) // no fallback: a remark says only what is known
	}
	return strings.TrimSpace(cutRunes(b.String(), maxRemark))
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// cutRunes keeps at most n characters.
func cutRunes(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}

// cutBytes keeps at most n bytes, in whole characters.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
