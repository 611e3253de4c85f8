package outreach

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"zhiyin/model"
)

// Who intends messages. Names are data.
const (
	SourceCampaign = "campaign"
	SourceJourney  = "journey"
	SourceTask     = "task"
	SourceSidebar  = "sidebar"
	SourceConsole  = "console"
	SourceSystem   = "system"
)

// Intent is one message that somebody intends for one customer through one channel. Source, SourceID, Step, CustomerID, GroupID and
// Occurrence are its name: what has the same name is the same intent, and is sent once.
type Intent struct {
	Source     string // one of the Source constants, ≤ 16 bytes
	SourceID   int64  // row of the source
	Step       string // step of a journey, variant of a campaign; ≤ 64 bytes
	CustomerID int64  // 0: no single customer, as for groups and staff; then Occurrence tells recipients apart
	Occurrence string // tells apart repeats: a run of a recurring campaign, an enrolment; ≤ 64 bytes
	Channel    string // a Channel's name
	AccountID  int64
	StaffID    int64             // whose name it goes out in, for channels that have senders; 0: the channel chooses
	GroupID    int64             // group channels only
	MessageID  int64             // row of message_version, immutable content
	Values     map[string]string // variables that only the planner knows, such as a coupon's code; together ≤ 4,000 bytes
	Topic      string            // for caps; "": none; ≤ 32 bytes
	// Transactional messages are exempt from caps and quiet hours, never from what the customer wants.
	Transactional bool
	// Targeted: chosen by what is known of the customer's behaviour; not for those who refuse that.
	Targeted bool
	// Priority: higher first among those that compete for a customer's attention, and a larger share of the sender.
	Priority  int
	DueAt     time.Time // zero: now
	ExpiresAt time.Time // it is not sent after it; zero: never loses its sense
}

const mostValues = 4000

// check finds what a planner must not ask for: it is a mistake in our code, not of a person.
func (in *Intent) check() error {
	switch {
	case in.Source == "" || len(in.Source) > 16 || len(in.Step) > 64 || len(in.Occurrence) > 64 || len(in.Topic) > 32:
		return fmt.Errorf("plan: names of source %q are empty or too long", in.Source)
	case in.Channel == "" || len(in.Channel) > 32:
		return fmt.Errorf("plan: %q is no channel", in.Channel)
	case !in.ExpiresAt.IsZero() && in.ExpiresAt.Before(in.DueAt):
		return fmt.Errorf("plan: expires before it is due")
	}
	return nil
}

// lane is what the intent shares with others that compete for their turn as one.
func (in *Intent) lane() model.DeliveryLane {
	l := model.DeliveryLane{
		Source: in.Source, SourceID: in.SourceID, Step: in.Step, Channel: in.Channel, AccountID: in.AccountID, StaffID: in.StaffID,
		Topic: in.Topic, Transactional: in.Transactional, Targeted: in.Targeted, Priority: in.Priority,
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %d %q %q %d %d %q %t %t %d",
		l.Source, l.SourceID, l.Step, l.Channel, l.AccountID, l.StaffID, l.Topic, l.Transactional, l.Targeted, l.Priority))
	l.Alike = hex.EncodeToString(sum[:])
	return l
}
