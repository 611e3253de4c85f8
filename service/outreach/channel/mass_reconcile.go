package channel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zhiyin/service/outreach"
	"zhiyin/wecom"
)

// How far around the beginning of a call its message is looked for: clocks differ, and the call may have waited.
const (
	searchBefore = 5 * time.Minute
	searchAfter  = 20 * time.Minute
)

// Reconcile implements outreach.Channel: what we wrote down ourselves, or else the platform's list of messages, in which ours
// is the one of this time with our text, our sender and our recipients that is nobody else's.
func (m *mass) Reconcile(ctx context.Context, c outreach.Call) (outreach.Found, error) {
	db := m.DB.WithContext(ctx)
	kept, err := taskOfCall(db, c.ID)
	if err != nil {
		return outreach.Found{}, err
	}
	if kept != nil {
		targets, _, err := taskTargets(db, kept.ID)
		if err != nil {
			return outreach.Found{}, err
		}
		o := massOutcome(kept.PlatformID, targets)
		return outreach.Found{Result: o.Result, Results: o.Results}, nil
	}
	userID, err := staffUserID(db, c.AccountID, c.StaffID)
	if err != nil {
		return outreach.Found{}, err
	}
	targets, err := m.targetsOf(ctx, &c)
	if err != nil {
		return outreach.Found{}, err
	}
	_, corp, err := m.corpOf(ctx, c.AccountID)
	if err != nil {
		return outreach.Found{}, err
	}
	candidates, err := m.candidates(ctx, corp, &c)
	if err != nil {
		return outreach.Found{}, err
	}
	var ours []string
	for _, id := range candidates {
		is, err := m.recognise(ctx, corp, id, userID, targets)
		if err != nil {
			return outreach.Found{}, err
		}
		if is {
			ours = append(ours, id)
		}
	}
	switch len(ours) {
	case 0: // the list was read to its end, and the platform has had time to fill it
		return outreach.Found{Result: outreach.Result{Fate: outreach.FateLater}}, nil
	case 1:
		if err := m.keepTask(ctx, &c, userID, ours[0], targets); err != nil {
			return outreach.Found{}, err
		}
		o := massOutcome(ours[0], targets)
		return outreach.Found{Result: o.Result, Results: o.Results}, nil
	}
	return outreach.Found{}, nil // several look like ours: unknown
}

// candidates lists the platform's messages of the call's time that have its text and are nobody's.
func (m *mass) candidates(ctx context.Context, corp Corp, c *outreach.Call) ([]string, error) {
	q := wecom.MassQuery{Groups: m.groups, From: c.BeganAt.Add(-searchBefore), Until: c.BeganAt.Add(searchAfter)}
	var ids []string
	for {
		page, next, err := corp.MassMessages(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("list mass messages: %w", err)
		}
		for _, msg := range page {
			if textMark(msg.Text.Content) == c.Marker {
				ids = append(ids, msg.MessageID)
			}
		}
		if q.Cursor = next; next == "" {
			break
		}
	}
	known, err := knownPlatformIDs(m.DB.WithContext(ctx), c.AccountID, ids)
	if err != nil {
		return nil, err
	}
	var free []string
	for _, id := range ids {
		if !known[id] {
			free = append(free, id)
		}
	}
	return free, nil
}

// recognise tells whether a message is to our recipients by our sender. Of messages to groups the platform lists only those
// that were sent to, so there a message to none as yet may be ours. Recipients that it left out are marked.
func (m *mass) recognise(ctx context.Context, corp Corp, messageID, userID string, targets []target) (bool, error) {
	tasks, _, err := corp.MassTasks(ctx, messageID, "")
	if err != nil {
		return false, fmt.Errorf("ask for the senders of a mass message: %w", err)
	}
	if len(tasks) != 1 || tasks[0].UserID != userID {
		return false, nil
	}
	there := map[string]bool{}
	for cursor := ""; ; {
		page, next, err := corp.MassResults(ctx, messageID, userID, cursor)
		if err != nil {
			return false, fmt.Errorf("ask for the recipients of a mass message: %w", err)
		}
		for _, r := range page {
			there[r.CustomerID+r.ChatID] = true
		}
		if cursor = next; next == "" {
			break
		}
	}
	matched := 0
	for _, t := range targets {
		if there[t.external] {
			matched++
		}
	}
	if matched != len(there) || !m.groups && matched == 0 {
		return false, nil
	}
	for i := range targets {
		if !m.groups && !there[targets[i].external] {
			targets[i].fate = massMissed
		}
	}
	return true, nil
}

// targetsOf finds the recipients of a call again. One who is nobody's any more is left out: the platform's list then holds
// somebody that we don't know, and the call stays unknown rather than being taken for another.
func (m *mass) targetsOf(ctx context.Context, c *outreach.Call) ([]target, error) {
	by, kept, _, err := m.senders(ctx, withSender(c.Deliveries, c.StaffID))
	if err != nil {
		return nil, err
	}
	if len(kept) == 0 {
		return nil, errors.New("none of the recipients is known any more")
	}
	out := make([]target, len(kept))
	for i, d := range kept {
		out[i] = target{d.ID, by[d.ID].ExternalUserID, massOpen}
	}
	return out, nil
}

func withSender(list []outreach.Delivery, staffID int64) []outreach.Delivery {
	out := make([]outreach.Delivery, len(list))
	for i, d := range list {
		d.StaffID = staffID
		out[i] = d
	}
	return out
}
