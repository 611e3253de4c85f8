package simulator

import (
	"slices"
	"strconv"
)

// departmentsAsked lists the departments under ?id= (all without it) that the app sees.
func (c *call) departmentsAsked() ([]*department, error) {
	root := int64(0)
	if text := c.arg("id"); text != "" {
		var err error
		if root, err = c.departmentArg("id"); err != nil {
			return nil, err
		}
	}
	var out []*department
	for _, id := range c.corp.departmentIDs() {
		if (root == 0 || c.corp.under(id, root)) && c.app.seesDepartment(c.corp, id) {
			out = append(out, c.corp.Departments[id])
		}
	}
	return out, nil
}

// departmentArg reads a department id: 60003 unknown, 60011 out of range.
func (c *call) departmentArg(name string) (int64, error) {
	id, err := strconv.ParseInt(c.arg(name), 10, 64)
	if err != nil {
		return 0, fail(40058, name)
	}
	if c.corp.Departments[id] == nil {
		return 0, fail(60003)
	}
	if !c.app.seesDepartment(c.corp, id) {
		return 0, fail(60011)
	}
	return id, nil
}

func (d *department) show() reply {
	return reply{"id": d.ID, "name": d.Name, "name_en": "", "department_leader": list(d.Leaders), "parentid": d.Parent, "order": d.Order}
}

func departmentList(c *call) (any, error) {
	ds, err := c.departmentsAsked()
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, d := range ds {
		out = append(out, d.show())
	}
	return reply{"department": out}, nil
}

func departmentSimpleList(c *call) (any, error) {
	ds, err := c.departmentsAsked()
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, d := range ds {
		out = append(out, reply{"id": d.ID, "parentid": d.Parent, "order": d.Order})
	}
	return reply{"department_id": out}, nil
}

func departmentGet(c *call) (any, error) {
	id, err := c.departmentArg("id")
	if err != nil {
		return nil, err
	}
	return reply{"department": c.corp.Departments[id].show()}, nil
}

// membersAsked lists the visible members directly in ?department_id=.
func (c *call) membersAsked() ([]*staff, error) {
	id, err := c.departmentArg("department_id")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(c.corp.members(), func(m *staff) bool {
		return !slices.Contains(m.Departments, id) || !c.app.sees(c.corp, m)
	}), nil
}

func userSimpleList(c *call) (any, error) {
	ms, err := c.membersAsked()
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, m := range ms {
		out = append(out, reply{"userid": m.UserID, "name": m.Name, "department": m.Departments, "open_userid": c.openUserID(m)})
	}
	return reply{"userlist": out}, nil
}

func userList(c *call) (any, error) {
	ms, err := c.membersAsked()
	if err != nil {
		return nil, err
	}
	out := []any{}
	for _, m := range ms {
		out = append(out, c.user(m))
	}
	return reply{"userlist": out}, nil
}

func userGet(c *call) (any, error) {
	m, err := c.visible(c.arg("userid"))
	if err != nil {
		return nil, err
	}
	return c.user(m), nil
}

func (c *call) openUserID(m *staff) string {
	return "wo" + c.w.derive(30, "open_userid", c.corp.ID, m.UserID)
}

// user is what apps created after mid-2022 get: no mobile, e-mail, gender or avatar.
func (c *call) user(m *staff) reply {
	leader, order := make([]int, len(m.Departments)), make([]int, len(m.Departments))
	if m.Leader && len(leader) > 0 {
		leader[0] = 1
	}
	main := int64(1)
	if len(m.Departments) > 0 {
		main = m.Departments[0]
	}
	return reply{
		"userid": m.UserID, "name": m.Name, "department": list(slices.Clone(m.Departments)), "order": order, "position": m.Position,
		"is_leader_in_dept": leader, "direct_leader": []string{}, "alias": "", "telephone": "", "status": m.Status,
		"main_department": main, "open_userid": c.openUserID(m), "external_position": m.Position,
		"extattr": reply{"attrs": []any{}},
	}
}

type listIDRequest struct {
	Cursor string `json:"cursor"`
	Limit  int    `json:"limit"`
}

// userListID pages over (member, department) pairs.
func userListID(c *call, in *listIDRequest) (any, error) {
	limit, err := pageSize(in.Limit, 10_000, 10_000)
	if err != nil {
		return nil, err
	}
	at, err := parseCursor(in.Cursor, 2)
	if err != nil {
		return nil, err
	}
	rows, next := []any{}, ""
	for _, m := range c.corp.members() {
		for i, d := range m.Departments {
			if m.Seq < at[0] || (m.Seq == at[0] && int64(i) < at[1]) {
				continue
			}
			if len(rows) == limit {
				return reply{"dept_user": rows, "next_cursor": next}, nil
			}
			rows = append(rows, reply{"userid": m.UserID, "department": d})
			next = cursor(m.Seq, int64(i)+1)
		}
	}
	return reply{"dept_user": rows, "next_cursor": ""}, nil
}
