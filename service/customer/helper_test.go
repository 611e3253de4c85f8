package customer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/vault/vaulttest"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// at is n seconds after noon.
func at(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }

// house is a service with its database, one account and a platform that only takes remarks.
type house struct {
	*Service
	t        testing.TB
	db       *gorm.DB
	clock    *clock.Fake
	staff    *staff.Service
	acct     *model.Account
	platform *notes
}

func newHouse(t testing.TB) *house { return houseOn(t, modeltest.DB(t)) }

func houseOn(t testing.TB, db *gorm.DB) *house {
	t.Helper()
	h := &house{t: t, db: db, clock: clock.NewFake(noon.Add(time.Hour)), platform: &notes{}}
	h.staff = staff.New(db, h.clock.Now, staff.Options{})
	queue := work.New(db, h.clock.Now)
	h.Service = New(db, event.New(queue, h.clock.Now), queue, h.clock.Now, h.staff, vaulttest.New(t), func(string) Contacts { return h.platform })
	h.acct = h.account("main", "wwCORP")
	return h
}

func (h *house) account(name, corpID string) *model.Account {
	a := &model.Account{Kind: "wecom", Name: name, PlatformID: corpID, Enabled: true}
	if err := h.db.Where("name = ?", name).Take(a).Error; err != nil {
		modeltest.Create(h.t, h.db, a)
	}
	return a
}

func (h *house) in(do func(tx *gorm.DB) error) {
	h.t.Helper()
	if err := model.InTx(context.Background(), h.db, do); err != nil {
		h.t.Fatal(err)
	}
}

// apply applies what the platform says now.
func (h *house) apply(in Input) *Applied {
	h.t.Helper()
	if in.Account == nil {
		in.Account = h.acct
	}
	if in.Source == "" {
		in.Source = event.SourceCallback
	}
	var out *Applied
	h.in(func(tx *gorm.DB) (err error) {
		out, err = h.ApplyTx(tx, in)
		return err
	})
	return out
}

func (h *house) lost(userid, ext, status string, when time.Time) (*model.Relation, bool) {
	h.t.Helper()
	var r *model.Relation
	var changed bool
	h.in(func(tx *gorm.DB) (err error) {
		r, changed, err = h.MarkLostTx(tx, h.acct, userid, ext, status, when, false, event.SourceCallback)
		return err
	})
	return r, changed
}

// relation reads a relation back.
func (h *house) relation(userid, ext string) *model.Relation {
	h.t.Helper()
	var r model.Relation
	err := h.db.Joins("JOIN staff ON staff.id = relation.staff_id").
		Where("staff.userid = ? AND relation.external_userid = ?", userid, ext).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return &r
}

func (h *house) facts(kind string) int64 {
	h.t.Helper()
	return modeltest.Count[model.Event](h.t, h.db, "kind = ?", kind)
}

// contact is a customer as the platform shows one.
func contact(userid, ext string, created time.Time, change ...func(*Contact)) Contact {
	c := Contact{
		Person: wecom.Contact{ExternalUserID: ext, Name: "客户" + ext, Type: 1, Gender: 2},
		Follow: wecom.Relation{UserID: userid, CreatedAt: wecom.Time{Time: created}, AddWay: 1, InitiatorID: ext},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func many(n int, change ...func(*Contact)) []Contact {
	out := make([]Contact, n)
	for i := range out {
		out[i] = contact("lisi", fmt.Sprintf("wm%06d", i), at(-i), change...)
		out[i].Person.UnionID = fmt.Sprintf("union%06d", i)
	}
	return out
}

// ConvertUnionID implements Contacts: the unionids in contacts are those of external contacts.
func (n *notes) ConvertUnionID(_ context.Context, unionID, _ string) (wecom.Converted, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, "convert "+unionID)
	if n.convertFails != nil {
		return wecom.Converted{}, n.convertFails
	}
	if ext := n.contacts[unionID]; ext != "" {
		return wecom.Converted{ExternalUserID: ext}, nil
	}
	return wecom.Converted{PendingID: "pd-" + unionID}, nil
}

// PendingIDs implements Contacts.
func (n *notes) PendingIDs(_ context.Context, ids []string) (map[string]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string]string{}
	for union, ext := range n.contacts {
		if slices.Contains(ids, ext) {
			out[ext] = "pd-" + union
		}
	}
	return out, nil
}

// notes is a platform that remembers remarks. fail is returned by the calls to come, in order; after
// a nil in it the call succeeds.
type notes struct {
	mu      sync.Mutex
	fail    []error
	calls   []string
	remarks map[string]string // by userid and external user id
	during  func()

	contacts     map[string]string // external user ids by unionid
	convertFails error
}

func (n *notes) Remark(_ context.Context, userID, externalUserID string, change wecom.RemarkChange) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := "-"
	if change.Remark != nil {
		text = *change.Remark
	}
	n.calls = append(n.calls, text)
	if n.during != nil {
		n.during()
	}
	if len(n.fail) > 0 {
		err := n.fail[0]
		n.fail = n.fail[1:]
		if err != nil {
			return err
		}
	}
	if n.remarks == nil {
		n.remarks = map[string]string{}
	}
	if change.Remark != nil {
		n.remarks[userID+" "+externalUserID] = text
	}
	return nil
}

// countStatements counts the statements that the database is asked from now on.
func countStatements(t testing.TB, db *gorm.DB) *atomic.Int64 {
	t.Helper()
	n := &atomic.Int64{}
	count := func(*gorm.DB) { n.Add(1) }
	cb := db.Callback()
	for _, err := range []error{
		cb.Create().Before("gorm:create").Register("test:count", count), cb.Query().Before("gorm:query").Register("test:count", count),
		cb.Update().Before("gorm:update").Register("test:count", count), cb.Delete().Before("gorm:delete").Register("test:count", count),
		cb.Row().Before("gorm:row").Register("test:count", count), cb.Raw().Before("gorm:raw").Register("test:count", count),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return n
}
