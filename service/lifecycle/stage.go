package lifecycle

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Stage 生命周期阶段 is one of the places where a customer may stand. Their order decides: who fits several stands in the
// first.
type Stage struct {
	Name  string // data: stored with customers
	Title string
	// Phase of the relationship that the stage belongs to; empty: none.
	Phase string
	Enter Rule
	// Stay is what those who are in it need to fit to stay; nil: as Enter. It should ask for less, or people at the edge
	// go to and fro.
	Stay *Rule
	// HoldDays is how long one is kept at least, unless an earlier stage takes one.
	HoldDays int
	// Lapse marks a stage of leaving: who buys again afterwards has come back.
	Lapse    bool
	Playbook string // what staff are advised to do
}

// The phases of a relationship (考察期, 形成期, 稳定期).
const (
	PhaseExplore = "explore"
	PhaseForming = "forming"
	PhaseStable  = "stable"
)

// The names of the stages that come with the product.
const (
	StageNew     = "new"
	StageGrowing = "growing"
	StageActive  = "active"
	StageLoyal   = "loyal"
	StageAtRisk  = "at_risk"
	StageLost    = "lost"
	StageWonBack = "won_back"
)

func least(measure string, value int64, days ...int) Condition {
	return compare(measure, AtLeast, value, days)
}

func most(measure string, value int64, days ...int) Condition {
	return compare(measure, AtMost, value, days)
}

func compare(measure, op string, value int64, days []int) Condition {
	c := Condition{Measure: measure, Op: op, Value: value}
	if len(days) > 0 {
		c.Days = days[0]
	}
	return c
}

func all(c ...Condition) Set { return Set{c} }

func either(s ...Set) Rule { return Rule{s} }

func stay(s ...Set) *Rule { return &Rule{s} }

// DefaultStages are the stages that come with the product, in their order.
func DefaultStages() []Stage {
	return []Stage{
		{
			Name: StageWonBack, Title: "已挽回", Phase: PhaseForming,
			Enter:    either(all(most("days_since_return", 60, 180), most("days_since_order", 60))),
			Playbook: "感谢再次选择，问清当初离开的原因并解决；两周内跟进使用情况，给予老客户回归礼遇。",
		}, {
			Name: StageLost, Title: "流失", Lapse: true,
			Enter: either(
				all(least("days_since_order", 180)),
				all(most("orders", 0), least("days_since_seen", 180)),
				all(most("orders", 0), most("followers", 0), least("lost_relations", 1), least("days_since_seen", 30)),
			),
			Playbook: "不再高频打扰；以新品、节日或大促为由做一次低成本挽回，无回应则减少触达。",
		}, {
			Name: StageAtRisk, Title: "流失风险", Lapse: true, HoldDays: 3,
			Enter: either(
				all(least("days_since_order", 90)),
				all(least("overdue_percent", 250), least("days_since_order", 45)),
				all(most("alive_bp", 3000), least("days_since_order", 30)),
				all(most("followers", 0), least("lost_relations", 1)),
			),
			Stay: stay(
				all(least("days_since_order", 75)),
				all(least("overdue_percent", 200), least("days_since_order", 30)),
				all(most("alive_bp", 4500), least("days_since_order", 15)),
				all(most("followers", 0), least("lost_relations", 1)),
			),
			Playbook: "三天内由熟悉的成员主动关怀，了解近况与不满；按过往偏好给出一次专属权益。",
		}, {
			Name: StageLoyal, Title: "忠诚", Phase: PhaseStable, HoldDays: 14,
			Enter:    either(all(least("orders", 4, 365), least("days_since_met", 90))),
			Stay:     stay(all(least("orders", 3, 365))),
			Playbook: "优先服务、生日与纪念日关怀；邀请评价、晒单、推荐好友，给予专属权益而非单纯折扣。",
		}, {
			Name: StageActive, Title: "活跃", Phase: PhaseStable, HoldDays: 7,
			Enter: either(
				all(least("orders", 2), least("orders", 1, 90)),
				all(least("orders", 1), least("active_days", 4, 30)),
			),
			Stay: stay(
				all(least("orders", 2), least("orders", 1, 120)),
				all(least("orders", 1), least("active_days", 2, 30)),
			),
			Playbook: "按偏好推荐搭配与新品，引导复购与入群，让客户养成固定的购买节奏。",
		}, {
			Name: StageGrowing, Title: "成长", Phase: PhaseForming, HoldDays: 3,
			Enter:    either(all(least("orders", 1)), all(least("active_days", 2, 30))),
			Stay:     stay(all(least("orders", 1)), all(least("active_days", 1, 45))),
			Playbook: "首单后七天内回访使用情况，解答疑问；用第二单权益促成复购。",
		}, {
			Name: StageNew, Title: "新客", Phase: PhaseExplore,
			Playbook: "24 小时内欢迎并了解需求，先提供有用的信息，不急于推销。",
		},
	}
}

// decide is the stage of a person: the first whose rule takes them. Where they are, the easier rule to stay counts, and
// for some days after they came only earlier stages take them away.
func decide(stages []Stage, p *person, since int) Stage {
	at := -1
	if p.before != nil {
		at = slices.IndexFunc(stages, func(s Stage) bool { return s.Name == p.before.Stage })
	}
	for i, s := range stages {
		rule := s.Enter
		if i == at && s.Stay != nil {
			rule = *s.Stay
		}
		if !rule.holds(p) {
			continue
		}
		if at >= 0 && i > at && p.today-since < stages[at].HoldDays {
			return stages[at]
		}
		return s
	}
	return stages[len(stages)-1] // takes everybody; see checkStages
}

var stageName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// maxStages bounds how many there may be.
const maxStages = 20

func checkStages(stages []Stage) error {
	if len(stages) < 2 || len(stages) > maxStages {
		return ErrSetting.With("stages", fmt.Sprintf("2 to %d", maxStages))
	}
	names := map[string]bool{}
	for i, s := range stages {
		at := fmt.Sprintf("stages[%d]", i)
		title := utf8.RuneCountInString(strings.TrimSpace(s.Title))
		switch {
		case !stageName.MatchString(s.Name) || names[s.Name]:
			return ErrSetting.With(at+".name", "a-z, 0-9 and _, up to 32, each once")
		case title == 0 || title > 32:
			return ErrSetting.With(at+".title", "1 to 32 characters")
		case s.Phase != "" && s.Phase != PhaseExplore && s.Phase != PhaseForming && s.Phase != PhaseStable:
			return ErrSetting.With(at+".phase", "explore, forming, stable or empty")
		case s.HoldDays < 0 || s.HoldDays > 90:
			return ErrSetting.With(at+".hold_days", "0 to 90")
		case utf8.RuneCountInString(s.Playbook) > 2000:
			return ErrSetting.With(at+".playbook", "at most 2000 characters")
		case len(s.Enter.Any) == 0 && i < len(stages)-1:
			return ErrSetting.With(at+".enter", "only the last stage takes everybody")
		case i == len(stages)-1 && (len(s.Enter.Any) > 0 || s.Stay != nil):
			return ErrSetting.With(at+".enter", "the last stage takes everybody")
		}
		names[s.Name] = true
		if err := s.Enter.check(at + ".enter"); err != nil {
			return err
		}
		if s.Stay == nil {
			continue
		}
		if len(s.Stay.Any) == 0 {
			return ErrSetting.With(at+".stay", "a rule that everybody fits is never left")
		}
		if err := s.Stay.check(at + ".stay"); err != nil {
			return err
		}
	}
	return nil
}
