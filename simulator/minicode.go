package simulator

import (
	"bytes"
	"image/jpeg"
	"image/png"
	"regexp"
	"strings"
)

// codeRequest asks for a mini-program's code.
type codeRequest struct {
	Scene      string `json:"scene"`
	Page       string `json:"page"`
	CheckPath  *bool  `json:"check_path"`
	EnvVersion string `json:"env_version"`
	Width      int    `json:"width"`
	AutoColor  bool   `json:"auto_color"`
	LineColor  *struct {
		R any `json:"r"`
		G any `json:"g"`
		B any `json:"b"`
	} `json:"line_color"`
	Hyaline bool `json:"is_hyaline"`
}

var (
	sceneText = regexp.MustCompile(`^[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}$`)
	pagePath  = regexp.MustCompile(`^[0-9A-Za-z_\-]+(/[0-9A-Za-z_\-]+)*$`)
)

// miniCode is getwxacodeunlimit. The platform draws a round code that only WeChat reads; here it is a QR code of page and scene,
// so that tests and people can read it.
func miniCode(_ *call, in *codeRequest) (any, error) {
	switch {
	case !sceneText.MatchString(in.Scene):
		return nil, fail(40169)
	case in.Page != "" && !pagePath.MatchString(in.Page):
		return nil, fail(41030)
	case in.EnvVersion != "" && in.EnvVersion != "release" && in.EnvVersion != "trial" && in.EnvVersion != "develop", in.Width != 0 && (in.Width < 280 || in.Width > 1280):
		return nil, fail(40097)
	}
	drawn, err := qrImage(strings.Trim(in.Page+"?scene="+in.Scene, "/"))
	if err != nil || in.Hyaline {
		return &file{Type: "image/png", Data: drawn}, err
	}
	picture, err := png.Decode(bytes.NewReader(drawn))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, &jpeg.Options{Quality: 90}); err != nil {
		return nil, err
	}
	return &file{Type: "image/jpeg", Data: b.Bytes()}, nil
}
