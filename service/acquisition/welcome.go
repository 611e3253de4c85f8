package acquisition

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Whom a welcome message is for, from the closest to the widest. Names are data.
const (
	ScopeChannelCode = "channel_code"
	ScopeStaff       = "staff"
	ScopeDepartment  = "department"
	ScopeDefault     = "default"
)

// WelcomeContent is what a welcome message says.
type WelcomeContent struct {
	Text        string // with variables; ≤ 4000 bytes, a variable counting as 128
	Attachments []Attachment
}

// WelcomeInput is a welcome message for everybody, a department, a staff member or a channel code.
type WelcomeInput struct {
	AccountID int64
	Scope     string
	ScopeID   int64 // row of department, staff member or channel code; 0 for default
	WelcomeContent
	// Enabled false keeps the text but lets the next wider one apply.
	Enabled bool
}

// SaveWelcome makes or replaces the one welcome message of a scope and has the media it carries
// uploaded. Repeatable. Fails with ErrInvalidWelcome or ErrUnknownVariable.
func (s *Service) SaveWelcome(ctx context.Context, in WelcomeInput) (*model.Welcome, error) {
	var row *model.Welcome
	err := model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		known, err := scopeExists(tx, in.AccountID, in.Scope, in.ScopeID)
		if err != nil {
			return err
		}
		if !known {
			return ErrInvalidWelcome.With("scope", "no such channel code, staff member or department in this account")
		}
		if err := s.saveWelcomeTx(tx, in); err != nil {
			return err
		}
		row, err = welcomeOf(tx, in.AccountID, in.Scope, in.ScopeID)
		return err
	})
	return row, err
}

func (s *Service) saveWelcomeTx(tx *gorm.DB, in WelcomeInput) error {
	if err := checkWelcome(tx, in.AccountID, in.WelcomeContent); err != nil {
		return err
	}
	attachments, err := json.Marshal(in.Attachments)
	if err != nil {
		return fmt.Errorf("encode attachments: %w", err)
	}
	row := &model.Welcome{
		AccountID: in.AccountID, Scope: in.Scope, ScopeID: in.ScopeID, Text: in.Text, Attachments: string(attachments),
		Enabled: in.Enabled, CreatedAt: s.now(), UpdatedAt: s.now(),
	}
	if err := upsertWelcome(tx, row); err != nil {
		return err
	}
	return s.uploadSoonTx(tx, mediaIn(in.Attachments))
}

// setCodeWelcomeTx gives a channel code its own welcome message, or none.
func (s *Service) setCodeWelcomeTx(tx *gorm.DB, code *model.ChannelCode, content *WelcomeContent) error {
	if content == nil {
		return deleteWelcomeOf(tx, code.AccountID, ScopeChannelCode, code.ID)
	}
	return s.saveWelcomeTx(tx, WelcomeInput{
		AccountID: code.AccountID, Scope: ScopeChannelCode, ScopeID: code.ID, WelcomeContent: *content, Enabled: true,
	})
}

// Welcome reads one welcome message. Fails with ErrWelcomeNotFound.
func (s *Service) Welcome(ctx context.Context, id int64) (*model.Welcome, error) {
	return welcomeByID(s.db.WithContext(ctx), id)
}

// Welcomes lists an account's welcome messages except those of channel codes, which are read with
// their code.
func (s *Service) Welcomes(ctx context.Context, accountID int64) ([]model.Welcome, error) {
	return listWelcomes(s.db.WithContext(ctx), accountID)
}

// DeleteWelcome removes a welcome message; the next wider one applies. Fails with ErrWelcomeNotFound.
func (s *Service) DeleteWelcome(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error {
		if _, err := welcomeByID(tx, id); err != nil {
			return err
		}
		return deleteWelcome(tx, id)
	})
}

// ContentOf reads back what a welcome message says.
func ContentOf(w *model.Welcome) (WelcomeContent, error) {
	c := WelcomeContent{Text: w.Text}
	if err := json.Unmarshal([]byte(w.Attachments), &c.Attachments); err != nil {
		return c, fmt.Errorf("attachments of welcome %d: %w", w.ID, err)
	}
	return c, nil
}

// choose picks the closest welcome message: of the channel code, else of the staff member, else of the
// nearest department (from the staff member's own upwards), else the default.
func choose(list []model.Welcome, codeID, staffID int64, departments []int64) *model.Welcome {
	wishes := []model.Welcome{{Scope: ScopeChannelCode, ScopeID: codeID}, {Scope: ScopeStaff, ScopeID: staffID}}
	for _, d := range departments {
		wishes = append(wishes, model.Welcome{Scope: ScopeDepartment, ScopeID: d})
	}
	wishes = append(wishes, model.Welcome{Scope: ScopeDefault})
	for _, wish := range wishes {
		i := slices.IndexFunc(list, func(w model.Welcome) bool {
			return w.Enabled && w.Scope == wish.Scope && w.ScopeID == wish.ScopeID
		})
		if i >= 0 && (wish.ScopeID != 0 || wish.Scope == ScopeDefault) {
			return &list[i]
		}
	}
	return nil
}
