package loyalty

import (
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// Rule is a rule with what the events have to say.
type Rule struct {
	model.PointsRule
	Where []event.Match // all must hold
}

const maxWhere = 10

// fromSource asks from where an event came: open, miniapp…; it is nothing that an event says itself.
const fromSource = "source"

// checkWhere finds what is wrong with the filters on a kind of events.
func checkWhere(list []event.Match, kind *event.Kind) error {
	if len(list) > maxWhere {
		return ErrInvalid.With("where", "最多 10 个条件 / at most 10")
	}
	for _, m := range list {
		p, known := kind.Property(m.Property)
		switch {
		case (!known || p.Type == event.RowID) && m.Property != fromSource:
			return ErrInvalid.With("where.property", "这种事件没有这个属性 / events of this kind say no such thing")
		case !event.KnownOp(m.Op):
			return ErrInvalid.With("where.op", "is, is_not, contains, at_least, at_most")
		case !readable(m.Value):
			return ErrInvalid.With("where.value", "1 到 64 个字 / 1 to 64 characters")
		}
	}
	return nil
}

func readable(text string) bool {
	n := utf8.RuneCountInString(text)
	if n == 0 || n > 64 || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// fits tells whether an event says what a rule asks for.
func (r *Rule) fits(e *model.Event, said event.Said) bool {
	for _, m := range r.Where {
		if m.Property == fromSource {
			if !m.Holds(event.Said{fromSource: e.Source}) {
				return false
			}
		} else if !m.Holds(said) {
			return false
		}
	}
	return true
}

// rulesWhere lists all rules with their filters.
func rulesWhere(tx *gorm.DB) ([]Rule, error) {
	rows, err := rules(tx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	where, err := matchesOf(tx)
	if err != nil {
		return nil, err
	}
	list := make([]Rule, len(rows))
	for i, r := range rows {
		list[i] = Rule{r, where[r.ID]}
	}
	return list, nil
}
