package customer

// addWays names how a customer and a staff member met; platform documentation, 客户联系 · 来源定义.
var addWays = map[int]string{
	0: "未知来源", 1: "扫描二维码", 2: "搜索手机号", 3: "名片分享", 4: "群聊", 5: "手机通讯录", 6: "微信联系人",
	8: "第三方应用客服", 9: "搜索邮箱", 10: "视频号", 11: "日程参与人", 12: "会议参与人", 13: "微信好友对应的企业微信",
	14: "智慧硬件", 15: "上门服务", 16: "获客链接", 17: "定制开发", 18: "需求回复", 21: "第三方售前客服",
	22: "可能的商务伙伴", 24: "微信好友申请", 201: "成员共享", 202: "管理员分配",
}

// AddWayName says in Chinese how a customer and a staff member met; numbers we don't know are
// 其他来源.
func AddWayName(way int) string {
	if name, ok := addWays[way]; ok {
		return name
	}
	return "其他来源"
}
