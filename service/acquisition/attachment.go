package acquisition

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"zhiyin/model"
	"zhiyin/wecom"
)

// The kinds of attachments. Names are data.
const (
	AttachImage       = "image"
	AttachVideo       = "video"
	AttachFile        = "file"
	AttachLink        = "link"
	AttachMiniProgram = "mini_program"
)

// Attachment is what a welcome message carries besides its text. Which fields count depends on Kind.
type Attachment struct {
	Kind string `json:"kind"`
	// MediaID is the row of the picture, video or file; of a mini-program card the picture on it.
	MediaID     int64  `json:"media_id,omitempty"`
	Title       string `json:"title,omitempty"`       // link ≤ 128 bytes, card ≤ 64 bytes
	Description string `json:"description,omitempty"` // link ≤ 512 bytes
	URL         string `json:"url,omitempty"`         // link
	PictureURL  string `json:"picture_url,omitempty"` // link
	AppID       string `json:"app_id,omitempty"`      // card
	Page        string `json:"page,omitempty"`        // card
}

// Bounds of a welcome message; platform documentation, 客户联系, 发送新客户欢迎语.
const (
	maxWelcomeText = 4000 // bytes
	maxAttachments = 9
	maxLinkTitle   = 128
	maxLinkText    = 512
	maxCardTitle   = 64
	maxAddress     = 2048
)

var appIDShape = regexp.MustCompile(`^wx[0-9a-zA-Z]{8,30}$`)

// checkWelcome tells everything that is wrong with a welcome message in one fault.
func checkWelcome(tx *gorm.DB, accountID int64, c WelcomeContent) error {
	pieces, err := parse(c.Text)
	if err != nil {
		return err
	}
	f := ErrInvalidWelcome
	add := func(bad bool, field, reason string) {
		if bad {
			f = f.With(field, reason)
		}
	}
	add(c.Text == "" && len(c.Attachments) == 0, "text", "a text, an attachment or both")
	add(!utf8.ValidString(c.Text) || longest(pieces) > maxWelcomeText, "text", "at most 4000 bytes, each variable counting as 128")
	add(len(c.Attachments) > maxAttachments, "attachments", "at most 9")
	media, err := mediaByIDs(tx, mediaIn(c.Attachments))
	if err != nil {
		return err
	}
	for i, a := range c.Attachments {
		field := fmt.Sprintf("attachments[%d]", i)
		for _, reason := range a.wrongs(accountID, media) {
			add(true, field, reason)
		}
	}
	return wrong(f)
}

func (a Attachment) wrongs(accountID int64, media map[int64]model.Media) (reasons []string) {
	add := func(bad bool, reason string) {
		if bad {
			reasons = append(reasons, reason)
		}
	}
	hasMedia := func(kind string) bool {
		m, ok := media[a.MediaID]
		return ok && m.AccountID == accountID && m.Kind == kind
	}
	switch a.Kind {
	case AttachImage, AttachVideo, AttachFile:
		add(!hasMedia(a.Kind), "needs an uploaded "+a.Kind)
	case AttachLink:
		add(!within(a.Title, 1, maxLinkTitle), "title of 1 to 128 bytes")
		add(!within(a.Description, 0, maxLinkText), "description of at most 512 bytes")
		add(!isWebAddress(a.URL), "address must begin with https:// or http://")
		add(a.PictureURL != "" && !isWebAddress(a.PictureURL), "address of the picture must begin with https:// or http://")
	case AttachMiniProgram:
		add(!hasMedia(AttachImage), "needs an uploaded image")
		add(!within(a.Title, 1, maxCardTitle), "title of 1 to 64 bytes")
		add(!appIDShape.MatchString(a.AppID), "app id of the mini-program, wx…")
		add(!within(a.Page, 1, maxAddress), "page of the mini-program")
	default:
		add(true, "unknown kind")
	}
	return reasons
}

func within(s string, min, max int) bool {
	return len(s) >= min && len(s) <= max && utf8.ValidString(s)
}

func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxAddress && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

// mediaIn lists the media rows that attachments need.
func mediaIn(list []Attachment) (ids []int64) {
	for _, a := range list {
		if a.MediaID != 0 && !slices.Contains(ids, a.MediaID) {
			ids = append(ids, a.MediaID)
		}
	}
	return ids
}

// build turns attachments into the platform's, and counts those left out because the platform has not, or no
// longer, their media: a welcome without its picture is better than none.
func build(list []Attachment, media map[int64]model.Media, now time.Time) (out []wecom.Attachment, leftOut int) {
	for _, a := range list {
		m, ok := media[a.MediaID]
		if a.Kind != AttachLink && !(ok && usable(m, now)) {
			leftOut++
			continue
		}
		out = append(out, a.forPlatform(m.MediaID))
	}
	return out, leftOut
}

func (a Attachment) forPlatform(mediaID string) wecom.Attachment {
	switch a.Kind {
	case AttachImage:
		return wecom.Attachment{Image: &wecom.Image{MediaID: mediaID}}
	case AttachVideo:
		return wecom.Attachment{Video: &wecom.File{MediaID: mediaID}}
	case AttachFile:
		return wecom.Attachment{File: &wecom.File{MediaID: mediaID}}
	case AttachMiniProgram:
		return wecom.Attachment{MiniProgram: &wecom.MiniProgram{Title: a.Title, PicMediaID: mediaID, AppID: a.AppID, Page: a.Page}}
	}
	return wecom.Attachment{Link: &wecom.Link{Title: a.Title, PicURL: a.PictureURL, Description: a.Description, URL: a.URL}}
}
