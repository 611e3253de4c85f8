package callback_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zhiyin/api/callback"
	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/intake"
)

func TestF29_SameEventAHundredTimesOnTwoReplicas(t *testing.T) {
	dsn := modeltest.DSN(t)
	replicas := []*world{newReplica(t, dsn), newReplica(t, dsn)}
	messages := []string{message("wm1", "add_external_contact", noon), message("wm2", "add_external_contact", noon), message("wm3", "del_follow_user", noon)}
	var wg sync.WaitGroup
	for i := range 100 {
		w := replicas[i%2]
		for _, m := range messages {
			r := w.push(m) // encrypted anew each time
			wg.Go(func() {
				if rec := w.do(r); rec.Code != http.StatusOK {
					t.Errorf("got %d", rec.Code)
				}
			})
		}
	}
	wg.Wait()
	replicas[0].wantRows(int64(len(messages)))
}

func TestF09_DatabaseDownDuringCallbacks(t *testing.T) {
	if !onMySQL() {
		sqliteDown(t)
		return
	}
	dsn := modeltest.DSN(t)
	p, through := newProxy(t, dsn)
	w, direct := newReplica(t, through), modeltest.Open(t, dsn)
	var acked, refused atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for sender := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				switch rec := w.do(w.push(message(fmt.Sprintf("wm%d-%d", sender, n), "add_external_contact", noon))); rec.Code {
				case http.StatusOK:
					acked.Add(1)
				case http.StatusServiceUnavailable:
					refused.Add(1)
					time.Sleep(5 * time.Millisecond)
				default:
					t.Errorf("got %d", rec.Code)
				}
			}
		})
	}
	for range 5 {
		time.Sleep(150 * time.Millisecond)
		p.set("down")
		time.Sleep(150 * time.Millisecond)
		p.set("")
	}
	// Back within seconds, by itself.
	until := time.Now().Add(10 * time.Second)
	before := acked.Load()
	for acked.Load() == before && time.Now().Before(until) {
		time.Sleep(10 * time.Millisecond)
	}
	close(stop)
	wg.Wait()
	if acked.Load() == before || refused.Load() == 0 {
		t.Errorf("%d acknowledged (%d before it came back), %d refused", acked.Load(), before, refused.Load())
	}
	// Rows may outnumber answers: a commit whose answer was lost is repeated, and then recognised.
	if rows := modeltest.Count[model.Inbox](t, direct); rows < acked.Load() {
		t.Errorf("%d acknowledged, only %d stored", acked.Load(), rows)
	}
}

func sqliteDown(t *testing.T) {
	dsn := modeltest.DSN(t)
	w := newReplica(t, dsn)
	w.want(w.push(message("wm1", "add_external_contact", noon)), http.StatusOK)
	model.Close(w.db)
	began := time.Now()
	for range 20 {
		w.want(w.push(message("wm2", "add_external_contact", noon)), http.StatusServiceUnavailable)
	}
	if took := time.Since(began); took > 10*time.Second { // a deadline each would be a minute
		t.Errorf("20 refusals took %s", took)
	}
	again := newReplica(t, dsn)
	again.want(again.push(message("wm2", "add_external_contact", noon)), http.StatusOK)
	again.wantRows(2)
}

// A database that takes statements and answers nothing must not hold a callback past the deadline.
func TestF14_DatabaseHangs(t *testing.T) {
	deadline := func(d *callback.Deps) { d.Deadline = 500 * time.Millisecond }
	var w *world
	var hang, resume func()
	if onMySQL() {
		p, through := newProxy(t, modeltest.DSN(t))
		w = newReplica(t, through, deadline)
		hang, resume = func() { p.set("hang") }, func() { p.set("") }
	} else {
		dsn := modeltest.DSN(t)
		w = newReplica(t, dsn, deadline)
		locker := modeltest.Open(t, dsn)
		hang = func() {
			tx := locker.Begin() // the one writer's place is taken
			if tx.Error != nil {
				t.Fatal(tx.Error)
			}
			resume = func() { tx.Rollback() }
		}
	}
	w.want(w.push(message("wm0", "add_external_contact", noon)), http.StatusOK)
	hang()
	var wg sync.WaitGroup
	for i := range 30 {
		r := w.push(message(fmt.Sprintf("wm%d", i+1), "add_external_contact", noon))
		wg.Go(func() {
			began := time.Now()
			rec := w.do(r)
			if took := time.Since(began); rec.Code != http.StatusServiceUnavailable || took > 4*time.Second {
				t.Errorf("got %d after %s", rec.Code, took)
			}
		})
	}
	wg.Wait()
	resume()
	until := time.Now().Add(20 * time.Second)
	for w.do(w.push(message("wm99", "add_external_contact", noon))).Code != http.StatusOK {
		if time.Now().After(until) {
			t.Fatal("callbacks are not taken again")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// When more wait than can be written in time, the rest is told so at once.
func TestF32_ShedsWithAnAnswer(t *testing.T) {
	w := newWorld(t)
	w.deps.Inbox = shedding{}
	w.mount()
	rec := w.want(w.push("<xml/>"), http.StatusServiceUnavailable)
	if rec.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

type shedding struct{}

func (shedding) Receive(context.Context, *model.Account, []byte, intake.Meta) error {
	return model.ErrTooManyWaiting
}

const childDSN = "ZHIYIN_TEST_CALLBACK_DSN"

// TestServeForKill is the server that TestF04 kills; alone it does nothing.
func TestServeForKill(t *testing.T) {
	dsn := os.Getenv(childDSN)
	if dsn == "" {
		return
	}
	w := newReplica(t, dsn)
	s := httptest.NewServer(w.handler)
	fmt.Println("LISTENING " + s.URL)
	select {} // until killed
}

func TestF04_KilledAmidCallbacks(t *testing.T) {
	dsn := modeltest.DSN(t)
	client := newReplica(t, modeltest.DSN(t)) // seals requests; its own database is not used
	var acked []string
	for round := range 5 {
		acked = append(acked, killRound(t, dsn, client, round)...)
	}
	if len(acked) == 0 {
		t.Fatal("nothing was acknowledged")
	}
	var bodies []string
	if err := modeltest.Open(t, dsn).Model(&model.Inbox{}).Pluck("body", &bodies).Error; err != nil {
		t.Fatal(err)
	}
	stored := map[string]int{}
	for _, b := range bodies {
		stored[b]++
	}
	for _, m := range acked {
		if stored[m] != 1 {
			t.Errorf("acknowledged, and stored %d times", stored[m])
		}
	}
	t.Logf("%d acknowledged, %d stored", len(acked), len(bodies))
}

// killRound sends to a server of its own until that is killed, and gives what was acknowledged.
func killRound(t *testing.T, dsn string, client *world, round int) (acked []string) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestServeForKill$")
	child.Env = append(os.Environ(), childDSN+"="+dsn)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	address := ""
	for address == "" && lines.Scan() {
		address, _ = strings.CutPrefix(lines.Text(), "LISTENING ")
		if !strings.HasPrefix(address, "http") {
			address = ""
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for sender := range 8 {
		wg.Go(func() {
			for n := 0; ; n++ {
				m := message(fmt.Sprintf("wm%d-%d-%d", round, sender, n), "add_external_contact", noon)
				r := client.push(m)
				resp, err := http.Post(address+r.path+"?"+r.query.Encode(), "text/xml", strings.NewReader(r.body))
				if err != nil {
					return // killed
				}
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					mu.Lock()
					acked = append(acked, m)
					mu.Unlock()
				}
			}
		})
	}
	time.Sleep(time.Duration(120+90*round) * time.Millisecond)
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait()
	wg.Wait()
	slices.Sort(acked)
	return acked
}
