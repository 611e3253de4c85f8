package api

import (
	"testing"

	"zhiyin/model"
	"zhiyin/service/outreach"
)

// TestAShortLinkLeadsOn for everybody, and notes whose message it was followed from.
func TestAShortLinkLeadsOn(t *testing.T) {
	c := newCompany(t)
	state := func() outreach.State {
		t.Helper()
		var row model.Delivery
		if err := c.db.Take(&row, "id = ?", doubtID).Error; err != nil {
			t.Fatal(err)
		}
		return outreach.State(row.State)
	}
	own := c.ids.Of(model.KindDelivery, doubtID)
	for _, path := range []string{"/s/abcdefghij", "/s/abcdefghij/nobody", "/s/abcdefghij/" + c.ids.Of(model.KindCustomer, ownCustomer), "/s/unknown000/" + own} {
		rec := c.do(request{method: "GET", path: path})
		known := rec.Header().Get("Location") == "https://shop.example.com/" && rec.Code == 302
		if (path[:6] == "/s/unk") == known || state() == outreach.Clicked {
			t.Errorf("%s: %d %v, the delivery is %v", path, rec.Code, rec.Header(), state())
		}
	}
	if rec := c.do(request{method: "HEAD", path: "/s/abcdefghij/" + own}); rec.Code == 302 || state() == outreach.Clicked {
		t.Errorf("only looked at: %d, %v", rec.Code, state())
	}
	for range 2 {
		rec := c.do(request{method: "GET", path: "/s/abcdefghij/" + own})
		if rec.Code != 302 || rec.Header().Get("Location") != "https://shop.example.com/" || state() != outreach.Clicked {
			t.Errorf("%d %v, the delivery is %v", rec.Code, rec.Header(), state())
		}
	}
}
