package acquisition

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Shift is a time of the week, by the clock on the wall of the business zone.
type Shift struct {
	// Weekdays is a set of days: bit 0 Monday … bit 6 Sunday. A shift past midnight belongs to the
	// day on which it begins.
	Weekdays int
	// From and To are minutes of the day: From 0…1439, inclusive; To 0…1440, exclusive. A To that is
	// not after From is on the next day.
	From, To int
}

// covers tells whether now, in the business zone, lies within the shift.
func (s Shift) covers(now time.Time) bool {
	minute := now.Hour()*60 + now.Minute()
	today := (int(now.Weekday()) + 6) % 7 // Monday first
	yesterday := (today + 6) % 7
	if s.From < s.To {
		return s.on(today) && s.From <= minute && minute < s.To
	}
	return s.on(today) && s.From <= minute || s.on(yesterday) && minute < s.To
}

func (s Shift) on(day int) bool { return s.Weekdays&(1<<day) != 0 }

// candidate is somebody who may answer a channel code, with all that decide asks about.
type candidate struct {
	userID string
	limit  int   // customers a day; 0: none
	today  int64 // customers of this business day so far
	spare  bool
	usable bool // can be given to the platform at all
	shifts []Shift
}

func (c candidate) onShift(now time.Time) bool {
	if len(c.shifts) == 0 {
		return true
	}
	return slices.ContainsFunc(c.shifts, func(s Shift) bool { return s.covers(now) })
}

func (c candidate) underLimit() bool { return c.limit == 0 || c.today < int64(c.limit) }

// The rules by which decide found whom it named, from the best to the worst.
const (
	ServedByShift    = "shift"     // staff on shift who may take more today
	ServedBySpare    = "spare"     // nobody of those: spare staff on shift who may take more today
	ServedByAnySpare = "any_spare" // all spare staff, whatever their shifts and limits say
	ServedByAnybody  = "anybody"   // there is no spare: everybody of the code
	ServedByNobody   = "nobody"    // nobody can be given to the platform
)

// decide names who answers a code at a time in the business zone, in sorted order, and by which
// rule. The platform insists on at least one member, and a customer who stands before a printed code
// at night had better meet somebody: so when nobody is due, spare staff and then everybody serve beyond
// shift and limit. Nobody is named only when nobody can be.
func decide(now time.Time, list []candidate) (userIDs []string, rule string) {
	for _, step := range []struct {
		rule string
		may  func(candidate) bool
	}{
		{ServedByShift, func(c candidate) bool { return !c.spare && c.onShift(now) && c.underLimit() }},
		{ServedBySpare, func(c candidate) bool { return c.spare && c.onShift(now) && c.underLimit() }},
		{ServedByAnySpare, func(c candidate) bool { return c.spare }},
		{ServedByAnybody, func(candidate) bool { return true }},
	} {
		for _, c := range list {
			if c.usable && step.may(c) {
				userIDs = append(userIDs, c.userID)
			}
		}
		if len(userIDs) > 0 {
			slices.Sort(userIDs)
			return slices.Compact(userIDs), step.rule
		}
	}
	return nil, ServedByNobody
}

// wanted is what the platform should know of a code.
type wanted struct {
	name       string // its remark at the platform, where only operators see it
	skipVerify bool
	userIDs    []string // sorted
}

// hash is equal for equal settings, whatever the order in which staff were listed.
func (w wanted) hash() string {
	h := sha256.Sum256([]byte(strings.Join(append([]string{"1", w.name, strconv.FormatBool(w.skipVerify)}, w.userIDs...), "\x00")))
	return hex.EncodeToString(h[:])
}
