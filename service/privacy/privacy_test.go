package privacy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/vault"
	"zhiyin/service/work"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// house is the capability over a database with three customers: 1 and 2 grown up, 3 a child.
type house struct {
	*Service
	t     *testing.T
	clock *clock.Fake
	db    *gorm.DB
}

func newHouse(t *testing.T) *house {
	t.Helper()
	db, c := modeltest.DB(t), clock.NewFake(noon)
	v, err := vault.New(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	for id := int64(1); id <= 3; id++ {
		modeltest.Create(t, db, &model.Customer{ID: id, Minor: id == 3, FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
	}
	return &house{New(db, event.New(work.New(db, c.Now), c.Now), v, c.Now), t, c, db}
}

func (h *house) publish(purpose string, explicit bool) int {
	h.t.Helper()
	newest, err := newestNotice(h.db, purpose)
	if err != nil {
		h.t.Fatal(err)
	}
	version := 1
	if newest != nil {
		version = newest.Version + 1
	}
	_, err = h.Publish(h.t.Context(), NoticeInput{Purpose: purpose, Version: version, Title: "告知", Body: fmt.Sprintf("第 %d 版", version), Explicit: explicit})
	if err != nil {
		h.t.Fatal(err)
	}
	return version
}

func (h *house) decide(id int64, purpose string, given bool, version int) error {
	h.clock.Advance(time.Second)
	return h.Decide(h.t.Context(), Decision{CustomerID: id, Purpose: purpose, Given: given, Version: version, Channel: ByMiniApp})
}

func (h *house) allowed(id int64, purpose string) bool {
	h.t.Helper()
	ok, err := h.Allowed(h.t.Context(), id, purpose)
	if err != nil {
		h.t.Fatal(err)
	}
	return ok
}

func (h *house) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) wantErr(what string, err, want error) {
	h.t.Helper()
	if !errors.Is(err, want) {
		h.t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func TestWhatIsAllowed(t *testing.T) {
	yes := func(v int) *model.Consent { return &model.Consent{Given: true, NoticeVersion: v} }
	no := &model.Consent{NoticeVersion: 1}
	guarded := &model.Consent{Given: true, NoticeVersion: 1, SealedGuardian: []byte("x")}
	told := func(v int, explicit bool) *model.Notice { return &model.Notice{Version: v, Explicit: explicit} }
	collects, uses := Purpose{Collects: true}, Purpose{}
	for _, tt := range []struct {
		name  string
		p     Purpose
		minor bool
		told  *model.Notice
		last  *model.Consent
		want  string
	}{
		{"collecting without a word", collects, false, nil, nil, NotAsked},
		{"collecting, told and silent", collects, false, told(1, true), nil, NotAsked},
		{"collecting with a yes", collects, false, told(1, true), yes(1), ""},
		{"collecting with a yes to an older text", collects, false, told(2, true), yes(1), NotAsked},
		{"collecting with a no", collects, false, told(1, true), no, Refused},
		{"using, silence means yes", uses, false, nil, nil, ""},
		{"using, silence means yes under a notice", uses, false, told(1, false), nil, ""},
		{"using, silence means no", uses, false, told(1, true), nil, NotAsked},
		{"using with a yes to an older text", uses, false, told(2, true), yes(1), NotAsked},
		{"using with an older yes where none is needed", uses, false, told(2, false), yes(1), ""},
		{"using with a no, and a newer text", uses, false, told(2, false), no, Refused},
		{"P14 a child is left alone", uses, true, nil, nil, Minor},
		{"P14 a child's own yes does not count", uses, true, told(1, false), yes(1), Minor},
		{"P14 a guardian's does", uses, true, told(1, true), guarded, ""},
		{"P14 a guardian's no", uses, true, told(1, false), no, Refused},
	} {
		if got := refusal(tt.p, tt.minor, tt.told, tt.last); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestP1_TheStateAtAnyTimeCanBeToldAgain(t *testing.T) {
	h := newHouse(t)
	v := h.publish(Marketing, true)
	type moment struct {
		at      time.Time
		allowed bool
	}
	moments := []moment{{h.clock.Now(), false}}
	for i, given := range []bool{true, false, true, true, false, false, true} {
		h.must(h.decide(1, Marketing, given, v))
		moments = append(moments, moment{h.clock.Now(), given})
		if got := h.allowed(1, Marketing); got != given {
			t.Errorf("step %d: allowed %v", i, got)
		}
		h.clock.Advance(time.Minute)
	}
	for _, m := range moments {
		for _, st := range must(h.State(t.Context(), 1, m.at))(t) {
			if st.Purpose.Name == Marketing && st.Allowed != m.allowed {
				t.Errorf("at %v: %v, want %v", m.at, st.Allowed, m.allowed)
			}
		}
	}
	ledger := must(h.Ledger(t.Context(), 1))(t)
	if len(ledger) != 5 {
		t.Errorf("%d entries, want 5: saying the same again is none", len(ledger))
	}
	if n := modeltest.Count[model.Event](t, h.db, "kind = ?", event.KindConsentChanged); n != 5 {
		t.Errorf("%d facts, want 5", n)
	}
	for _, e := range ledger {
		if e.NoticeVersion != v || !bytes.Equal(e.NoticeDigest, digest(Marketing, v, "告知", "第 1 版")) || e.Channel != ByMiniApp {
			t.Errorf("an entry that proves nothing: %+v", e)
		}
	}
}

func TestP3_OnlyWhatIsNewIsAskedAgain(t *testing.T) {
	h := newHouse(t)
	profile := h.publish(Profile, false)
	h.publish(Behaviour, false)
	asks := func() string {
		var names []string
		for _, st := range must(h.State(t.Context(), 1, time.Time{}))(t) {
			if st.Ask {
				names = append(names, st.Purpose.Name)
			}
		}
		return strings.Join(names, " ")
	}
	if got := asks(); got != "profile behaviour" {
		t.Errorf("a newcomer is asked for %q", got)
	}
	h.must(h.decide(1, Profile, true, profile))
	h.must(h.decide(1, Behaviour, false, 0))
	if got := asks(); got != "" {
		t.Errorf("asked again for %q", got)
	}
	h.clock.Advance(time.Hour)
	newer := h.publish(Profile, false)
	h.publish(Behaviour, false)
	if got := asks(); got != "profile" {
		t.Errorf("after new versions asked for %q: a no stays one", got)
	}
	if h.allowed(1, Profile) {
		t.Error("a yes to the old text covers the new one")
	}
	h.wantErr("a yes to the old text", h.decide(1, Profile, true, profile), ErrNewNotice)
	h.must(h.decide(1, Profile, true, newer))
	if !h.allowed(1, Profile) || asks() != "" {
		t.Error("a yes to the new text does not count")
	}
}

func TestANoticeTakesEffectWhenItSays(t *testing.T) {
	h := newHouse(t)
	h.publish(Marketing, false)
	next := NoticeInput{Purpose: Marketing, Version: 2, Title: "新", Body: "新版", Explicit: true, EffectiveAt: noon.Add(24 * time.Hour)}
	must(h.Publish(t.Context(), next))(t)
	if !h.allowed(1, Marketing) {
		t.Error("in effect already")
	}
	h.clock.Advance(24 * time.Hour)
	if h.allowed(1, Marketing) {
		t.Error("not in effect yet")
	}
}

func TestPublishRefuses(t *testing.T) {
	h := newHouse(t)
	h.publish(Profile, false)
	good := NoticeInput{Purpose: Profile, Version: 2, Title: "告知", Body: "正文"}
	for name, tt := range map[string]struct {
		change func(*NoticeInput)
		want   error
	}{
		"unknown purpose":   {func(n *NoticeInput) { n.Purpose = "anything" }, ErrPurpose},
		"no title":          {func(n *NoticeInput) { n.Title = " " }, ErrInvalid},
		"no text":           {func(n *NoticeInput) { n.Body = "" }, ErrInvalid},
		"too long":          {func(n *NoticeInput) { n.Body = strings.Repeat("长", maxNotice+1) }, ErrInvalid},
		"in the past":       {func(n *NoticeInput) { n.EffectiveAt = noon.Add(-time.Hour) }, ErrInvalid},
		"published already": {func(n *NoticeInput) { n.Version = 1 }, ErrNoticeTaken},
		"one left out":      {func(n *NoticeInput) { n.Version = 3 }, ErrNoticeTaken},
	} {
		in := good
		tt.change(&in)
		_, err := h.Publish(t.Context(), in)
		h.wantErr(name, err, tt.want)
	}
	if n := modeltest.Count[model.Notice](t, h.db); n != 1 {
		t.Errorf("%d notices", n)
	}
}

func TestDecideRefuses(t *testing.T) {
	h := newHouse(t)
	v := h.publish(Profile, false)
	h.wantErr("an unknown purpose", h.decide(1, "anything", true, v), ErrPurpose)
	h.wantErr("an unknown customer", h.decide(9, Profile, true, v), ErrNoCustomer)
	h.wantErr("nothing told", h.decide(1, Phone, true, 1), ErrNoNotice)
	h.wantErr("a version that is not", h.decide(1, Profile, true, v+1), ErrNewNotice)
	h.wantErr("P14 a child alone", h.decide(3, Profile, true, v), ErrGuardian)
	h.must(h.decide(3, Profile, false, 0)) // a no needs nothing
	h.must(h.decide(1, Phone, false, 0))
	err := h.Decide(t.Context(), Decision{CustomerID: 3, Purpose: Profile, Given: true, Version: v, Channel: ByConsole, Guardian: "王建国 13800138000"})
	h.must(err)
	if !h.allowed(3, Profile) {
		t.Error("P14: a guardian's consent does not count")
	}
	var row model.Consent
	h.must(h.db.Where("sealed_guardian IS NOT NULL").Take(&row).Error)
	if text, err := h.vault.Open(row.SealedGuardian, guardianPlace(&row)); err != nil || text != "王建国 13800138000" {
		t.Errorf("the guardian: %q, %v", text, err)
	}
	if bytes.Contains(row.SealedGuardian, []byte("13800138000")) {
		t.Error("the guardian stands in clear")
	}
}

// TestRacingDecisions: whatever races, the entries are numbered without gaps and the last one holds.
func TestRacingDecisions(t *testing.T) {
	h := newHouse(t)
	v := h.publish(Marketing, false)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			err := h.Decide(t.Context(), Decision{CustomerID: 1, Purpose: Marketing, Given: i%2 == 0, Version: v, Channel: ByMiniApp})
			if err != nil && !model.IsDuplicate(err) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	ledger := must(h.Ledger(t.Context(), 1))(t)
	for i, e := range ledger {
		if e.Ordinal != len(ledger)-i {
			t.Errorf("entry %d has number %d", i, e.Ordinal)
		}
		if i > 0 && e.Given == ledger[i-1].Given {
			t.Error("two entries running say the same")
		}
	}
	if len(ledger) == 0 || h.allowed(1, Marketing) != ledger[0].Given {
		t.Error("the last entry does not hold")
	}
}

func TestP4_DoNotContact(t *testing.T) {
	h := newHouse(t)
	choose := func(channel, choice string) {
		t.Helper()
		h.clock.Advance(time.Second)
		h.must(h.Choose(t.Context(), ChoiceInput{CustomerID: 1, Channel: channel, Choice: choice, Source: ByMiniApp}))
	}
	by := func(channel string) bool { return must(h.AllowedBy(t.Context(), 1, Marketing, channel))(t) }
	choose("sms", None)
	if by("sms") || !by("wecom") || !by("") {
		t.Error("one channel")
	}
	choose("", None)
	if by("wecom") || by("") {
		t.Error("all channels")
	}
	if !h.allowed(1, Targeting) || !h.allowed(2, Marketing) {
		t.Error("another purpose, or another customer")
	}
	choose("", Fewer)
	if by("sms") || !by("wecom") {
		t.Error("fewer is not none, and the channel's own choice stays")
	}
	choose("", Fewer)
	if c := must(h.Contact(t.Context(), 1))(t); c[""] != Fewer || c["sms"] != None {
		t.Errorf("choices: %v", c)
	}
	if n := modeltest.Count[model.ContactChoice](t, h.db); n != 3 {
		t.Errorf("%d entries, want 3", n)
	}
	for _, in := range []ChoiceInput{{CustomerID: 1, Choice: "some"}, {CustomerID: 1, Choice: None, Channel: "S M S"}, {CustomerID: 1, Choice: None, Reason: strings.Repeat("长", 201)}} {
		h.wantErr(in.Choice, h.Choose(t.Context(), in), ErrInvalid)
	}
	h.wantErr("nobody", h.Choose(t.Context(), ChoiceInput{CustomerID: 9, Choice: None}), ErrNoCustomer)
}

func TestP14_ChildrenAreOutOfMarketing(t *testing.T) {
	h := newHouse(t)
	why := must(h.Refusals(t.Context(), []int64{1, 2, 3}, Marketing, "wecom"))(t)
	if len(why) != 1 || why[3] != Minor || h.allowed(3, Targeting) {
		t.Errorf("refusals: %v", why)
	}
}

func TestRequests(t *testing.T) {
	h := newHouse(t)
	ask := func(id int64, kind string) *model.PrivacyRequest {
		t.Helper()
		return must(h.Request(t.Context(), RequestInput{CustomerID: id, Kind: kind, Source: ByMiniApp}))(t)
	}
	first := ask(1, RequestErase)
	if again := ask(1, RequestErase); again.ID != first.ID {
		t.Error("two of a kind are open")
	}
	export := ask(1, RequestExport)
	if h.allowed(1, Marketing) || h.allowed(1, Targeting) || !h.allowed(2, Marketing) {
		t.Error("who is leaving is left alone, and nobody else")
	}
	h.wantErr("somebody else's", h.Cancel(t.Context(), 2, first.ID), ErrNotFound)
	for range 2 {
		h.must(h.Cancel(t.Context(), 1, first.ID))
	}
	if !h.allowed(1, Marketing) {
		t.Error("who stays is not left alone")
	}
	if second := ask(1, RequestErase); second.ID == first.ID {
		t.Error("a cancelled request lives on")
	}
	h.must(h.db.Model(&model.PrivacyRequest{}).Where("id = ?", export.ID).Update("state", StateRunning).Error)
	h.wantErr("one that is being carried out", h.Cancel(t.Context(), 1, export.ID), ErrNotOpen)
	if list := must(h.RequestsOf(t.Context(), 1))(t); len(list) != 3 || list[0].ID < list[1].ID {
		t.Errorf("listed: %+v", list)
	}
	if list := must(h.Requests(t.Context(), RequestFilter{State: StateRecorded, Kind: RequestErase, Limit: 10}))(t); len(list) != 1 {
		t.Errorf("filtered: %+v", list)
	}
	if n := modeltest.Count[model.Event](t, h.db, "kind = ?", event.KindPrivacyRequested); n != 3 {
		t.Errorf("%d facts, want 3", n)
	}
	_, err := h.Request(t.Context(), RequestInput{CustomerID: 1, Kind: "anything"})
	h.wantErr("an unknown kind", err, ErrInvalid)
}

// TestMergedCustomersSpeakAsOne: the last word of either holds, and undoing the merge needs nothing.
func TestMergedCustomersSpeakAsOne(t *testing.T) {
	h := newHouse(t)
	v := h.publish(Marketing, true)
	h.must(h.decide(1, Marketing, true, v))
	h.must(h.decide(2, Marketing, false, 0))
	h.must(h.Choose(t.Context(), ChoiceInput{CustomerID: 2, Channel: "sms", Choice: None, Source: ByMiniApp}))
	request := must(h.Request(t.Context(), RequestInput{CustomerID: 2, Kind: RequestExport, Source: ByMiniApp}))(t)
	merge := func(into int64) {
		t.Helper()
		h.must(h.db.Model(&model.Customer{}).Where("id = 2").Update("merged_into", into).Error)
	}
	merge(1)
	if h.allowed(1, Marketing) || must(h.Contact(t.Context(), 1))(t)["sms"] != None {
		t.Error("the other's last word does not hold")
	}
	h.must(h.decide(1, Marketing, true, v))
	if !h.allowed(1, Marketing) || len(must(h.Ledger(t.Context(), 1))(t)) != 3 {
		t.Error("a newer word does not hold")
	}
	h.wantErr("a customer who stands for another", h.decide(2, Marketing, true, v), ErrNoCustomer)
	h.must(h.Cancel(t.Context(), 1, request.ID))
	merge(0)
	if h.allowed(2, Marketing) || !h.allowed(1, Marketing) {
		t.Error("after undoing the merge")
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestHoldingsCountWhatIsKept(t *testing.T) {
	h := newHouse(t)
	modeltest.Create(t, h.db,
		&model.Identity{CustomerID: 1, Kind: "openid", Scope: "a", Value: "1", Source: "miniapp", CreatedAt: noon},
		&model.Identity{CustomerID: 2, Kind: "openid", Scope: "a", Value: "2", Source: "miniapp", CreatedAt: noon})
	h.must(h.decide(1, Phone, false, 0))
	times := map[string]int64{}
	for _, x := range must(h.Holdings(t.Context(), 1))(t) {
		times[x.Name] = x.Times
		if x.Zh == "" || x.En == "" || x.KeptZh == "" || x.KeptEn == "" {
			t.Errorf("%s says too little", x.Name)
		}
	}
	if times["identity"] != 1 || times["consent"] != 1 || times["event"] != 1 || times["order"] != 0 {
		t.Errorf("counted: %v", times)
	}
	_, err := h.Holdings(t.Context(), 9)
	h.wantErr("nobody", err, ErrNoCustomer)
}

// TestP5_EveryTableAboutCustomersIsTold: a table with a customer_id is counted in one of the holdings, or untold says why not.
func TestP5_EveryTableAboutCustomersIsTold(t *testing.T) {
	h := newHouse(t)
	table := func(row any) (name string, about bool) {
		q := &gorm.Statement{DB: h.db}
		if err := q.Parse(row); err != nil {
			t.Fatal(err)
		}
		return q.Schema.Table, q.Schema.LookUpField("customer_id") != nil
	}
	told, names := map[string]string{}, map[string]bool{}
	for _, x := range holdings {
		if names[x.Name] {
			t.Errorf("%s is told twice", x.Name)
		}
		names[x.Name] = true
		for _, row := range x.rows {
			name, about := table(row)
			if !about || told[name] != "" || untold[name] != "" {
				t.Errorf("%s is counted in %s, in %q, and untold: %q", name, x.Name, told[name], untold[name])
			}
			told[name] = x.Name
		}
	}
	here := map[string]bool{}
	for _, row := range model.Rows() {
		name, about := table(row)
		here[name] = about
		if about && told[name] == "" && untold[name] == "" {
			t.Errorf("%s speaks of customers, and my data does not", name)
		}
	}
	for name := range untold {
		if !here[name] {
			t.Errorf("%s is untold, and no table about customers", name)
		}
	}
}
