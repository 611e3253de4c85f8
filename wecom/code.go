package wecom

import (
	"bytes"
	"context"
	"strings"
)

// CodePicture asks for a mini-program's code, 小程序码.
type CodePicture struct {
	Scene string // what the page is told: 1 to 32 visible characters
	Page  string // without a leading / and without a query; empty: the home page
	Width int    // pixels, 280 to 1280; 0: 430
}

// sceneSigns are what a scene may hold besides letters and digits.
const sceneSigns = "!#$&'()*+,/:;=?@-._~"

// Code gives a mini-program's code as a JPEG or PNG. Codes are good for ever and not counted, and the same request makes the
// same code: repeatable. Pages that are not released yet are taken. It fails with ErrBadInput for a scene or page that can't be.
// Platform documentation, 小程序 · 获取不限制的小程序码.
func (m *MiniApp) Code(ctx context.Context, c CodePicture) ([]byte, error) {
	const api = "wxa/getwxacodeunlimit"
	if !goodScene(c.Scene) || strings.HasPrefix(c.Page, "/") || strings.Contains(c.Page, "?") || c.Width != 0 && (c.Width < 280 || c.Width > 1280) {
		return nil, &Error{API: api, Account: m.account, Class: ClassBadInput, Message: "scene, page or width outside of the platform's bounds"}
	}
	body := struct {
		Scene     string `json:"scene"`
		Page      string `json:"page,omitempty"`
		CheckPath bool   `json:"check_path"`
		Width     int    `json:"width,omitempty"`
	}{c.Scene, c.Page, false, c.Width}
	var picture []byte
	if err := m.own(ctx, api, request{body: body}, &picture); err != nil {
		return nil, err
	}
	return picture, nil
}

func goodScene(s string) bool {
	return s != "" && len(s) <= 32 && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(sceneSigns, r))
	})
}

// isPicture tells a JPEG or PNG by its first bytes.
func isPicture(body []byte) bool {
	return bytes.HasPrefix(body, []byte("\xff\xd8\xff")) || bytes.HasPrefix(body, []byte("\x89PNG\r\n\x1a\n"))
}
