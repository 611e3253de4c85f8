package intake

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
	"zhiyin/service/staff"
	"zhiyin/wecom"
)

const (
	groupsPerPage = 100 // each of them is read by a call of its own before the checkpoint
	ownersPerPart = 100 // the most that one question may name
	// errTooManyMembers: the groups of so large a visible range have to be asked for by owner.
	errTooManyMembers = 81017
)

// readGroups reads the groups of a part: all there are or, in a large corp, those of some owners.
func (s *Service) readGroups(ctx context.Context, p *pass, part *model.SyncPart) error {
	owners, err := s.ownersOf(ctx, p, part)
	if err != nil {
		return err
	}
	if part.PartKey != wholePart && len(owners) == 0 { // they left meanwhile; asking for nobody's asks for all
		return s.inTx(ctx, func(tx *gorm.DB) error { return s.checkpoint(tx, p, part, progress{over: true}) })
	}
	for {
		list, next, err := p.corp.Groups(ctx, wecom.GroupsQuery{OwnerIDs: owners, Cursor: part.Cursor, Limit: groupsPerPage})
		switch {
		case wecom.CodeOf(err) == errTooManyMembers && part.PartKey == wholePart:
			return s.splitGroups(ctx, p, part)
		case errors.Is(err, wecom.ErrBadInput) && part.Cursor != "":
			return s.beginPartAgain(ctx, p, part)
		case err != nil:
			return err
		}
		done, err := s.readEachGroup(ctx, p, list)
		if err != nil {
			return err
		}
		done.next, done.over = next, next == ""
		if err := s.inTx(ctx, func(tx *gorm.DB) error { return s.checkpoint(tx, p, part, done) }); err != nil {
			return err
		}
		part.Cursor = next
		if done.over {
			return nil
		}
	}
}

// readEachGroup reads some groups. One that can't be read is counted as failed; none is then found
// vanished.
func (s *Service) readEachGroup(ctx context.Context, p *pass, list []wecom.GroupStatus) (progress, error) {
	var mu sync.Mutex
	var done progress
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(s.concurrency)
	for _, status := range list {
		g.Go(func() error {
			counts, err := s.groups.Refresh(gctx, p.acct, status.ChatID, p.run.ID, event.SourceSync)
			if err != nil && (ctx.Err() != nil || !concernsPart(err)) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				counts = staff.Counts{Failed: 1}
				done.problem = err.Error()
			}
			done.counts.Add(counts)
			return nil
		})
	}
	return done, g.Wait()
}

// splitGroups puts parts by owner in the place of the one for all.
func (s *Service) splitGroups(ctx context.Context, p *pass, part *model.SyncPart) error {
	return s.inTx(ctx, func(tx *gorm.DB) error {
		rows, err := servingStaff(tx, p.acct.ID)
		if err != nil {
			return err
		}
		var keys []string
		for len(rows) > 0 {
			n := min(len(rows), ownersPerPart)
			keys = append(keys, fmt.Sprintf("%d-%d", rows[0].ID, rows[n-1].ID))
			rows = rows[n:]
		}
		if err := insertParts(tx, p.run.ID, part.Stage, keys, s.now()); err != nil {
			return err
		}
		if err := s.checkpoint(tx, p, part, progress{over: true}); err != nil {
			return err
		}
		return widenRun(tx, p.run.ID, int64(len(keys)))
	})
}

// ownersOf are the user ids behind a part; none means all.
func (s *Service) ownersOf(ctx context.Context, p *pass, part *model.SyncPart) ([]string, error) {
	from, to, some := strings.Cut(part.PartKey, "-")
	if !some {
		return nil, nil
	}
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("part %d names no owners: %w", part.ID, err)
	}
	rows, err := servingStaff(s.db.WithContext(ctx).Where("id BETWEEN ? AND ?", first, last), p.acct.ID)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.UserID
	}
	return ids, nil
}

// closeGroups ends the groups that are no more, if every group could be read.
func (s *Service) closeGroups(tx *gorm.DB, p *pass) (int64, error) {
	began, well, err := firstStart(tx, p.run.ID, "groups")
	if err != nil || !well {
		return 0, err
	}
	return s.groups.VanishedTx(tx, p.acct, p.run.ID, began)
}
