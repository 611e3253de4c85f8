package simulator

import (
	"slices"
	"sort"
	"strings"
)

// visible finds a member the app may ask about: 60111 unknown, 60011 out of range.
func (c *call) visible(userid string) (*staff, error) {
	m := c.corp.member(userid)
	if m == nil {
		return nil, fail(60111, userid)
	}
	if !c.app.sees(c.corp, m) {
		return nil, fail(60011, userid)
	}
	return m, nil
}

// followed finds the relation of a member and a customer: 84061 when there is none.
// A relation that only the customer has ended is still found.
func (c *call) followed(userid, external string) (*relation, error) {
	if userid == "" {
		return nil, fail(40003)
	}
	if external == "" {
		return nil, fail(40096)
	}
	if _, err := c.visible(userid); err != nil {
		return nil, err
	}
	if cu := c.corp.Customers[external]; cu != nil {
		if r := cu.relation(userid); r != nil {
			return r, nil
		}
	}
	return nil, fail(84061)
}

func followUsers(c *call) (any, error) {
	users := []string{}
	for _, m := range c.corp.members() {
		if m.CustomerRight && c.app.sees(c.corp, m) {
			users = append(users, m.UserID)
		}
	}
	return reply{"follow_user": users}, nil
}

func customerList(c *call) (any, error) {
	m, err := c.visible(c.arg("userid"))
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for _, r := range c.corp.relations[strings.ToLower(m.UserID)] {
		ids = append(ids, r.Customer)
	}
	if code := c.w.Config.NoCustomersErrcode; len(ids) == 0 && code != 0 {
		return nil, fail(code)
	}
	return reply{"external_userid": ids}, nil
}

const followersPerPage = 500

func customerGet(c *call) (any, error) {
	cu := c.corp.Customers[c.arg("external_userid")]
	if cu == nil {
		return nil, fail(40096)
	}
	from, err := parseCursor(c.arg("cursor"), 1)
	if err != nil {
		return nil, err
	}
	followers, next := []any{}, ""
	for _, r := range cu.Relations {
		m := c.corp.member(r.UserID)
		if m == nil || !c.app.sees(c.corp, m) || r.Seq <= from[0] {
			continue
		}
		if len(followers) == followersPerPage {
			next = cursor(from[0])
			break
		}
		from[0] = r.Seq
		f := c.follow(r)
		f["tags"] = c.corp.tagsOf(r)
		followers = append(followers, f)
	}
	if len(followers) == 0 {
		return nil, fail(84061)
	}
	return reply{"external_contact": c.externalContact(cu), "follow_user": followers, "next_cursor": next}, nil
}

// externalContact describes the person behind a customer.
func (c *call) externalContact(cu *customer) reply {
	p := c.w.People[cu.Person]
	out := reply{
		"external_userid": cu.ID, "name": p.Name, "type": p.Type, "gender": p.Gender,
		"avatar": c.host() + "/avatar/" + p.ID + ".svg",
	}
	if p.Type == 2 {
		out["position"], out["corp_name"], out["corp_full_name"] = p.Job, p.Corp, p.Corp+"有限公司"
		out["external_profile"] = reply{"external_attr": []any{
			reply{"type": 0, "name": "部门", "text": reply{"value": "采购部"}},
		}}
	} else if p.UnionID != "" {
		out["unionid"] = p.UnionID
	}
	return out
}

// follow describes a relation, without its tags: get and batch name them differently.
func (c *call) follow(r *relation) reply {
	out := reply{
		"userid": r.UserID, "remark": r.Remark, "description": r.Description, "createtime": r.Created,
		"remark_mobiles": list(r.Mobiles), "add_way": r.AddWay, "oper_userid": r.Operator,
	}
	if r.Company != "" {
		out["remark_corp_name"] = r.Company
	}
	if r.State != "" {
		out["state"] = r.State
	}
	return out
}

type batchRequest struct {
	Users  []string `json:"userid_list"`
	Cursor string   `json:"cursor"`
	Limit  int      `json:"limit"`
}

// customerBatch walks the members in the order given and their relations by age, so
// that a page is stable whatever is added or removed meanwhile.
func customerBatch(c *call, in *batchRequest) (any, error) {
	limit, err := pageSize(in.Limit, 50, 100)
	if err != nil {
		return nil, err
	}
	if len(in.Users) == 0 || len(in.Users) > 100 {
		return nil, fail(40058, "userid_list")
	}
	at, err := parseCursor(in.Cursor, 2)
	if err != nil || at[0] >= int64(len(in.Users)) {
		return nil, fail(40058, "cursor")
	}
	for _, u := range in.Users {
		if _, err := c.visible(u); err != nil {
			return nil, err
		}
	}
	rows, next := []any{}, ""
	for i := at[0]; i < int64(len(in.Users)); i++ {
		rs := c.corp.relations[strings.ToLower(in.Users[i])]
		if i == at[0] {
			rs = rs[sort.Search(len(rs), func(n int) bool { return rs[n].Seq > at[1] }):]
		}
		for _, r := range rs {
			if len(rows) == limit {
				return reply{"external_contact_list": rows, "next_cursor": next}, nil
			}
			f := c.follow(r)
			f["tag_id"] = list(slices.Clone(r.Tags))
			rows = append(rows, reply{"external_contact": c.externalContact(c.corp.Customers[r.Customer]), "follow_info": f})
			next = cursor(i, r.Seq)
		}
	}
	return reply{"external_contact_list": rows, "next_cursor": ""}, nil
}

type remarkRequest struct {
	UserID      string    `json:"userid"`
	External    string    `json:"external_userid"`
	Remark      *string   `json:"remark" max:"20ch"`
	Description *string   `json:"description" max:"150ch"`
	Company     *string   `json:"remark_company" max:"20ch"`
	Mobiles     *[]string `json:"remark_mobiles"`
	Picture     *string   `json:"remark_pic_mediaid"`
}

func customerRemark(c *call, in *remarkRequest) (any, error) {
	r, err := c.followed(in.UserID, in.External)
	if err != nil {
		return nil, err
	}
	if in.Remark == nil && in.Description == nil && in.Company == nil && in.Mobiles == nil && in.Picture == nil {
		return nil, fail(40058, "nothing to change")
	}
	if in.Picture != nil {
		if err := c.usableMedia(*in.Picture); err != nil {
			return nil, err
		}
	}
	set(&r.Remark, in.Remark, 20)
	set(&r.Description, in.Description, 150)
	if c.w.People[c.corp.Customers[r.Customer].Person].Type == 1 {
		set(&r.Company, in.Company, 20)
	}
	if in.Mobiles != nil { // overwrites; [""] clears
		r.Mobiles = slices.DeleteFunc(slices.Clone(*in.Mobiles), func(m string) bool { return m == "" })
	}
	return reply{}, nil
}

func set(to, from *string, max int) {
	if from != nil {
		*to = cut(*from, max)
	}
}
