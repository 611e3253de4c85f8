package privacy

import (
	"context"
	"regexp"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/event"
)

// How much a customer wants to hear.
const (
	All   = "all"
	Fewer = "fewer" // the governor halves its caps for them
	None  = "none"
)

// ChoiceInput is a customer's choice, for a channel, a topic or (empty) for all of them.
type ChoiceInput struct {
	CustomerID int64
	Channel    string // see AboutTopic
	Choice     string
	Source     string // ByMiniApp, …
	StaffID    int64
	Reason     string // what the customer said; at most 200 characters
}

// channelName is empty, a channel's name, or that of a topic after its mark.
var channelName = regexp.MustCompile(`^(#?[a-z][a-z0-9_]{0,30})?$`)

// Choose adds an entry to the ledger of contact choices; choosing again what holds adds nothing. It
// fails with ErrInvalid or ErrNoCustomer.
func (s *Service) Choose(ctx context.Context, in ChoiceInput) error {
	if in.Choice != All && in.Choice != Fewer && in.Choice != None || !channelName.MatchString(in.Channel) || utf8.RuneCountInString(in.Reason) > 200 {
		return ErrInvalid.With("choice", "all, fewer, none")
	}
	return again(func() error {
		return model.InTx(ctx, s.db, func(tx *gorm.DB) error { return s.choose(tx, in) })
	})
}

func (s *Service) choose(tx *gorm.DB, in ChoiceInput) error {
	if _, err := person(tx, in.CustomerID); err != nil {
		return err
	}
	choices, err := lastChoices(tx, []int64{in.CustomerID})
	if err != nil {
		return err
	}
	before, chosen := choices[in.CustomerID][in.Channel]
	if !chosen && in.Choice == All || chosen && before.Choice == in.Choice {
		return nil
	}
	row := &model.ContactChoice{
		CustomerID: in.CustomerID, Channel: in.Channel, Choice: in.Choice, Source: in.Source, StaffID: in.StaffID,
		Reason: in.Reason, CreatedAt: s.later(before.CreatedAt),
	}
	if row.Ordinal, err = nextChoice(tx, in.CustomerID, in.Channel); err != nil {
		return err
	}
	if err := insertChoice(tx, row); err != nil {
		return err
	}
	_, err = s.events.Record(tx, event.ContactChosen{
		CustomerID: in.CustomerID, StaffID: in.StaffID, Channel: in.Channel, Choice: in.Choice, EntryID: row.ID, Source: in.Source, At: row.CreatedAt,
	})
	return err
}

// Contact tells what a customer has chosen, by channel; the empty one is all of them, and what is absent
// was never chosen.
func (s *Service) Contact(ctx context.Context, customerID int64) (map[string]string, error) {
	all, err := lastChoices(s.db.WithContext(ctx), []int64{customerID})
	out := make(map[string]string, len(all[customerID]))
	for channel, c := range all[customerID] {
		out[channel] = c.Choice
	}
	return out, err
}
