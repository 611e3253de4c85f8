package wecom

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// MediaKind is a kind of uploaded material.
type MediaKind string

// The kinds of material, with the platform's bounds.
const (
	MediaImage MediaKind = "image" // JPG or PNG, ≤ 10 MB
	MediaVoice MediaKind = "voice" // AMR, ≤ 2 MB
	MediaVideo MediaKind = "video" // MP4, ≤ 10 MB
	MediaFile  MediaKind = "file"  // ≤ 20 MB
)

var mediaMost = map[MediaKind]int{MediaImage: 10 << 20, MediaVoice: 2 << 20, MediaVideo: 10 << 20, MediaFile: 20 << 20}

// MediaLife is how long uploaded material can be used.
const MediaLife = 3 * 24 * time.Hour

// Media is uploaded material; all apps of the corp may use its id until CreatedAt + MediaLife.
type Media struct {
	ID        string    `json:"media_id"`
	Kind      MediaKind `json:"type"`
	CreatedAt Time      `json:"created_at"`
}

// UploadMedia uploads temporary material. Repeatable: each upload has an id of its own.
// Platform documentation, 素材管理 · 上传临时素材.
func (c *Corp) UploadMedia(ctx context.Context, kind MediaKind, filename string, content []byte) (*Media, error) {
	const api = "media/upload"
	if most := mediaMost[kind]; most == 0 || len(content) <= 5 || len(content) > most {
		return nil, c.bad(api, "unknown kind, or content outside of the platform's bounds")
	}
	r, err := formRequest(filename, content)
	if err != nil {
		return nil, c.bad(api, "the form cannot be built")
	}
	r.query = url.Values{"type": {string(kind)}}
	var out Media
	if err := c.call(ctx, api, r, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// UploadImage uploads a JPG or PNG of at most 2 MB for good and returns its address, for use in
// messages. It counts against 1,000 a day and 3,000 a month for each corp, so it is not repeated
// after a lost answer. Platform documentation, 素材管理 · 上传图片.
func (c *Corp) UploadImage(ctx context.Context, filename string, content []byte) (string, error) {
	const api = "media/uploadimg"
	if len(content) <= 5 || len(content) > 2<<20 {
		return "", c.bad(api, "content outside of the platform's bounds")
	}
	r, err := formRequest(filename, content)
	if err != nil {
		return "", c.bad(api, "the form cannot be built")
	}
	var out struct {
		URL string `json:"url"`
	}
	err = c.call(ctx, api, r, &out)
	return out.URL, err
}

var quoteFilename = strings.NewReplacer("\\", "\\\\", `"`, "\\\"", "\r", "", "\n", "")

// formRequest is a multipart form with the one part that uploads want. Its length is announced, as
// the platform asks for.
func formRequest(filename string, content []byte) (request, error) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="media"; filename="%s"; filelength=%d`, quoteFilename.Replace(filename), len(content))},
		"Content-Type":        {"application/octet-stream"},
	})
	if err != nil {
		return request{}, err
	}
	if _, err := part.Write(content); err != nil {
		return request{}, err
	}
	if err := w.Close(); err != nil {
		return request{}, err
	}
	return request{raw: buf.Bytes(), form: w.FormDataContentType()}, nil
}
