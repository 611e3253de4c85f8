package visit

import (
	"context"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Authenticate tells whose visit a token is, from the database at every call. A visit that has ended,
// in whatever way, gets ErrEnded: signed out, idle, too old, its customer erased, its staff member gone.
func (s *Service) Authenticate(ctx context.Context, token string) (*Visitor, error) {
	now := s.Now()
	row, err := findVisit(s.DB.WithContext(ctx), tokenHash(token), now, now.Add(-IdleTime))
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, ErrEnded
	}
	if before := now.Add(-touchEvery); !row.SeenAt.After(before) {
		err := model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return touchVisit(tx, row.ID, now, before) })
		if err != nil {
			return nil, err
		}
	}
	return &Visitor{
		VisitID: row.ID, AccountID: row.AccountID, CustomerID: row.CustomerID, StaffID: row.StaffID,
		StaffName: row.StaffName, ExpiresAt: row.ExpiresAt,
	}, nil
}

// SignOut ends a visit. Repeatable; an unknown token ends nothing.
func (s *Service) SignOut(ctx context.Context, token string) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error { return endByToken(tx, tokenHash(token), s.Now()) })
}

// EndTx ends every visit of a customer, on every replica at once: they cancelled at the platform, or
// their data is erased. Repeatable.
func (s *Service) EndTx(tx *gorm.DB, customerID int64) error {
	return endOf(tx, customerID, s.Now())
}

// Prune deletes visits past their end, codes that the platform has forgotten, and counts of days gone
// by. It is a job: it may run at any moment, twice, or in two replicas.
func (s *Service) Prune(ctx context.Context) error {
	yesterday := s.Now().Add(-48 * time.Hour).In(s.Zone)
	day := yesterday.Year()*10000 + int(yesterday.Month())*100 + yesterday.Day()
	for _, prune := range []func(*gorm.DB) (int, error){
		func(tx *gorm.DB) (int, error) { return pruneVisits(tx, s.Now()) },
		func(tx *gorm.DB) (int, error) { return pruneCodes(tx, s.Now()) },
		func(tx *gorm.DB) (int, error) { return pruneCounts(tx, day) },
	} {
		for deleted := pruneAtOnce; deleted == pruneAtOnce; {
			err := model.InTx(ctx, s.DB, func(tx *gorm.DB) (err error) {
				deleted, err = prune(tx)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
