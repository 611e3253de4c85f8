package channel

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"zhiyin/service/outreach"
	"zhiyin/service/outreach/message"
)

// written is a delivery with what it says.
type written struct {
	outreach.Delivery
	content message.Content
}

// write renders deliveries, in whose name senders says (by delivery; absent: the delivery's own). What lacks a value is refused.
func (s *Service) write(ctx context.Context, list []outreach.Delivery, senders map[int64]int64) (out []written, refused []outreach.Refusal, err error) {
	byMessage := map[int64][]outreach.Delivery{}
	var order []int64
	for _, d := range list {
		if byMessage[d.MessageID] == nil {
			order = append(order, d.MessageID)
		}
		byMessage[d.MessageID] = append(byMessage[d.MessageID], d)
	}
	for _, id := range order {
		part := byMessage[id]
		to := make([]message.Recipient, len(part))
		for i, d := range part {
			to[i] = message.Recipient{CustomerID: d.CustomerID, StaffID: d.StaffID, AccountID: d.AccountID, Values: d.Values}
			if sender, ok := senders[d.ID]; ok {
				to[i].StaffID = sender
			}
		}
		texts, err := s.Messages.Render(ctx, id, to)
		if err != nil {
			return nil, nil, fmt.Errorf("render message %d: %w", id, err)
		}
		for i, r := range texts {
			if r.Missing != "" {
				refused = append(refused, broken(part[i].ID, ReasonMissing))
				continue
			}
			out = append(out, written{part[i], r.Content})
		}
	}
	return out, refused, nil
}

// digest is equal for equal contents.
func digest(c *message.Content) string {
	b, _ := json.Marshal(c) // plain data
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// mediaIDs lists the files a content carries.
func mediaIDs(c *message.Content) (ids []int64) {
	for _, a := range c.Attachments {
		if a.MediaID != 0 {
			ids = append(ids, a.MediaID)
		}
	}
	return ids
}
