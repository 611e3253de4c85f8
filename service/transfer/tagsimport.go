package transfer

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"zhiyin/service/customer"
	"zhiyin/service/fault"
	"zhiyin/service/tag"
)

// tagNames are the tags that a file may name: by name alone where only one has it, or as group/name.
type tagNames map[string][]int64

func (p People) tagNames(tx *gorm.DB) (tagNames, error) {
	labels, err := p.Tags.Labels(tx.Statement.Context)
	if err != nil {
		return nil, err
	}
	names := tagNames{}
	for id, l := range labels {
		names[l.Name] = append(names[l.Name], id)
		names[l.Group+"/"+l.Name] = append(names[l.Group+"/"+l.Name], id)
	}
	return names, nil
}

// ids finds tags; missing tells that one is not there, or that several have its name.
func (n tagNames) ids(names []string) (ids []int64, missing bool) {
	for _, name := range names {
		found := n[strings.ReplaceAll(name, "／", "/")]
		if len(found) != 1 {
			return nil, true
		}
		ids = append(ids, found[0])
	}
	slices.Sort(ids)
	return ids, false
}

// giveTags gives the customers of some rows their tags, those with the same ones together.
func (p People) giveTags(tx *gorm.DB, b Batch, arrivals []arrival, people []*customer.Resolved, outcomes []Outcome) error {
	together := map[string][]int{} // by tags: which arrivals
	var sets []string
	for i, a := range arrivals {
		if people[i] == nil || len(a.tags) == 0 {
			continue
		}
		set := joinIDs(a.tags)
		if together[set] == nil {
			sets = append(sets, set)
		}
		together[set] = append(together[set], i)
	}
	for _, set := range sets {
		var customers []int64
		for _, i := range together[set] {
			customers = append(customers, people[i].CustomerID)
		}
		given, err := p.Tags.GiveTx(tx, tag.Giving{
			CustomerIDs: customers, Add: arrivals[together[set][0]].tags, Origin: tag.Origin{Source: sourceImport, ID: b.ImportID}, Bulk: true,
		})
		if err != nil {
			return err
		}
		changed := given.Changed
		for _, i := range together[set] {
			at := slices.Index(changed, people[i].CustomerID)
			if at < 0 {
				continue
			}
			changed = slices.Delete(changed, at, at+1) // a second row about somebody changes nothing
			if o := &outcomes[arrivals[i].place]; o.Result == Unchanged {
				o.Result = Updated
			}
		}
	}
	return nil
}

func joinIDs(ids []int64) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(cell(id) + ",")
	}
	return b.String()
}

// tagsImport gives tags to customers who are known already.
func tagsImport(p People) Importer {
	columns := func(context.Context) ([]Column, error) {
		return append(personColumns(), Column{Key: "tags", Zh: "标签", En: "Tags", Kind: List, Required: true}), nil
	}
	return Importer{Kind: "tags", Zh: "客户标签", En: "Tags of customers", Columns: columns, Apply: p.applyTags}
}

func (p People) applyTags(tx *gorm.DB, b Batch) ([]Outcome, error) {
	outcomes := make([]Outcome, len(b.Rows))
	names, err := p.tagNames(tx)
	if err != nil {
		return nil, err
	}
	var arrivals []arrival
	var evidence []customer.Evidence
	for i, row := range b.Rows {
		tags, missing := names.ids(row.Values["tags"].List)
		if missing {
			outcomes[i] = Outcome{Failed, "tags", "import.no_such_tag", "没有这个标签，请先创建 / there is no such tag; create it first"}
			continue
		}
		arrivals = append(arrivals, arrival{place: i, tags: tags})
		evidence = append(evidence, customer.Evidence{Identities: seen(row), Source: sourceImport})
	}
	people, wrong, err := p.Customers.ResolveEachTx(tx, evidence)
	if err != nil {
		return nil, err
	}
	for i, a := range arrivals {
		outcomes[a.place].Result = Unchanged
		if wrong[i] != nil {
			outcomes[a.place] = failed(fault.Of(wrong[i]))
		}
	}
	return outcomes, p.giveTags(tx, b, arrivals, people, outcomes)
}
