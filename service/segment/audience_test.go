package segment

import (
	"context"
	"errors"
	"testing"
)

// memory is an audience that always says the same.
type memory struct {
	n   int64
	by  By
	err error
}

func (m memory) Count(context.Context, *Env, *Rule) (int64, By, error) { return m.n, m.by, m.err }

func (m memory) IDs(context.Context, *Env, *Rule) ([]int64, By, error) { return nil, m.by, m.err }

// TestEstimateByMemory: what answers from memory is believed; when it can't, the statement is asked.
func TestEstimateByMemory(t *testing.T) {
	h := newHouse(t, 1, 50)
	r, err := h.Decode(t.Context(), []byte(`{"all":[]}`), rowIDs{})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := h.Estimate(t.Context(), "", r, true)
	if err != nil || plain.Count == 0 {
		t.Fatal(plain, err)
	}
	for _, tt := range []struct {
		name string
		memory
		want int64
	}{
		{"by the index", memory{n: 7777, by: ByIndex}, 7777},
		{"by both", memory{n: 7777, by: ByBoth}, 7777},
		{"not fresh", memory{by: BySQL}, plain.Count},
		{"it fails", memory{by: BySQL, err: errors.New("broken")}, plain.Count},
	} {
		h.Audience = tt.memory
		got, err := h.Estimate(t.Context(), "", r, true)
		if err != nil || got.Count != tt.want || !got.Exact || got.Total != plain.Total {
			t.Errorf("%s: got %+v, %v, want %d", tt.name, got, err, tt.want)
		}
	}
}

// TestShareIn: the quick arithmetic is the same as the plain one.
func TestShareIn(t *testing.T) {
	of := ShareIn("salt")
	for _, id := range []int64{1, 2, 7, 1<<31 - 2, 1<<31 - 1, 1 << 31, 1<<32 + 5, 1<<53 + 1, 1<<62 + 12345, 1<<63 - 1} {
		if got, want := of(id), ShareOf("salt", id); got != want {
			t.Errorf("%d: got %d, want %d", id, got, want)
		}
	}
	for id := range int64(20_000) {
		if of(id) != ShareOf("salt", id) {
			t.Fatal(id)
		}
	}
}
