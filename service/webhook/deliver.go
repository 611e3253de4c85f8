package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/work"
)

// How a try at a delivery went.
const (
	OutcomeDelivered   = "delivered"
	OutcomeRefused     = "refused" // answered with another status than 2xx
	OutcomeTimeout     = "timeout"
	OutcomeUnreachable = "unreachable"
	OutcomeBlocked     = "blocked" // the address is not a public one
)

// The kinds of work.
const (
	workDeliver = "webhook.deliver"
	workRelease = "webhook.release"
)

type delivering struct {
	DeliveryID int64 `json:"delivery_id"`
}

type releasing struct {
	WebhookID int64 `json:"webhook_id"`
}

// waits are the times between tries: 14 tries in 22 hours.
var waits = []time.Duration{
	10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 8 * time.Hour,
}

// deliverPolicy leaves giving up to deliver, and to the deadline: a work that dies by itself would leave its delivery
// pending for ever.
var deliverPolicy = work.Policy{MaxAttempts: 1000, Timeout: 30 * time.Second, Backoff: backoff}

// deliverWithin bounds how long a delivery is pending, when servers were down or died while they sent it.
const deliverWithin = 7 * 24 * time.Hour

func backoff(attempt int) time.Duration { return waits[min(attempt, len(waits))-1] }

// A webhook at which nothing has succeeded for so long is suspended, but not before a delivery has been
// tried a few times: the failures before it may be long past.
const (
	suspendAfter    = 24 * time.Hour
	suspendAttempts = 4
)

// onFact plans a delivery to every webhook that wants the kind, once each.
func (s *Service) onFact(ctx context.Context, f event.Recorded) error {
	hooks, err := enabled(s.DB.WithContext(ctx))
	if err != nil {
		return err
	}
	var rows []*model.WebhookDelivery
	for i := range hooks {
		w, err := shown(&hooks[i])
		if err != nil {
			return err
		}
		if slices.Contains(w.Kinds, f.Kind) {
			rows = append(rows, s.planned(&hooks[i], f.ID, f.Kind, fmt.Sprintf("%d:%d", w.ID, f.ID)))
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.plan(tx, rows) })
}

func (s *Service) planned(w *model.Webhook, eventID int64, kind, key string) *model.WebhookDelivery {
	state := StatePending
	if w.SuspendedAt != nil {
		state = StateHeld
	}
	return &model.WebhookDelivery{WebhookID: w.ID, EventID: eventID, Kind: kind, DedupeKey: key, State: state, CreatedAt: s.Now()}
}

func (s *Service) plan(tx *gorm.DB, rows []*model.WebhookDelivery) error {
	for _, r := range rows {
		r.ID = 0 // when the transaction runs again
	}
	isNew, err := model.InsertNew(tx, rows)
	if err != nil {
		return err
	}
	var items []work.Item
	for i, r := range rows {
		if isNew[i] && r.State == StatePending {
			items = append(items, s.delivery(r.ID))
		}
	}
	return s.Queue.Enqueue(tx, items...)
}

func (s *Service) delivery(id int64) work.Item {
	return work.Item{Kind: workDeliver, Payload: delivering{id}, Deadline: s.Now().Add(deliverWithin)}
}

// giveUp ends a delivery that could not be tried to its end in time.
func (s *Service) giveUp(ctx context.Context, _ *work.Lease, p delivering) error {
	return move(s.DB.WithContext(ctx), p.DeliveryID, StatePending, StateFailed, s.Now())
}

// deliver tries a delivery once. The receiver may get it twice, when we die between sending and writing
// that down; the delivery's id tells.
func (s *Service) deliver(ctx context.Context, l *work.Lease, p delivering) error {
	d, w, err := delivery(s.DB.WithContext(ctx), p.DeliveryID)
	switch {
	case err != nil:
		return err
	case d == nil || d.State != StatePending:
		return nil
	case w == nil || !w.Enabled:
		return s.end(ctx, d, StateFailed, "the webhook is off")
	case w.SuspendedAt != nil:
		return s.end(ctx, d, StateHeld, "the webhook is suspended")
	}
	body, err := s.body(ctx, d)
	if err != nil {
		return err
	}
	if body == nil {
		return s.end(ctx, d, StateFailed, "the fact is no longer kept")
	}
	a := s.try(ctx, w, d, body)
	if ctx.Err() != nil {
		return context.Cause(ctx) // it is our stopping, not the receiver, that failed it
	}
	last := l.Attempt > len(waits)
	if err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return s.note(tx, w, d, a, l.Attempt, last) }); err != nil {
		return err
	}
	switch {
	case a.Outcome == OutcomeDelivered:
		return nil
	case last:
		return work.Cancel("given up: " + a.Outcome)
	}
	return fmt.Errorf("webhook %d: %s, status %d", w.ID, a.Outcome, a.Status)
}

// end closes a delivery without another try.
func (s *Service) end(ctx context.Context, d *model.WebhookDelivery, state, why string) error {
	if err := move(s.DB.WithContext(ctx), d.ID, StatePending, state, s.Now()); err != nil {
		return err
	}
	return work.Cancel(why)
}

// message is what a webhook is told.
type message struct {
	ID         string         `json:"id"`
	Kind       string         `json:"kind"`
	OccurredAt time.Time      `json:"occurred_at"`
	CustomerID string         `json:"customer_id,omitempty"`
	Data       map[string]any `json:"data"`
}

// body is what is sent; nil when the fact is gone.
func (s *Service) body(ctx context.Context, d *model.WebhookDelivery) ([]byte, error) {
	m := message{ID: s.IDs.Of(model.KindWebhookDelivery, d.ID), Kind: d.Kind, OccurredAt: d.CreatedAt, Data: map[string]any{}}
	if d.EventID != 0 {
		e, err := fact(s.DB.WithContext(ctx), d.EventID)
		if err != nil || e == nil {
			return nil, err
		}
		m.OccurredAt, m.CustomerID, m.Data = e.OccurredAt, s.IDs.Of(model.KindCustomer, e.CustomerID), s.Public(e.Payload)
	}
	return json.Marshal(m)
}

// try sends a delivery once and says how that went.
func (s *Service) try(ctx context.Context, w *model.Webhook, d *model.WebhookDelivery, body []byte) *model.WebhookAttempt {
	began := s.Now()
	a := &model.WebhookAttempt{DeliveryID: d.ID, Number: d.Attempts + 1, StartedAt: began}
	stopwatch := time.Now() // it measures how long it took; when it was is a matter of the clock
	defer func() { a.TookMs = time.Since(stopwatch).Milliseconds() }()
	id, unix := s.IDs.Of(model.KindWebhookDelivery, d.ID), strconv.FormatInt(began.Unix(), 10)
	signature, err := s.signatures(w, id, unix, body, began)
	if err != nil {
		slog.ErrorContext(ctx, "the secret of a webhook can't be opened", "webhook", w.ID, "error", err)
		a.Outcome = OutcomeUnreachable
		return a
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		a.Outcome = OutcomeUnreachable
		return a
	}
	r.Header = http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"Zhiyin-Webhook/1"}, HeaderDelivery: {id}, HeaderKind: {d.Kind},
		HeaderTime: {unix}, HeaderSignature: {signature},
	}
	answer, err := s.client.Do(r)
	if err != nil {
		a.Outcome = outcomeOf(err)
		return a
	}
	defer answer.Body.Close()
	a.Status, a.Outcome = answer.StatusCode, OutcomeDelivered
	begin, err := io.ReadAll(io.LimitReader(answer.Body, 1024))
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		a.Outcome, a.Response = OutcomeRefused, short(begin)
	} else if err != nil && outcomeOf(err) == OutcomeTimeout {
		a.Outcome = OutcomeTimeout
	}
	return a
}

// short keeps the beginning of an answer, as one line of text.
func short(b []byte) string {
	text := []rune(strings.ToValidUTF8(string(b), ""))
	text = text[:min(len(text), 200)]
	for i, r := range text {
		if !unicode.IsPrint(r) {
			text[i] = ' '
		}
	}
	return strings.TrimSpace(string(text))
}

// note writes down how a try went, and what follows for the delivery and the webhook.
func (s *Service) note(tx *gorm.DB, w *model.Webhook, d *model.WebhookDelivery, a *model.WebhookAttempt, attempt int, last bool) error {
	a.ID = 0
	if err := insertAttempt(tx, a); err != nil {
		return err
	}
	state := StatePending
	switch {
	case a.Outcome == OutcomeDelivered:
		state = StateDelivered
	case last:
		state = StateFailed
	}
	if err := tried(tx, d.ID, a, state, s.Now()); err != nil {
		return err
	}
	if a.Outcome == OutcomeDelivered {
		return works(tx, w.ID)
	}
	since, err := fails(tx, w.ID, s.Now())
	if err != nil || attempt < suspendAttempts || since.IsZero() || s.Now().Sub(since) < suspendAfter {
		return err
	}
	slog.Warn("a webhook is suspended: nothing has reached it for a day", "webhook", w.ID)
	return suspend(tx, w.ID, s.Now())
}

// release sends what was held while a webhook was suspended.
func (s *Service) release(ctx context.Context, _ *work.Lease, p releasing) error {
	for {
		var n int
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
			ids, err := held(tx, p.WebhookID, 200)
			if err != nil || len(ids) == 0 {
				n = 0
				return err
			}
			n = len(ids)
			return s.again(tx, StateHeld, ids...)
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// again makes deliveries of a state pending, and works of them; those of another state are left out.
func (s *Service) again(tx *gorm.DB, from string, ids ...int64) error {
	var items []work.Item
	for _, id := range ids {
		moved, err := reopen(tx, id, from)
		if err != nil {
			return err
		}
		if moved {
			items = append(items, s.delivery(id))
		}
	}
	return s.Queue.Enqueue(tx, items...)
}
