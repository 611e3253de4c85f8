package event

import (
	"strconv"
	"time"
)

// The kinds of facts about messages to customers.
const (
	KindMessageRead      = "message.read"
	KindMessageClicked   = "message.clicked"
	KindMessageConverted = "message.converted"
	KindMessageFailed    = "message.failed"
)

// SourceOutreach says that a fact comes from the ledger of deliveries.
const SourceOutreach = "outreach"

// MessageFact is what the facts about a message share. Each happens once to a delivery.
type MessageFact struct {
	DeliveryID int64     `json:"delivery_id"`
	CustomerID int64     `json:"customer_id"`
	Origin     string    `json:"origin"` // who intended it: campaign, journey, …
	OriginID   int64     `json:"origin_id"`
	Step       string    `json:"step,omitempty"`
	Channel    string    `json:"channel"`
	AccountID  int64     `json:"-"`
	StaffID    int64     `json:"-"`
	At         time.Time `json:"at"`
}

func (f MessageFact) about(kind string) About {
	return About{kind, f.AccountID, f.CustomerID, f.StaffID, SourceOutreach, f.At, kind + ":" + strconv.FormatInt(f.DeliveryID, 10)}
}

// MessageRead: the customer has seen it.
type MessageRead struct{ MessageFact }

// About implements Fact.
func (f MessageRead) About() About { return f.about(KindMessageRead) }

// MessageClicked: the customer followed a link in it.
type MessageClicked struct{ MessageFact }

// About implements Fact.
func (f MessageClicked) About() About { return f.about(KindMessageClicked) }

// MessageConverted: the customer did what it was for.
type MessageConverted struct{ MessageFact }

// About implements Fact.
func (f MessageConverted) About() About { return f.about(KindMessageConverted) }

// MessageFailed: it could not be sent. Recorded where a journey waits to hear of it; the ledger knows of all.
type MessageFailed struct {
	MessageFact
	Class  string `json:"class"`
	Reason string `json:"reason,omitempty"`
}

// About implements Fact.
func (f MessageFailed) About() About { return f.about(KindMessageFailed) }
