// Package segment 人群 owns saved rules over customers: the language of rules, its one registry of fields, the compiler
// to one SQL statement, who is in which segment, and the facts that somebody entered or left.
package segment

import (
	"encoding/json"
	"fmt"
	"strconv"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// The bounds of a rule.
const (
	MaxDepth  = 8
	MaxNodes  = 50
	MaxValues = 200 // of one condition
	MaxBytes  = 64 << 10
)

// ErrRule says that a rule can't be read or asks what can't be asked; its fields name the place in the tree.
var ErrRule = fault.New(fault.Invalid, "segment.bad_rule", "规则有误", "There is a mistake in the rule")

// Rule is a node of a tree: exactly one of All, Any, Not and Is is set. All of nothing fits everybody.
type Rule struct {
	All []Rule
	Any []Rule
	Not *Rule
	Is  *Condition
}

// Condition asks one field of the registry.
type Condition struct {
	Field  string // a name of the registry, with what it is about after it: city, custom.size, event.product_view
	Op     string
	Values []Value
	Window *Window  // which time it is about; nil: all time
	Where  []Filter // which orders, events, relations; all must fit

	kind Type // of the field, as Decode found it
}

// Filter narrows the rows that a condition looks at.
type Filter struct {
	Property string
	Op       string
	Values   []Value
}

// Value is a text, or a number: whole, in fen, in ten-thousandths, a day as yyyymmdd, a row id. The field's type
// says which.
type Value struct {
	Text   string
	Number int64
}

// Refs turns the ids that stand in a rule into row ids and back; model.PublicIDs is one.
type Refs interface {
	Row(kind model.Kind, id string) (int64, error)
	Of(kind model.Kind, row int64) string
}

// rowIDs are the ids in rules at rest.
type rowIDs struct{}

func (rowIDs) Row(_ model.Kind, id string) (int64, error) {
	row, err := strconv.ParseInt(id, 10, 64)
	if err != nil || row <= 0 {
		return 0, model.ErrNoSuchID
	}
	return row, nil
}

func (rowIDs) Of(_ model.Kind, row int64) string { return strconv.FormatInt(row, 10) }

// Each calls f for every condition of the tree, in its order, with its path.
func (r *Rule) Each(f func(path string, c *Condition)) { r.each("rule", f) }

func (r *Rule) each(path string, f func(string, *Condition)) {
	switch {
	case r.Is != nil:
		f(path, r.Is)
	case r.Not != nil:
		r.Not.each(path+".not", f)
	}
	for i := range r.All {
		r.All[i].each(fmt.Sprintf("%s.all[%d]", path, i), f)
	}
	for i := range r.Any {
		r.Any[i].each(fmt.Sprintf("%s.any[%d]", path, i), f)
	}
}

// conditions lists the leaves.
func (r *Rule) conditions() []*Condition {
	var out []*Condition
	r.Each(func(_ string, c *Condition) { out = append(out, c) })
	return out
}

// node is a rule as JSON.
type node struct {
	All    *[]node      `json:"all,omitempty"`
	Any    *[]node      `json:"any,omitempty"`
	Not    *node        `json:"not,omitempty"`
	Field  string       `json:"field,omitempty"`
	Op     string       `json:"op,omitempty"`
	Values []any        `json:"values,omitempty"`
	Window *Window      `json:"window,omitempty"`
	Where  []filterNode `json:"where,omitempty"`
}

type filterNode struct {
	Property string `json:"property"`
	Op       string `json:"op"`
	Values   []any  `json:"values"`
}

// Encode gives the rule as JSON, ids as refs gives them. Decode of it is the same rule.
func (r *Rule) Encode(refs Refs) []byte {
	out, err := json.Marshal(r.node(refs))
	if err != nil {
		panic(err) // a node holds nothing that JSON can't
	}
	return out
}

func (r *Rule) node(refs Refs) node {
	switch {
	case r.Is != nil:
		return r.Is.node(refs)
	case r.Not != nil:
		n := r.Not.node(refs)
		return node{Not: &n}
	case r.Any != nil:
		return node{Any: nodes(r.Any, refs)}
	}
	return node{All: nodes(r.All, refs)}
}

func nodes(rules []Rule, refs Refs) *[]node {
	out := make([]node, len(rules))
	for i := range rules {
		out[i] = rules[i].node(refs)
	}
	return &out
}

func (c *Condition) node(refs Refs) node {
	n := node{Field: c.Field, Op: c.Op, Window: c.Window}
	field, _ := fieldOf(c.Field)
	if field == nil {
		return n
	}
	kind := field.Type
	if c.kind != "" {
		kind = c.kind
	}
	n.Values = writeValues(c.Values, valuesOf(kind, c.Op), field.Ref, refs)
	for _, f := range c.Where {
		p := field.property(f.Property)
		if p == nil {
			continue
		}
		n.Where = append(n.Where, filterNode{f.Property, f.Op, writeValues(f.Values, p.Type, p.Ref, refs)})
	}
	return n
}
