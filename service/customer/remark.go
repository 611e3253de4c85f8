package customer

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// What the platform allows, in characters.
const (
	MaxRemark      = 20
	MaxDescription = 150
)

// How a remark stands towards the platform.
const (
	RemarkSynced  = "synced"
	RemarkPending = "pending" // ours is to be pushed; what the platform says doesn't replace it
	RemarkFailed  = "failed"  // the platform refused; RemarkError says why
)

const workPushRemark = "customer.push_remark"

// pushPolicy goes on for about four hours.
var pushPolicy = work.Policy{MaxAttempts: 14}

// SetRemark changes the remark of a relation that the viewer may see, here at once and at the platform
// soon. At most MaxRemark characters; empty clears. It fails with ErrNotFound or ErrRemark. Repeatable.
func (s *Service) SetRemark(ctx context.Context, v *staff.Viewer, relationID int64, remark string) error {
	return s.setNote(ctx, v, relationID, noteRemark, remark)
}

// SetDescription is SetRemark for the description, at most MaxDescription characters.
func (s *Service) SetDescription(ctx context.Context, v *staff.Viewer, relationID int64, description string) error {
	return s.setNote(ctx, v, relationID, noteDescription, description)
}

// SetRemarkTx is SetRemark on behalf of the house itself, as part of a larger change.
func (s *Service) SetRemarkTx(tx *gorm.DB, relationID int64, remark string) error {
	return s.setNoteTx(tx, relationID, noteRemark, remark)
}

// note is one of the two texts that a staff member keeps about a customer; it is stored with works.
type note string

const (
	noteRemark      note = "remark"
	noteDescription note = "description"
)

func (n note) max() int {
	if n == noteDescription {
		return MaxDescription
	}
	return MaxRemark
}

// of gives the text and how it stands towards the platform.
func (n note) of(r *model.Relation) (text, state string) {
	if n == noteDescription {
		return r.Description, r.DescriptionState
	}
	return r.Remark, r.RemarkState
}

func (n note) change(text string) wecom.RemarkChange {
	if n == noteDescription {
		return wecom.RemarkChange{Description: &text}
	}
	return wecom.RemarkChange{Remark: &text}
}

func (s *Service) setNote(ctx context.Context, v *staff.Viewer, relationID int64, n note, text string) error {
	if _, err := s.Relations(ctx, v, []int64{relationID}); err != nil {
		return err
	}
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error { return s.setNoteTx(tx, relationID, n, text) })
}

func (s *Service) setNoteTx(tx *gorm.DB, relationID int64, n note, text string) error {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > n.max() {
		return ErrRemark
	}
	err := updateNote(tx, relationID, map[string]any{
		string(n): text, string(n) + "_state": RemarkPending, "remark_error": "", "fingerprint": nil,
	})
	if err != nil {
		return err
	}
	return s.queue.Enqueue(tx, work.Item{
		Kind: workPushRemark, Payload: pushNote{relationID, n}, OrderKey: fmt.Sprintf("customer.remark:%d", relationID),
	})
}

// pushNote is the payload of a work: what to push. What it says is read when it is done.
type pushNote struct {
	RelationID int64 `json:"relation_id"`
	Note       note  `json:"note"`
}

func (s *Service) pushRemark(ctx context.Context, l *work.Lease, p pushNote) error {
	t, err := target(s.db.WithContext(ctx), p.RelationID)
	if errors.Is(err, ErrNotFound) {
		return work.Cancel("the relation is gone")
	}
	if err != nil {
		return err
	}
	text, state := p.Note.of(&t.Relation)
	if state != RemarkPending { // an earlier work has pushed this wish too
		return nil
	}
	err = s.corp(t.Account).Remark(ctx, t.UserID, t.ExternalUserID, p.Note.change(text))
	if err == nil {
		return s.settle(ctx, t, p.Note, map[string]any{"remark_pushed_at": s.now()}, RemarkSynced)
	}
	reason, final := refusal(err)
	if !final && l.Attempt < pushPolicy.MaxAttempts {
		return err
	}
	if err := s.settle(ctx, t, p.Note, map[string]any{"remark_error": reason}, RemarkFailed); err != nil {
		return err
	}
	return work.Cancel(reason)
}

func (s *Service) settle(ctx context.Context, t *pushTarget, n note, set map[string]any, state string) error {
	set[string(n)+"_state"], set["fingerprint"] = state, nil
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error { return settleNote(tx, t, n, set) })
}

// refusal says in people's words why the platform did not do it, and whether it never will.
func refusal(err error) (reason string, final bool) {
	switch {
	case errors.Is(err, wecom.ErrNotCustomer):
		return "该客户已不是这位成员的客户 (no longer this staff member's customer)", true
	case errors.Is(err, wecom.ErrNotFound):
		return "企业微信中没有这位成员或客户 (unknown to WeCom)", true
	case errors.Is(err, wecom.ErrIPNotTrusted), errors.Is(err, wecom.ErrCredentials):
		return "企业微信拒绝了应用的凭证或 IP (WeCom refuses the app's credentials or address)", false
	case errors.Is(err, wecom.ErrNoPermission):
		return "应用没有权限修改这位成员的客户 (the app may not change this staff member's customers)", true
	case errors.Is(err, wecom.ErrBadInput):
		return "企业微信不接受这个内容 (WeCom does not accept this text)", true
	case errors.Is(err, wecom.ErrBusy), errors.Is(err, wecom.ErrRateLimited), errors.Is(err, wecom.ErrToken), errors.Is(err, wecom.ErrInDoubt):
		return "企业微信暂时无法访问 (WeCom could not be reached)", false
	case wecom.CodeOf(err) != 0:
		return fmt.Sprintf("企业微信拒绝了修改，错误码 %d (refused by WeCom)", wecom.CodeOf(err)), true
	}
	return "暂时无法同步到企业微信 (could not be sent to WeCom)", false
}
