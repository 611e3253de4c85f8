package intake

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/staff"
	"zhiyin/wecom"
)

// write writes the one page of a part that has only one, and its checkpoint.
func (s *Service) write(ctx context.Context, p *pass, part *model.SyncPart, apply func(tx *gorm.DB) (staff.Counts, error)) error {
	return s.inTx(ctx, func(tx *gorm.DB) error {
		counts, err := apply(tx)
		if err != nil {
			return err
		}
		return s.checkpoint(tx, p, part, progress{over: true, counts: counts})
	})
}

func (s *Service) readDepartments(ctx context.Context, p *pass, part *model.SyncPart) error {
	list, err := p.corp.Departments(ctx)
	if err != nil {
		return err
	}
	return s.write(ctx, p, part, func(tx *gorm.DB) (staff.Counts, error) {
		return s.staff.ApplyDepartmentsTx(tx, p.acct.ID, list, true)
	})
}

// readAllStaff reads the staff of every department, because one answer for all of a large corp is
// refused as too large, and who may have customers. Only with all of them is anybody found gone.
func (s *Service) readAllStaff(ctx context.Context, p *pass, part *model.SyncPart) error {
	departments, err := departmentIDs(s.db.WithContext(ctx), p.acct.ID)
	if err != nil {
		return err
	}
	lists := make([][]wecom.StaffMember, len(departments))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(s.concurrency)
	for i, id := range departments {
		g.Go(func() (err error) {
			if lists[i], err = p.corp.StaffOf(gctx, id); err != nil {
				return fmt.Errorf("department %d: %w", id, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	serving, err := p.corp.FollowUsers(ctx)
	if err != nil {
		return err
	}
	var all []wecom.StaffMember
	for _, l := range lists {
		all = append(all, l...)
	}
	return s.write(ctx, p, part, func(tx *gorm.DB) (staff.Counts, error) {
		counts, err := s.staff.ApplyStaffTx(tx, p.acct.ID, all, true)
		if err != nil {
			return counts, err
		}
		return counts, s.staff.SetServingTx(tx, p.acct.ID, serving)
	})
}

func (s *Service) readTags(ctx context.Context, p *pass, part *model.SyncPart) error {
	readAt := s.now()
	groups, err := p.corp.CorpTags(ctx)
	if err != nil {
		return err
	}
	return s.write(ctx, p, part, func(tx *gorm.DB) (staff.Counts, error) {
		return s.tags.ApplyGroupsTx(tx, p.acct.ID, groups, true, readAt)
	})
}
