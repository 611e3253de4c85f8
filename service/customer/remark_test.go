package customer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/model/modeltest"
	"zhiyin/service/staff"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

var admin = &staff.Viewer{StaffID: 1, Roles: []string{"admin"}}

// push does every remark work that waits, as a worker would, and returns the outcomes.
func (h *house) push(attempt int) (errs []error) {
	h.t.Helper()
	var works []model.Work
	if err := h.db.Where("kind = ? AND state = 'ready'", workPushRemark).Order("id").Find(&works).Error; err != nil {
		h.t.Fatal(err)
	}
	for _, w := range works {
		p := pushNote{Note: noteRemark, RelationID: h.relation("lisi", "wmA").ID}
		if strings.Contains(w.Payload, "description") {
			p.Note = noteDescription
		}
		errs = append(errs, h.pushRemark(h.t.Context(), &work.Lease{Attempt: attempt}, p))
	}
	return errs
}

func remarked(t *testing.T) (*house, int64) {
	h := newHouse(t)
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}})
	id := h.relation("lisi", "wmA").ID
	if err := h.SetRemark(t.Context(), admin, id, "王总 VIP"); err != nil {
		t.Fatal(err)
	}
	return h, id
}

func TestRemarkReachesThePlatform(t *testing.T) {
	h, id := remarked(t)
	if r := h.relation("lisi", "wmA"); r.Remark != "王总 VIP" || r.RemarkState != RemarkPending {
		t.Errorf("got %q %s", r.Remark, r.RemarkState)
	}
	// What the platform says before it knows does not win.
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}})
	if r := h.relation("lisi", "wmA"); r.Remark != "王总 VIP" {
		t.Errorf("the wish is lost: %q", r.Remark)
	}
	slow := h.clock.Now()
	h.clock.Advance(time.Millisecond)
	h.push(1)
	if got := h.platform.remarks["lisi wmA"]; got != "王总 VIP" {
		t.Errorf("the platform has %q", got)
	}
	if r := h.relation("lisi", "wmA"); r.RemarkState != RemarkSynced || r.RemarkError != "" {
		t.Errorf("got %s %q", r.RemarkState, r.RemarkError)
	}
	// A reading from before the push comes late.
	h.clock.Advance(time.Second)
	h.push(1) // and a work is done again after a crash: nothing is pushed twice
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}, ReadAt: slow})
	if r := h.relation("lisi", "wmA"); r.Remark != "王总 VIP" || len(h.platform.calls) != 1 {
		t.Errorf("got %q after %d calls", r.Remark, len(h.platform.calls))
	}
	// What the platform says afterwards is the truth, also when it is what it said before.
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}})
	if r := h.relation("lisi", "wmA"); r.Remark != "" {
		t.Errorf("got %q, want what the platform says", r.Remark)
	}
	if err := h.SetRemark(t.Context(), admin, id, strings.Repeat("长", 21)); !errors.Is(err, ErrRemark) {
		t.Errorf("too long: got %v", err)
	}
	if err := h.SetDescription(t.Context(), admin, id, strings.Repeat("长", 151)); !errors.Is(err, ErrRemark) {
		t.Errorf("too long: got %v", err)
	}
	if err := h.SetRemark(t.Context(), &staff.Viewer{StaffID: 99, Roles: []string{"sales"}}, id, "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("out of sight: got %v", err)
	}
}

func TestDescriptionAloneIsPushedAlone(t *testing.T) {
	h := newHouse(t)
	h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}})
	id := h.relation("lisi", "wmA").ID
	if err := h.SetDescription(t.Context(), admin, id, "老客户"); err != nil {
		t.Fatal(err)
	}
	h.push(1)
	if r := h.relation("lisi", "wmA"); r.DescriptionState != RemarkSynced || r.RemarkState != RemarkSynced || r.Description != "老客户" {
		t.Errorf("got %+v", r)
	}
	if h.platform.calls[0] != "-" {
		t.Errorf("the remark was sent too: %q", h.platform.calls[0])
	}
}

func TestRemarkFailures(t *testing.T) {
	busy := &wecom.Error{Class: wecom.ClassBusy}
	tests := []struct {
		name    string
		err     error
		attempt int
		state   string
	}{
		{"not a customer any more", &wecom.Error{Class: wecom.ClassRelation, Code: 84061}, 1, RemarkFailed},
		{"no right", &wecom.Error{Class: wecom.ClassPermission, Code: 60011}, 1, RemarkFailed},
		{"text refused", &wecom.Error{Class: wecom.ClassBadInput, Code: 40058}, 1, RemarkFailed},
		{"busy", busy, 1, RemarkPending},
		{"untrusted address", &wecom.Error{Class: wecom.ClassPermission, Code: 60020}, 1, RemarkPending},
		{"busy for hours", busy, pushPolicy.MaxAttempts, RemarkFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := remarked(t)
			h.platform.fail = []error{tt.err}
			errs := h.push(tt.attempt)
			if len(errs) != 1 || errs[0] == nil {
				t.Fatalf("got outcomes %v", errs)
			}
			r := h.relation("lisi", "wmA")
			if r.RemarkState != tt.state || (r.RemarkError != "") != (tt.state == RemarkFailed) {
				t.Errorf("got %s %q, want %s", r.RemarkState, r.RemarkError, tt.state)
			}
			if tt.state != RemarkPending {
				// The platform's own remark takes the place of the refused one; the reason stays.
				h.apply(Input{Contacts: []Contact{contact("lisi", "wmA", at(1))}})
				if r := h.relation("lisi", "wmA"); r.Remark != "" || r.RemarkError == "" {
					t.Errorf("after reading: got %q %q", r.Remark, r.RemarkError)
				}
				return
			}
			h.push(2)
			if r := h.relation("lisi", "wmA"); r.RemarkState != RemarkSynced {
				t.Errorf("second try: got %s", r.RemarkState)
			}
		})
	}
}

// TestWishDuringPush changes the remark while the one before is on its way: the later one gets there.
func TestWishDuringPush(t *testing.T) {
	h, id := remarked(t)
	h.platform.during = func() {
		h.platform.during = nil
		h.in(func(tx *gorm.DB) error { return h.SetRemarkTx(tx, id, "李总") })
	}
	h.push(1)
	if r := h.relation("lisi", "wmA"); r.RemarkState != RemarkPending || r.Remark != "李总" {
		t.Errorf("got %q %s", r.Remark, r.RemarkState)
	}
	h.push(1)
	if r := h.relation("lisi", "wmA"); r.RemarkState != RemarkSynced || h.platform.remarks["lisi wmA"] != "李总" {
		t.Errorf("got %q %s, the platform has %q", r.Remark, r.RemarkState, h.platform.remarks["lisi wmA"])
	}
	if n := modeltest.Count[model.Work](t, h.db, "order_key = ?", fmt.Sprintf("customer.remark:%d", id)); n != 2 {
		t.Errorf("got %d works in order", n)
	}
}
