package profile

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/customer"
	"zhiyin/service/event"
	"zhiyin/service/moderation"
	"zhiyin/service/staff"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// house is the capability over a database with the customers 1 to 3.
type house struct {
	*Service
	t       *testing.T
	clock   *clock.Fake
	db      *gorm.DB
	consent *consents
	content *content
}

// content stands for the moderation capability: it remembers what it was shown.
type content struct {
	looked []moderation.Piece
	err    error
}

func (c *content) Look(_ context.Context, _ moderation.Author, pieces []moderation.Piece) ([]moderation.Looked, error) {
	c.looked = append(c.looked, pieces...)
	return nil, c.err
}

func (c *content) NoteTx(*gorm.DB, moderation.Author, []moderation.Looked) error { return nil }

// consents stands for the privacy capability.
type consents struct{ given bool }

func (c *consents) Given(context.Context, int64, string) (bool, error) { return c.given, nil }

func newHouse(t *testing.T) *house {
	t.Helper()
	db, c := modeltest.DB(t), clock.NewFake(noon)
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	queue := work.New(db, c.Now)
	events := event.New(queue, c.Now, event.Options{DB: db, Zone: zone})
	people := staff.New(db, c.Now, staff.Options{Zone: zone})
	persons := customer.New(db, events, queue, c.Now, people, vaulttest.New(t), nil)
	for id := int64(1); id <= 3; id++ {
		modeltest.Create(t, db, &model.Customer{ID: id, FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
	}
	h := &house{t: t, clock: c, db: db, consent: &consents{}, content: &content{}}
	h.Service = New(Deps{DB: db, Events: events, Vault: vaulttest.New(t), Now: c.Now, Zone: zone, Persons: persons, Consents: h.consent, Moderation: h.content, Watchers: people})
	return h
}

var (
	byCustomer = By{Source: "miniapp"}
	boss       = &staff.Viewer{StaffID: 70, Name: "老板", Roles: []string{staff.RoleAdmin}}
	seller     = &staff.Viewer{StaffID: 71, Name: "小李", AccountID: 1, Roles: []string{staff.RoleSales}}
)

func (h *house) field(in FieldInput) *model.CustomField {
	h.t.Helper()
	if in.Title == "" {
		in.Title = in.Name
	}
	return must(h.CreateField(h.t.Context(), in))(h.t)
}

func (h *house) edit(id int64, in Edit) error { return h.Edit(h.t.Context(), id, in, byCustomer) }

func (h *house) of(id int64) *Profile {
	h.t.Helper()
	return must(h.Of(h.t.Context(), id))(h.t)
}

func (p *Profile) answer(name string) string {
	for _, a := range p.Answers {
		if a.Field.Name == name {
			return strings.Join(a.Values, "|")
		}
	}
	return "no field"
}

func (h *house) wantErr(what string, err, want error) {
	h.t.Helper()
	if !errors.Is(err, want) {
		h.t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

func (h *house) facts(kind string) int64 {
	return modeltest.Count[model.Event](h.t, h.db, "kind = ?", kind)
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

func ptr[T any](v T) *T { return &v }
