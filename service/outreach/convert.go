package outreach

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Goal is what the messages of a source are for: events of a kind within a span of time.
type Goal struct {
	Source     string
	SourceID   int64
	Steps      []string // those whose messages count
	Occurrence string
	Kind       string    // of events
	From       time.Time // inclusive
	Until      time.Time // exclusive
}

// Convert brings to Converted the deliveries of a goal whose customers did it after their message had left, at the time
// of the first such event. What has not left, or did so afterwards, is no reason for what the customer did, and stays as it is.
// It may be repeated, and an event that is recorded late counts by when it happened. It tells how many changed.
func (s *Service) Convert(ctx context.Context, g Goal) (converted int, err error) {
	db := s.DB.WithContext(ctx)
	for _, step := range g.Steps {
		for after := int64(0); ; {
			last, err := lastForGoal(db, &g, step, after, setChunk)
			if err != nil {
				return converted, fmt.Errorf("page through deliveries of a goal: %w", err)
			}
			if last == 0 {
				break
			}
			found, err := reachedGoal(db, &g, step, after, last)
			if err != nil {
				return converted, fmt.Errorf("find deliveries whose goal is reached: %w", err)
			}
			reports, err := s.conversions(db, found)
			if err != nil {
				return converted, err
			}
			n, err := s.Report(ctx, reports)
			converted += n
			if err != nil {
				return converted, err
			}
			after = last
		}
	}
	return converted, nil
}

// Reached says that a customer did at a time what the messages with some occurrences were for.
type Reached struct {
	CustomerID  int64
	Occurrences string // what theirs begin with
	At          time.Time
}

// ConvertTx brings to Converted, for each who reached it, the last of the messages that had left by then. Of several that were for
// the same goal that is one, so that conversions add up. It tells how many changed.
func (s *Service) ConvertTx(tx *gorm.DB, source string, sourceID int64, reached []Reached) (converted int, err error) {
	customers := make([]int64, len(reached))
	for i, r := range reached {
		customers[i] = r.CustomerID
	}
	slices.Sort(customers)
	rows, err := leftTo(tx, source, sourceID, slices.Compact(customers))
	if err != nil {
		return 0, fmt.Errorf("find what has left to customers: %w", err)
	}
	var last []reachedBy
	for _, r := range reached {
		var best *model.Delivery
		for i := range rows {
			d := &rows[i]
			if d.CustomerID != r.CustomerID || !strings.HasPrefix(d.Occurrence, r.Occurrences) || d.AcceptedAt == nil || d.AcceptedAt.After(r.At) {
				continue
			}
			if best == nil || d.AcceptedAt.After(*best.AcceptedAt) || d.AcceptedAt.Equal(*best.AcceptedAt) && d.ID > best.ID {
				best = d
			}
		}
		if best != nil {
			last = append(last, reachedBy{ID: best.ID, LaneID: best.LaneID, State: State(best.State), At: r.At})
		}
	}
	reports, err := s.conversions(tx, last)
	if err != nil {
		return 0, err
	}
	for part := range slices.Chunk(reports, reportChunk) {
		n, err := s.ReportTx(tx, part)
		if err != nil {
			return converted, err
		}
		converted += n
	}
	return converted, nil
}

// reachedBy is a delivery that has left, and when its customer did what it was for.
type reachedBy struct {
	ID, LaneID int64
	State      State
	At         time.Time
}

// conversions are the reports of deliveries that converted, each once and by the first event. What the platform has only
// accepted does not count where the channel will say when it is sent: until a member of staff has confirmed it, the customer has nothing.
func (s *Service) conversions(db *gorm.DB, found []reachedBy) ([]Report, error) {
	rows := make([]model.Delivery, len(found))
	for i, f := range found {
		rows[i].LaneID = f.LaneID
	}
	lanes, err := lanesByID(db, rows)
	if err != nil {
		return nil, fmt.Errorf("read lanes of deliveries: %w", err)
	}
	first := map[int64]Report{}
	for _, f := range found {
		if lane := lanes[f.LaneID]; f.State == Accepted && lane != nil {
			if c, ok := s.Channel(lane.Channel); ok && slices.Contains(c.Describe().Reports, Sent) {
				continue
			}
		}
		if had, is := first[f.ID]; !is || f.At.Before(had.At) {
			first[f.ID] = Report{ID: f.ID, State: Converted, At: f.At}
		}
	}
	reports := make([]Report, 0, len(first))
	for _, r := range first {
		reports = append(reports, r)
	}
	slices.SortFunc(reports, func(a, b Report) int { return int(a.ID - b.ID) })
	return reports, nil
}
