package tag

import (
	"zhiyin/model"
)

// align lets the active relations of customers bear at the platform what the customers' grants say: tags
// of the platform, and those that mirror local tags. Marks that followed from grants which have ended
// are taken off. retry also tries again what the platform has refused before.
func (c *changes) align(relations []*model.Relation, retry bool) error {
	var customers []int64
	for _, r := range relations {
		customers = append(customers, r.CustomerID)
	}
	grants, err := grantsOf(c.tx, distinct(customers), nil)
	if err != nil {
		return err
	}
	granted := map[pair]bool{}
	var tags []int64
	for _, g := range grants {
		granted[pair{g.CustomerID, g.TagID}] = true
		tags = append(tags, g.TagID)
	}
	marks, err := shownAs(c.tx, distinct(tags))
	if err != nil {
		return err
	}
	for _, r := range relations {
		if r.Status != "active" {
			continue // the platform takes no marks of others
		}
		wanted := map[int64]bool{}
		for _, m := range marks {
			if m.AccountID == r.AccountID && granted[pair{r.CustomerID, m.base()}] {
				wanted[m.ID] = true
				c.mark(r, m.ID, retry)
			}
		}
		for id, a := range c.rows[r.ID] {
			if bears(a) && a.Source == sourceMirror && !wanted[id] {
				c.set(r, id, Removing, c.now, originOf(a))
				c.push[r.ID] = true
			}
		}
	}
	return nil
}

// mark makes a relation bear a tag because the customer was granted it.
func (c *changes) mark(r *model.Relation, tagID int64, retry bool) {
	a := c.rows[r.ID][tagID]
	if bears(a) || a != nil && a.SyncState == Unmarked || a != nil && a.SyncState == Failed && !retry && !r.AddedAt.After(a.KnownAt) {
		return
	}
	c.set(r, tagID, Adding, c.now, Origin{Source: sourceMirror})
	c.push[r.ID] = true
}
