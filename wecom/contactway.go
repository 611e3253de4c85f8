package wecom

import "context"

// Kinds and scenes of contact ways.
const (
	ContactWaySingle = 1 // one staff member
	ContactWayMulti  = 2 // several staff or departments

	SceneMiniProgram = 1 // a button in a mini-program
	SceneQRCode      = 2
)

// ContactWay is a 「联系我」 way as it stands at the platform.
type ContactWay struct {
	ConfigID      string      `json:"config_id"`
	Type          int         `json:"type"`
	Scene         int         `json:"scene"`
	Style         int         `json:"style"`
	Remark        string      `json:"remark"`
	SkipVerify    bool        `json:"skip_verify"`
	State         string      `json:"state"`
	QRCode        string      `json:"qr_code"` // address of the picture; scene QR code only
	UserIDs       []string    `json:"user"`
	DepartmentIDs []int64     `json:"party"`
	IsTemp        bool        `json:"is_temp"`
	ExpiresIn     int64       `json:"expires_in"`      // s; temporary ones
	ChatExpiresIn int64       `json:"chat_expires_in"` // s; temporary ones
	UnionID       string      `json:"unionid"`         // temporary ones
	IsExclusive   bool        `json:"is_exclusive"`
	Conclusions   *Conclusion `json:"conclusions"` // temporary ones
}

// NewContactWay is a contact way to make. Nil and empty fields are not sent, so that the platform's
// defaults hold: SkipVerify and MarkSource default to true.
type NewContactWay struct {
	Type          int         `json:"type"`
	Scene         int         `json:"scene"`
	Style         int         `json:"style,omitempty"`  // of a mini-program button
	Remark        string      `json:"remark,omitempty"` // ≤ 30 characters
	SkipVerify    *bool       `json:"skip_verify,omitempty"`
	State         string      `json:"state,omitempty"` // ≤ 30 characters; comes back with each new customer
	UserIDs       []string    `json:"user,omitempty"`  // exactly one for ContactWaySingle
	DepartmentIDs []int64     `json:"party,omitempty"` // ≤ 100 members with UserIDs
	IsTemp        bool        `json:"is_temp,omitempty"`
	ExpiresIn     int64       `json:"expires_in,omitempty"`
	ChatExpiresIn int64       `json:"chat_expires_in,omitempty"`
	UnionID       string      `json:"unionid,omitempty"`
	IsExclusive   bool        `json:"is_exclusive,omitempty"` // a customer always meets the same member
	MarkSource    *bool       `json:"mark_source,omitempty"`
	Conclusions   *Conclusion `json:"conclusions,omitempty"`
}

// Conclusion is what ends a temporary chat: text and at most one of the others.
type Conclusion struct {
	Text        *Text        `json:"text,omitempty"`
	Image       *Image       `json:"image,omitempty"`
	Link        *Link        `json:"link,omitempty"`
	MiniProgram *MiniProgram `json:"miniprogram,omitempty"`
}

// AddContactWay makes a contact way and returns its config id and, for a QR code, the address of the
// picture. Not repeatable: after ErrInDoubt there may be a way that only ContactWays shows; without
// its config id a way cannot be changed or deleted any more. Platform documentation, 客户联系 · 配置客户联系「联系我」方式.
func (c *Corp) AddContactWay(ctx context.Context, in NewContactWay) (configID, qrCode string, err error) {
	var out struct {
		ConfigID string `json:"config_id"`
		QRCode   string `json:"qr_code"`
	}
	err = c.post(ctx, "externalcontact/add_contact_way", in, &out)
	return out.ConfigID, out.QRCode, err
}

// ContactWay reads a contact way. It fails with ErrNotFound (41044).
// Platform documentation, 客户联系 · 获取企业已配置的「联系我」方式.
func (c *Corp) ContactWay(ctx context.Context, configID string) (*ContactWay, error) {
	const api = "externalcontact/get_contact_way"
	var out struct {
		Way ContactWay `json:"contact_way"`
	}
	if err := c.post(ctx, api, map[string]string{"config_id": configID}, &out); err != nil {
		return nil, err
	}
	if out.Way.ConfigID == "" {
		return nil, c.doubt(api, "the answer names no contact way")
	}
	return &out.Way, nil
}

// ContactWayQuery asks for config ids; the zero value for all of the last 90 days.
type ContactWayQuery struct {
	From   Time   `json:"start_time,omitzero"`
	To     Time   `json:"end_time,omitzero"`
	Cursor string `json:"cursor,omitempty"`
	Limit  int    `json:"limit,omitempty"` // ≤ 1000; 0 means 100
}

// ContactWays lists config ids, without temporary ways, and the cursor of the next page, empty on
// the last. Platform documentation, 客户联系 · 获取企业已配置的「联系我」列表.
func (c *Corp) ContactWays(ctx context.Context, q ContactWayQuery) (configIDs []string, next string, err error) {
	const api = "externalcontact/list_contact_way"
	var out struct {
		List []struct {
			ConfigID string `json:"config_id"`
		} `json:"contact_way"`
		Next string `json:"next_cursor"`
	}
	if err := c.post(ctx, api, q, &out); err != nil {
		return nil, "", err
	}
	if out.Next != "" && out.Next == q.Cursor {
		return nil, "", c.doubt(api, "the pages do not end")
	}
	for _, way := range out.List {
		configIDs = append(configIDs, way.ConfigID)
	}
	return configIDs, out.Next, nil
}

// ContactWayChange is what to change of a contact way; nil leaves as it is. Lists replace the
// earlier ones. Kind, scene and temporariness cannot change.
type ContactWayChange struct {
	Remark        *string     `json:"remark,omitempty"`
	SkipVerify    *bool       `json:"skip_verify,omitempty"`
	Style         *int        `json:"style,omitempty"`
	State         *string     `json:"state,omitempty"`
	UserIDs       *[]string   `json:"user,omitempty"`
	DepartmentIDs *[]int64    `json:"party,omitempty"`
	IsExclusive   *bool       `json:"is_exclusive,omitempty"`
	MarkSource    *bool       `json:"mark_source,omitempty"`
	Conclusions   *Conclusion `json:"conclusions,omitempty"`
}

// UpdateContactWay changes a contact way. Repeatable. It fails with ErrNotFound (41044).
// Platform documentation, 客户联系 · 更新企业已配置的「联系我」方式.
func (c *Corp) UpdateContactWay(ctx context.Context, configID string, change ContactWayChange) error {
	return c.post(ctx, "externalcontact/update_contact_way", struct {
		ConfigID string `json:"config_id"`
		ContactWayChange
	}{configID, change}, nil)
}

// DeleteContactWay deletes a contact way. Repeatable: one that is gone is a success.
// Platform documentation, 客户联系 · 删除企业已配置的「联系我」方式.
func (c *Corp) DeleteContactWay(ctx context.Context, configID string) error {
	err := c.post(ctx, "externalcontact/del_contact_way", map[string]string{"config_id": configID}, nil)
	if CodeOf(err) == 41044 {
		return nil
	}
	return err
}
