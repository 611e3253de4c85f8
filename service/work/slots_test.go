package work

import "testing"

// TestUrgentBacklogHoldsOthersBack: while urgent works wait for slots, the others creep on.
func TestUrgentBacklogHoldsOthersBack(t *testing.T) {
	freed := make(chan struct{}, 1)
	s := newSlots(32, freed)
	if n := s.reserve(LaneNormal, 100); n != 23 {
		t.Fatalf("normal works got %d slots of 32", n)
	}
	s.press(true)
	s.giveBack(LaneNormal, 20)
	if n := s.reserve(LaneNormal, 100); n != 1 {
		t.Errorf("normal works got %d slots more beside 3 while urgent ones wait", n)
	}
	if n := s.reserve(LaneBulk, 100); n != 0 {
		t.Errorf("bulk works got %d slots while urgent ones wait", n)
	}
	if n := s.reserve(LaneUrgent, 100); n != 28 {
		t.Errorf("urgent works got %d slots", n)
	}
	<-freed
	s.giveBack(LaneUrgent, 28)
	<-freed
	s.press(false)
	select {
	case <-freed:
	default:
		t.Error("nobody was told that slots are free again")
	}
	if n := s.reserve(LaneNormal, 100); n != 19 {
		t.Errorf("normal works got %d slots afterwards", n)
	}
}
