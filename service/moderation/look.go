package moderation

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/wecom"
)

// Looked is a piece that was looked at and may be kept.
type Looked struct {
	Piece
	found finding
}

// Look asks the platform about texts that are about to be kept, and tells what is to be noted with them. What has been looked
// at before is not asked about again. The platform's silence is no failure: such a text is hidden. It fails with ErrRisky, which
// names every field that must not be kept. Call it outside of transactions.
func (s *Service) Look(ctx context.Context, a Author, pieces []Piece) ([]Looked, error) {
	if len(pieces) == 0 {
		return nil, nil
	}
	known, err := checksOf(s.DB.WithContext(ctx), a.CustomerID)
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ask := s.asker(within, a)
	out := make([]Looked, 0, len(pieces))
	var risky *fault.Fault
	for _, p := range pieces {
		row := known[p.Field]
		same := row != nil && bytes.Equal(row.Hash, hashOf(p.Field, p.Content))
		l := Looked{Piece: p}
		switch {
		case p.Content == "":
		case same && (row.State != Waiting || p.Picture):
			l.found = finding{state: row.State, reason: row.Reason, label: row.Label}
		case p.Picture:
			l.found = finding{state: Waiting, reason: ReasonPicture}
		default:
			l.found = ask(p.Content)
		}
		if l.found.state == Refused {
			if risky == nil {
				risky = ErrRisky
			}
			risky = risky.With(p.Field, "内容不合规 / it must not be shown to others")
		}
		out = append(out, l)
	}
	switch {
	case risky != nil:
		return nil, risky
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return out, nil
}

// asker asks about one text after another, until the platform is out of reach: nobody waits for that twice.
func (s *Service) asker(ctx context.Context, a Author) func(text string) finding {
	var silent *finding
	return func(text string) finding {
		if silent != nil {
			return *silent
		}
		found, err := s.askText(ctx, a, text)
		if err != nil {
			s.Logger.WarnContext(ctx, "a text could not be checked", "customer", a.CustomerID, "error", err)
			found = finding{state: Waiting, reason: ReasonUnreachable}
			silent = &found
		}
		return found
	}
}

// askText asks the platform about a text. An error says that asking later may bring more.
func (s *Service) askText(ctx context.Context, a Author, text string) (finding, error) {
	mini, openID, err := s.reach(ctx, a)
	if err != nil || mini == nil {
		return unasked(err)
	}
	v, err := mini.CheckText(ctx, openID, wecom.SceneProfile, text)
	if err != nil {
		return unasked(err)
	}
	return foundBy(v.Suggest, v.Label), nil
}

// reach gives the way to the platform for an author; nil when they are nobody's user.
func (s *Service) reach(ctx context.Context, a Author) (MiniApp, string, error) {
	user, err := userOf(s.DB.WithContext(ctx), a)
	if err != nil || user == nil {
		return nil, "", err
	}
	return s.MiniApp(user.Account), user.OpenID, nil
}

// unasked is what there is to say without a verdict. An error says that asking later may bring more.
func unasked(err error) (finding, error) {
	switch {
	case errors.Is(err, wecom.ErrVisitTooOld):
		return finding{state: Waiting, reason: ReasonVisit, visit: true}, nil
	case err == nil, errors.Is(err, wecom.ErrBadInput):
		return finding{state: Review, reason: ReasonUnasked}, nil
	}
	return finding{}, fmt.Errorf("ask the platform about a content: %w", err)
}

// NoteTx notes what was found of pieces that are kept in the same transaction, in which the customer's row is locked. Who stands
// for the author has them.
func (s *Service) NoteTx(tx *gorm.DB, a Author, looked []Looked) error {
	if len(looked) == 0 {
		return nil
	}
	known, err := checksOf(model.ForUpdate(tx), a.CustomerID)
	if err != nil {
		return err
	}
	now := s.Now()
	for _, l := range looked {
		row := known[l.Field]
		if l.Content == "" {
			if err := drop(tx, row); err != nil {
				return err
			}
			continue
		}
		hash := hashOf(l.Field, l.Content)
		if row != nil && bytes.Equal(row.Hash, hash) && (row.State != Waiting || l.found.state == Waiting) {
			continue // nothing new; perhaps a person has decided meanwhile
		}
		id := int64(0)
		if row != nil {
			id = row.ID
		}
		row = &model.ContentCheck{ID: id, CustomerID: a.CustomerID, Field: l.Field, AccountID: a.AccountID, Hash: hash, CreatedAt: now}
		l.found.apply(row, now)
		if err := save(tx, row); err != nil {
			return err
		}
		if row.State == Waiting && row.DueAt != nil {
			if err := s.enqueue(tx, row.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
