package work

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	sqldriver "github.com/go-sql-driver/mysql"
	"github.com/rs/zerolog"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

// TestDatabaseGoesAway: the network to the database breaks, stays away for longer than a lease, and comes
// back, with works running and waiting. Within 10 s everything goes on, nothing is lost, and only works
// that were in hand when it broke may have run again.
func TestDatabaseGoesAway(t *testing.T) {
	if !modeltest.OnMySQL() {
		t.Skip("SQLite has no network")
	}
	r := newRig(t, clock.System)
	direct := r.queue()
	proxy, dsn := proxied(t, r.dsn)
	q := New(modeltest.Open(t, dsn), r.now)
	outage(t, r, q, direct, func() {
		proxy.Stop()
		time.Sleep(1500 * time.Millisecond)
		if err := proxy.Start(); err != nil {
			t.Fatal(err)
		}
	})
}

// proxied puts a proxy before the database and returns the DSN that goes through it.
func proxied(t *testing.T, dsn string) (*toxiproxy.Proxy, string) {
	t.Helper()
	c, err := sqldriver.ParseDSN(strings.TrimPrefix(dsn, "mysql://"))
	if err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "database", "127.0.0.1:0", c.Addr)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	c.Addr = proxy.Listen
	return proxy, "mysql://" + c.FormatDSN()
}

// TestDatabaseRestarts is the same with the server itself killed and started again. It takes the server
// away from whoever else uses it, so it runs only when it is told that it may.
func TestDatabaseRestarts(t *testing.T) {
	ctl := os.Getenv("TEST_MYSQL_CTL")
	if ctl == "" || os.Getenv("TEST_MYSQL_MAY_RESTART") == "" {
		t.Skip("needs TEST_MYSQL_CTL, and TEST_MYSQL_MAY_RESTART=1 because other tests lose the server too")
	}
	r := newRig(t, clock.System)
	q := r.queue()
	outage(t, r, q, q, func() {
		for _, verb := range []string{"kill9", "start"} {
			if out, err := exec.Command(ctl, verb).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v: %s", verb, err, out)
			}
		}
	})
}

// outage has a worker busy while away takes the database from it and gives it back.
func outage(t *testing.T, r *rig, q, outside *Queue, away func()) {
	t.Helper()
	const works = 120
	var mu sync.Mutex
	runs := map[int]int{}
	Handle(q, "a", Policy{Backoff: func(int) time.Duration { return 10 * time.Millisecond }}, func(ctx context.Context, _ *Lease, n note) error {
		mu.Lock()
		runs[n.N]++
		mu.Unlock()
		select {
		case <-time.After(20 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	var items []Item
	for i := range works {
		items = append(items, Item{Kind: "a", Payload: note{i}})
	}
	enqueue(t, outside, items...)
	o := quick()
	o.Lease = time.Second
	w := NewWorker(q, o)
	w.callLimit = time.Second
	r.runWorker(w)
	eventually(t, "it is busy", func() bool { return inState(t, outside, done) > 10 })
	away()
	began := time.Now()
	eventually(t, "works go on", func() bool {
		enqueued := modeltest.Count[model.Work](t, outside.db)
		return inState(t, outside, done) == enqueued
	})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v to recover", took)
	}
	mu.Lock()
	defer mu.Unlock()
	again := 0
	for i := range works {
		if runs[i] == 0 {
			t.Errorf("work %d never ran", i)
		}
		again += runs[i] - 1
	}
	if most := 3 * o.Concurrency * chunkMost; again > most {
		t.Errorf("%d runs too many; at most %d works were in hand", again, most)
	}
}
