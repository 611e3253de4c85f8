package api

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/model/modeltest"
)

// TestProgressIsFollowed: a follower hears at once how far a source's deliveries have come and again when that changes, and is let go when
// the server stops.
func TestProgressIsFollowed(t *testing.T) {
	c := newCompany(t)
	web, hear := c.follower("/deliveries/progress?source=task&source_id=" + c.ids.Of(model.KindTask, ownTask))
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

// follower follows something on a server of its own; hear waits for the next event, which must say so.
func (c *company) follower(path string) (web *httptest.Server, hear func(what string)) {
	t := c.t
	t.Helper()
	web = httptest.NewUnstartedServer(nil)
	web.Config = c.server.HTTP("")
	web.Start()
	t.Cleanup(web.Close)
	req, err := http.NewRequestWithContext(t.Context(), "GET", web.URL+"/api/console"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.tokens["operator"])
	resp, err := web.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
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
	return web, func(what string) {
		t.Helper()
		select {
		case line, open := <-lines:
			if open != (what != "") || !strings.Contains(line, what) {
				t.Fatalf("heard %q, want %s", line, what)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is heard")
		}
	}
}

// TestBulkWorkIsFollowed: a follower hears at once how far it has come and again when that changes, and no more once it has ended.
func TestBulkWorkIsFollowed(t *testing.T) {
	c := newCompany(t)
	run := &model.CouponRun{BatchID: 1, Kind: "codes", StaffID: operatorID, State: "running", Total: 1000, Done: 200, Changed: 200, CreatedAt: noon}
	modeltest.Create(t, c.db, run)
	_, hear := c.follower("/coupon-runs/" + c.ids.Of(model.KindCouponRun, run.ID) + "/progress")
	hear(`"state":"running","total":1000,"done":200`)
	change := func(set map[string]any) {
		t.Helper()
		if err := c.db.Model(run).UpdateColumns(set).Error; err != nil {
			t.Fatal(err)
		}
	}
	change(map[string]any{"done": 600, "changed": 600})
	hear(`"state":"running","total":1000,"done":600`)
	change(map[string]any{"done": 1000, "changed": 1000, "state": "done", "ended_at": noon})
	hear(`"state":"done","total":1000,"done":1000`)
	hear("")
}

// TestARehearsalIsFollowed: a follower hears at once how far it has come, again when that changes, and at its end what it found.
func TestARehearsalIsFollowed(t *testing.T) {
	c := newCompany(t)
	run := &model.JourneyRehearsal{JourneyID: journeyID, State: "running", Total: 1000, Done: 200, Definition: "{}", Asked: "{}", StaffID: operatorID, CreatedAt: noon}
	modeltest.Create(t, c.db, run)
	_, hear := c.follower("/rehearsals/" + c.ids.Of(model.KindRehearsal, run.ID) + "/progress")
	hear(`"state":"running","done":200,"total":1000`)
	change := func(set map[string]any) {
		t.Helper()
		if err := c.db.Model(run).UpdateColumns(set).Error; err != nil {
			t.Fatal(err)
		}
	}
	change(map[string]any{"done": 600})
	hear(`"state":"running","done":600,"total":1000`)
	change(map[string]any{"done": 1000, "state": "done", "ended_at": noon, "result": `{"entered":7}`})
	hear(`"entered":7`)
	hear("")
}
