package seed

import (
	"fmt"
	"strconv"
)

var (
	families = []string{"王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "林", "郭", "何", "高", "罗"}
	givens   = []string{"伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超", "秀", "霞", "平", "刚", "桂", "英", "华", "玉", "兰", "红", "欣", "宇", "晨"}
	cities   = []string{"上海", "北京", "深圳", "广州", "杭州", "成都", "重庆", "苏州", "武汉", "西安", "南京", "长沙", "天津", "郑州", "东莞", "青岛", "昆明", "宁波", "合肥", "佛山", "沈阳", "无锡", "济南", "厦门", "福州", "温州", "哈尔滨", "石家庄", "大连", "南宁"}
	sources  = []string{"扫描二维码", "名片分享", "群聊", "门店海报", "公众号菜单", "导购活码", "老带新", "搜索手机号"}
)

func (w *world) tables() []table {
	n := w.Customers
	// The largest first, so that two writers end at about the same time.
	return []table{
		{"event", "id, kind, account_id, customer_id, staff_id, source, item, value, dedupe_key, payload, occurred_at, recorded_at", w.Events, w.writeEvents},
		{"customer_tag", "id, customer_id, tag_id, source, source_id, expires_at, created_at", w.Tags, w.writeTags},
		{"event_day", "customer_id, kind, item, day, times, value, first_at, last_at", w.Events, w.writeEventDays},
		{"order_line", "id, order_id, line, customer_id, product_id, category_id, name, quantity, price_fen, paid_fen, refunded_fen, paid_at", w.Orders * 3 / 2, w.writeLines},
		{"customer_order", "id, number, shop, customer_id, buyer_kind, buyer_scope, buyer_value, status, total_fen, discount_fen, paid_fen, refunded_fen, placed_at, paid_at, completed_at, version, created_at, updated_at", w.Orders, w.writeOrders},
		{"identity", "id, customer_id, kind, scope, value, source, confidence, created_at", 3 * n / 2, w.writeIdentities},
		{"relation", "id, account_id, staff_id, customer_id, external_userid, remark, description, remark_corp_name, add_way, state, oper_userid, channel_code_id, status, added_at, lost_at, seen_run_id, remark_state, description_state, remark_error, created_at, updated_at", n + n/10, w.writeRelations},
		{"customer", "id, name, avatar, gender, type, corp_name, city, birth_md, minor, merged_into, first_source, first_seen_at, created_at, updated_at", n, w.writeCustomers},
		{"customer_lifecycle", "id, customer_id, stage, stage_since, stage_changes, recency, frequency, monetary, value_score, value_grade, risk_score, risk_grade, alive_bp, expected_fen, computed_at", n, w.writeLifecycles},
		{"customer_trade", "id, customer_id, orders, paid_fen, refunded_fen, first_paid_at, last_paid_at, updated_at", n / 2, w.writeTrades},
		{"group_member", "id, group_id, userid, kind, staff_id, customer_id, name, nickname, join_scene, invited_by, state, joined_at, left_at, quit_scene, created_at, updated_at", n / 5, w.writeMembers},
		{"refund", "id, number, order_number, order_id, customer_id, line, status, amount_fen, refunded_at, version, created_at, updated_at", w.Orders / 20, w.writeRefunds},
		{"customer_group", "id, account_id, chat_id, name, notice, owner_userid, owner_staff_id, member_version, member_count, customer_count, founded_at, seen_run_id, revision, created_at, updated_at", w.groups, w.writeGroups},
		{"product", "id, number, name, category_id, price_fen, image_url, page_path, status, version, created_at, updated_at", products, w.writeProducts},
		{"product_category", "id, number, parent_id, name, version, created_at, updated_at", categories, w.writeCategories},
		{"tag", "id, account_id, group_id, mirror_of, name, position, sync_state, sync_error, created_at, updated_at", tags, w.writeTagNames},
		{"tag_group", "id, account_id, mirror_of, name, position, sync_state, sync_error, created_at, updated_at", tagGroups, w.writeTagGroups},
		{"staff", "id, account_id, userid, name, alias, avatar, position, main_department, platform_status, serves_customers, disabled, created_at, updated_at", staffs, w.writeStaff},
		{"staff_department", "id, staff_id, department_id, is_leader", staffs, w.writeStaffDepartments},
		{"department", "id, account_id, platform_id, parent_platform_id, name, position, created_at, updated_at", departments, w.writeDepartments},
		{"account", "id, kind, name, title, platform_id, agent_id, enabled, created_at, updated_at", accounts, w.writeAccount},
	}
}

// each goes through the customers while the database still takes them.
func (w *world) each(s *sheet, f func(customer int)) {
	for i := 1; i <= w.Customers && !s.failed(); i++ {
		f(i)
	}
}

func nameOf(p person) string {
	return families[p.family] + givens[p.given%len(givens)] + givens[p.given/len(givens)]
}

func (w *world) writeCustomers(s *sheet, d *dice) {
	w.each(s, func(i int) {
		p := w.person(d, i)
		s.int(int64(i))
		s.text(nameOf(p), "")
		s.int(p.gender, 1)
		s.text("", cities[p.city])
		s.int(p.birth)
		s.bool(p.minor)
		s.int(p.mergedInto)
		s.text(sources[i%len(sources)])
		s.time(p.firstSeen, p.firstSeen, p.firstSeen)
		s.end()
	})
}

func externalUserID(customer int) string {
	return fmt.Sprintf("wmSeed%022d", customer)
}

// writeIdentities gives everybody who is followed an external_userid, and every second customer a unionid.
func (w *world) writeIdentities(s *sheet, d *dice) {
	id := int64(0)
	row := func(customer int, kind, scope, value string, at int64) {
		id++
		s.int(id, int64(customer))
		s.text(kind, scope, value, "sync")
		s.int(10_000)
		s.time(at)
		s.end()
	}
	w.each(s, func(i int) {
		p := w.person(d, i)
		if _, n := shareOf(w.relations, i); n > 0 {
			row(i, "external_userid", corpID, externalUserID(i), p.firstSeen)
		}
		if i%2 == 0 && p.mergedInto == 0 {
			row(i, "unionid", "", fmt.Sprintf("oSeed%023d", i), p.firstSeen)
		}
	})
}

func (w *world) writeRelations(s *sheet, d *dice) {
	var followers []int
	w.each(s, func(i int) {
		first, n := shareOf(w.relations, i)
		if n == 0 {
			return
		}
		p := w.person(d, i)
		r := w.of(d, streamRelations, i)
		followers = w.staff.distinct(r, n, staffs, followers)
		for k, staff := range followers {
			added, status, lost := p.when(r), "active", int64(0)
			switch x := r.IntN(100); {
			case x < 12:
				status = "left"
			case x < 17:
				status = "removed"
			case x < 19:
				status = "half"
			}
			if status == "left" || status == "removed" {
				lost = added + int64(r.Float64()*float64(w.until-added))
			}
			s.int(int64(first+k+1), 1, int64(staff+1), int64(i))
			s.text(externalUserID(i), nameOf(p), "", "")
			s.int(int64(1 + r.IntN(9)))
			s.text("", "")
			s.int(0)
			s.text(status)
			s.time(added, lost)
			s.int(0)
			s.text("synced", "synced", "")
			s.time(added, max(added, lost))
			s.end()
		}
	})
}

var tagSources = []string{"wecom", "wecom", "rule", "console", "channel_code", "import"}

func (w *world) writeTags(s *sheet, d *dice) {
	var drawn []int
	w.each(s, func(i int) {
		first, n := shareOf(w.tagged, i)
		if n == 0 {
			return
		}
		p := w.person(d, i)
		r := w.of(d, streamTags, i)
		drawn = w.tag.distinct(r, n, tags, drawn)
		for k, tag := range drawn {
			s.int(int64(first+k+1), int64(i), int64(tag+1))
			s.text(tagSources[r.IntN(len(tagSources))])
			s.int(0)
			s.null()
			s.time(p.when(r))
			s.end()
		}
	})
}

func (w *world) writeMembers(s *sheet, d *dice) {
	var in []int
	w.each(s, func(i int) {
		first, n := shareOf(w.joined, i)
		if n == 0 {
			return
		}
		p := w.person(d, i)
		r := w.of(d, streamGroups, i)
		in = w.group.distinct(r, n, w.groups, in)
		for k, group := range in {
			joined, left := p.when(r), int64(0)
			if r.IntN(5) == 0 {
				left = joined + int64(r.Float64()*float64(w.until-joined))
			}
			s.int(int64(first+k+1), int64(group+1))
			s.text(externalUserID(i), "external")
			s.int(0, int64(i))
			s.text(nameOf(p), "")
			s.int(3)
			s.text("", "")
			s.time(joined, left)
			s.int(0)
			s.time(joined, max(joined, left))
			s.end()
		}
	})
}

func number(prefix string, n int) string { return prefix + strconv.Itoa(n) }
