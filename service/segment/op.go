package segment

import "slices"

// Op is a question that can be asked. Its name is data, stored in rules.
type Op struct {
	Name     string
	Zh, En   string
	Min, Max int // how many values it takes
	Window   Need
}

// Need says whether something has to be given.
type Need int

// What may be said of a part of a condition.
const (
	Never Need = iota
	Maybe
	Always
)

// opsOf lists the questions for each type.
var opsOf = map[Type][]Op{
	Text: {
		{"is", "是", "is one of", 1, MaxValues, Maybe}, {"is_not", "不是", "is none of", 1, MaxValues, Maybe},
		{"contains", "包含", "contains one of", 1, 20, Maybe}, {"begins", "开头是", "begins with one of", 1, 20, Maybe}, filled, empty,
	},
	Number: numberOps, Money: numberOps, Decimal: slices.Concat(numberOps, []Op{filled, empty}),
	Choices: {{"is", "是", "is one of", 1, MaxValues, Maybe}, {"is_not", "不是", "is none of", 1, MaxValues, Maybe}, filled, empty},
	Day:     timeOps, Moment: timeOps, Anniversary: timeOps,
	Reference: setOps, Names: setOps,
	Happening: {
		{"did", "做过", "did", 0, 0, Maybe}, {"did_not", "没做过", "did not", 0, 0, Maybe},
		{"at_least", "至少几次", "at least n times", 1, 1, Maybe}, {"at_most", "至多几次", "at most n times", 1, 1, Maybe},
		{"first", "首次发生在", "for the first time in", 0, 0, Always}, {"last", "最近一次发生在", "for the last time in", 0, 0, Always},
	},
	Share: {{"between", "介于", "from and below", 2, 2, Never}},
}

var (
	filled    = Op{"filled", "有值", "is known", 0, 0, Never}
	empty     = Op{"empty", "为空", "is not known", 0, 0, Never}
	numberOps = []Op{
		{"equal", "等于", "equals", 1, 1, Maybe}, {"at_least", "至少", "at least", 1, 1, Maybe},
		{"at_most", "至多", "at most", 1, 1, Maybe}, {"between", "介于（含两端）", "between, both included", 2, 2, Maybe},
	}
	timeOps = []Op{{"in", "在", "in", 0, 0, Always}, {"not_in", "不在", "not in", 0, 0, Always}, filled, empty}
	setOps  = []Op{
		{"any", "含任一", "any of", 1, MaxValues, Maybe}, {"all", "含全部", "all of", 1, 20, Maybe}, {"none", "不含", "none of", 1, MaxValues, Maybe},
	}
)

// negated are the questions that are the opposite of another one.
var negated = map[string]string{
	"is_not": "is", "not_in": "in", "none": "any", "did_not": "did", "empty": "filled",
}

// Ops lists the questions that a field of this type takes.
func (t Type) Ops() []Op { return opsOf[t] }

func (t Type) op(name string) *Op {
	for i := range opsOf[t] {
		if opsOf[t][i].Name == name {
			return &opsOf[t][i]
		}
	}
	return nil
}

// valuesOf is the type of an op's values, where it is not the field's.
func valuesOf(t Type, op string) Type {
	switch {
	case t == Happening || t == Share:
		return Number
	case t == Names:
		return Text
	}
	return t
}
