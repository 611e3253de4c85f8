package wecom

import (
	"context"
	"strings"
)

// Card is a text card message to staff, 文本卡片.
type Card struct {
	Title       string `json:"title"`       // ≤ 128 characters
	Description string `json:"description"` // ≤ 512 characters
	URL         string `json:"url"`         // ≤ 2048 bytes
	Button      string `json:"btntxt,omitempty"`
}

// Receipt says what became of a message to staff.
type Receipt struct {
	MessageID string
	// Invalid are receivers, lower-cased by the platform, who did not get it: unknown, outside of
	// the visible range or without a licence. The others did.
	Invalid []string
}

// SendStaffText sends a text of at most 2048 bytes to at most 1000 staff. The platform drops an
// equal message to the same receivers within half an hour, so repeating it is harmless; it also
// drops, silently, what exceeds 30 a minute for one receiver. Nobody reachable fails with
// ErrNotFound (81013). Platform documentation, 消息推送 · 发送应用消息.
func (c *Corp) SendStaffText(ctx context.Context, userIDs []string, text string) (*Receipt, error) {
	return c.sendStaff(ctx, userIDs, "text", Text{Content: text})
}

// SendStaffCard sends a text card; otherwise as SendStaffText.
// Platform documentation, 消息推送 · 发送应用消息.
func (c *Corp) SendStaffCard(ctx context.Context, userIDs []string, card Card) (*Receipt, error) {
	return c.sendStaff(ctx, userIDs, "textcard", card)
}

func (c *Corp) sendStaff(ctx context.Context, userIDs []string, kind string, part any) (*Receipt, error) {
	const api = "message/send"
	if len(userIDs) == 0 || len(userIDs) > 1000 {
		return nil, c.bad(api, "between 1 and 1000 receivers")
	}
	for _, id := range userIDs {
		if id == "" || strings.Contains(id, "|") || strings.EqualFold(id, "@all") {
			return nil, c.bad(api, "a receiver is not a user id")
		}
	}
	a, err := c.g.corpApp(ctx, c.account)
	if err != nil {
		return nil, err
	}
	body := map[string]any{
		"touser": strings.Join(userIDs, "|"), "agentid": a.cred.AgentID, "msgtype": kind, kind: part,
		"enable_duplicate_check": 1, "duplicate_check_interval": 1800,
	}
	var out struct {
		Invalid    string `json:"invaliduser"`
		Unlicensed string `json:"unlicenseduser"`
		MessageID  string `json:"msgid"`
	}
	if err := c.g.call(ctx, a, api, request{body: body}, &out); err != nil {
		return nil, err
	}
	return &Receipt{MessageID: out.MessageID, Invalid: append(split(out.Invalid), split(out.Unlicensed)...)}, nil
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, "|")
}
