package console

import (
	"bytes"
	"errors"
	"testing"
)

func FuzzCursor(f *testing.F) {
	c, err := NewCursors(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := seal(c, listWork, int64(7))
	if err != nil {
		f.Fatal(err)
	}
	if place, err := unseal[int64](c, listWork, sealed); place != 7 || err != nil {
		f.Fatalf("got %d, %v", place, err)
	}
	for _, text := range []string{sealed, sealed + "=", sealed[1:], "", "Nw", "\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		place, err := unseal[int64](c, listWork, text)
		switch {
		case text == "" && (place != 0 || err != nil):
			t.Errorf("no cursor: %d, %v", place, err)
		case text != "" && place != 7 && !errors.Is(err, ErrBadCursor): // 7 is the only place ever sealed
			t.Errorf("%q was taken: %d, %v", text, place, err)
		}
		if _, err := unseal[int64](c, listTask, sealed); !errors.Is(err, ErrBadCursor) {
			t.Errorf("another list's cursor was taken: %v", err)
		}
	})
}
