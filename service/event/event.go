// Package event is the log of what happened to customers, and who hears of it.
package event

import (
	"fmt"
	"strconv"
	"time"
)

// Fact is something that happened. Its fields are its payload, as JSON; ids in it are row ids.
type Fact interface {
	// About says whom the fact concerns and when it happened.
	About() About
}

// About is what every fact has in common.
type About struct {
	Kind       string // a stable name: stored in rows, never renamed
	AccountID  int64
	CustomerID int64 // 0: nobody known yet
	StaffID    int64 // 0: no staff member involved
	Source     string
	At         time.Time
	// Key makes the fact one of its kind: recorded again under the same key, nothing happens.
	Key string
}

// The kinds of facts. Names are data.
const (
	KindCustomerAdded          = "customer.added"
	KindCustomerHalfAdded      = "customer.half_added"
	KindCustomerDeletedByStaff = "customer.deleted_by_staff"
	KindCustomerLeft           = "customer.left"
	KindTagChanged             = "customer.tag_changed"
	KindSamePersonFound        = "customer.same_person_found"
	KindCustomerIdentified     = "customer.identified"
	KindCustomerMerged         = "customer.merged"
	KindCustomerSplit          = "customer.split"
	KindStageChanged           = "customer.stage_changed"
	KindGroupJoined            = "group.joined"
	KindGroupLeft              = "group.left"
	KindConsentChanged         = "privacy.consent_changed"
	KindContactChosen          = "privacy.contact_chosen"
	KindPrivacyRequested       = "privacy.requested"
	KindNoted                  = "customer.noted"
	KindProfileChanged         = "customer.profile_changed"
	KindProfileCompleted       = "customer.profile_completed"
	KindCustomerImported       = "customer.imported"
)

// Where facts come from.
const (
	SourceCallback  = "callback"
	SourceSync      = "sync"
	SourceConsole   = "console"
	SourceImport    = "import"
	SourceLifecycle = "lifecycle"
)

// RelationFact is what the facts about a relation share.
type RelationFact struct {
	AccountID  int64     `json:"account_id"`
	CustomerID int64     `json:"customer_id"`
	StaffID    int64     `json:"staff_id"`
	RelationID int64     `json:"relation_id"`
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
	// Since is when the relation began that ends with this fact. One relation ends once, however
	// often and at whatever time that is noticed.
	Since time.Time `json:"-"`
}

func (r RelationFact) about(kind string) About {
	return About{kind, r.AccountID, r.CustomerID, r.StaffID, r.Source, r.At, key(kind, r.RelationID, r.At)}
}

// end is about, with a key that is unique per kind and beginning.
func (r RelationFact) end(kind string) About {
	a := r.about(kind)
	a.Key = key(kind, r.RelationID, r.Since)
	return a
}

// key is unique per thing, kind and second: the platform tells times in seconds.
func key(kind string, row int64, at time.Time) string {
	return kind + ":" + strconv.FormatInt(row, 10) + ":" + strconv.FormatInt(at.Unix(), 10)
}

// CustomerAdded 添加客户: a relation began, or began again.
type CustomerAdded struct {
	RelationFact
	AddWay        int    `json:"add_way"`
	State         string `json:"state,omitempty"`
	ChannelCodeID int64  `json:"channel_code_id,omitempty"`
}

// About implements Fact.
func (f CustomerAdded) About() About { return f.about(KindCustomerAdded) }

// CustomerHalfAdded: the customer added a staff member who has not confirmed yet.
type CustomerHalfAdded struct {
	RelationFact
	State         string `json:"state,omitempty"`
	ChannelCodeID int64  `json:"channel_code_id,omitempty"`
}

// About implements Fact.
func (f CustomerHalfAdded) About() About { return f.about(KindCustomerHalfAdded) }

// CustomerDeletedByStaff: the staff member removed the customer.
type CustomerDeletedByStaff struct {
	RelationFact
	ByTransfer bool `json:"by_transfer,omitempty"`
}

// About implements Fact.
func (f CustomerDeletedByStaff) About() About { return f.end(KindCustomerDeletedByStaff) }

// CustomerLeft: the customer removed or blocked the staff member.
type CustomerLeft struct{ RelationFact }

// About implements Fact.
func (f CustomerLeft) About() About { return f.end(KindCustomerLeft) }

// SamePersonFound: two customers turned out to be one person. They stay two until somebody merges them.
type SamePersonFound struct {
	AccountID  int64     `json:"account_id"`
	CustomerID int64     `json:"customer_id"`
	OtherID    int64     `json:"other_id"`
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
}

// About implements Fact. A pair is found once.
func (f SamePersonFound) About() About {
	pair := fmt.Sprintf("%s:%d:%d", KindSamePersonFound, min(f.CustomerID, f.OtherID), max(f.CustomerID, f.OtherID))
	return About{KindSamePersonFound, f.AccountID, f.CustomerID, 0, f.Source, f.At, pair}
}

// TagChanged: the tags of a relation are no longer what they were.
type TagChanged struct {
	RelationFact
	Added   []int64 `json:"added,omitempty"` // tag row ids
	Removed []int64 `json:"removed,omitempty"`
	// ChangeKey tells apart two changes within one second.
	ChangeKey string `json:"-"`
}

// About implements Fact.
func (f TagChanged) About() About {
	a := f.about(KindTagChanged)
	a.Key += ":" + f.ChangeKey
	return a
}

// StageChanged: a customer went from one stage of the lifecycle to another. The first stage of all is no change.
type StageChanged struct {
	CustomerID int64     `json:"customer_id"`
	Number     int64     `json:"number"` // of the customer's changes, from 1
	From       string    `json:"from"`
	To         string    `json:"to"`
	Cause      string    `json:"cause"` // night, event, person
	At         time.Time `json:"at"`
}

// About implements Fact. A change of a number happens once.
func (f StageChanged) About() About {
	key := fmt.Sprintf("%s:%d:%d", KindStageChanged, f.CustomerID, f.Number)
	return About{KindStageChanged, 0, f.CustomerID, 0, SourceLifecycle, f.At, key}
}

// MembershipFact is what the facts about a group's members share.
type MembershipFact struct {
	AccountID  int64     `json:"account_id"`
	GroupID    int64     `json:"group_id"`
	MemberID   int64     `json:"member_id"` // row of the stay
	CustomerID int64     `json:"customer_id,omitempty"`
	StaffID    int64     `json:"staff_id,omitempty"` // the group's owner
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
}

func (m MembershipFact) about(kind string) About {
	return About{kind, m.AccountID, m.CustomerID, m.StaffID, m.Source, m.At, key(kind, m.MemberID, m.At)}
}

// GroupJoined: somebody from outside joined a customer group.
type GroupJoined struct {
	MembershipFact
	JoinScene int    `json:"join_scene"`
	State     string `json:"state,omitempty"`
}

// About implements Fact.
func (f GroupJoined) About() About { return f.about(KindGroupJoined) }

// GroupLeft: somebody from outside left a customer group, or was removed.
type GroupLeft struct {
	MembershipFact
	QuitScene int `json:"quit_scene"`
}

// About implements Fact.
func (f GroupLeft) About() About { return f.about(KindGroupLeft) }
