package wecom

import (
	"context"
	"errors"
	"net/url"
)

// Contact is a customer as the platform describes the person, 外部联系人.
type Contact struct {
	ExternalUserID string `json:"external_userid"`
	Name           string `json:"name"`
	Avatar         string `json:"avatar"`
	Type           int    `json:"type"`   // 1 WeChat user, 2 user of another corp's WeCom
	Gender         Number `json:"gender"` // 0 unknown, 1 male, 2 female
	UnionID        string `json:"unionid"`
	Position       string `json:"position"`       // of type 2
	CorpName       string `json:"corp_name"`      // of type 2
	CorpFullName   string `json:"corp_full_name"` // of type 2
}

// Relation is one staff member's 跟进关系 with a customer.
type Relation struct {
	UserID        string   `json:"userid"`
	Remark        string   `json:"remark"`
	Description   string   `json:"description"`
	RemarkCompany string   `json:"remark_corp_name"`
	RemarkMobiles []string `json:"remark_mobiles"`
	CreatedAt     Time     `json:"createtime"`
	// Tags are filled by Customer, TagIDs by CustomersOf; CorpTagIDs reads either.
	Tags   []RelationTag `json:"tags"`
	TagIDs []string      `json:"tag_id"`
	// AddWay is how they met: 1 scan, 2 phone search, 16 acquisition link, 201 shared by a
	// colleague, 202 assigned by an administrator … New values appear without notice.
	AddWay int `json:"add_way"`
	// State is what the contact way carried, empty without one.
	State string `json:"state"`
	// InitiatorID is the user id or external user id of whoever began it.
	InitiatorID string `json:"oper_userid"`
	// VideoChannel is set when they met through a video channel (视频号).
	VideoChannel *VideoChannel `json:"wechat_channels"`
}

// VideoChannel says through which 视频号 a customer came; Source 1 its home page, 2 its live room.
type VideoChannel struct {
	Nickname string `json:"nickname"`
	Source   int    `json:"source"`
}

// RelationTag is a tag in one relation. The staff member's own tags have no ID.
type RelationTag struct {
	GroupName string `json:"group_name"`
	Name      string `json:"tag_name"`
	ID        string `json:"tag_id"`
	Type      int    `json:"type"` // 1 corp tag, 2 the staff member's own, 3 rule-group tag
}

// CorpTagIDs are the ids of the corp's tags in this relation.
func (r *Relation) CorpTagIDs() []string {
	ids := append([]string(nil), r.TagIDs...)
	for _, t := range r.Tags {
		if t.Type == 1 && t.ID != "" {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// Customer is a person with all relations in the app's visible range.
type Customer struct {
	Contact   Contact
	Relations []Relation
}

// CustomerIDs lists the external user ids of one staff member's customers; none is an empty list.
// Platform documentation, 客户联系 · 获取客户列表.
func (c *Corp) CustomerIDs(ctx context.Context, userID string) ([]string, error) {
	var out struct {
		List []string `json:"external_userid"`
	}
	err := c.get(ctx, "externalcontact/list", url.Values{"userid": {userID}}, &out)
	// The platform says so of somebody without customers.
	if CodeOf(err) == 84061 {
		return nil, nil
	}
	return out.List, err
}

// maxPages bounds a walk through pages whose cursor never ends.
const maxPages = 1_000

// Customer reads one customer with all relations, however many pages they take. It fails with
// ErrNotCustomer (84061) when nobody in range has the customer any more, and with
// ErrNoSuchCustomer (40096) for an id that is none.
// Platform documentation, 客户联系 · 获取客户详情.
func (c *Corp) Customer(ctx context.Context, externalUserID string) (*Customer, error) {
	const api = "externalcontact/get"
	all, query := &Customer{}, url.Values{"external_userid": {externalUserID}}
	for range maxPages {
		var page struct {
			Contact   Contact    `json:"external_contact"`
			Relations []Relation `json:"follow_user"`
			Next      string     `json:"next_cursor"`
		}
		if err := c.get(ctx, api, query, &page); err != nil {
			return nil, err
		}
		if page.Contact.ExternalUserID == "" {
			return nil, c.doubt(api, "the answer names no customer")
		}
		all.Contact = page.Contact
		all.Relations = append(all.Relations, page.Relations...)
		if page.Next == "" {
			return all, nil
		}
		if page.Next == query.Get("cursor") {
			break
		}
		query.Set("cursor", page.Next)
	}
	return nil, c.doubt(api, "the pages of followers do not end")
}

// CustomerPage is one page of CustomersOf.
type CustomerPage struct {
	Customers []CustomerOf
	// Next is the cursor of the following page, empty on the last.
	Next string
	// Unlicensed are staff whose customers the platform withholds.
	Unlicensed []string
}

// CustomerOf is one customer in the relation with one staff member.
type CustomerOf struct {
	Contact  Contact  `json:"external_contact"`
	Relation Relation `json:"follow_info"`
}

// CustomersOf reads a page of the customers of up to 100 staff, one row for each relation. The
// first cursor is empty; limit is at most 100, 0 means 100.
// Platform documentation, 客户联系 · 批量获取客户详情.
func (c *Corp) CustomersOf(ctx context.Context, userIDs []string, cursor string, limit int) (*CustomerPage, error) {
	const api = "externalcontact/batch/get_by_user"
	if len(userIDs) == 0 || len(userIDs) > 100 || limit < 0 || limit > 100 {
		return nil, c.bad(api, "between 1 and 100 staff, at most 100 customers")
	}
	if limit == 0 {
		limit = 100
	}
	body := struct {
		UserIDs []string `json:"userid_list"`
		Cursor  string   `json:"cursor,omitempty"`
		Limit   int      `json:"limit"`
	}{userIDs, cursor, limit}
	var out struct {
		List []CustomerOf `json:"external_contact_list"`
		Next string       `json:"next_cursor"`
		Fail struct {
			Unlicensed []string `json:"unlicensed_userid_list"`
		} `json:"fail_info"`
	}
	err := c.post(ctx, api, body, &out)
	// Said of one staff member without customers, as by CustomerIDs; of several it says nothing
	// about the others.
	if errors.Is(err, ErrNotCustomer) && len(userIDs) == 1 && cursor == "" {
		return &CustomerPage{}, nil
	}
	if err != nil {
		return nil, err
	}
	for _, row := range out.List {
		if row.Contact.ExternalUserID == "" || row.Relation.UserID == "" {
			return nil, c.doubt(api, "a row names no customer or no staff")
		}
	}
	if out.Next != "" && out.Next == cursor {
		return nil, c.doubt(api, "the pages do not end")
	}
	return &CustomerPage{Customers: out.List, Next: out.Next, Unlicensed: out.Fail.Unlicensed}, nil
}

// RemarkChange is what to change of a staff member's notes about a customer; nil leaves as it is.
type RemarkChange struct {
	Remark         *string   // 备注, ≤ 20 characters
	Description    *string   // 描述, ≤ 150 characters
	Company        *string   // ≤ 20 characters; WeChat users only
	Mobiles        *[]string // replaces all; empty clears
	PictureMediaID *string
}

// Remark changes a staff member's notes about a customer and sends nothing else. Repeatable. A
// change of nothing makes no call. It fails with ErrNotCustomer.
// Platform documentation, 客户联系 · 修改客户备注信息.
func (c *Corp) Remark(ctx context.Context, userID, externalUserID string, change RemarkChange) error {
	if change == (RemarkChange{}) {
		return nil
	}
	if change.Mobiles != nil && len(*change.Mobiles) == 0 {
		change.Mobiles = &[]string{""} // how the platform wants it said
	}
	return c.post(ctx, "externalcontact/remark", struct {
		UserID         string    `json:"userid"`
		ExternalUserID string    `json:"external_userid"`
		Remark         *string   `json:"remark,omitempty"`
		Description    *string   `json:"description,omitempty"`
		Company        *string   `json:"remark_company,omitempty"`
		Mobiles        *[]string `json:"remark_mobiles,omitempty"`
		PictureMediaID *string   `json:"remark_pic_mediaid,omitempty"`
	}{userID, externalUserID, change.Remark, change.Description, change.Company, change.Mobiles, change.PictureMediaID}, nil)
}
