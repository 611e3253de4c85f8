package autotag

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/segment"
	"zhiyin/service/staff"
	"zhiyin/service/tag"
	"zhiyin/service/work"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC) // 12:00 in the zone of the business

var boss = &staff.Viewer{StaffID: 1, Roles: []string{staff.RoleOperator}}

// house is a service with the real event log and tags, and customers 1 … 5.
type house struct {
	*Service
	t      *testing.T
	clock  *clock.Fake
	events *event.Log
	labels *tag.Service
	tags   map[string]int64
	seq    int
}

func newHouse(t *testing.T) *house {
	db, c := modeltest.DB(t), clock.NewFake(noon)
	queue := work.New(db, c.Now)
	zone := time.FixedZone("UTC+8", 8*3600)
	log := event.New(queue, c.Now, event.Options{DB: db, Zone: zone})
	labels := tag.New(db, log, queue, c.Now, nil, nil)
	h := &house{t: t, clock: c, events: log, labels: labels, tags: map[string]int64{}}
	h.Service = New(Deps{DB: db, Queue: queue, Now: c.Now, Zone: zone, Tags: labels})
	log.Feed("autotag", h.OnEvents)
	for i := range 5 {
		modeltest.Create(t, db, &model.Customer{ID: int64(i + 1), Name: fmt.Sprint("客户", i+1), FirstSeenAt: noon})
	}
	g, err := labels.CreateGroup(t.Context(), tag.NewGroup{Name: "自动", Tags: []string{"热", "贵", "问价", "甲", "乙"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range g.Tags {
		h.tags[one.Name] = one.ID
	}
	return h
}

// condition reads a rule; %s stands for a tag's id.
func (h *house) condition(text string, args ...any) *segment.Rule {
	h.t.Helper()
	r, err := h.Decode(h.t.Context(), fmt.Appendf(nil, text, args...), segment.RowIDs)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

const viewedTwice = `{"field":"event.product_view","op":"at_least","values":[2],"window":{"last_days":7}}`

func (h *house) create(d Definition) *Rule {
	h.t.Helper()
	d.Enabled = true
	r, err := h.Create(h.t.Context(), boss, d)
	if err != nil {
		h.t.Fatal(err)
	}
	h.settle()
	return r
}

// happen records events of a kind about a customer and lets everybody react.
func (h *house) happen(customer int64, kind string, said map[string]any) {
	h.t.Helper()
	h.clock.Advance(time.Second)
	h.seq++
	payload, _ := json.Marshal(said)
	f := fact{event.About{Kind: kind, CustomerID: customer, Source: "test", At: h.clock.Now(), Key: fmt.Sprint("test:", h.seq)}, payload}
	h.in(func(tx *gorm.DB) error {
		_, err := h.events.Record(tx, f)
		return err
	})
	h.settle()
}

type fact struct {
	about event.About
	said  json.RawMessage
}

func (f fact) About() event.About           { return f.about }
func (f fact) MarshalJSON() ([]byte, error) { return f.said, nil }

func (h *house) in(do func(tx *gorm.DB) error) {
	h.t.Helper()
	if err := model.InTx(h.t.Context(), h.DB, do); err != nil {
		h.t.Fatal(err)
	}
}

// settle hands on events and does the works of rules until there are none.
func (h *house) settle() {
	h.t.Helper()
	for range 200 {
		if err := h.events.DrainFeeds(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		var rows []model.Work
		if err := h.DB.Where("state = 'ready' AND kind LIKE 'autotag.%'").Order("id").Find(&rows).Error; err != nil {
			h.t.Fatal(err)
		}
		if len(rows) == 0 {
			return
		}
		for _, w := range rows {
			if err := h.do(w); err != nil {
				h.t.Fatal(err)
			}
			if err := h.DB.Model(&model.Work{}).Where("id = ?", w.ID).Update("state", "done").Error; err != nil {
				h.t.Fatal(err)
			}
		}
	}
	h.t.Fatal("it does not come to rest")
}

func (h *house) do(w model.Work) error {
	l := &work.Lease{ID: w.ID}
	if w.Kind == workScan {
		var p scanRef
		if err := json.Unmarshal([]byte(w.Payload), &p); err != nil {
			return err
		}
		return h.scan(h.t.Context(), l, p)
	}
	var p withdrawRef
	if err := json.Unmarshal([]byte(w.Payload), &p); err != nil {
		return err
	}
	return h.withdraw(h.t.Context(), l, p)
}

// bears wants a customer to bear exactly these tags.
func (h *house) bears(what string, customer int64, want ...string) {
	h.t.Helper()
	got := []string{}
	err := h.DB.Table("customer_tag").Joins("JOIN tag ON tag.id = customer_tag.tag_id").
		Where("customer_id = ? AND (expires_at IS NULL OR expires_at > ?)", customer, h.clock.Now()).Order("tag.id").Pluck("tag.name", &got).Error
	if err != nil {
		h.t.Fatal(err)
	}
	if !slices.Equal(got, want) && len(got)+len(want) > 0 {
		h.t.Errorf("%s: customer %d bears %q, want %q", what, customer, got, want)
	}
}

// takeOff is a person taking a tag off by hand.
func (h *house) takeOff(customer int64, name string) {
	h.t.Helper()
	h.in(func(tx *gorm.DB) error {
		_, err := h.labels.GiveTx(tx, tag.Giving{CustomerIDs: []int64{customer}, Remove: []int64{h.tags[name]}, Origin: tag.Origin{Source: tag.SourceConsole, ID: 7}})
		return err
	})
	h.settle()
}

func (h *house) tick() {
	h.t.Helper()
	if err := h.Tick(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.settle()
}

func TestRuleGivesAndTakesAsTheConditionHolds(t *testing.T) {
	h := newHouse(t)
	h.happen(2, "product_view", nil)
	h.happen(2, "product_view", nil)
	r := h.create(Definition{Name: "看得多", Condition: h.condition(viewedTwice), TagIDs: []int64{h.tags["热"]}, TakeBack: true})
	h.bears("who fits when it is made", 2, "热")
	if got, err := h.Get(t.Context(), r.ID); err != nil || got.Scanning || got.Fitting != 1 || got.Given != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	h.happen(1, "product_view", nil)
	h.bears("once is not enough", 1)
	h.happen(1, "product_view", nil)
	h.bears("at once", 1, "热")
	h.clock.Advance(3 * 24 * time.Hour)
	h.happen(1, "product_view", nil)
	h.clock.Advance(4 * 24 * time.Hour)
	h.happen(1, "product_view", nil)
	h.tick()
	h.bears("time alone takes it", 2)
	h.bears("still fits", 1, "热")
	acts, err := h.History(t.Context(), r.ID, 2, 0, 10)
	if err != nil || len(acts) != 2 || acts[0].Act != Take || acts[0].Why != "time" || acts[1].Act != Give {
		t.Errorf("history: %+v, %v", acts, err)
	}
}

func TestRuleNeverFightsAPerson(t *testing.T) {
	h := newHouse(t)
	r := h.create(Definition{Name: "看得多", Condition: h.condition(viewedTwice), TagIDs: []int64{h.tags["热"]}, TakeBack: true})
	h.happen(1, "product_view", nil)
	h.happen(1, "product_view", nil)
	h.takeOff(1, "热")
	h.happen(1, "product_view", nil)
	h.bears("still fits, but somebody took it off", 1)
	for _, on := range []bool{false, true} {
		if err := h.Enable(t.Context(), r.ID, on); err != nil {
			t.Fatal(err)
		}
		h.settle()
	}
	h.bears("switched off and on", 1)
	h.clock.Advance(8 * 24 * time.Hour)
	h.tick()
	h.happen(1, "product_view", nil)
	h.happen(1, "product_view", nil)
	h.bears("fits anew", 1, "热")

	// What a person gave a rule doesn't take.
	h.in(func(tx *gorm.DB) error {
		_, err := h.labels.GiveTx(tx, tag.Giving{CustomerIDs: []int64{1}, Add: []int64{h.tags["热"]}, Origin: tag.Origin{Source: tag.SourceConsole, ID: 7}})
		return err
	})
	h.clock.Advance(8 * 24 * time.Hour)
	h.tick()
	h.bears("a person gave it too", 1, "热")
}

func TestOccurrenceGivesForATime(t *testing.T) {
	h := newHouse(t)
	h.create(Definition{Name: "问价", TagIDs: []int64{h.tags["问价"]}, ExpireDays: 14, Occurrence: &Occurrence{
		Kinds: []string{"search"}, Keywords: []string{"多少钱", "价格", "ＰＲＩＣＥ"}, Property: "query",
		Where: []Match{{"channel", "is", "shop"}},
	}})
	say := func(customer int64, query, channel string) {
		h.happen(customer, "search", map[string]any{"query": query, "channel": channel})
	}
	say(1, "这个多少钱？", "shop")
	h.bears("a keyword", 1, "问价")
	say(2, "What's the Price", "Shop")
	h.bears("width and case don't matter", 2, "问价")
	say(3, "多少 钱", "shop")
	say(3, "价格", "web")
	h.happen(3, "search", map[string]any{"other": "价格", "channel": "shop"})
	h.happen(3, "page_view", map[string]any{"query": "价格", "channel": "shop"})
	h.bears("another word, channel, property, event", 3)
	h.clock.Advance(10 * 24 * time.Hour)
	say(1, "价格呢", "shop")
	h.clock.Advance(5 * 24 * time.Hour)
	h.bears("asked again, the end is later", 1, "问价")
	h.bears("ended", 2)
	h.takeOff(1, "问价")
	h.bears("taken off", 1)
	say(1, "价格", "shop")
	h.bears("asked again is something new", 1, "问价")
}

func TestOccurrenceForThoseWhoFit(t *testing.T) {
	h := newHouse(t)
	if err := h.DB.Model(&model.Customer{}).Where("id = 1").Update("city", "上海").Error; err != nil {
		t.Fatal(err)
	}
	h.create(Definition{
		Name: "上海的人看了贵的", TagIDs: []int64{h.tags["贵"]}, Condition: h.condition(`{"field":"city","op":"is","values":["上海"]}`),
		Occurrence: &Occurrence{Kinds: []string{"product_view"}, Where: []Match{{"price", "at_least", "1000"}, {"vip", "is_not", "true"}}},
	})
	for _, c := range []int64{1, 2} {
		h.happen(c, "product_view", map[string]any{"price": 1000})
	}
	h.happen(3, "product_view", map[string]any{"price": 999})
	h.happen(1, "product_view", map[string]any{"price": 5000, "vip": true})
	h.bears("fits", 1, "贵")
	h.bears("of another city", 2)
	h.bears("cheaper", 3)
}

func TestRuleIsChangedAndDeleted(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	city := `{"field":"city","op":"is","values":["%s"]}`
	for id, c := range map[int64]string{1: "上海", 2: "北京"} {
		if err := h.DB.Model(&model.Customer{}).Where("id = ?", id).Update("city", c).Error; err != nil {
			t.Fatal(err)
		}
	}
	d := Definition{Name: "城市", Condition: h.condition(city, "上海"), TagIDs: []int64{h.tags["甲"]}, TakeBack: true, Enabled: true}
	r := h.create(d)
	h.bears("made", 1, "甲")
	d.Condition = h.condition(city, "北京")
	if _, err := h.Update(ctx, r.ID, r.Version, d); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Update(ctx, r.ID, r.Version, d); err != ErrChanged {
		t.Errorf("an old version: %v", err)
	}
	h.settle()
	h.bears("another condition", 1)
	h.bears("another condition", 2, "甲")
	d.TagIDs = []int64{h.tags["乙"], h.tags["热"]}
	r, err := h.Update(ctx, r.ID, r.Version+1, d)
	if err != nil || !r.Scanning {
		t.Fatalf("%+v, %v", r, err)
	}
	h.settle()
	h.bears("other tags", 2, "热", "乙")
	if err := h.Enable(ctx, r.ID, false); err != nil {
		t.Fatal(err)
	}
	if err := h.DB.Model(&model.Customer{}).Where("id = 3").Update("city", "北京").Error; err != nil {
		t.Fatal(err)
	}
	h.happen(3, "customer.profile_changed", nil)
	h.bears("off", 3)
	if err := h.Enable(ctx, r.ID, true); err != nil {
		t.Fatal(err)
	}
	h.settle()
	h.bears("on", 3, "热", "乙")
	if err := h.Delete(ctx, r.ID, true); err != nil {
		t.Fatal(err)
	}
	if err := h.Delete(ctx, r.ID, true); err != ErrNotFound {
		t.Errorf("deleted twice: %v", err)
	}
	h.settle()
	h.bears("deleted, taken back", 2)
	if _, err := h.Get(ctx, r.ID); err != ErrNotFound {
		t.Errorf("after its end: %v", err)
	}
}

func TestCirclesAreRefused(t *testing.T) {
	h := newHouse(t)
	has := func(name string) *segment.Rule {
		return h.condition(`{"field":"tag","op":"any","values":["%d"]}`, h.tags[name])
	}
	lacks := h.condition(`{"field":"tag","op":"none","values":["%d"]}`, h.tags["甲"])
	d := Definition{Name: "自己", Condition: lacks, TagIDs: []int64{h.tags["甲"]}, TakeBack: true, Enabled: true}
	if _, err := h.Create(t.Context(), boss, d); !errors.Is(err, ErrLoop) {
		t.Errorf("a rule about its own tag: %v", err)
	}
	h.create(Definition{Name: "一", Condition: has("甲"), TagIDs: []int64{h.tags["乙"]}})
	h.create(Definition{Name: "二", Condition: has("乙"), TagIDs: []int64{h.tags["热"]}})
	modeltest.Create(t, h.DB, &model.Segment{ID: 9, Name: "热客", Kind: segment.Dynamic, Version: 1,
		Rule: fmt.Sprintf(`{"field":"tag","op":"any","values":["%d"]}`, h.tags["热"])})
	d = Definition{Name: "三", Condition: h.condition(`{"field":"segment","op":"any","values":["9"]}`), TagIDs: []int64{h.tags["甲"]}, Enabled: true}
	if _, err := h.Create(t.Context(), boss, d); !errors.Is(err, ErrLoop) {
		t.Errorf("a circle of three by way of a segment: %v", err)
	}
	d.Enabled = false
	off, err := h.Create(t.Context(), boss, d)
	if err != nil {
		t.Fatalf("switched off it does no harm: %v", err)
	}
	if err := h.Enable(t.Context(), off.ID, true); !errors.Is(err, ErrLoop) {
		t.Errorf("switched on: %v", err)
	}
	d = Definition{Name: "四", Occurrence: &Occurrence{Kinds: []string{"customer.tag_changed"}}, TagIDs: []int64{h.tags["甲"]}}
	if _, err := h.Create(t.Context(), boss, d); !errors.Is(err, ErrRule) {
		t.Errorf("an occurrence that follows from tags: %v", err)
	}
	h.in(func(tx *gorm.DB) error {
		_, err := h.labels.GiveTx(tx, tag.Giving{CustomerIDs: []int64{1}, Add: []int64{h.tags["甲"]}, Origin: tag.Origin{Source: tag.SourceConsole}})
		return err
	})
	h.settle()
	h.bears("one sets off the next", 1, "热", "甲", "乙")
}

// TestCirclesThatSlippedInAreBounded: a segment may be changed after a rule was made about it.
func TestCirclesThatSlippedInAreBounded(t *testing.T) {
	h := newHouse(t)
	r := h.create(Definition{Name: "来回", Condition: h.condition(`{"field":"city","op":"empty"}`), TagIDs: []int64{h.tags["甲"]}, TakeBack: true})
	lacks := fmt.Sprintf(`{"field":"tag","op":"none","values":["%d"]}`, h.tags["甲"])
	if err := h.DB.Model(&model.TagRule{}).Where("id = ?", r.ID).Updates(map[string]any{"condition_json": lacks, "version": 2}).Error; err != nil {
		t.Fatal(err)
	}
	h.happen(1, "customer.profile_changed", nil) // settle fails when it never comes to rest
	if n := modeltest.Count[model.TagRuleAct](t, h.DB, "customer_id = 1 AND act IN ?", []string{Give, Take}); n != mostActs {
		t.Errorf("it acted %d times, want %d", n, mostActs)
	}
	if n := modeltest.Count[model.TagRuleAct](t, h.DB, "customer_id = 1 AND act = ?", HoldBack); n != 1 {
		t.Errorf("it was held back %d times, want once told", n)
	}
}

func TestPreviewSaysWhatARuleWouldDo(t *testing.T) {
	h := newHouse(t)
	for _, c := range []int64{1, 1, 2, 2, 3} {
		h.happen(c, "product_view", map[string]any{"name": "帐篷"})
	}
	h.in(func(tx *gorm.DB) error {
		_, err := h.labels.GiveTx(tx, tag.Giving{CustomerIDs: []int64{1}, Add: []int64{h.tags["热"]}, Origin: tag.Origin{Source: tag.SourceConsole}})
		return err
	})
	facts := modeltest.Count[model.Event](t, h.DB)
	p, err := h.Preview(t.Context(), Definition{Condition: h.condition(viewedTwice), TagIDs: []int64{h.tags["热"]}})
	if err != nil || p.Fitting != 2 || p.Giving != 1 || !slices.Equal(p.Sample, []int64{2}) {
		t.Errorf("standing: %+v, %v", p, err)
	}
	p, err = h.Preview(t.Context(), Definition{Occurrence: &Occurrence{Kinds: []string{"product_view"}, Keywords: []string{"帐"}}, TagIDs: []int64{h.tags["热"]}})
	if err != nil || p.Fitting != 3 || p.Giving != 2 || !slices.Equal(p.Sample, []int64{2, 3}) {
		t.Errorf("occurrence: %+v, %v", p, err)
	}
	if modeltest.Count[model.Event](t, h.DB) != facts || modeltest.Count[model.TagRule](t, h.DB) != 0 {
		t.Error("the preview wrote something")
	}
}

func TestDefinitionsAreChecked(t *testing.T) {
	h := newHouse(t)
	good := Definition{Name: "好", Condition: h.condition(viewedTwice), TagIDs: []int64{h.tags["热"]}}
	o := func(o Occurrence) Definition { d := good; d.Condition, d.Occurrence = nil, &o; return d }
	name := func(n string) Definition { d := good; d.Name = n; return d }
	tests := []struct {
		name string
		d    Definition
		want error
	}{
		{"no name", name(" "), ErrName},
		{"a long name", name(strings.Repeat("长", 65)), ErrName},
		{"a name that turns", name("a\u202eb"), ErrName},
		{"NUL in a name", name("a\x00b"), ErrName},
		{"nothing to go by", Definition{Name: "无", TagIDs: good.TagIDs}, ErrRule},
		{"no tags", Definition{Name: "无", Condition: good.Condition}, ErrRule},
		{"no such tag", Definition{Name: "无", Condition: good.Condition, TagIDs: []int64{9999}}, ErrNoSuchTags},
		{"many years", Definition{Name: "无", Condition: good.Condition, TagIDs: good.TagIDs, ExpireDays: 3651}, ErrRule},
		{"what happens can't cease", func() Definition { d := o(Occurrence{Kinds: []string{"a"}}); d.TakeBack = true; return d }(), ErrRule},
		{"no kinds", o(Occurrence{Keywords: []string{"a"}}), ErrRule},
		{"another comparison", o(Occurrence{Kinds: []string{"a"}, Where: []Match{{"p", "like", "%"}}}), ErrRule},
		{"an empty keyword", o(Occurrence{Kinds: []string{"a"}, Keywords: []string{" "}}), ErrRule},
		{"too many keywords", o(Occurrence{Kinds: []string{"a"}, Keywords: slices.Repeat([]string{"字"}, 501)}), ErrRule},
	}
	for _, tt := range tests {
		if _, err := h.Create(t.Context(), boss, tt.d); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	for _, n := range []string{`<script>alert(1)</script>`, `' OR 1=1 --`, `=1+1`} {
		if r := h.create(name(n)); r.Name != n {
			t.Errorf("%s was kept as %s", n, r.Name)
		}
	}
}

func TestManyKeywordsAreFoundInOnePass(t *testing.T) {
	var words []string
	for i := range 500 {
		words = append(words, fmt.Sprintf("词%d号", i))
	}
	n := newNet("", []*rule{
		{TagRule: model.TagRule{ID: 1}, occurrence: &Occurrence{Keywords: words}},
		{TagRule: model.TagRule{ID: 2}, occurrence: &Occurrence{Keywords: []string{"号码", "词4"}}},
	})
	got := n.caught("有词499号码")
	if got[1] != "词499号" || got[2] != "词4" && got[2] != "号码" {
		t.Errorf("got %v", got)
	}
	if got := n.caught("词500号"); got[1] != "" {
		t.Errorf("got %v", got)
	}
	if got := newNet("", nil).caught("任何"); len(got) != 0 {
		t.Errorf("no words: %v", got)
	}
}

// TestRuleWhoseTagIsGoneGivesNothing: and whose condition names what is gone fits nobody; others go on.
func TestRuleWhoseTagIsGoneGivesNothing(t *testing.T) {
	h := newHouse(t)
	h.create(Definition{Name: "一", Condition: h.condition(viewedTwice), TagIDs: []int64{h.tags["甲"]}})
	h.create(Definition{Name: "二", Condition: h.condition(viewedTwice), TagIDs: []int64{h.tags["乙"]}})
	if err := h.labels.Delete(t.Context(), tag.TagRef(h.tags["甲"])); err != nil {
		t.Fatal(err)
	}
	h.happen(1, "product_view", nil)
	h.happen(1, "product_view", nil)
	h.bears("the other goes on", 1, "乙")
}
