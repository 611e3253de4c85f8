package tag

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

const workUnmarked = "tag.unmarked"

// markRef is the payload of a work: a tag on a relation.
type markRef struct {
	RelationID int64 `json:"relation_id"`
	TagID      int64 `json:"tag_id"`
}

// unmarked heeds that a mark which followed from a grant is gone at the platform. When the tag itself
// is still there somebody has taken it off, so the customer's grants of it end; that it is there is asked,
// because a reading of the customer may come before we hear that the tag was deleted.
func (s *Service) unmarked(ctx context.Context, _ *work.Lease, p markRef) error {
	db := s.db.WithContext(ctx)
	it, err := itemByID(db, TagRef(p.TagID))
	if errors.Is(err, ErrNotFound) || err == nil && (!it.live() || it.PlatformID == nil) {
		return nil
	}
	if err != nil {
		return err
	}
	acct, err := accountByID(db, it.AccountID)
	if err != nil {
		return err
	}
	if _, err := s.Refresh(ctx, acct); err != nil {
		return err
	}
	return model.InTx(ctx, s.db, func(tx *gorm.DB) error { return s.heed(tx, p) })
}

func (s *Service) heed(tx *gorm.DB, p markRef) error {
	rel, err := relationOf(tx, p.RelationID)
	if err != nil || rel == nil {
		return err
	}
	it, err := itemByID(tx, TagRef(p.TagID))
	if err != nil || !it.live() {
		return err
	}
	if err := lockRelations(tx, []int64{rel.ID}); err != nil {
		return err
	}
	rows, err := lockAssignments(tx, []int64{rel.ID})
	if err != nil {
		return err
	}
	a := rows[rel.ID][p.TagID]
	if a == nil || a.SyncState != Unmarked { // it is there again
		return nil
	}
	if err := deleteAssignments(tx, []int64{a.ID}); err != nil {
		return err
	}
	_, err = s.GiveTx(tx, Giving{
		CustomerIDs: []int64{rel.CustomerID}, Remove: []int64{it.base()}, Origin: Origin{SourceWeCom, rel.StaffID}, grantsOnly: true,
	})
	return err
}
