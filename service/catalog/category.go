package catalog

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
)

// UpsertCategories takes categories as a shop describes them, in any order, and says what became of
// each. It may be repeated. It fails with ErrTooMany.
func (s *Service) UpsertCategories(ctx context.Context, in []CategoryInput) (outcomes []Outcome, err error) {
	if len(in) > MaxBatch {
		return nil, ErrTooMany
	}
	entries := make([]entry, len(in))
	for i := range in {
		in[i].Name = strings.TrimSpace(in[i].Name)
		entries[i] = entry{number: in[i].Number, version: in[i].Version, fingerprint: fingerprintOf(in[i]), wrong: in[i].check(s.now())}
	}
	err = s.inTx(ctx, func(tx *gorm.DB) (err error) {
		outcomes, err = s.upsertCategories(tx, in, entries)
		return err
	})
	return outcomes, err
}

func (s *Service) upsertCategories(tx *gorm.DB, in []CategoryInput, entries []entry) ([]Outcome, error) {
	named := numbersOf(entries)
	for i, e := range entries {
		if e.wrong == nil && in[i].Parent != "" {
			named = append(named, in[i].Parent)
		}
	}
	slices.Sort(named)
	held, _, err := claim(tx, slices.Compact(named), categoryNumber, s.newCategory)
	if err != nil {
		return nil, err
	}
	tree, err := holdTree(tx)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(in))
	for i, e := range entries { // one after another: whether one closes a circle depends on those before
		if outcomes[i], err = s.describe(tx, tree, held, in[i], e); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// describe writes one category if its version prevails, unless that would close a circle.
func (s *Service) describe(tx *gorm.DB, tree tree, held map[string]*model.ProductCategory, in CategoryInput, e entry) (Outcome, error) {
	row, stored := held[in.Number], standing{}
	if row != nil {
		stored = standing{version: row.Version, fingerprint: row.Fingerprint}
	}
	result, wrong := stored.judge(e)
	o := Outcome{Number: in.Number, Result: result, Fault: wrong}
	if result != Created && result != Updated {
		return o, nil
	}
	var parent int64
	if in.Parent != "" {
		parent = held[in.Parent].ID
	}
	if tree.isBelow(parent, row.ID) {
		return Outcome{Number: in.Number, Result: Refused, Fault: ErrCycle}, nil
	}
	tree[row.ID], row.Version, row.Fingerprint = parent, e.version, e.fingerprint
	return o, updateRow(tx, &model.ProductCategory{}, row.ID, map[string]any{
		"name": in.Name, "parent_id": parent, "version": e.version, "fingerprint": e.fingerprint, "updated_at": s.now(),
	})
}

// newCategory is a category that something spoke of.
func (s *Service) newCategory(number string) *model.ProductCategory {
	return &model.ProductCategory{Number: number, Name: number, CreatedAt: s.now(), UpdatedAt: s.now()}
}

// tree holds every category's parent.
type tree map[int64]int64

// isBelow tells whether category is ancestor, or stands somewhere below it.
func (t tree) isBelow(category, ancestor int64) bool {
	for steps := 0; category != 0 && steps <= len(t); steps++ {
		if category == ancestor {
			return true
		}
		category = t[category]
	}
	return false
}

// Category is a category with those below it.
type Category struct {
	model.ProductCategory
	Below []Category
}

// Categories gives the tree of categories, each level in the order of names. There are at most a few
// thousand.
func (s *Service) Categories(ctx context.Context) ([]Category, error) {
	rows, err := allCategories(s.db.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	children := map[int64][]model.ProductCategory{}
	for _, r := range rows {
		children[r.ParentID] = append(children[r.ParentID], r)
	}
	return branch(children, 0), nil
}

func branch(children map[int64][]model.ProductCategory, parent int64) []Category {
	var list []Category
	for _, r := range children[parent] {
		list = append(list, Category{r, branch(children, r.ID)})
	}
	return list
}
