package intake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/work"
)

func TestReceiveStoresEachMessageOncePerAccount(t *testing.T) {
	dsn := modeltest.DSN(t)
	p := &platform{}
	replicas := []*house{openOn(t, dsn, p), openOn(t, dsn, p)}
	other := &model.Account{ID: 2}
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			m := []byte(contactPush("add_external_contact", fmt.Sprintf("wm%d", i%40), noon))
			acct := acme
			if i >= 360 {
				acct = other
			}
			if err := replicas[i%2].Receive(t.Context(), acct, m, Meta{ReceivedAt: noon}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	db := replicas[0].db
	if n := modeltest.Count[model.Inbox](t, db); n != 80 {
		t.Errorf("got %d rows, want 40 of each account", n)
	}
	var row model.Inbox
	if err := db.Order("id").Take(&row).Error; err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(row.Body)
	if string(row.Digest) != string(sum[:]) || row.Kind != "change_external_contact.add_external_contact" || row.State != StateNew ||
		row.Lane != work.LaneNormal || !row.ReceivedAt.Equal(noon) || row.Stale || row.FinishedAt != nil {
		t.Errorf("got %+v", row)
	}
}

func TestMetricsTellNewFromDuplicate(t *testing.T) {
	h := open(t)
	registry := prometheus.NewRegistry()
	h.metrics = newMetrics(registry)
	for range 3 {
		h.receive(contactPush("add_external_contact", "wm1", noon), false)
	}
	h.receive(pushed("made_up", "", noon), false)
	h.settle()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			switch f.GetName() {
			case "zhiyin_inbox_total":
				got[m.Label[0].GetValue()] = m.Counter.GetValue()
			case "zhiyin_inbox_commit_messages":
				got["commits"] = float64(m.Histogram.GetSampleCount())
			}
		}
	}
	for name, want := range map[string]float64{"stored": 2, "duplicate": 2, "routed": 1, "unknown": 1, "commits": 4} {
		if got[name] != want {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
}

func TestKinds(t *testing.T) {
	tests := []struct {
		message, kind string
		lane          int
	}{
		{contactPush("add_external_contact", "wm1", noon), "change_external_contact.add_external_contact", work.LaneNormal},
		{contactPush("add_external_contact", "wm1", noon, "WelcomeCode", "c"), "change_external_contact.add_external_contact", work.LaneUrgent},
		{contactPush("add_external_contact", "wm1", noon, "WelcomeCode", ""), "change_external_contact.add_external_contact", work.LaneNormal},
		{`{"MsgType":"event","Event":"change_external_contact","ChangeType":"add_half_external_contact","WelcomeCode":"x"}`, "change_external_contact.add_half_external_contact", work.LaneUrgent},
		{`{"msgtype":"event","event":"user_enter_tempsession"}`, "user_enter_tempsession", work.LaneNormal},
		{"<xml><MsgType>text</MsgType><Content>hi</Content></xml>", "text", work.LaneNormal},
		{"<xml><InfoType>change_auth</InfoType></xml>", "change_auth", work.LaneNormal},
		{"<xml></xml>", unreadable, work.LaneNormal},
		{"<xml><Event>a b</Event></xml>", unreadable, work.LaneNormal},
		{"<xml><Event>" + strings.Repeat("a", 97) + "</Event></xml>", unreadable, work.LaneNormal},
		{"no document", unreadable, work.LaneNormal},
		{"", unreadable, work.LaneNormal},
	}
	h := open(t)
	for i, tt := range tests {
		h.receive(tt.message, false)
		var row model.Inbox
		if err := h.db.Order("id DESC").Take(&row).Error; err != nil || row.Kind != tt.kind || row.Lane != tt.lane {
			t.Errorf("%d: got %q, lane %d, %v; want %q, %d", i, row.Kind, row.Lane, err, tt.kind, tt.lane)
		}
	}
}

func TestTwoPumpsRouteEachMessageOnce(t *testing.T) {
	dsn := modeltest.DSN(t)
	p := &platform{}
	a, b := openOn(t, dsn, p), openOn(t, dsn, p)
	for i := range 450 {
		a.receive(contactPush("add_external_contact", fmt.Sprintf("wm%d", i), noon, "WelcomeCode", fmt.Sprintf("c%d", i)), i%3 == 0)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, h := range []*house{a, b} {
		wg.Go(func() { h.Pump(ctx) })
	}
	waitFor(t, func() bool { return modeltest.Count[model.Inbox](t, a.db, "state = ?", StateNew) == 0 })
	stop()
	wg.Wait()
	if n := modeltest.Count[model.Work](t, a.db); n != 450 {
		t.Errorf("got %d works", n)
	}
	if n := a.calls.count("welcome") + b.calls.count("welcome"); n != 300 {
		t.Errorf("got %d welcomes, want one for each that is not stale", n)
	}
	var w model.Work
	if err := a.db.Order("id").Take(&w).Error; err != nil || !strings.HasPrefix(*w.DedupeKey, "inbox:") || w.Lane != work.LaneNormal {
		t.Errorf("got %+v, %v", w, err)
	}
}

func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("did not happen")
		}
	}
}

func TestPumpIsWokenByArrivals(t *testing.T) {
	h := open(t)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { h.Pump(ctx) })
	defer func() { stop(); wg.Wait() }()
	// Each arrives right after the one before was handled: if only the poll found them, all of them would wait for most of its second. On a
	// busy machine one may take as long for no reason, but hardly all.
	quickest := time.Hour
	for n := 1; n <= 5; n++ {
		began := time.Now()
		h.receive(contactPush("add_external_contact", fmt.Sprint("wm", n), noon, "WelcomeCode", fmt.Sprint("c", n)), false)
		waitFor(t, func() bool { return h.calls.count("welcome") == n })
		if n > 1 {
			quickest = min(quickest, time.Since(began))
		}
	}
	if quickest > 800*time.Millisecond {
		t.Errorf("the quickest took %s, as if only the poll had found it", quickest)
	}
	h.calls.mu.Lock()
	defer h.calls.mu.Unlock()
	if h.calls.list[0] != "welcome ZhangSan wm1 c1" {
		t.Errorf("got %q", h.calls.list)
	}
}

func TestOneThatCannotBeRoutedHoldsUpNobody(t *testing.T) {
	h := open(t)
	h.calls.failFor = "wm5"
	for i := range 20 {
		h.receive(contactPush("add_external_contact", fmt.Sprintf("wm%d", i), noon, "WelcomeCode", "c"), false)
	}
	if err := h.drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := h.states(); s[StateRouted] != 19 || s[StateFailed] != 1 {
		t.Errorf("got %v", s)
	}
	var row model.Inbox
	if err := h.db.Take(&row, "state = ?", StateFailed).Error; err != nil || !strings.Contains(row.Error, "can't be received") || row.FinishedAt == nil {
		t.Errorf("got %+v, %v", row, err)
	}
	// An operator replays it, once what was wrong is put right.
	h.calls.failFor = ""
	if err := h.Replay(t.Context(), row.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.Replay(t.Context(), row.ID); err == nil {
		t.Error("replayed twice at once")
	}
	if err := h.drain(t.Context()); err != nil || h.states()[StateRouted] != 20 {
		t.Errorf("got %v, %v", h.states(), err)
	}
}

func TestUrgentMessagesGoBeforeABacklog(t *testing.T) {
	h := open(t)
	for i := range pumpBatch * 3 {
		h.receive(contactPush("edit_external_contact", fmt.Sprintf("wm%d", i), noon), false)
	}
	h.receive(contactPush("add_external_contact", "wmnew", noon, "WelcomeCode", "c1"), false)
	rows, err := newRows(h.db, pumpBatch)
	if err != nil || len(rows) != pumpBatch {
		t.Fatal(len(rows), err)
	}
	if err := h.routeAll(t.Context(), rows); err != nil || h.calls.count("welcome") != 1 {
		t.Errorf("not in the first batch: %v", err)
	}
}

func TestS12_UnknownIsKeptAndCanBeReplayed(t *testing.T) {
	h := open(t)
	for _, m := range []string{pushed("made_up", "", noon), "nonsense", pushed("change_external_contact", "invented", noon), pushed("kf_made_up", "", noon), ""} {
		h.receive(m, false)
	}
	h.receive(pushed("enter_agent", "", noon), false) // known, and needs nothing
	h.mustSettle()
	if s := h.states(); s[StateUnknown] != 5 || s[StateDone] != 1 || len(s) != 2 {
		t.Errorf("got %v", s)
	}
	if n := modeltest.Count[model.Work](t, h.db); n != 0 {
		t.Errorf("%d works for what needs none", n)
	}
	n, err := h.ReplayAll(t.Context(), InboxFilter{State: StateUnknown})
	if err != nil || n != 5 || h.states()[StateNew] != 5 {
		t.Errorf("replayed %d, %v: %v", n, err, h.states())
	}
	h.mustSettle()
	if s := h.states(); s[StateUnknown] != 5 {
		t.Errorf("got %v", s)
	}
	if err := h.Replay(t.Context(), 9999); err != ErrInboxNotFound {
		t.Errorf("got %v", err)
	}
	var done model.Inbox
	h.db.Take(&done, "state = ?", StateDone)
	if err := h.Replay(t.Context(), done.ID); err != ErrNotReplayable {
		t.Errorf("got %v", err)
	}
	if _, err := h.ReplayAll(t.Context(), InboxFilter{State: StateDone}); err != ErrNotReplayable {
		t.Errorf("got %v", err)
	}
}

func TestS13_OverlongFieldsAreInert(t *testing.T) {
	h := open(t)
	long := strings.Repeat("x", 5000)
	h.receive(pushed("change_external_contact", "add_external_contact", noon, "UserID", long, "ExternalUserID", long, "State", long), false)
	h.receive(pushed("change_external_chat", "update", noon, "ChatId", "wr'; DROP TABLE work; --"), false)
	h.receive(pushed("change_contact", "delete_user", noon, "UserID", long), false)
	h.settle()
	var works []model.Work
	if err := h.db.Find(&works).Error; err != nil || len(works) != 3 {
		t.Fatal(len(works), err)
	}
	for _, w := range works {
		if len(w.OrderKey) > 128 {
			t.Errorf("order key of %d bytes", len(w.OrderKey))
		}
	}
}

func TestInboxListsWithoutBodies(t *testing.T) {
	h := open(t)
	for i := range 5 {
		h.receive(contactPush("edit_external_contact", fmt.Sprintf("wm%d", i), noon), false)
	}
	h.receive(pushed("made_up", "", noon), false)
	page, err := h.Inbox(t.Context(), InboxFilter{Limit: 2})
	if err != nil || len(page) != 2 || page[0].ID <= page[1].ID || page[0].Body != nil || page[0].Kind != "made_up" {
		t.Fatalf("got %+v, %v", page, err)
	}
	page, err = h.Inbox(t.Context(), InboxFilter{Before: page[1].ID, Kind: "change_external_contact.edit_external_contact", State: StateNew, AccountID: 1})
	if err != nil || len(page) != 4 {
		t.Errorf("got %d, %v", len(page), err)
	}
	if page, err = h.Inbox(t.Context(), InboxFilter{AccountID: 7}); err != nil || len(page) != 0 {
		t.Errorf("got %d, %v", len(page), err)
	}
	row, err := h.InboxRow(t.Context(), h.lastID())
	if err != nil || len(row.Body) == 0 {
		t.Errorf("got %+v, %v", row, err)
	}
}

func TestPruneKeepsWhatIsYoungOrNotDone(t *testing.T) {
	h := open(t)
	for i := range 700 {
		kind := "enter_agent"
		if i == 10 || i == 650 {
			kind = "change_external_tag"
		}
		h.receive(pushed(kind, map[bool]string{true: "update"}[kind != "enter_agent"], noon.Add(time.Duration(i)*time.Second)), false)
	}
	if err := h.drain(t.Context()); err != nil { // the two are routed, the others done
		t.Fatal(err)
	}
	h.clock.Advance(keepInbox - time.Hour)
	h.receive(pushed("enter_agent", "", noon.Add(-time.Hour)), false)
	if err := h.drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Prune(t.Context()); err != nil || modeltest.Count[model.Inbox](t, h.db) != 701 {
		t.Errorf("pruned too early: %v", err)
	}
	h.clock.Advance(2 * time.Hour)
	if err := h.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := h.states(); s[StateRouted] != 2 || s[StateDone] != 1 {
		t.Errorf("got %v", s)
	}
}
