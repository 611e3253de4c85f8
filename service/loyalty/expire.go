package loyalty

import (
	"context"
	"fmt"
)

// expirePage is how many customers one look finds.
const expirePage = 500

// ExpireDue takes points whose time is over. It may be run at any moment and twice.
func (s *Service) ExpireDue(ctx context.Context) error {
	for ctx.Err() == nil {
		ids, err := customersWithExpired(s.DB.WithContext(ctx), s.Now(), expirePage)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := s.in(s.DB.WithContext(ctx), id, (*book).expire); err != nil {
				return fmt.Errorf("expire points of customer %d: %w", id, err)
			}
		}
	}
	return ctx.Err()
}

// expire takes what a customer holds whose time is over, with one entry.
func (b *book) expire() error {
	lots, err := expiredLots(b.tx, b.account.CustomerID, b.now)
	if err != nil || len(lots) == 0 {
		return err
	}
	points := int64(0)
	for _, l := range lots {
		points += l.Remaining
	}
	// The last of the lots names the move: each lot expires once, because nothing is added to one whose time is over.
	last := lots[len(lots)-1]
	row, err := b.entry(Expire, Available, Expired, points, 0, Detail{Key: "expire:" + number(last.ID), Source: "expiry", SourceID: last.ID, Reason: "积分到期 · expired"})
	if err != nil {
		return err
	}
	for _, l := range lots {
		if err := takeFromLot(b.tx, row.ID, l.ID, l.Remaining); err != nil {
			return err
		}
	}
	return nil
}
