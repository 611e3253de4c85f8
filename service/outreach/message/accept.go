package message

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Accept lets a version pass in spite of what the check finds in it now; somebody else than its author has to. Repeatable. It fails with
// ErrNotFound or ErrOwn.
func (s *Service) Accept(ctx context.Context, versionID, staffID int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		v, err := versionByID(tx, versionID)
		if err != nil {
			return err
		}
		if v.StaffID == staffID {
			return ErrOwn
		}
		findings, err := findNow(tx, v)
		if err != nil || len(findings) == 0 {
			return err
		}
		text, _ := json.Marshal(findings) // texts
		return acceptVersion(tx, versionID, string(text), staffID, s.now())
	})
}

func findNow(tx *gorm.DB, v *model.MessageVersion) ([]Finding, error) {
	policy, err := policyNow(tx)
	if err != nil {
		return nil, err
	}
	c, err := Decode(v.Body)
	if err != nil {
		return nil, err
	}
	return policy.find(&c), nil
}

// Usable tells whether a version may be sent by a channel that carries some kinds of content: it is written for the channel, has
// something that it can carry, and the check finds nothing in it now that nobody has accepted. It fails with ErrNotFound, ErrCantCarry
// or ErrFound.
func (s *Service) Usable(ctx context.Context, versionID int64, channel string, kinds []Kind) error {
	tx := s.DB.WithContext(ctx)
	v, err := versionByID(tx, versionID)
	if err != nil {
		return err
	}
	w, err := written(&model.Message{}, v)
	if err != nil {
		return err
	}
	carried := slices.ContainsFunc(w.Content.Kinds(), func(k Kind) bool { return slices.Contains(kinds, k) })
	if !slices.Contains(w.Channels, channel) || !carried {
		return ErrCantCarry.With("channel", channel)
	}
	findings, err := findNow(tx, v)
	if err != nil {
		return err
	}
	f := ErrFound
	for _, found := range findings {
		if v.AcceptedBy == 0 || !slices.Contains(w.Findings, found) {
			f = f.With(found.Field, fmt.Sprintf("%s: %s", found.Kind, found.Text))
		}
	}
	if len(f.Fields) > 0 {
		return f
	}
	return nil
}

// Personal tells whether a version may read differently to each recipient, so that a channel can't say it to many at once. It fails with
// ErrNotFound.
func (s *Service) Personal(ctx context.Context, versionID int64) (bool, error) {
	v, err := versionByID(s.DB.WithContext(ctx), versionID)
	if err != nil {
		return false, err
	}
	return v.Personal, nil
}

// Triable tells whether a member of staff can look at a version in the company's app, which takes a text or a card. It fails with
// ErrNotFound or ErrCantCarry.
func (s *Service) Triable(ctx context.Context, versionID int64) error {
	v, err := versionByID(s.DB.WithContext(ctx), versionID)
	if err != nil {
		return err
	}
	c, err := Decode(v.Body)
	if err == nil && c.Text == "" && c.Card == nil {
		return ErrCantCarry.With("channel", "app")
	}
	return err
}

// HashesTx gives a hash of what each version says; one that is missing does not exist.
func (s *Service) HashesTx(tx *gorm.DB, versionIDs []int64) (map[int64][32]byte, error) {
	return hashesOf(tx, versionIDs)
}
