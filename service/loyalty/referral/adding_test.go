package referral

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/event"
	"zhiyin/service/fault"
)

// ways are contact ways of channel code 9, made at a platform that has room for as many as one likes, or none.
type ways struct {
	h    *house
	full bool
}

func (w *ways) CheckPattern(_ *gorm.DB, id int64) error {
	if id != 9 {
		return errAbsent
	}
	return nil
}

func (w *ways) PersonalTx(tx *gorm.DB, _ int64) (int64, error) {
	c := &model.ChannelCode{State: fmt.Sprint("zy", w.h.next()), CreatedAt: w.h.Now(), UpdatedAt: w.h.Now()}
	err := tx.Create(c).Error
	return c.ID, err
}

func (w *ways) PersonalQR(_ context.Context, id int64) (string, error) {
	if w.full {
		return "", fault.New(fault.Conflict, "channel_code.full", "满", "full")
	}
	return fmt.Sprint("https://wework.qpic.cn/", id), nil
}

func (w *ways) EndPersonalTx(tx *gorm.DB, id int64) (bool, error) {
	res := tx.Model(&model.ChannelCode{}).Where("id = ? AND gone_at IS NULL", id).UpdateColumn("gone_at", w.h.Now())
	return res.RowsAffected == 1, res.Error
}

func newAddingHouse(t *testing.T) (*house, *ways) {
	h := newHouse(t)
	w := &ways{h: h}
	h.Ways = w
	h.Picture = func(context.Context, string) ([]byte, error) { return filled(300, 300, green), nil }
	return h, w
}

func addingProgramme(most int64) Definition {
	return with(func(d *Definition) { d.Link, d.Adding = "", &Adding{9, most, 3} })
}

// state is the key of an inviter's contact way, made by asking for the poster.
func (h *house) state(p *Programme, inviter int64) string {
	h.t.Helper()
	h.drawn(p, inviter)
	db := h.DB.WithContext(h.t.Context())
	var c model.ChannelCode
	h.must(db.Where("id = ?", must(liveWay(db, must(codeOf(db, p.ID, inviter))(h.t).ID))(h.t)).Take(&c).Error)
	return c.State
}

// stranger is somebody of whom nobody has heard, and whose relation began at a time.
func (h *house) stranger(at time.Time) *model.Relation {
	h.t.Helper()
	at = at.Truncate(time.Second)
	c := &model.Customer{Name: "陌生人", FirstSeenAt: at, CreatedAt: h.Now(), UpdatedAt: h.Now()}
	modeltest.Create(h.t, h.DB, c)
	r := &model.Relation{
		AccountID: 1, StaffID: 70, CustomerID: c.ID, ExternalUserID: fmt.Sprint("wm", h.next()), Status: "active", RemarkState: "synced", DescriptionState: "synced",
		AddedAt: at, CreatedAt: at, UpdatedAt: at,
	}
	modeltest.Create(h.t, h.DB, r)
	return r
}

func added(r *model.Relation, at time.Time, state string) event.CustomerAdded {
	return event.CustomerAdded{
		RelationFact: event.RelationFact{AccountID: 1, CustomerID: r.CustomerID, StaffID: r.StaffID, RelationID: r.ID, Source: "callback", At: at.Truncate(time.Second)}, State: state,
	}
}

func (h *house) edgeOf(p *Programme, invitee int64) *model.ReferralEdge {
	h.t.Helper()
	return must(edgeOfInvitee(h.DB.WithContext(h.t.Context()), p.ID, invitee))(h.t)
}

func TestWhoAddsStaffByAnInvitersCodeIsAFriend(t *testing.T) {
	h, _ := newAddingHouse(t)
	p := h.published(addingProgramme(10))
	me := h.known(10 * day)
	state := h.state(p, me)
	if again := h.state(p, me); again != state {
		t.Errorf("another key: %s, %s", state, again)
	}
	r := h.stranger(h.Now())
	for range 2 { // the fact comes twice
		h.told(added(r, h.Now(), state))
		h.must(h.heardAgain(added(r, h.Now(), state)))
	}
	e := h.edgeOf(p, r.CustomerID)
	if e == nil || e.InviterID != me || e.State != Cooling {
		t.Fatalf("got %+v", e)
	}
	h.later(8 * day)
	h.is(e.ID, Counted, "")
	h.leaves(r)
	h.is(e.ID, Left, ReasonUnfollowed)
	if n := modeltest.Count[model.ReferralEdge](t, h.DB, "1 = 1"); n != 1 {
		t.Errorf("%d edges", n)
	}
}

// heardAgain hands a fact to the feed as a log does that is not sure whether it was heard.
func (h *house) heardAgain(f event.CustomerAdded) error {
	var e model.Event
	if err := h.DB.Where("kind = ? AND customer_id = ?", event.KindCustomerAdded, f.CustomerID).Take(&e).Error; err != nil {
		return err
	}
	return model.InTx(h.t.Context(), h.DB, func(tx *gorm.DB) error { return h.OnEvents(tx, []model.Event{e}) })
}

func TestNobodyIsTheirOwnFriendNorIsWhoWasACustomer(t *testing.T) {
	h, _ := newAddingHouse(t)
	p := h.published(addingProgramme(10))
	me := h.stranger(h.Now().Add(-10 * day))
	state := h.state(p, me.CustomerID)
	h.told(added(me, h.Now(), state))
	if e := h.edgeOf(p, me.CustomerID); e != nil {
		t.Errorf("a friend of oneself: %+v", e)
	}
	old := h.stranger(h.Now().Add(-2 * day)) // of another member, say
	h.told(added(old, h.Now(), state))
	if e := h.edgeOf(p, old.CustomerID); e == nil || e.State != Refused || e.Reason != ReasonKnown {
		t.Errorf("a newcomer of two days: %+v", e)
	}
	h.told(added(h.stranger(h.Now()), h.Now(), "zysomebodyelses"))
	if n := modeltest.Count[model.ReferralEdge](t, h.DB, "1 = 1"); n != 1 {
		t.Errorf("%d edges", n)
	}
}

// TestEarlierTouchStandsWheneverItIsHeardOf: facts come in any order, and end the same.
func TestEarlierTouchStandsWheneverItIsHeardOf(t *testing.T) {
	for name, reverse := range map[string]bool{"in order": false, "the other way round": true} {
		t.Run(name, func(t *testing.T) {
			h, _ := newAddingHouse(t)
			p := h.published(addingProgramme(10))
			first, second := h.known(10*day), h.known(10*day)
			r := h.stranger(h.Now())
			facts := []event.Fact{added(r, h.Now(), h.state(p, first)), added(r, h.Now().Add(time.Hour), h.state(p, second))}
			h.clock.Advance(2 * time.Hour)
			if reverse {
				facts[0], facts[1] = facts[1], facts[0]
			}
			for _, f := range facts {
				h.told(f)
			}
			e := h.edgeOf(p, r.CustomerID)
			if e == nil || e.InviterID != first || e.State != Cooling {
				t.Fatalf("got %+v", e)
			}
			h.later(8 * day)
			h.is(e.ID, Counted, "")
			if n := must(countedFriends(h.DB, p.ID, second))(t); n != 0 {
				t.Errorf("the second inviter has %d friends", n)
			}
		})
	}
}

// TestWhoIsConfirmedLateIsStillANewcomer: between asking to be a contact and being one hours may go by.
func TestWhoIsConfirmedLateIsStillANewcomer(t *testing.T) {
	for name, reverse := range map[string]bool{"in order": false, "the other way round": true} {
		t.Run(name, func(t *testing.T) {
			h, _ := newAddingHouse(t)
			p := h.published(addingProgramme(10))
			me := h.known(10 * day)
			state, asked := h.state(p, me), h.Now()
			r := h.stranger(asked)
			half := event.CustomerHalfAdded{RelationFact: added(r, asked, "").RelationFact, State: state}
			h.clock.Advance(3 * time.Hour)
			facts := []event.Fact{half, added(r, h.Now(), state)}
			if reverse {
				facts[0], facts[1] = facts[1], facts[0]
			}
			for _, f := range facts {
				h.told(f)
			}
			if e := h.edgeOf(p, r.CustomerID); e == nil || e.State != Cooling || !e.TouchedAt.Equal(asked) {
				t.Fatalf("got %+v", e)
			}
		})
	}
}

// TestLateFactsCountWhenTheProgrammeWasOpen: what counts is when it happened.
func TestLateFactsCountWhenTheProgrammeWasOpen(t *testing.T) {
	h, _ := newAddingHouse(t)
	p := h.published(addingProgramme(10))
	me := h.known(10 * day)
	state := h.state(p, me)
	inTime := h.stranger(h.Now())
	at := h.Now()
	h.clock.Advance(time.Hour)
	h.must(h.SetState(t.Context(), 1, p.ID, StateEnded, false))
	h.clock.Advance(time.Hour)
	h.told(added(inTime, at, state))
	if e := h.edgeOf(p, inTime.CustomerID); e == nil || e.State != Cooling {
		t.Errorf("in time, heard of late: %+v", e)
	}
	late := h.stranger(h.Now())
	h.told(added(late, h.Now(), state))
	if e := h.edgeOf(p, late.CustomerID); e != nil {
		t.Errorf("after the end: %+v", e)
	}
}

// TestInvitersCodesHaveACeiling: many ask at once, and no more are made than the programme says.
func TestInvitersCodesHaveACeiling(t *testing.T) {
	h, w := newAddingHouse(t)
	p := h.published(addingProgramme(3))
	var wait sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for range 8 {
		who := h.known(day)
		for range 2 { // each twice
			wait.Go(func() {
				_, err := h.Poster(t.Context(), who, p.ID)
				mu.Lock()
				defer mu.Unlock()
				if f := fault.Of(err); f != nil {
					got[f.Code]++
				} else if err == nil {
					got["poster"]++
				} else {
					t.Error(err)
				}
			})
		}
	}
	wait.Wait()
	if got["poster"] != 6 || got["referral.codes_full"] != 10 {
		t.Errorf("got %v", got)
	}
	if n := must(countWays(h.DB, p.ID))(t); n != 3 || must(h.Get(t.Context(), p.ID))(t).Adding.Used != 3 {
		t.Errorf("%d ways", n)
	}
	w.full = true
	q := h.published(addingProgramme(3))
	if _, err := h.Poster(t.Context(), h.known(day), q.ID); fault.Of(err) == nil || fault.Of(err).Code != "channel_code.full" {
		t.Errorf("the platform has no more room: %v", err)
	}
}

// TestInvitersCodesEnd: some days after the programme, and no sooner; whoever comes by a picture then is nobody's friend.
func TestInvitersCodesEnd(t *testing.T) {
	h, _ := newAddingHouse(t)
	p := h.published(addingProgramme(10))
	me := h.known(10 * day)
	h.state(p, me)
	h.must(h.SetState(t.Context(), 1, p.ID, StateEnded, false))
	h.clock.Advance(3*day - time.Hour)
	h.must(h.EndWays(t.Context()))
	if n := must(countWays(h.DB, p.ID))(t); n != 1 {
		t.Fatalf("%d ways before their time", n)
	}
	h.clock.Advance(2 * time.Hour)
	for range 2 {
		h.must(h.EndWays(t.Context()))
	}
	if n := must(countWays(h.DB, p.ID))(t); n != 0 || must(h.Get(t.Context(), p.ID))(t).Adding.Used != 0 {
		t.Errorf("%d ways are left", n)
	}
	if _, err := h.Poster(t.Context(), me, p.ID); !errors.Is(err, ErrClosed) {
		t.Errorf("a poster of what is over: %v", err)
	}
}

func TestInvitationsToStaffAreChecked(t *testing.T) {
	h, _ := newAddingHouse(t)
	for name, a := range map[string]Adding{"no such code": {8, 10, 0}, "none at all": {9, 0, 0}, "too many": {9, 100_001, 0}, "kept too long": {9, 10, 366}} {
		if _, err := h.Save(t.Context(), 1, 0, 0, with(func(d *Definition) { d.Adding = &a })); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	p := h.published(addingProgramme(10))
	if got := must(h.Get(t.Context(), p.ID))(t).Definition().Adding; *got != (Adding{9, 10, 3}) {
		t.Errorf("read back %+v", got)
	}
	h.Pictures = &http.Client{Transport: &wire{answer: says(404, nil)}}
	h.Picture = func(context.Context, string) ([]byte, error) { return []byte("no picture"), nil }
	if _, err := h.Poster(t.Context(), h.known(day), p.ID); !errors.Is(err, ErrPoster) {
		t.Errorf("a code that is no picture: %v", err)
	}
}
