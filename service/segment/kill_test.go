package segment

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/clock"
	"zhiyin/service/event"
	"zhiyin/service/work"
)

// killedDSN makes a process of this test binary build a segment, to be killed in the middle of a chunk.
const killedDSN = "TEST_KILLED_BUILD_DSN"

// TestKilledBuildGoesOn kills a process with kill -9 that has written a chunk of a build and not committed it:
// whoever goes on ends with the members that fit, and everybody has been told of once.
func TestKilledBuildGoesOn(t *testing.T) {
	if dsn := os.Getenv(killedDSN); dsn != "" {
		buildAndStall(t, dsn)
		return
	}
	h := &house{t: t, clock: clock.NewFake(noon)}
	dsn := modeltest.DSN(t)
	h.db = modeltest.Open(t, dsn)
	h.world = newWorld(t, h.db, 5, 120, noon)
	if err := h.db.Where("segment_id > 0").Delete(&model.SegmentMember{}).Error; err != nil {
		t.Fatal(err)
	}
	h.Service = h.replica(h.db)
	row, err := h.Create(t.Context(), Definition{Name: "a", Rule: h.rule(`{"field":"gender","op":"is","values":["male","female"]}`), By: 1})
	if err != nil {
		t.Fatal(err)
	}
	var build model.SegmentBuild
	if err := h.db.Where("segment_id = ?", row.ID).Take(&build).Error; err != nil {
		t.Fatal(err)
	}
	for range 2 {
		before := len(h.members(row.ID))
		killBuild(t, dsn, build.ID)
		if after := len(h.members(row.ID)); after <= before || after >= len(h.fit(row.ID)) {
			t.Fatalf("killed with %d of %d members, %d before", after, len(h.fit(row.ID)), before)
		}
	}
	h.runBuilds()
	if got, want := h.members(row.ID), h.fit(row.ID); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	h.consistent(row.ID)
}

// buildAndStall does one chunk, and another one that it never commits.
func buildAndStall(t *testing.T, dsn string) {
	db := modeltest.Open(t, dsn)
	now := clock.NewFake(noon).Now
	queue := work.New(db, now)
	s := New(Deps{DB: db, Events: event.New(queue, now), Queue: queue, Now: now, Zone: shanghai, Staff: everybody{}, Logger: slog.New(slog.DiscardHandler)})
	id, err := strconv.ParseInt(os.Getenv(killedDSN+"_ID"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.chunk(context.Background(), id, 20); err != nil {
		t.Fatal(err)
	}
	_ = model.InTx(context.Background(), db, func(tx *gorm.DB) error {
		b, err := buildByID(tx, id)
		if err != nil {
			return err
		}
		row, err := lockSegment(tx, b.SegmentID)
		if err != nil {
			return err
		}
		if _, err := s.chunkTx(tx, row, b, 20); err != nil {
			return err
		}
		fmt.Println("reached")
		select {}
	})
}

func killBuild(t *testing.T, dsn string, id int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), killedDSN+"="+dsn, fmt.Sprint(killedDSN, "_ID=", id))
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
		t.Fatal("the chunk was not reached")
	}
}
