package transfer

import (
	"context"
	"maps"
	"slices"

	"gorm.io/gorm"

	"zhiyin/service/customer"
	"zhiyin/service/fault"
	"zhiyin/service/segment"
)

// listsImport puts customers who are known already into lists, which are segments that are named one by one.
func listsImport(p People, segments *segment.Service) Importer {
	columns := func(context.Context) ([]Column, error) {
		return append(personColumns(), Column{Key: "lists", Zh: "人群名单", En: "Lists", Aliases: []string{"名单", "人群"}, Kind: List, Required: true}), nil
	}
	apply := func(tx *gorm.DB, b Batch) ([]Outcome, error) { return p.applyLists(tx, b, segments) }
	return Importer{Kind: "lists", Zh: "人群名单", En: "Customers of lists", Columns: columns, Apply: apply}
}

func (p People) applyLists(tx *gorm.DB, b Batch, segments *segment.Service) ([]Outcome, error) {
	names, err := segments.ListNames(tx)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(b.Rows))
	var places []int // of the rows that are left, in the batch
	var evidence []customer.Evidence
	for i, row := range b.Rows {
		if slices.ContainsFunc(row.Values["lists"].List, func(name string) bool { return len(names[name]) != 1 }) {
			outcomes[i] = Outcome{Failed, "lists", "import.no_such_list", "没有这个名单，或有多个同名名单；请先创建 / there is no such list, or several; create it first"}
			continue
		}
		places = append(places, i)
		evidence = append(evidence, customer.Evidence{Identities: seen(row), Source: sourceImport})
	}
	people, wrong, err := p.Customers.ResolveEachTx(tx, evidence)
	if err != nil {
		return nil, err
	}
	named := map[int64]map[int64]int{} // by list and customer: the first row that says so
	for i, place := range places {
		outcomes[place].Result = Unchanged
		if wrong[i] != nil {
			outcomes[place] = failed(fault.Of(wrong[i]))
			continue
		}
		for _, name := range b.Rows[place].Values["lists"].List {
			id := names[name][0]
			if named[id] == nil {
				named[id] = map[int64]int{}
			}
			if _, before := named[id][people[i].CustomerID]; !before {
				named[id][people[i].CustomerID] = place
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(named)) { // locked in one order by all
		entered, err := segments.AddToListTx(tx, id, slices.Collect(maps.Keys(named[id])))
		if err != nil {
			return nil, err
		}
		for _, who := range entered {
			outcomes[named[id][who]].Result = Updated
		}
	}
	return outcomes, nil
}
