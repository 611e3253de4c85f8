package campaign

import (
	"context"
	"slices"
	"time"

	"zhiyin/service/outreach"
)

// Quota is what a campaign would take of what a platform lets through to its audience, as far as is known now.
type Quota struct {
	By       string // see outreach.Budget
	Template string
	Each     int
	Until    *time.Time
	Sends    int64 // messages of its first run that take from it
	Takes    int64 // of them, those that would get through
	Refused  int64 // and those that would not, because their recipient can get no more
	Left     int64 // what all who would be written to can get before
	// Runs of the campaign begin before it is filled up again, and would need so much.
	Runs, Needs int64
	// Waiting messages of any source are still to take from it, to whomever they go.
	Waiting int64
}

// forecastRuns is how many runs a forecast looks ahead: more than one a day no quota of a month gives.
const forecastRuns = 62

// quotas says what a definition would take of the budgets of its channel.
func (s *Service) quotas(ctx context.Context, e *Estimate, d *Definition, channel outreach.Channel) ([]Quota, error) {
	budgeted, is := channel.(outreach.Budgeted)
	to := d.Audience.to()
	if !is || to == outreach.ToStaff || e.People == 0 {
		return nil, nil
	}
	at := s.begins(d)
	ask := outreach.BudgetAsk{AccountID: d.AccountID, Recipients: recipients(d.Audience), Size: e.People, At: at}
	for _, v := range d.Variants {
		if !slices.Contains(ask.Messages, v.MessageID) {
			ask.Messages = append(ask.Messages, v.MessageID)
		}
	}
	budgets, err := budgeted.Budgets(ctx, ask)
	if err != nil || len(budgets) == 0 {
		return nil, err
	}
	waiting, err := s.Ledger.Waiting(ctx, d.Channel, d.AccountID)
	if err != nil {
		return nil, err
	}
	var list []Quota
	for _, b := range budgets {
		q := Quota{By: b.By, Template: b.Template, Each: b.Each, Until: b.Until, Runs: s.runsUntil(d, at, b.Until), Waiting: waiting}
		for _, v := range d.Variants {
			if slices.Contains(b.Messages, v.MessageID) {
				q.Sends += e.Sends * int64(v.ShareBP) / everything
			}
		}
		// The hold-out and the variants are drawn from everybody alike, so what everybody has is shared out as they are.
		q.Takes, q.Left = b.Reachable*q.Sends/e.People, b.Left*q.Sends/e.People
		q.Refused, q.Needs = q.Sends-q.Takes, q.Sends*q.Runs
		list = append(list, q)
	}
	return list, nil
}

// runsUntil counts the runs from the first to a moment; where nothing is filled up again by the clock, the first alone.
func (s *Service) runsUntil(d *Definition, first time.Time, until *time.Time) (n int64) {
	if until == nil || !d.Schedule.repeats() {
		return 1
	}
	for at := &first; at != nil && at.Before(*until) && n < forecastRuns; at = d.Schedule.next(*at, s.Zone) {
		n++
	}
	return n
}
