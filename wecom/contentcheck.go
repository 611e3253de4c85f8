package wecom

import (
	"context"
	"errors"
	"unicode/utf8"
)

// ErrVisitTooOld: the platform judges what somebody wrote only for two hours after they opened the mini-program.
var ErrVisitTooOld = errors.New("the user has not opened the mini-program lately") // 61010

// What the platform suggests to do with a content. Anything else that it may come to say is no pass.
const (
	SuggestPass   = "pass"
	SuggestReview = "review" // a person should look at it
	SuggestRisky  = "risky"
)

// ContentScene says where other people would meet a content.
type ContentScene int

// The scenes that the platform knows.
const (
	SceneProfile ContentScene = iota + 1
	SceneComment
	SceneForum
	SceneSocial
)

// MaxCheckedText is how many characters of a text the platform judges at once.
const MaxCheckedText = 2500

// ContentVerdict is what the platform found in a content.
type ContentVerdict struct {
	Suggest string `json:"suggest"`
	Label   int    `json:"label"` // 100 nothing, 10001 advertising, 20001 politics, 20002 pornography, 20003 abuse, …
}

// CheckText asks what the platform thinks of a text that a user wrote. That it answers says nothing about the text: the
// suggestion does. Repeatable. It fails with ErrBadInput for a text that is empty or longer than MaxCheckedText, or a user who
// is not this mini-program's, and with ErrVisitTooOld. Platform documentation, 内容安全 · 文本内容安全识别.
func (m *MiniApp) CheckText(ctx context.Context, openID string, scene ContentScene, text string) (*ContentVerdict, error) {
	const api = "wxa/msg_sec_check"
	if n := utf8.RuneCountInString(text); n == 0 || n > MaxCheckedText {
		return nil, &Error{API: api, Account: m.account, Class: ClassBadInput, Message: "a text has between 1 and 2,500 characters"}
	}
	body := struct {
		Version int          `json:"version"`
		OpenID  string       `json:"openid"`
		Scene   ContentScene `json:"scene"`
		Content string       `json:"content"`
	}{2, openID, scene, text}
	var out struct {
		Result ContentVerdict `json:"result"`
	}
	if err := m.own(ctx, api, request{body: body}, &out); err != nil {
		return nil, err
	}
	return &out.Result, nil
}

// CheckPicture asks the platform to look at a picture that it can fetch from an address, of 10 MB at most. The verdict comes
// within half an hour as the push wxa_media_check that names the trace, perhaps before this returns. Asking again makes another
// trace and does no harm. It fails as CheckText does. Platform documentation, 内容安全 · 音视频内容安全识别.
func (m *MiniApp) CheckPicture(ctx context.Context, openID string, scene ContentScene, address string) (trace string, err error) {
	body := struct {
		Version int          `json:"version"`
		OpenID  string       `json:"openid"`
		Scene   ContentScene `json:"scene"`
		URL     string       `json:"media_url"`
		Kind    int          `json:"media_type"`
	}{2, openID, scene, address, 2}
	var out struct {
		Trace string `json:"trace_id"`
	}
	err = m.own(ctx, "wxa/media_check_async", request{body: body}, &out)
	return out.Trace, err
}
