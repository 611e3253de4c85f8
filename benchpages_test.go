package main

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"zhiyin/bench/seed"
	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestBenchPages runs the benchmark small, and holds that it leaves nothing behind.
func TestBenchPages(t *testing.T) {
	dsn := modeltest.DSN(t)
	if err := seed.Run(t.Context(), seed.Options{DSN: dsn, Customers: 1000}, io.Discard); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := measurePages(t.Context(), dsn, 4, &out); err != nil {
		t.Fatal(err, out.String())
	}
	for _, want := range []string{`(?m)^customer card, sales +\d`, `(?m)^customer card, operator +\d`, `(?m)^list of customers, sales +\d`, `(?m)^list by name, operator +\d`} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	db := modeltest.Open(t, dsn)
	if n := modeltest.Count[model.Session](t, db); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}
