package journey

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"zhiyin/service/segment"
)

// Difference is one thing that is another in two definitions, as people read it.
type Difference struct {
	Place  string // node:<id>, trigger, entry, goal, exits, holdout, start
	What   string // added, removed, changed
	Zh, En string
}

// Compare tells what is another in a definition than in an earlier one, ids as refs gives them: in the order of trigger,
// rules, nodes.
func Compare(before, after *Definition, refs segment.Refs) (out []Difference) {
	add := func(place, zh, en string, a, b any) {
		if x, y := written(a), written(b); x != y {
			out = append(out, Difference{place, "changed", zh + "：" + x + " → " + y, en + ": " + x + " → " + y})
		}
	}
	a, b := before.shape(refs), after.shape(refs)
	add("trigger", "触发方式", "trigger", a.Trigger, b.Trigger)
	add("entry", "进入规则", "entry rule", a.Entry, b.Entry)
	add("holdout", "对照组（基点）", "hold-out in basis points", a.Holdout, b.Holdout)
	add("goal", "目标", "goal", a.Goal, b.Goal)
	add("exits", "退出规则", "exit rules", a.Exits, b.Exits)
	add("keep_lost", "流失后继续", "keeps those who are lost", a.KeepLost, b.KeepLost)
	add("start", "起点", "start", a.Start, b.Start)
	for _, n := range after.Nodes {
		if old := before.node(n.ID); old == nil {
			out = append(out, Difference{"node:" + n.ID, "added", "新增节点 " + n.called(true), "added node " + n.called(false)})
		} else {
			out = append(out, old.compare(n, refs)...)
		}
	}
	for _, n := range before.Nodes {
		if after.node(n.ID) == nil {
			out = append(out, Difference{"node:" + n.ID, "removed", "删除节点 " + n.called(true), "removed node " + n.called(false)})
		}
	}
	return out
}

// called is how people call a node.
func (n *Node) called(zh bool) string {
	kind := n.Step
	if n.of != nil && zh {
		kind = n.of.Zh
	} else if n.of != nil {
		kind = n.of.En
	}
	name := n.ID
	if n.Title != "" {
		name = n.Title
	}
	if zh {
		return fmt.Sprintf("「%s」（%s）", name, kind)
	}
	return fmt.Sprintf("%q (%s)", name, kind)
}

// compare tells what is another in a node.
func (n *Node) compare(now *Node, refs segment.Refs) (out []Difference) {
	note := func(zh, en string) {
		out = append(out, Difference{"node:" + n.ID, "changed", "节点 " + now.called(true) + zh, "node " + now.called(false) + en})
	}
	if n.Step != now.Step {
		note("：步骤由 "+n.called(true)+" 改变", ": was "+n.called(false))
		return out
	}
	if n.of != nil {
		a, b := encodeParams(n.of.Fields, n.With, refs), encodeParams(n.of.Fields, now.With, refs)
		for _, f := range n.of.Fields {
			if x, y := written(a[f.Name]), written(b[f.Name]); x != y {
				note("："+f.Zh+" "+x+" → "+y, ": "+f.En+" "+x+" → "+y)
			}
		}
	}
	var outcomes []string
	for o := range n.Next {
		outcomes = append(outcomes, o)
	}
	for o := range now.Next {
		outcomes = append(outcomes, o)
	}
	slices.Sort(outcomes)
	for _, o := range slices.Compact(outcomes) {
		if n.Next[o] != now.Next[o] {
			note(fmt.Sprintf("：出口 %s 由 %s 改到 %s", o, orNone(n.Next[o]), orNone(now.Next[o])), fmt.Sprintf(": outcome %s went to %s, goes to %s", o, orNone(n.Next[o]), orNone(now.Next[o])))
		}
	}
	return out
}

func orNone(text string) string {
	if text == "" {
		return "—"
	}
	return text
}

func (d *Definition) shape(refs segment.Refs) (out asJSON) {
	if err := json.Unmarshal(d.Encode(refs), &out); err != nil {
		panic(err) // it was written a line ago
	}
	return out
}

// written is a value as people read it: a text as it is, anything else as JSON without braces.
func written(v any) string {
	if text, ok := v.(string); ok && text != "" {
		return text
	}
	raw, err := json.Marshal(v)
	if err != nil || string(raw) == "null" || string(raw) == `""` {
		return "—"
	}
	return strings.Trim(strings.ReplaceAll(string(raw), `"`, ""), "{}")
}
