package intake

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"zhiyin/service/event"
	"zhiyin/service/group"
	"zhiyin/wecom"
)

// groupChanged acts on events about a customer group; one that the platform does not know is
// dismissed, any other is read.
func (s *Service) groupChanged(ctx context.Context, e Event) error {
	c := group.Change{ChatID: e.Get("ChatId"), At: e.when()}
	switch {
	case c.ChatID == "":
		return errUseless{"the message names no group"}
	case e.Stale:
		_, err := s.groups.Refresh(ctx, e.Account, c.ChatID, 0, event.SourceCallback)
		return err
	case e.Kind == "change_external_chat.dismiss":
		return s.groupDismissed(ctx, e, c.ChatID)
	}
	switch e.Get("UpdateDetail") {
	case "del_member":
		c.Left = e.List("MemChangeList")
		c.QuitScene, _ = strconv.Atoi(e.Get("QuitScene"))
		c.Version, c.Before = e.Get("CurMemVer"), e.Get("LastMemVer")
	case "add_member":
		c.Version, c.Before = e.Get("CurMemVer"), e.Get("LastMemVer")
	}
	_, err := s.groups.Changed(ctx, e.Account, c, event.SourceCallback)
	return err
}

func (s *Service) groupDismissed(ctx context.Context, e Event, chatID string) error {
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		_, err := s.groups.DismissedTx(tx, e.Account, chatID, e.when())
		return err
	})
	if err != nil {
		return fmt.Errorf("dismiss group: %w", err)
	}
	return nil
}

// tagsChanged reads the whole dictionary: it is one call, and an order can't be learned otherwise.
func (s *Service) tagsChanged(ctx context.Context, e Event) error {
	readAt := s.now()
	groups, err := s.corp(e.Account.Name).CorpTags(ctx)
	if err != nil {
		return fmt.Errorf("read tags: %w", err)
	}
	return s.inTx(ctx, func(tx *gorm.DB) error {
		_, err := s.tags.ApplyGroupsTx(tx, e.Account.ID, groups, true, readAt)
		return err
	})
}

func (s *Service) departmentsChanged(ctx context.Context, e Event) error {
	list, err := s.corp(e.Account.Name).Departments(ctx)
	if err != nil {
		return fmt.Errorf("read departments: %w", err)
	}
	return s.inTx(ctx, func(tx *gorm.DB) error {
		_, err := s.staff.ApplyDepartmentsTx(tx, e.Account.ID, list, true)
		return err
	})
}

// staffChanged reads one member. A new user id is read under that, and the old one has left.
func (s *Service) staffChanged(ctx context.Context, e Event) error {
	renamed := e.Get("NewUserID")
	if renamed == "" || strings.EqualFold(renamed, e.Get("UserID")) {
		return s.readStaff(ctx, e, e.Get("UserID"))
	}
	if err := s.readStaff(ctx, e, renamed); err != nil {
		return err
	}
	return s.readStaff(ctx, e, e.Get("UserID"))
}

// staffLeft ends sessions at once and asks afterwards: shutting out somebody who is back for a
// moment is better than letting in for a moment somebody who is gone.
func (s *Service) staffLeft(ctx context.Context, e Event) error {
	if !e.Stale {
		if err := s.leave(ctx, e, e.Get("UserID")); err != nil {
			return err
		}
	}
	return s.readStaff(ctx, e, e.Get("UserID"))
}

func (s *Service) readStaff(ctx context.Context, e Event, userID string) error {
	if userID == "" {
		return errUseless{"the message names no member"}
	}
	member, err := s.corp(e.Account.Name).StaffMember(ctx, userID)
	if errors.Is(err, wecom.ErrNotFound) {
		return s.leave(ctx, e, userID)
	}
	if err != nil {
		return fmt.Errorf("read member: %w", err)
	}
	return s.inTx(ctx, func(tx *gorm.DB) error {
		_, err := s.staff.ApplyStaffTx(tx, e.Account.ID, []wecom.StaffMember{*member}, false)
		return err
	})
}

func (s *Service) leave(ctx context.Context, e Event, userID string) error {
	err := s.inTx(ctx, func(tx *gorm.DB) error { return s.staff.LeftTx(tx, e.Account.ID, userID) })
	if err != nil {
		return fmt.Errorf("record that a member left: %w", err)
	}
	return nil
}
