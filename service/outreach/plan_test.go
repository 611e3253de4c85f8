package outreach

import (
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// TestPlanTx: an intent is written once, whatever is planned again, and counted.
func TestPlanTx(t *testing.T) {
	db := modeltest.DB(t)
	s := New(Deps{DB: db, Now: func() time.Time { return noon }})
	intents := func(from, to int64) (in []Intent) {
		for id := from; id < to; id++ {
			in = append(in, Intent{
				Source: SourceCampaign, SourceID: 7, Step: "a", CustomerID: id, Channel: "sms", StaffID: id % 3, MessageID: 1,
				Values: map[string]string{"code": "X"},
			})
		}
		return in
	}
	for _, step := range []struct {
		from, to int64
		want     int
	}{{1, 701, 700}, {1, 701, 0}, {600, 800, 99}} {
		var got int
		err := model.InTx(t.Context(), db, func(tx *gorm.DB) (err error) {
			got, err = s.PlanTx(tx, intents(step.from, step.to))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got != step.want {
			t.Errorf("customers %d to %d: %d planned, want %d", step.from, step.to, got, step.want)
		}
	}
	if n := modeltest.Count[model.Delivery](t, db); n != 799 {
		t.Errorf("%d deliveries, want 799", n)
	}
	if n := modeltest.Count[model.DeliveryLane](t, db); n != 3 {
		t.Errorf("%d lanes, want one a sender", n)
	}
}
