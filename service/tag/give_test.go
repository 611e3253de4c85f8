package tag

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/wecom"
)

var ruleOne = Origin{SourceRule, 1}

// local makes a group that lives only here, and gives the ids of its tags by name.
func (h *house) local(group string, tags ...string) map[string]int64 {
	h.t.Helper()
	g, err := h.CreateGroup(h.t.Context(), NewGroup{Name: group, Tags: tags})
	if err != nil {
		h.t.Fatal(err)
	}
	ids := map[string]int64{}
	for _, t := range g.Tags {
		ids[t.Name] = t.ID
	}
	return ids
}

func (h *house) give(in Giving) *Given {
	h.t.Helper()
	h.clock.Advance(time.Millisecond)
	var out *Given
	h.in(func(tx *gorm.DB) (err error) {
		out, err = h.GiveTx(tx, in)
		return err
	})
	return out
}

// bearing are the names of the tags that a customer bears, with their sources.
func (h *house) bearing(customerID int64) []string {
	h.t.Helper()
	out := []string{}
	var rows []struct{ Name, Source string }
	err := h.db.Table("customer_tag").Select("tag.name, customer_tag.source").Joins("JOIN tag ON tag.id = customer_tag.tag_id").
		Where("customer_id = ?", customerID).Order("tag.name").Find(&rows).Error
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range rows {
		out = append(out, r.Name+" "+r.Source)
	}
	return out
}

// sound wants the projection to be what a rebuild makes.
func (h *house) sound() {
	h.t.Helper()
	if wrong, err := h.Rebuild(h.t.Context()); err != nil || wrong != 0 {
		h.t.Errorf("rebuild: %d customers were wrong, %v", wrong, err)
	}
}

func TestLocalTagsHaveTheirOwnLimitsAndStayHere(t *testing.T) {
	h := newHouse(t)
	long := "这个名字比企业微信允许的三十个字更长，但它只在这里使用，所以完全没有问题，可以这样"
	ids := h.local("兴趣", long, "露营")
	h.give(Giving{CustomerIDs: []int64{100, 101}, Add: []int64{ids[long], ids["露营"]}, Origin: ruleOne})
	h.quiet()
	wants(t, "borne", h.bearing(100), []string{long + " rule", "露营 rule"})
	wants(t, "calls", h.platform.calls, nil)
	if _, err := h.CreateGroup(t.Context(), NewGroup{Name: "兴趣"}); err != ErrNameTaken {
		t.Errorf("a second group of the name: %v", err)
	}
	if _, err := h.CreateGroup(t.Context(), NewGroup{AccountID: h.acct.ID, Name: long, Tags: []string{"a"}}); err != ErrName {
		t.Errorf("such a long name in WeCom: %v", err)
	}
	if err := h.Rename(t.Context(), TagRef(ids["露营"]), "户外"); err != nil {
		t.Fatal(err)
	}
	if got := h.tagNamed("户外"); got.SyncState != Synced {
		t.Errorf("a local tag waits for the platform: %s", got.SyncState)
	}
	if err := h.Delete(t.Context(), TagRef(ids["露营"])); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "borne", h.bearing(100), []string{long + " rule"})
	if n := modeltest.Count[model.TagGrant](t, h.db); n != 2 {
		t.Errorf("got %d grants, want 2", n)
	}
	h.sound()
}

func TestLastGiverTakesTheTag(t *testing.T) {
	h := newHouse(t)
	tag := h.local("兴趣", "露营")["露营"]
	soon, later := noon.Add(time.Hour), noon.Add(2*time.Hour)
	one := func(in Giving) Giving { in.CustomerIDs = []int64{100}; return in }
	steps := []struct {
		name  string
		in    Giving
		want  []string
		facts int64
	}{
		{"a rule gives it", one(Giving{Add: []int64{tag}, Origin: ruleOne, ExpiresAt: &soon}), []string{"露营 rule"}, 1},
		{"a person gives it for longer", one(Giving{Add: []int64{tag}, Origin: Origin{SourceConsole, 7}, ExpiresAt: &later}), []string{"露营 console"}, 1},
		{"an import gives it for good", one(Giving{Add: []int64{tag}, Origin: Origin{"import", 9}}), []string{"露营 import"}, 1},
		{"another rule takes what it did not give", one(Giving{Remove: []int64{tag}, Origin: Origin{SourceRule, 2}, Own: true}), []string{"露营 import"}, 1},
		{"the rule takes it back", one(Giving{Remove: []int64{tag}, Origin: ruleOne, Own: true}), []string{"露营 import"}, 1},
		{"the import takes it back", one(Giving{Remove: []int64{tag}, Origin: Origin{"import", 9}, Own: true}), []string{"露营 console"}, 1},
		{"once more for good", one(Giving{Add: []int64{tag}, Origin: ruleOne}), []string{"露营 rule"}, 1},
		{"a person takes it from all", one(Giving{Remove: []int64{tag}, Origin: Origin{SourceConsole, 8}}), []string{}, 2},
		{"again", one(Giving{Remove: []int64{tag}, Origin: Origin{SourceConsole, 8}}), []string{}, 2},
	}
	for _, s := range steps {
		h.give(s.in)
		wants(t, s.name, h.bearing(100), s.want)
		if got := h.facts(); got != s.facts {
			t.Errorf("%s: got %d facts, want %d", s.name, got, s.facts)
		}
		h.sound()
	}
}

func TestGivingCounts(t *testing.T) {
	h := newHouse(t)
	ids := h.local("兴趣", "露营", "钓鱼")
	modeltest.Create(t, h.db, &model.Customer{ID: 300, MergedInto: 100, FirstSeenAt: noon})
	h.give(Giving{CustomerIDs: []int64{101}, Add: []int64{ids["露营"]}, Origin: ruleOne})
	got := h.give(Giving{CustomerIDs: []int64{300, 102, 101, 100, 101, 999}, Add: []int64{ids["露营"], 987}, Origin: ruleOne})
	want := Given{Changed: []int64{100, 102}, Unchanged: []int64{101}, Refused: []int64{300, 999}}
	if fmt.Sprint(*got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", *got, want)
	}
	end := noon.Add(time.Hour)
	if got := h.give(Giving{CustomerIDs: []int64{101}, Add: []int64{ids["露营"]}, Origin: ruleOne, ExpiresAt: &end}); len(got.Changed) != 1 {
		t.Errorf("another end is a change: %+v", got)
	}
}

func TestTagEndsWhenItsTimeHasCome(t *testing.T) {
	h := newHouse(t)
	ids := h.local("兴趣", "露营", "钓鱼")
	end := noon.Add(time.Hour)
	h.give(Giving{CustomerIDs: []int64{100, 101}, Add: []int64{ids["露营"]}, Origin: ruleOne, ExpiresAt: &end})
	h.give(Giving{CustomerIDs: []int64{101}, Add: []int64{ids["露营"]}, Origin: Origin{SourceConsole, 7}})
	h.give(Giving{CustomerIDs: []int64{100}, Add: []int64{ids["钓鱼"]}, Origin: ruleOne})
	h.clock.Advance(end.Add(-time.Millisecond).Sub(h.clock.Now()))
	expire(t, h)
	wants(t, "just before", h.bearing(100), []string{"钓鱼 rule", "露营 rule"})
	h.clock.Advance(time.Millisecond)
	facts := h.facts()
	expire(t, h)
	expire(t, h)
	wants(t, "at its end", h.bearing(100), []string{"钓鱼 rule"})
	wants(t, "given by somebody else too", h.bearing(101), []string{"露营 console"})
	if got := h.facts() - facts; got != 1 {
		t.Errorf("got %d facts, want 1", got)
	}
	h.sound()
}

func expire(t *testing.T, h *house) {
	t.Helper()
	if err := h.ExpireDue(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestCorpTagIsItsCustomersWhileSomebodyFollows: what a relation bears is its customer's, until the last
// relation that bears it ends by the staff member's will.
func TestCorpTagIsItsCustomersWhileSomebodyFollows(t *testing.T) {
	h, r, ids := tagged(t)
	second := &model.Relation{AccountID: h.acct.ID, StaffID: 2, CustomerID: r.CustomerID, ExternalUserID: "wm0b", Status: "active", AddedAt: noon}
	modeltest.Create(t, h.db, second)
	h.assign(r, []int64{ids["VIP"]}, nil)
	h.assign(second, []int64{ids["VIP"], ids["普通"]}, nil)
	wants(t, "borne", h.bearing(r.CustomerID), []string{"VIP console", "普通 console"})
	h.assign(r, nil, []int64{ids["VIP"]})
	wants(t, "by the other", h.bearing(r.CustomerID), []string{"VIP console", "普通 console"})
	for _, s := range []struct {
		status string
		want   []string
	}{{"left", []string{"VIP console", "普通 console"}}, {"removed", []string{}}, {"active", []string{"VIP console", "普通 console"}}} {
		if err := h.db.Model(second).Update("status", s.status).Error; err != nil {
			t.Fatal(err)
		}
		if err := h.OnFact(t.Context(), event.Recorded{CustomerID: r.CustomerID, Payload: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		wants(t, s.status, h.bearing(r.CustomerID), s.want)
		h.sound()
	}
}

// TestRefusedCorpTagIsNotBorne: what the platform refuses is given back.
func TestRefusedCorpTagIsNotBorne(t *testing.T) {
	h, r, ids := tagged(t)
	h.platform.fail = map[string][]error{"mark": {refused(84061, wecom.ClassBadInput)}}
	h.assign(r, []int64{ids["VIP"]}, nil)
	wants(t, "at first", h.bearing(r.CustomerID), []string{"VIP console"})
	h.quiet()
	wants(t, "then", h.bearing(r.CustomerID), []string{})
	h.sound()
}

// TestGrantOfCorpTagReachesThePlatform: a tag of the platform that is granted to a customer is marked on
// all relations, and taken off by whoever may: the rule, or somebody at the platform.
func TestGrantOfCorpTagReachesThePlatform(t *testing.T) {
	h, r, ids := tagged(t)
	h.give(Giving{CustomerIDs: []int64{r.CustomerID}, Add: []int64{ids["VIP"]}, Origin: ruleOne})
	h.quiet()
	wants(t, "there", h.platform.markNames(r), []string{"VIP"})
	facts := h.facts()
	h.read(r) // our own echo
	h.quiet()
	wants(t, "borne", h.bearing(r.CustomerID), []string{"VIP rule"})
	if h.facts() != facts {
		t.Error("the echo was a change")
	}
	h.give(Giving{CustomerIDs: []int64{r.CustomerID}, Remove: []int64{ids["VIP"]}, Origin: ruleOne, Own: true})
	h.quiet()
	wants(t, "taken back there", h.platform.markNames(r), []string{})
	wants(t, "and here", h.bearing(r.CustomerID), []string{})

	h.give(Giving{CustomerIDs: []int64{r.CustomerID}, Add: []int64{ids["VIP"]}, Origin: ruleOne})
	h.quiet()
	h.platform.unmarkAll(r)
	h.read(r)
	h.quiet()
	wants(t, "taken off at the platform", h.bearing(r.CustomerID), []string{})
	h.read(r)
	h.quiet()
	wants(t, "and stays off", h.platform.markNames(r), []string{})
	h.sound()
}

func (f *fake) unmarkAll(r *model.Relation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.marks, r.ExternalUserID)
}

// TestSomebodyTakesWhateverGaveIt: taking a tag off a customer takes it off all relations.
func TestSomebodyTakesWhateverGaveIt(t *testing.T) {
	h, r, ids := tagged(t)
	h.assign(r, []int64{ids["VIP"]}, nil)
	h.give(Giving{CustomerIDs: []int64{r.CustomerID}, Add: []int64{ids["VIP"], ids["钻石"]}, Origin: ruleOne})
	h.quiet()
	_, err := h.Give(t.Context(), boss, GiveInput{CustomerIDs: []int64{r.CustomerID}, Remove: []int64{ids["VIP"]}})
	if err != nil {
		t.Fatal(err)
	}
	h.quiet()
	wants(t, "here", h.bearing(r.CustomerID), []string{"钻石 rule"})
	wants(t, "there", h.platform.markNames(r), []string{"钻石"})
	h.assign(r, nil, []int64{ids["钻石"]}) // through the relation
	h.quiet()
	wants(t, "here", h.bearing(r.CustomerID), []string{})
	wants(t, "there", h.platform.markNames(r), []string{})
	h.sound()
}

func TestGiveChecksWhatItIsAsked(t *testing.T) {
	h := newHouse(t)
	tag := h.local("兴趣", "露营")["露营"]
	past := noon
	many := make([]int64, 201)
	tests := []struct {
		name string
		in   GiveInput
		want error
	}{
		{"nothing", GiveInput{CustomerIDs: []int64{100}}, ErrAssign},
		{"nobody", GiveInput{Add: []int64{tag}}, ErrAssign},
		{"too many", GiveInput{CustomerIDs: many, Add: []int64{tag}}, ErrAssign},
		{"both", GiveInput{CustomerIDs: []int64{100}, Add: []int64{tag}, Remove: []int64{tag}}, ErrAssign},
		{"ends exactly now", GiveInput{CustomerIDs: []int64{100}, Add: []int64{tag}, ExpiresAt: &past}, ErrEnded},
		{"no such tag", GiveInput{CustomerIDs: []int64{100}, Add: []int64{9999}}, ErrNotFound},
	}
	for _, tt := range tests {
		if _, err := h.Give(t.Context(), boss, tt.in); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	other := *boss
	other.StaffID = h.lisi + 1
	if _, err := h.Give(t.Context(), &other, GiveInput{CustomerIDs: []int64{100}, Add: []int64{tag}}); !errors.Is(err, ErrOutOfSight) {
		t.Errorf("somebody else's customer: %v", err)
	}
}

func TestV09_HostileNamesAreKeptAsTheyAre(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' OR 1=1 --`, `=cmd|' /C calc'!A0`, `{{7*7}}`, `😀👨‍👩‍👧`, `مرحبا`} {
		ids := h.local("组 "+name, name)
		if got := h.tagNamed(name); got.ID != ids[name] {
			t.Errorf("%s was kept as %s", name, got.Name)
		}
	}
	for _, name := range []string{"", "  ", "a\x00b", "a\nb", "a\u202eb", "a\u2066b", "\u200eab", "a\u2028b", "a\u200bb", "\ufeff\u2060", "a\xffb", "\x7f"} {
		if _, err := h.CreateGroup(t.Context(), NewGroup{Name: name, Tags: []string{"x"}}); err != ErrName {
			t.Errorf("the group %q: got %v", name, err)
		}
		if _, err := h.CreateGroup(t.Context(), NewGroup{Name: "ok", Tags: []string{name}}); err != ErrName {
			t.Errorf("the tag %q: got %v", name, err)
		}
	}
}

// TestMergedCustomersBearWhatBothBore: the rows move with the customer capability; here everything follows.
func TestMergedCustomersBearWhatBothBore(t *testing.T) {
	h := newHouse(t)
	ids := h.local("兴趣", "露营", "钓鱼")
	h.give(Giving{CustomerIDs: []int64{100}, Add: []int64{ids["露营"]}, Origin: ruleOne})
	h.give(Giving{CustomerIDs: []int64{101}, Add: []int64{ids["钓鱼"]}, Origin: Origin{SourceConsole, 7}})
	move := func(from, to, into int64, kind string) {
		for _, err := range []error{
			h.db.Model(&model.Customer{}).Where("id = 101").Update("merged_into", into).Error,
			h.db.Model(&model.TagGrant{}).Where("customer_id = ? AND source = ?", from, SourceConsole).Update("customer_id", to).Error,
			h.OnFact(t.Context(), event.Recorded{Kind: kind, CustomerID: 100, Payload: []byte(`{"customer_id":100,"other_id":101}`)}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	move(101, 100, 100, event.KindCustomerMerged)
	wants(t, "merged", h.bearing(100), []string{"钓鱼 console", "露营 rule"})
	wants(t, "nobody now", h.bearing(101), []string{})
	h.sound()
	move(100, 101, 0, event.KindCustomerSplit)
	wants(t, "undone", h.bearing(100), []string{"露营 rule"})
	wants(t, "undone", h.bearing(101), []string{"钓鱼 console"})
	h.sound()
}

// TestProjectionIsWhatARebuildMakes does anything to anybody, and then asks a rebuild.
func TestProjectionIsWhatARebuildMakes(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			h, _, corp := tagged(t)
			local := h.local("兴趣", "露营", "钓鱼")
			tags := []int64{corp["VIP"], corp["普通"], local["露营"], local["钓鱼"]}
			second := &model.Relation{AccountID: h.acct.ID, StaffID: 2, CustomerID: 100, ExternalUserID: "wm0b", Status: "active", AddedAt: noon}
			modeltest.Create(t, h.db, second)
			relations := append(slices.Clone(h.relations), second)
			r := rand.New(rand.NewPCG(seed, 1))
			pick := func() (out []int64) {
				for _, id := range tags {
					if r.IntN(3) == 0 {
						out = append(out, id)
					}
				}
				return out
			}
			for range 60 {
				rel := relations[r.IntN(len(relations))]
				origin := []Origin{ruleOne, {SourceRule, 2}, {SourceConsole, 7}}[r.IntN(3)]
				customers := []int64{100, 101, 102}[r.IntN(3):]
				switch r.IntN(8) {
				case 0, 1:
					h.assign(rel, pick(), nil)
				case 2:
					h.assign(rel, nil, pick())
				case 3:
					end := h.clock.Now().Add(time.Duration(r.IntN(5)) * time.Minute)
					h.give(Giving{CustomerIDs: customers, Add: pick(), Origin: origin, ExpiresAt: &end})
				case 4:
					h.give(Giving{CustomerIDs: customers, Add: pick(), Origin: origin})
				case 5:
					h.give(Giving{CustomerIDs: customers, Remove: pick(), Origin: origin, Own: r.IntN(2) == 0})
				case 6:
					h.clock.Advance(time.Duration(r.IntN(3)) * time.Minute)
					expire(t, h)
				case 7:
					h.quiet()
					if r.IntN(3) == 0 {
						h.platform.unmarkAll(rel)
					}
					h.read(rel)
				}
			}
			h.sound()
			rebuilt := h.rows()
			if err := h.db.Where("1 = 1").Delete(&model.CustomerTag{}).Error; err != nil {
				t.Fatal(err)
			}
			if _, err := h.Rebuild(t.Context()); err != nil {
				t.Fatal(err)
			}
			wants(t, "from nothing", h.rows(), rebuilt)
		})
	}
}

// rows are all rows of the projection, but for their ids.
func (h *house) rows() (out []string) {
	h.t.Helper()
	var rows []model.CustomerTag
	if err := h.db.Order("customer_id, tag_id").Find(&rows).Error; err != nil {
		h.t.Fatal(err)
	}
	for _, r := range rows {
		end := "never"
		if r.ExpiresAt != nil {
			end = r.ExpiresAt.UTC().String()
		}
		out = append(out, fmt.Sprint(r.CustomerID, r.TagID, r.Source, r.SourceID, end, r.CreatedAt.UTC()))
	}
	return out
}

// TestRacesOfGivingAndTaking: whoever comes when, the projection is what the assignments say.
func TestRacesOfGivingAndTaking(t *testing.T) {
	h, r, corp := tagged(t)
	tag := h.local("兴趣", "露营")["露营"]
	second := &model.Relation{AccountID: h.acct.ID, StaffID: 2, CustomerID: r.CustomerID, ExternalUserID: "wm0b", Status: "active", AddedAt: noon}
	modeltest.Create(t, h.db, second)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				err := retry(func() error {
					return model.InTx(context.Background(), h.db, func(tx *gorm.DB) (err error) {
						switch i % 4 {
						case 0:
							_, err = h.GiveTx(tx, Giving{CustomerIDs: []int64{100, 101}, Add: []int64{tag, corp["VIP"]}, Origin: Origin{SourceRule, int64(i)}})
						case 1:
							_, err = h.GiveTx(tx, Giving{CustomerIDs: []int64{101, 100}, Remove: []int64{tag, corp["VIP"]}, Origin: ruleOne})
						case 2:
							err = h.AssignTx(tx, []*model.Relation{second}, []int64{corp["VIP"]}, nil, SourceConsole)
						default:
							err = h.AssignTx(tx, []*model.Relation{r}, nil, []int64{corp["VIP"]}, SourceConsole)
						}
						return err
					})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	h.sound()
}
