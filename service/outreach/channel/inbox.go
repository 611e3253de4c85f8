package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/fault"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
	"zhiyin/service/privacy"
)

// NameInbox is the channel of the mini-program's inbox. Names are data.
const NameInbox = "inbox"

// inbox puts 站内信 into the mini-program. It is always possible and costs nothing.
type inbox struct{ *Service }

// Describe implements outreach.Channel. A letter is unique by its delivery, so a repeat does no harm.
func (in *inbox) Describe() outreach.Description {
	return outreach.Description{
		Name: NameInbox, Zh: "小程序站内信", En: "In-app inbox", Batch: statementPart, Consent: privacy.Marketing,
		Contents: []message.Kind{message.KindText, message.KindSubject, message.KindLink, message.KindMiniApp, message.KindCard, message.KindImage},
		Doubt:    outreach.DoubtRetry, Reports: []outreach.State{outreach.Read, outreach.Clicked},
	}
}

// Prepare implements outreach.Channel.
func (in *inbox) Prepare(ctx context.Context, claimed []outreach.Delivery) (calls []outreach.Call, refused []outreach.Refusal, err error) {
	list, refused, err := in.writeEach(ctx, claimed, nil)
	if err != nil {
		return nil, nil, err
	}
	byMessage := map[int64]*outreach.Call{}
	var order []*outreach.Call
	for _, w := range list {
		if w.CustomerID == 0 {
			refused = append(refused, never(w.ID, ReasonNoCustomer))
			continue
		}
		c := byMessage[w.MessageID]
		if c == nil || len(c.Deliveries) == statementPart {
			c = &outreach.Call{MessageID: w.MessageID, Payload: &[]model.Letter{}}
			byMessage[w.MessageID] = c
			order = append(order, c)
		}
		letter, err := letterOf(&w, in.now())
		if err != nil {
			return nil, nil, err
		}
		c.Deliveries = append(c.Deliveries, w.Delivery)
		letters := c.Payload.(*[]model.Letter)
		*letters = append(*letters, letter)
	}
	for _, c := range order {
		calls = append(calls, *c)
	}
	return calls, refused, nil
}

func letterOf(w *written, now time.Time) (model.Letter, error) {
	body, err := json.Marshal(w.content)
	if err != nil {
		return model.Letter{}, fmt.Errorf("encode a letter: %w", err)
	}
	l := model.Letter{CustomerID: w.CustomerID, AccountID: w.AccountID, DeliveryID: w.ID, Subject: cut(subjectOf(&w.content), 255), Content: string(body), CreatedAt: now}
	if !w.ExpiresAt.IsZero() {
		at := w.ExpiresAt
		l.ExpiresAt = &at
	}
	return l, nil
}

// subjectOf is a heading for a content: its own, its card's, or the beginning of its text.
func subjectOf(c *message.Content) string {
	switch {
	case c.Subject != "":
		return c.Subject
	case c.Card != nil && c.Card.Title != "":
		return c.Card.Title
	}
	return cut(c.Text, 30)
}

// Send implements outreach.Channel.
func (in *inbox) Send(ctx context.Context, c outreach.Call) (outreach.Outcome, error) {
	if err := addLetters(in.DB.WithContext(ctx), *c.Payload.(*[]model.Letter)); err != nil {
		return outreach.Outcome{}, err
	}
	return accepted(""), nil
}

// Reconcile implements outreach.Channel; it is never asked.
func (in *inbox) Reconcile(context.Context, outreach.Call) (outreach.Found, error) {
	return outreach.Found{}, nil
}

// ErrLetterNotFound: there is no such letter for this customer.
var ErrLetterNotFound = fault.New(fault.NotFound, "letter.not_found", "没有这条消息", "No such message")

// Letters lists a customer's letters from the newest; after is the row of the last one of the page before, 0 at first.
func (s *Service) Letters(ctx context.Context, customerID, after int64, limit int) ([]model.Letter, error) {
	return listLetters(s.DB.WithContext(ctx), customerID, after, s.now(), limit)
}

// UnreadLetters counts a customer's letters that were not read, up to 1,000.
func (s *Service) UnreadLetters(ctx context.Context, customerID int64) (int64, error) {
	return countUnread(s.DB.WithContext(ctx), customerID, s.now())
}

// Letter reads one letter, which the customer has then read. It fails with ErrLetterNotFound.
func (s *Service) Letter(ctx context.Context, customerID, id int64) (l *model.Letter, err error) {
	err = model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		if l, err = findLetter(tx, customerID, id, s.now()); err != nil || l.ReadAt != nil {
			return err
		}
		now := s.now()
		if err := readLetter(tx, l.ID, now); err != nil {
			return err
		}
		l.ReadAt = &now
		return s.reportTx(tx, []News{{ID: l.DeliveryID, State: outreach.Read, At: now}})
	})
	return l, err
}

// LetterClicked notes that a customer followed what a letter says. It fails with ErrLetterNotFound.
func (s *Service) LetterClicked(ctx context.Context, customerID, id int64) error {
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		l, err := findLetter(tx, customerID, id, s.now())
		if err != nil {
			return err
		}
		now := s.now()
		if l.ReadAt == nil {
			if err := readLetter(tx, l.ID, now); err != nil {
				return err
			}
		}
		return s.reportTx(tx, []News{{ID: l.DeliveryID, State: outreach.Clicked, At: now}})
	})
}

// RemoveLetter takes a letter out of the inbox. Repeatable; it fails with ErrLetterNotFound for another's.
func (s *Service) RemoveLetter(ctx context.Context, customerID, id int64) error {
	return removeLetter(s.DB.WithContext(ctx), customerID, id, s.now())
}
