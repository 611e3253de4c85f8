package profile

import (
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// Completing are the kinds of facts after which a profile may be complete.
var Completing = []string{event.KindProfileChanged, event.KindCustomerIdentified, event.KindCustomerMerged}

// OnEvents records of each of these customers whose profile is complete now that it has become so, once for ever. Repeatable.
func (s *Service) OnEvents(tx *gorm.DB, batch []model.Event) error {
	last := map[int64]model.Event{}
	var ids []int64
	for _, e := range batch {
		last[e.CustomerID] = e
		ids = append(ids, e.CustomerID)
	}
	slices.Sort(ids)
	done, err := s.complete(tx, slices.Compact(ids))
	if err != nil {
		return err
	}
	facts := make([]event.Fact, len(done))
	for i, id := range done {
		facts[i] = event.ProfileCompleted{CustomerID: id, StaffID: last[id].StaffID, Source: last[id].Source, At: last[id].OccurredAt}
	}
	_, err = s.Events.Record(tx, facts...)
	return err
}

// complete gives those of customers of whom everything that counts is known.
func (s *Service) complete(tx *gorm.DB, ids []int64) (done []int64, err error) {
	rows, err := customersStanding(tx, ids)
	if err != nil {
		return nil, err
	}
	phones, err := havingPhone(tx, ids)
	if err != nil {
		return nil, err
	}
	fields, err := liveFields(tx)
	if err != nil {
		return nil, err
	}
	values, err := valuesOf(tx, ids)
	if err != nil {
		return nil, err
	}
	names := map[int64]string{}
	var required []string
	for _, f := range fields {
		if f.Required {
			names[f.ID] = f.Name
			required = append(required, f.Name)
		}
	}
	answered := map[int64][]string{}
	for _, v := range values {
		answered[v.CustomerID] = append(answered[v.CustomerID], names[v.FieldID])
	}
	for _, c := range rows {
		if _, missing := completeness(c, phones[c.ID], required, answered[c.ID]); len(missing) == 0 {
			done = append(done, c.ID)
		}
	}
	return done, nil
}
