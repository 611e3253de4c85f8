package segment

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
)

// FuzzV1_RulesBecomeNoText writes rules as an attacker would: field, operator, logic, value and nesting from the input,
// beside the input itself read as a rule. Whatever is accepted compiles to a statement of known words, with all that
// came from outside as parameters: the same rule with other texts is the same statement.
//
//	go test -fuzz FuzzV1 -fuzztime 5m ./service/segment
func FuzzV1_RulesBecomeNoText(f *testing.F) {
	for _, seed := range hostileTexts {
		f.Add([]byte{5, 0, 0, 1}, seed)
		f.Add([]byte{2, 3, 5, 30, 2, 1, 0, 0, 5, 12, 1, 9, 9, 9, 1, 1, 5, 60, 1, 2, 3}, seed)
	}
	f.Add([]byte(`{"all":[{"field":"city","op":"is","values":["a"]},{"not":{"field":"event.cart","op":"did","where":[{"property":"text.color","op":"is","values":["b"]}]}}]}`), "x")
	g := newGuard()
	f.Fuzz(func(t *testing.T, raw []byte, text string) {
		g.tries(t, raw)
		h := hostile{program: raw, text: text}
		if tree, err := json.Marshal(h.node(1)); err == nil {
			g.tries(t, tree)
		}
	})
}

var hostileTexts = []string{
	"' OR '1'='1", `"; DROP TABLE customer; --`, "1) OR 1=1 -- ", "UNION SELECT password FROM staff", "customer.id) = 1 OR (1", "?", "??", "\\", "`id`", "0x27", "/*!50000 x*/", "%' ESCAPE '", "$.\"a\"", "上海",
	"a\"')) OR (SELECT 1)", "SLEEP(5)", "name", "in", "\x00", "\u202e",
}

// guard holds what rules compile to against what they may.
type guard struct {
	words map[string]bool
	known *Vocabulary
	envs  [2]*Env
}

var newGuard = sync.OnceValue(func() *guard {
	w := &world{parents: map[model.Kind]map[int64]int64{model.KindDepartment: {1: 0, 2: 1}, model.KindProductCategory: {1: 0, 2: 1}}}
	for i, kind := range []string{"text", "number", "date", "choice", "choices"} {
		w.customs = append(w.customs, &model.CustomField{ID: int64(i + 1), Name: kind, Kind: kind, Choices: `["red","green","blue"]`})
	}
	g := &guard{known: vocabularyOf(w), words: map[string]bool{}}
	for i := range g.envs {
		g.envs[i] = &Env{Now: noon, Zone: shanghai, Known: g.known, Minors: i == 0, SQLite: i == 1}
	}
	r := randomRule{Rand: rand.New(rand.NewPCG(1, 1))}
	for range 40 { // all that harmless rules ever say
		for i := range fields {
			raw, err := json.Marshal(map[string]any{"not": r.condition(&fields[i], "")})
			if err != nil {
				panic(err)
			}
			rule, err := Decode(raw, rowIDs{}, g.known)
			if err != nil {
				panic(fmt.Sprintf("%s: %v", raw, err))
			}
			for _, e := range g.envs {
				for _, q := range g.compiled(e, rule) {
					for word := range wordsOf(q.SQL) {
						g.words[word] = true
					}
				}
			}
		}
	}
	return g
})

// wordsOf cuts a statement into names, numbers, quoted texts and signs.
func wordsOf(sql string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(sql) > 0 {
			n := wordAt(sql)
			if word := sql[:n]; word != " " && !yield(word) {
				return
			}
			sql = sql[n:]
		}
	}
}

// wordAt is how long the word is that a text begins with.
func wordAt(sql string) int {
	c, n := sql[0], 1
	switch {
	case c == '\'':
		if end := strings.IndexByte(sql[1:], c); end >= 0 {
			n = end + 2
		}
	case isDigit(c):
		for n < len(sql) && isDigit(sql[n]) {
			n++
		}
	case isLetter(c):
		for n < len(sql) && (isLetter(sql[n]) || isDigit(sql[n]) || sql[n] == '.') {
			n++
		}
	}
	return n
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// compiled gives all statements that a rule becomes.
func (g *guard) compiled(e *Env, r *Rule) []Query {
	all, err := e.Select(r, Scope{})
	some, err2 := e.Count(r, Scope{IDs: []int64{1, 2}})
	crossings, err3 := e.Crossings(r, noon.AddDate(0, 0, -1), noon)
	if err := errors.Join(err, err2, err3); err != nil {
		panic(err) // what was decoded compiles
	}
	return append(crossings, all, some)
}

// tries holds one rule, if it is one, and tells whether it was accepted.
func (g *guard) tries(t *testing.T, raw []byte) bool {
	rule, err := Decode(raw, rowIDs{}, g.known)
	if err != nil {
		if !errors.Is(err, ErrRule) {
			t.Errorf("%q: refused with %v", raw, err)
		}
		return false
	}
	tame := tamed(rule)
	e := g.envs[len(raw)%2] // by chance
	others := g.compiled(e, tame)
	for i, q := range g.compiled(e, rule) {
		if q.SQL != others[i].SQL {
			t.Errorf("%q changes the statement:\n%s\n%s", raw, q.SQL, others[i].SQL)
		}
		if n := strings.Count(q.SQL, "?"); n != len(q.Args) {
			t.Errorf("%q: %d places for %d parameters\n%s", raw, n, len(q.Args), q.SQL)
		}
		if word := g.stranger(q.SQL); word != "" {
			t.Errorf("%q brings %q into the statement\n%s", raw, word, q.SQL)
		}
	}
	return true
}

// stranger gives a word of a statement that harmless rules never say; empty: there is none.
func (g *guard) stranger(sql string) string {
	for word := range wordsOf(sql) {
		if !g.words[word] {
			return word
		}
	}
	return ""
}

// tamed is the rule with harmless texts in the place of all that are free.
func tamed(r *Rule) *Rule {
	out := &Rule{}
	switch {
	case r.Is != nil:
		c := *r.Is
		c.Values = tamedValues(r.Is.Values)
		if f, about := fieldOf(c.Field); f.Type == Happening && about != "" {
			c.Field = f.Name + ".tame"
		}
		c.Where = nil
		for _, w := range r.Is.Where {
			if how, _, ok := strings.Cut(w.Property, "."); ok {
				w.Property = how + ".tame"
			}
			w.Values = tamedValues(w.Values)
			c.Where = append(c.Where, w)
		}
		out.Is = &c
	case r.Not != nil:
		out.Not = tamed(r.Not)
	case r.Any != nil:
		out.Any = tamedRules(r.Any)
	default:
		out.All = tamedRules(r.All)
	}
	return out
}

func tamedRules(list []Rule) []Rule {
	out := make([]Rule, len(list))
	for i := range list {
		out[i] = *tamed(&list[i])
	}
	return out
}

func tamedValues(values []Value) []Value {
	out := make([]Value, len(values))
	for i, v := range values {
		if out[i] = v; v.Text != "" {
			out[i].Text = "tame"
		}
	}
	return out
}

// hostile writes a rule by a program of bytes, with a text wherever the program says.
type hostile struct {
	program []byte
	text    string
	nodes   int
}

func (h *hostile) next() int {
	if len(h.program) == 0 {
		return 0
	}
	n := int(h.program[0])
	h.program = h.program[1:]
	return n
}

// or is the known word, or now and then what the attacker says instead or after it.
func (h *hostile) or(word string) string {
	switch h.next() {
	case 250:
		return h.text
	case 251:
		return word + h.text
	case 252:
		return word + "." + h.text
	}
	return word
}

func (h *hostile) node(depth int) any {
	h.nodes++
	shape := h.next() % 6
	if depth > MaxDepth+1 || h.nodes > MaxNodes+2 {
		shape = 5
	}
	list := func() []any {
		out := []any{}
		for range 1 + h.next()%3 {
			out = append(out, h.node(depth+1))
		}
		return out
	}
	switch shape {
	case 0:
		return map[string]any{h.or("not"): h.node(depth + 1)}
	case 1:
		return map[string]any{h.or("any"): list()}
	case 2:
		return map[string]any{h.or("all"): list()}
	}
	return h.condition()
}

func (h *hostile) condition() map[string]any {
	f := &fields[h.next()%len(fields)]
	name, kind := f.Name, f.Type
	switch f.Name {
	case "custom":
		about := []string{"text", "number", "date", "choice", "choices"}[h.next()%5]
		name, kind = name+"."+about, kindOfCustom[about]
	case "event", "share":
		name += "." + []string{"cart", h.text}[h.next()%2]
	}
	op := kind.Ops()[h.next()%len(kind.Ops())]
	c := map[string]any{"field": h.or(name), "op": h.or(op.Name)}
	if op.Max > 0 {
		c["values"] = h.values(op, valuesOf(kind, op.Name), f.Choices)
	}
	if op.Window == Always || op.Window == Maybe && f.Windowed && h.next()%2 == 0 {
		c["window"] = []any{map[string]any{"last_days": 1 + h.next()}, map[string]any{"next_days": 1 + h.next()}, map[string]any{"period": h.or("this_week")},
			map[string]any{"from": h.or("2026-11-01")}, map[string]any{h.or("last_hours"): 1 + h.next()}}[h.next()%5]
	}
	if len(f.Where) > 0 && h.next()%2 == 0 {
		p := &f.Where[h.next()%len(f.Where)]
		name, op := p.Name, p.Ops()[h.next()%len(p.Ops())]
		if p.Prefix {
			name += "." + []string{"color", h.text}[h.next()%2]
		}
		c["where"] = []any{map[string]any{"property": h.or(name), "op": h.or(op.Name), "values": h.values(op, p.Type, p.Choices)}}
	}
	return c
}

func (h *hostile) values(op Op, kind Type, choices []Choice) []any {
	var out []any
	for i := range op.Min + h.next()%(min(op.Max-op.Min, 3)+1) {
		switch {
		case h.next() == 250:
			out = append(out, map[string]any{"$ne": h.text})
		case choices != nil:
			out = append(out, h.or(choices[h.next()%len(choices)].Value))
		case kind == Text || kind == Names || kind == Choices:
			out = append(out, h.text)
		case kind == Reference:
			out = append(out, h.or(fmt.Sprint(1+h.next())))
		default:
			out = append(out, i*300+h.next())
		}
	}
	return out
}

// TestV1_ManyHostileRules is the fuzz by chance alone, without the engine: TEST_LARGE=1 tries ten million rules, or as
// many as -timeout allows, on all cores.
func TestV1_ManyHostileRules(t *testing.T) {
	g, total := newGuard(), 1_000
	if os.Getenv("TEST_LARGE") != "" {
		total = 10_000_000
	}
	var tried, accepted atomic.Int64
	end, limited := t.Deadline()
	var workers sync.WaitGroup
	for n := range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(n), 9))
			for tried.Load() < int64(total) && !t.Failed() && !(limited && time.Until(end) < 10*time.Second) {
				tried.Add(1)
				program := make([]byte, 10+rnd.IntN(150))
				for j := range program {
					program[j] = byte(rnd.IntN(256))
				}
				text := []rune(pick(rnd, hostileTexts))
				for range rnd.IntN(4) { // and cut, doubled, put together anew
					at := rnd.IntN(len(text) + 1)
					text = slices.Insert(text, at, []rune(pick(rnd, hostileTexts))...)
				}
				h := hostile{program: program, text: string(text)}
				raw, err := json.Marshal(h.node(1))
				if err != nil {
					t.Error(err)
					return
				}
				if g.tries(t, raw) {
					accepted.Add(1)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d rules, %d of them accepted", tried.Load(), accepted.Load())
	if accepted.Load() < tried.Load()/100 {
		t.Errorf("only %d of %d were accepted", accepted.Load(), tried.Load())
	}
}

// TestV2_NestedFiltersToDepthEight: what is harmless at the top is harmless below, however deep; deeper than eight is refused.
func TestV2_NestedFiltersToDepthEight(t *testing.T) {
	g := newGuard()
	rnd := rand.New(rand.NewPCG(3, 4))
	accepted := 0
	for i := range 500 {
		program := make([]byte, 40+rnd.IntN(200))
		for j := range program {
			program[j] = byte(rnd.IntN(250))
		}
		h := hostile{program: program, text: hostileTexts[i%len(hostileTexts)]}
		var tree any = h.condition()
		depth := 1 + rnd.IntN(MaxDepth+3)
		for range depth - 1 {
			tree = map[string]any{pick(rnd, []string{"any", "all"}): []any{tree}}
			if rnd.IntN(3) == 0 {
				for _, list := range tree.(map[string]any) {
					tree = map[string]any{"not": list.([]any)[0]}
				}
			}
		}
		raw, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		rule, err := Decode(raw, rowIDs{}, g.known)
		if depth > MaxDepth && !errors.Is(err, ErrRule) {
			t.Fatalf("depth %d: %v\n%s", depth, err, raw)
		}
		if err == nil {
			accepted++
			g.tries(t, rule.Encode(rowIDs{}))
		}
		g.tries(t, raw)
	}
	if accepted < 75 {
		t.Errorf("only %d of 500 were accepted", accepted)
	}
}
