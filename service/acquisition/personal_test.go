package acquisition

import (
	"errors"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

func (town *town) personal(code *Code) int64 {
	town.t.Helper()
	var id int64
	err := model.InTx(town.t.Context(), town.db, func(tx *gorm.DB) (err error) {
		id, err = town.PersonalTx(tx, code.ID)
		return err
	})
	if err != nil {
		town.t.Fatal(err)
	}
	return id
}

// TestSimulatedPersonalCode: it is made when somebody asks for it, once whoever asks at the same time, and when the answer is
// lost too; it follows its pattern, and ends with it.
func TestSimulatedPersonalCode(t *testing.T) {
	town := newTown(t)
	people := town.members()
	pattern := town.codeWithPicture(CodeInput{Name: "n", Staff: []CodeStaff{{StaffID: people[0].ID}}})
	id := town.personal(pattern)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if _, err := town.PersonalQR(t.Context(), id); err != nil && !errors.Is(err, ErrCodeLater) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	address, err := town.PersonalQR(t.Context(), id)
	if err != nil || address == "" || address == pattern.QRCode {
		t.Fatalf("got %q, %v", address, err)
	}
	if n := town.effects("externalcontact/add_contact_way"); n != 2 {
		t.Errorf("the platform made %d contact ways of 2", n)
	}

	town.control("POST", "/_sim/faults", object{"api": "externalcontact/add_contact_way", "kind": "drop_after", "times": 1}, nil)
	lost := town.personal(pattern)
	for range 2 { // nothing is made a second time while the first may be under way
		if _, err := town.PersonalQR(t.Context(), lost); !errors.Is(err, ErrCodeLater) {
			t.Errorf("the answer was lost: %v", err)
		}
	}
	town.offset.Store(int64(settleTime + time.Second))
	if _, err := town.PersonalQR(t.Context(), lost); err != nil {
		t.Error(err)
	}
	if n := town.effects("externalcontact/add_contact_way"); n != 3 {
		t.Errorf("the platform made %d contact ways of 3", n)
	}

	states := map[string]bool{}
	for _, one := range []int64{pattern.ID, id, lost} {
		c, err := codeByID(town.db, one)
		if err != nil || states[c.State] || !isState(c.State) {
			t.Fatalf("keys %v, then %+v, %v", states, c, err)
		}
		states[c.State] = true
		origins, err := town.CodesByState(town.db, town.account.ID, []string{c.State})
		if err != nil || origins[c.State].ChannelCodeID != pattern.ID {
			t.Errorf("who comes by %d came by %+v, %v", one, origins, err)
		}
	}
	if codes, err := town.Codes(t.Context(), CodeFilter{}); err != nil || len(codes) != 1 {
		t.Errorf("operators see %d codes, %v", len(codes), err)
	}
	for name, err := range map[string]error{
		"read": func() error { _, err := town.Code(t.Context(), id); return err }(), "changed": town.SetCodeEnabled(t.Context(), id, false),
		"deleted": town.DeleteCode(t.Context(), id), "a pattern": town.CheckPattern(town.db, id),
	} {
		if !errors.Is(err, ErrCodeNotFound) {
			t.Errorf("a personal code is %s: %v", name, err)
		}
	}

	if _, err := town.UpdateCode(t.Context(), pattern.ID, CodeInput{Name: "n", Staff: []CodeStaff{{StaffID: people[1].ID}}}); err != nil {
		t.Fatal(err)
	}
	town.offset.Store(int64(2 * time.Hour))
	if err := town.PushDueCodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, one := range []int64{id, lost} {
		c, err := codeByID(town.db, one)
		if err != nil {
			t.Fatal(err)
		}
		town.eventually("a personal code has the new member", func() bool {
			way, err := town.corp("shop").ContactWay(t.Context(), c.ConfigID)
			if err != nil {
				t.Fatal(err)
			}
			return len(way.UserIDs) == 1 && way.UserIDs[0] == people[1].UserID
		})
	}

	if err := town.DeleteCode(t.Context(), pattern.ID); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := town.PushDueCodes(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	town.eventually("all end with the pattern", func() bool { return town.effects("externalcontact/del_contact_way") == 3 })
	if _, err := town.PersonalQR(t.Context(), id); !errors.Is(err, ErrCodeNotFound) {
		t.Errorf("the picture of a code that has ended: %v", err)
	}
}

// TestSimulatedPlatformHasNoMoreRoom: the answer says so, and who asks again when there is room has their code.
func TestSimulatedPlatformHasNoMoreRoom(t *testing.T) {
	town := newTown(t)
	people := town.members()
	pattern := town.codeWithPicture(CodeInput{Name: "n", Staff: []CodeStaff{{StaffID: people[0].ID}}})
	town.control("PUT", "/_sim/config", object{"max_contact_ways": 1}, nil)
	id := town.personal(pattern)
	if _, err := town.PersonalQR(t.Context(), id); !errors.Is(err, ErrCodesFull) {
		t.Errorf("got %v", err)
	}
	town.control("PUT", "/_sim/config", object{"max_contact_ways": 2}, nil)
	if _, err := town.PersonalQR(t.Context(), id); err != nil {
		t.Error(err)
	}
}
