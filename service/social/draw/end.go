package draw

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

const endPage = 100

// EndDue ends draws whose time is over, which reveals their seeds: a promise to publish one must not wait for somebody to
// remember it. It may be run at any moment and twice.
func (s *Service) EndDue(ctx context.Context) error {
	for after := int64(0); ctx.Err() == nil; {
		ids, err := drawsOver(s.DB.WithContext(ctx), s.Now(), after, endPage)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := s.endDue(ctx, id); err != nil {
				return fmt.Errorf("end draw %d: %w", id, err)
			}
		}
		after = ids[len(ids)-1]
	}
	return ctx.Err()
}

// endDue ends one, unless somebody else just has.
func (s *Service) endDue(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lock(tx, id)
		if err != nil || row.State != StateActive && row.State != StatePaused || s.Now().Before(row.Until) {
			return err
		}
		return s.endTx(tx, row, 0)
	})
}

// endTx ends a draw that is locked, and reveals its seed.
func (s *Service) endTx(tx *gorm.DB, row *model.LuckyDraw, staffID int64) error {
	seed, err := s.Vault.Open(row.SealedSeed, sealed(row.ID))
	if err != nil {
		return err
	}
	row.Seed, row.State, row.ChangedBy, row.UpdatedAt = []byte(seed), StateEnded, staffID, s.Now()
	return write(tx, row)
}
