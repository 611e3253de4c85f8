package outreach

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm/clause"
)

// Budgeted is a Channel that gets only so many messages through to each recipient, whoever sends them.
type Budgeted interface {
	// Budgets says what is left for a set of recipients at a moment, in a few statements however large the set; none where nothing limits it.
	Budgets(ctx context.Context, ask BudgetAsk) ([]Budget, error)
}

// BudgetAsk is a set of recipients, and what they are to be sent.
type BudgetAsk struct {
	AccountID int64
	// Recipients is a query of one column, the ids of customers or, where the channel speaks in them, of groups.
	Recipients clause.Expression
	Size       int64   // how many they are
	Messages   []int64 // versions of messages
	At         time.Time
}

// What a budget is counted by. Names are data.
const (
	BudgetMonth  = "month" // begins anew with the platform's month, week or day
	BudgetWeek   = "week"
	BudgetDay    = "day"
	BudgetWindow = "window" // opens when the customer writes
	BudgetGrant  = "grant"  // each consent of the customer lets one message through
)

// Budget is what a platform lets through to a set of recipients.
type Budget struct {
	By        string
	Template  string     // of grants; they count for it alone
	Messages  []int64    // of those asked about, what takes from it
	Each      int        // what one recipient may get in all; 0: it depends on the recipient
	Until     *time.Time // when it begins anew for everybody; nil: it does not
	Reachable int64      // recipients who can get one message more
	Left      int64      // messages that all of them can get
}

// Waiting counts the messages by a channel of an account, of whatever source, that have yet to take from a budget: what has not left
// and, where staff have to send it, what they have not sent.
func (s *Service) Waiting(ctx context.Context, channel string, accountID int64) (int64, error) {
	states := []State{Planned, Claimed}
	if c, known := s.channels[channel]; known && slices.Contains(c.Describe().Reports, Sent) {
		states = append(states, Accepted)
	}
	n, err := waiting(s.DB.WithContext(ctx), channel, accountID, states)
	if err != nil {
		return 0, fmt.Errorf("count what waits for %s: %w", channel, err)
	}
	return n, nil
}
