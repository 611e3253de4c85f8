package journey

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/robfig/cron/v3"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/fault"
	"zhiyin/service/segment"
)

var nodeName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// reader reads a definition and keeps every mistake with its place.
type reader struct {
	refs  segment.Refs
	words *segment.Vocabulary
	kinds map[string]event.Kind
	d     *Definition
	node  *Node // that is being read
}

// read reads a definition from JSON, strictly. It fails with ErrDefinition where that is no definition at all.
func read(raw []byte, refs segment.Refs, words *segment.Vocabulary, kinds map[string]event.Kind) (*Definition, error) {
	if len(raw) > MaxBytes {
		return nil, ErrDefinition.With("definition", fmt.Sprintf("最多 %d 字节 / at most %d bytes", MaxBytes, MaxBytes))
	}
	var in struct {
		Trigger struct {
			Kind string                     `json:"kind"`
			With map[string]json.RawMessage `json:"with"`
		} `json:"trigger"`
		Entry   entryJSON `json:"entry"`
		Holdout int64     `json:"holdout"`
		Goal    *struct {
			When   json.RawMessage `json:"when"`
			Within string          `json:"within"`
			Stay   bool            `json:"stay"`
		} `json:"goal"`
		Exits    []json.RawMessage `json:"exits"`
		KeepLost bool              `json:"keep_lost"`
		Start    string            `json:"start"`
		Nodes    []struct {
			ID    string                     `json:"id"`
			Title string                     `json:"title"`
			Step  string                     `json:"step"`
			With  map[string]json.RawMessage `json:"with"`
			Next  map[string]string          `json:"next"`
		} `json:"nodes"`
	}
	if err := strict(raw, &in); err != nil || !utf8.Valid(raw) {
		return nil, ErrDefinition.With("definition", "读不懂 / can't be read: "+sayJSON(err))
	}
	if len(in.Nodes) > maxNodes || len(in.Exits) > maxExits {
		return nil, ErrDefinition.With("definition", fmt.Sprintf("最多 %d 个节点和 %d 条退出规则 / at most %d nodes and %d exit rules", maxNodes, maxExits, maxNodes, maxExits))
	}
	d := &Definition{
		Trigger: Trigger{Kind: in.Trigger.Kind}, Entry: Entry(in.Entry), Holdout: in.Holdout, KeepLost: in.KeepLost, Start: in.Start, byID: map[string]*Node{},
	}
	r := &reader{refs: refs, words: words, kinds: kinds, d: d}
	if d.Trigger.of = triggerOf(in.Trigger.Kind); d.Trigger.of == nil {
		r.fail("trigger.kind", "没有这种触发方式", "no such trigger")
	} else {
		d.Trigger.With = r.params("trigger.with", d.Trigger.of.Fields, in.Trigger.With)
	}
	if in.Goal != nil {
		d.Goal = &Goal{Sign: r.sign("goal.when", in.Goal.When), Stay: in.Goal.Stay}
		var ok bool
		if d.Goal.Within, ok = readSpan(in.Goal.Within); !ok {
			r.fail("goal.within", "时长，如 7d", "a span such as 7d")
		}
	}
	for i, x := range in.Exits {
		d.Exits = append(d.Exits, r.sign(fmt.Sprintf("exits[%d]", i), x))
	}
	for i, n := range in.Nodes {
		node := &Node{ID: n.ID, Title: n.Title, Step: n.Step, Next: n.Next, of: stepOf(n.Step)}
		r.node = node
		place := fmt.Sprintf("nodes[%d]", i)
		if !nodeName.MatchString(n.ID) || d.byID[n.ID] != nil {
			r.fail(place+".id", "小写字母开头，最多 32 个字母、数字、下划线，不能重复", "unique; a small letter, then up to 31 letters, digits and _")
		}
		if utf8.RuneCountInString(n.Title) > maxTitle || !readable(n.Title) {
			r.fail(place+".title", "最多 64 个字", "at most 64 characters")
		}
		if node.of == nil {
			r.fail(place+".step", "没有这种步骤", "no such step")
		} else {
			node.With = r.params(place+".with", node.of.Fields, n.With)
		}
		d.Nodes = append(d.Nodes, node)
		if d.byID[n.ID] == nil {
			d.byID[n.ID] = node
		}
		r.node = nil
	}
	return d, nil
}

// strict decodes JSON that has no unknown keys.
func strict(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if dec.More() {
		return fmt.Errorf("more than one value")
	}
	return nil
}

// sayJSON is what a decoder says, without the names of Go types.
func sayJSON(err error) string {
	if err == nil {
		return "UTF-8"
	}
	text := strings.TrimPrefix(err.Error(), "json: ")
	if at := strings.Index(text, " of type "); at >= 0 {
		text = text[:at]
	}
	return text
}

func (r *reader) fail(place, zh, en string) {
	r.d.problems = append(r.d.problems, Problem{place, zh, en})
	if r.node != nil && r.node.broken == "" {
		r.node.broken = place + ": " + zh + " / " + en
	}
}

func (r *reader) names(place string, kind model.Kind, id int64) {
	r.d.names = append(r.d.names, reference{place, kind, id, r.node})
}

func (r *reader) params(place string, fields []Field, in map[string]json.RawMessage) Params {
	out := Params{}
	for name := range in {
		if !slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name }) {
			r.fail(place+"."+name, "没有这一项", "no such field")
		}
	}
	for _, f := range fields {
		raw, set := in[f.Name]
		if !set || string(raw) == "null" {
			continue // what is missing keeps a draft from being used, not from being saved
		}
		if v := r.value(place+"."+f.Name, f, raw); v != nil {
			out[f.Name] = v
		}
	}
	return out
}

// value reads one field; nil when it can't.
func (r *reader) value(place string, f Field, raw json.RawMessage) any {
	switch f.Type {
	case Number:
		var n int64
		if json.Unmarshal(raw, &n) != nil || n < 0 || f.Most > 0 && n > f.Most {
			r.fail(place, fmt.Sprintf("0 到 %d 的整数", f.Most), fmt.Sprintf("a whole number from 0 to %d", f.Most))
			return nil
		}
		return n
	case Flag:
		var b bool
		if json.Unmarshal(raw, &b) != nil {
			r.fail(place, "true 或 false", "true or false")
			return nil
		}
		return b
	case Weekdays:
		return r.weekdays(place, raw)
	case Refs:
		return r.ids(place, f, raw)
	case Happens:
		return r.happening(place, raw)
	case Signing:
		return r.sign(place, raw)
	case Branches:
		return r.branches(place, raw)
	case Shares:
		return r.shares(place, raw)
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		r.fail(place, "文本", "a text")
		return nil
	}
	return r.written(place, f, text)
}

// written reads a field that is written as a text.
func (r *reader) written(place string, f Field, text string) any {
	switch f.Type {
	case Ref:
		id, err := r.refs.Row(f.Kind, text)
		if err != nil {
			r.fail(place, "没有这个"+f.Zh, "no such thing: "+f.En)
			return nil
		}
		r.names(place, f.Kind, id)
		return id
	case Spanning:
		if s, ok := readSpan(text); ok {
			return s
		}
		r.fail(place, "时长，如 30m、12h、3d，最长 366 天", "a span such as 30m, 12h, 3d, at most 366 days")
		return nil
	case Clock:
		if c, ok := readClock(text); ok {
			return c
		}
		r.fail(place, "时刻，如 09:30", "a time of day such as 09:30")
		return nil
	case Date:
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			r.fail(place, "日期，如 2026-12-31", "a date such as 2026-12-31")
			return nil
		}
	case Cron:
		if _, err := cron.ParseStandard(text); err != nil || strings.HasPrefix(text, "@") || strings.Contains(text, "TZ=") {
			r.fail(place, "五段 cron 表达式", "a cron expression of five fields")
			return nil
		}
	case Choosing:
		if !slices.ContainsFunc(f.Choices, func(c Choice) bool { return c.Name == text }) {
			r.fail(place, "没有这个选项", "no such choice")
			return nil
		}
	default:
		if n := utf8.RuneCountInString(text); text == "" && f.Required || n > int(f.Most) || !readable(text) {
			r.fail(place, fmt.Sprintf("1 到 %d 个字", f.Most), fmt.Sprintf("1 to %d characters", f.Most))
			return nil
		}
	}
	return text
}

func (r *reader) weekdays(place string, raw json.RawMessage) any {
	var days []int64
	bad := json.Unmarshal(raw, &days) != nil || len(days) > 7
	for _, d := range days {
		bad = bad || d < 1 || d > 7
	}
	if bad {
		r.fail(place, "1（周一）到 7（周日）", "1 (Monday) to 7 (Sunday)")
		return nil
	}
	return days
}

func (r *reader) ids(place string, f Field, raw json.RawMessage) any {
	var list []string
	if json.Unmarshal(raw, &list) != nil || len(list) > int(f.Most) {
		r.fail(place, fmt.Sprintf("最多 %d 个", f.Most), fmt.Sprintf("a list of at most %d", f.Most))
		return nil
	}
	var out []int64
	for i, text := range list {
		at := fmt.Sprintf("%s[%d]", place, i)
		if id, err := r.refs.Row(f.Kind, text); err != nil {
			r.fail(at, "没有这个"+f.Zh, "no such thing: "+f.En)
		} else {
			r.names(at, f.Kind, id)
			out = append(out, id)
		}
	}
	return out
}

func (r *reader) happening(place string, raw json.RawMessage) any {
	var in struct {
		Kind  string `json:"kind"`
		Key   string `json:"key"`
		Where []struct {
			Property string `json:"property"`
			Op       string `json:"op"`
			Value    string `json:"value"`
		} `json:"where"`
	}
	if strict(raw, &in) != nil || len(in.Where) > 10 {
		r.fail(place, "事件，最多 10 个条件", "an event with at most 10 filters")
		return nil
	}
	kind, known := r.kinds[in.Kind]
	if !known {
		r.fail(place+".kind", "没有这种事件", "no such kind of event")
		return nil
	}
	h := &Happening{Kind: in.Kind, Key: in.Key}
	if _, known := kind.Property(in.Key); in.Key != "" && !known {
		r.fail(place+".key", "这种事件没有这个属性", "events of this kind say no such thing")
	}
	for i, m := range in.Where {
		at := fmt.Sprintf("%s.where[%d]", place, i)
		p, known := kind.Property(m.Property)
		switch {
		case !known:
			r.fail(at+".property", "这种事件没有这个属性", "events of this kind say no such thing")
		case !event.KnownOp(m.Op):
			r.fail(at+".op", "is、is_not、contains、at_least、at_most", "is, is_not, contains, at_least, at_most")
		case utf8.RuneCountInString(m.Value) > 64 || !readable(m.Value):
			r.fail(at+".value", "最多 64 个字", "at most 64 characters")
		default:
			h.Where = append(h.Where, Match{Property: m.Property, Op: m.Op, Value: r.matched(at+".value", in.Kind, p, m.Value)})
		}
	}
	return h
}

// matched is the value of a filter as it is kept.
func (r *reader) matched(place, kind string, p event.Property, value string) string {
	of, isID := idIn(kind, p.Name)
	if !isID {
		return value
	}
	id, err := r.refs.Row(of, value)
	if err != nil {
		r.fail(place, "没有这个"+p.Zh, "no such thing: "+p.En)
		return ""
	}
	return strconv.FormatInt(id, 10)
}

func rowOf(text string) int64 {
	id, _ := strconv.ParseInt(text, 10, 64)
	return id
}

func (r *reader) sign(place string, raw json.RawMessage) Sign {
	var in struct {
		Event   json.RawMessage `json:"event"`
		Segment string          `json:"segment"`
		Left    string          `json:"left"`
	}
	said := 0
	if err := strict(raw, &in); err == nil {
		for _, is := range []bool{in.Event != nil, in.Segment != "", in.Left != ""} {
			if is {
				said++
			}
		}
	}
	var s Sign
	switch {
	case said != 1:
		r.fail(place, "event、segment、left 三者之一", "exactly one of event, segment, left")
	case in.Event != nil:
		s.Event, _ = r.happening(place+".event", in.Event).(*Happening)
	case in.Segment != "":
		s.Segment = r.segment(place+".segment", in.Segment)
	default:
		s.Left = r.segment(place+".left", in.Left)
	}
	return s
}

func (r *reader) segment(place, text string) int64 {
	id, err := r.refs.Row(model.KindSegment, text)
	if err != nil {
		r.fail(place, "没有这个人群", "no such segment")
		return 0
	}
	r.names(place, model.KindSegment, id)
	return id
}

func (r *reader) branches(place string, raw json.RawMessage) any {
	var in []struct {
		Name string          `json:"name"`
		Rule json.RawMessage `json:"rule"`
	}
	if strict(raw, &in) != nil || len(in) == 0 || len(in) > 10 {
		r.fail(place, "1 到 10 个分支", "1 to 10 branches")
		return nil
	}
	var out []Branch
	for i, b := range in {
		at := fmt.Sprintf("%s[%d]", place, i)
		if !nodeName.MatchString(b.Name) || b.Name == Otherwise || slices.ContainsFunc(out, func(o Branch) bool { return o.Name == b.Name }) {
			r.fail(at+".name", "分支名：小写字母、数字、下划线，不能重复", "a name of its own: small letters, digits and _")
		}
		rule, err := segment.Decode(b.Rule, r.refs, r.words)
		if f := fault.Of(err); f != nil {
			for _, field := range f.Fields {
				r.fail(at+"."+field.Name, field.Reason, field.Reason)
			}
			rule = &segment.Rule{All: []segment.Rule{}}
		}
		for _, id := range rule.Segments() {
			r.names(at+".rule", model.KindSegment, id)
		}
		out = append(out, Branch{b.Name, rule})
	}
	return out
}

func (r *reader) shares(place string, raw json.RawMessage) any {
	var in []struct {
		Name   string `json:"name"`
		Points int64  `json:"points"`
	}
	if strict(raw, &in) != nil || len(in) < 2 || len(in) > 10 {
		r.fail(place, "2 到 10 个分支", "2 to 10 branches")
		return nil
	}
	var out []Portion
	var sum int64
	for i, b := range in {
		at := fmt.Sprintf("%s[%d]", place, i)
		if !nodeName.MatchString(b.Name) || slices.ContainsFunc(out, func(o Portion) bool { return o.Name == b.Name }) {
			r.fail(at+".name", "分支名：小写字母、数字、下划线，不能重复", "a name of its own: small letters, digits and _")
		}
		if b.Points < 0 || b.Points > 10_000 {
			r.fail(at+".points", "0 到 10000 基点", "0 to 10000 basis points")
		}
		sum += b.Points
		out = append(out, Portion{b.Name, b.Points})
	}
	if sum != 10_000 {
		r.fail(place, "合计应为 10000 基点", "must add up to 10000 basis points")
	}
	return out
}

// readable tells whether a text holds no control characters but line ends, and none that turn the direction of writing.
func readable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool {
		return unicode.IsControl(c) && c != '\n' || unicode.Is(unicode.Bidi_Control, c)
	})
}
