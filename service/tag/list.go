package tag

import (
	"context"
	"time"

	"zhiyin/model"
)

// Group is a tag group with its tags.
type Group struct {
	model.TagGroup
	Tags []model.Tag
}

// List gives the groups and tags of an account (0: of all accounts) that are not gone, as people see
// them: larger positions first. Those that wait for the platform, or that it refused, are among them.
func (s *Service) List(ctx context.Context, accountID int64) ([]Group, error) {
	db := s.db.WithContext(ctx)
	groups, err := liveItems[model.TagGroup](db, accountID)
	if err != nil {
		return nil, err
	}
	tags, err := liveItems[model.Tag](db, accountID)
	if err != nil {
		return nil, err
	}
	out := make([]Group, len(groups))
	at := make(map[int64]int, len(groups))
	for i, g := range groups {
		out[i].TagGroup, at[g.ID] = g, i
	}
	for _, t := range tags {
		if i, ok := at[t.GroupID]; ok {
			out[i].Tags = append(out[i].Tags, t)
		}
	}
	return out, nil
}

// Label is how a tag is shown.
type Label struct {
	ID        int64
	AccountID int64
	Name      string
	Group     string
}

// labels is the dictionary in memory.
type labels struct {
	byID  map[int64]Label
	until time.Time
}

// labelLife is how long another replica's change may go unnoticed.
const labelLife = 5 * time.Second

// Labels gives all tags that can be shown, by row id, from memory: lists of customers need them for
// every row. It may be 5 s old; the map must not be changed.
func (s *Service) Labels(ctx context.Context) (map[int64]Label, error) {
	s.mu.Lock()
	known := s.labels
	s.mu.Unlock()
	if s.now().Before(known.until) {
		return known.byID, nil
	}
	groups, err := s.List(ctx, 0)
	if err != nil {
		return nil, err
	}
	fresh := labels{map[int64]Label{}, s.now().Add(labelLife)}
	for _, g := range groups {
		for _, t := range g.Tags {
			fresh.byID[t.ID] = Label{t.ID, t.AccountID, t.Name, g.Name}
		}
	}
	s.mu.Lock()
	s.labels = fresh
	s.mu.Unlock()
	return fresh.byID, nil
}

// forget makes the next Labels read anew.
func (s *Service) forget() {
	s.mu.Lock()
	s.labels = labels{}
	s.mu.Unlock()
}
