package wecom

import (
	"context"
	"encoding/json"
)

// Text is the text part of a message.
type Text struct {
	Content string `json:"content"`
}

// Image is a picture: uploaded for a while (UploadMedia) or for good (UploadImage).
type Image struct {
	MediaID string `json:"media_id,omitempty"`
	PicURL  string `json:"pic_url,omitempty"`
}

// Link is a link card.
type Link struct {
	Title       string `json:"title"` // ≤ 128 bytes
	PicURL      string `json:"picurl,omitempty"`
	Description string `json:"desc,omitempty"` // ≤ 512 bytes
	URL         string `json:"url"`
}

// MiniProgram is a mini-program card.
type MiniProgram struct {
	Title      string `json:"title"` // ≤ 64 bytes
	PicMediaID string `json:"pic_media_id"`
	AppID      string `json:"appid"`
	Page       string `json:"page"`
}

// File is an uploaded file or video.
type File struct {
	MediaID string `json:"media_id"`
}

// Attachment is exactly one of its fields.
type Attachment struct {
	Image       *Image
	Link        *Link
	MiniProgram *MiniProgram
	Video       *File
	File        *File
}

// MarshalJSON writes {"msgtype": kind, kind: {…}} and nothing of the other kinds.
func (a Attachment) MarshalJSON() ([]byte, error) {
	kind, part := a.part()
	return json.Marshal(map[string]any{"msgtype": kind, kind: part})
}

func (a Attachment) part() (kind string, part any) {
	switch {
	case a.Image != nil:
		return "image", a.Image
	case a.Link != nil:
		return "link", a.Link
	case a.MiniProgram != nil:
		return "miniprogram", a.MiniProgram
	case a.Video != nil:
		return "video", a.Video
	case a.File != nil:
		return "file", a.File
	}
	return "", nil
}

// Welcome is a 欢迎语: a text, attachments, or both.
type Welcome struct {
	Text        string       // ≤ 4000 bytes
	Attachments []Attachment // ≤ 9
}

// SendWelcome greets the customer that the code belongs to. The code works once and for 20 seconds
// after its callback. It is not repeated after a lost answer (ErrInDoubt). It fails with
// ErrCodeExpired, ErrAlreadyWelcomed, and ErrWelcomeInFlight, after which it may be tried again.
// Platform documentation, 客户联系 · 发送新客户欢迎语.
func (c *Corp) SendWelcome(ctx context.Context, code string, w Welcome) error {
	const api = "externalcontact/send_welcome_msg"
	if w.Text == "" && len(w.Attachments) == 0 || len(w.Attachments) > 9 {
		return c.bad(api, "a text or between 1 and 9 attachments")
	}
	for _, a := range w.Attachments {
		if _, part := a.part(); part == nil {
			return c.bad(api, "an attachment is empty")
		}
	}
	body := struct {
		Code        string       `json:"welcome_code"`
		Text        *Text        `json:"text,omitempty"`
		Attachments []Attachment `json:"attachments,omitempty"`
	}{Code: code, Attachments: w.Attachments}
	if w.Text != "" {
		body.Text = &Text{Content: w.Text}
	}
	return c.call(ctx, api, request{body: body, hide: []string{code}}, nil)
}
