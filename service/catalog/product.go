package catalog

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/work"
)

// UpsertProducts takes products as a shop describes them and says what became of each. A category
// that nobody has described yet is made, with its number for a name. It may be repeated. It fails
// with ErrTooMany.
func (s *Service) UpsertProducts(ctx context.Context, in []ProductInput) (outcomes []Outcome, err error) {
	if len(in) > MaxBatch {
		return nil, ErrTooMany
	}
	entries := make([]entry, len(in))
	for i := range in {
		in[i].Name = strings.TrimSpace(in[i].Name)
		entries[i] = entry{number: in[i].Number, version: in[i].Version, fingerprint: fingerprintOf(in[i]), wrong: in[i].check(s.now())}
	}
	err = s.inTx(ctx, func(tx *gorm.DB) (err error) {
		outcomes, err = s.upsertProducts(tx, in, entries)
		return err
	})
	return outcomes, err
}

func (s *Service) upsertProducts(tx *gorm.DB, in []ProductInput, entries []entry) ([]Outcome, error) {
	categories, err := s.categoriesOf(tx, in, entries)
	if err != nil {
		return nil, err
	}
	first := newest(entries)
	held, isNew, err := claim(tx, numbersOf(entries), productNumber, func(number string) *model.Product {
		row := &model.Product{Number: number, CreatedAt: s.now()}
		s.fill(row, in[first[number]], entries[first[number]], categories)
		return row
	})
	if err != nil {
		return nil, err
	}
	stored := map[string]standing{}
	for n, row := range held {
		if !isNew[n] {
			stored[n] = standing{version: row.Version, fingerprint: row.Fingerprint}
		}
	}
	outcomes, prevails := judgeAll(entries, stored)
	for _, n := range numbersOf(entries) {
		i, ok := prevails[n]
		if !ok || isNew[n] {
			continue
		}
		row, was := held[n], held[n].CategoryID
		s.fill(row, in[i], entries[i], categories)
		if err := updateProduct(tx, row); err != nil {
			return nil, err
		}
		if row.CategoryID != was {
			if err := s.queue.Enqueue(tx, work.Item{Kind: workRelabel, Payload: relabelling{row.ID}, Lane: work.LaneBulk}); err != nil {
				return nil, err
			}
		}
	}
	return outcomes, nil
}

// fill makes a row say what was told.
func (s *Service) fill(row *model.Product, in ProductInput, e entry, categories map[string]int64) {
	row.Name, row.CategoryID, row.PriceFen, row.ImageURL = in.Name, categories[in.Category], in.PriceFen, in.ImageURL
	row.PagePath, row.Status = in.PagePath, in.Status
	row.Version, row.Fingerprint, row.UpdatedAt = e.version, e.fingerprint, s.now()
}

// categoriesOf finds the rows of the categories that products speak of, and makes those that are not there.
func (s *Service) categoriesOf(tx *gorm.DB, in []ProductInput, entries []entry) (map[string]int64, error) {
	var numbers []string
	for i, e := range entries {
		if e.wrong == nil && in[i].Category != "" {
			numbers = append(numbers, in[i].Category)
		}
	}
	slices.Sort(numbers)
	return mention(tx, slices.Compact(numbers), categoryNumber, s.newCategory, func(r *model.ProductCategory) int64 { return r.ID })
}

// mention gives something of the rows of these numbers and makes those that are not there. Unlike
// claim it holds none of those that are.
func mention[Row any, V any](tx *gorm.DB, numbers []string, numberOf func(*Row) string, fresh func(number string) *Row, of func(*Row) V) (map[string]V, error) {
	out := map[string]V{}
	rows, err := find[Row](tx, numbers)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		out[numberOf(r)] = of(r)
	}
	if len(rows) == len(numbers) {
		return out, nil
	}
	absent := slices.DeleteFunc(slices.Clone(numbers), func(n string) bool { _, ok := out[n]; return ok })
	held, _, err := claim(tx, absent, numberOf, fresh)
	for n, r := range held {
		out[n] = of(r)
	}
	return out, err
}

// workRelabel gives the lines of a product the category that it has now.
const workRelabel = "catalog.relabel"

type relabelling struct {
	ProductID int64 `json:"product_id"`
}

// relabelStep is how many lines one statement changes.
const relabelStep = 500

func (s *Service) relabel(ctx context.Context, _ *work.Lease, p relabelling) error {
	for {
		n, err := relabelLines(s.db.WithContext(ctx), p.ProductID, relabelStep)
		if err != nil || n == 0 {
			return err
		}
	}
}
