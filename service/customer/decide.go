package customer

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// The states of a review.
const (
	ReviewOpen     = "open"
	ReviewMerged   = "merged"
	ReviewRejected = "rejected"
)

// decision is what became of a link.
type decision struct {
	one      bool // they are one already
	standing int64
	merge    *model.CustomerMerge // they are one from now on
	review   bool                 // people decide, or have been asked before and have not decided
}

// decide applies the rules to a link between two customers, whoever stands for them now.
func (s *Service) decide(tx *gorm.DB, l link, one, other, accountID int64) (d decision, err error) {
	a, b, err := lockPair(tx, one, other)
	if err != nil {
		return d, err
	}
	if a.ID == b.ID {
		return decision{one: true, standing: a.ID}, nil
	}
	status, err := askedBefore(tx, a.ID, b.ID)
	if err != nil || status != "" {
		return decision{review: status == ReviewOpen}, err
	}
	if l.a.identities, err = identitiesOf(tx, a.ID); err != nil {
		return d, err
	}
	if l.b.identities, err = identitiesOf(tx, b.ID); err != nil {
		return d, err
	}
	l.a.Customer, l.b.Customer = a, b
	r := l.rule()
	if !r.merges {
		return decision{review: true}, s.review(tx, l, r.name, accountID)
	}
	kept, gone := elder(a, b)
	d.merge, err = s.merge(tx, kept, gone, model.CustomerMerge{
		Reason: r.name, IdentityKind: l.kind.name, IdentityScope: l.scope, Source: l.source, Confidence: l.confidence,
	})
	return d, err
}

// elder says who stands and who goes: the one known longer stands, so that nothing that was written down
// about them elsewhere becomes wrong.
func elder(a, b *model.Customer) (kept, gone *model.Customer) {
	if b.FirstSeenAt.Before(a.FirstSeenAt) || b.FirstSeenAt.Equal(a.FirstSeenAt) && b.ID < a.ID {
		return b, a
	}
	return a, b
}

// review puts a pair before people.
func (s *Service) review(tx *gorm.DB, l link, reason string, accountID int64) error {
	row := &model.MergeReview{
		Pair: pairOf(l.a.ID, l.b.ID), CustomerID: min(l.a.ID, l.b.ID), OtherID: max(l.a.ID, l.b.ID), Reason: reason,
		IdentityKind: l.kind.name, IdentityScope: l.scope, Source: l.source, Confidence: l.confidence, AccountID: accountID,
		Status: ReviewOpen, FoundAt: l.at,
	}
	if err := model.InsertIgnore(tx).Create(row).Error; err != nil {
		return fmt.Errorf("put customers before people: %w", err)
	}
	return nil
}

func pairOf(a, b int64) string { return fmt.Sprintf("%d:%d", min(a, b), max(a, b)) }

// askedBefore tells whether people were asked about two customers, or about any whom these stand for: open
// while they have not answered, rejected when they said no.
func askedBefore(tx *gorm.DB, a, b int64) (status string, err error) {
	as, err := members(tx, a)
	if err != nil {
		return "", err
	}
	bs, err := members(tx, b)
	if err != nil {
		return "", err
	}
	rows, err := reviewsBetween(tx, as, bs, ReviewOpen, ReviewRejected)
	for _, r := range rows {
		if status != ReviewRejected {
			status = r.Status
		}
	}
	return status, err
}
