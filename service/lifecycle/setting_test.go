package lifecycle

import (
	"errors"
	"reflect"
	"sync"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

func TestSettingIsSavedWhole(t *testing.T) {
	h := newHouse(t)
	first, err := h.Setting(t.Context())
	if err != nil || !reflect.DeepEqual(first, defaultSetting()) {
		t.Fatalf("%+v, %v", first, err)
	}
	in := *first
	in.Stages = append([]Stage{{
		Name: "vip", Title: "会员", Phase: PhaseStable, HoldDays: 30, Playbook: "专人服务", Lapse: false,
		Enter: either(all(least("amount_fen", 100_000, 365))), Stay: stay(all(least("amount_fen", 50_000, 365))),
	}}, in.Stages...)
	in.RFM.Mode = Thresholds
	saved, err := h.Save(t.Context(), in)
	if err != nil || saved.Revision != 1 {
		t.Fatalf("%+v, %v", saved, err)
	}
	got, err := h.Setting(t.Context())
	if err != nil || !reflect.DeepEqual(got, saved) {
		t.Errorf("saved %+v, read %+v, %v", saved, got, err)
	}
	if _, err := h.Save(t.Context(), in); !errors.Is(err, ErrStale) {
		t.Errorf("saved again from what was there before: %v", err)
	}
	bad := *saved
	bad.Stages = bad.Stages[:1]
	if _, err := h.Save(t.Context(), bad); !errors.Is(err, ErrSetting) {
		t.Errorf("a setting that can't be: %v", err)
	}
	h.customer(1, 50)
	h.order(1, 5, 100_000)
	h.recompute(1)
	if h.stage(1) != "vip" {
		t.Errorf("the stage is %s", h.stage(1))
	}
	// The stage is taken away: who was in it goes where they belong, and is counted until then.
	saved.Stages = DefaultStages()
	if saved, err = h.Save(t.Context(), *saved); err != nil || saved.Revision != 2 {
		t.Fatalf("%+v, %v", saved, err)
	}
	d, err := h.Distribution(t.Context())
	if err != nil || d.Total != 1 || d.Stages[len(d.Stages)-1].Stage.Name != "vip" {
		t.Errorf("%+v, %v", d, err)
	}
	h.recompute(1)
	if h.stage(1) != StageGrowing {
		t.Errorf("the stage is %s", h.stage(1))
	}
	h.replay()
}

func TestOneOfTwoSavesWins(t *testing.T) {
	h := newHouse(t)
	for range 3 {
		in, err := h.Setting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range 4 {
			wg.Go(func() {
				_, err := h.Save(t.Context(), *in)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case !errors.Is(err, ErrStale):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d of 4 saves won", won)
		}
	}
	if n := modeltest.Count[model.LifecycleStage](t, h.db); n != int64(len(DefaultStages())) {
		t.Errorf("%d stages", n)
	}
}

func TestPreviewChangesNothing(t *testing.T) {
	h := newHouse(t)
	for id := range int64(300) { // more than one piece
		h.customer(id+1, 50)
	}
	for id := range int64(10) {
		h.order(id+1, 5, 100_000)
	}
	h.night()
	in := *defaultSetting()
	in.Stages = append([]Stage{{Name: "vip", Title: "会员", Enter: either(all(least("amount_fen", 100_000, 365)))}}, in.Stages...)
	before := modeltest.Count[model.StageChange](t, h.db)
	p, err := h.Preview(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if p.Customers != 300 || p.Looked != 300 || p.Before[StageGrowing] != 10 || p.After["vip"] != 10 || p.After[StageNew] != 290 {
		t.Errorf("%+v", p)
	}
	want := []Flow{{From: StageGrowing, To: "vip", Customers: 10}, {From: StageNew, To: StageNew, Customers: 290}}
	if !reflect.DeepEqual(p.Moves, want) {
		t.Errorf("moves %+v", p.Moves)
	}
	if modeltest.Count[model.StageChange](t, h.db) != before || h.stage(1) != StageGrowing {
		t.Error("the preview changed something")
	}
	in.Stages = nil
	if _, err := h.Preview(t.Context(), in); !errors.Is(err, ErrSetting) {
		t.Errorf("a setting that can't be: %v", err)
	}
}
