package governor

import (
	"bytes"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/privacy"
	"zhiyin/service/vault"
	"zhiyin/service/work"
)

// house is a governor over a database with customers from 1 on.
type house struct {
	*Governor
	t       testing.TB
	clock   *clock.Fake
	db      *gorm.DB
	privacy *privacy.Service
}

func newHouse(t testing.TB, customers int) *house {
	t.Helper()
	return houseAt(t, modeltest.DB(t), clock.NewFake(noon), customers)
}

// houseAt is one replica; customers are made by the first.
func houseAt(t testing.TB, db *gorm.DB, c *clock.Fake, customers int) *house {
	t.Helper()
	v, err := vault.New(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]model.Customer, customers)
	for i := range rows {
		rows[i] = model.Customer{ID: int64(i + 1), FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon}
	}
	if customers > 0 {
		if err := db.CreateInBatches(rows, 500).Error; err != nil {
			t.Fatal(err)
		}
	}
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	p := privacy.New(db, event.New(work.New(db, c.Now), c.Now), v, c.Now)
	return &house{New(Deps{DB: db, Now: c.Now, Zone: shanghai, Wishes: p}), t, c, db, p}
}

func (h *house) save(s Setting) {
	h.t.Helper()
	now, err := h.Setting(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	s.Revision = now.Revision
	if _, err := h.Save(h.t.Context(), s, 1); err != nil {
		h.t.Fatal(err)
	}
}

// rule asks in a transaction of its own.
func (h *house) rule(asks ...Ask) (out []Ruling) {
	h.t.Helper()
	err := model.InTx(h.t.Context(), h.db, func(tx *gorm.DB) (err error) {
		out, err = h.RuleTx(tx, asks)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

func (h *house) choose(id int64, channel, choice string) {
	h.t.Helper()
	err := h.privacy.Choose(h.t.Context(), privacy.ChoiceInput{CustomerID: id, Channel: channel, Choice: choice, Source: privacy.ByMiniApp})
	if err != nil {
		h.t.Fatal(err)
	}
}
