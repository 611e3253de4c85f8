package wecom

import (
	"context"
	"net/url"
	"strconv"
)

// Department is a 部门 of the corp's address book. The root has id 1 and no parent.
type Department struct {
	ID       int64    `json:"id"`
	Name     string   `json:"name"`
	NameEN   string   `json:"name_en"`
	ParentID int64    `json:"parentid"`
	Order    int64    `json:"order"` // larger first
	Leaders  []string `json:"department_leader"`
}

// Departments lists the departments in the app's visible range.
// Platform documentation, 通讯录管理 · 获取部门列表.
func (c *Corp) Departments(ctx context.Context) ([]Department, error) {
	var out struct {
		List []Department `json:"department"`
	}
	err := c.get(ctx, "department/list", nil, &out)
	return out.List, err
}

// StaffMember is a 成员. Self-built apps made after mid-2022 get no phone, mail, gender, avatar,
// address or QR code here; absent fields are empty and mean nothing.
type StaffMember struct {
	UserID           string   `json:"userid"`
	Name             string   `json:"name"`
	Departments      []int64  `json:"department"`
	MainDepartment   int64    `json:"main_department"`
	LeaderIn         []int    `json:"is_leader_in_dept"` // parallel to Departments; 1 yes
	DirectLeaders    []string `json:"direct_leader"`
	Position         string   `json:"position"`
	Alias            string   `json:"alias"`
	Mobile           string   `json:"mobile"`
	Telephone        string   `json:"telephone"`
	Email            string   `json:"email"`
	BizMail          string   `json:"biz_mail"`
	Gender           Number   `json:"gender"` // 1 male, 2 female
	Avatar           string   `json:"avatar"`
	ThumbAvatar      string   `json:"thumb_avatar"`
	QRCode           string   `json:"qr_code"`
	OpenUserID       string   `json:"open_userid"`
	ExternalPosition string   `json:"external_position"`
	Status           Number   `json:"status"` // 1 active, 2 disabled, 4 not activated, 5 left
}

// StaffOf lists the staff directly in a department; those of departments below are not included.
// Platform documentation, 通讯录管理 · 获取部门成员详情.
func (c *Corp) StaffOf(ctx context.Context, departmentID int64) ([]StaffMember, error) {
	var out struct {
		List []StaffMember `json:"userlist"`
	}
	err := c.get(ctx, "user/list", url.Values{"department_id": {strconv.FormatInt(departmentID, 10)}}, &out)
	return out.List, err
}

// StaffMember reads one member. It fails with ErrNotFound (60111).
// Platform documentation, 通讯录管理 · 读取成员.
func (c *Corp) StaffMember(ctx context.Context, userID string) (*StaffMember, error) {
	var out StaffMember
	if err := c.get(ctx, "user/get", url.Values{"userid": {userID}}, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// FollowUsers lists the user ids in the visible range who may have customers.
// Platform documentation, 客户联系 · 获取配置了客户联系功能的成员列表.
func (c *Corp) FollowUsers(ctx context.Context) ([]string, error) {
	var out struct {
		List []string `json:"follow_user"`
	}
	err := c.get(ctx, "externalcontact/get_follow_user_list", nil, &out)
	return out.List, err
}
