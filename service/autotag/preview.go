package autotag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/segment"
)

// Preview is what a rule would do, without doing it.
type Preview struct {
	// Fitting counts the customers who fit now; of an occurrence, those to whom it would have happened in the last
	// PreviewDays days.
	Fitting int64
	// Giving counts those of them who lack one of the tags.
	Giving int64
	// Sample are some who would be given tags, by row id.
	Sample []int64
	// Partial: more has happened than was looked at.
	Partial bool
}

// How far a preview looks.
const (
	PreviewDays   = 7
	previewEvents = 20_000
	previewSample = 20
	previewTime   = 5 * time.Second
)

// Preview tells what a rule would do. It writes nothing. It fails as Create does, or with ErrSlow.
func (s *Service) Preview(ctx context.Context, d Definition) (*Preview, error) {
	if d.Name == "" {
		d.Name = "preview"
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
	out, err := s.preview(s.DB.WithContext(ctx), &d)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, ErrSlow
	}
	return out, err
}

func (s *Service) preview(db *gorm.DB, d *Definition) (*Preview, error) {
	if err := s.fill(db, &model.TagRule{}, d); err != nil {
		return nil, err
	}
	r := &rule{condition: d.Condition, occurrence: d.Occurrence, tags: d.TagIDs}
	if r.condition == nil {
		r.condition = &segment.Rule{All: []segment.Rule{}}
	}
	e, err := s.env(db, false)
	if err != nil {
		return nil, err
	}
	if r.standing() {
		return previewStanding(db, e, r)
	}
	return s.previewOccurrence(db, e, r)
}

// lacking narrows customers to those who lack one of the tags.
func lacking(r *rule, now time.Time) (string, []any) {
	return "(SELECT COUNT(*) FROM customer_tag WHERE customer_tag.customer_id = customer.id AND customer_tag.tag_id IN ? " +
		"AND (customer_tag.expires_at IS NULL OR customer_tag.expires_at > ?)) < ?", []any{r.tags, now, len(r.tags)}
}

func previewStanding(db *gorm.DB, e *segment.Env, r *rule) (*Preview, error) {
	out := &Preview{}
	count, err := e.Count(r.condition, segment.Scope{})
	if err != nil {
		return nil, err
	}
	if err := db.Raw(count.SQL, count.Args...).Scan(&out.Fitting).Error; err != nil {
		return nil, fmt.Errorf("count who fits: %w", err)
	}
	where, err := e.Where(r.condition, segment.Scope{})
	if err != nil {
		return nil, err
	}
	lack, args := lacking(r, e.Now)
	args = slices.Concat(where.Args, args)
	if err := db.Raw("SELECT COUNT(*) FROM customer WHERE "+where.SQL+" AND "+lack, args...).Scan(&out.Giving).Error; err != nil {
		return nil, fmt.Errorf("count who would be given tags: %w", err)
	}
	out.Sample, err = selectIDs(db, segment.Query{
		SQL: "SELECT customer.id FROM customer WHERE " + where.SQL + " AND " + lack + " ORDER BY customer.id LIMIT ?", Args: append(args, previewSample),
	})
	return out, err
}

// previewOccurrence holds the rule against what happened lately.
func (s *Service) previewOccurrence(db *gorm.DB, e *segment.Env, r *rule) (*Preview, error) {
	var batch []model.Event
	err := db.Where("kind IN ? AND occurred_at >= ? AND customer_id <> 0", r.occurrence.Kinds, e.Now.AddDate(0, 0, -PreviewDays)).
		Order("occurred_at DESC").Limit(previewEvents + 1).Find(&batch).Error
	if err != nil {
		return nil, fmt.Errorf("read what happened: %w", err)
	}
	out := &Preview{Partial: len(batch) > previewEvents}
	knots := newNet("", []*rule{r})
	var met []int64
	for _, ev := range batch {
		if _, ok := knots.happening(ev).meets(r); ok {
			met = append(met, ev.CustomerID)
		}
	}
	slices.Sort(met)
	met = slices.Compact(met)
	lack, args := lacking(r, e.Now)
	for some := range slices.Chunk(met, 500) {
		fits, err := s.fitting(db, r, segment.Scope{IDs: some})
		if err != nil {
			return nil, err
		}
		out.Fitting += int64(len(fits))
		if len(fits) == 0 {
			continue
		}
		giving, err := selectIDs(db, segment.Query{
			SQL: "SELECT customer.id FROM customer WHERE customer.id IN ? AND " + lack + " ORDER BY customer.id", Args: slices.Concat([]any{fits}, args),
		})
		if err != nil {
			return nil, err
		}
		out.Giving += int64(len(giving))
		out.Sample = append(out.Sample, giving[:min(len(giving), previewSample-len(out.Sample))]...)
	}
	return out, nil
}
