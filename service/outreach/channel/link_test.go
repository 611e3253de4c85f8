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

// TestLinksOfMassMessages: where a mass message reads like nobody else's its links are the recipient's own; where it reads alike to several they stay
// as they are, so that nobody is asked to confirm more for it; and so they do in groups.
func TestLinksOfMassMessages(t *testing.T) {
	town := newTown(t)
	const link = "https://example.com/s/abcdefghij"
	town.says(1, message.Content{Text: "{{name}}，" + link})
	customers := town.followedBy("staff0001")[:3]
	for i, id := range customers {
		town.plan(outreach.Intent{
			Channel: NameMass, AccountID: town.corp.ID, StaffID: town.staff["staff0001"].ID, MessageID: 1, CustomerID: id, Values: map[string]string{"name": []string{"朋友", "朋友", "王女士"}[i]},
		})
	}
	var group model.CustomerGroup
	if err := town.db.Order("id").Take(&group).Error; err != nil {
		t.Fatal(err)
	}
	town.says(2, message.Content{Text: "各位，" + link})
	town.plan(outreach.Intent{Channel: NameGroupMass, AccountID: town.corp.ID, MessageID: 2, GroupID: group.ID})
	town.wait(map[string]int{"accepted": 4})
	var own model.Delivery
	if err := town.db.Take(&own, "customer_id = ?", customers[2]).Error; err != nil {
		t.Fatal(err)
	}
	id := town.IDs.Of(model.KindDelivery, own.ID)
	for text, whom := range map[string][]int64{"朋友，" + link: customers[:2], "王女士，" + link + "/" + id: customers[2:]} {
		list := town.onLists(text)
		if len(list) != len(whom) {
			t.Errorf("%q went to %v", text, list)
		}
		for _, c := range whom {
			if list[town.externalOf(c)] != 1 {
				t.Errorf("%q went to %v", text, list)
			}
		}
	}
	if list := town.onLists("各位，" + link); len(list) != 1 {
		t.Errorf("the group's went to %v", list)
	}
	if err := town.LinkFollowed(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	town.wait(map[string]int{"accepted": 3, "clicked": 1})
}
