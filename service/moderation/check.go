package moderation

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
	"zhiyin/wecom"
)

// workCheck is the work of one check that waits.
const workCheck = "moderation.check"

var checkPolicy = work.Policy{Timeout: 30 * time.Second}

type checkWork struct {
	ID int64 `json:"id"`
}

func (s *Service) enqueue(tx *gorm.DB, id int64) error {
	return s.Queue.Enqueue(tx, work.Item{Kind: workCheck, Payload: checkWork{id}})
}

// check asks the platform about what waits. A check whose content is no longer there is taken away.
func (s *Service) check(ctx context.Context, _ *work.Lease, in checkWork) error {
	row, err := checkByID(s.DB.WithContext(ctx), in.ID)
	if err != nil || row == nil || (row.State != Waiting && row.State != Review) {
		return err
	}
	piece, err := s.piece(ctx, row)
	if err != nil {
		return err
	}
	if piece == nil {
		return s.settle(ctx, row, func(tx *gorm.DB, row *model.ContentCheck) error { return drop(tx, row) })
	}
	if row.State == Review {
		return nil
	}
	a := Author{row.CustomerID, row.AccountID}
	if piece.Picture {
		return s.askPicture(ctx, a, row, piece)
	}
	found, err := s.askText(ctx, a, piece.Content)
	if err != nil {
		return later(err)
	}
	return s.settle(ctx, row, func(tx *gorm.DB, now *model.ContentCheck) error {
		now.Hash = hashOf(piece.Field, piece.Content)
		found.apply(now, s.Now())
		return save(tx, now)
	})
}

// piece is what a check speaks of, if it is still there.
func (s *Service) piece(ctx context.Context, row *model.ContentCheck) (*Piece, error) {
	pieces, err := s.contents.WrittenTx(s.DB.WithContext(ctx), row.CustomerID)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(pieces, func(p Piece) bool { return p.Field == row.Field })
	if i < 0 || pieces[i].Content == "" || len(row.Hash) > 0 && !bytes.Equal(row.Hash, hashOf(row.Field, pieces[i].Content)) {
		return nil, nil
	}
	return &pieces[i], nil
}

// askPicture asks the platform to look at a picture; its verdict will name the trace.
func (s *Service) askPicture(ctx context.Context, a Author, row *model.ContentCheck, p *Piece) error {
	mini, openID, err := s.reach(ctx, a)
	trace := ""
	if err == nil && mini != nil {
		trace, err = mini.CheckPicture(ctx, openID, wecom.SceneProfile, p.Content)
	}
	found := finding{state: Waiting, reason: ReasonPicture}
	if trace == "" {
		if found, err = unasked(err); err != nil {
			return later(err)
		}
	}
	return s.settle(ctx, row, func(tx *gorm.DB, now *model.ContentCheck) error {
		now.Hash, now.TraceID = hashOf(p.Field, p.Content), trace
		if trace != "" {
			now.Asked++
		}
		found.apply(now, s.Now())
		return save(tx, now)
	})
}

// settle changes a check unless it has come to speak of something else, or was decided, since it was read.
func (s *Service) settle(ctx context.Context, read *model.ContentCheck, change func(*gorm.DB, *model.ContentCheck) error) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := checkByID(model.ForUpdate(tx), read.ID)
		if err != nil || row == nil || row.State != read.State || !bytes.Equal(row.Hash, read.Hash) {
			return err
		}
		return change(tx, row)
	})
}

// later has a work come back when the platform may answer again.
func later(err error) error {
	var e *wecom.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		return work.Snooze(e.RetryAfter)
	}
	return err
}

// VisitedTx has everything asked about that waits for the customer to come back: the platform judges only what somebody wrote
// who was there lately. Repeatable.
func (s *Service) VisitedTx(tx *gorm.DB, a Author) error {
	ids, err := waitingForVisit(tx, a.CustomerID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		took, err := postpone(tx, id, a.AccountID, nil, s.Now().Add(lookAgain))
		if err != nil {
			return err
		}
		if took {
			if err := s.enqueue(tx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// ForgottenTx takes away the checks of fields that were emptied. Repeatable.
func (s *Service) ForgottenTx(tx *gorm.DB, customerID int64, fields []string) error {
	return dropOf(tx, customerID, fields)
}

const tickAtOnce = 200

// Tick has everything looked at again that was not decided within a day: verdicts that never came are asked for anew, and from
// the third time on a person is asked. A job: it may run at any moment, twice, and in two replicas.
func (s *Service) Tick(ctx context.Context) error {
	for {
		rows, err := dueChecks(s.DB.WithContext(ctx), s.Now(), tickAtOnce)
		if err != nil {
			return err
		}
		err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
			for _, row := range rows {
				if err := s.lookAgain(tx, row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(rows) < tickAtOnce {
			return err
		}
	}
}

func (s *Service) lookAgain(tx *gorm.DB, row *model.ContentCheck) error {
	took, err := postpone(tx, row.ID, 0, row.DueAt, s.Now().Add(lookAgain))
	if err != nil || !took {
		return err
	}
	if row.State == Waiting && row.Asked >= asksInAll {
		return giveUp(tx, row, s.Now())
	}
	return s.enqueue(tx, row.ID)
}
