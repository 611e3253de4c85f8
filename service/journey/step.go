package journey

import (
	"regexp"
	"slices"
	"time"

	"zhiyin/model"
	"zhiyin/service/segment"
)

// Outcomes that most steps have. Names are data.
const (
	Next      = "next"
	Otherwise = "otherwise"
	Happened  = "happened"
	TimedOut  = "timeout"
	Issued    = "issued"
	Refused   = "refused"
)

var propertyName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// step is a kind of node. Its name is data: never rename one.
type step struct {
	Name   string
	Zh, En string
	Fields []Field
	// outcomes lists the branches behind it.
	outcomes func(p Params) []string
	// next decides what becomes of an enrolment that stands at the node: a plain function of what is known.
	next func(p Params, f Facts) Move
	// rules lists what must be known about the customer before next can decide; nil: nothing.
	rules func(p Params) []*segment.Rule
	// sign is what the step looks out for; nil: nothing.
	sign func(p Params) *Sign
	// act does what the step does, for all who leave the node by next at once; it may send some by another outcome. nil: nothing.
	act func(w world, n *Node, who []*run) error
	// waits tells whether it always takes an hour or more; nil: it doesn't.
	waits func(p Params) bool
	// wired tells whether this house has what the step needs; nil: it has.
	wired func(s *Service) bool
	// check finds what is wrong with the fields together; nil: nothing can be.
	check func(p Params) (field, zh, en string)
}

// Facts is what a decision is made from.
type Facts struct {
	Now       time.Time
	ArrivedAt time.Time // at the node
	Zone      *time.Location
	Journey   int64
	Customer  int64
	Node      string
	Woken     bool   // what the step looks out for has happened
	Fits      []bool // the answers to the step's rules
}

// Move is what becomes of an enrolment.
type Move struct {
	Outcome string    // the branch it takes; empty: it stays, or ends
	Until   time.Time // it stays, and is looked at again then
	End     string    // it ends, for this reason
}

func leave(outcome string) Move { return Move{Outcome: outcome} }

// stay waits until a moment, and leaves when it has come.
func stay(f Facts, until time.Time, outcome string) Move {
	if f.Now.Before(until) {
		return Move{Until: until}
	}
	return leave(outcome)
}

func only(outcomes ...string) func(Params) []string {
	return func(Params) []string { return outcomes }
}

// onward is the decision of a step that does something and goes on.
func onward(Params, Facts) Move { return leave(Next) }

func (s *step) passes(p Params) bool { return s.waits != nil && s.waits(p) }

// stepOf finds a step; nil when there is none of that name.
func stepOf(name string) *step {
	i := slices.IndexFunc(steps, func(s *step) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return steps[i]
}

// steps is the one table of what a journey can do.
var steps = []*step{
	{
		Name: "message", Zh: "发送消息", En: "Send a message", outcomes: only(Next), next: onward, act: sendMessages,
		Fields: []Field{
			{Name: "channel", Zh: "渠道", En: "channel", Type: Text, Required: true, Most: 32},
			{Name: "message", Zh: "消息内容", En: "message", Type: Ref, Required: true, Kind: model.KindMessageVersion},
			{Name: "account", Zh: "账号", En: "account", Type: Ref, Kind: model.KindAccount},
			{Name: "staff", Zh: "以谁的名义", En: "in whose name", Type: Ref, Kind: model.KindStaff},
			{Name: "topic", Zh: "话题", En: "topic", Type: Text, Most: 32},
			{Name: "expires", Zh: "多久内有效", En: "worth sending for", Type: Spanning},
			{Name: "priority", Zh: "优先级", En: "priority", Type: Number, Most: 100},
			{Name: "transactional", Zh: "服务通知（不占频次）", En: "about the customer's own business: no caps", Type: Flag},
		},
	}, {
		Name: "wait", Zh: "等待一段时间", En: "Wait for a time", outcomes: only(Next),
		Fields: []Field{{Name: "for", Zh: "时长", En: "how long", Type: Spanning, Required: true}},
		next: func(p Params, f Facts) Move {
			return stay(f, param[Span](p, "for").After(f.ArrivedAt, f.Zone), Next)
		},
		waits: func(p Params) bool { return param[Span](p, "for").long() },
	}, {
		Name: "wait_clock", Zh: "等到某个时刻", En: "Wait until a time of day", outcomes: only(Next),
		Fields: []Field{
			{Name: "at", Zh: "时刻", En: "time of day", Type: Clock, Required: true},
			{Name: "weekdays", Zh: "星期几", En: "on which days of the week", Type: Weekdays},
		},
		next: func(p Params, f Facts) Move {
			return stay(f, param[clockTime](p, "at").next(f.ArrivedAt, p.refs("weekdays"), f.Zone), Next)
		},
	}, {
		Name: "wait_date", Zh: "等到某天", En: "Wait until a date", outcomes: only(Next),
		Fields: []Field{
			{Name: "date", Zh: "日期", En: "date", Type: Date, Required: true},
			{Name: "at", Zh: "时刻", En: "time of day", Type: Clock},
		},
		next: func(p Params, f Facts) Move {
			day, err := time.ParseInLocation(time.DateOnly, p.text("date"), f.Zone)
			if err != nil {
				return leave(Next)
			}
			return stay(f, param[clockTime](p, "at").on(day, f.Zone), Next)
		},
	}, {
		Name: "wait_for", Zh: "等到发生某事", En: "Wait until something happens", outcomes: only(Happened, TimedOut),
		Fields: []Field{
			{Name: "when", Zh: "等什么", En: "what", Type: Signing, Required: true},
			{Name: "timeout", Zh: "最多等多久", En: "for how long at most", Type: Spanning, Required: true},
		},
		sign: func(p Params) *Sign {
			if s, ok := p["when"].(Sign); ok {
				return &s
			}
			return nil
		},
		next: func(p Params, f Facts) Move {
			if f.Woken {
				return leave(Happened)
			}
			return stay(f, param[Span](p, "timeout").After(f.ArrivedAt, f.Zone), TimedOut)
		},
	}, {
		Name: "split", Zh: "按条件分支", En: "Split by conditions",
		Fields: []Field{{Name: "branches", Zh: "分支", En: "branches", Type: Branches, Required: true}},
		outcomes: func(p Params) []string {
			var out []string
			for _, b := range param[[]Branch](p, "branches") {
				out = append(out, b.Name)
			}
			return append(out, Otherwise)
		},
		rules: func(p Params) (rules []*segment.Rule) {
			for _, b := range param[[]Branch](p, "branches") {
				rules = append(rules, b.Rule)
			}
			return rules
		},
		next: func(p Params, f Facts) Move {
			for i, b := range param[[]Branch](p, "branches") {
				if f.Fits[i] {
					return leave(b.Name)
				}
			}
			return leave(Otherwise)
		},
	}, {
		Name: "split_share", Zh: "按比例分支", En: "Split by shares",
		Fields: []Field{{Name: "shares", Zh: "比例", En: "shares", Type: Shares, Required: true}},
		outcomes: func(p Params) (out []string) {
			for _, s := range param[[]Portion](p, "shares") {
				out = append(out, s.Name)
			}
			return out
		},
		next: func(p Params, f Facts) Move {
			at := stablePoint(f.Journey, f.Node, f.Customer)
			shares := param[[]Portion](p, "shares")
			for _, s := range shares {
				if at -= s.Points; at < 0 {
					return leave(s.Name)
				}
			}
			return leave(shares[len(shares)-1].Name)
		},
	}, {
		Name: "tag", Zh: "打标签或去标签", En: "Give or take tags", outcomes: only(Next), next: onward, act: giveTags,
		Fields: []Field{
			{Name: "add", Zh: "打上", En: "give", Type: Refs, Kind: model.KindTag, Most: 20},
			{Name: "remove", Zh: "去掉", En: "take", Type: Refs, Kind: model.KindTag, Most: 20},
			{Name: "expires", Zh: "有效期", En: "for how long", Type: Spanning},
		},
		check: func(p Params) (string, string, string) {
			if len(p.refs("add"))+len(p.refs("remove")) == 0 {
				return "add", "至少选一个标签", "at least one tag"
			}
			return "", "", ""
		},
	}, {
		Name: "set_field", Zh: "修改自定义字段", En: "Set a custom field", outcomes: only(Next), next: onward, act: setFields,
		Fields: []Field{
			{Name: "field", Zh: "字段", En: "field", Type: Property, Required: true, Most: 64},
			{Name: "value", Zh: "值（空为清除）", En: "value; empty clears", Type: Text, Most: 255},
		},
	}, {
		Name: "coupon", Zh: "发券", En: "Give a coupon", outcomes: only(Issued, Refused), act: giveCoupons,
		Fields: []Field{{Name: "batch", Zh: "券批次", En: "coupon batch", Type: Ref, Required: true, Kind: model.KindCouponBatch}},
		next:   func(Params, Facts) Move { return leave(Issued) },
		wired:  func(s *Service) bool { return s.Coupons != nil },
	}, {
		Name: "points", Zh: "送积分", En: "Give points", outcomes: only(Next), next: onward, act: givePoints,
		Fields: []Field{
			{Name: "points", Zh: "积分", En: "points", Type: Number, Required: true, Most: 100_000},
			{Name: "days", Zh: "有效天数（空为永久）", En: "good for so many days; empty: for ever", Type: Number, Most: 3650},
			{Name: "reason", Zh: "说明（客户可见）", En: "reason; the customer reads it", Type: Text, Required: true, Most: 64},
		},
		check: func(p Params) (string, string, string) {
			if p.number("points") < 1 {
				return "points", "至少 1 积分", "at least one point"
			}
			return "", "", ""
		},
		wired: func(s *Service) bool { return s.Points != nil },
	}, {
		Name: "task", Zh: "给成员派任务", En: "Ask a staff member for something", outcomes: only(Next), next: onward, act: askStaff,
		Fields: []Field{
			{Name: "title", Zh: "标题", En: "title", Type: Text, Required: true, Most: 128},
			{Name: "note", Zh: "说明", En: "note", Type: Text, Most: 500},
			{Name: "staff", Zh: "派给谁（空为跟进人）", En: "whom; empty: who follows the customer", Type: Ref, Kind: model.KindStaff},
			{Name: "due", Zh: "多久内完成", En: "due within", Type: Spanning},
		},
	}, {
		Name: "webhook", Zh: "通知其他系统", En: "Tell other systems", outcomes: only(Next), next: onward, act: callOut,
		Fields: []Field{{Name: "label", Zh: "标识", En: "label", Type: Text, Required: true, Most: 64}},
	}, {
		Name: "start", Zh: "进入另一个旅程", En: "Start another journey", outcomes: only(Next), next: onward, act: startOther,
		Fields: []Field{{Name: "journey", Zh: "旅程", En: "journey", Type: Ref, Required: true, Kind: model.KindJourney}},
	}, {
		Name: "jump", Zh: "跳转", En: "Jump to another step", outcomes: only(Next), next: onward,
	}, {
		Name: "exit", Zh: "结束", En: "End", outcomes: only(),
		Fields: []Field{{Name: "reason", Zh: "原因", En: "reason", Type: Text, Most: 32}},
		next: func(p Params, _ Facts) Move {
			if reason := p.text("reason"); reason != "" {
				return Move{End: reason}
			}
			return Move{End: ReasonCompleted}
		},
	},
}
