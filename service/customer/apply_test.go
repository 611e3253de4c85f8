package customer

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

func TestTwoStaffOneCustomerAreTwoRelations(t *testing.T) {
	h := newHouse(t)
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1)), contact("ZhangSan", "wmA", at(5))}})
	if n := modeltest.Count[model.Customer](t, h.db); n != 1 {
		t.Errorf("got %d customers, want 1", n)
	}
	one, two := h.relation("lisi", "wmA"), h.relation("zhangsan", "wmA")
	if one == nil || two == nil || one.CustomerID != two.CustomerID {
		t.Fatalf("got relations %+v and %+v of one customer", one, two)
	}
	c, err := h.ByIdentity(t.Context(), KindExternalUserID, "wwCORP", "wmA")
	if err != nil || !c.FirstSeenAt.Equal(at(1)) || c.FirstSource != "扫描二维码" {
		t.Errorf("got customer %+v, %v; first seen at the first relation", c, err)
	}
	if n := h.facts(event.KindCustomerAdded); n != 2 {
		t.Errorf("got %d added facts, want 2", n)
	}
}

func TestApplyIsRepeatable(t *testing.T) {
	h := newHouse(t)
	page := many(20)
	first := h.apply(Input{Contacts: page, Source: event.SourceSync, RunID: 1})
	if first.Created != 20 || first.Read != 20 {
		t.Errorf("first: got %+v", first.Counts)
	}
	for _, r := range first.Relations {
		if !r.New || r.ID == 0 || r.CustomerName == "" {
			t.Errorf("first: relation %+v is not new", r)
		}
	}
	again := h.apply(Input{Contacts: page, Source: event.SourceSync, RunID: 2})
	if again.Unchanged != 20 || again.Updated+again.Created != 0 || len(again.Relations) != 20 {
		t.Errorf("again: got %+v and %d relations", again.Counts, len(again.Relations))
	}
	for _, r := range again.Relations {
		if r.New {
			t.Error("again: a relation is new")
		}
	}
	if n := modeltest.Count[model.Relation](t, h.db, "seen_run_id = 2"); n != 20 {
		t.Errorf("got %d relations seen by the second run, want 20", n)
	}
	if n := h.facts(event.KindCustomerAdded); n != 20 {
		t.Errorf("got %d added facts, want 20", n)
	}
}

func TestOriginAttributesOnceAndForANewBeginningAnew(t *testing.T) {
	h := newHouse(t)
	state := func(c *Contact) { c.Follow.State = "k1" }
	origins := map[string]Origin{"k1": {ChannelCodeID: 7, SourceName: "门店海报"}}
	r := h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1), state)}, Origins: origins}).Relations[0]
	if r.ChannelCodeID != 7 {
		t.Errorf("got channel code %d, want 7", r.ChannelCodeID)
	}
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1), state)}}) // whoever reads may not know the codes
	if r := h.relation("lisi", "wmA"); r.ChannelCodeID != 7 {
		t.Errorf("a reading without origins took the attribution away: %d", r.ChannelCodeID)
	}
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(9))}, Origins: origins})
	if r := h.relation("lisi", "wmA"); r.ChannelCodeID != 0 {
		t.Errorf("added again without a code: got channel code %d, want 0", r.ChannelCodeID)
	}
	c, err := h.ByIdentity(t.Context(), KindExternalUserID, "wwCORP", "wmA")
	if err != nil || c.FirstSource != "门店海报" {
		t.Errorf("got first source %q, %v", c.FirstSource, err)
	}
}

func TestUnionIDMakesOnePersonOfTwoAccounts(t *testing.T) {
	h := newHouse(t)
	other := h.account("other", "wwOTHER")
	union := func(c *Contact) { c.Person.UnionID = "oU1" }
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1), union)}})
	h.apply(Input{Account: other, Contacts: []Contact{contact("wang", "wmB", at(2), union)}})
	if n := modeltest.Count[model.Customer](t, h.db); n != 1 {
		t.Errorf("got %d customers, want 1", n)
	}
	a, errA := h.ByIdentity(t.Context(), KindExternalUserID, "wwCORP", "wmA")
	b, errB := h.ByIdentity(t.Context(), KindExternalUserID, "wwOTHER", "wmB")
	if errA != nil || errB != nil || a.ID != b.ID {
		t.Errorf("got customers %v and %v (%v, %v), want one", a, b, errA, errB)
	}
}

func TestTwoKnownCustomersAreNotMergedButTheFindingIsRecordedOnce(t *testing.T) {
	h := newHouse(t)
	other := h.account("other", "wwOTHER")
	union := func(c *Contact) { c.Person.UnionID = "oU1" }
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1), union)}})
	h.apply(Input{Account: other, Contacts: []Contact{contact("wang", "wmB", at(2))}})
	for range 2 {
		h.apply(Input{Account: other, Contacts: []Contact{contact("wang", "wmB", at(2), union)}})
		h.apply(Input{Account: other, Contacts: []Contact{contact("wang", "wmB", at(2))}})
	}
	if n := modeltest.Count[model.Customer](t, h.db); n != 2 {
		t.Errorf("got %d customers, want 2", n)
	}
	if n := h.facts(event.KindSamePersonFound); n != 1 {
		t.Errorf("got %d findings, want 1", n)
	}
}

// TestHostileTexts plants what people and attackers type; it comes back intact, or cut where the
// column ends, and never as an error that loses the event.
func TestHostileTexts(t *testing.T) {
	h := newHouse(t)
	texts := []string{
		`'; DROP TABLE customer; --`, `" OR 1=1 #`, `\'; \\`, `<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`,
		"\u202egnp.exe", "\u2066\u2069\u200b\ufeff", "👨‍👩‍👧‍👦🇨🇳𠮷𝕏", "a\x00b", "tab\tnl\nret\r", "%_!", "{{客户昵称}}", "${jndi:ldap://x}", "\xff\xfe",
		string(make([]byte, 3)), "", " ", "ｆｕｌｌ", "\U0010FFFF",
	}
	long := make([]rune, 10_000)
	for i := range long {
		long[i] = '😀'
	}
	texts = append(texts, string(long))
	for i, text := range texts {
		ext := fmt.Sprintf("wm%d", i)
		h.apply(Input{Contacts: []Contact{contact("lisi", ext, at(1), func(c *Contact) {
			c.Person.Name, c.Person.Avatar, c.Person.CorpName, c.Person.UnionID = text, text, text, text
			c.Follow.Remark, c.Follow.Description, c.Follow.State, c.Follow.RemarkCompany, c.Follow.InitiatorID = text, text, text, text, text
		})}})
		r := h.relation("lisi", ext)
		if r == nil {
			t.Errorf("text %d: the relation is lost", i)
			continue
		}
		if r.Remark != cut(text, 255) || r.Description != cut(text, 1024) || r.State != cut(text, 128) {
			t.Errorf("text %d: got remark %.60q state %.60q", i, r.Remark, r.State)
		}
		c, err := h.ByIdentity(t.Context(), KindExternalUserID, "wwCORP", ext)
		if err != nil || c.Name != cut(text, 128) {
			t.Errorf("text %d: got %v, %v", i, c, err)
		}
		again := h.apply(Input{Contacts: []Contact{contact("lisi", ext, at(1))}})
		if again.Failed != 0 || len(again.Relations) != 1 {
			t.Errorf("text %d: got %+v", i, again.Counts)
		}
	}
	if n := modeltest.Count[model.Relation](t, h.db); n != int64(len(texts)) {
		t.Errorf("got %d relations, want %d", n, len(texts))
	}
}

func TestUnusableIDsAreCountedAndTheRestIsApplied(t *testing.T) {
	h := newHouse(t)
	long := string(make([]byte, 65))
	out := h.apply(Input{Contacts: []Contact{
		contact("", "wmA", at(1)), contact("lisi", "", at(1)), contact(long, "wmA", at(1)), contact("lisi", long, at(1)),
		contact("lisi", "wm\xff", at(1)), contact("lisi", "wmB ", at(1)), contact("lisi", "wmGood", at(1)),
	}})
	if out.Failed != 6 || out.Created != 1 {
		t.Errorf("got %+v, want 6 failed and 1 created", out.Counts)
	}
}

// TestRacesOfTheSamePage has several workers apply one page at once while others end and add some of
// it: unique keys and locks decide, everything exists once.
func TestRacesOfTheSamePage(t *testing.T) {
	dsn := modeltest.DSN(t)
	first := houseOn(t, modeltest.Open(t, dsn))
	first.in(func(tx *gorm.DB) error { // known already, or its row would keep them apart
		_, err := first.staff.EnsureTx(tx, first.acct.ID, "lisi")
		return err
	})
	page := many(40)
	var wg sync.WaitGroup
	for w := range 6 {
		h := first
		if w%2 == 1 {
			h = houseOn(t, modeltest.Open(t, dsn)) // another replica
		}
		wg.Go(func() {
			mine := append([]Contact(nil), page...)
			if w%3 == 1 {
				for i, j := 0, len(mine)-1; i < j; i, j = i+1, j-1 {
					mine[i], mine[j] = mine[j], mine[i]
				}
			}
			err := retry(func() error {
				return model.InTx(context.Background(), h.db, func(tx *gorm.DB) error {
					if w == 5 {
						_, _, err := h.HalfAddedTx(tx, HalfAdded{Account: h.acct, UserID: "lisi", ExternalUserID: "wm000003", At: at(-3), Source: "callback"})
						return err
					}
					_, err := h.ApplyTx(tx, Input{Account: h.acct, Source: event.SourceSync, Contacts: mine, ReadAt: at(10)})
					return err
				})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	h := first
	if n := modeltest.Count[model.Relation](t, h.db); n != 40 {
		t.Errorf("got %d relations, want 40", n)
	}
	if n := modeltest.Count[model.Customer](t, h.db); n != 40 {
		t.Errorf("got %d customers, want 40", n)
	}
	if n := modeltest.Count[model.Identity](t, h.db); n != 80 {
		t.Errorf("got %d identities, want 80", n)
	}
	if n := h.facts(event.KindCustomerAdded); n != 40 {
		t.Errorf("got %d added facts, want 40", n)
	}
}

// retry is what the queue does with a work whose transaction kept colliding.
func retry(do func() error) (err error) {
	for range 20 {
		if err = do(); err == nil || !model.IsTransient(err) {
			return err
		}
	}
	return err
}

// TestFullSynchronisationTakesFewStatements holds the cost of a page of 100, whatever the machine.
func TestFullSynchronisationTakesFewStatements(t *testing.T) {
	h := newHouse(t)
	all := many(1000)
	statements := countStatements(t, h.db)
	for _, tt := range []struct {
		name    string
		perPage int64
		check   func(Counts) bool
	}{
		{"first", 11, func(c Counts) bool { return c.Created == 1000 }},
		{"unchanged", 3, func(c Counts) bool { return c.Unchanged == 1000 }},
		{"one of each page renamed", 9, func(c Counts) bool { return c.Updated == 10 && c.Unchanged == 990 }},
	} {
		statements.Store(0)
		if c := h.sync(all, 1); !tt.check(c) {
			t.Errorf("%s: %+v", tt.name, c)
		}
		if n := statements.Load() / 10; n > tt.perPage {
			t.Errorf("%s: a page took %d statements, want at most %d", tt.name, n, tt.perPage)
		}
		if tt.name == "unchanged" {
			for i := 0; i < len(all); i += 100 {
				all[i].Person.Name += "改"
			}
		}
	}
}

// sync applies everybody in pages of 100.
func (h *house) sync(all []Contact, run int64) (sum Counts) {
	for i := 0; i < len(all); i += 100 {
		sum.Add(h.apply(Input{Contacts: all[i : i+100], Source: event.SourceSync, RunID: run}).Counts)
	}
	return sum
}

// BenchmarkTenThousand is a full synchronisation of 10,000 relations: of nobody known, of everybody
// unchanged, of everybody changed.
func BenchmarkTenThousand(b *testing.B) {
	for range b.N {
		b.StopTimer()
		h := newHouse(b)
		all := many(10_000)
		b.StartTimer()
		start := time.Now()
		lap := func(name string) {
			b.ReportMetric(float64(time.Since(start).Milliseconds()), name+"-ms")
			start = time.Now()
		}
		h.sync(all, 1)
		lap("first")
		h.sync(all, 2)
		lap("unchanged")
		for i := range all {
			all[i].Person.Name += "改"
		}
		h.sync(all, 3)
		lap("changed")
	}
}
