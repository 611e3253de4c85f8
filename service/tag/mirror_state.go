package tag

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// MirrorState is how an account's platform shows a local group.
type MirrorState struct {
	AccountID int64
	Wanted    bool            // all tags, those to come included
	Reason    string          // why it was switched off without being asked
	Group     *model.TagGroup // at the platform; nil: not shown
	Tags      []MirroredTag
}

// MirroredTag is how an account's platform shows a local tag.
type MirroredTag struct {
	Local  model.Tag
	Wanted bool
	Reason string
	Tag    *model.Tag // at the platform; nil: not shown
	// Marks counts the customers' relations by how their mark stands: add, synced, remove, failed, …
	Marks map[string]int64
}

// Mirrors gives how the accounts that mirror something of a local group show it. It fails with ErrNotFound
// or ErrLocal.
func (s *Service) Mirrors(ctx context.Context, groupID int64) ([]MirrorState, error) {
	db := s.db.WithContext(ctx)
	group, err := itemByID(db, GroupRef(groupID))
	switch {
	case err != nil:
		return nil, err
	case !group.live():
		return nil, ErrNotFound
	case group.AccountID != 0:
		return nil, ErrLocal
	}
	accounts, err := mirroringAccounts(db, groupID)
	if err != nil {
		return nil, err
	}
	out := make([]MirrorState, len(accounts))
	for i, id := range accounts {
		if err := mirrorState(db, id, groupID, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func mirrorState(db *gorm.DB, accountID, groupID int64, out *MirrorState) error {
	wishes, err := mirrorWishes(db, accountID, groupID)
	if err != nil {
		return err
	}
	*out = MirrorState{AccountID: accountID, Wanted: wishes[0].Wanted, Reason: wishes[0].Reason}
	var groups []model.TagGroup
	if err := db.Where("account_id = ? AND mirror_of = ? AND gone_at IS NULL", accountID, groupID).Order("id DESC").Limit(1).Find(&groups).Error; err != nil {
		return fmt.Errorf("find mirror of group: %w", err)
	}
	var local, there []model.Tag
	if err := db.Where("group_id = ? AND gone_at IS NULL", groupID).Order("position DESC, id").Find(&local).Error; err != nil {
		return fmt.Errorf("find local tags: %w", err)
	}
	if len(groups) > 0 {
		out.Group = &groups[0]
		if err := db.Where("group_id = ? AND mirror_of <> 0 AND gone_at IS NULL", groups[0].ID).Order("id").Find(&there).Error; err != nil {
			return fmt.Errorf("find mirrors: %w", err)
		}
	}
	marks, err := countMarks(db, there)
	if err != nil {
		return err
	}
	for _, t := range local {
		m := MirroredTag{Local: t, Wanted: wishes[0].Wanted}
		if w, ok := wishes[t.ID]; ok {
			m.Wanted, m.Reason = w.Wanted, w.Reason
		}
		for i := range there {
			if there[i].MirrorOf == t.ID {
				m.Tag, m.Marks = &there[i], marks[there[i].ID]
			}
		}
		out.Tags = append(out.Tags, m)
	}
	return nil
}

// countMarks counts assignments by tag and state.
func countMarks(db *gorm.DB, tags []model.Tag) (map[int64]map[string]int64, error) {
	out := map[int64]map[string]int64{}
	if len(tags) == 0 {
		return out, nil
	}
	ids := make([]int64, len(tags))
	for i, t := range tags {
		ids[i] = t.ID
	}
	var rows []struct {
		TagID     int64
		SyncState string
		N         int64
	}
	err := db.Model(&model.TagAssignment{}).Select("tag_id, sync_state, COUNT(*) AS n").Where("tag_id IN ?", ids).Group("tag_id, sync_state").Find(&rows).Error
	if err != nil {
		return nil, fmt.Errorf("count marks: %w", err)
	}
	for _, r := range rows {
		if out[r.TagID] == nil {
			out[r.TagID] = map[string]int64{}
		}
		out[r.TagID][r.SyncState] = r.N
	}
	return out, nil
}
