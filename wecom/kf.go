package wecom

import (
	"context"
	"encoding/json"
	"errors"
)

// Failures of customer service, 微信客服.
var (
	ErrKfSpent    = errors.New("the customer's last message has been answered as often as it allows") // 95001
	ErrKfLate     = errors.New("the customer's last message is too old")                              // 95002
	ErrKfState    = errors.New("the session is with a person, queued or over")                        // 95018
	ErrKfToken    = errors.New("unknown or old token of a callback")                                  // 95007
	ErrNoSuchKf   = errors.New("unknown customer-service account")                                    // 95004
	ErrNoKfPerson = errors.New("unknown customer of customer service")                                // 95000
)

// KfAccount is a customer-service account, 客服账号.
type KfAccount struct {
	ID      string `json:"open_kfid"`
	Name    string `json:"name"`
	Avatar  string `json:"avatar"`
	Managed bool   `json:"manage_privilege"` // the app may send through it
}

// KfAccounts lists all customer-service accounts. Platform documentation, 微信客服 · 获取客服账号列表.
func (c *Corp) KfAccounts(ctx context.Context) ([]KfAccount, error) {
	const api, page = "kf/account/list", 100
	var all []KfAccount
	for range maxPages {
		body := struct {
			Offset int `json:"offset"`
			Limit  int `json:"limit"`
		}{len(all), page}
		var out struct {
			List []KfAccount `json:"account_list"`
		}
		if err := c.post(ctx, api, body, &out); err != nil {
			return nil, err
		}
		all = append(all, out.List...)
		if len(out.List) < page {
			return all, nil
		}
	}
	return nil, c.doubt(api, "the pages do not end")
}

// KfMessage is a message to a customer: a text, or exactly one of the others.
type KfMessage struct {
	ID          string // ours, [0-9A-Za-z_-], ≤ 32 bytes; the platform takes each once for an account
	KfID        string
	CustomerID  string // external user id
	Text        string // ≤ 2048 bytes
	Link        *KfLink
	MiniProgram *KfMiniProgram
	Image       *File
}

// KfLink is a link card.
type KfLink struct {
	Title       string `json:"title"`          // ≤ 128 bytes
	Description string `json:"desc,omitempty"` // ≤ 512 bytes
	URL         string `json:"url"`
	ThumbID     string `json:"thumb_media_id"`
}

// KfMiniProgram is a mini-program card.
type KfMiniProgram struct {
	AppID   string `json:"appid"`
	Title   string `json:"title"` // ≤ 64 bytes
	ThumbID string `json:"thumb_media_id"`
	Page    string `json:"pagepath"`
}

// SendKf sends a message to a customer who has written within 48 hours, at most five for each of his messages. With
// an ID of ours the same message may be sent again after a lost answer; the call itself does not repeat. Accepted is
// not arrived: KfEvents tell of failures. It fails with ErrKfLate, ErrKfSpent and ErrKfState.
// Platform documentation, 微信客服 · 发送消息.
func (c *Corp) SendKf(ctx context.Context, m KfMessage) (messageID string, err error) {
	const api = "kf/send_msg"
	kind, part := m.part()
	if part == nil || len(m.ID) > 32 {
		return "", c.bad(api, "a text, link, mini-program or picture, and an id of at most 32 bytes")
	}
	body := map[string]any{"touser": m.CustomerID, "open_kfid": m.KfID, "msgtype": kind, kind: part}
	if m.ID != "" {
		body["msgid"] = m.ID
	}
	var out struct {
		MessageID string `json:"msgid"`
	}
	err = c.post(ctx, api, body, &out)
	return out.MessageID, err
}

func (m KfMessage) part() (string, any) {
	switch {
	case m.Text != "":
		return "text", Text{m.Text}
	case m.Link != nil:
		return "link", m.Link
	case m.MiniProgram != nil:
		return "miniprogram", m.MiniProgram
	case m.Image != nil:
		return "image", m.Image
	}
	return "", nil
}

// KfItem is something that customers, servicers or the system did in an account.
type KfItem struct {
	ID         string `json:"msgid"`
	KfID       string `json:"open_kfid"`
	CustomerID string `json:"external_userid"`
	SentAt     Time   `json:"send_time"`
	Origin     int    `json:"origin"` // 3 customer, 4 system, 5 servicer
	ServicerID string `json:"servicer_userid"`
	Kind       string `json:"msgtype"`
	Text       Text   `json:"text"`
	// Event is set with Kind "event"; it carries the ids that a message carries outside.
	Event KfEvent `json:"event"`
	// Raw is the item as it came, for kinds that have no field here.
	Raw json.RawMessage `json:"-"`
}

// Origins of items.
const (
	KfFromCustomer = 3
	KfFromSystem   = 4
	KfFromServicer = 5
)

// KfEvent is what the system says.
type KfEvent struct {
	Type       string `json:"event_type"` // msg_send_fail, enter_session, session_status_change …
	KfID       string `json:"open_kfid"`
	CustomerID string `json:"external_userid"`
	FailedID   string `json:"fail_msgid"` // of msg_send_fail
	FailType   Number `json:"fail_type"`
}

// KfPage is one page of KfItems.
type KfPage struct {
	Items []KfItem
	Next  string // cursor; keep it per account, it is also where the next reading begins
	More  bool   // another page waits, even when this one is empty
}

// KfItems reads what happened in an account after the cursor, of the last three days. The token of the callback that
// said so lives for ten minutes; without one the platform allows few calls. It fails with ErrKfToken. What was sent
// with SendKf is not listed. Platform documentation, 微信客服 · 接收消息和事件.
func (c *Corp) KfItems(ctx context.Context, kfID, cursor, token string) (*KfPage, error) {
	const api = "kf/sync_msg"
	body := struct {
		Cursor string `json:"cursor,omitempty"`
		Token  string `json:"token,omitempty"`
		Limit  int    `json:"limit"`
		KfID   string `json:"open_kfid"`
	}{cursor, token, 1000, kfID}
	var out struct {
		Next string            `json:"next_cursor"`
		More Number            `json:"has_more"`
		List []json.RawMessage `json:"msg_list"`
	}
	if err := c.call(ctx, api, request{body: body, hide: []string{token}}, &out); err != nil {
		return nil, err
	}
	page := &KfPage{Next: out.Next, More: out.More == 1}
	if page.More && page.Next == cursor {
		return nil, c.doubt(api, "the pages do not end")
	}
	for _, raw := range out.List {
		item := KfItem{Raw: raw}
		if err := json.Unmarshal(raw, &item); err != nil {
			return nil, c.doubt(api, "an item has an unexpected shape")
		}
		if item.Kind == "event" {
			item.KfID, item.CustomerID = item.Event.KfID, item.Event.CustomerID
		}
		page.Items = append(page.Items, item)
	}
	return page, nil
}
