package transfer

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"zhiyin/model/modeltest"
)

// killedDSN makes a process of this test binary run an import, to be killed in the middle of a chunk.
const killedDSN = "TEST_KILLED_IMPORT_DSN"

// TestImportOutlivesKills: kill -9 strikes a process which has committed some chunks of an import and is in the middle of the next, again
// and again; whoever goes on ends with every row imported once.
func TestImportOutlivesKills(t *testing.T) {
	if dsn := os.Getenv(killedDSN); dsn != "" {
		importAndStall(t, dsn)
		return
	}
	dsn := modeltest.DSN(t)
	h := newHouseOn(t, modeltest.Open(t, dsn))
	run := h.upload(many(1500))
	h.start(run.ID, StartInput{})
	done := int64(0)
	for _, row := range []int{333, 777, 1444} {
		killImport(t, dsn, run.ID, row)
		now, err := h.ImportRun(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		if now.Created <= done || now.Created >= int64(row) || now.Created != int64(len(h.things())) {
			t.Fatalf("killed at row %d: %d counted, %d there, %d before", row, now.Created, len(h.things()), done)
		}
		done = now.Created
	}
	run = h.finish(run.ID)
	if run.Status != Done || run.Created != 1500 || run.Unchanged != 0 || run.Failed != 0 || len(h.things()) != 1500 {
		t.Errorf("%+v, %d things", run, len(h.things()))
	}
}

// importAndStall goes on with an import as far as a row, whose chunk it never commits.
func importAndStall(t *testing.T, dsn string) {
	var id, last int64
	if _, err := fmt.Sscan(os.Getenv(killedDSN+"_AT"), &id, &last); err != nil {
		t.Fatal(err)
	}
	h := newHouseOn(t, modeltest.Open(t, dsn))
	h.fail = func(r Row) error {
		if int64(r.Number) >= last {
			fmt.Println("reached")
			select {}
		}
		return nil
	}
	t.Fatal(h.runImport(t.Context(), nil, runPayload{id}))
}

func killImport(t *testing.T, dsn string, id int64, row int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), killedDSN+"="+dsn, killedDSN+"_AT="+strconv.FormatInt(id, 10)+" "+strconv.Itoa(row))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "reached" {
		t.Log(lines.Text())
	}
	reached := lines.Text() == "reached"
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if !reached {
		t.Fatal("the row was not reached")
	}
}
