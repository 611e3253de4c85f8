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

// ReceiveWelcomes takes welcomes into the caller's transaction: afterwards each is sent, or its miss is
// known, once. Received again, nothing happens. An empty WelcomeCode offers nothing. A burst of them
// costs a few statements, because somebody waits for each.
func (s *Service) ReceiveWelcomes(tx *gorm.DB, dues ...WelcomeDue) error {
	r := reception{s: s, tx: tx, staff: map[string]int64{}, codes: map[string]int64{}}
	var offered []WelcomeDue
	var rows []*model.WelcomeSend
	for _, due := range dues {
		if due.WelcomeCode == "" {
			continue
		}
		row, err := r.row(due)
		if err != nil {
			return err
		}
		offered, rows = append(offered, due), append(rows, row)
	}
	isNew, err := insertWelcomeSends(tx, rows)
	if err != nil {
		return err
	}
	var items []work.Item
	for i, due := range offered {
		if isNew[i] {
			items = append(items, due.item(rows[i].ID))
		}
	}
	return s.queue.Enqueue(tx, items...)
}

// reception remembers, for one transaction, whom and what the welcomes so far were about.
type reception struct {
	s     *Service
	tx    *gorm.DB
	staff map[string]int64 // by account and user id
	codes map[string]int64 // by account and state; 0: no code of ours
}

func (r *reception) row(due WelcomeDue) (*model.WelcomeSend, error) {
	staffID, err := remembered(r.staff, fmt.Sprint(due.Account.ID, " ", due.UserID), func() (int64, error) {
		who, err := r.s.staff.EnsureTx(r.tx, due.Account.ID, due.UserID)
		if err != nil {
			return 0, fmt.Errorf("staff member of a welcome: %w", err)
		}
		return who.ID, nil
	})
	if err != nil {
		return nil, err
	}
	codeID, err := remembered(r.codes, fmt.Sprint(due.Account.ID, " ", due.State), func() (int64, error) {
		codes, err := codesByState(r.tx, due.Account.ID, []string{due.State})
		if err != nil || len(codes) == 0 {
			return 0, err
		}
		return codes[due.State].ID, nil
	})
	if err != nil {
		return nil, err
	}
	now, sum := r.s.now(), sha256.Sum256([]byte(due.WelcomeCode))
	return &model.WelcomeSend{
		AccountID: due.Account.ID, CodeHash: sum[:], StaffID: staffID, ExternalUserID: due.ExternalUserID, ChannelCodeID: codeID,
		Outcome: OutcomePending, ReceivedAt: due.ReceivedAt, CreatedAt: now, UpdatedAt: now,
	}, nil
}

// remembered is what known holds under key, or else what find finds.
func remembered(known map[string]int64, key string, find func() (int64, error)) (int64, error) {
	id, ok := known[key]
	if ok {
		return id, nil
	}
	id, err := find()
	if err == nil {
		known[key] = id
	}
	return id, err
}

func (due WelcomeDue) item(sendID int64) work.Item {
	deadline := due.Deadline
	if deadline.IsZero() {
		deadline = due.ReceivedAt.Add(welcomeLife)
	}
	// The code is nowhere else: it is worthless after seconds, and works are pruned.
	return work.Item{Kind: workWelcome, Urgent: true, Deadline: deadline, Payload: welcomePayload{SendID: sendID, Code: due.WelcomeCode}}
}

type welcomePayload struct {
	SendID int64  `json:"send_id"`
	Code   string `json:"code"`
}
