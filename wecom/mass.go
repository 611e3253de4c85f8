package wecom

import (
	"context"
	"errors"
	"time"
)

// Bounds of mass messages, 企业群发.
const (
	MassCustomers = 10_000 // customers of one message
	MassGroups    = 2_000  // groups of one message
)

// What a caller may meet besides the general failures.
var (
	ErrNobodyToSend   = errors.New("nobody can be sent to")              // 41048
	ErrSpreading      = errors.New("message is being spread, ask later") // 41063
	ErrCancelled      = errors.New("message has been cancelled")         // 41093
	ErrRemindedEnough = errors.New("reminded as often as a day allows")  // 41094
	ErrNoSuchMessage  = errors.New("unknown mass message")               // 41047
)

// Mass is a mass message: to customers or, with ChatIDs, to customer groups of one staff member.
type Mass struct {
	Sender      string   // user id; needed for groups; for customers the platform chooses without
	CustomerIDs []string // external user ids, ≤ MassCustomers; none with a sender means all of his
	ChatIDs     []string // ≤ MassGroups
	Text        string   // ≤ 4000 bytes
	Attachments []Attachment
}

// MassCreated names a created message and whom it can't reach.
type MassCreated struct {
	MessageID string
	// Failed are external user ids or chat ids that are invalid or can't be sent to; the others can.
	Failed []string
}

// CreateMass makes a task for the sender, who has to confirm it in his client before anything reaches a customer.
// Not repeatable, and not repeated after a lost answer (ErrInDoubt): ask MassMessages and MassResults what became of
// it. It fails with ErrNobodyToSend when no recipient is left.
// Platform documentation, 客户联系 · 创建企业群发.
func (c *Corp) CreateMass(ctx context.Context, m Mass) (*MassCreated, error) {
	const api = "externalcontact/add_msg_template"
	groups := len(m.ChatIDs) > 0
	switch {
	case m.Text == "" && len(m.Attachments) == 0 || len(m.Attachments) > 9:
		return nil, c.bad(api, "a text or between 1 and 9 attachments")
	case len(m.CustomerIDs) > MassCustomers || len(m.ChatIDs) > MassGroups:
		return nil, c.bad(api, "too many recipients")
	case groups && (m.Sender == "" || len(m.CustomerIDs) > 0), m.Sender == "" && len(m.CustomerIDs) == 0:
		return nil, c.bad(api, "a sender, or customers; for groups a sender")
	}
	for _, a := range m.Attachments {
		if _, part := a.part(); part == nil {
			return nil, c.bad(api, "an attachment is empty")
		}
	}
	body := struct {
		ChatType    string       `json:"chat_type"`
		CustomerIDs []string     `json:"external_userid,omitempty"`
		ChatIDs     []string     `json:"chat_id_list,omitempty"`
		Sender      string       `json:"sender,omitempty"`
		Text        *Text        `json:"text,omitempty"`
		Attachments []Attachment `json:"attachments,omitempty"`
	}{massChat(groups), m.CustomerIDs, m.ChatIDs, m.Sender, textOf(m.Text), m.Attachments}
	var out struct {
		MessageID string   `json:"msgid"`
		Failed    []string `json:"fail_list"`
	}
	if err := c.post(ctx, api, body, &out); err != nil {
		return nil, err
	}
	return &MassCreated{out.MessageID, out.Failed}, nil
}

func massChat(groups bool) string {
	if groups {
		return "group"
	}
	return "single"
}

func textOf(text string) *Text {
	if text == "" {
		return nil
	}
	return &Text{Content: text}
}

// MassQuery asks for the mass messages created through the API, or in the admin console, within at most a month.
type MassQuery struct {
	Groups      bool // messages to groups rather than to customers
	From, Until time.Time
	Cursor      string
}

// MassMessage is a mass message in a list.
type MassMessage struct {
	MessageID string `json:"msgid"`
	Creator   string `json:"creator"` // user id; empty for one made through the API
	CreatedAt Time   `json:"create_time"`
	Text      Text   `json:"text"`
}

// MassMessages lists mass messages by age and gives the cursor of the next page, empty on the last. A message
// appears a moment after its creation. Platform documentation, 客户联系 · 获取群发记录列表.
func (c *Corp) MassMessages(ctx context.Context, q MassQuery) (list []MassMessage, next string, err error) {
	const api = "externalcontact/get_groupmsg_list_v2"
	if !q.Until.After(q.From) || q.Until.Sub(q.From) > 30*24*time.Hour {
		return nil, "", c.bad(api, "between a moment and a month")
	}
	body := struct {
		ChatType string `json:"chat_type"`
		From     int64  `json:"start_time"`
		Until    int64  `json:"end_time"`
		Filter   int    `json:"filter_type"` // 0: made by the corp, not by a member for himself
		Limit    int    `json:"limit"`
		Cursor   string `json:"cursor,omitempty"`
	}{massChat(q.Groups), q.From.Unix(), q.Until.Unix(), 0, 100, q.Cursor}
	var out struct {
		List []MassMessage `json:"group_msg_list"`
		Next string        `json:"next_cursor"`
	}
	if err := c.page(ctx, api, body, q.Cursor, &out, &out.Next); err != nil {
		return nil, "", err
	}
	return out.List, out.Next, nil
}

// MassTask is one sender's part of a mass message.
type MassTask struct {
	UserID string `json:"userid"`
	Status int    `json:"status"` // 0 not confirmed, 2 sent
	SentAt Time   `json:"send_time"`
}

// Sent tells whether the sender has confirmed.
func (t MassTask) Sent() bool { return t.Status == 2 }

// MassTasks says which senders have confirmed, and the cursor of the next page, empty on the last. It fails with
// ErrSpreading for a moment after the creation and with ErrNoSuchMessage.
// Platform documentation, 客户联系 · 获取群发成员发送任务列表.
func (c *Corp) MassTasks(ctx context.Context, messageID, cursor string) (tasks []MassTask, next string, err error) {
	body := struct {
		MessageID string `json:"msgid"`
		Limit     int    `json:"limit"`
		Cursor    string `json:"cursor,omitempty"`
	}{messageID, 1000, cursor}
	var out struct {
		List []MassTask `json:"task_list"`
		Next string     `json:"next_cursor"`
	}
	if err := c.page(ctx, "externalcontact/get_groupmsg_task", body, cursor, &out, &out.Next); err != nil {
		return nil, "", err
	}
	return out.List, out.Next, nil
}

// What became of a mass message for one recipient.
const (
	MassUnsent    = 0 // the sender has not confirmed
	MassSent      = 1
	MassNotFriend = 2 // the customer has deleted the sender
	MassOverQuota = 3 // other mass messages have used the recipient's quota
)

// MassResult is what became of a mass message for one customer or group.
type MassResult struct {
	CustomerID string `json:"external_userid"` // of messages to customers
	ChatID     string `json:"chat_id"`         // of messages to groups
	Status     int    `json:"status"`
	SentAt     Time   `json:"send_time"`
}

// MassResults says what became of one sender's part, and the cursor of the next page, empty on the last. Customers
// are listed from the beginning, groups once the message has been sent to them. It fails with ErrSpreading for a
// moment after the creation. Platform documentation, 客户联系 · 获取企业群发成员执行结果.
func (c *Corp) MassResults(ctx context.Context, messageID, userID, cursor string) (results []MassResult, next string, err error) {
	body := struct {
		MessageID string `json:"msgid"`
		UserID    string `json:"userid"`
		Limit     int    `json:"limit"`
		Cursor    string `json:"cursor,omitempty"`
	}{messageID, userID, 1000, cursor}
	var out struct {
		List []MassResult `json:"send_list"`
		Next string       `json:"next_cursor"`
	}
	if err := c.page(ctx, "externalcontact/get_groupmsg_send_result", body, cursor, &out, &out.Next); err != nil {
		return nil, "", err
	}
	return out.List, out.Next, nil
}

// page is post for lists: a cursor that leads nowhere is an answer that can't be trusted.
func (c *Corp) page(ctx context.Context, api string, body any, cursor string, out any, next *string) error {
	if err := c.post(ctx, api, body, out); err != nil {
		return err
	}
	if *next != "" && *next == cursor {
		return c.doubt(api, "the pages do not end")
	}
	return nil
}

type massID struct {
	MessageID string `json:"msgid"`
}

// RemindMass asks those who have not confirmed once more, at most three times in 24 hours (ErrRemindedEnough). Each
// call that the platform takes is a reminder. Platform documentation, 客户联系 · 提醒成员群发.
func (c *Corp) RemindMass(ctx context.Context, messageID string) error {
	return c.post(ctx, "externalcontact/remind_groupmsg_send", massID{messageID}, nil)
}

// CancelMass takes the message from those who have not confirmed; what has been sent stays. Repeatable: a message
// that has been cancelled is no failure. Platform documentation, 客户联系 · 停止企业群发.
func (c *Corp) CancelMass(ctx context.Context, messageID string) error {
	err := c.post(ctx, "externalcontact/cancel_groupmsg_send", massID{messageID}, nil)
	if errors.Is(err, ErrCancelled) {
		return nil
	}
	return err
}
