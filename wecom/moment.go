package wecom

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"
)

// Failures of moments.
var (
	ErrNoSuchMoment = errors.New("unknown moment")            // 41060
	ErrMomentEnded  = errors.New("moment has been cancelled") // 41089
)

// MomentPart is exactly one of its fields; material is uploaded with UploadMomentMedia.
type MomentPart struct {
	Image *File
	Video *File
	Link  *MomentLink
}

// MomentLink is a link in a moment.
type MomentLink struct {
	Title   string `json:"title"` // ≤ 64 bytes
	URL     string `json:"url"`
	MediaID string `json:"media_id"`
}

// MarshalJSON writes {"msgtype": kind, kind: {…}} and nothing of the other kinds.
func (p MomentPart) MarshalJSON() ([]byte, error) {
	switch {
	case p.Image != nil:
		return json.Marshal(map[string]any{"msgtype": "image", "image": p.Image})
	case p.Video != nil:
		return json.Marshal(map[string]any{"msgtype": "video", "video": p.Video})
	case p.Link != nil:
		return json.Marshal(map[string]any{"msgtype": "link", "link": p.Link})
	}
	return nil, errors.New("an empty part of a moment")
}

// Moment is a post of 客户朋友圈. No senders mean everybody who may; no tags mean all customers of the senders.
type Moment struct {
	Text    string       // ≤ 2000 characters
	Parts   []MomentPart // ≤ 9 pictures, or one video, or one link
	UserIDs []string
	TagIDs  []string
}

// CreateMoment begins a job that asks the senders to publish, and returns the job's id, good for a day. Not
// repeatable, and not repeated after a lost answer (ErrInDoubt). At most ten a minute for each corp.
// Platform documentation, 客户联系 · 创建发表任务.
func (c *Corp) CreateMoment(ctx context.Context, m Moment) (jobID string, err error) {
	const api = "externalcontact/add_moment_task"
	if m.Text == "" && len(m.Parts) == 0 || len(m.Parts) > 9 {
		return "", c.bad(api, "a text or between 1 and 9 parts")
	}
	type senders struct {
		UserIDs []string `json:"user_list"`
	}
	type customers struct {
		TagIDs []string `json:"tag_list"`
	}
	type scope struct {
		Senders   *senders   `json:"sender_list,omitempty"`
		Customers *customers `json:"external_contact_list,omitempty"`
	}
	body := struct {
		Text  *Text        `json:"text,omitempty"`
		Parts []MomentPart `json:"attachments,omitempty"`
		Scope *scope       `json:"visible_range,omitempty"`
	}{Text: textOf(m.Text), Parts: m.Parts}
	if len(m.UserIDs)+len(m.TagIDs) > 0 {
		body.Scope = &scope{}
		if len(m.UserIDs) > 0 {
			body.Scope.Senders = &senders{m.UserIDs}
		}
		if len(m.TagIDs) > 0 {
			body.Scope.Customers = &customers{m.TagIDs}
		}
	}
	var out struct {
		JobID string `json:"jobid"`
	}
	err = c.post(ctx, api, body, &out)
	return out.JobID, err
}

// MomentJob is how far the creation of a moment has come.
type MomentJob struct {
	Done     bool
	MomentID string // when done and not refused
	Code     int    // the platform's reason when it was refused
	Invalid  []string
}

// MomentJob asks for the outcome of CreateMoment. Platform documentation, 客户联系 · 获取任务创建结果.
func (c *Corp) MomentJob(ctx context.Context, jobID string) (*MomentJob, error) {
	var out struct {
		Status Number `json:"status"` // 1 begun, 2 running, 3 ended
		Result struct {
			Code     int    `json:"errcode"`
			MomentID string `json:"moment_id"`
			Invalid  struct {
				UserIDs []string `json:"user_list"`
			} `json:"invalid_sender_list"`
		} `json:"result"`
	}
	if err := c.get(ctx, "externalcontact/get_moment_task_result", url.Values{"jobid": {jobID}}, &out); err != nil {
		return nil, err
	}
	r := out.Result
	return &MomentJob{Done: out.Status == 3, MomentID: r.MomentID, Code: r.Code, Invalid: r.Invalid.UserIDs}, nil
}

// PostedMoment is a moment in a list.
type PostedMoment struct {
	MomentID  string `json:"moment_id"`
	CreatedAt Time   `json:"create_time"`
	Text      Text   `json:"text"`
}

// Moments lists the corp's moments created within at most 30 days, and the cursor of the next page, empty on the
// last. Platform documentation, 客户联系 · 获取企业全部的发表列表.
func (c *Corp) Moments(ctx context.Context, from, until time.Time, cursor string) (list []PostedMoment, next string, err error) {
	const api = "externalcontact/get_moment_list"
	if !until.After(from) || until.Sub(from) > 30*24*time.Hour {
		return nil, "", c.bad(api, "between a moment and 30 days")
	}
	body := struct {
		From   int64  `json:"start_time"`
		Until  int64  `json:"end_time"`
		Filter int    `json:"filter_type"` // 0: by the corp
		Cursor string `json:"cursor,omitempty"`
		Limit  int    `json:"limit"`
	}{from.Unix(), until.Unix(), 0, cursor, 20}
	var out struct {
		List []PostedMoment `json:"moment_list"`
		Next string         `json:"next_cursor"`
	}
	if err := c.page(ctx, api, body, cursor, &out, &out.Next); err != nil {
		return nil, "", err
	}
	return out.List, out.Next, nil
}

type momentPage struct {
	MomentID string `json:"moment_id"`
	UserID   string `json:"userid,omitempty"`
	Cursor   string `json:"cursor,omitempty"`
	Limit    int    `json:"limit"`
}

// MomentTask is one sender's part of a moment.
type MomentTask struct {
	UserID string `json:"userid"`
	Status int    `json:"publish_status"` // 0 not published, 1 published
}

// MomentTasks says who has published, and the cursor of the next page, empty on the last.
// Platform documentation, 客户联系 · 获取客户朋友圈企业发表的列表.
func (c *Corp) MomentTasks(ctx context.Context, momentID, cursor string) (tasks []MomentTask, next string, err error) {
	var out struct {
		List []MomentTask `json:"task_list"`
		Next string       `json:"next_cursor"`
	}
	body := momentPage{momentID, "", cursor, 1000}
	if err := c.page(ctx, "externalcontact/get_moment_task", body, cursor, &out, &out.Next); err != nil {
		return nil, "", err
	}
	return out.List, out.Next, nil
}

// MomentAudience lists the customers who may see what one sender published, MomentShown those whom it reached; both
// give the cursor of the next page, empty on the last.
// Platform documentation, 客户联系 · 获取客户朋友圈发表时选择的可见范围.
func (c *Corp) MomentAudience(ctx context.Context, momentID, userID, cursor string) (customerIDs []string, next string, err error) {
	return c.momentPeople(ctx, "externalcontact/get_moment_customer_list", momentPage{momentID, userID, cursor, 1000})
}

// MomentShown lists the customers to whom one sender's moment was shown.
// Platform documentation, 客户联系 · 获取客户朋友圈发表后的可见客户列表.
func (c *Corp) MomentShown(ctx context.Context, momentID, userID, cursor string) (customerIDs []string, next string, err error) {
	return c.momentPeople(ctx, "externalcontact/get_moment_send_result", momentPage{momentID, userID, cursor, 5000})
}

func (c *Corp) momentPeople(ctx context.Context, api string, body momentPage) (ids []string, next string, err error) {
	var out struct {
		List []struct {
			CustomerID string `json:"external_userid"`
		} `json:"customer_list"`
		Next string `json:"next_cursor"`
	}
	if err := c.page(ctx, api, body, body.Cursor, &out, &out.Next); err != nil {
		return nil, "", err
	}
	for _, x := range out.List {
		ids = append(ids, x.CustomerID)
	}
	return ids, out.Next, nil
}

// CancelMoment stops those who have not published yet. Repeatable.
// Platform documentation, 客户联系 · 停止发表企业朋友圈.
func (c *Corp) CancelMoment(ctx context.Context, momentID string) error {
	body := struct {
		MomentID string `json:"moment_id"`
	}{momentID}
	err := c.post(ctx, "externalcontact/cancel_moment_task", body, nil)
	if errors.Is(err, ErrMomentEnded) {
		return nil
	}
	return err
}

// UploadMomentMedia uploads a picture (≤ 10 MB, ≤ 1440×1080) or video (≤ 10 MB, ≤ 30 s) for moments, good for
// MediaLife. Repeatable. Platform documentation, 素材管理 · 上传附件资源.
func (c *Corp) UploadMomentMedia(ctx context.Context, kind MediaKind, filename string, content []byte) (*Media, error) {
	const api = "media/upload_attachment"
	if kind != MediaImage && kind != MediaVideo || len(content) <= 5 || len(content) > 10<<20 {
		return nil, c.bad(api, "a picture or video within the platform's bounds")
	}
	r, err := formRequest(filename, content)
	if err != nil {
		return nil, c.bad(api, "the form cannot be built")
	}
	r.query = url.Values{"media_type": {string(kind)}, "attachment_type": {"1"}} // 1: for moments
	var out Media
	if err := c.call(ctx, api, r, &out); err != nil {
		return nil, err
	}
	return &out, nil
}
