package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/keyring"
	"zhiyin/service/privacy"
	"zhiyin/service/profile"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

// replica is everything that keeps personal data sealed, with keys of its own memory.
type replica struct {
	*rig
	ring      *keyring.Ring
	customers *customer.Service
	profiles  *profile.Service
	consents  *privacy.Service
}

func replicaOn(t *testing.T, dsn string, c *clock.Fake, secret, before []byte) *replica {
	t.Helper()
	db := modeltest.Open(t, dsn)
	ring, err := keyring.Open(t.Context(), db, c.Now, slog.New(slog.DiscardHandler), secret, before)
	if err == nil {
		err = ring.Load(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	q, v := work.New(db, c.Now), ring.Vault(keyring.PersonalData)
	events := event.New(q, c.Now)
	r := &replica{ring: ring}
	r.customers = customer.New(db, events, q, c.Now, everybody{}, v, nil)
	r.consents = privacy.New(db, events, v, c.Now)
	r.profiles = profile.New(profile.Deps{DB: db, Events: events, Vault: v, Now: c.Now, Zone: time.UTC, Persons: r.customers, Consents: r.consents})
	r.rig = &rig{t, db, c, q, New(db, events, q, c.Now, r.customers, viewers{})}
	r.customers.Owns(r.Mover())
	r.customers.Rekeyed(r.RekeyTx)
	events.Subscribe("catalog", r.OnIdentified, event.KindCustomerIdentified, event.KindCustomerMerged)
	ring.Seals(keyring.PersonalData, slices.Concat(r.customers.Seals(), profile.Seals(), privacy.Seals())...)
	return r
}

func number(i int) string { return fmt.Sprintf("139%08d", i) }

// met makes a customer known by a phone number, with a birthday and a secret answer.
func (r *replica) met(i int) int64 {
	r.t.Helper()
	var found *customer.Resolved
	err := model.InTx(context.Background(), r.db, func(tx *gorm.DB) (err error) {
		found, err = r.customers.ResolveTx(tx, customer.Evidence{
			Create: true, Source: "test", Identities: []customer.Seen{
				{Kind: customer.KindUnionID, Value: fmt.Sprint("u", i)}, {Kind: customer.KindPhone, Value: number(i), Confidence: customer.Verified},
			},
		})
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	day := birthdayOf(i)
	err = r.profiles.Edit(context.Background(), found.CustomerID, profile.Edit{Birthday: &day, Answers: profile.Answers{"secret": {secretOf(i)}}}, profile.By{Source: "test"})
	if err != nil {
		r.t.Fatal(err)
	}
	return found.CustomerID
}

func birthdayOf(i int) string { return fmt.Sprintf("19%02d-01-%02d", 60+i%40, 1+i%28) }
func secretOf(i int) string   { return fmt.Sprint("秘密", i) }

// check tells what of a customer can't be read or found.
func (r *replica) check(i int, id int64) error {
	ctx := context.Background()
	p, err := r.profiles.Of(ctx, id)
	switch {
	case err != nil:
		return err
	case p.Birthday != birthdayOf(i):
		return fmt.Errorf("birthday %q", p.Birthday)
	case len(p.Answers) != 1 || !slices.Equal(p.Answers[0].Values, []string{secretOf(i)}):
		return fmt.Errorf("answers %+v", p.Answers)
	}
	masked, err := r.customers.MaskedPhones(ctx, []int64{id})
	if err != nil || len(masked[id]) != 1 || masked[id][0] == "****" {
		return fmt.Errorf("phone number %v, %v", masked[id], err)
	}
	forms, _ := r.customers.PhoneIndexes(number(i))
	var owners []int64
	err = r.db.Model(&model.Identity{}).Where("kind = ? AND value IN ?", customer.KindPhone, forms).Pluck("customer_id", &owners).Error
	if err != nil || !slices.Equal(owners, []int64{id}) {
		return fmt.Errorf("found by phone number: %v, %v", owners, err)
	}
	return nil
}

func phoned(orderNumber string, i int) OrderInput {
	in := paid(orderNumber, 5, 100)
	in.Buyer = Buyer{Kind: "phone", Value: number(i)}
	return in
}

func TestP11_G23_KeysRotateUnderEverybody(t *testing.T) {
	people := 150
	if os.Getenv("TEST_LARGE") != "" {
		people = 10_000
	}
	dsn, c := modeltest.DSN(t), clock.NewFake(noon)
	secret := bytes.Repeat([]byte("1"), 32)
	a := replicaOn(t, dsn, c, secret, nil)
	b := replicaOn(t, dsn, c, secret, nil)
	if _, err := a.profiles.CreateField(t.Context(), profile.FieldInput{Name: "secret", Title: "秘密", Kind: profile.KindText, Sealed: true}); err != nil {
		t.Fatal(err)
	}
	ids := make([]int64, people)
	for i := range people {
		ids[i] = a.met(i)
	}
	// A merge of two who both have birthdays and secrets; a child's guardian; orders of somebody known and of nobody yet.
	admin := &staff.Viewer{}
	merge, err := a.customers.Merge(t.Context(), admin, ids[0], ids[1])
	if err != nil {
		t.Fatal(err)
	}
	modeltest.Create(t, a.db, &model.Customer{ID: 1_000_000, Minor: true, FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
	if _, err := a.consents.Publish(t.Context(), privacy.NoticeInput{Purpose: privacy.Profile, Version: 1, Title: "告知", Body: "内容"}); err != nil {
		t.Fatal(err)
	}
	c.Advance(time.Second)
	err = a.consents.Decide(t.Context(), privacy.Decision{CustomerID: 1_000_000, Purpose: privacy.Profile, Given: true, Version: 1, Channel: privacy.ByConsole, Guardian: "母亲 13900000000"})
	if err != nil {
		t.Fatal(err)
	}
	waits, known := phoned("waits", 50_000_000), phoned("known", 5)
	a.orders(waits, known)
	if a.order("waits").CustomerID != 0 || a.order("known").CustomerID != ids[5] {
		t.Fatal("the orders are not where they belong")
	}

	// Readers that never rest, on both replicas.
	ctx, stop := context.WithCancel(t.Context())
	var reads, failed atomic.Int64
	ended := make(chan struct{}, 2)
	for _, r := range []*replica{a, b} {
		go func() {
			defer func() { ended <- struct{}{} }()
			for n := 2; ctx.Err() == nil; n = 2 + (n-1)%(people-2) {
				reads.Add(1)
				if err := r.check(n, ids[n]); err != nil {
					failed.Add(1)
					t.Errorf("while keys rotate: %v", err)
					return
				}
			}
		}()
	}

	if _, err := a.ring.Rotate(t.Context(), keyring.PersonalData); err != nil {
		t.Fatal(err)
	}
	if _, err := b.ring.Rotate(t.Context(), keyring.PersonalData); !errors.Is(err, keyring.ErrRunning) {
		t.Errorf("a second rotation: %v", err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.ring.Reseal(t.Context()))
	if s := standing1(t, a.ring); s.Rotation.Resealed != 0 {
		t.Error("sealed anew before every replica can have the key")
	}
	c.Advance(keyring.ActiveAfter)
	must(a.ring.Refresh(t.Context())) // b is late: it must read what a writes, and ask for the key
	late := a.met(people)
	must(b.check(people, late))

	began := time.Now()
	// Killed in the middle, carried on by the other from where it stood.
	dying, kill := context.WithCancel(t.Context())
	go func() {
		for standing1(t, a.ring).Rotation.Resealed < 20 && dying.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		kill()
	}()
	if err := a.ring.Reseal(dying); err == nil {
		t.Log("it ended before it was killed")
	}
	kill()
	must(b.ring.Reseal(t.Context()))
	stop()
	<-ended
	<-ended
	s := standing1(t, b.ring)
	if s.Rotation.FinishedAt == nil || s.Rotation.Unreadable != 0 || s.Rotation.Resealed < 3*int64(people) {
		t.Fatalf("got %+v", s.Rotation)
	}
	t.Logf("%d values sealed anew in %d passes and %s, %d reads meanwhile, %d failed", s.Rotation.Resealed, s.Rotation.Pass, time.Since(began).Round(time.Millisecond), reads.Load(), failed.Load())

	if out := b.orders(known); out[0].Result != Unchanged {
		t.Errorf("an order that was told before: %+v", out[0])
	}
	n, err := b.ring.Drop(t.Context(), keyring.PersonalData)
	if err != nil || n != 1 {
		t.Fatalf("dropped %d, %v", n, err)
	}

	// A server that starts now has never had the old key.
	d := replicaOn(t, dsn, c, secret, nil)
	if out := d.orders(waits, known); out[0].Result != Unchanged || out[1].Result != Unchanged {
		t.Errorf("orders that were told before: %+v", out)
	}
	if o := d.order("known"); o.CustomerID != ids[5] {
		t.Errorf("the known one's order belongs to %d", o.CustomerID)
	}
	arrived := d.met(50_000_000)
	must(d.Adopt(t.Context(), arrived))
	if o := d.order("waits"); o.CustomerID != arrived {
		t.Errorf("the order that waited belongs to %d, not to %d", o.CustomerID, arrived)
	}
	must(d.customers.UndoMerge(t.Context(), admin, merge.ID))
	for i, id := range ids {
		if i == 1 {
			continue // whose phone number came back under the name that stood: checked below
		}
		if err := d.check(i, id); err != nil {
			t.Errorf("customer %d: %v", i, err)
		}
	}
	if p, err := d.profiles.Of(t.Context(), ids[1]); err != nil || p.Birthday != birthdayOf(1) || !slices.Equal(p.Answers[0].Values, []string{secretOf(1)}) {
		t.Errorf("the one whose merge was undone: %+v, %v", p, err)
	}
	for _, place := range slices.Concat(d.customers.Seals(), profile.Seals(), privacy.Seals()) {
		r, _, err := place.Reseal(d.db, d.ring.Vault(keyring.PersonalData), 0, 10_000)
		if err != nil || r.Unreadable != 0 {
			t.Errorf("%s: %d values can't be read, %v", place.Name(), r.Unreadable, err)
		}
	}
}

func standing1(t *testing.T, r *keyring.Ring) keyring.Standing {
	t.Helper()
	list, err := r.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(s keyring.Standing) bool { return s.Purpose == keyring.PersonalData })
	return list[i]
}
