package acquisition

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

func TestPushCallsThePlatformOnlyForChanges(t *testing.T) {
	h := newHouse(t, "anna", "bob", "carl")
	office := []Shift{{everyDay, 9 * 60, 18 * 60}}
	code := h.code(
		CodeStaff{StaffID: h.staff["bob"].ID, Shifts: office},
		CodeStaff{StaffID: h.staff["anna"].ID, Shifts: office},
		CodeStaff{StaffID: h.staff["carl"].ID, Spare: true})
	h.mustWork()
	code = h.read(code.ID)
	if code.ConfigID != "config1" || code.QRCode != "https://qr/config1" || code.PushError != "" || code.ServedBy != ServedByShift {
		t.Errorf("after the push: %+v", code)
	}
	h.wantTold(code, "anna bob")

	// An equal push, an edit that changes nothing and ten looks by the job cost no call.
	h.inTx(func(tx *gorm.DB) error { return h.enqueuePush(tx, code.ID) })
	h.mustWork()
	for range 10 {
		if err := h.PushDueCodes(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.clock.Advance(time.Minute)
	}
	h.mustWork()
	h.wantCalls("add", 1)
	h.wantCalls("update", 0)

	h.clock.Advance(5*time.Hour + 50*time.Minute) // 18:00, the shift ends exactly now
	for range 3 {
		if err := h.PushDueCodes(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.works(workPush); n != 1 {
		t.Errorf("three looks queued %d pushes, want 1", n)
	}
	h.mustWork()
	h.wantTold(code, "carl")
	h.wantCalls("update", 1)

	h.clock.Advance(15 * time.Hour)
	if err := h.PushDueCodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.mustWork()
	h.wantTold(code, "anna bob")
	h.wantCalls("update", 2)
}

func TestPushFollowsEditsAndSwitches(t *testing.T) {
	h := newHouse(t, "anna", "bob")
	code := h.code(h.member("anna"))
	h.mustWork()
	in := CodeInput{Name: "新名字", Staff: []CodeStaff{h.member("anna"), h.member("bob")}}
	if _, err := h.UpdateCode(t.Context(), code.ID, in); err != nil {
		t.Fatal(err)
	}
	h.mustWork()
	h.wantTold(code, "anna bob")
	if way := h.fake.ways["config1"]; way.Remark != "新名字" || way.SkipVerify {
		t.Errorf("the platform has %+v", way)
	}
	if err := h.SetCodeEnabled(t.Context(), code.ID, false); err != nil {
		t.Fatal(err)
	}
	in.Staff = in.Staff[:1]
	if _, err := h.UpdateCode(t.Context(), code.ID, in); err != nil {
		t.Fatal(err)
	}
	h.mustWork()
	h.wantTold(code, "anna bob") // switched off: left as it is
	if err := h.SetCodeEnabled(t.Context(), code.ID, true); err != nil {
		t.Fatal(err)
	}
	h.mustWork()
	h.wantTold(code, "anna")
}

func TestStaffWhoLeft(t *testing.T) {
	h := newHouse(t, "anna", "bob")
	code := h.code(h.member("anna"), h.member("bob"))
	h.mustWork()
	leave := func(id string) {
		t.Helper()
		if err := h.db.Model(h.staff[id]).UpdateColumn("gone_at", noon).Error; err != nil {
			t.Fatal(err)
		}
		if err := h.PushDueCodes(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.mustWork()
	}
	leave("anna")
	h.wantTold(code, "bob")
	leave("bob")
	h.wantTold(code, "bob") // the platform takes no empty list
	h.wantCalls("update", 1)
	if got := h.read(code.ID); got.PushError != noteNobody || got.ServedBy != ServedByNobody {
		t.Errorf("an operator reads %q, served by %s", got.PushError, got.ServedBy)
	}
	if err := h.db.Model(h.staff["bob"]).UpdateColumn("gone_at", nil).Error; err != nil {
		t.Fatal(err)
	}
	h.inTx(func(tx *gorm.DB) error { return h.enqueuePush(tx, code.ID) })
	h.mustWork()
	if got := h.read(code.ID).PushError; got != "" {
		t.Errorf("an operator still reads %q", got)
	}
}

func TestMembersWhoCannotServeAreLeftOut(t *testing.T) {
	h := newHouse(t, "active", "disabled", "inactive", "left", "noright")
	set := func(id string, column string, value any) {
		if err := h.db.Model(h.staff[id]).UpdateColumn(column, value).Error; err != nil {
			t.Fatal(err)
		}
	}
	set("disabled", "platform_status", 2)
	set("inactive", "platform_status", 4)
	set("left", "platform_status", 5)
	set("noright", "serves_customers", false)
	code := h.code(h.member("active"), h.member("disabled"), h.member("inactive"), h.member("left"), h.member("noright"))
	h.mustWork()
	h.wantTold(code, "active")
}

func TestMembersThePlatformRefusesAreFoundAndNamed(t *testing.T) {
	ids := []string{"a", "b", "c", "d", "e", "f", "g"}
	h := newHouse(t, ids...)
	h.fake.refuses = []string{"c", "g"}
	var members []CodeStaff
	for _, id := range ids {
		members = append(members, h.member(id))
	}
	code := h.code(members...)
	h.mustWork()
	h.wantTold(code, "a b d e f")
	note := h.read(code.ID).PushError
	if !strings.Contains(note, "c, g") {
		t.Errorf("an operator reads %q, want both names", note)
	}
	calls := len(h.fake.calls)
	for range 5 {
		if err := h.PushDueCodes(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.mustWork()
	}
	if len(h.fake.calls) != calls {
		t.Errorf("refused members are tried again and again: %v", h.fake.calls[calls:])
	}
	if got := h.read(code.ID).PushError; got != note {
		t.Errorf("the note went away: %q", got)
	}
	// An operator asks for it: they are tried again.
	h.fake.refuses = []string{"g"}
	if err := h.PushCode(t.Context(), code.ID); err != nil {
		t.Fatal(err)
	}
	h.mustWork()
	h.wantTold(code, "a b c d e f")
	// A day later again, and g has been activated.
	h.clock.Advance(refusalLife)
	h.fake.refuses = nil
	if err := h.PushDueCodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.mustWork()
	h.wantTold(code, "a b c d e f g")
	if got := h.read(code.ID).PushError; got != "" {
		t.Errorf("an operator still reads %q", got)
	}
	h.wantCalls("add", 3) // all, then the first half, then its first half, which was taken
}

func TestEverybodyRefusedFallsBackToSpare(t *testing.T) {
	h := newHouse(t, "anna", "bob", "carl")
	h.fake.refuses = []string{"anna", "bob"}
	spare := h.member("carl")
	spare.Spare = true
	code := h.code(h.member("anna"), h.member("bob"), spare)
	h.mustWork()
	h.wantTold(code, "carl")

	h.fake.refuses = append(h.fake.refuses, "carl")
	other := h.code(spare)
	h.mustWork()
	if got := h.read(other.ID); got.ConfigID != "" || got.PushError != noteNobody || got.CreatingSince != nil {
		t.Errorf("nobody is taken: %+v", got)
	}
}

func TestCreationInDoubt(t *testing.T) {
	for _, made := range []bool{true, false} {
		t.Run(map[bool]string{true: "it was made", false: "it was not made"}[made], func(t *testing.T) {
			h := newHouse(t, "anna")
			// Strangers' ways and ours are listed together, over several pages.
			for _, state := range []string{"", "x", "campaign 7", "y"} {
				h.fake.ways["config"+state+"z"] = &fakeWay{created: noon}
			}
			h.fake.failOnce("add", lost(), made)
			code := h.code(h.member("anna"))
			if res := h.work(); len(res) != 1 || res[0] == nil {
				t.Fatalf("first attempt: %v", res)
			}
			if got := h.read(code.ID); got.ConfigID != "" || got.CreatingSince == nil || got.PushError == "" {
				t.Errorf("after the lost answer: %+v", got)
			}
			// The platform may still be at it: nothing is asked for half a minute.
			h.retry()
			asked := len(h.fake.calls)
			if res := h.work(); len(res) != 1 || !errors.Is(res[0], work.Snooze(settleTime)) {
				t.Errorf("too early: got %v, want a snooze", res)
			}
			if len(h.fake.calls) != asked {
				t.Error("the platform was asked too early")
			}
			h.clock.Advance(settleTime)
			h.retry()
			h.mustWork()
			h.wantTold(code, "anna") // exactly one way
			if got := h.read(code.ID); got.ConfigID == "" || got.QRCode == "" || got.CreatingSince != nil || got.PushError != "" {
				t.Errorf("in the end: %+v", got)
			}
			h.wantCalls("add", map[bool]int{true: 1, false: 2}[made])
		})
	}
}

func TestCreationRefusedForSureIsTriedAgainAtOnce(t *testing.T) {
	h := newHouse(t, "anna")
	h.fake.failOnce("add", refusedWith(45009), false)
	code := h.code(h.member("anna"))
	h.work()
	if got := h.read(code.ID); got.CreatingSince != nil || !strings.Contains(got.PushError, "重试") {
		t.Errorf("after the refusal: %+v", got)
	}
	h.retry()
	h.mustWork()
	h.wantTold(code, "anna")
	h.wantCalls("list", 0)
}

// A worker that was paused past its lease finds that another has made the way meanwhile.
func TestTwoWorkersCreateOneWay(t *testing.T) {
	h := newHouse(t, "anna")
	code := h.code(h.member("anna"))
	h.fake.hook = func(api string) {
		if api != "add" {
			return
		}
		h.fake.hook = nil
		// Meanwhile the other one finds the creation open, waits, sees nothing and creates.
		h.clock.Advance(settleTime)
		if err := h.push(t.Context(), &work.Lease{}, codePayload{code.ID}); err != nil {
			t.Fatal(err)
		}
	}
	if res := h.work(); !errors.Is(res[0], errOvertaken) {
		t.Errorf("overtaken worker: got %v", res)
	}
	h.retry()
	h.mustWork()
	h.wantTold(code, "anna")
	if n := len(h.fake.ways); n != 1 {
		t.Errorf("got %d contact ways, want 1", n)
	}
}

// Two updates cross: nobody can say which the platform carried out last, so the code is told once more.
func TestCrossedPushesAreRepaired(t *testing.T) {
	h := newHouse(t, "anna", "bob")
	code := h.code(h.member("anna"))
	h.mustWork()
	if _, err := h.UpdateCode(t.Context(), code.ID, CodeInput{Name: "n", SkipVerify: true, Staff: []CodeStaff{h.member("bob")}}); err != nil {
		t.Fatal(err)
	}
	h.fake.hook = func(string) {
		h.fake.hook = nil
		// The overtaking worker runs to its end while ours stands before the platform with old news.
		if _, err := h.UpdateCode(t.Context(), code.ID, CodeInput{Name: "n", SkipVerify: true, Staff: []CodeStaff{h.member("anna"), h.member("bob")}}); err != nil {
			t.Fatal(err)
		}
		if err := h.push(t.Context(), &work.Lease{}, codePayload{code.ID}); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.push(t.Context(), &work.Lease{}, codePayload{code.ID}); err != nil {
		t.Fatal(err)
	}
	h.wantTold(code, "bob") // the old news came last
	h.mustWork()
	h.wantTold(code, "anna bob")
}

func TestPushGivesUpWhatCannotSucceed(t *testing.T) {
	h := newHouse(t, "anna")
	code := h.code(h.member("anna"))
	h.mustWork()
	delete(h.fake.ways, "config1")
	if _, err := h.UpdateCode(t.Context(), code.ID, CodeInput{Name: "other", Staff: []CodeStaff{h.member("anna")}}); err != nil {
		t.Fatal(err)
	}
	res := h.work()
	if len(res) != 1 || res[0] == nil || !strings.HasPrefix(res[0].Error(), "cancelled") {
		t.Errorf("got %v, want cancelled", res)
	}
	if got := h.read(code.ID).PushError; got != noteGone {
		t.Errorf("an operator reads %q", got)
	}
	// The job asks once more each hour, not each minute.
	for range 90 {
		if err := h.PushDueCodes(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.clock.Advance(time.Minute)
	}
	if n := h.works(workPush); n != 2 {
		t.Errorf("queued %d pushes in 90 minutes, want 2", n)
	}
}

func TestDeleteCode(t *testing.T) {
	h := newHouse(t, "anna")
	code := h.code(h.member("anna"))
	h.mustWork()
	for i, want := range []error{nil, ErrCodeNotFound} {
		if err := h.DeleteCode(t.Context(), code.ID); !errors.Is(err, want) {
			t.Errorf("delete %d: got %v, want %v", i, err, want)
		}
	}
	h.mustWork()
	h.wantTold(code, "")
	if _, err := h.Code(t.Context(), code.ID); !errors.Is(err, ErrCodeNotFound) {
		t.Errorf("deleted code: got %v", err)
	}
	origins, err := h.CodesByState(h.db, h.account.ID, []string{code.State})
	if err != nil || origins[code.State].ChannelCodeID != code.ID {
		t.Errorf("who came through a deleted code is attributed: %v, %v", origins, err)
	}
}

// A code that is deleted while its creation is in doubt leaves nothing behind.
func TestDeleteWhileCreationIsInDoubt(t *testing.T) {
	h := newHouse(t, "anna")
	h.fake.failOnce("add", lost(), true)
	code := h.code(h.member("anna"))
	h.work()
	if err := h.DeleteCode(t.Context(), code.ID); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(settleTime)
	h.retry()
	h.mustWork()
	if len(h.fake.ways) != 0 {
		t.Errorf("left behind: %v", h.fake.ways)
	}
}

func TestSweepOrphans(t *testing.T) {
	h := newHouse(t, "anna")
	kept, deleted, unborn := h.code(h.member("anna")), h.code(h.member("anna")), h.code(h.member("anna"))
	h.mustWork()
	if err := h.DeleteCode(t.Context(), deleted.ID); err != nil {
		t.Fatal(err)
	}
	h.mustWork()
	if err := h.db.Model(&model.ChannelCode{}).Where("id = ?", unborn.ID).UpdateColumns(map[string]any{"config_id": ""}).Error; err != nil {
		t.Fatal(err)
	}
	old, young := noon, noon.Add(90*time.Minute)
	put := func(id, state string, created time.Time) {
		w := &fakeWay{created: created}
		w.ConfigID, w.State = id, state
		h.fake.ways[id] = w
	}
	put("twin", kept.State, old)
	put("young twin", kept.State, young)
	put("late", deleted.State, old)
	put("foreign", "spring sale", old)
	put("alike", newState(), old) // as after a database was restored
	h.clock.Advance(2 * time.Hour)
	for range 2 {
		if err := h.SweepOrphans(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var left []string
	for id := range h.fake.ways {
		left = append(left, id)
	}
	slices.Sort(left)
	if want := []string{"alike", "config1", "config3", "foreign", "young twin"}; !slices.Equal(left, want) {
		t.Errorf("left %v, want %v", left, want)
	}
}

func TestStateIsShortUnambiguousAndUnguessable(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		s := newState()
		if len(s) > 30 || !isState(s) || seen[s] {
			t.Fatalf("bad state %q", s)
		}
		seen[s] = true
	}
	for _, s := range []string{"", "zy", "spring", "zy" + strings.Repeat("a", 25), "zy" + strings.Repeat("i", 26), "ZY" + strings.Repeat("a", 26)} {
		if isState(s) {
			t.Errorf("%q counts as ours", s)
		}
	}
}
