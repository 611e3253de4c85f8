package outreach

import (
	"errors"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach/governor"
)

// purse is a Giver that answers by customer, and keeps in the database what it gave.
type purse struct {
	rule func(customer int64) governor.Ruling
	fail error
}

func (p *purse) GiveTx(tx *gorm.DB, _ *model.DeliveryLane, rows []model.Delivery) ([]governor.Ruling, error) {
	out := make([]governor.Ruling, len(rows))
	for i, r := range rows {
		out[i] = p.rule(r.CustomerID)
		if out[i].Verdict == governor.Allow {
			gift := model.CouponGuess{Subject: []byte{byte(r.CustomerID)}, At: time.Now().UTC()} // any row will do
			if err := tx.Create(&gift).Error; err != nil {
				return nil, err
			}
		}
	}
	return out, p.fail
}

// TestWhatCanNotBeGivenDoesNotLeave: a message leaves exactly when what it says was given; the others say why, and hold no place at the
// governor.
func TestWhatCanNotBeGivenDoesNotLeave(t *testing.T) {
	r := newRig(t, Description{Batch: 100})
	gov := &strict{reserved: map[int64]bool{}, rule: func(a governor.Ask) governor.Ruling {
		if a.CustomerID == 1 {
			return governor.Ruling{Verdict: governor.Refuse, Reason: "refused"}
		}
		return governor.Ruling{Verdict: governor.Allow}
	}}
	p := &purse{rule: func(customer int64) governor.Ruling {
		switch customer {
		case 1:
			t.Error("whom the governor refuses is given something")
		case 2:
			return governor.Ruling{Verdict: governor.Refuse, Reason: "coupon:sold_out"}
		case 3:
			return governor.Ruling{Verdict: governor.Later, Reason: "coupon:review", At: r.clock().Add(time.Hour)}
		}
		return governor.Ruling{Verdict: governor.Allow}
	}}
	s := r.service(func(d *Deps) { d.Governor = gov })
	s.Gives(SourceCampaign, p)
	r.plan(s, Intent{}, 1, 6)
	r.plan(s, Intent{Source: SourceJourney, SourceID: 1}, 2, 3)

	p.fail = errors.New("broken off")
	if _, err := s.newDispatcher().round(t.Context(), t.Context()); !errors.Is(err, p.fail) {
		t.Fatalf("got %v", err)
	}
	if n := r.given(); n != 0 || r.states()[Planned] < 5 {
		t.Fatalf("%d given by a transaction that was broken off; %v", n, r.states())
	}
	p.fail = nil
	gov.reserved = map[int64]bool{} // they are the transaction's
	r.drain(s)
	want := map[int64]State{1: Suppressed, 2: Suppressed, 3: Planned, 4: Accepted, 5: Accepted}
	reasons := map[int64]string{1: "refused", 2: "coupon:sold_out", 3: "coupon:review"}
	for _, d := range r.deliveries() {
		if d.Source == SourceCampaign && (State(d.State) != want[d.CustomerID] || d.Reason != reasons[d.CustomerID]) {
			t.Errorf("customer %d: %v, %q", d.CustomerID, State(d.State), d.Reason)
		}
		if d.Source == SourceJourney && State(d.State) != Accepted {
			t.Errorf("a journey's message is %v", State(d.State))
		}
		if left := State(d.State).Left(); gov.reserved[d.ID] != left {
			t.Errorf("customer %d: %v and reserved: %v", d.CustomerID, State(d.State), gov.reserved[d.ID])
		}
	}
	if n := r.given(); n != 2 {
		t.Errorf("%d given, want 2", n)
	}
	r.sums()
}

func (r *rig) given() (n int64) {
	r.Helper()
	if err := r.db.Model(&model.CouponGuess{}).Count(&n).Error; err != nil {
		r.Fatal(err)
	}
	return n
}
