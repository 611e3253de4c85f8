package journey

import (
	"testing"

	"zhiyin/model"
	"zhiyin/service/event"
)

// TestFiltersKnowWhatIdsAreOf: whatever row a fact names can be asked for by the id that operators know.
func TestFiltersKnowWhatIdsAreOf(t *testing.T) {
	for _, kind := range event.BuiltIn() {
		for _, p := range kind.Properties {
			_, isID := idIn(kind.Name, p.Name)
			if p.Type == event.RowID && !isID && p.Name != "origin_id" {
				t.Errorf("%s: nobody knows what %s is of", kind.Name, p.Name)
			}
			if p.Type != event.RowID && isID {
				t.Errorf("%s: %s is no id", kind.Name, p.Name)
			}
		}
	}
	if of, isID := idIn(event.KindCouponIssued, "batch_id"); !isID || of != model.KindCouponBatch {
		t.Errorf("batch_id is of %v, %v", of, isID)
	}
	if _, isID := idIn("my.event", "group_id"); isID {
		t.Error("a text of an operator's own event was taken for an id")
	}
}
