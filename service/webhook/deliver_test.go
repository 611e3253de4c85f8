package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
)

func TestAFactIsSentSignedToWhoWantsIt(t *testing.T) {
	r, v := newRig(t), newReceiver(t)
	_, secret := r.hook(v.URL+"/a", event.KindOrderPaid)
	r.hook(v.URL+"/b", event.KindOrderRefunded)
	for range 2 {
		r.record(paid(1), event.OrderPlaced(paid(1)))
	}
	r.work()
	got := v.all()
	if len(got) != 1 {
		t.Fatalf("%d requests", len(got))
	}
	h, d := got[0].header, r.deliveries()[0]
	id := r.ids.Of(model.KindWebhookDelivery, d.ID)
	if h.Get(HeaderDelivery) != id || h.Get(HeaderKind) != event.KindOrderPaid || h.Get(HeaderTime) != fmt.Sprint(noon.Unix()) ||
		h.Get(HeaderSignature) != Sign(secret, id, h.Get(HeaderTime), got[0].body) {
		t.Errorf("headers %v", h)
	}
	var m message
	if err := json.Unmarshal(got[0].body, &m); err != nil || m.ID != id || m.Kind != event.KindOrderPaid || !m.OccurredAt.Equal(noon) ||
		m.CustomerID != r.ids.Of(model.KindCustomer, 7) || m.Data["number"] != "N1" || m.Data["amount_fen"] != 500.0 {
		t.Errorf("%s, %v", got[0].body, err)
	}
	if d.State != StateDelivered || d.Attempts != 1 || d.LastStatus != 200 || d.EndedAt == nil {
		t.Errorf("%+v", d)
	}
}

func TestADeliveryIsTriedForADay(t *testing.T) {
	r, v := newRig(t), newReceiver(t)
	w, _ := r.hook(v.URL, event.KindOrderPaid)
	v.answers(500, "broken\r\nX: 1 "+strings.Repeat("长", 400))
	r.record(paid(1))
	r.work()
	for range len(waits) {
		r.clock.Advance(10 * time.Hour) // more than any wait and its spread
		r.work()
		if s := r.row(w.ID).SuspendedAt; s != nil {
			// Suspension is another test's subject; here the receiver had better days between.
			if err := r.db.Exec("UPDATE webhook SET suspended_at = NULL, failing_since = NULL").Error; err != nil {
				t.Fatal(err)
			}
			if err := r.db.Exec("UPDATE webhook_delivery SET state = 'pending' WHERE state = 'held'").Error; err != nil {
				t.Fatal(err)
			}
		}
	}
	d := r.deliveries()[0]
	if d.State != StateFailed || d.LastStatus != 500 || d.Attempts != len(waits)+1 || len(v.all()) != d.Attempts {
		t.Errorf("%+v after %d requests", d, len(v.all()))
	}
	l, err := r.Log(t.Context(), d.ID)
	if err != nil || len(l.Tries) != d.Attempts {
		t.Fatalf("%+v, %v", l, err)
	}
	first := l.Tries[0]
	if first.Outcome != OutcomeRefused || first.Status != 500 || first.Number != 1 || !strings.HasPrefix(first.Response, "broken  X: 1 长") || len([]rune(first.Response)) > 200 {
		t.Errorf("%+v", first)
	}
	seen := map[string]bool{}
	for _, q := range v.all() {
		seen[q.header.Get(HeaderDelivery)] = true
	}
	if len(seen) != 1 {
		t.Errorf("the tries have the ids %v", seen)
	}
	var total time.Duration
	for _, d := range waits {
		total += d
	}
	if total < 20*time.Hour || total > 24*time.Hour {
		t.Errorf("tried for %s", total)
	}
	if n := modeltest.Count[model.Work](t, r.db, "state = 'dead'"); n != 0 {
		t.Errorf("%d dead works", n)
	}

	v.answers(204, "")
	if err := r.Redeliver(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	if err := r.Redeliver(t.Context(), d.ID); !errors.Is(err, ErrUnderWay) {
		t.Errorf("twice at once: %v", err)
	}
	r.work()
	if d := r.deliveries()[0]; d.State != StateDelivered || d.Attempts != len(waits)+2 {
		t.Errorf("%+v", d)
	}
}

func TestALongFailureSuspends(t *testing.T) {
	r, v := newRig(t), newReceiver(t)
	w, _ := r.hook(v.URL, event.KindOrderPaid)
	v.answers(503, "")
	r.record(paid(1))
	r.work()
	r.clock.Advance(suspendAfter)
	r.record(paid(2))
	for range suspendAttempts - 2 {
		r.work()
		if r.row(w.ID).SuspendedAt != nil {
			t.Fatal("suspended too early")
		}
		r.clock.Advance(time.Hour)
	}
	for range 3 {
		r.work()
		r.clock.Advance(time.Hour)
	}
	if r.row(w.ID).SuspendedAt == nil {
		t.Fatal("not suspended")
	}
	before := len(v.all())
	r.record(paid(3))
	r.clock.Advance(12 * time.Hour)
	r.work()
	if n := len(v.all()); n != before {
		t.Errorf("%d requests while suspended", n-before)
	}
	for _, d := range r.deliveries() {
		if d.State != StateHeld {
			t.Errorf("%+v", d)
		}
	}
	if _, err := r.Test(t.Context(), w.ID); !errors.Is(err, ErrNotEnabled) {
		t.Errorf("a test while suspended: %v", err)
	}

	v.answers(200, "")
	on := true
	for range 2 {
		if _, err := r.Update(t.Context(), w.ID, Input{Enabled: &on}); err != nil {
			t.Fatal(err)
		}
	}
	r.work()
	for _, d := range r.deliveries() {
		if d.State != StateDelivered {
			t.Errorf("%+v", d)
		}
	}
	if n := len(v.all()); n != before+3 {
		t.Errorf("%d requests after it was switched on, want 3", n-before)
	}
}

func TestSuccessForgetsFailures(t *testing.T) {
	r, v := newRig(t), newReceiver(t)
	w, _ := r.hook(v.URL, event.KindOrderPaid)
	v.answers(500, "")
	r.record(paid(1))
	r.work()
	if r.row(w.ID).FailingSince == nil {
		t.Fatal("the failure is not noted")
	}
	v.answers(200, "")
	r.clock.Advance(time.Minute)
	r.work()
	if f := r.row(w.ID).FailingSince; f != nil {
		t.Errorf("failing since %s", f)
	}
}

func TestWhatIsSwitchedOffIsNotSent(t *testing.T) {
	r, v := newRig(t), newReceiver(t)
	w, _ := r.hook(v.URL, event.KindOrderPaid)
	gone, _ := r.hook(v.URL, event.KindOrderPaid)
	v.answers(500, "")
	r.record(paid(1))
	r.work()
	off := false
	if _, err := r.Update(t.Context(), w.ID, Input{Enabled: &off}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{nil, ErrNotFound} {
		if err := r.Delete(t.Context(), gone.ID); !errors.Is(err, want) {
			t.Fatal(i, err)
		}
	}
	before := len(v.all())
	r.record(paid(2))
	r.clock.Advance(time.Hour)
	r.work()
	if n := len(v.all()); n != before {
		t.Errorf("%d requests", n-before)
	}
	for _, d := range r.deliveries() {
		if d.State != StateFailed {
			t.Errorf("%+v", d)
		}
	}
	if _, err := r.Test(t.Context(), w.ID); !errors.Is(err, ErrNotEnabled) {
		t.Errorf("a test of one that is off: %v", err)
	}
	if _, err := r.Test(t.Context(), gone.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("a test of one that is gone: %v", err)
	}
	if err := r.Redeliver(t.Context(), r.deliveries()[0].ID); !errors.Is(err, ErrNotEnabled) {
		t.Errorf("again, while off: %v", err)
	}
}

func TestATestSaysNothing(t *testing.T) {
	r, v := newRig(t), newReceiver(t)
	w, _ := r.hook(v.URL)
	for range 2 {
		if _, err := r.Test(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
	}
	r.work()
	got := v.all()
	if len(got) != 2 || !strings.Contains(string(got[0].body), `"kind":"ping"`) || !strings.Contains(string(got[0].body), `"data":{}`) {
		t.Errorf("%d requests, %s", len(got), got[0].body)
	}
}

func TestARotationSignsTwice(t *testing.T) {
	r, v := newRig(t), newReceiver(t)
	w, first := r.hook(v.URL)
	_, second, err := r.Rotate(t.Context(), w.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	sent := func() (received, []string) {
		t.Helper()
		if _, err := r.Test(t.Context(), w.ID); err != nil {
			t.Fatal(err)
		}
		r.work()
		q := v.all()[len(v.all())-1]
		return q, strings.Split(q.header.Get(HeaderSignature), ",")
	}
	q, got := sent()
	for i, secret := range []string{second, first} {
		if want := Sign(secret, q.header.Get(HeaderDelivery), q.header.Get(HeaderTime), q.body); len(got) != 2 || got[i] != want {
			t.Errorf("signature %d of %v is not %s", i, got, want)
		}
	}
	r.clock.Advance(time.Hour)
	if _, got := sent(); len(got) != 1 {
		t.Errorf("after the overlap: %v", got)
	}
	var row model.Webhook
	if err := r.db.Take(&row).Error; err != nil {
		t.Fatal(err)
	}
	list, err := r.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{first, second} {
		if strings.Contains(fmt.Sprintf("%q %+v %+v", row.SealedSecret, row, list), secret[4:20]) {
			t.Error("a secret is at hand")
		}
	}
}

func TestTheLogIsPruned(t *testing.T) {
	r, v := newRig(t), newReceiver(t)
	w, _ := r.hook(v.URL)
	if _, err := r.Test(t.Context(), w.ID); err != nil {
		t.Fatal(err)
	}
	r.work()
	for range 2 {
		if err := r.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(keep / 2)
	}
	if len(r.deliveries()) != 1 {
		t.Fatal("pruned too early")
	}
	r.clock.Advance(time.Hour)
	if err := r.Prune(t.Context()); err != nil || len(r.deliveries()) != 0 || modeltest.Count[model.WebhookAttempt](t, r.db) != 0 {
		t.Errorf("%d left, %v", len(r.deliveries()), err)
	}
}

// TestADeliveryThatNobodyCouldSendEnds: servers were down for a week, or every one that tried died of it.
func TestADeliveryThatNobodyCouldSendEnds(t *testing.T) {
	r, v := newRig(t), newReceiver(t)
	r.hook(v.URL, event.KindOrderPaid)
	r.record(paid(1))
	r.clock.Advance(deliverWithin - time.Second) // subscribers have no deadline: the delivery begins here
	r.work()
	if d := r.deliveries()[0]; d.State != StateDelivered {
		t.Fatalf("%+v", d)
	}
	r.record(paid(2))
	r.db.Exec("UPDATE webhook SET url = 'http://127.0.0.1:1/'")
	r.work()
	// As when attempts end without a word, more often than there are waits.
	r.db.Exec("UPDATE work SET attempts = 900 WHERE kind = ? AND state = 'ready'", workDeliver)
	r.clock.Advance(deliverWithin)
	r.work()
	if d := r.deliveries()[1]; d.State != StateFailed || d.EndedAt == nil {
		t.Errorf("it is still %s", d.State)
	}
	if n := modeltest.Count[model.Work](t, r.db, "kind = ? AND state IN ('ready', 'leased')", workDeliver); n != 0 {
		t.Errorf("%d works go on", n)
	}
}
