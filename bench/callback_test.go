package bench

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"zhiyin/model/modeltest"
)

const loaderMark = "ZHIYIN_TEST_BENCH_LOADER"

// TestLoader is the load generator of TestCallback, in a process of its own; alone it does nothing.
func TestLoader(t *testing.T) {
	if os.Getenv(loaderMark) == "" {
		return
	}
	if err := Load(t.Context(), os.Stdin, os.Stdout); err != nil {
		t.Fatal(err)
	}
}

// TestCallback runs the benchmark small; that what was acknowledged is stored it checks itself.
func TestCallback(t *testing.T) {
	t.Setenv(loaderMark, "1")
	var out strings.Builder
	err := Callback(t.Context(), CallbackOptions{
		DSN: modeltest.DSN(t), Duration: 300 * time.Millisecond, Rounds: 2, Connections: 8, ServerPID: os.Getpid(),
		Loader: []string{os.Args[0], "-test.run=^TestLoader$"},
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`(?m)^a no database +\d+`, `(?m)^b durable inbox +\d+`, `(?m)^c one GORM insert each +\d+`, `(?m)^limit: bare INSERTs +\d+`,
		`CPU b/a \d+\.\d+ +CPU c/b \d+\.\d+ +rate b/c \d+\.\d+`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
