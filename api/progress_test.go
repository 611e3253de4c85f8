package api

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
)

// TestProgressIsFollowed: a follower hears at once how far a source's deliveries have come and again when that changes, and is let go when
// the server stops.
func TestProgressIsFollowed(t *testing.T) {
	c := newCompany(t)
	web := httptest.NewUnstartedServer(nil)
	web.Config = c.server.HTTP("")
	web.Start()
	defer web.Close()
	req, err := http.NewRequestWithContext(t.Context(), "GET", web.URL+"/api/console/deliveries/progress?source=task&source_id="+c.ids.Of(model.KindTask, ownTask), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.tokens["operator"])
	resp, err := web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || got != "text/event-stream" {
		t.Fatalf("%d %s", resp.StatusCode, got)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			if data, is := strings.CutPrefix(s.Text(), "data: "); is {
				lines <- data
			}
		}
	}()
	hear := func(what string) {
		t.Helper()
		select {
		case line := <-lines:
			if !strings.Contains(line, what) {
				t.Fatalf("heard %q, want %s", line, what)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is heard")
		}
	}
	hear(`"states":{"in_doubt":3},"total":3,"done":false`)
	rec := c.do(request{
		method: "POST", path: "/api/console/deliveries/" + c.ids.Of(model.KindDelivery, doubtID) + "/decide", token: c.tokens["operator"], body: `{"sent":true}`,
	})
	if rec.Code != 204 {
		t.Fatal(rec.Code, rec.Body)
	}
	hear(`"states":{"accepted":1,"in_doubt":2},"total":3,"done":false`)
	began := time.Now()
	if err := web.Config.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the follower held up the stop for %v", took)
	}
}
