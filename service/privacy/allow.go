package privacy

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// Why a purpose is not allowed.
const (
	Refused      = "refused"        // the customer said no
	NotAsked     = "no_consent"     // it needs a yes, and there is none to what is told now
	Minor        = "minor"          // a child under 14, and no guardian has consented
	DoNotContact = "do_not_contact" // they want no messages, by this channel or at all
	Erasing      = "erasing"        // they have asked for everything to be erased
)

// Given tells whether a customer's data may be taken for a purpose: there is a yes, to what is told now.
func (s *Service) Given(ctx context.Context, customerID int64, purpose string) (bool, error) {
	why, err := s.Refusals(ctx, []int64{customerID}, purpose, "")
	return err == nil && why[customerID] == "", err
}

// Allowed tells whether a customer may be the object of a purpose now. Messages also ask AllowedBy.
func (s *Service) Allowed(ctx context.Context, customerID int64, purpose string) (bool, error) {
	return s.AllowedBy(ctx, customerID, purpose, "")
}

// AllowedBy is Allowed for a message by a channel; the empty channel is none in particular.
func (s *Service) AllowedBy(ctx context.Context, customerID int64, purpose, channel string) (bool, error) {
	why, err := s.Refusals(ctx, []int64{customerID}, purpose, channel)
	return err == nil && why[customerID] == "", err
}

// Refusals says of each customer why a purpose is not allowed, by a channel or (empty) at all; those for
// whom it is allowed are absent. It takes a handful of statements for up to 1,000 customers, asks the
// database every time, and fails with ErrPurpose.
func (s *Service) Refusals(ctx context.Context, customerIDs []int64, purpose, channel string) (map[int64]string, error) {
	return s.RefusalsTx(s.db.WithContext(ctx), customerIDs, purpose, channel)
}

// RefusalsTx is Refusals within a transaction.
func (s *Service) RefusalsTx(tx *gorm.DB, customerIDs []int64, purpose, channel string) (map[int64]string, error) {
	p, ok := purposeOf(purpose)
	if !ok {
		return nil, ErrPurpose
	}
	minors, err := minorsOf(tx, customerIDs)
	if err != nil {
		return nil, err
	}
	notices, err := noticesAt(tx, s.now())
	if err != nil {
		return nil, err
	}
	last, err := lastConsents(tx, customerIDs, time.Time{})
	if err != nil {
		return nil, err
	}
	why := map[int64]string{}
	for _, id := range customerIDs {
		if r := refusal(p, minors[id], notices[purpose], last[id][purpose]); r != "" {
			why[id] = r
		}
	}
	return why, s.unwelcome(tx, p, customerIDs, channel, why)
}

// unwelcome adds those who want no messages, and those who are leaving.
func (s *Service) unwelcome(tx *gorm.DB, p Purpose, ids []int64, channel string, why map[int64]string) error {
	if p.Collects {
		return nil
	}
	if p.Name == Marketing {
		choices, err := lastChoices(tx, ids)
		if err != nil {
			return err
		}
		for id, c := range choices {
			if c[""].Choice == None || channel != "" && c[channel].Choice == None {
				why[id] = DoNotContact
			}
		}
	}
	leaving, err := openRequests(tx, ids, RequestErase)
	if err != nil {
		return err
	}
	for _, id := range leaving {
		why[id] = Erasing
	}
	return nil
}
