package acquisition

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// CodeInput is what an operator sets of a channel code.
type CodeInput struct {
	Name          string // ≤ 64 characters; the platform's console shows the first 30
	SourceName    string // ≤ 64 characters; where customers are said to come from; empty: Name
	RemarkPattern string // how staff see new customers, with variables; empty: leave it to the platform
	SkipVerify    bool   // customers need no confirmation by the staff member
	Staff         []CodeStaff
	TagIDs        []int64         // tags that everybody who comes gets
	Welcome       *WelcomeContent // nil: the code has no welcome of its own
}

// CodeStaff is a staff member of a channel code.
type CodeStaff struct {
	StaffID    int64
	DailyLimit int     // customers per business day; 0: no limit
	Spare      bool    // serves when nobody else may
	Shifts     []Shift // empty: always on
}

// CreateCode makes a channel code. The platform is asked for its picture afterwards, by durable work: look
// at QRCode and PushError. Fails with ErrInvalidCode, ErrInvalidWelcome or ErrUnknownVariable.
func (s *Service) CreateCode(ctx context.Context, accountID, createdBy int64, in CodeInput) (*Code, error) {
	in = in.trimmed()
	code := &model.ChannelCode{
		AccountID: accountID, State: newState(), Enabled: true, CreatedBy: createdBy,
		Name: in.Name, SourceName: in.SourceName, RemarkPattern: in.RemarkPattern, SkipVerify: in.SkipVerify,
		CreatedAt: s.now(), UpdatedAt: s.now(),
	}
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if err := checkCode(tx, accountID, in); err != nil {
			return err
		}
		code.ID = 0 // the transaction may run again
		if err := tx.Create(code).Error; err != nil {
			return fmt.Errorf("insert channel code: %w", err)
		}
		return s.writePartsTx(tx, code, in)
	})
	if err != nil {
		return nil, err
	}
	return s.Code(ctx, code.ID)
}

// UpdateCode replaces all settings of a channel code. Repeatable. Fails with ErrCodeNotFound and as
// CreateCode.
func (s *Service) UpdateCode(ctx context.Context, id int64, in CodeInput) (*Code, error) {
	in = in.trimmed()
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		code, err := lockCode(tx, id)
		if err != nil {
			return err
		}
		if err := checkCode(tx, code.AccountID, in); err != nil {
			return err
		}
		if err := updateCode(tx, id, map[string]any{
			"name": in.Name, "source_name": in.SourceName, "remark_pattern": in.RemarkPattern, "skip_verify": in.SkipVerify, "updated_at": s.now(),
		}); err != nil {
			return err
		}
		return s.writePartsTx(tx, code, in)
	})
	if err != nil {
		return nil, err
	}
	return s.Code(ctx, id)
}

func (s *Service) writePartsTx(tx *gorm.DB, code *model.ChannelCode, in CodeInput) error {
	if err := replaceCodeParts(tx, code.ID, in); err != nil {
		return err
	}
	if err := s.setCodeWelcomeTx(tx, code, in.Welcome); err != nil {
		return err
	}
	return s.enqueuePush(tx, code.ID)
}

// SetCodeEnabled switches a channel code off or on. Off, its picture still leads to the staff who
// served last, since it may hang on a wall, and customers are still attributed and counted; but they
// get neither its tags, remark and welcome, nor does its staff follow shifts and limits. Repeatable.
// Fails with ErrCodeNotFound.
func (s *Service) SetCodeEnabled(ctx context.Context, id int64, enabled bool) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if _, err := lockCode(tx, id); err != nil {
			return err
		}
		if err := updateCode(tx, id, map[string]any{"enabled": enabled, "updated_at": s.now()}); err != nil || !enabled {
			return err
		}
		return s.enqueuePush(tx, id)
	})
}

// DeleteCode ends a channel code for good: its picture no longer works. What it brought stays counted.
// Fails with ErrCodeNotFound.
func (s *Service) DeleteCode(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		code, err := lockCode(tx, id)
		if err != nil {
			return err
		}
		if err := updateCode(tx, id, map[string]any{"gone_at": s.now(), "enabled": false, "updated_at": s.now()}); err != nil {
			return err
		}
		if err := s.setCodeWelcomeTx(tx, code, nil); err != nil {
			return err
		}
		return s.queue.Enqueue(tx, work.Item{Kind: workDelete, OrderKey: pushOrder(id), Payload: codePayload{id}})
	})
}

// PushCode has the platform told of a channel code once more, and tries members again whom it refused:
// for an operator who has put right what PushError complained about. Fails with ErrCodeNotFound.
func (s *Service) PushCode(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if _, err := lockCode(tx, id); err != nil {
			return err
		}
		if err := forgetRefusals(tx, id); err != nil {
			return err
		}
		if err := updateCode(tx, id, map[string]any{"pushed_hash": ""}); err != nil {
			return err
		}
		return s.enqueuePush(tx, id)
	})
}

type codePayload struct {
	CodeID int64 `json:"code_id"`
}

// pushOrder keeps all works that speak to the platform about one code apart.
func pushOrder(codeID int64) string { return fmt.Sprintf("channel_code:%d", codeID) }

func (s *Service) enqueuePush(tx *gorm.DB, codeID int64) error {
	return s.queue.Enqueue(tx, work.Item{Kind: workPush, OrderKey: pushOrder(codeID), Payload: codePayload{codeID}})
}
