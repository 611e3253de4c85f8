package console

import (
	"context"
	"io"
	"maps"
	"mime/multipart"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"zhiyin/api/problem"
	"zhiyin/model"
)

// Media is a file that messages carry.
type Media struct {
	ID          string     `json:"id"`
	AccountID   string     `json:"account_id"`
	Kind        string     `json:"kind" enum:"image,video,file"`
	Name        string     `json:"name"`
	MIME        string     `json:"mime"`
	Size        int64      `json:"size" doc:"bytes"`
	UploadedAt  *time.Time `json:"uploaded_at,omitempty" doc:"when the platform last got it"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" doc:"when the platform forgets it; renewed before"`
	UploadError string     `json:"upload_error,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
}

func (h *Handlers) media(m *model.Media) Media {
	return Media{
		h.IDs.Of(model.KindMedia, m.ID), h.IDs.Of(model.KindAccount, m.AccountID), m.Kind, m.Name, m.MIME, m.Size,
		m.UploadedAt, m.ExpiresAt, m.UploadError, m.CreatedAt,
	}
}

// ListMediaInput selects files.
type ListMediaInput struct {
	AccountQuery
	PageQuery
	Kind string `query:"kind" enum:"image,video,file"`
}

// ListMedia lists an account's files from the newest.
func (h *Handlers) ListMedia(ctx context.Context, in *ListMediaInput) (*Page[Media], error) {
	r := h.reader()
	account, after := r.row(model.KindAccount, in.AccountID), r.after(listMedia, in.Cursor)
	if r.err != nil {
		return nil, r.err
	}
	if err := inCorp(ctx, account); err != nil {
		return nil, err
	}
	rows, err := h.Acquisition.Media(ctx, account, in.Kind, after, in.Limit)
	if err != nil {
		return nil, err
	}
	var items []Media
	for i := range rows {
		items = append(items, h.media(&rows[i]))
	}
	return newPage(h, listMedia, items, lastOf(rows, in.Limit, func(m model.Media) int64 { return m.ID }))
}

// UploadMediaInput is a file as a form sends it.
type UploadMediaInput struct {
	RawBody huma.MultipartFormFiles[struct {
		AccountID string        `form:"account_id" required:"true"`
		Kind      string        `form:"kind" enum:"image,video,file" required:"true"`
		File      huma.FormFile `form:"file" required:"true"`
	}]
}

// MaxUpload is the platform's largest file in bytes.
const MaxUpload = 20 << 20

// onlyFields refuses a form that holds anything else.
func onlyFields(form *multipart.Form, allowed ...string) error {
	names := slices.AppendSeq(slices.Collect(maps.Keys(form.Value)), maps.Keys(form.File))
	for _, name := range slices.Sorted(slices.Values(names)) {
		if !slices.Contains(allowed, name) {
			return problem.ErrInvalid.With("form."+name, "不认识的字段 / unknown field")
		}
	}
	return nil
}

// UploadMedia keeps a file and gives it to the platform.
func (h *Handlers) UploadMedia(ctx context.Context, in *UploadMediaInput) (*One[Media], error) {
	form := in.RawBody.Data()
	defer form.File.Close()
	if err := onlyFields(in.RawBody.Form, "account_id", "kind", "file"); err != nil {
		return nil, err
	}
	account, err := h.IDs.Row(model.KindAccount, form.AccountID)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(form.File, MaxUpload+1))
	if err != nil {
		return nil, err
	}
	row, err := h.Acquisition.UploadMedia(ctx, account, form.File.Filename, form.Kind, content)
	if err != nil {
		return nil, err
	}
	return one(h.media(row)), nil
}

// MediaContent is a file's bytes, to be saved and not shown as a page.
type MediaContent struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	Body               []byte
}

// GetMediaContent gives a file's bytes.
func (h *Handlers) GetMediaContent(ctx context.Context, in *IDPath) (*MediaContent, error) {
	id, err := h.IDs.Row(model.KindMedia, in.ID)
	if err != nil {
		return nil, err
	}
	m, content, err := h.Acquisition.MediaFile(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := inCorp(ctx, m.AccountID); err != nil {
		return nil, err
	}
	return &MediaContent{m.MIME, "attachment", content}, nil
}

// DeleteMedia forgets a file that no message carries.
func (h *Handlers) DeleteMedia(ctx context.Context, in *IDPath) (*None, error) {
	id, err := h.IDs.Row(model.KindMedia, in.ID)
	if err != nil {
		return nil, err
	}
	return &None{}, h.Acquisition.DeleteMedia(ctx, id)
}
