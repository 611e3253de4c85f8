package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/service/work"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// buyers stores phone numbers as hashes, and under an older key too.
type buyers struct{}

var phoneShape = regexp.MustCompile(`^1\d{10}$`)

func (buyers) StoredIdentity(kind, _, value string) ([]string, error) {
	if kind != "phone" {
		return []string{value}, nil
	}
	if !phoneShape.MatchString(value) {
		return nil, errors.New("no phone number")
	}
	return []string{indexOf("new", value), indexOf("old", value)}, nil
}

func (buyers) KeepIdentityTx(*gorm.DB, string, string) error { return nil }

func indexOf(key, value string) string {
	sum := sha256.Sum256([]byte(key + value))
	return hex.EncodeToString(sum[:16])
}

// viewers sees everything, or what the staff listed follow.
type viewers struct{ staffIDs []int64 }

func (v viewers) VisibleStaff(context.Context, *staff.Viewer) (bool, []int64, error) {
	return v.staffIDs == nil, v.staffIDs, nil
}

type rig struct {
	t     *testing.T
	db    *gorm.DB
	clock *clock.Fake
	queue *work.Queue
	*Service
}

func newRig(t *testing.T) *rig { return rigOn(t, modeltest.DB(t)) }

func rigOn(t *testing.T, db *gorm.DB) *rig {
	c := clock.NewFake(noon)
	q := work.New(db, c.Now)
	return &rig{t, db, c, q, New(db, event.New(q, c.Now), q, c.Now, buyers{}, viewers{})}
}

// person is a customer with an identity.
func (r *rig) person(id int64, kind, value string) {
	r.t.Helper()
	modeltest.Create(r.t, r.db, &model.Customer{ID: id, Name: fmt.Sprint("客户", id), FirstSeenAt: noon, CreatedAt: noon, UpdatedAt: noon})
	r.identity(id, kind, value)
}

func (r *rig) identity(customer int64, kind, value string) {
	r.t.Helper()
	modeltest.Create(r.t, r.db, &model.Identity{CustomerID: customer, Kind: kind, Value: value, Source: "test", Confidence: 10000, CreatedAt: noon})
}

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes-1000) * time.Minute) }

func version(n int) int64 { return at(n).UnixMilli() }

func paid(number string, v int, fen model.Fen) OrderInput {
	when := at(v)
	return OrderInput{
		Number: number, Shop: "main", Buyer: Buyer{Kind: "unionid", Value: "u1"}, Status: StatusPaid, TotalFen: fen, PaidFen: fen, PlacedAt: at(1), PaidAt: &when,
		Lines: []LineInput{{Line: 1, Product: "A", Name: "苹果", Quantity: 1, PriceFen: fen, PaidFen: fen}}, Version: version(v),
	}
}

func refund(number, order string, v int, fen model.Fen) RefundInput {
	when := at(v)
	return RefundInput{Number: number, Order: order, Status: RefundRefunded, AmountFen: fen, RefundedAt: &when, Version: version(v)}
}

func (r *rig) orders(in ...OrderInput) []Outcome {
	r.t.Helper()
	out, err := r.UpsertOrders(r.t.Context(), in)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *rig) refunds(in ...RefundInput) []Outcome {
	r.t.Helper()
	out, err := r.UpsertRefunds(r.t.Context(), in)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *rig) order(number string) model.CustomerOrder {
	r.t.Helper()
	var o model.CustomerOrder
	if err := r.db.Where("number = ?", number).Take(&o).Error; err != nil {
		r.t.Fatal(err)
	}
	return o
}

func (r *rig) totals(customer int64) model.CustomerTrade {
	r.t.Helper()
	var rows []model.CustomerTrade
	if err := r.db.Where("customer_id = ?", customer).Find(&rows).Error; err != nil {
		r.t.Fatal(err)
	}
	if len(rows) == 0 {
		return model.CustomerTrade{}
	}
	return rows[0]
}

// results lists what became of entries.
func results(out []Outcome) (list []string) {
	for _, o := range out {
		s := o.Result
		if o.Fault != nil {
			s += " " + o.Fault.Code
		}
		if o.Warning != nil {
			s += " ! " + o.Warning.Code
		}
		list = append(list, s)
	}
	return list
}

// facts lists the kinds and days of the facts that are recorded of a customer.
func (r *rig) facts(customer int64) (kinds []string) {
	r.t.Helper()
	if err := r.db.Model(&model.Event{}).Where("customer_id = ?", customer).Order("kind, id").Pluck("kind", &kinds).Error; err != nil {
		r.t.Fatal(err)
	}
	return kinds
}
