package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/vault"
	"zhiyin/service/work"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

type rig struct {
	*Service
	t      *testing.T
	db     *gorm.DB
	clock  *clock.Fake
	events *event.Log
	ids    model.PublicIDs
}

func newRig(t *testing.T) *rig { return rigWith(t, true) }

func rigWith(t *testing.T, allowPrivate bool) *rig {
	t.Helper()
	r := &rig{t: t, db: modeltest.DB(t), clock: clock.NewFake(noon)}
	v, err := vault.New(bytes.Repeat([]byte("v"), 32))
	if err != nil {
		t.Fatal(err)
	}
	if r.ids, err = model.NewPublicIDs(bytes.Repeat([]byte("k"), 32)); err != nil {
		t.Fatal(err)
	}
	q := work.New(r.db, r.clock.Now)
	r.events = event.New(q, r.clock.Now)
	r.Service = New(Deps{
		DB: r.db, Events: r.events, Queue: q, Now: r.clock.Now, Vault: v, IDs: r.ids, AllowPrivate: allowPrivate,
		Public: func(payload string) map[string]any {
			var m map[string]any
			if err := json.Unmarshal([]byte(payload), &m); err != nil {
				t.Error(err)
			}
			return map[string]any{"number": m["number"], "amount_fen": m["amount_fen"]}
		},
	})
	t.Cleanup(func() { r.Close() })
	return r
}

func (r *rig) hook(url string, kinds ...string) (*Webhook, string) {
	r.t.Helper()
	name := "shop"
	w, secret, err := r.Create(r.t.Context(), 1, Input{Name: &name, URL: &url, Kinds: kinds})
	if err != nil {
		r.t.Fatal(err)
	}
	return w, secret
}

func paid(order int64) event.OrderPaid {
	return event.OrderPaid{OrderFact: event.OrderFact{OrderID: order, CustomerID: 7, Number: "N1", AmountFen: 500, At: noon}}
}

func (r *rig) record(facts ...event.Fact) {
	r.t.Helper()
	err := model.InTx(r.t.Context(), r.db, func(tx *gorm.DB) error {
		_, err := r.events.Record(tx, facts...)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// work has a worker do all that is due, until nothing is.
func (r *rig) work() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := work.NewWorker(r.Queue, work.Options{Concurrency: 4, Poll: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	until(r.t, func() bool {
		return modeltest.Count[model.Work](r.t, r.db, "state = 'leased' OR (state = 'ready' AND run_at <= ?)", r.clock.Now()) == 0
	})
	cancel()
	<-ended
}

func until(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come to an end")
		}
	}
}

func (r *rig) deliveries() []model.WebhookDelivery {
	r.t.Helper()
	var rows []model.WebhookDelivery
	if err := r.db.Order("id").Find(&rows).Error; err != nil {
		r.t.Fatal(err)
	}
	return rows
}

func (r *rig) row(id int64) model.Webhook {
	r.t.Helper()
	w, err := find(r.db, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return *w
}

// receiver is another system's door; it answers as it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	status int
	answer string
}

type received struct {
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T) *receiver {
	v := &receiver{status: 200}
	v.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		v.got = append(v.got, received{q.Header, body})
		if v.status == 302 {
			w.Header().Set("Location", v.URL+"/elsewhere")
		}
		w.WriteHeader(v.status)
		io.WriteString(w, v.answer)
	}))
	t.Cleanup(v.Close)
	return v
}

func (v *receiver) answers(status int, text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.status, v.answer = status, text
}

func (v *receiver) all() []received {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]received(nil), v.got...)
}
