package bench

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestQueue runs the benchmark small and holds what it prints against what is in the database.
func TestQueue(t *testing.T) {
	dsn := modeltest.DSN(t)
	var out strings.Builder
	if err := Queue(t.Context(), QueueOptions{DSN: dsn, Works: 1200, ServerPID: os.Getpid()}, &out); err != nil {
		t.Fatal(err)
	}
	db := modeltest.Open(t, dsn)
	if n := modeltest.Count[model.Work](t, db, "state = ? AND attempts = ?", "done", 1); n != 1200 {
		t.Errorf("got %d works done at the first attempt, want 1200", n)
	}
	lines := regexp.MustCompile(`(?m)^(raw INSERT|raw range UPDATE|enqueue|claim, run and finish) +(\d+) +([\d.]+) +([\d.]+)$`).FindAllStringSubmatch(out.String(), -1)
	if len(lines) != 4 {
		t.Fatalf("got %d measurements, want 4:\n%s", len(lines), out.String())
	}
	for _, l := range lines {
		if rate, _ := strconv.Atoi(l[2]); rate <= 0 {
			t.Errorf("%s: no rate in %q", l[1], l[0])
		}
	}
}

// TestProcessCPU: both ways to ask for this process's CPU time agree.
func TestProcessCPU(t *testing.T) {
	for began := time.Now(); time.Since(began) < 50*time.Millisecond; {
	}
	own, other := ownCPU(), processCPU(os.Getpid())
	if own <= 0 || (own-other).Abs() > 100*time.Millisecond {
		t.Errorf("getrusage says %v, /proc says %v", own, other)
	}
}
