package intake

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// How an inbox row stands.
const (
	StateNew     = "new"     // stored, nothing more
	StateRouted  = "routed"  // its work is enqueued
	StateDone    = "done"    // acted upon, or known to need nothing
	StateUnknown = "unknown" // of no kind that we know; kept
	StateFailed  = "failed"  // given up; an operator may replay it
)

// Meta is how a message arrived.
type Meta struct {
	ReceivedAt time.Time
	// Stale: signed, but so long ago that nothing that happens only once may follow.
	Stale bool
}

// maxCommit bounds one commit. Bodies have at most 64 KB, so that a statement fits what servers accept.
const maxCommit = 128

// arrival is a message on its way into the inbox.
type arrival struct {
	accountID int64
	digest    [sha256.Size]byte
	kind      string
	lane      int
	body      []byte
	stale     bool
	at        time.Time
}

// Receive stores a message and returns once it is committed, together with whatever else arrived
// meanwhile. Storing is all that happens on the caller's time. The same message again, however it
// was encrypted, is a success and changes nothing. It fails with ctx's error, with
// model.ErrTooManyWaiting, or with the database's.
func (s *Service) Receive(ctx context.Context, acct *model.Account, message []byte, m Meta) error {
	kind, welcome := readHead(message)
	lane := work.LaneNormal
	if welcome && !m.Stale {
		lane = work.LaneUrgent
	}
	_, err := s.commit.Do(ctx, arrival{acct.ID, sha256.Sum256(message), kind, lane, message, m.Stale, m.ReceivedAt})
	if err != nil {
		return fmt.Errorf("store message: %w", err)
	}
	return nil
}

// store is the group commit's write: one statement, so it needs no transaction around it.
func (s *Service) store(db *gorm.DB, batch []arrival) ([]struct{}, error) {
	added, err := s.inserts.insertArrivals(db, batch)
	if err != nil {
		return nil, err
	}
	s.metrics.stored(len(batch), added)
	s.wakePump()
	return make([]struct{}, len(batch)), nil
}
