package channel

import (
	"context"
	"slices"

	"zhiyin/service/outreach"
)

// Budgets implements outreach.Budgeted: what the account's rule grants in the period of the moment, less what results have told of.
func (m *mass) Budgets(ctx context.Context, ask outreach.BudgetAsk) ([]outreach.Budget, error) {
	db := m.DB.WithContext(ctx)
	rules, err := m.massRules(db, ask.AccountID)
	if err != nil {
		return nil, err
	}
	p := periodAt(rules.Rule, ask.At)
	used, spent, err := quotaOfSet(db, ask, p, m.groups)
	if err != nil {
		return nil, err
	}
	until := p.until.UTC()
	return []outreach.Budget{{
		By: rules.Rule, Messages: ask.Messages, Each: p.limit, Until: &until, Reachable: ask.Size - spent, Left: ask.Size*int64(p.limit) - used,
	}}, nil
}

// Budgets implements outreach.Budgeted: whose window is open at the moment, were they not to write again before.
func (k *kf) Budgets(ctx context.Context, ask outreach.BudgetAsk) ([]outreach.Budget, error) {
	b := outreach.Budget{By: outreach.BudgetWindow, Messages: ask.Messages, Each: kfMost}
	err := windowsOfSet(k.DB.WithContext(ctx), ask, &b)
	return []outreach.Budget{b}, err
}

// Budgets implements outreach.Budgeted: one for each template that asks for consents.
func (u *subscribe) Budgets(ctx context.Context, ask outreach.BudgetAsk) (list []outreach.Budget, err error) {
	db := u.DB.WithContext(ctx)
	templates, err := templatesOf(db, ask.AccountID)
	if err != nil {
		return nil, err
	}
	named, err := templatesNamed(db, ask.Messages)
	if err != nil {
		return nil, err
	}
	for _, id := range ask.Messages {
		name := named[id]
		if name == "" || templates[name].Type == longTerm {
			continue
		}
		if at := slices.IndexFunc(list, func(b outreach.Budget) bool { return b.Template == name }); at >= 0 {
			list[at].Messages = append(list[at].Messages, id)
			continue
		}
		b := outreach.Budget{By: outreach.BudgetGrant, Template: name, Messages: []int64{id}}
		if err := grantsOfSet(db, ask, &b); err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}
