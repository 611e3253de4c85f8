package acquisition

import (
	"slices"
	"strings"
	"unicode/utf8"

	"zhiyin/service/outreach/message"
)

// variable is something a text may name in double braces, as messages do; the list is closed, and shorter than theirs: of a customer
// who is being welcomed little is known, and no planner stands behind.
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

// parse splits a text at its variables; an author may write a fallback of their own, {{name|fallback}}. It fails with
// ErrUnknownVariable on a variable that is not in the list and on braces that are not closed.
func parse(text string) ([]message.Piece, error) {
	var name string
	pieces, err := message.Split(text, func(n string) bool { name = n; return variableNamed(n) != nil })
	if err != nil {
		return nil, ErrUnknownVariable.With("text", "{{"+message.CutChars(name, 32)+"}}: only "+variableNames())
	}
	return pieces, nil
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
func names(pieces []message.Piece, name string) bool {
	return slices.ContainsFunc(pieces, func(p message.Piece) bool { return p.Variable == name })
}

// longest is the length in bytes that a text can reach.
func longest(pieces []message.Piece) int {
	n := 0
	for _, p := range pieces {
		n += len(p.Literal)
		if p.Variable != "" {
			n += max(maxValueBytes, len(p.Fallback))
		}
	}
	return n
}

// fill puts values into a text, each as it is: braces in them mean nothing. What is not known is what the author or else the list
// says instead.
func fill(pieces []message.Piece, v values) string {
	return filled(pieces, func(f *variable) string { return f.fallback }, func(f *variable) string {
		return cutBytes(message.Inert(f.value(v)), maxValueBytes)
	})
}

// filled is a text with values in it; instead says what stands for those that are not known where the author does not say.
func filled(pieces []message.Piece, instead, value func(*variable) string) string {
	pieces = slices.Clone(pieces)
	for i := range pieces {
		if p := &pieces[i]; p.Variable != "" && !p.HasFallback {
			p.Fallback, p.HasFallback = instead(variableNamed(p.Variable)), true
		}
	}
	text, _ := message.Fill(pieces, func(name string) string { return value(variableNamed(name)) })
	return text
}

// maxRemark is how many characters the platform keeps of a remark; platform documentation, 客户联系,
// 修改客户备注信息.
const maxRemark = 20

// fillRemark puts values into a remark pattern and keeps to maxRemark: the customer's name gives way,
// so that what the operator added is still to be seen. It is empty when nothing is known of the customer.
func fillRemark(pieces []message.Piece, v values) string {
	if v.customer == "" && names(pieces, customerName) {
		return ""
	}
	none := func(*variable) string { return "" } // a remark says only what is known
	fixed, times := 0, 0
	for i, p := range pieces {
		if p.Variable == customerName {
			times++
			continue
		}
		fixed += utf8.RuneCountInString(filled(pieces[i:i+1], none, func(f *variable) string { return f.value(v) }))
	}
	if times > 0 {
		v.customer = message.CutChars(v.customer, max((maxRemark-fixed)/times, 1))
	}
	text := filled(pieces, none, func(f *variable) string { return f.value(v) })
	return strings.TrimSpace(message.CutChars(text, maxRemark))
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
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
