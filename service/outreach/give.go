package outreach

import (
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach/governor"
)

// Giver gives recipients what their messages say they get, such as a coupon.
type Giver interface {
	// GiveTx is asked about deliveries of one lane that are about to leave, in the transaction that claims them: so what it gives is given exactly
	// when they are claimed, and no message leaves that says more than was given. It answers each in its order; nil answers let all of
	// them leave. It is asked again about a delivery that could not leave after all, and then gives nothing a second time.
	GiveTx(tx *gorm.DB, lane *model.DeliveryLane, rows []model.Delivery) ([]governor.Ruling, error)
}

// Gives has a Giver asked about all messages of a source. Call it while parts are put together.
func (s *Service) Gives(source string, g Giver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.givers[source] = g
}

// giveTx has those that the governor allows be given what their messages say, and overrules it about whom it can't be given.
func (s *Service) giveTx(tx *gorm.DB, lane *model.DeliveryLane, rows []model.Delivery, rulings []governor.Ruling) error {
	s.mu.Lock()
	giver := s.givers[lane.Source]
	s.mu.Unlock()
	if giver == nil {
		return nil
	}
	var allowed []model.Delivery
	var places []int
	for i, r := range rulings {
		if r.Verdict == governor.Allow {
			allowed, places = append(allowed, rows[i]), append(places, i)
		}
	}
	if len(allowed) == 0 {
		return nil
	}
	given, err := giver.GiveTx(tx, lane, allowed)
	if err != nil || given == nil {
		return err
	}
	if len(given) != len(allowed) {
		return fmt.Errorf("what %s gives: %d answers about %d deliveries", lane.Source, len(given), len(allowed))
	}
	var back []governor.Reservation
	for i, r := range given {
		rulings[places[i]] = r
		if r.Verdict != governor.Allow {
			back = append(back, governor.Reservation{Ref: allowed[i].ID, CustomerID: allowed[i].CustomerID})
		}
	}
	if len(back) == 0 {
		return nil
	}
	return s.Governor.ReturnTx(tx, back)
}
