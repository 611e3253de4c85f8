package privacy

import (
	"context"
	"fmt"

	"gorm.io/gorm"

	"zhiyin/model"
)

// Holding is one kind of things that are kept about a customer.
type Holding struct {
	Name           string // stable
	Zh, En         string
	KeptZh, KeptEn string // for how long
	Times          int64
}

// holdings is the one table of what is kept about customers, as they are told, and for how long. Each is
// counted in a table with a customer_id.
var holdings = []struct {
	Holding
	row any
}{
	{Holding{Name: "identity", Zh: "身份标识（微信、手机号等）", En: "identifiers: WeChat, phone number and the like", KeptZh: "直到您申请删除", KeptEn: "until you ask us to erase them"}, &model.Identity{}},
	{Holding{Name: "answer", Zh: "偏好与其他资料", En: "preferences and other answers", KeptZh: "直到您删除", KeptEn: "until you clear them"}, &model.CustomValue{}},
	{Holding{Name: "tag", Zh: "标签", En: "labels", KeptZh: "直到您申请删除", KeptEn: "until you ask us to erase them"}, &model.CustomerTag{}},
	{Holding{Name: "event", Zh: "互动与浏览记录", En: "what happened and what you looked at", KeptZh: "13 个月", KeptEn: "13 months"}, &model.Event{}},
	{Holding{Name: "order", Zh: "订单", En: "orders", KeptZh: "依法不少于 3 年", KeptEn: "three years, as the law demands"}, &model.CustomerOrder{}},
	{Holding{Name: "relation", Zh: "添加过的企业成员", En: "staff members you added", KeptZh: "直到您申请删除", KeptEn: "until you ask us to erase them"}, &model.Relation{}},
	{Holding{Name: "note", Zh: "服务备注", En: "notes by our staff", KeptZh: "直到您申请删除", KeptEn: "until you ask us to erase them"}, &model.CustomerNote{}},
	{Holding{Name: "visit", Zh: "登录记录", En: "sign-ins", KeptZh: "7 天", KeptEn: "7 days"}, &model.Visit{}},
	{Holding{Name: "consent", Zh: "同意与拒绝的记录", En: "what you agreed to and refused", KeptZh: "依法不少于 3 年", KeptEn: "three years, as proof"}, &model.Consent{}},
	{Holding{Name: "request", Zh: "您的隐私申请", En: "what you asked for about your data", KeptZh: "依法不少于 3 年", KeptEn: "three years, as proof"}, &model.PrivacyRequest{}},
}

// Holdings counts what is kept about a customer. It fails with ErrNoCustomer.
func (s *Service) Holdings(ctx context.Context, customerID int64) ([]Holding, error) {
	db := s.db.WithContext(ctx)
	if _, err := person(db, customerID); err != nil {
		return nil, err
	}
	all, _, err := family(db, []int64{customerID})
	if err != nil {
		return nil, err
	}
	out := make([]Holding, len(holdings))
	for i, h := range holdings {
		out[i] = h.Holding
		if out[i].Times, err = countOf(db, h.row, all); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func countOf(tx *gorm.DB, row any, customerIDs []int64) (n int64, err error) {
	if err := tx.Model(row).Where("customer_id IN ?", customerIDs).Count(&n).Error; err != nil {
		return 0, fmt.Errorf("count %T: %w", row, err)
	}
	return n, nil
}
