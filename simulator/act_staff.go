package simulator

import (
	"slices"
	"strconv"
	"strings"
)

type staffAct struct {
	Corp           string   `json:"corp"`
	UserID         string   `json:"userid"`
	Name           *string  `json:"name"`
	Departments    *[]int64 `json:"departments"`
	Position       *string  `json:"position"`
	Mobile         *string  `json:"mobile"`
	Status         *int     `json:"status"`
	CustomerRight  *bool    `json:"customer_right"`
	ConsoleWelcome *bool    `json:"console_welcome"`
	NeverConfirms  *bool    `json:"never_confirms"`
	Callback       handling `json:"callback"`
}

func (s *Simulator) staffAct(c *controlCall, exists bool) (in staffAct, corp *corp, m *staff, err error) {
	if err = c.decode(&in); err != nil {
		return
	}
	if corp, err = s.world.corpNamed(in.Corp); err != nil {
		return
	}
	m = corp.member(in.UserID)
	if exists && m == nil {
		err = refuse("no member %q", in.UserID)
	}
	if !exists && (m != nil || in.UserID == "") {
		err = refuse("userid %q is taken or empty", in.UserID)
	}
	if in.Departments != nil {
		for _, d := range *in.Departments {
			if corp.Departments[d] == nil {
				err = refuse("no department %d", d)
			}
		}
	}
	return
}

func (in staffAct) apply(m *staff) {
	assign(&m.Name, in.Name)
	assign(&m.Departments, in.Departments)
	assign(&m.Position, in.Position)
	assign(&m.Mobile, in.Mobile)
	assign(&m.Status, in.Status)
	assign(&m.CustomerRight, in.CustomerRight)
	assign(&m.ConsoleWelcome, in.ConsoleWelcome)
	assign(&m.NeverConfirms, in.NeverConfirms)
}

// actStaffCreate: apps made after mid-2022 are told little more than userid and department.
func (s *Simulator) actStaffCreate(c *controlCall) (any, error) {
	in, corp, _, err := s.staffAct(c, false)
	if err != nil {
		return nil, err
	}
	m := &staff{Seq: s.world.next(), UserID: in.UserID, Name: in.UserID, Departments: []int64{1}, Status: staffActive, CustomerRight: true, Gender: 1}
	in.apply(m)
	corp.Staff[strings.ToLower(m.UserID)] = m
	s.emit(corp, contactEvent("create_user", m.UserID, m.fields()...), in.Callback)
	return m, nil
}

func (m *staff) fields() []field {
	ids := make([]string, len(m.Departments))
	for i, d := range m.Departments {
		ids[i] = strconv.FormatInt(d, 10)
	}
	out := []field{text("UserID", m.UserID), text("Department", strings.Join(ids, ","))}
	if len(ids) > 0 {
		out = append(out, text("MainDepartment", ids[0]))
	}
	return append(out, field{"Status", m.Status})
}

func (s *Simulator) actStaffUpdate(c *controlCall) (any, error) {
	in, corp, m, err := s.staffAct(c, true)
	if err != nil {
		return nil, err
	}
	in.apply(m)
	s.emit(corp, contactEvent("update_user", m.UserID, m.fields()...), in.Callback)
	return m, nil
}

// actStaffResign: the member leaves, his groups wait for a new owner, his customers for a successor.
func (s *Simulator) actStaffResign(c *controlCall) (any, error) {
	in, corp, m, err := s.staffAct(c, true)
	if err != nil {
		return nil, err
	}
	s.emit(corp, contactEvent("delete_user", m.UserID, text("UserID", m.UserID)), in.Callback)
	m.Status = staffLeft
	for _, g := range corp.Groups {
		if g.Owner == m.UserID {
			g.Status = 1
		}
	}
	return m, nil
}

type departmentAct struct {
	Corp     string   `json:"corp"`
	ID       int64    `json:"id"`
	Name     *string  `json:"name"`
	Parent   *int64   `json:"parent"`
	Order    *int64   `json:"order"`
	Callback handling `json:"callback"`
}

func (s *Simulator) departmentAct(c *controlCall, exists bool) (in departmentAct, corp *corp, d *department, err error) {
	if err = c.decode(&in); err != nil {
		return
	}
	if corp, err = s.world.corpNamed(in.Corp); err != nil {
		return
	}
	if d = corp.Departments[in.ID]; d == nil && exists {
		return in, corp, nil, refuse("no department %d", in.ID)
	}
	if in.Parent != nil && (corp.Departments[*in.Parent] == nil || (exists && corp.under(*in.Parent, in.ID))) {
		err = refuse("parent %d is not possible", *in.Parent)
	}
	return
}

func (in departmentAct) apply(d *department) {
	assign(&d.Name, in.Name)
	assign(&d.Parent, in.Parent)
	assign(&d.Order, in.Order)
}

func (d *department) fields() []field {
	return []field{{"Id", int(d.ID)}, text("Name", d.Name), {"ParentId", int(d.Parent)}, {"Order", int(d.Order)}}
}

func (s *Simulator) actDepartmentCreate(c *controlCall) (any, error) {
	in, corp, _, err := s.departmentAct(c, false)
	if err != nil {
		return nil, err
	}
	ids := corp.departmentIDs()
	d := &department{ID: ids[len(ids)-1] + 1, Name: "新部门", Parent: 1}
	in.apply(d)
	corp.Departments[d.ID] = d
	s.emit(corp, contactEvent("create_party", "", d.fields()...), in.Callback)
	return d, nil
}

func (s *Simulator) actDepartmentUpdate(c *controlCall) (any, error) {
	in, corp, d, err := s.departmentAct(c, true)
	if err != nil {
		return nil, err
	}
	in.apply(d)
	s.emit(corp, contactEvent("update_party", "", d.fields()...), in.Callback)
	return d, nil
}

// actDepartmentDelete needs an empty department, as the console does.
func (s *Simulator) actDepartmentDelete(c *controlCall) (any, error) {
	in, corp, d, err := s.departmentAct(c, true)
	if err != nil {
		return nil, err
	}
	child := slices.ContainsFunc(corp.departmentIDs(), func(id int64) bool { return id != d.ID && corp.under(id, d.ID) })
	if child || d.ID == 1 || len(corp.inDepartments([]int64{d.ID})) > 0 {
		return nil, refuse("department %d is not empty", d.ID)
	}
	delete(corp.Departments, d.ID)
	s.emit(corp, contactEvent("delete_party", "", field{"Id", int(d.ID)}), in.Callback)
	return reply{"deleted": d.ID}, nil
}
