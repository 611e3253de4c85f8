package customer

import (
	"slices"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// ofPersons are the fields that customers and operators say and that the platform says too.
var ofPersons = []string{"name", "avatar", "gender"}

// notSaid are the sources of changes that nobody made by hand: the platform, and what carries values over.
var notSaid = []string{event.SourceCallback, event.SourceSync, event.SourceConversion, SourceMerge, SourceSplit}

// keepWhatPeopleSaid takes back what the platform would put in the place of a value that somebody gave by
// hand: customers themselves, operators, an import. What the platform said, it may say anew.
func keepWhatPeopleSaid(tx *gorm.DB, before, after []*model.Customer) error {
	replaced := map[int64][]field{}
	var ids []int64
	for i, c := range after {
		for _, f := range fields {
			if slices.Contains(ofPersons, f.column) && !f.same(before[i], c) && !f.same(before[i], &model.Customer{}) {
				replaced[c.ID] = append(replaced[c.ID], f)
			}
		}
		if replaced[c.ID] != nil {
			ids = append(ids, c.ID)
		}
	}
	said, err := saidByHand(tx, ids)
	if err != nil {
		return err
	}
	for i, c := range after {
		for _, f := range replaced[c.ID] {
			if said[saying{c.ID, f.column, f.get(before[i])}] {
				f.copy(c, before[i])
			}
		}
	}
	return nil
}

// saying is a value that somebody gave a customer's field by hand.
type saying struct {
	customerID    int64
	column, value string
}
