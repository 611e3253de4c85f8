package intake

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// ErrNotReplayable means that a message has not ended in a state from which it can be replayed.
var ErrNotReplayable = fault.New(fault.Conflict, "inbox.not_replayable", "只有失败或未识别的消息可以重放", "only messages that failed or were not recognised can be replayed")

// ErrInboxNotFound means that there is no such message, or no longer.
var ErrInboxNotFound = fault.New(fault.NotFound, "inbox.not_found", "没有这条消息", "no such message")

// InboxFilter selects messages for a list; zero values select all.
type InboxFilter struct {
	AccountID int64
	State     string
	Kind      string
	Before    int64 // only rows with smaller ids: the last one of the page before
	Limit     int   // 1 to 200; 0: 50
}

// Inbox lists messages, newest first. Bodies and digests are left out: they are personal data and
// big; see [Service.InboxRow].
func (s *Service) Inbox(ctx context.Context, f InboxFilter) ([]model.Inbox, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 200)
	return pageOfInbox(s.db.WithContext(ctx), f)
}

// InboxRow is one message with its body, or ErrInboxNotFound.
func (s *Service) InboxRow(ctx context.Context, id int64) (*model.Inbox, error) {
	row, err := inboxRow(s.db.WithContext(ctx), id)
	return row, notFound(err, ErrInboxNotFound)
}

// Replay has a failed or unknown message routed again. It fails with ErrInboxNotFound or
// ErrNotReplayable; repeated while the first is under way it is the latter.
func (s *Service) Replay(ctx context.Context, id int64) error {
	n, err := s.replay(ctx, []int64{id})
	if err != nil || n == 1 {
		return err
	}
	if _, err := s.InboxRow(ctx, id); err != nil {
		return err
	}
	return ErrNotReplayable
}

// maxReplay bounds how many messages one call replays.
const maxReplay = 1000

// ReplayAll has the newest messages of a filter replayed that can be, at most 1,000 of them, and
// tells how many those were. The filter's State must be failed or unknown.
func (s *Service) ReplayAll(ctx context.Context, f InboxFilter) (int64, error) {
	if f.State != StateFailed && f.State != StateUnknown {
		return 0, ErrNotReplayable
	}
	f.Limit = maxReplay
	rows, err := pageOfInbox(s.db.WithContext(ctx), f)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	return s.replay(ctx, ids)
}

func (s *Service) replay(ctx context.Context, ids []int64) (n int64, err error) {
	err = model.InTx(ctx, s.db, func(tx *gorm.DB) (err error) {
		n, err = renew(tx, ids, StateFailed, StateUnknown)
		model.AfterCommit(tx, s.wakePump)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("replay messages: %w", err)
	}
	return n, nil
}

// keepInbox is how long a message that has ended is kept: long enough to recognise any repetition,
// short enough for what holds personal data.
const keepInbox = 30 * 24 * time.Hour

// Prune deletes messages that ended long ago. May be run at any moment, by any replica.
func (s *Service) Prune(ctx context.Context) error {
	const page = 500
	before, last := s.now().Add(-keepInbox), int64(0)
	for {
		rows, err := oldest(s.db.WithContext(ctx), last, page)
		if err != nil {
			return fmt.Errorf("prune inbox: %w", err)
		}
		var ids []int64
		for _, r := range rows {
			if r.ReceivedAt.Before(before) && r.State != StateNew && r.State != StateRouted {
				ids = append(ids, r.ID)
			}
		}
		if len(ids) > 0 {
			if err := model.InTx(ctx, s.db, func(tx *gorm.DB) error { return deleteInbox(tx, ids) }); err != nil {
				return fmt.Errorf("prune inbox: %w", err)
			}
		}
		// Ids rise with time, so the first young row ends the search.
		if len(rows) < page || !rows[page-1].ReceivedAt.Before(before) {
			return nil
		}
		last = rows[page-1].ID
	}
}
