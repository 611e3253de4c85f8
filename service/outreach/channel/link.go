package channel

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
)

// writeEach is write for channels whose messages are for one person each: their short links tell whose delivery they were followed from.
func (s *Service) writeEach(ctx context.Context, list []outreach.Delivery, senders map[int64]int64) (out []written, refused []outreach.Refusal, err error) {
	out, refused, err = s.write(ctx, list, senders)
	for i := range out {
		s.trace(&out[i].content, out[i].ID)
	}
	return out, refused, err
}

// trace adds to the short links of a content the public id of the delivery that carries them.
func (s *Service) trace(c *message.Content, deliveryID int64) {
	if s.links == nil {
		return
	}
	id := ""
	add := func(text *string) {
		if !strings.Contains(*text, s.ShortLinks) {
			return
		}
		if id == "" {
			id = s.IDs.Of(model.KindDelivery, deliveryID)
		}
		*text = s.links.ReplaceAllStringFunc(*text, func(link string) string {
			if strings.HasSuffix(link, "/") { // it goes on: whoever wrote it means something else
				return link
			}
			return link + "/" + id
		})
	}
	add(&c.Text)
	for i := range c.Attachments {
		add(&c.Attachments[i].URL)
	}
	if c.Card != nil {
		add(&c.Card.URL)
	}
}

// LinkFollowed notes that somebody followed a short link of the message that a delivery carried, which is told by its public id. It may be
// repeated: a delivery is clicked once. It fails with model.ErrNoSuchID; of a delivery that is no longer kept nothing is noted.
func (s *Service) LinkFollowed(ctx context.Context, deliveryID string) error {
	id, err := s.IDs.Row(model.KindDelivery, deliveryID)
	if err != nil {
		return err
	}
	return model.InTx(ctx, s.DB, func(tx *gorm.DB) error {
		return s.reportTx(tx, []News{{ID: id, State: outreach.Clicked, At: s.now()}})
	})
}
