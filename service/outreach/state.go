package outreach

import "fmt"

// State is how far a delivery has come. Numbers are stored: never reuse one.
type State int8

// The states. From Accepted to Converted they come in this order, some may be skipped, and none goes back.
const (
	Planned    State = 1  // intended; leaves when it is due
	Claimed    State = 2  // in the hands of a process
	Accepted   State = 10 // the platform has taken it
	Sent       State = 11 // it has left the platform or, where a member of staff has to confirm, them
	Delivered  State = 12
	Read       State = 13
	Clicked    State = 14
	Converted  State = 15 // the customer did what it was for
	Failed     State = 20 // it was not sent; Class says why
	Suppressed State = 21 // it was not to be sent; Reason says why
	Expired    State = 22 // it lost its sense before it could leave
	Cancelled  State = 23 // whoever intended it has changed their mind
	InDoubt    State = 24 // it may have been sent: the platform's answer was lost
)

var stateNames = map[State]string{
	Planned: "planned", Claimed: "claimed", Accepted: "accepted", Sent: "sent", Delivered: "delivered", Read: "read", Clicked: "clicked",
	Converted: "converted", Failed: "failed", Suppressed: "suppressed", Expired: "expired", Cancelled: "cancelled", InDoubt: "in_doubt",
}

// States lists all states in the order of a report.
var States = []State{
	Planned, Claimed, Accepted, Sent, Delivered, Read, Clicked, Converted, Failed, Suppressed, Expired, Cancelled, InDoubt,
}

// String is the state's stable name.
func (s State) String() string {
	if name := stateNames[s]; name != "" {
		return name
	}
	return fmt.Sprintf("state %d", int8(s))
}

// StateNamed finds a state by its stable name.
func StateNamed(name string) (State, bool) {
	for s, n := range stateNames {
		if n == name {
			return s, true
		}
	}
	return 0, false
}

// Left tells whether the message has left us: accepted or anything that follows.
func (s State) Left() bool { return s >= Accepted && s <= Converted }

// Over tells whether nothing more happens to the delivery by itself.
func (s State) Over() bool { return s >= Failed && s <= Cancelled }

// shelf is what indexes need of a state: one shelf for all that waits, one for all that is under way or has left, one for each way not to leave.
// A delivery that goes well changes it once, which is what the ledger's speed rests on.
func (s State) shelf() int8 {
	switch {
	case s == Planned:
		return shelfPlanned
	case s >= Failed:
		return int8(s)
	}
	return shelfGoing
}

const (
	shelfPlanned int8 = 1
	shelfGoing   int8 = 2
)
