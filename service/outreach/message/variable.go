package message

import (
	"regexp"
	"slices"
	"strings"
)

// Variable is something that a text may name in double braces. The list is closed.
type Variable struct {
	Name   string // data: stored in texts, never renamed
	En     string
	Chars  int    // a longer value is cut
	Source string // who knows it: customer, staff, account, planner
	// Derived from the customer's behaviour: not for those who refuse to be targeted, whose fallback is written.
	Derived bool
}

// Who knows the value of a variable.
const (
	FromCustomer = "customer"
	FromStaff    = "staff"
	FromAccount  = "account"
	FromPlanner  = "planner" // whoever intends the message; nobody can say what else to write
)

// The names of variables.
const (
	VarName    = "客户昵称"
	VarStaff   = "员工姓名"
	VarAlias   = "员工别名"
	VarCompany = "企业"
	VarChannel = "渠道"
	VarCity    = "城市"
	VarMember  = "会员号"
	VarStage   = "生命周期阶段"
	VarCode    = "券码"
	VarCoupon  = "券名"
	VarExpiry  = "到期日"
	VarLink    = "链接"
	// VarField comes before the name of a custom field.
	VarField = "字段."
)

var variables = []Variable{
	{Name: VarName, En: "the customer's nickname", Chars: 32, Source: FromCustomer},
	{Name: VarStaff, En: "the sender's name", Chars: 32, Source: FromStaff},
	{Name: VarAlias, En: "the sender's alias", Chars: 32, Source: FromStaff},
	{Name: VarCompany, En: "the account's title", Chars: 32, Source: FromAccount},
	{Name: VarChannel, En: "where the customer first came from", Chars: 32, Source: FromCustomer},
	{Name: VarCity, En: "the customer's city", Chars: 32, Source: FromCustomer},
	{Name: VarMember, En: "the customer's member number", Chars: 32, Source: FromCustomer},
	{Name: VarStage, En: "the customer's stage", Chars: 32, Source: FromCustomer, Derived: true},
	{Name: VarCode, En: "the coupon's code", Chars: 32, Source: FromPlanner},
	{Name: VarCoupon, En: "the coupon's title", Chars: 64, Source: FromPlanner},
	{Name: VarExpiry, En: "when it expires", Chars: 32, Source: FromPlanner},
	{Name: VarLink, En: "an address that counts clicks", Chars: 200, Source: FromPlanner},
}

// fieldChars bounds the value of a custom field.
const fieldChars = 64

var fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Variables lists what texts may name, but for custom fields, which are named VarField and their name.
func Variables() []Variable { return slices.Clone(variables) }

// Samples stand for what only a planner knows where somebody tries a message.
func Samples() map[string]string {
	out := map[string]string{}
	for _, v := range variables {
		if v.Source == FromPlanner {
			out[v.Name] = "［" + v.Name + "］"
		}
	}
	out[VarLink] = "https://example.com/"
	return out
}

func variableNamed(name string) (Variable, bool) {
	if field, ok := strings.CutPrefix(name, VarField); ok {
		return Variable{Name: name, Chars: fieldChars, Source: FromCustomer}, fieldName.MatchString(field)
	}
	i := slices.IndexFunc(variables, func(v Variable) bool { return v.Name == name })
	if i < 0 {
		return Variable{}, false
	}
	return variables[i], true
}

func isVariable(name string) bool {
	_, ok := variableNamed(name)
	return ok
}

// longest is how long a text can become: in characters, and in bytes when each of them takes as many as it may.
func longest(pieces []Piece) (chars, bytes int) {
	for _, p := range pieces {
		if p.Variable == "" {
			chars += len([]rune(p.Literal))
			bytes += len(p.Literal)
			continue
		}
		v, _ := variableNamed(p.Variable)
		n, size := v.Chars, v.Chars*4
		if v.Name == VarLink || v.Name == VarCode {
			size = v.Chars // they are made of ASCII
		}
		chars += max(n, len([]rune(p.Fallback)))
		bytes += max(size, len(p.Fallback))
	}
	return chars, bytes
}
