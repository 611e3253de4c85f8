package tag

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// pair is a customer and a tag.
type pair struct{ customer, tag int64 }

// projected is what became of customer_tag.
type projected struct {
	added, removed map[int64][]int64 // tags by customer
	renewed        map[int64]bool    // customers whose tags are the same, but one has another giver or end
}

func (p projected) changed(customer int64) bool {
	return len(p.added[customer])+len(p.removed[customer]) > 0 || p.renewed[customer]
}

// project brings customer_tag of some customers to what their grants and assignments say. It locks the
// customers, because two changes of one tag through two relations must see one another. Who changes
// a grant or an assignment calls it in the same transaction, after locking relations.
func project(tx *gorm.DB, customerIDs []int64) (projected, error) {
	customerIDs = distinct(customerIDs)
	present, err := lockPresent(tx, customerIDs)
	if err != nil {
		return projected{}, err
	}
	return projectLocked(tx, customerIDs, present)
}

// projectLocked is project for customers that are locked.
func projectLocked(tx *gorm.DB, customerIDs []int64, present map[int64]bool) (projected, error) {
	p := projected{map[int64][]int64{}, map[int64][]int64{}, map[int64]bool{}}
	for part := range slices.Chunk(distinct(customerIDs), 500) {
		if err := p.some(tx, part, present); err != nil {
			return p, err
		}
	}
	return p, nil
}

// some projects a part. Who is merged into somebody else, or isn't there, bears nothing.
func (p projected) some(tx *gorm.DB, customerIDs []int64, present map[int64]bool) error {
	givers, err := giversOf(tx, customerIDs)
	if err != nil {
		return err
	}
	givers = slices.DeleteFunc(givers, func(g model.TagGrant) bool { return !present[g.CustomerID] })
	rows, err := customerTags(tx, customerIDs)
	if err != nil {
		return err
	}
	want := merged(givers)
	var insert []*model.CustomerTag
	var drop []int64
	for i := range rows {
		have := &rows[i]
		key := pair{have.CustomerID, have.TagID}
		w := want[key]
		delete(want, key)
		switch {
		case w == nil:
			drop = append(drop, have.ID)
			p.removed[have.CustomerID] = append(p.removed[have.CustomerID], have.TagID)
		case !sameBearing(w, have):
			w.ID = have.ID
			p.renewed[have.CustomerID] = true
			if err := updateCustomerTag(tx, w); err != nil {
				return err
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(want), byPair) {
		insert = append(insert, want[key])
		p.added[key.customer] = append(p.added[key.customer], key.tag)
	}
	if err := deleteCustomerTags(tx, drop); err != nil {
		return err
	}
	if _, err := model.InsertNew(tx, insert); err != nil {
		return fmt.Errorf("create customer tags: %w", err)
	}
	return nil
}

func byPair(a, b pair) int {
	return cmp.Or(cmp.Compare(a.customer, b.customer), cmp.Compare(a.tag, b.tag))
}

// merged is one row for each customer and tag, whatever the order of the givers.
func merged(givers []model.TagGrant) map[pair]*model.CustomerTag {
	best := map[pair]model.TagGrant{}
	since := map[pair]time.Time{}
	for _, g := range givers {
		key := pair{g.CustomerID, g.TagID}
		if b, ok := best[key]; !ok || longer(g, b) {
			best[key] = g
		}
		if at, ok := since[key]; !ok || g.CreatedAt.Before(at) {
			since[key] = g.CreatedAt
		}
	}
	out := make(map[pair]*model.CustomerTag, len(best))
	for key, g := range best {
		out[key] = &model.CustomerTag{
			CustomerID: g.CustomerID, TagID: g.TagID, Source: g.Source, SourceID: g.SourceID, ExpiresAt: g.ExpiresAt, CreatedAt: since[key],
		}
	}
	return out
}

// longer tells whether a lets the tag be borne longer than b; of two that agree the older one counts.
func longer(a, b model.TagGrant) bool {
	if (a.ExpiresAt == nil) != (b.ExpiresAt == nil) {
		return a.ExpiresAt == nil
	}
	if a.ExpiresAt != nil && !a.ExpiresAt.Equal(*b.ExpiresAt) {
		return a.ExpiresAt.After(*b.ExpiresAt)
	}
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.Source, b.Source), cmp.Compare(a.SourceID, b.SourceID)) < 0
}

func sameBearing(a, b *model.CustomerTag) bool {
	sameEnd := (a.ExpiresAt == nil) == (b.ExpiresAt == nil) && (a.ExpiresAt == nil || a.ExpiresAt.Equal(*b.ExpiresAt))
	return sameEnd && a.Source == b.Source && a.SourceID == b.SourceID && a.CreatedAt.Equal(b.CreatedAt)
}

// facts are those that customers' tags changed, but for what was told already of a relation.
func (p projected) facts(source string, at time.Time, told map[pair]bool) (facts []event.Fact) {
	ids := slices.Concat(slices.Collect(maps.Keys(p.added)), slices.Collect(maps.Keys(p.removed)))
	for _, id := range distinct(ids) {
		untold := func(tags []int64) []int64 {
			tags = slices.DeleteFunc(slices.Clone(tags), func(tag int64) bool { return told[pair{id, tag}] })
			slices.Sort(tags)
			return tags
		}
		added, removed := untold(p.added[id]), untold(p.removed[id])
		if len(added)+len(removed) > 0 {
			facts = append(facts, event.TagChanged{
				RelationFact: event.RelationFact{CustomerID: id, Source: source, At: at},
				Added:        added, Removed: removed, ChangeKey: rand.Text(),
			})
		}
	}
	return facts
}

// distinct sorts ids and leaves out 0 and what is there twice.
func distinct(ids []int64) []int64 {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	return slices.DeleteFunc(ids, func(id int64) bool { return id == 0 })
}
