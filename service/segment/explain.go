package segment

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
)

// Explanation says why a customer is in a segment, or is not.
type Explanation struct {
	Fits   bool // the rule and what holds for all rules, now
	Member bool // as the segment knows it; differs from Fits while a fact or a build is under way
	Minor  bool // left out because known to be under 14
	Tree   Verdict
}

// Verdict is a node of the rule with its answer.
type Verdict struct {
	Path  string
	Shape string // all, any, not, condition
	Holds bool
	Parts []Verdict
	// Of a condition: what was asked, and what the database has. Seen holds texts, whole numbers and times; numbers
	// that are row ids name things of the kind Ref.
	Condition *Condition
	Type      Type
	Ref       model.Kind
	Seen      []any
}

// Explain asks a segment's rule, or another one that somebody is trying (r not nil), about one customer whom the viewer
// may see.
func (s *Service) Explain(ctx context.Context, v *staff.Viewer, id int64, r *Rule, customerID int64) (*Explanation, error) {
	db := s.DB.WithContext(ctx)
	row, err := segmentByID(db, id)
	if err != nil {
		return nil, err
	}
	if r == nil && row.Kind == Dynamic {
		l, err := s.liveOf(db, row)
		if err != nil {
			return nil, err
		}
		r = l.rule
	}
	if r == nil {
		return nil, ErrKind
	}
	c, err := s.visible(ctx, v, customerID)
	if err != nil {
		return nil, err
	}
	e, err := s.env(db, row.Minors, s.Now())
	if err != nil {
		return nil, err
	}
	have, err := membersIn(db, id, Scope{IDs: []int64{customerID}})
	if err != nil {
		return nil, err
	}
	x := &explainer{compiler: &compiler{Env: e, scope: Scope{IDs: []int64{customerID}}}, db: db, customer: customerID}
	out := &Explanation{Member: len(have) > 0, Minor: c.Minor && !row.Minors, Tree: x.verdict("rule", r)}
	out.Fits = out.Tree.Holds && !out.Minor && c.MergedInto == 0
	return out, errors.Join(x.err, x.failed)
}

// visible finds a customer whom the viewer may see.
func (s *Service) visible(ctx context.Context, v *staff.Viewer, id int64) (*model.Customer, error) {
	all, staffIDs, err := s.Staff.VisibleStaff(ctx, v)
	if err != nil {
		return nil, err
	}
	var c model.Customer
	err = seenBy(s.DB.WithContext(ctx), all, staffIDs).Where("customer.id = ?", id).Take(&c).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, ErrCustomer
	}
	return &c, err
}

// explainer asks every condition by itself.
type explainer struct {
	*compiler
	db       *gorm.DB
	customer int64
	failed   error
}

func (x *explainer) verdict(path string, r *Rule) Verdict {
	v := Verdict{Path: path, Holds: true}
	switch {
	case r.Is != nil:
		return x.condition(path, r)
	case r.Not != nil:
		v.Shape, v.Parts = "not", []Verdict{x.verdict(path+".not", r.Not)}
		v.Holds = !v.Parts[0].Holds
	case r.Any != nil:
		v.Shape, v.Holds = "any", false
		for i := range r.Any {
			p := x.verdict(fmt.Sprintf("%s.any[%d]", path, i), &r.Any[i])
			v.Parts, v.Holds = append(v.Parts, p), v.Holds || p.Holds
		}
	default:
		v.Shape = "all"
		for i := range r.All {
			p := x.verdict(fmt.Sprintf("%s.all[%d]", path, i), &r.All[i])
			v.Parts, v.Holds = append(v.Parts, p), v.Holds && p.Holds
		}
	}
	return v
}

func (x *explainer) condition(path string, r *Rule) Verdict {
	l, why := x.Known.leaf(r.Is)
	if why != "" {
		x.fail(path, why)
		return Verdict{Path: path}
	}
	v := Verdict{Path: path, Shape: "condition", Condition: r.Is, Type: l.kind}
	q := x.leaf(l)
	var n int64
	x.keep(x.db.Raw("SELECT COUNT(*) FROM customer WHERE customer.id = ? AND "+q.SQL, append([]any{x.customer}, q.Args...)...).Scan(&n).Error)
	v.Holds = n > 0
	seen, ref := x.seen(l)
	v.Ref, v.Seen = ref, x.read(seen, l, ref)
	return v
}

func (x *explainer) keep(err error) {
	if err != nil && x.failed == nil {
		x.failed = fmt.Errorf("explain a rule: %w", err)
	}
}

// mostSeen bounds what is shown of what a customer has many of.
const mostSeen = 50

// seen is the statement that gives what a condition looked at.
func (x *explainer) seen(l *leaf) (Query, model.Kind) {
	src, where := x.source(l)
	what, more, ref := src.column, "", model.Kind(0)
	switch {
	case l.kind == Share:
		q := shareSQL(l.about, "customer.id")
		return Query{"SELECT " + q.SQL + " FROM customer WHERE customer.id = ?", append(q.Args, x.customer)}, 0
	case l.kind == Happening && (l.Op == "first" || l.Op == "last"):
		what = extremeOf(l.Op, src)
	case l.kind == Reference || l.kind == Names:
		what, more, ref = "DISTINCT "+src.key, fmt.Sprintf(" ORDER BY 1 LIMIT %d", mostSeen), l.field.Ref
		where = append(where, x.window(src, l.Window)...)
	case src.total != "":
		what = src.total
	case src.sum != "":
		what = "COALESCE(" + src.sum + ", 0)"
		where = append(where, x.window(src, l.Window)...)
	case src.column == "":
		what = "MAX(" + src.at + ")"
	}
	q := x.rows(src, where)
	return Query{"SELECT " + what + q.SQL + more, q.Args}, ref
}

// read runs a statement of seen and gives its values in Go's types.
func (x *explainer) read(q Query, l *leaf, ref model.Kind) (out []any) {
	rows, err := x.db.Raw(q.SQL, q.Args...).Rows()
	if err != nil {
		x.keep(err)
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var v any
		if err := rows.Scan(&v); err != nil {
			x.keep(err)
			return nil
		}
		if v = plain(v, l, ref); v != nil {
			out = append(out, v)
		}
	}
	x.keep(rows.Err())
	return out
}

// sqliteTime is how SQLite keeps times in an expression.
const sqliteTime = "2006-01-02 15:04:05.999999999-07:00"

// plain is a value as it is shown. Drivers give texts as bytes, sums as texts, and times of expressions in SQLite as texts.
func plain(v any, l *leaf, ref model.Kind) any {
	switch b := v.(type) {
	case nil:
		return nil
	case time.Time:
		return b.UTC()
	case []byte:
		v = string(b)
	}
	text, isText := v.(string)
	if isText && (l.kind == Moment || l.Op == "first" || l.Op == "last") {
		if t, err := time.Parse(sqliteTime, text); err == nil {
			return t.UTC()
		}
	}
	n, isNumber := v.(int64)
	if isText && (ref != 0 || l.kind == Number || l.kind == Money || l.kind == Happening || l.kind == Share) {
		whole, _, _ := strings.Cut(text, ".")
		n, _ = strconv.ParseInt(whole, 10, 64)
		isNumber = true
	}
	switch {
	case !isNumber:
		return v
	case l.field.from.numbered:
		return l.choices[min(max(n, 0), int64(len(l.choices)-1))].Value
	case l.kind == Decimal:
		return formatDecimal(n)
	case l.kind == Day:
		return dayOf(int(n)).Format(time.DateOnly)
	}
	return n
}
