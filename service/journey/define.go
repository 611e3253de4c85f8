package journey

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/segment"
)

// Input is what people say a journey is.
type Input struct {
	Name, Note string
	Definition *Definition
	By         int64 // the staff member who says so
}

func (in *Input) check() error {
	in.Name, in.Note = strings.TrimSpace(in.Name), strings.TrimSpace(in.Note)
	n := utf8.RuneCountInString(in.Name)
	if n == 0 || n > 64 || utf8.RuneCountInString(in.Note) > 255 || !utf8.ValidString(in.Name+in.Note) || strings.ContainsFunc(in.Name+in.Note, unicode.IsControl) {
		return ErrName
	}
	return faultOf(in.Definition.problems)
}

// faultOf is ErrDefinition with all problems; nil of none.
func faultOf(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	f := ErrDefinition
	for _, p := range problems[:min(len(problems), 50)] {
		f = f.With(p.Place, p.Zh+" / "+p.En)
	}
	return f
}

// Create makes a journey as a draft. A draft may be incomplete, but what it says can be read: else it fails with
// ErrDefinition, or with ErrName.
func (s *Service) Create(ctx context.Context, in Input) (*model.Journey, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	now := s.now()
	row := &model.Journey{
		Name: in.Name, Note: in.Note, State: Draft, Draft: string(in.Definition.Encode(segment.RowIDs)), DraftVersion: 1, CreatedBy: in.By, CreatedAt: now, UpdatedAt: now,
	}
	return row, s.DB.WithContext(ctx).Create(row).Error
}

// Update replaces the draft, as long as it still is as the caller has seen it: else it fails with ErrChanged. Customers
// who are in go by the version they are on; the draft becomes one by Activate.
func (s *Service) Update(ctx context.Context, id, seen int64, in Input) (row *model.Journey, err error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if row, err = lockJourney(tx, id); err != nil {
			return err
		}
		if row.DraftVersion != seen {
			return ErrChanged
		}
		row.Name, row.Note, row.Draft, row.UpdatedAt = in.Name, in.Note, string(in.Definition.Encode(segment.RowIDs)), s.now()
		row.DraftVersion++
		return saveJourney(tx, row, "name", "note", "draft", "draft_version", "updated_at")
	})
	return row, err
}

// Get gives a journey with its draft.
func (s *Service) Get(ctx context.Context, id int64) (*model.Journey, *Definition, error) {
	db := s.DB.WithContext(ctx)
	row, err := journeyByID(db, id)
	if err != nil {
		return nil, nil, err
	}
	d, err := s.readTx(db, []byte(row.Draft), segment.RowIDs)
	return row, d, err
}

// Delete ends a journey that nobody is in: a draft, or one that was stopped. It fails with ErrState.
func (s *Service) Delete(ctx context.Context, id int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		row, err := lockJourney(tx, id)
		if err != nil {
			return err
		}
		left, err := anyIn(tx, id, 0)
		if err != nil {
			return err
		}
		if row.State != Draft && row.State != Stopped || left {
			return ErrState
		}
		now := s.now()
		row.GoneAt = &now
		return saveJourney(tx, row, "gone_at")
	})
}

// Activate makes the draft the version that customers enter from now on, as long as it still is as the caller has seen it.
// Those who are in stay on their version. It fails with ErrDefinition, which names everything that is wrong, ErrChanged
// or ErrState.
func (s *Service) Activate(ctx context.Context, id, seen, by int64) (row *model.Journey, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if row, err = lockJourney(tx, id); err != nil {
			return err
		}
		switch {
		case row.DraftVersion != seen:
			return ErrChanged
		case row.State == Draining:
			return ErrState
		}
		if _, err := s.vocabulary(tx, true); err != nil {
			return err
		}
		d, err := s.readTx(tx, []byte(row.Draft), segment.RowIDs)
		if err != nil {
			return err
		}
		problems, err := s.checkTx(tx, d)
		if err != nil {
			return err
		}
		if len(problems) == 0 {
			problems, err = s.circlesOf(tx, id, d)
		}
		if err != nil || len(problems) > 0 {
			return orFault(err, problems)
		}
		return s.publish(tx, row, d, by)
	})
	return row, err
}

func orFault(err error, problems []Problem) error {
	if err != nil {
		return err
	}
	return faultOf(problems)
}

// publish makes a version of the draft and opens the journey.
func (s *Service) publish(tx *gorm.DB, row *model.Journey, d *Definition, by int64) error {
	now := s.now()
	first := row.Version == 0 || row.State == Stopped
	row.Version++
	v := &model.JourneyVersion{JourneyID: row.ID, Number: row.Version, Definition: row.Draft, Live: true, CreatedBy: by, CreatedAt: now}
	if err := tx.Create(v).Error; err != nil {
		return err
	}
	row.State, row.Error, row.UpdatedAt = Active, "", now
	if row.Until == nil || first {
		row.Until = &now
	}
	if err := saveJourney(tx, row, "state", "version", "error", "until", "updated_at"); err != nil {
		return err
	}
	if t := d.Trigger.of; t.now != nil && t.now(d.Trigger.With) && first {
		return s.enrolFrom(tx, row, now)
	}
	return nil
}

// circlesOf finds journeys that would start each other round and round.
func (s *Service) circlesOf(tx *gorm.DB, id int64, d *Definition) ([]Problem, error) {
	all, err := journeysIn(tx, Active, Paused, Draining)
	if err != nil {
		return nil, err
	}
	follow := map[int64][]int64{}
	learn := func(id int64, d *Definition) {
		for _, n := range d.Nodes {
			if n.Step == "start" {
				follow[id] = append(follow[id], n.With.number("journey"))
			}
		}
		if d.Trigger.Kind == "journey" {
			before := d.Trigger.With.number("journey")
			follow[before] = append(follow[before], id)
		}
	}
	for _, j := range all {
		if j.ID == id {
			continue
		}
		other, err := s.plan(tx, j.ID, j.Version)
		if err != nil {
			return nil, err
		}
		learn(j.ID, other)
	}
	learn(id, d)
	seen := map[int64]bool{}
	for todo := follow[id]; len(todo) > 0; {
		at := todo[0]
		todo = todo[1:]
		if at == id {
			return []Problem{{"nodes", "旅程之间会互相触发，形成循环", "journeys would start each other in a circle"}}, nil
		}
		if !seen[at] {
			seen[at] = true
			todo = append(todo, follow[at]...)
		}
	}
	return nil, nil
}
