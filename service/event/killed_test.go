package event

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

// TestTrackSurvivesKilledConnections kills the connections of commits under way, again and again. Clients send
// again what got no answer; in the end everything is recorded once, counted once and handed on once.
func TestTrackSurvivesKilledConnections(t *testing.T) {
	if !modeltest.OnMySQL() {
		t.Skip("SQLite has no connections to kill")
	}
	dsn := modeltest.DSN(t)
	l := reader(modeltest.Open(t, dsn), clock.System)
	l.Feed("killed", note("killed"))
	ctx, stop := context.WithCancel(t.Context())
	var readers, clients sync.WaitGroup
	readers.Go(func() { l.RunFeeds(ctx) })
	const callers, calls, each = 8, 12, 10
	var failures sync.Map
	for c := range callers {
		clients.Go(func() {
			for n := range calls {
				in := TrackInput{CustomerID: int64(9000 + c), SentAt: time.Now()}
				for i := range each {
					e := page(fmt.Sprintf("%d-%d", n, i), fmt.Sprint("p", i%3), 1)
					e.At = in.SentAt
					in.Events = append(in.Events, e)
				}
				for try := 0; ; try++ {
					if _, err := l.Track(context.Background(), in); err == nil {
						break
					} else if try == 200 {
						t.Error(err)
						return
					}
					failures.Store([3]int{c, n, try}, true)
				}
			}
		})
	}
	killed := killUntil(t, dsn, &clients)
	eventually(t, func() bool { return modeltest.Count[model.Task](t, l.DB) == callers*calls*each })
	stop()
	readers.Wait()
	if n := modeltest.Count[model.Event](t, l.DB); n != callers*calls*each {
		t.Errorf("%d events, want %d", n, callers*calls*each)
	}
	if diff := difference(t, l.DB, l.Zone); diff != "" {
		t.Error(diff)
	}
	failed := 0
	failures.Range(func(any, any) bool { failed++; return true })
	t.Logf("%d connections killed, %d calls failed and were repeated", killed, failed)
	if killed == 0 {
		t.Error("no connection was killed")
	}
}

// killUntil kills whatever connection of the database is busy until the clients are done.
func killUntil(t *testing.T, dsn string, clients *sync.WaitGroup) (killed int) {
	t.Helper()
	done := make(chan struct{})
	go func() { clients.Wait(); close(done) }()
	killer := modeltest.Open(t, dsn)
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for {
		select {
		case <-done:
			return killed
		case <-pause.C:
		}
		var ids []int64
		err := killer.Raw("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID() AND command <> 'Sleep' LIMIT 1").Scan(&ids).Error
		if err != nil {
			t.Error(err)
			return killed
		}
		for _, id := range ids {
			if killer.Exec(fmt.Sprintf("KILL %d", id)).Error == nil { // it may be gone by itself
				killed++
			}
		}
	}
}
