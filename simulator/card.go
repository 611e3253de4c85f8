package simulator

import "regexp"

// templateCard is a 模板卡片; of its many parts those that notices and buttons use.
type templateCard struct {
	CardType string `json:"card_type"`
	Source   *struct {
		Icon  string `json:"icon_url,omitempty"`
		Desc  string `json:"desc,omitempty" max:"20ch"`
		Color int    `json:"desc_color,omitempty"`
	} `json:"source,omitempty"`
	TaskID    string     `json:"task_id,omitempty" max:"128B"`
	MainTitle *cardTitle `json:"main_title,omitempty"`
	Quote     *struct {
		Type   int    `json:"type,omitempty"`
		URL    string `json:"url,omitempty" max:"2048B"`
		AppID  string `json:"appid,omitempty"`
		Page   string `json:"pagepath,omitempty"`
		Title  string `json:"title,omitempty"`
		Quoted string `json:"quote_text,omitempty"`
	} `json:"quote_area,omitempty"`
	Emphasis   *cardTitle `json:"emphasis_content,omitempty"`
	SubTitle   string     `json:"sub_title_text,omitempty" max:"160ch"`
	Horizontal []struct {
		Type   int    `json:"type,omitempty"`
		Key    string `json:"keyname" max:"5ch"`
		Value  string `json:"value,omitempty" max:"30ch"`
		URL    string `json:"url,omitempty" max:"2048B"`
		Media  string `json:"media_id,omitempty"`
		UserID string `json:"userid,omitempty"`
	} `json:"horizontal_content_list,omitempty"`
	Jumps   []cardAction `json:"jump_list,omitempty"`
	Action  *cardAction  `json:"card_action,omitempty"`
	Buttons []struct {
		Type  int    `json:"type,omitempty"`
		Text  string `json:"text" max:"10ch"`
		Style int    `json:"style,omitempty"`
		Key   string `json:"key,omitempty" max:"1024B"`
		URL   string `json:"url,omitempty" max:"2048B"`
	} `json:"button_list,omitempty"`
}

type cardTitle struct {
	Title string `json:"title,omitempty" max:"26ch"`
	Desc  string `json:"desc,omitempty" max:"30ch"`
}

type cardAction struct {
	Type  int    `json:"type"`
	Title string `json:"title,omitempty" max:"13ch"`
	URL   string `json:"url,omitempty" max:"2048B"`
	AppID string `json:"appid,omitempty"`
	Page  string `json:"pagepath,omitempty" max:"1024B"`
}

var taskID = regexp.MustCompile(`^[A-Za-z0-9_@-]{1,128}$`)

// check holds a card to what its type needs; interactive ones need a task id, new for the app.
func (t *templateCard) check(c *call) error {
	titled := t.MainTitle != nil && t.MainTitle.Title != "" || t.SubTitle != ""
	switch {
	case !titled:
		return fail(40058, "template_card needs main_title or sub_title_text")
	case len(t.Horizontal) > 6 || len(t.Jumps) > 3 || len(t.Buttons) > 6:
		return fail(40058, "template_card has too many parts")
	case t.TaskID != "" && !taskID.MatchString(t.TaskID):
		return fail(40058, "task_id")
	}
	switch t.CardType {
	case "text_notice":
		if t.Action == nil || (t.Action.Type == 1 && t.Action.URL == "") || (t.Action.Type == 2 && t.Action.AppID == "") || t.Action.Type < 1 || t.Action.Type > 2 {
			return fail(40058, "card_action")
		}
	case "button_interaction":
		if len(t.Buttons) == 0 || t.TaskID == "" {
			return fail(40058, "button_list and task_id")
		}
		for _, m := range c.corp.Messages {
			if m.Template != nil && m.Agent == c.app.AgentID && m.Template.TaskID == t.TaskID {
				return fail(40058, "task_id has been used")
			}
		}
	default:
		return fail(40058, "card_type "+t.CardType)
	}
	return nil
}
