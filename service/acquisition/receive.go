package acquisition

import (
	"crypto/sha256"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// How a welcome ended. Names are data.
const (
	OutcomePending = "pending"
	OutcomeSent    = "sent"
	OutcomeMissed  = "missed" // not in time, or refused; the staff member is asked to say hello
	OutcomeTaken   = "taken"  // another app or the staff member was first
	OutcomeNone    = "none"   // no welcome message is set for this customer
)

// welcomeLife is how long after its receipt a welcome code is used: the platform's 20 seconds, less
// what the callback took to come. Platform documentation, 客户联系, 发送新客户欢迎语.
const welcomeLife = 19 * time.Second

// WelcomeDue is a welcome that a callback offers.
type WelcomeDue struct {
	Account        *model.Account
	UserID         string // staff member
	ExternalUserID string
	State          string
	WelcomeCode    string // works once
	ReceivedAt     time.Time
	Deadline       time.Time // zero: 19 s after ReceivedAt
}

// ReceiveWelcome takes a welcome into the caller's transaction: afterwards it is sent, or its miss is known,
// once. Received again, nothing happens. An empty WelcomeCode offers nothing.
func (s *Service) ReceiveWelcome(tx *gorm.DB, due WelcomeDue) error {
	if due.WelcomeCode == "" {
		return nil
	}
	who, err := s.staff.EnsureTx(tx, due.Account.ID, due.UserID)
	if err != nil {
		return fmt.Errorf("staff member of a welcome: %w", err)
	}
	codes, err := codesByState(tx, due.Account.ID, []string{due.State})
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(due.WelcomeCode))
	row := &model.WelcomeSend{
		AccountID: due.Account.ID, CodeHash: sum[:], StaffID: who.ID, ExternalUserID: due.ExternalUserID,
		Outcome: OutcomePending, ReceivedAt: due.ReceivedAt, CreatedAt: s.now(), UpdatedAt: s.now(),
	}
	if len(codes) > 0 {
		row.ChannelCodeID = codes[0].ID
	}
	isNew, err := insertWelcomeSend(tx, row)
	if err != nil || !isNew {
		return err
	}
	deadline := due.Deadline
	if deadline.IsZero() {
		deadline = due.ReceivedAt.Add(welcomeLife)
	}
	return s.queue.Enqueue(tx, work.Item{
		Kind: workWelcome, Urgent: true, Deadline: deadline,
		// The code is nowhere else: it is worthless after seconds, and works are pruned.
		Payload: welcomePayload{SendID: row.ID, Code: due.WelcomeCode},
	})
}

type welcomePayload struct {
	SendID int64  `json:"send_id"`
	Code   string `json:"code"`
}
