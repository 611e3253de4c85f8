//go:build race

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// slack is by how much bounds of time are relaxed: the race detector makes everything several times
// slower.
const slack = 8

// unwatched builds the command without the race detector, with the flags of make build, so that only linking is left to do after it.
func unwatched(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "zhiyin")
	build := exec.Command("go", "build", "-race=false", "-trimpath", "-tags", "timetzdata,nomsgpack", "-ldflags", "-s -w", "-o", file, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	return file
}
