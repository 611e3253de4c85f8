package message

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Content is what a message says. As an author writes it, its texts name variables; as Render gives it, they are filled in.
// It holds every kind of content that the message has to say in any of its channels; a channel takes those it can carry.
type Content struct {
	Subject     string        `json:"subject,omitempty"`
	Text        string        `json:"text,omitempty"`
	Attachments []Attachment  `json:"attachments,omitempty"`
	Card        *Card         `json:"card,omitempty"`
	Subscribe   *Subscription `json:"subscribe,omitempty"`
}

// Attachment goes with a text. Which fields count depends on Kind.
type Attachment struct {
	Kind Kind `json:"kind"` // image, video, file, link, miniapp
	// MediaID is the row of the picture, video or file; of a mini-program card the picture on it.
	MediaID     int64  `json:"media_id,omitempty"`
	Title       string `json:"title,omitempty"`       // link, card
	Description string `json:"description,omitempty"` // link
	URL         string `json:"url,omitempty"`         // link
	PictureURL  string `json:"picture_url,omitempty"` // link; no variables
	AppID       string `json:"app_id,omitempty"`      // card; no variables
	Page        string `json:"page,omitempty"`        // card
}

// Card is a card for staff, or in the inbox.
type Card struct {
	Title       string  `json:"title"`
	Description string  `json:"description,omitempty"`
	URL         string  `json:"url,omitempty"`
	Button      string  `json:"button,omitempty"`
	Fields      []Field `json:"fields,omitempty"`
}

// Field is a line of a card, or a keyword of a subscribe message by its name at the platform (thing1, time2).
type Field struct {
	Name  string `json:"name"` // no variables
	Value string `json:"value"`
}

// Subscription is a mini-program's subscribe message.
type Subscription struct {
	TemplateID string  `json:"template_id"` // at the platform
	Page       string  `json:"page,omitempty"`
	Data       []Field `json:"data"`
}

// Kinds lists the kinds of content that are there, each once.
func (c *Content) Kinds() []Kind {
	var out []Kind
	add := func(there bool, k Kind) {
		if there && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	add(c.Text != "", KindText)
	add(c.Subject != "", KindSubject)
	for _, a := range c.Attachments {
		add(true, a.Kind)
	}
	add(c.Card != nil, KindCard)
	add(c.Subscribe != nil, KindSubscribe)
	return out
}

// Recipient is who gets a message, and in whose name.
type Recipient struct {
	CustomerID int64 // 0: no single customer; what is known of customers falls back
	StaffID    int64 // 0: nobody in particular
	AccountID  int64
	Values     map[string]string // variables that only the planner knows, by their names
}

// Rendered is a message for one recipient.
type Rendered struct {
	Content
	// Missing names a variable that has neither a value nor a fallback: the message can't go out. Content is then empty.
	Missing string
}

// Decode reads back the content of a version as it is stored.
func Decode(body string) (Content, error) {
	var c Content
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		return c, fmt.Errorf("read the content of a message: %w", err)
	}
	return c, nil
}
