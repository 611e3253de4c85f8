package simulator

import (
	"fmt"
	"testing"
)

// befriended adds a customer to a member and returns his external_userid.
func (b *bench) befriended(userid string) string {
	b.t.Helper()
	return b.act("add", m{"userid": userid})["external_userid"].(string)
}

func TestCustomersOfMembers(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob")
	b.want(84061, b.api("externalcontact/list?userid=ann", nil))
	b.want(60111, b.api("externalcontact/list?userid=nobody", nil))
	id := b.befriended("ann")
	if got := dig(b.want(0, b.api("externalcontact/list?userid=ANN", nil)), "external_userid", 0); got != id {
		t.Errorf("listed %v, want %s", got, id)
	}
	r := b.want(0, b.api("externalcontact/get?external_userid="+id, nil))
	if dig(r, "external_contact", "external_userid") != id || dig(r, "follow_user", 0, "userid") != "ann" || dig(r, "follow_user", 0, "add_way") != 2.0 {
		t.Errorf("got %v", r)
	}
	b.want(40096, b.api("externalcontact/get?external_userid=wmnobody", nil))
	users := b.want(0, b.api("externalcontact/get_follow_user_list", nil))["follow_user"].([]any)
	if fmt.Sprint(users) != "[ann bob]" {
		t.Errorf("follow users %v", users)
	}

	b.ctl("PUT", "/_sim/config", m{"no_customers_errcode": 0})
	if got := b.want(0, b.api("externalcontact/list?userid=bob", nil))["external_userid"].([]any); len(got) != 0 {
		t.Errorf("bob has %v", got)
	}
}

func TestRelationAfterDeletes(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	left, gone := b.befriended("ann"), b.befriended("ann")
	b.act("customer_deletes", m{"userid": "ann", "external_userid": left})
	b.act("staff_deletes", m{"userid": "ann", "external_userid": gone})
	b.want(0, b.api("externalcontact/get?external_userid="+left, nil)) // still readable
	b.want(0, b.api("externalcontact/remark", m{"userid": "ann", "external_userid": left, "remark": "x"}))
	b.want(84061, b.api("externalcontact/get?external_userid="+gone, nil))
	b.want(84061, b.api("externalcontact/remark", m{"userid": "ann", "external_userid": gone, "remark": "x"}))
}

func TestBatchPages(t *testing.T) {
	b := newBench(t, Options{Seed: 3, Company: Company{Staff: 5, Customers: 240, Tags: 10}})
	var users []string
	for _, s := range b.corp().members() {
		users = append(users, s.UserID)
	}
	want := 0
	for _, rs := range b.corp().relations {
		want += len(rs)
	}
	seen, pages, cursor := map[string]bool{}, 0, ""
	for {
		r := b.want(0, b.api("externalcontact/batch/get_by_user", m{"userid_list": users, "limit": 37, "cursor": cursor}))
		pages++
		for _, row := range r["external_contact_list"].([]any) {
			pair := fmt.Sprint(dig(row, "follow_info", "userid"), " ", dig(row, "external_contact", "external_userid"))
			if seen[pair] {
				t.Fatalf("%s twice", pair)
			}
			seen[pair] = true
			if _, ok := dig(row, "follow_info").(m)["tags"]; ok {
				t.Fatal("follow_info carries tags instead of tag_id")
			}
		}
		if pages == 2 { // what is added or removed meanwhile does not disturb the rest
			b.befriended(users[4])
			want++
		}
		if cursor = r["next_cursor"].(string); cursor == "" {
			break
		}
	}
	if len(seen) != want || pages != (want+36)/37 {
		t.Errorf("%d pairs in %d pages, want %d", len(seen), pages, want)
	}
	b.want(40058, b.api("externalcontact/batch/get_by_user", m{"userid_list": users, "limit": 101}))
	b.want(40058, b.api("externalcontact/batch/get_by_user", m{"userid_list": users, "cursor": "nonsense"}))
	b.want(40058, b.api("externalcontact/batch/get_by_user", m{"userid_list": []string{}}))
	b.want(60111, b.api("externalcontact/batch/get_by_user", m{"userid_list": []string{"nobody"}}))
}

func TestCustomerOfAnotherCompany(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	id := b.act("add", m{"userid": "ann", "type": 2})["external_userid"].(string)
	if id[:2] != "wo" {
		t.Errorf("id %s of a WeCom user", id)
	}
	c := b.want(0, b.api("externalcontact/get?external_userid="+id, nil))["external_contact"].(m)
	if c["type"] != 2.0 || c["corp_name"] == "" || c["unionid"] != nil || dig(c, "external_profile", "external_attr", 0, "type") != 0.0 {
		t.Errorf("got %v", c)
	}
}

func TestRemark(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann")
	id := b.befriended("ann")
	b.want(0, b.api("externalcontact/remark", m{"userid": "ann", "external_userid": id, "remark": "王总", "remark_mobiles": []string{"1", "2"}, "remark_company": "甲公司"}))
	b.want(0, b.api("externalcontact/remark", m{"userid": "ann", "external_userid": id, "remark_mobiles": []string{""}}))
	f := dig(b.api("externalcontact/get?external_userid="+id, nil), "follow_user", 0).(m)
	if f["remark"] != "王总" || len(f["remark_mobiles"].([]any)) != 0 || f["remark_corp_name"] != "甲公司" {
		t.Errorf("got %v", f)
	}
	b.want(40058, b.api("externalcontact/remark", m{"userid": "ann", "external_userid": id}))
	b.want(40007, b.api("externalcontact/remark", m{"userid": "ann", "external_userid": id, "remark_pic_mediaid": "x"}))
}

func TestVisibleRangeAndRights(t *testing.T) {
	b := newBench(t, Options{})
	b.staff("ann", "bob")
	b.act("department_create", m{"name": "销售一部"})
	b.act("staff_update", m{"userid": "bob", "departments": []int{2}})
	hers, his := b.befriended("ann"), b.befriended("bob")
	app := b.ctl("POST", "/_sim/apps", m{"name": "narrow", "visible_parties": []int{2}})
	agent := int64(app["agentid"].(float64))
	tok := b.token(agent)
	b.want(0, b.as(tok, "externalcontact/get?external_userid="+his, nil))
	b.want(84061, b.as(tok, "externalcontact/get?external_userid="+hers, nil))
	b.want(60011, b.as(tok, "externalcontact/list?userid=ann", nil))
	b.want(60011, b.as(tok, "user/get?userid=ann", nil))
	b.want(60011, b.as(tok, "externalcontact/add_contact_way", m{"type": 1, "scene": 2, "user": []string{"ann"}}))
	if users := b.want(0, b.as(tok, "externalcontact/get_follow_user_list", nil))["follow_user"].([]any); len(users) != 1 {
		t.Errorf("sees %v", users)
	}
	if ds := b.want(0, b.as(tok, "department/list", nil))["department"].([]any); len(ds) != 1 {
		t.Errorf("sees %v", ds)
	}

	b.ctl("POST", "/_sim/apps", m{"agentid": agent, "rights": []string{"contacts"}})
	b.want(48002, b.as(tok, "externalcontact/get_follow_user_list", nil))
	b.want(48002, b.as(tok, "user/list_id", m{}))
	b.ctl("POST", "/_sim/apps", m{"agentid": agent, "trusted_ips": []string{"10.0.0.1"}})
	b.want(60020, b.as(tok, "user/get?userid=bob", nil))
}

func TestAddressBook(t *testing.T) {
	b := newBench(t, Options{Company: Company{Staff: 22}})
	all := b.want(0, b.api("department/list", nil))["department"].([]any)
	if len(all) != len(departmentTree)+1 || dig(all[0], "id") != 1.0 {
		t.Errorf("departments %v", all)
	}
	if sub := b.want(0, b.api("department/simplelist?id=2", nil))["department_id"].([]any); len(sub) != 4 {
		t.Errorf("under 销售中心: %v", sub)
	}
	b.want(60003, b.api("department/get?id=99", nil))
	total := map[string]bool{}
	for _, d := range all {
		for _, u := range b.want(0, b.api(fmt.Sprintf("user/list?department_id=%v", dig(d, "id")), nil))["userlist"].([]any) {
			total[dig(u, "userid").(string)] = true
			if dig(u, "mobile") != nil || dig(u, "email") != nil {
				t.Fatal("a new self-built app was given personal fields")
			}
		}
	}
	if len(total) != 22 {
		t.Errorf("%d members, want 22", len(total))
	}
	b.want(60111, b.api("user/get?userid=nobody", nil))

	sync := b.ctl("POST", "/_sim/apps", m{"name": "通讯录同步", "rights": []string{"contacts", "sync"}})
	tok := b.token(int64(sync["agentid"].(float64)))
	rows, cursor := 0, ""
	for {
		r := b.want(0, b.as(tok, "user/list_id", m{"limit": 10, "cursor": cursor}))
		rows += len(r["dept_user"].([]any))
		if cursor = r["next_cursor"].(string); cursor == "" {
			break
		}
	}
	if want := 22 + 2; rows != want { // two serve in two departments
		t.Errorf("%d rows, want %d", rows, want)
	}
}
