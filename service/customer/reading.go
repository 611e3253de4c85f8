package customer

import (
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"zhiyin/model"
	"zhiyin/wecom"
)

// Contact is what the platform says of one customer in the relation with one staff member.
type Contact struct {
	Person wecom.Contact
	Follow wecom.Relation
}

// maxID is how long an identifier may be; a longer one is none of the platform's.
const maxID = 64

// reading is a contact made fit for our columns. Text that people typed is cut, never refused.
type reading struct {
	userID  string // lower case
	person  model.Customer
	unionID string
	follow  model.Relation // AddedAt is zero when the platform told no time
	origin  Origin
	tagIDs  []string
	print   []byte
}

// read makes a reading; ok is false when the ids are not usable.
func read(c Contact, origins map[string]Origin) (r reading, ok bool) {
	p, f := c.Person, c.Follow
	r.userID = strings.ToLower(f.UserID)
	if !usableID(r.userID) || !usableID(p.ExternalUserID) {
		return r, false
	}
	r.person = model.Customer{
		Name: cut(p.Name, 128), Gender: int(p.Gender), Type: p.Type, CorpName: cut(p.CorpName, 255),
	}
	if utf8.ValidString(p.Avatar) && len(p.Avatar) <= 1024 { // half an address is none
		r.person.Avatar = p.Avatar
	}
	if utf8.ValidString(p.UnionID) && len(p.UnionID) <= 128 {
		r.unionID = p.UnionID
	}
	r.follow = model.Relation{
		ExternalUserID: p.ExternalUserID, Remark: cut(f.Remark, 255), Description: cut(f.Description, 1024),
		RemarkCorpName: cut(f.RemarkCompany, 255), AddWay: f.AddWay, State: cut(f.State, 128), OperUserID: cut(f.InitiatorID, 64),
	}
	if !f.CreatedAt.IsZero() {
		r.follow.AddedAt = second(f.CreatedAt.Time)
	}
	r.origin = origins[f.State]
	r.follow.ChannelCodeID = r.origin.ChannelCodeID
	r.tagIDs = f.CorpTagIDs()
	r.print = r.fingerprint()
	return r, true
}

// fingerprint covers all that is stored but tags, which the tag capability compares itself.
func (r reading) fingerprint() []byte {
	text, err := json.Marshal([]any{r.person, r.unionID, r.follow})
	if err != nil {
		panic(err) // numbers, texts and a time: can't happen
	}
	sum := sha256.Sum256(text)
	return sum[:]
}

func (r reading) key() relationKey { return relationKey{r.userID, r.follow.ExternalUserID} }

// relationKey names a relation as the platform does.
type relationKey struct{ userID, externalUserID string }

func usableID(id string) bool {
	return id != "" && len(id) <= maxID && utf8.ValidString(id) && strings.TrimSpace(id) == id
}

// cut keeps the first n characters and replaces what is not UTF-8, which no database takes.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// verdict is what a reading does to a relation that is known.
type verdict struct {
	stale bool // older than what is known: nothing
	same  bool // says nothing new
	began bool // the relation began, or began anew, in a way not recorded yet
}

// onto lets the reading, taken at readAt, change the row and says what that meant. A half relation
// that is said to be half still stays so. The row is to be written only when the verdict is neither
// stale nor same.
func (r reading) onto(row *model.Relation, readAt time.Time, half bool) verdict {
	if row.ReadAt != nil && row.ReadAt.After(readAt) {
		return verdict{stale: true}
	}
	began := r.follow.AddedAt
	if began.IsZero() {
		began = row.AddedAt
	}
	status := statusAfter(row, began)
	if half && row.Status == StatusHalf {
		status = StatusHalf
	}
	v := verdict{began: status != StatusHalf && (row.ReadAt == nil || row.Status == StatusHalf || began.After(row.AddedAt) ||
		row.Status != StatusActive && !began.Equal(row.AddedAt))}
	v.same = !v.began && status == row.Status && string(row.Fingerprint) == string(r.print)
	if !v.same {
		r.write(row, began, readAt)
		row.Status = status
		if status == StatusActive {
			row.LostAt = nil
		}
	}
	row.ReadAt = &readAt
	return v
}

// statusAfter says how a relation stands that a newer reading shows as begun at the given time. The
// platform goes on showing a relation that the customer has left, so that one needs a new beginning;
// in the very second of the loss only an order of events that we saw ourselves counts as one.
func statusAfter(row *model.Relation, began time.Time) string {
	switch {
	case row.LostAt == nil || row.Status == StatusRemoved || began.After(*row.LostAt):
		return StatusActive
	case began.Equal(*row.LostAt) && (row.Status == StatusHalf || row.ReadAt != nil && began.After(row.AddedAt)):
		return StatusActive
	}
	return row.Status
}

// write takes over what the reading says. A wish of ours that the platform had not followed when it
// was read stays; the next reading is then compared anew.
func (r reading) write(row *model.Relation, began, readAt time.Time) {
	row.RemarkCorpName, row.AddWay, row.OperUserID = r.follow.RemarkCorpName, r.follow.AddWay, r.follow.OperUserID
	if began.After(row.AddedAt) || row.ChannelCodeID == 0 || r.follow.ChannelCodeID != 0 {
		row.ChannelCodeID = r.follow.ChannelCodeID
	}
	row.State, row.AddedAt, row.Fingerprint = r.follow.State, began, r.print
	if row.RemarkPushedAt != nil && row.RemarkPushedAt.After(readAt) {
		row.Fingerprint = nil
		return
	}
	takeOver(row, &row.Remark, r.follow.Remark, row.RemarkState)
	takeOver(row, &row.Description, r.follow.Description, row.DescriptionState)
}

func takeOver(row *model.Relation, ours *string, theirs, state string) {
	if state == RemarkPending {
		row.Fingerprint = nil
		return
	}
	*ours = theirs
}

// newRelation is the row of a relation that nobody knew.
func (r reading) newRelation(readAt time.Time) *model.Relation {
	row := r.follow
	if row.AddedAt.IsZero() {
		row.AddedAt = second(readAt)
	}
	row.Status, row.Fingerprint, row.ReadAt = StatusActive, r.print, &readAt
	row.RemarkState, row.DescriptionState = RemarkSynced, RemarkSynced
	return &row
}
