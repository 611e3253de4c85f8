package intake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/tag"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// company fills a platform: staff s0…, each with so many customers, and two groups.
func company(p *platform, staff, customersEach int) {
	p.departments = []wecom.Department{{ID: 1, Name: "总部"}, {ID: 2, Name: "销售", ParentID: 1}}
	p.members = map[string]*wecom.StaffMember{}
	p.tags = []wecom.TagGroup{{ID: "et1", Name: "级别", Tags: []wecom.Tag{{ID: "et2", Name: "金"}}}}
	p.groups = map[string]*wecom.Group{}
	p.serving = nil
	for i := range staff {
		id := fmt.Sprintf("s%d", i)
		p.members[id] = &wecom.StaffMember{UserID: id, Name: "员工" + id, Status: 1, Departments: []int64{int64(1 + i%2)}}
		p.serving = append(p.serving, id)
		for n := range customersEach {
			p.follow(fmt.Sprintf("wm%04d-%05d", i, n), id, noon.Add(-time.Hour), "")
		}
	}
	for i := range 2 {
		id := fmt.Sprintf("wr%d", i)
		p.groups[id] = &wecom.Group{ChatID: id, Name: id, OwnerID: "s0", CreatedAt: wecom.Time{Time: noon.Add(-time.Hour)}, MemberVersion: "1",
			Members: []wecom.GroupMember{{UserID: "s0", Type: 1, JoinedAt: wecom.Time{Time: noon.Add(-time.Hour)}}}}
	}
}

// synchronised starts a run and does its work as the queue would, until it ends.
func (h *house) synchronised() *model.SyncRun {
	h.t.Helper()
	run, err := h.Start(h.t.Context(), acme.ID, TriggerPerson)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.run(run.ID)
}

func (h *house) run(id int64) *model.SyncRun {
	h.t.Helper()
	for attempt := 1; attempt < 20; attempt++ {
		err := h.synchronise(h.t.Context(), &work.Lease{Attempt: attempt}, syncWork{id})
		run, progressErr := h.Progress(h.t.Context(), id)
		if progressErr != nil {
			h.t.Fatal(progressErr)
		}
		if run.Status != RunRunning {
			return run
		}
		if err == nil {
			h.t.Fatal("the work ended, and the run runs on")
		}
	}
	h.t.Fatal("the run does not end")
	return nil
}

func (h *house) active() int64 {
	return modeltest.Count[model.Relation](h.t, h.db, "status = ?", "active")
}

func TestSyncReadsEverything(t *testing.T) {
	h := open(t)
	company(h.platform, 7, 230)
	h.platform.follow("wmshared", "s1", noon, "")
	h.platform.follow("wmshared", "s2", noon, "code1")
	run := h.synchronised()
	// 2 departments, 7 staff, 1 tag group, 7·230+2 relations, 2 groups.
	if run.Status != RunDone || run.Error != "" || run.Failed != 0 || run.ReadCount != 2+7+1+7*230+2+2 || run.Vanished != 0 ||
		run.Created != run.ReadCount-1 || run.Stage != stageFinish || run.FinishedAt == nil || run.RunningAccountID != nil {
		t.Errorf("got %+v", run)
	}
	if n := modeltest.Count[model.Customer](t, h.db); n != 7*230+1 || h.active() != 7*230+2 {
		t.Errorf("%d customers, %d relations", n, h.active())
	}
	if n := modeltest.Count[model.Staff](t, h.db, "serves_customers = ?", true); n != 7 {
		t.Errorf("%d staff serve", n)
	}
	if n := h.calls.count("arrived wmshared"); n != 1 {
		t.Errorf("%d arrivals counted", n)
	}
	if modeltest.Count[model.SyncPart](t, h.db) != 0 {
		t.Error("parts are left")
	}
	// Once more nothing is new, and nobody is gone.
	h.clock.Advance(time.Hour)
	again := h.synchronised()
	if again.Status != RunDone || again.Created != 0 || again.Vanished != 0 || again.Unchanged != again.ReadCount || h.active() != 7*230+2 {
		t.Errorf("got %+v", again)
	}
	runs, err := h.Runs(t.Context(), RunFilter{AccountID: 1})
	if err != nil || len(runs) != 2 || runs[0].ID != again.ID {
		t.Errorf("got %v, %v", runs, err)
	}
}

func TestSyncFindsWhoVanished(t *testing.T) {
	h := open(t)
	company(h.platform, 3, 120)
	h.synchronised()
	h.clock.Advance(time.Hour)
	for n := range 10 {
		h.platform.unfollow(fmt.Sprintf("wm0001-%05d", n*12))
	}
	delete(h.platform.groups, "wr1")
	run := h.synchronised()
	if run.Vanished != 11 || h.active() != 350 {
		t.Errorf("vanished %d, %d are left", run.Vanished, h.active())
	}
	if n := modeltest.Count[model.CustomerGroup](t, h.db, "dismissed_at IS NULL"); n != 1 {
		t.Errorf("%d groups", n)
	}
	// Somebody who has no customers any more has none, and that is no fault.
	h.clock.Advance(time.Hour)
	for n := range 120 {
		h.platform.unfollow(fmt.Sprintf("wm0002-%05d", n))
	}
	run = h.synchronised()
	if run.Status != RunDone || run.Failed != 0 || h.active() != 230 {
		t.Errorf("got %+v, %d are left", run, h.active())
	}
}

func TestSyncNeverTakesAFaultForAnEmptyList(t *testing.T) {
	faults := map[string]error{
		"malformed": fails(wecom.ClassUnknown, 0), "no right": fails(wecom.ClassPermission, 60011), "unknown member": fails(wecom.ClassNotFound, 60111),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			company(h.platform, 3, 120)
			h.synchronised()
			h.clock.Advance(time.Hour)
			h.platform.unfollow("wm0000-00000")
			var after atomic.Int64
			h.platform.before = func(api string, n int) error {
				if api == "batch" && after.Add(1) > 1 { // the first page only
					return fault
				}
				return nil
			}
			run := h.synchronised()
			if run.Status != RunDone || run.Failed < 2 || run.Error == "" || h.active() != 360 || run.Vanished != 0 {
				t.Errorf("got %+v, %d are left", run, h.active())
			}
			parts, err := h.FailedParts(t.Context(), run.ID)
			if err != nil || int64(len(parts)) != run.Failed {
				t.Errorf("got %d failed parts, %v", len(parts), err)
			}
			h.platform.before = nil
			if run := h.synchronised(); run.Failed != 0 || run.Vanished != 1 || h.active() != 359 {
				t.Errorf("got %+v, %d are left", run, h.active())
			}
		})
	}
}

// A fault of what the run can't do without ends it, or has it tried again later; nothing is lost.
func TestSyncFaultsOfAWholeStage(t *testing.T) {
	for _, api := range []string{"departments", "staff", "serving", "tags", "groups"} {
		t.Run(api, func(t *testing.T) {
			h := open(t)
			company(h.platform, 3, 20)
			h.synchronised()
			h.clock.Advance(time.Hour)
			staff := modeltest.Count[model.Staff](t, h.db, "gone_at IS NULL AND serves_customers = ?", true)
			h.platform.before = func(asked string, n int) error {
				if asked == api && n < 6 {
					return fails(wecom.ClassUnknown, 0)
				}
				return nil
			}
			run := h.synchronised()
			if run.Status != RunDone || run.Vanished != 0 || h.active() != 60 {
				t.Errorf("got %+v, %d are left", run, h.active())
			}
			if n := modeltest.Count[model.Staff](t, h.db, "gone_at IS NULL AND serves_customers = ?", true); n != staff {
				t.Errorf("%d staff are left of %d", n, staff)
			}
			if n := modeltest.Count[model.CustomerGroup](t, h.db, "dismissed_at IS NULL"); n != 2 {
				t.Errorf("%d groups are left", n)
			}
		})
	}
}

func TestSyncEndsWhenSomebodyMustActFirst(t *testing.T) {
	h := open(t)
	company(h.platform, 2, 2)
	h.platform.before = func(string, int) error { return fails(wecom.ClassCredential, 40001) }
	run := h.synchronised()
	if run.Status != RunFailed || run.Error == "" || run.RunningAccountID != nil || h.platform.times("departments") != 1 {
		t.Errorf("got %+v after %d calls", run, h.platform.times("departments"))
	}
	h.platform.before = nil
	if run := h.synchronised(); run.Status != RunDone {
		t.Errorf("got %+v", run)
	}
}

func TestF21_SyncWaitsOutTheRateLimit(t *testing.T) {
	h := open(t)
	company(h.platform, 3, 250)
	h.platform.before = func(api string, n int) error {
		if api == "batch" && n >= 4 && n < 8 {
			return &wecom.Error{Class: wecom.ClassRate, Code: 45009, RetryAfter: time.Minute}
		}
		return nil
	}
	run, err := h.Start(t.Context(), acme.ID, TriggerPerson)
	if err != nil {
		t.Fatal(err)
	}
	err = h.synchronise(t.Context(), &work.Lease{Attempt: syncPolicy.MaxAttempts - 1}, syncWork{run.ID})
	if err == nil || err.Error() != "snoozed for 1m0s" {
		t.Fatalf("got %v", err)
	}
	if r, _ := h.Progress(t.Context(), run.ID); r.Status != RunRunning || r.Error == "" || r.Stage != "customers" {
		t.Errorf("got %+v", r)
	}
	if r := h.run(run.ID); r.Status != RunDone || r.Failed != 0 || r.Error != "" || h.active() != 750 || r.ReadCount != 2+3+1+750+2 {
		t.Errorf("got %+v, %d", r, h.active())
	}
}

// Killed at any moment, a run goes on where it was: every page is counted once, and none is missing.
func TestSyncKilledAtRandomIsExact(t *testing.T) {
	dsn := modeltest.DSN(t)
	p := &platform{}
	company(p, 8, 250)
	first := openOn(t, dsn, p)
	run, err := first.Start(t.Context(), acme.ID, TriggerPerson)
	if err != nil {
		t.Fatal(err)
	}
	kills := 0
	for {
		ctx, kill := context.WithCancel(t.Context())
		last := rand.IntN(12) + 1
		var n atomic.Int64
		p.mu.Lock()
		p.before = func(string, int) error {
			if n.Add(1) == int64(last) {
				kill()
			}
			return nil
		}
		p.mu.Unlock()
		h := openOn(t, dsn, p) // another replica takes over
		_ = h.synchronise(ctx, &work.Lease{Attempt: 1}, syncWork{run.ID})
		kill()
		r, err := first.Progress(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status == RunDone {
			if r.Failed != 0 || r.Vanished != 0 || first.active() != 2000 || r.ReadCount != 2+8+1+2000+2 && r.ReadCount != 2+8+1+2000+4 {
				t.Errorf("got %+v, %d relations", r, first.active())
			}
			break
		}
		if kills++; kills > 300 {
			t.Fatalf("no progress: %+v", r)
		}
	}
	if kills == 0 {
		t.Error("never killed")
	}
	t.Logf("killed %d times", kills)
}

func TestTwoWorkersOnOneRunStayExact(t *testing.T) {
	dsn := modeltest.DSN(t)
	p := &platform{}
	company(p, 4, 330)
	a, b := openOn(t, dsn, p), openOn(t, dsn, p)
	run, err := a.Start(t.Context(), acme.ID, TriggerPerson)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, h := range []*house{a, b} {
		wg.Go(func() {
			for range 50 {
				if h.synchronise(t.Context(), &work.Lease{Attempt: 1}, syncWork{run.ID}) == nil {
					return
				}
			}
			t.Error("a worker does not come to an end")
		})
	}
	wg.Wait()
	r, err := a.Progress(t.Context(), run.ID)
	if err != nil || r.Status != RunDone || r.ReadCount != 2+4+1+4*330+2 || a.active() != 4*330 {
		t.Errorf("got %+v, %v, %d", r, err, a.active())
	}
}

func TestOneRunPerAccount(t *testing.T) {
	dsn := modeltest.DSN(t)
	p := &platform{}
	company(p, 1, 1)
	a, b := openOn(t, dsn, p), openOn(t, dsn, p)
	var started, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		h := []*house{a, b}[i%2]
		wg.Go(func() {
			switch _, err := h.Start(t.Context(), acme.ID, TriggerPerson); {
			case err == nil:
				started.Add(1)
			case errors.Is(err, ErrSyncRunning):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if started.Load() != 1 || refused.Load() != 15 || modeltest.Count[model.Work](t, a.db) != 1 {
		t.Errorf("%d started, %d refused", started.Load(), refused.Load())
	}
	if _, err := a.Start(t.Context(), 2, TriggerPerson); err == nil {
		t.Error("an account of nobody is synchronised")
	}
	if err := a.StartAll(t.Context()); err != nil {
		t.Errorf("all: %v", err)
	}
}

func TestCancelledRunStops(t *testing.T) {
	h := open(t)
	company(h.platform, 4, 100)
	run, err := h.Start(t.Context(), acme.ID, TriggerPerson)
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	h.platform.before = func(api string, _ int) error {
		if api == "batch" {
			once.Do(func() {
				if err := h.Cancel(t.Context(), run.ID); err != nil {
					t.Error(err)
				}
			})
		}
		return nil
	}
	if err := h.synchronise(t.Context(), &work.Lease{Attempt: 1}, syncWork{run.ID}); err != nil {
		t.Fatalf("got %v", err)
	}
	r, _ := h.Progress(t.Context(), run.ID)
	if r.Status != RunCancelled || h.active() != 0 || r.RunningAccountID != nil {
		t.Errorf("got %+v, %d relations", r, h.active())
	}
	if err := h.Cancel(t.Context(), run.ID); err != ErrRunOver {
		t.Errorf("got %v", err)
	}
	if err := h.Cancel(t.Context(), 999999); err != ErrRunNotFound {
		t.Errorf("got %v", err)
	}
	if r := h.synchronised(); r.Status != RunDone || h.active() != 400 {
		t.Errorf("the next one: %+v", r)
	}
}

func TestRunWhoseWorkIsDeadIsReplaced(t *testing.T) {
	h := open(t)
	company(h.platform, 1, 1)
	run, err := h.Start(t.Context(), acme.ID, TriggerPerson)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.db.Model(&model.Work{}).Where("dedupe_key = ?", syncKey(run.ID)).Updates(map[string]any{"state": "dead", "last_error": "killed too often"}).Error; err != nil {
		t.Fatal(err)
	}
	next, err := h.Start(t.Context(), acme.ID, TriggerClock)
	if err != nil || next.ID == run.ID {
		t.Fatalf("got %+v, %v", next, err)
	}
	if old, _ := h.Progress(t.Context(), run.ID); old.Status != RunFailed || old.Error != "dead: killed too often" {
		t.Errorf("got %+v", old)
	}
}

func TestGroupsOfALargeCorpAreReadByOwner(t *testing.T) {
	h := open(t)
	company(h.platform, 120, 0)
	for i := range 30 {
		id := "wr" + strconv.Itoa(100+i)
		h.platform.groups[id] = &wecom.Group{ChatID: id, OwnerID: "s" + strconv.Itoa(i*4), CreatedAt: wecom.Time{Time: noon.Add(-time.Hour)}, MemberVersion: "1",
			Members: []wecom.GroupMember{{UserID: "s1", Type: 1, JoinedAt: wecom.Time{Time: noon.Add(-time.Hour)}}}}
	}
	h.platform.before = func(api string, _ int) error {
		if api == "groups" {
			return fails(wecom.ClassBadInput, errTooManyMembers)
		}
		return nil
	}
	run := h.synchronised()
	if n := modeltest.Count[model.CustomerGroup](t, h.db); run.Status != RunDone || run.Failed != 0 || n != 32 {
		t.Errorf("got %+v, %d groups", run, n)
	}
	h.clock.Advance(time.Hour)
	delete(h.platform.groups, "wr129")
	if run := h.synchronised(); run.Vanished != 1 {
		t.Errorf("got %+v", run)
	}
}

// One group that can't be read is counted, and none is then found gone.
func TestUnreadableGroupDismissesNone(t *testing.T) {
	h := open(t)
	company(h.platform, 1, 0)
	h.synchronised()
	h.clock.Advance(time.Hour)
	delete(h.platform.groups, "wr1")
	h.platform.before = func(api string, _ int) error {
		if api == "group" {
			return fails(wecom.ClassUnknown, 0)
		}
		return nil
	}
	if run := h.synchronised(); run.Failed != 1 || run.Vanished != 0 || run.Error == "" {
		t.Errorf("got %+v", run)
	}
}

func TestCursorThatIsRefusedBeginsThePartAgain(t *testing.T) {
	h := open(t)
	company(h.platform, 1, 350)
	refusals := 0
	h.platform.before = func(api string, n int) error {
		if api == "batch" && n == 3 {
			refusals++
			return fails(wecom.ClassBadInput, 40058)
		}
		return nil
	}
	if run := h.synchronised(); run.Status != RunDone || run.Failed != 0 || h.active() != 350 || refusals != 1 {
		t.Errorf("got %+v, %d relations", run, h.active())
	}
}

// BenchmarkSync reads 10,000 customers of 100 staff from a platform that takes 100 ms for each
// answer, and tells how long that took and how much memory was taken.
func BenchmarkSync(b *testing.B) {
	for b.Loop() {
		h := open(b)
		company(h.platform, 100, 100)
		for _, c := range h.platform.customers {
			c.Relations[0].TagIDs = []string{"et2", "et3"}
		}
		h.platform.tags[0].Tags = append(h.platform.tags[0].Tags, wecom.Tag{ID: "et3", Name: "银"})
		h.tags = tag.New(h.db, event.New(h.queue, h.now), h.queue, h.now, nil, func(string) tag.Platform { return nil })
		h.platform.before = func(string, int) error { time.Sleep(100 * time.Millisecond); return nil }
		began := time.Now()
		run := h.synchronised()
		b.ReportMetric(time.Since(began).Seconds(), "s/sync")
		if run.Status != RunDone || h.active() != 10_000 {
			b.Fatalf("got %+v", run)
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.Sys)/(1<<20), "MB-sys")
	}
}
