package model

import (
	"errors"
	"strings"
	"testing"
)

func testIDs(t testing.TB, fill byte) PublicIDs {
	t.Helper()
	ids, err := NewPublicIDs([]byte(strings.Repeat(string(rune(fill)), 32)))
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestPublicIDRoundTrip(t *testing.T) {
	ids := testIDs(t, 'a')
	for _, row := range []int64{1, 2, 1 << 40, 1<<63 - 1} {
		id := ids.Of(KindCustomer, row)
		got, err := ids.Row(KindCustomer, id)
		if err != nil || got != row || len(id) != publicIDLength {
			t.Errorf("row %d became %q became %d, %v", row, id, got, err)
		}
	}
	if ids.Of(KindCustomer, 0) != "" {
		t.Error("row 0 has an id")
	}
}

func TestPublicIDIsOfItsKindAndKeyAlone(t *testing.T) {
	ids, others := testIDs(t, 'a'), testIDs(t, 'b')
	id := ids.Of(KindCustomer, 7)
	if _, err := ids.Row(KindStaff, id); !errors.Is(err, ErrNoSuchID) {
		t.Errorf("a customer's id passed for a staff member's: %v", err)
	}
	if _, err := others.Row(KindCustomer, id); !errors.Is(err, ErrNoSuchID) {
		t.Errorf("an id of another key was accepted: %v", err)
	}
}

// TestV08_IDsCannotBeGuessed walks 10,000 neighbours of a real id in its text form.
func TestV08_IDsCannotBeGuessed(t *testing.T) {
	ids := testIDs(t, 'a')
	id := []byte(ids.Of(KindCustomer, 7))
	const letters = "abcdefghijklmnopqrstuvwxyz234567"
	hits, tried := 0, 0
	for a := 0; a < len(id) && tried < 10_000; a++ {
		for b := a + 1; b < len(id) && tried < 10_000; b++ {
			for _, l := range letters {
				guess := append([]byte{}, id...)
				guess[a], guess[b] = byte(l), letters[(int(l)+b)%32]
				if string(guess) == string(id) {
					continue
				}
				tried++
				if _, err := ids.Row(KindCustomer, string(guess)); err == nil {
					hits++
				}
			}
		}
	}
	if hits != 0 || tried < 5000 {
		t.Errorf("%d of %d guesses hit", hits, tried)
	}
}

func FuzzPublicIDRow(f *testing.F) {
	ids := testIDs(f, 'a')
	f.Add(ids.Of(KindCustomer, 7))
	f.Add("")
	f.Add(strings.Repeat("a", publicIDLength))
	f.Add(strings.Repeat("7", publicIDLength))
	f.Fuzz(func(t *testing.T, s string) {
		row, err := ids.Row(KindCustomer, s)
		if err == nil && ids.Of(KindCustomer, row) != s {
			t.Errorf("%q names row %d, whose id is %q", s, row, ids.Of(KindCustomer, row))
		}
	})
}
