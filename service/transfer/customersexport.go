package transfer

import (
	"context"
	"slices"
	"strings"
	"time"

	"zhiyin/service/customer"
)

// CustomerFilter selects customers to be exported; ids are row ids.
type CustomerFilter struct {
	StaffIDs  []int64    `json:"staff_ids,omitempty"`
	TagIDs    []int64    `json:"tag_ids,omitempty"`
	AddedFrom *time.Time `json:"added_from,omitempty"`
	AddedTo   *time.Time `json:"added_to,omitempty"`
}

// customersExport takes out the customers that somebody may see. Phone numbers are masked: whole ones are asked for one by
// one, with a reason.
func customersExport(d Deps, people *customer.Service, viewers Viewers) Exporter {
	columns := []Column{
		{Key: "name", Zh: "姓名", En: "Name"}, {Key: "gender", Zh: "性别", En: "Gender"}, {Key: "city", Zh: "城市", En: "City"},
		{Key: "phone", Zh: "手机号", En: "Phone"}, {Key: "staff", Zh: "跟进成员", En: "Followed by"}, {Key: "remark", Zh: "备注", En: "Remark"},
		{Key: "first_source", Zh: "首次来源", En: "First source"}, {Key: "first_seen_at", Zh: "首次时间", En: "First seen"}, {Key: "added_at", Zh: "添加时间", En: "Added at"},
	}
	page := func(ctx context.Context, q Query, from string, limit int) (rows [][]string, next string, err error) {
		v, err := viewers.ViewerNow(ctx, q.StaffID)
		if err != nil {
			return nil, "", err
		}
		f, err := readFilter[CustomerFilter](q.Filter)
		if err != nil {
			return nil, "", err
		}
		in := customer.Filter{StaffIDs: f.StaffIDs, TagIDs: f.TagIDs, Cursor: from, Limit: min(limit, customer.MaxPage)}
		if f.AddedFrom != nil {
			in.AddedFrom = *f.AddedFrom
		}
		if f.AddedTo != nil {
			in.AddedTo = *f.AddedTo
		}
		p, err := people.List(ctx, v, in)
		if err != nil {
			return nil, "", err
		}
		phones, err := people.MaskedPhones(ctx, idsOf(p.Items))
		if err != nil {
			return nil, "", err
		}
		for _, item := range p.Items {
			rows = append(rows, pick(q.Columns, customerCells(item, phones[item.ID], d.Zone)))
		}
		return rows, p.Next, nil
	}
	return Exporter{
		Kind: "customers", Zh: "客户", En: "Customers",
		Columns: func(context.Context) ([]Column, error) { return columns, nil },
		Check:   func(_ context.Context, filter []byte) error { _, err := readFilter[CustomerFilter](filter); return err },
		Page:    page,
	}
}

func idsOf(items []customer.Item) (ids []int64) {
	for _, i := range items {
		ids = append(ids, i.ID)
	}
	return ids
}

func customerCells(item customer.Item, phones []string, zone *time.Location) map[string]string {
	cells := map[string]string{
		"name": item.Name, "gender": []string{"", "男", "女"}[max(0, min(item.Gender, 2))], "city": item.City, "phone": strings.Join(phones, "、"),
		"first_source": item.FirstSource, "first_seen_at": moment(&item.FirstSeenAt, zone),
	}
	var staffNames, remarks []string
	for _, r := range item.Relations {
		if !slices.Contains(staffNames, r.StaffName) {
			staffNames = append(staffNames, r.StaffName)
		}
		if r.Remark != "" && !slices.Contains(remarks, r.Remark) {
			remarks = append(remarks, r.Remark)
		}
	}
	cells["staff"], cells["remark"] = strings.Join(staffNames, "、"), strings.Join(remarks, "、")
	if len(item.Relations) > 0 {
		cells["added_at"] = moment(&item.Relations[0].AddedAt, zone)
	}
	return cells
}

func pick(columns []string, cells map[string]string) (row []string) {
	for _, key := range columns {
		row = append(row, cells[key])
	}
	return row
}
