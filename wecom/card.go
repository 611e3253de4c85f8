package wecom

import "context"

// TemplateCard is a 模板卡片 to staff: a text notice with rows, or with Buttons one that asks for a decision.
type TemplateCard struct {
	TaskID   string // [A-Za-z0-9_@-], ≤ 128 bytes, unique for the app; needed with buttons
	Source   string // where it comes from, ≤ 13 characters
	Title    string // ≤ 26 characters
	Subtitle string // ≤ 30 characters
	Text     string // ≤ 112 characters
	Rows     []CardRow
	URL      string // opened by a click on the card; needed without buttons
	Buttons  []CardButton
}

// CardRow is a name (≤ 5 characters) and a value (≤ 26) in a card; a card has at most six.
type CardRow struct {
	Name  string `json:"keyname"`
	Value string `json:"value"`
}

// CardButton is a button of a card; its key comes back in the callback template_card_event. At most six.
type CardButton struct {
	Text  string `json:"text"`
	Key   string `json:"key"`
	Style int    `json:"style,omitempty"` // 1 blue, 2 grey, 3 red on grey, 4 white on red
}

// SendStaffTemplate sends a template card; otherwise as SendStaffText.
// Platform documentation, 消息推送 · 发送应用消息 · 模板卡片消息.
func (c *Corp) SendStaffTemplate(ctx context.Context, userIDs []string, card TemplateCard) (*Receipt, error) {
	if card.Title == "" && card.Text == "" || len(card.Rows) > 6 || len(card.Buttons) > 6 {
		return nil, c.bad("message/send", "a title or text, at most 6 rows and 6 buttons")
	}
	if card.URL == "" && len(card.Buttons) == 0 || len(card.Buttons) > 0 && card.TaskID == "" {
		return nil, c.bad("message/send", "an address, or buttons and a task id")
	}
	return c.sendStaff(ctx, userIDs, "template_card", card.wire())
}

// wire leaves out what is empty: the platform takes an empty part for a wrong one.
func (t TemplateCard) wire() map[string]any {
	out := map[string]any{"card_type": "text_notice"}
	put := func(name string, value any, some bool) {
		if some {
			out[name] = value
		}
	}
	title := map[string]string{}
	if t.Title != "" {
		title["title"] = t.Title
	}
	if t.Subtitle != "" {
		title["desc"] = t.Subtitle
	}
	put("task_id", t.TaskID, t.TaskID != "")
	put("source", map[string]any{"desc": t.Source}, t.Source != "")
	put("main_title", title, len(title) > 0)
	put("sub_title_text", t.Text, t.Text != "")
	put("horizontal_content_list", t.Rows, len(t.Rows) > 0)
	put("card_action", map[string]any{"type": 1, "url": t.URL}, t.URL != "")
	if len(t.Buttons) > 0 {
		out["card_type"], out["button_list"] = "button_interaction", t.Buttons
	}
	return out
}
