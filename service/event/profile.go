package event

import (
	"strconv"
	"time"
)

// Facts about what customers say of themselves and of their data, and what staff write down about them.
// None of them holds a value: payloads are readable, and stay when a value is corrected or erased.

// ConsentChanged: a customer said yes or no to a purpose.
type ConsentChanged struct {
	CustomerID int64     `json:"customer_id"`
	StaffID    int64     `json:"staff_id,omitempty"` // who recorded it
	Purpose    string    `json:"purpose"`
	Given      bool      `json:"given"`
	Version    int       `json:"version"`
	EntryID    int64     `json:"-"` // of the ledger
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
}

// About implements Fact.
func (f ConsentChanged) About() About {
	return About{KindConsentChanged, 0, f.CustomerID, f.StaffID, f.Source, f.At, once(KindConsentChanged, f.EntryID)}
}

// ContactChosen: a customer chose how much they want to hear.
type ContactChosen struct {
	CustomerID int64     `json:"customer_id"`
	StaffID    int64     `json:"staff_id,omitempty"`
	Channel    string    `json:"channel,omitempty"` // empty: all
	Choice     string    `json:"choice"`
	EntryID    int64     `json:"-"`
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
}

// About implements Fact.
func (f ContactChosen) About() About {
	return About{KindContactChosen, 0, f.CustomerID, f.StaffID, f.Source, f.At, once(KindContactChosen, f.EntryID)}
}

// PrivacyRequested: a customer asked for a copy of their data, or for it to be erased.
type PrivacyRequested struct {
	CustomerID int64     `json:"customer_id"`
	StaffID    int64     `json:"staff_id,omitempty"`
	Kind       string    `json:"kind"`
	RequestID  int64     `json:"-"`
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
}

// About implements Fact.
func (f PrivacyRequested) About() About {
	return About{KindPrivacyRequested, 0, f.CustomerID, f.StaffID, f.Source, f.At, once(KindPrivacyRequested, f.RequestID)}
}

// Noted: a staff member wrote something down about a customer.
type Noted struct {
	CustomerID int64     `json:"customer_id"`
	StaffID    int64     `json:"staff_id"`
	NoteID     int64     `json:"note_id"`
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
}

// About implements Fact.
func (f Noted) About() About {
	return About{KindNoted, 0, f.CustomerID, f.StaffID, f.Source, f.At, once(KindNoted, f.NoteID)}
}

// ProfileChanged: what is known of a customer is no longer what it was. Custom fields go by "field."
// and their name.
type ProfileChanged struct {
	CustomerID int64     `json:"customer_id"`
	StaffID    int64     `json:"staff_id,omitempty"` // who changed it; 0: the customer, or a machine
	Fields     []string  `json:"fields"`
	ChangeKey  string    `json:"-"` // tells apart two changes within one second
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
}

// About implements Fact.
func (f ProfileChanged) About() About {
	return About{KindProfileChanged, 0, f.CustomerID, f.StaffID, f.Source, f.At, key(KindProfileChanged, f.CustomerID, f.At) + ":" + f.ChangeKey}
}

// ProfileCompleted 资料完善: all that counts is known of a customer. It is told once, whatever is forgotten and said again later.
type ProfileCompleted struct {
	CustomerID int64     `json:"customer_id"`
	StaffID    int64     `json:"staff_id,omitempty"` // who said the last of it; 0: the customer, or a machine
	Source     string    `json:"-"`
	At         time.Time `json:"at"`
}

// About implements Fact.
func (f ProfileCompleted) About() About {
	return About{KindProfileCompleted, 0, f.CustomerID, f.StaffID, f.Source, f.At, once(KindProfileCompleted, f.CustomerID)}
}

// once is the key of a fact that happens once to a row.
func once(kind string, row int64) string { return kind + ":" + strconv.FormatInt(row, 10) }
