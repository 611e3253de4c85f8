package channel

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
)

// TestLinksTellWhoFollowedThem: a short link in a text message is the recipient's own, and following it, once or often, makes their delivery clicked and
// nobody else's.
func TestLinksTellWhoFollowedThem(t *testing.T) {
	town := newTown(t)
	var mu sync.Mutex
	var texts []string
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct{ Content string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		mu.Lock()
		defer mu.Unlock()
		texts = append(texts, body.Content)
	}))
	t.Cleanup(gateway.Close)
	town.says(1, message.Content{Text: "看这里 https://example.com/s/abcdefghij，或 https://example.com/s/abcdefghij/old 与 https://shop.example.com/s/abcdefghij"})
	if err := town.SetSMS(t.Context(), 0, 1, true, SMSSettings{URL: gateway.URL, ContentType: "application/json", Body: `{"content":"{{text}}","to":"{{phone}}"}`}, nil); err != nil {
		t.Fatal(err)
	}
	customers := town.followedBy("staff0001")[:2]
	for _, id := range customers {
		modeltest.Create(t, town.db, &model.Identity{CustomerID: id, Kind: "phone", Value: "hash", SealedValue: []byte("13800000000"), Scope: string(rune('a' + id)), Source: "sign_in"})
		town.plan(outreach.Intent{Channel: NameSMS, CustomerID: id, MessageID: 1})
	}
	town.wait(map[string]int{"accepted": 2})
	var rows []model.Delivery
	if err := town.db.Order("id").Find(&rows).Error; err != nil {
		t.Fatal(err)
	}
	own := town.IDs.Of(model.KindDelivery, rows[0].ID)
	mu.Lock()
	all := strings.Join(texts, "\n")
	mu.Unlock()
	for _, row := range rows {
		want := "看这里 https://example.com/s/abcdefghij/" + town.IDs.Of(model.KindDelivery, row.ID) + "，或 https://example.com/s/abcdefghij/old 与 https://shop.example.com/s/abcdefghij"
		if !strings.Contains(all, want) {
			t.Errorf("nobody was sent %q: %s", want, all)
		}
	}
	for range 2 {
		if err := town.LinkFollowed(t.Context(), own); err != nil {
			t.Fatal(err)
		}
	}
	town.wait(map[string]int{"accepted": 1, "clicked": 1})
	for _, wrong := range []string{"", "x", town.IDs.Of(model.KindCustomer, rows[1].ID)} {
		if err := town.LinkFollowed(t.Context(), wrong); !errors.Is(err, model.ErrNoSuchID) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if err := town.LinkFollowed(t.Context(), town.IDs.Of(model.KindDelivery, 1<<40)); err != nil {
		t.Errorf("of a delivery that is gone: %v", err)
	}
	town.wait(map[string]int{"accepted": 1, "clicked": 1})
}
