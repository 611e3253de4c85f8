package customer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// happening is one event of a relation and how long after noon, in seconds, it happened.
type happening struct {
	kind string // add, half, edit, del_external, del_follow
	at   int
}

// truth is one relation as a platform that went through some happenings would show it.
type truth struct {
	shown   bool
	left    bool // the customer left; the platform goes on showing the relation
	created time.Time
	leftAt  time.Time
	remark  string
}

func (p *truth) happen(h happening) {
	switch h.kind {
	case "half", "add":
		if !p.shown || p.left {
			*p = truth{shown: true, created: at(h.at)}
		}
	case "edit":
		if p.shown {
			p.remark = fmt.Sprintf("备注%d", h.at)
		}
	case "del_external":
		*p = truth{}
	case "del_follow":
		p.left, p.leftAt = true, at(h.at)
	}
}

func (p truth) read(ext string, readAt time.Time) Input {
	in := Input{Whole: true, Customers: []string{ext}, ReadAt: readAt}
	if p.shown {
		in.Contacts = []Contact{contact("lisi", ext, p.created, func(c *Contact) { c.Follow.Remark = p.remark })}
	}
	return in
}

// TestF30_AllOrdersConverge handles the events of one relation in every order, each by re-reading what
// the platform says by then: the row always ends as the platform's truth.
func TestF30_AllOrdersConverge(t *testing.T) {
	stories := map[string][]happening{
		"added again":              {{"add", 10}, {"edit", 20}, {"del_external", 30}, {"add", 40}, {"edit", 50}},
		"left, added again":        {{"half", 9}, {"add", 10}, {"edit", 20}, {"del_follow", 30}, {"add", 40}, {"edit", 50}},
		"left at the end":          {{"add", 10}, {"del_follow", 20}, {"add", 30}, {"edit", 40}, {"del_follow", 50}},
		"removed at the end":       {{"add", 10}, {"del_external", 30}, {"add", 40}, {"edit", 45}, {"del_external", 50}},
		"left, removed, and again": {{"add", 10}, {"del_follow", 20}, {"del_external", 30}, {"add", 40}, {"edit", 50}},
		"left, then removed":       {{"add", 10}, {"edit", 15}, {"del_follow", 20}, {"del_external", 30}},
	}
	h := newHouse(t)
	n := 0
	for name, story := range stories {
		t.Run(name, func(t *testing.T) {
			var final truth
			for _, e := range story {
				final.happen(e)
			}
			permute(story, func(order []happening) {
				n++
				ext := fmt.Sprintf("wm%d", n)
				h.in(func(tx *gorm.DB) error {
					for _, e := range order {
						if err := h.handle(tx, ext, e, final); err != nil {
							return err
						}
					}
					return nil
				})
				if diff := differs(h.relation("lisi", ext), final); diff != "" {
					t.Fatalf("order %v: %s", order, diff)
				}
			})
		})
	}
}

// handle does what intake does with an event: record what only the event says, then re-read.
func (h *house) handle(tx *gorm.DB, ext string, e happening, now truth) error {
	var err error
	switch e.kind {
	case "half":
		_, _, err = h.HalfAddedTx(tx, HalfAdded{Account: h.acct, UserID: "lisi", ExternalUserID: ext, At: at(e.at), Source: "callback"})
	case "del_external":
		_, _, err = h.MarkLostTx(tx, h.acct, "lisi", ext, StatusRemoved, at(e.at), false, "callback")
	case "del_follow":
		_, _, err = h.MarkLostTx(tx, h.acct, "lisi", ext, StatusLeft, at(e.at), false, "callback")
	}
	if err != nil {
		return err
	}
	h.clock.Advance(time.Millisecond)
	in := now.read(ext, h.clock.Now())
	in.Account, in.Source = h.acct, event.SourceCallback
	_, err = h.ApplyTx(tx, in)
	return err
}

func differs(r *model.Relation, want truth) string {
	switch {
	case r == nil && want.shown:
		return "the relation is unknown"
	case r == nil:
		return ""
	case !want.shown && r.Status != StatusRemoved:
		return "status " + r.Status + ", want removed"
	case !want.shown:
		return ""
	case want.left && (r.Status != StatusLeft || r.LostAt == nil || !r.LostAt.Equal(want.leftAt)):
		return fmt.Sprintf("status %s lost %v, want left at %v", r.Status, r.LostAt, want.leftAt)
	case !want.left && (r.Status != StatusActive || r.LostAt != nil):
		return fmt.Sprintf("status %s lost %v, want active", r.Status, r.LostAt)
	case !r.AddedAt.Equal(want.created) || r.Remark != want.remark:
		return fmt.Sprintf("added %v remark %q, want %v %q", r.AddedAt, r.Remark, want.created, want.remark)
	}
	return ""
}

func permute(list []happening, do func([]happening)) {
	var walk func(rest, taken []happening)
	walk = func(rest, taken []happening) {
		if len(rest) == 0 {
			do(taken)
			return
		}
		for i := range rest {
			next := append(append([]happening{}, rest[:i]...), rest[i+1:]...)
			walk(next, append(taken[:len(taken):len(taken)], rest[i]))
		}
	}
	walk(list, nil)
}

// TestReadingsInAnyOrderConverge applies readings taken at different times in every order, as a slow
// synchronisation beside quick callbacks does: the newest wins.
func TestReadingsInAnyOrderConverge(t *testing.T) {
	h := newHouse(t)
	story := []happening{{"add", 10}, {"edit", 20}, {"del_external", 30}, {"add", 40}, {"edit", 50}}
	after := map[int]truth{}
	var p truth
	for _, e := range story {
		p.happen(e)
		after[e.at] = p
	}
	n := 0
	permute(story, func(order []happening) {
		n++
		ext := fmt.Sprintf("wm%d", n)
		h.in(func(tx *gorm.DB) error {
			for _, e := range order {
				in := after[e.at].read(ext, at(e.at).Add(500*time.Millisecond))
				in.Account, in.Source = h.acct, event.SourceSync
				if _, err := h.ApplyTx(tx, in); err != nil {
					return err
				}
			}
			return nil
		})
		if diff := differs(h.relation("lisi", ext), p); diff != "" {
			t.Fatalf("order %v: %s", order, diff)
		}
	})
}

// TestF29_EventsThreeTimesAndShuffled handles each event three times in random orders: facts are
// recorded once, and what is counted comes out even.
func TestF29_EventsThreeTimesAndShuffled(t *testing.T) {
	h := newHouse(t)
	story := []happening{{"half", 9}, {"add", 10}, {"edit", 20}, {"del_follow", 30}, {"add", 40}, {"edit", 50}}
	var final truth
	for _, e := range story {
		final.happen(e)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 25 {
		ext := fmt.Sprintf("wm%d", round)
		thrice := append(append(append([]happening{}, story...), story...), story...)
		random.Shuffle(len(thrice), func(i, j int) { thrice[i], thrice[j] = thrice[j], thrice[i] })
		before := h.facts(event.KindCustomerAdded)
		for _, e := range thrice {
			err := model.InTx(context.Background(), h.db, func(tx *gorm.DB) error { return h.handle(tx, ext, e, final) })
			if err != nil {
				t.Fatal(err)
			}
		}
		if diff := differs(h.relation("lisi", ext), final); diff != "" {
			t.Fatalf("round %d, %v: %s", round, thrice, diff)
		}
		if n := h.facts(event.KindCustomerAdded) - before; n != 1 {
			t.Errorf("round %d: the platform showed one beginning, %d were recorded", round, n)
		}
	}
	if n := h.facts(event.KindCustomerHalfAdded); n > 25 {
		t.Errorf("got %d half-added facts for 25 customers", n)
	}
}
