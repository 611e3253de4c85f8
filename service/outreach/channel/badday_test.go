package channel

import (
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"zhiyin/model"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
)

// calls counts the calls of an API, with an errcode unless it is empty.
func (town *town) calls(api, errcode string) int {
	town.t.Helper()
	var ledger struct{ Matched int }
	town.control("GET", "/_sim/ledger?count=1&api="+url.QueryEscape(api)+"&errcode="+errcode, nil, &ledger)
	return ledger.Matched
}

// onLists counts how often each customer stands on a list of a mass message with a text, at the platform.
func (town *town) onLists(text string) map[string]int {
	town.t.Helper()
	var out struct {
		Mass []struct {
			Text  string
			Tasks []struct{ Targets []struct{ ID string } }
		}
	}
	town.control("GET", "/_sim/mass", nil, &out)
	times := map[string]int{}
	for _, m := range out.Mass {
		for _, task := range m.Tasks {
			for _, target := range task.Targets {
				if m.Text == text {
					times[target.ID]++
				}
			}
		}
	}
	return times
}

// TestF21_F23_F28_OneRunOnABadDay: one campaign, three senders. After the first the access token dies; the second meets the rate limit; of
// the third the platform says yes and does nothing. Each is written to once, by the platform's own lists.
func TestF21_F23_F28_OneRunOnABadDay(t *testing.T) {
	town := newTown(t)
	const text, api = "周年庆开始了", "externalcontact/add_msg_template"
	town.says(1, message.Content{Text: text})
	total := 0
	send := func(userID string) {
		all := town.followedBy(userID)
		total += len(all)
		town.plan(each(outreach.Intent{Channel: NameMass, AccountID: town.corp.ID, StaffID: town.staff[userID].ID, MessageID: 1, Step: userID}, all)...)
	}
	gone := func() int { s := town.states(); return s["accepted"] + s["accepted no_answer"] + s["accepted absent"] }

	send("staff0001")
	town.wait(map[string]int{"accepted": total})
	town.move(2 * time.Minute) // without a Redis to share it, a token is fetched once a minute at most
	tokens := town.effects("gettoken")
	town.control("POST", "/_sim/tokens/revoke", object{"errcode": 42001}, nil)
	send("staff0002")
	town.wait(map[string]int{"accepted": total})
	if refused, fetched := town.calls(api, "42001"), town.effects("gettoken")-tokens; refused != 1 || fetched != 1 {
		t.Errorf("F-23: refused %d times, %d tokens fetched; want one of each", refused, fetched)
	}

	town.fault(object{"api": api, "kind": "errcode", "errcode": 45009, "times": 1})
	before, waiting := total, len(town.followedBy("staff0003"))
	send("staff0003")
	town.wait(map[string]int{"accepted": before, "planned platform_rate": waiting})
	called := town.calls(api, "")
	town.move(30 * time.Second)
	time.Sleep(600 * time.Millisecond) // more than the sender's pause between two looks
	if n := town.calls(api, "") - called; n != 0 {
		t.Errorf("F-21: %d calls inside the block", n)
	}
	town.fault(object{"api": api, "kind": "silent_drop", "times": 1})
	town.move(2 * time.Minute)
	town.eventually("the answer that names no message is no success", func() bool { return town.states()["in_doubt no_answer"] == waiting })
	town.move(3 * time.Minute)
	town.eventually("everybody is written to", func() bool { return gone() == total })

	times := town.onLists(text)
	for _, userID := range []string{"staff0001", "staff0002", "staff0003"} {
		for _, id := range town.followedBy(userID) {
			of := 0
			for other := range town.staff {
				for _, o := range town.followedBy(other) {
					if o == id {
						of++ // one delivery for each sender
					}
				}
			}
			if got := times[town.externalOf(id)]; got != of {
				t.Errorf("a customer with %d deliveries is on %d lists", of, got)
			}
		}
	}
	for _, d := range town.deliveries() {
		if d.Attempts > 2 {
			t.Errorf("a delivery was attempted %d times: waiting for a limit is no attempt", d.Attempts)
		}
	}
}

// TestF29_ResultsToldManyTimes: the platform's word of what became of a message comes many times, to two processes at once; it counts once.
func TestF29_ResultsToldManyTimes(t *testing.T) {
	town := newTown(t)
	tmpl := town.subscription(1)
	customers := town.followedBy("staff0001")[:2]
	for i, id := range customers {
		openID := town.joins(id)
		town.act("subscribe", object{"openid": openID, "accept": []string{tmpl}})
		if err := town.Consent(t.Context(), town.mini, id, "request"+strconv.Itoa(i), []Answer{{tmpl, true}}); err != nil {
			t.Fatal(err)
		}
	}
	town.plan(each(outreach.Intent{Channel: NameSubscribe, AccountID: town.mini.ID, MessageID: 1}, customers)...)
	town.wait(map[string]int{"accepted": 2})
	rows := town.deliveries()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 25 {
				for i, errcode := range []int{0, 43101} { // one has arrived; of the other the customer has refused it since
					if err := town.Subscribed(t.Context(), town.mini, rows[i].PlatformID, errcode); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	s := town.states()
	if s["delivered"] != 1 || len(s) != 2 {
		t.Errorf("states %v", s)
	}
	var counted []struct {
		State outreach.State
		N     int
	}
	if err := town.db.Model(&model.DeliveryTally{}).Select("state, SUM(changed) AS n").Group("state").Having("SUM(changed) <> 0").Scan(&counted).Error; err != nil {
		t.Fatal(err)
	}
	for _, c := range counted {
		if c.N != 1 {
			t.Errorf("%d are counted as %v", c.N, c.State)
		}
	}
}
