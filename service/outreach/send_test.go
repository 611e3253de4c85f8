package outreach

import (
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestEverybodyOnce: what is due is sent once by two processes together, soon after it was planned, and everything is given back at a stop.
func TestEverybodyOnce(t *testing.T) {
	for _, batch := range []int{1, 100} {
		r := newRig(t, Description{Batch: batch, Doubt: DoubtReconcile})
		a, b := r.service(), r.service()
		stopA, stopB := r.runs(a), r.runs(b)
		r.plan(a, Intent{}, 1, 2501)
		r.plan(b, Intent{DueAt: r.clock().Add(time.Hour), Occurrence: "later"}, 1, 101)
		r.eventually("all due are accepted", 30*time.Second, func() bool { return r.states()[Accepted] == 2500 })
		stopA()
		stopB()
		r.once()
		r.sums()
		if n := modeltest.Count[model.DeliveryClaim](t, r.db); n != 0 {
			t.Errorf("%d claims are left", n)
		}
		if batch == 1 {
			if n := modeltest.Count[model.DeliveryCall](t, r.db); n != 0 {
				t.Errorf("%d calls for one delivery each are left", n)
			}
		}
	}
}
