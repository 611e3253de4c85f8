package campaign

import (
	"zhiyin/service/segment"
)

// arms decides who gets what by three hashes that are independent of one another: whoever is held out is held out of
// every run, and the same customer gets the same variant again.
type arms struct {
	holdoutBP, canaryBP   int64
	held, variant, canary func(customerID int64) int64
	ids                   []int64
	upTo                  []int64 // the place below which variant i ends
}

func armsOf(c *Campaign) arms {
	a := arms{
		holdoutBP: int64(c.Definition.HoldoutBP),
		held:      segment.ShareIn("campaign/" + c.Code + "/holdout"),
		variant:   segment.ShareIn("campaign/" + c.Code + "/variant"),
		canary:    segment.ShareIn("campaign/" + c.Code + "/canary"),
	}
	if c.Definition.Canary != nil {
		a.canaryBP = int64(c.Definition.Canary.ShareBP)
	}
	end := int64(0)
	for _, v := range c.Definition.Variants {
		end += int64(v.ShareBP)
		a.ids, a.upTo = append(a.ids, v.ID), append(a.upTo, end)
	}
	return a
}

// of gives the variant of a customer, 0 for those held out, and whether they are among the few who are tried first.
func (a arms) of(customerID int64) (variantID int64, canary bool) {
	if a.held(customerID) < a.holdoutBP {
		return 0, false
	}
	place := a.variant(customerID)
	for i, end := range a.upTo {
		if place < end {
			return a.ids[i], a.canary(customerID) < a.canaryBP
		}
	}
	return 0, false // the shares are 10,000 together, so there is nobody here
}
