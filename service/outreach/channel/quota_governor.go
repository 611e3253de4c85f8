package channel

import (
	"slices"
	"time"

	"gorm.io/gorm"

	"zhiyin/service/outreach/governor"
)

// massQuotas is what the governor asks about mass messages; it implements governor.Quotas.
type massQuotas struct{ s *Service }

// MassQuotas tells the governor what the platform lets through by mass messages.
func (s *Service) MassQuotas() governor.Quotas { return massQuotas{s} }

// QuotasTx implements governor.Quotas. Of several corps the one counts in which the customer has had most.
func (q massQuotas) QuotasTx(tx *gorm.DB, customerIDs []int64, at time.Time) (map[int64]governor.Quota, error) {
	accounts, err := corpAccounts(tx)
	if err != nil || len(accounts) == 0 {
		return nil, err
	}
	periods, names := map[int64]period{}, []string{}
	for _, id := range accounts {
		rules, err := q.s.massRules(tx, id)
		if err != nil {
			return nil, err
		}
		p := periodAt(rules.Rule, at)
		periods[id] = p
		if !slices.Contains(names, p.name) {
			names = append(names, p.name)
		}
	}
	out, base := make(map[int64]governor.Quota, len(customerIDs)), periods[accounts[0]]
	for _, id := range customerIDs {
		out[id] = governor.Quota{Limit: base.limit, Since: base.from.UTC(), Until: base.until.UTC()}
	}
	rows, err := quotasOf(tx, customerIDs, names)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		p := periods[r.AccountID]
		if p.name != r.Period {
			continue
		}
		used := int(r.Used)
		if r.Spent {
			used = p.limit
		}
		if known := out[r.CustomerID]; used >= known.Used {
			out[r.CustomerID] = governor.Quota{Limit: p.limit, Used: used, Since: p.from.UTC(), Until: p.until.UTC()}
		}
	}
	return out, nil
}
