package event

import (
	"fmt"
	"time"
)

// The kinds of facts about journeys. Names are data.
const (
	KindJourneyEntered = "journey.entered"
	KindJourneyExited  = "journey.exited"
	KindJourneyGoal    = "journey.goal_reached"
	KindJourneyCalled  = "journey.called"
)

// SourceJourney is the source of facts about journeys.
const SourceJourney = "journey"

// JourneyFact is what the facts about a customer's run through a journey share.
type JourneyFact struct {
	JourneyID   int64     `json:"journey_id"`
	EnrolmentID int64     `json:"enrolment_id"`
	CustomerID  int64     `json:"customer_id"`
	Version     int       `json:"version"`
	At          time.Time `json:"at"`
}

// about: a run begins once, ends once and reaches its goal once.
func (j JourneyFact) about(kind string) About {
	return About{Kind: kind, CustomerID: j.CustomerID, Source: SourceJourney, At: j.At, Key: fmt.Sprintf("%s:%d", kind, j.EnrolmentID)}
}

// JourneyEntered 进入旅程: a customer began a run.
type JourneyEntered struct {
	JourneyFact
	Held bool `json:"held"` // in the hold-out
}

// About implements Fact.
func (f JourneyEntered) About() About { return f.about(KindJourneyEntered) }

// JourneyExited 离开旅程: a run came to its end.
type JourneyExited struct {
	JourneyFact
	Reason string `json:"reason"`
}

// About implements Fact.
func (f JourneyExited) About() About { return f.about(KindJourneyExited) }

// JourneyGoal 达成旅程目标: what the journey is for has happened.
type JourneyGoal struct {
	JourneyFact
	Held bool `json:"held"`
}

// About implements Fact.
func (f JourneyGoal) About() About { return f.about(KindJourneyGoal) }

// JourneyCalled 旅程通知: a step tells other systems of a customer.
type JourneyCalled struct {
	JourneyFact
	Label string `json:"label"`
	Visit int    `json:"visit"`
}

// About implements Fact. Each visit of a step tells once.
func (f JourneyCalled) About() About {
	a := f.about(KindJourneyCalled)
	a.Key = fmt.Sprintf("%s:%d", a.Key, f.Visit)
	return a
}
