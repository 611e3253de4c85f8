package journey

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
)

// childDSN names the database of a process that is there to be killed.
const childDSN = "ZHIYIN_TEST_JOURNEY_DSN"

// TestChildProcess is no test: it is the process that TestF1_KilledInTransitions kills.
func TestChildProcess(t *testing.T) {
	dsn := os.Getenv(childDSN)
	if dsn == "" {
		t.Skip("for TestF1_KilledInTransitions")
	}
	s, _ := replica(t, modeltest.Open(t, dsn), clock.System)
	for {
		if _, err := s.Advance(t.Context()); err != nil {
			t.Log(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestF1_KilledInTransitions kills two replicas, again and again, at moments that nobody chose, while they move customers.
// In the end each has been through each step once, with each message once.
func TestF1_KilledInTransitions(t *testing.T) {
	dsn := modeltest.DSN(t)
	h := openHouse(t, modeltest.Open(t, dsn), 3000)
	id := h.open(journey(byAPI, "", message("a", "b"), message("b", "which"),
		`{"id":"which","step":"split_share","with":{"shares":[{"name":"x","points":5000},{"name":"y","points":5000}]},"next":{"x":"c","y":"c"}}`, message("c", "end"), theEnd))
	var rows []*model.Enrolment
	for c := int64(1); c <= 3000; c++ {
		rows = append(rows, &model.Enrolment{
			JourneyID: id, Version: 1, CustomerID: c, Turn: 1, State: Running, Node: "a", Visit: 1, ArrivedAt: noon, DueAt: noon, EnteredAt: noon, UpdatedAt: noon,
		})
	}
	if err := h.db.CreateInBatches(rows, 500).Error; err != nil {
		t.Fatal(err)
	}
	kills := 0
	left := func() int64 { return modeltest.Count[model.Enrolment](t, h.db, "state <> ?", Ended) }
	for round := 0; left() > 0; round++ {
		if round == 60 {
			t.Fatalf("%d are left", left())
		}
		var all sync.WaitGroup
		for range 2 {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildProcess$")
			child.Env = append(os.Environ(), childDSN+"="+dsn)
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			life := time.Duration(60+rand.IntN(120)+20*round) * time.Millisecond // later ones get further, however slow the machine is
			all.Go(func() {
				time.Sleep(life)
				child.Process.Kill()
				child.Wait()
			})
			kills++
		}
		all.Wait()
	}
	if n := modeltest.Count[model.Delivery](t, h.db); n != 9000 {
		t.Errorf("%d messages, want 9000", n)
	}
	if n := modeltest.Count[model.EnrolmentVisit](t, h.db); n != 15000 {
		t.Errorf("%d visits, want 15000", n)
	}
	f, err := h.Funnel(t.Context(), id, 1)
	if err != nil || f.Ended[ReasonCompleted] != 3000 || f.Nodes[0].Outcomes[Next] != 3000 {
		t.Errorf("funnel %+v, %v", f, err)
	}
	t.Logf("%d processes were killed", kills)
}
