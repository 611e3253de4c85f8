package bench

import (
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"zhiyin/bench/seed"
	"zhiyin/model/modeltest"
)

// TestSegment runs the benchmark small; that the index and the statements find the same it checks itself.
func TestSegment(t *testing.T) {
	dsn := modeltest.DSN(t)
	if err := seed.Run(t.Context(), seed.Options{DSN: dsn, Customers: 2000}, io.Discard); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Segment(t.Context(), SegmentOptions{DSN: dsn, Rounds: 1, Asks: 2}, &out); err != nil {
		t.Fatal(err, out.String())
	}
	for _, want := range []string{`(?m)^index of 19\d\d customers built in`, `memory: \d+\.\d MB`, `(?m)^narrow +7 +\d+ `, `(?m)^broad +7 +\d+ `, `estimate of up to 5 conditions: p50 \d`} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := Segment(t.Context(), SegmentOptions{DSN: dsn, Rounds: 1, Asks: 1, Only: "narrow"}, &out); err != nil || !regexp.MustCompile(`(?m)^ids by the index: p50 \S+ ms, p95 \S+ ms$`).MatchString(out.String()) {
		t.Errorf("only a rule of seven conditions: %v\n%s", err, out.String())
	}
	out.Reset()
	if err := SegmentLive(t.Context(), LiveOptions{DSN: dsn, Rate: 50, Duration: time.Second}, &out); err != nil {
		t.Fatal(err, out.String())
	}
	for _, want := range []string{`(?m)^full build of "five mixed", 5 conditions, by SQL alone: \d+ members in`, `(?m)^50 events at 50/s, each of another customer: acknowledged to entered p50 \d`} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if t.Failed() || testing.Verbose() {
		t.Log(out.String())
	}
}
