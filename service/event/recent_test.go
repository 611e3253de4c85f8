package event

import (
	"fmt"
	"testing"

	"zhiyin/model"
)

func TestRecentKeysAreRemembered(t *testing.T) {
	var r recentKeys
	keyed := func(i int) *model.Event { return &model.Event{DedupeKey: factKey(fmt.Sprint(i))} }
	if r.mayHold(keyed(1)) {
		t.Error("an empty one holds something")
	}
	const n = 20_000
	for i := range n {
		if i == n/2 {
			r.n = recentKeep // a new generation begins
		}
		r.add([]*model.Event{keyed(i)})
	}
	wrong := 0
	for i := range n {
		if !r.mayHold(keyed(i)) {
			t.Fatalf("%d is forgotten", i)
		}
		if r.mayHold(keyed(n + i)) {
			wrong++
		}
	}
	if wrong > n/500 {
		t.Errorf("%d of %d strangers seem to be known", wrong, n)
	}
}
