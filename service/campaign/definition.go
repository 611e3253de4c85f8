package campaign

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/robfig/cron/v3"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/outreach"
)

// Definition is what people say a campaign is.
type Definition struct {
	Name, Note string
	Channel    string
	AccountID  int64
	Audience   Audience
	Variants   []Variant
	Schedule   Schedule
	Topic      string // for frequency caps; empty: none in particular
	Priority   int    // 0 to 100; the higher goes first where campaigns compete for a customer
	// KeepHours is how long after a run's start its messages may still leave: 1 to 720; 0: 72.
	KeepHours int
	// HoldoutBP is the share of the audience that gets nothing, in basis points, at most half of it. It is the same
	// people in every run.
	HoldoutBP int
	Canary    *Canary
	Goal      *Goal
}

// Audience is whom a campaign is for: customers in one of the segments or on the list and in none of the segments to
// leave out; or groups, for channels that speak in groups; or staff, for those that ask staff to publish something.
type Audience struct {
	Segments  []int64 `json:"segments,omitempty"`
	Except    []int64 `json:"except,omitempty"`
	Customers []int64 `json:"customers,omitempty"`
	Groups    []int64 `json:"groups,omitempty"`
	Staff     []int64 `json:"staff,omitempty"`
}

// to says whom the audience names.
func (a *Audience) to() outreach.To {
	switch {
	case len(a.Groups) > 0:
		return outreach.ToGroups
	case len(a.Staff) > 0:
		return outreach.ToStaff
	}
	return outreach.ToCustomers
}

// Variant is one of the messages to compare.
type Variant struct {
	ID        int64  // 0: new
	Name      string // A, B, C…; at most 16 characters
	ShareBP   int    // of those who get something; all shares together are 10,000
	MessageID int64  // a version of a message
	BatchID   int64  // everybody who gets the message is given a coupon of this batch; 0: none
}

// Schedule says when a campaign runs: once at a time, or by a cron expression of five fields in the zone of business,
// from and until a time. The zero Schedule is as soon as it is launched.
type Schedule struct {
	At    *time.Time `json:"at,omitempty"`
	Cron  string     `json:"cron,omitempty"`
	From  *time.Time `json:"from,omitempty"`
	Until *time.Time `json:"until,omitempty"`
}

// Canary tries a few before the rest.
type Canary struct {
	ShareBP int `json:"share_bp"` // of those who get something: 1 to 5,000
	Minutes int `json:"minutes"`  // until the verdict: 5 to 1,440
	// The run halts when more than these shares of the few failed, or left or refused further messages.
	FailBP   int `json:"fail_bp"`
	OptOutBP int `json:"opt_out_bp"`
}

// Goal is what a campaign wants customers to do, within hours of its launch.
type Goal struct {
	Kind  string `json:"kind"`  // a kind of event
	Hours int    `json:"hours"` // 1 to 720
}

// Campaign is a campaign as it is read.
type Campaign struct {
	model.Campaign
	Definition Definition
}

const (
	everything  = 10_000 // basis points
	maxVariants = 8
	maxNamed    = 10_000 // customers on a list
	maxTargets  = 2_000  // groups, or staff
	maxSegments = 20
	// leastGap is how close together the runs of a campaign may be.
	leastGap = time.Hour
)

// check refuses what makes no sense by itself; what it names is looked up elsewhere.
func (d *Definition) check() error {
	if d.KeepHours == 0 {
		d.KeepHours = 72
	}
	n := utf8.RuneCountInString(strings.TrimSpace(d.Name))
	switch {
	case n == 0 || n > 64:
		return ErrInvalid.With("name", "1 到 64 个字 / 1 to 64 characters")
	case utf8.RuneCountInString(d.Note) > 255:
		return ErrInvalid.With("note", "最多 255 个字 / at most 255 characters")
	case len(d.Topic) > 32:
		return ErrInvalid.With("topic", "最多 32 个字节 / at most 32 bytes")
	case d.Priority < 0 || d.Priority > 100:
		return ErrInvalid.With("priority", "0 到 100 / 0 to 100")
	case d.KeepHours < 1 || d.KeepHours > 720:
		return ErrInvalid.With("keep_hours", "1 到 720 / 1 to 720")
	case d.HoldoutBP < 0 || d.HoldoutBP > everything/2:
		return ErrInvalid.With("holdout_bp", "0 到 5000 / 0 to 5000")
	}
	for _, err := range []error{d.Audience.check(), checkVariants(d.Variants), d.Canary.check(), d.Goal.check()} {
		if err != nil {
			return err
		}
	}
	if d.gives() && d.Audience.to() != outreach.ToCustomers {
		return ErrInvalid.With("variants", "客户群和成员不能领券 / only customers can be given coupons")
	}
	return nil
}

// gives tells whether a variant gives coupons.
func (d *Definition) gives() bool { return len(d.batches()) > 0 }

// batches are those of which the variants give, each once, in the order of the variants.
func (d *Definition) batches() (ids []int64) {
	for _, v := range d.Variants {
		if v.BatchID != 0 && !slices.Contains(ids, v.BatchID) {
			ids = append(ids, v.BatchID)
		}
	}
	return ids
}

func (a *Audience) check() error {
	people := len(a.Segments) + len(a.Customers)
	kinds := 0
	for _, n := range []int{people + len(a.Except), len(a.Groups), len(a.Staff)} {
		if n > 0 {
			kinds++
		}
	}
	switch {
	case people+len(a.Groups)+len(a.Staff) == 0:
		return ErrInvalid.With("audience", "至少选择一个人群、客户、客户群或成员 / name a segment, customers, groups or staff")
	case kinds > 1:
		return ErrInvalid.With("audience", "客户、客户群和成员不能混用 / customers, groups and staff don't go together")
	case len(a.Segments) > maxSegments || len(a.Except) > maxSegments || len(a.Customers) > maxNamed || len(a.Groups) > maxTargets || len(a.Staff) > maxTargets:
		return ErrInvalid.With("audience", fmt.Sprintf("最多 %d 个人群、%d 位客户、%d 个群或成员 / at most so many segments, customers, groups or staff", maxSegments, maxNamed, maxTargets))
	}
	for _, ids := range []*[]int64{&a.Segments, &a.Except, &a.Customers, &a.Groups, &a.Staff} {
		slices.Sort(*ids)
		*ids = slices.Compact(*ids)
	}
	return nil
}

func checkVariants(list []Variant) error {
	if len(list) == 0 || len(list) > maxVariants {
		return ErrInvalid.With("variants", "1 到 8 个方案 / 1 to 8 of them")
	}
	sum, names := 0, map[string]bool{}
	for _, v := range list {
		if n := utf8.RuneCountInString(v.Name); n == 0 || len(v.Name) > 16 || names[v.Name] {
			return ErrInvalid.With("variants", "名称不能为空或重复，最多 16 个字节 / names are short and differ")
		}
		if v.ShareBP < 1 || v.MessageID == 0 {
			return ErrInvalid.With("variants", "每个方案都要有消息和比例 / each has a message and a share")
		}
		names[v.Name] = true
		sum += v.ShareBP
	}
	if sum != everything {
		return ErrInvalid.With("variants", "比例之和必须是 10000 / the shares together are 10000")
	}
	return nil
}

func (c *Canary) check() error {
	switch {
	case c == nil:
		return nil
	case c.ShareBP < 1 || c.ShareBP > everything/2:
		return ErrInvalid.With("canary.share_bp", "1 到 5000 / 1 to 5000")
	case c.Minutes < 5 || c.Minutes > 1440:
		return ErrInvalid.With("canary.minutes", "5 到 1440 / 5 to 1440")
	case c.FailBP < 0 || c.FailBP > everything || c.OptOutBP < 0 || c.OptOutBP > everything:
		return ErrInvalid.With("canary", "0 到 10000 / 0 to 10000")
	}
	return nil
}

func (g *Goal) check() error {
	switch {
	case g == nil:
		return nil
	case g.Hours < 1 || g.Hours > 720:
		return ErrInvalid.With("goal.hours", "1 到 720 / 1 to 720")
	case g.Kind == "" || len(g.Kind) > 64:
		return ErrInvalid.With("goal.kind", "没有这种事件 / no such kind of event")
	}
	return nil
}

// check refuses a schedule that never comes, or comes too often.
func (s Schedule) check(now time.Time, zone *time.Location) error {
	if s.Cron == "" {
		if s.From != nil || s.Until != nil {
			return ErrInvalid.With("schedule", "from 和 until 只用于周期活动 / from and until are for schedules that repeat")
		}
		return nil
	}
	rule, err := s.rule(zone)
	if err != nil || s.At != nil || len(s.Cron) > 64 {
		return ErrInvalid.With("schedule.cron", "五段 cron 表达式 / a cron expression of five fields, and no time besides")
	}
	first := s.next(now, zone)
	if first == nil {
		return ErrInvalid.With("schedule", "没有符合的时间 / it never comes")
	}
	for t, n := *first, 0; n < 100; n++ {
		after := rule.Next(t)
		if after.Sub(t) < leastGap && !after.IsZero() {
			return ErrInvalid.With("schedule.cron", "两次执行至少间隔 1 小时 / runs are at least an hour apart")
		}
		t = after
	}
	return nil
}

func (s Schedule) rule(zone *time.Location) (cron.Schedule, error) {
	if strings.HasPrefix(s.Cron, "@") || strings.Contains(s.Cron, "TZ=") {
		return nil, fmt.Errorf("schedule %q has another form", s.Cron)
	}
	rule, err := cron.ParseStandard(s.Cron)
	if err != nil {
		return nil, err
	}
	rule.(*cron.SpecSchedule).Location = zone
	return rule, nil
}

// next is the first time after a moment; nil when there is none. Once is what Launch decides, not this.
func (s Schedule) next(after time.Time, zone *time.Location) *time.Time {
	rule, err := s.rule(zone)
	if err != nil {
		return nil
	}
	if s.From != nil && s.From.After(after) {
		after = s.From.Add(-time.Nanosecond)
	}
	t := rule.Next(after).UTC()
	if t.IsZero() || s.Until != nil && t.After(*s.Until) {
		return nil
	}
	return &t
}

func (s Schedule) repeats() bool { return s.Cron != "" }

// write puts a definition into a row.
func (d *Definition) write(row *model.Campaign) {
	row.Name, row.Note, row.Channel, row.AccountID = strings.TrimSpace(d.Name), d.Note, d.Channel, d.AccountID
	row.Audience, row.Schedule = asJSON(d.Audience), asJSON(d.Schedule)
	row.Topic, row.Priority, row.KeepHours, row.HoldoutBP = d.Topic, d.Priority, d.KeepHours, d.HoldoutBP
	row.Canary, row.Goal = "", ""
	if d.Canary != nil {
		row.Canary = asJSON(d.Canary)
	}
	if d.Goal != nil {
		row.Goal = asJSON(d.Goal)
	}
}

// read is the other way round.
func read(row *model.Campaign, variants []model.CampaignVariant) (*Campaign, error) {
	c := &Campaign{Campaign: *row, Definition: Definition{
		Name: row.Name, Note: row.Note, Channel: row.Channel, AccountID: row.AccountID, Topic: row.Topic, Priority: row.Priority,
		KeepHours: row.KeepHours, HoldoutBP: row.HoldoutBP,
	}}
	for _, v := range variants {
		c.Definition.Variants = append(c.Definition.Variants, Variant{ID: v.ID, Name: v.Name, ShareBP: v.ShareBP, MessageID: v.MessageID})
	}
	parts := []struct {
		text string
		into any
	}{{row.Audience, &c.Definition.Audience}, {row.Schedule, &c.Definition.Schedule}, {row.Canary, &c.Definition.Canary}, {row.Goal, &c.Definition.Goal}}
	for _, p := range parts {
		if p.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(p.text), p.into); err != nil {
			return nil, fmt.Errorf("read campaign %d: %w", row.ID, err)
		}
	}
	return c, nil
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain values
	}
	return string(b)
}

// knownGoal tells whether events of the goal's kind can happen.
func knownGoal(g *Goal, kinds []event.Kind) bool {
	return g == nil || slices.ContainsFunc(kinds, func(k event.Kind) bool { return k.Name == g.Kind })
}
