package segment

import (
	"context"
	"time"
)

// By says what answered a rule. The values are labels of metrics.
type By string

// What answers rules.
const (
	ByIndex By = "index" // the index in memory
	// ByBoth: the index found few candidates, and a statement looked at them for what the index does not hold.
	ByBoth By = "both"
	BySQL  By = "sql"
)

// Audience answers rules from memory, as of a moment ago. by is BySQL, and nothing else is said, when it can't: then the
// statement is to be asked.
type Audience interface {
	Count(ctx context.Context, env *Env, rule *Rule) (n int64, by By, err error)
	// IDs gives the ids of those who fit, ascending.
	IDs(ctx context.Context, env *Env, rule *Rule) (ids []int64, by By, err error)
}

// Departments lists a department and all below it.
func (v *Vocabulary) Departments(id int64) []int64 { return orItself(v.departments, id) }

// Categories lists a product category and all below it.
func (v *Vocabulary) Categories(id int64) []int64 { return orItself(v.categories, id) }

func orItself(tree map[int64][]int64, id int64) []int64 {
	if under := tree[id]; len(under) > 0 {
		return under
	}
	return []int64{id}
}

// MonthDays lists the days of a window as mmdd, ascending; those of 29 February are counted on the 28th in years without one.
func (w *Window) MonthDays(now time.Time, zone *time.Location) []int { return w.monthDays(now, zone) }

// ShareIn is ShareOf for many customers of one salt. The prime is one below a power of two, so a remainder takes a few
// additions instead of a division.
func ShareIn(salt string) func(customerID int64) int64 {
	a, b := shareOffsets(salt)
	rest := func(x int64) int64 {
		x = x&sharePrime + x>>31
		x = x&sharePrime + x>>31
		if x >= sharePrime {
			x -= sharePrime
		}
		return x
	}
	power := func(x int64) int64 {
		square := rest(x * x)
		return rest(rest(square*square) * x)
	}
	return func(id int64) int64 {
		return rest(power(rest(power(rest(rest(id)+a))+b))) % ShareParts
	}
}
