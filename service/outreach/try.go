package outreach

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
)

// SourceTest is a message that somebody sends to themselves, to see how it looks.
const SourceTest = "test"

// ErrNoMember: a test goes through the company's app, which knows only members of it.
var ErrNoMember = fault.New(fault.Conflict, "outreach.no_member", "当前用户不是企业微信成员，收不到测试消息", "you are no member of a company at the platform, where a test could go")

// Trial is a message that a member of staff wants to see.
type Trial struct {
	MessageID int64
	AccountID int64 // theirs; 0: they have none
	StaffID   int64 // who asks, and the only one who gets it
	Values    map[string]string
}

// testChannel reaches staff, and nobody else.
const testChannel = "app"

// Try plans a message to whoever asks for it, through the ledger like any other. It fails with ErrNoMember.
func (s *Service) Try(ctx context.Context, t Trial) error {
	if t.AccountID == 0 {
		return ErrNoMember
	}
	now := s.now()
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		_, err := s.PlanTx(tx, []Intent{{
			Source: SourceTest, SourceID: t.MessageID, Occurrence: fmt.Sprintf("%d:%d", t.StaffID, now.UnixMilli()), Channel: testChannel,
			AccountID: t.AccountID, StaffID: t.StaffID, MessageID: t.MessageID, Values: t.Values, Transactional: true, ExpiresAt: now.Add(time.Hour),
		}})
		return err
	})
}
