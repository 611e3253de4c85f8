package customer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestResolveEach: a page resolved together ends as each of it alone would: the same identities are the same
// persons', whoever was known before.
func TestResolveEach(t *testing.T) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		var page []Evidence
		for range 60 {
			e := Evidence{Source: "import", Create: rnd.IntN(20) > 0}
			for range 1 + rnd.IntN(2) {
				e.Identities = append(e.Identities, []Seen{
					union(fmt.Sprint("u", rnd.IntN(50))), member(fmt.Sprint("m", rnd.IntN(50))), phoneOf(fmt.Sprint(13800000000+rnd.IntN(50)), Stated),
				}[rnd.IntN(3)])
			}
			if rnd.IntN(30) == 0 {
				e.Identities[0] = phoneOf("12", Stated)
			}
			page = append(page, e)
		}
		alone, together := newHouse(t), newHouse(t)
		for _, h := range []*house{alone, together} {
			h.resolve(union("u1"), phoneOf("13800000001", Verified))
		}
		for _, e := range page {
			if _, err := alone.Resolve(t.Context(), e); err != nil && !errors.Is(err, ErrIdentity) && !errors.Is(err, ErrNotFound) {
				t.Fatal(err)
			}
		}
		err := model.InTx(t.Context(), together.db, func(tx *gorm.DB) error {
			out, wrong, err := together.ResolveEachTx(tx, page)
			for i := range page {
				if (out[i] == nil) == (wrong[i] == nil) {
					t.Errorf("seed %d, %d: %+v and %v", seed, i, out[i], wrong[i])
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := modeltest.Count[model.Identity](t, alone.db), modeltest.Count[model.Identity](t, together.db); a != b {
			t.Errorf("seed %d: %d identities, alone %d", seed, b, a)
		}
		if a, b := modeltest.Count[model.Event](t, alone.db, "kind = 'customer.identified'"), modeltest.Count[model.Event](t, together.db, "kind = 'customer.identified'"); a != b {
			t.Errorf("seed %d: %d facts, alone %d", seed, b, a)
		}
	}
}
