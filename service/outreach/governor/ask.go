// Package governor is the one arbiter 触达闸 that everything which reaches out asks: may this message to this customer leave
// now? It answers from what the customer wants (consent, do-not-contact), from caps on how often they hear of us, from quiet
// hours, the platforms' quotas and hold-outs, and it reserves what it allows, so that no cap is exceeded however many ask at
// once.
package governor

import "time"

// Ask is one message that wants to leave.
type Ask struct {
	// Ref names the message for ever, as the row of the ledger does; what is allowed is reserved under it. Asking again under
	// one whose reservation stands is allowed without another.
	Ref int64
	// CustomerID is who would get it; 0: no single person (a group, a moment), for whom only quiet hours count.
	CustomerID int64
	Channel    string // the channel's name
	Topic      string // for caps and for customers' choices by topic; "": none
	Source     string // what wants to send: campaign, journey, task, …
	SourceID   int64
	// Purpose is the purpose of privacy that the message serves, such as privacy.Marketing; "": one that needs no consent.
	Purpose string
	// Targeted: this customer was chosen by what is known of their behaviour; never for those who refuse to be targeted.
	Targeted bool
	// Transactional messages are exempt from caps, quiet hours, hold-outs and competition, never from what the customer wants.
	Transactional bool
	Priority      int // higher first among those that compete for a slot
	// Content is a hash of what is said, for not saying it twice; zero: not compared.
	Content [32]byte
	DueAt   time.Time
	// ExpiresAt ends the search for a later slot: one that is not before it is no slot. Zero: never.
	ExpiresAt time.Time
	// Anew: it was let out before and left to a person, who sends it only now. Its reservation does not answer for it, and where it is
	// allowed it counts from now on instead.
	Anew bool
}

// Verdict is what became of an Ask.
type Verdict int

// The verdicts.
const (
	Allow  Verdict = iota + 1 // reserved: let it leave now
	Later                     // ask again at Ruling.At
	Refuse                    // never
)

// Ruling is the answer to an Ask.
type Ruling struct {
	Verdict Verdict
	// Reason is a stable name; empty when allowed.
	Reason string
	// At is the later slot; zero unless Later.
	At time.Time
}

// Reservation names what was allowed and did not leave after all.
type Reservation struct{ Ref, CustomerID int64 }
