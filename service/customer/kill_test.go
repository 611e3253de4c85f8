package customer

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// killedDSN makes a process of this test binary merge two customers, to be killed in the middle of it.
const killedDSN = "TEST_KILLED_MERGE_DSN"

// endless is a mover that says that it was reached and never ends.
type endless struct{ name string }

func (e endless) Name() string { return e.name }

func (e endless) Move(*gorm.DB, int64, int64) ([][]byte, error) {
	fmt.Println("reached")
	select {}
}

func (e endless) Undo(*gorm.DB, int64, int64, []byte) error { return nil }

// TestKilledMergeLeavesEverything kills a process with kill -9 at several points of a merge: nothing of it is
// there afterwards, and the merge can be made.
func TestKilledMergeLeavesEverything(t *testing.T) {
	if dsn := os.Getenv(killedDSN); dsn != "" {
		var one, other int64
		var mover string
		if _, err := fmt.Sscan(os.Getenv(killedDSN+"_WHAT"), &one, &other, &mover); err != nil {
			t.Fatal(err)
		}
		h := houseOn(t, modeltest.Open(t, dsn))
		h.Owns(endless{mover})
		h.merge2(one, other)
		return
	}
	dsn := modeltest.DSN(t)
	h := houseOn(t, modeltest.Open(t, dsn))
	r := rand.New(rand.NewPCG(9, 9))
	one, other := h.somebody(r), h.somebody(r)
	h.fill(r, one, 3)
	h.fill(r, other, 3)
	before := h.state(one, other)
	for _, mover := range []string{"identity", "event_day", "last"} { // the last one is reached when all have moved
		killMerge(t, dsn, fmt.Sprintln(one, other, mover))
		h.same("killed at "+mover, h.state(one, other), before)
	}
	if n := modeltest.Count[model.CustomerMerge](t, h.db) + modeltest.Count[model.MergeMove](t, h.db); n != 0 {
		t.Errorf("%d records of merges that never were", n)
	}
	m := h.merge2(one, other)
	if left := h.state(other); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if err := h.UndoMerge(t.Context(), admin, m.ID); err != nil {
		t.Fatal(err)
	}
	h.same("undone", h.state(one, other), before)
}

func killMerge(t *testing.T, dsn, what string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), killedDSN+"="+dsn, killedDSN+"_WHAT="+what)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, said := bufio.NewScanner(out), []string{}
	for lines.Scan() && lines.Text() != "reached" {
		said = append(said, lines.Text())
	}
	reached := lines.Text() == "reached"
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if !reached {
		t.Fatalf("the merge was not reached: %s", strings.Join(said, "\n"))
	}
}
