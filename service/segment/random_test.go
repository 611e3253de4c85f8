package segment

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"zhiyin/model"
)

// randomRule writes a rule as a console would, over everything that the registry has.
type randomRule struct {
	*rand.Rand
	left int // nodes that may still come
}

func (g *randomRule) node(depth int) map[string]any {
	g.left--
	if depth > 1 && g.left > 3 && g.IntN(100) < 60 {
		switch g.IntN(3) {
		case 0:
			return map[string]any{"not": g.node(depth - 1)}
		case 1:
			return map[string]any{"any": g.nodes(depth-1, 1)}
		}
		return map[string]any{"all": g.nodes(depth-1, 0)}
	}
	f := &fields[g.IntN(len(fields))]
	return g.condition(f, "")
}

func (g *randomRule) nodes(depth, least int) []any {
	out := []any{}
	for range least + g.IntN(3) {
		if g.left > 0 || len(out) < least {
			out = append(out, g.node(depth))
		}
	}
	return out
}

// condition asks a field something; op "" is any question.
func (g *randomRule) condition(f *Field, op string) map[string]any {
	name, kind, choices := f.Name, f.Type, f.Choices
	switch f.Name {
	case "custom":
		about := pick(g.Rand, []string{"text", "number", "date", "choice", "choices"})
		name, kind = "custom."+about, kindOfCustom[about]
		if kind == Choices || kind == Names {
			choices = []Choice{{Value: "red"}, {Value: "green"}, {Value: "blue"}}
		}
	case "event":
		name = "event." + pick(g.Rand, kinds)
	case "share":
		name = "share.s" + fmt.Sprint(g.IntN(3))
	case "stage":
		choices = []Choice{{Value: "new"}, {Value: "active"}, {Value: "gone"}}
	case "value.grade":
		choices = []Choice{{Value: "A"}, {Value: "C"}}
	}
	question := pick(g.Rand, kind.Ops())
	if op != "" {
		question = *kind.op(op)
	}
	c := map[string]any{"field": name, "op": question.Name}
	if v := g.values(question, valuesOf(kind, question.Name), choices); v != nil {
		c["values"] = v
	}
	if question.Window == Always || question.Window == Maybe && f.Windowed && g.IntN(2) == 0 {
		c["window"] = g.window(kind)
	}
	if len(f.Where) > 0 && g.IntN(2) == 0 {
		c["where"] = []any{g.filter(f)}
	}
	return c
}

func (g *randomRule) filter(f *Field) map[string]any {
	p := pick(g.Rand, f.Where)
	op := pick(g.Rand, p.Ops())
	name := p.Name
	switch {
	case p.Prefix && p.Type == Text:
		name += ".color"
	case p.Prefix:
		name += ".price"
	}
	return map[string]any{"property": name, "op": op.Name, "values": g.values(op, p.Type, p.Choices)}
}

func (g *randomRule) values(op Op, kind Type, choices []Choice) []any {
	if op.Max == 0 {
		return nil
	}
	var out []any
	for range op.Min + g.IntN(min(op.Max-op.Min, 2)+1) {
		switch {
		case choices != nil:
			out = append(out, pick(g.Rand, choices).Value)
		case kind == Reference:
			out = append(out, fmt.Sprint(1+g.IntN(5)))
		case kind == Decimal:
			out = append(out, json.Number(pick(g.Rand, []string{"0", "0.5", "3", "12.5", "-0.5", "1"})))
		case kind == Money:
			out = append(out, 50*g.IntN(8))
		case kind == Number:
			out = append(out, g.IntN(5)-1)
		default:
			out = append(out, pick(g.Rand, append(cities[1:len(cities):len(cities)], words[1:]...)))
		}
	}
	if op.Name == "between" {
		if kind == Number && g.IntN(2) == 0 {
			return []any{g.IntN(3), 2 + g.IntN(6000)}
		}
		if fmt.Sprint(out[0]) > fmt.Sprint(out[1]) {
			out[0], out[1] = out[1], out[0]
		}
		if kind == Number || kind == Money || kind == Decimal {
			return []any{0, 2 + g.IntN(4000)}
		}
	}
	return out
}

func (g *randomRule) window(kind Type) map[string]any {
	days := 1 + g.IntN(45)
	form := g.IntN(7)
	if kind == Anniversary && (form == 1 || form == 3) || kind == Day && form == 3 {
		form = 0
	}
	switch form {
	case 0:
		return map[string]any{"last_days": days}
	case 1:
		return map[string]any{"skip_days": days}
	case 2:
		return map[string]any{"last_days": days + 1, "skip_days": 1 + g.IntN(days)}
	case 3:
		return map[string]any{"last_hours": 1 + g.IntN(100)}
	case 4:
		return map[string]any{"next_days": days}
	case 5:
		return map[string]any{"period": pick(g.Rand, periods[:5]).Value}
	}
	from := noon.AddDate(0, 0, -g.IntN(60))
	return map[string]any{"from": from.Format("2006-01-02"), "to": from.AddDate(0, 0, g.IntN(30)).Format("2006-01-02")}
}

// decoded writes a random rule as JSON and reads it, there and back.
func decoded(t testing.TB, tree map[string]any, known *Vocabulary) *Rule {
	t.Helper()
	raw, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Decode(raw, rowIDs{}, known)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	again, err := Decode(r.Encode(rowIDs{}), rowIDs{}, known)
	if err != nil || string(again.Encode(rowIDs{})) != string(r.Encode(rowIDs{})) {
		t.Fatalf("%s becomes %s: %v", raw, r.Encode(rowIDs{}), err)
	}
	return again
}

func vocabularyOf(w *world) *Vocabulary {
	v := &Vocabulary{custom: map[string]model.CustomField{}, departments: subtrees(w.parents[model.KindDepartment]), categories: subtrees(w.parents[model.KindProductCategory])}
	for _, c := range w.customs {
		v.custom[c.Name] = *c
	}
	return v
}
